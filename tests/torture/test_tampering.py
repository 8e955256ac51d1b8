"""A short round of `make torture`: every attack on what a checkpoint covers is found, and the count is honest."""

import pytest

from rollbacks import verifying
from tests.torture import tampering

pytestmark = pytest.mark.django_db


def test_every_attack_on_what_a_checkpoint_covers_is_found() -> None:
    counts = tampering.run(1, 240)
    assert set(counts) == set(tampering.ATTACKS)
    assert [one.missed for one in counts.values()] == [[]] * len(counts)
    for kind, one in counts.items():
        assert one.found == one.covered, kind
        if kind != "move the head":
            assert one.covered >= 10, f"{kind} hardly ever reaches what is covered"
    assert tampering.report(counts, first=1, rounds=240).broken == []


def test_what_is_put_back_holds() -> None:
    with tampering.prepared() as ready:
        counts: dict[str, tampering.Count] = {}
        for seed in range(500, 520):
            ready.attack(seed, counts)
        for tenant in ready.tenants:
            found = verifying.verify(tenant, outside=ready.outside)
            assert (found.holds, found.covered) == (True, tampering.COVERED[-1])


def test_without_checkpoints_from_outside_a_chain_computed_anew_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    with tampering.prepared() as ready:
        monkeypatch.setattr(ready, "outside", verifying.Outside())
        monkeypatch.setattr(verifying, "_lost_by_a_sink", lambda *_: None)
        monkeypatch.setattr(tampering, "ATTACKS", {"re-chain": tampering.rechain})
        counts: dict[str, tampering.Count] = {}
        for seed in range(40):
            ready.attack(seed, counts)
    assert counts["re-chain"].found == 0
    assert len(counts["re-chain"].missed) == counts["re-chain"].covered > 20
    assert len(tampering.report(counts, first=0, rounds=40).broken) == len(counts["re-chain"].missed)
