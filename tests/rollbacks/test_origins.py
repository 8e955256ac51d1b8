"""Where the console itself wrote a version, its blame names the rollback, its reason and who asked for it."""

import pytest

from tenants import blaming
from tests.rollbacks.conftest import REASON, Desk
from tests.tenants.running import CONFIG, run
from tests.world import version

pytestmark = pytest.mark.django_db


def test_a_field_that_a_rollback_brought_back_is_blamed_on_it_with_its_reason(desk: Desk) -> None:
    bad = desk.world.live_version
    rollback = desk.run(desk.approved())
    assert rollback.verdict == "verified"
    written = version(desk.world.config, bad + 1)
    blamed = blaming.blame_of(written)
    fields = list(blamed.blame.fields(blamed.value))
    writers = {blamed.writers[field.told.since].snapshot.version: blamed.writers[field.told.since] for field in fields}
    origin = writers[bad + 1].origin
    assert origin is not None
    assert (origin.id, origin.reason, origin.requester) == (str(rollback.pk), REASON, "alice")
    assert origin.url.endswith(f"/{rollback.pk}/change/")
    assert [number for number, writer in writers.items() if writer.origin is not None] == [bad + 1]
    said = run("blame", *CONFIG, str(bad + 1)).out
    assert f"v{bad + 1} was written by rollback {rollback.pk}, which alice asked for: {REASON}" in said
    [one, *_] = [
        field for field in run("blame", *CONFIG, str(bad + 1), "--json").document["fields"]
        if field["version"] == bad + 1
    ]  # fmt: skip
    assert one["rollback"] == {"id": str(rollback.pk), "reason": REASON, "ticket": "", "requested_by": "alice"}


def test_a_version_of_somebody_else_is_never_called_ours(desk: Desk) -> None:
    blamed = blaming.blame_of(version(desk.world.config, desk.world.live_version))
    assert len(blamed.writers) > 5
    assert all(writer.origin is None for writer in blamed.writers.values())
