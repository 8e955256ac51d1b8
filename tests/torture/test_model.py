"""The model of the protocol: small bounds hold whole, planted bugs are found, and its judge is the product's."""

from dataclasses import replace

import pytest

from rollbacks import verdicts
from tests.torture import model, protocol
from tests.torture.protocol import Bounds, Bug

SMALL = Bounds(workers=2, sends=2, others=1, equals=0, duplicates=0, deaths=0, hiccups=0, stale_reads=False)


def test_within_small_bounds_no_state_breaks_a_promise_and_every_kind_of_end_is_met() -> None:
    found = model.walk(SMALL)
    assert (found.broken, found.trace) == ("", ())
    assert found.states > 1000
    assert {"verified", "conflict", "not_applied", "reached"} & dict(found.verdicts).keys() >= {"verified", "conflict"}


def test_leases_decide_only_who_drives() -> None:
    without = model.walk(replace(SMALL, workers=2, sends=1, hiccups=1), Bug(checks_lease=False))
    assert without.broken == ""


@pytest.mark.parametrize("name", model.PLANTED)
def test_a_planted_bug_is_found_with_the_way_to_it(name: str) -> None:
    bug, bounds, promise = model.PLANTED[name]
    found = model.walk(bounds, bug)
    assert found.broken.startswith(promise)
    assert found.trace


def test_without_a_bug_its_bounds_hold() -> None:
    _, bounds, _ = model.PLANTED["T2 without counting the sends"]
    assert model.walk(bounds).broken == ""


def test_the_model_asks_the_judge_of_the_product() -> None:
    assert protocol.RIGHT.judge is verdicts.judge


def test_the_report_names_bounds_and_bugs() -> None:
    planted = {name: model.walk(model.PLANTED[name][1], model.PLANTED[name][0]) for name in ("no guard",)}
    report = model.report([model.walk(replace(SMALL, sends=1))], planted, seconds=1.0)
    assert report.broken == []
    assert "1 of 1 bugs" in report.tried
    missed = model.report([], {"no guard": model.walk(replace(SMALL, sends=1, others=0))}, seconds=1.0)
    assert missed.broken == ["the planted bug “no guard” was not found"]
