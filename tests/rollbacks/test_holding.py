"""What writes and the trail name of a configuration's versions stays, whatever retention would let go."""

import pytest

from rollbacks import audit, verifying
from rollbacks.models import AuditEntry, Rollback
from tenants import actions as tenant_actions
from tenants import archive, importing, retention
from tenants.models import TrackedConfig
from tests.rollbacks.conftest import Desk
from tests.tenants.running import run
from tests.world import version

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_a_rollback_rested_on_wrote_and_said_stays_and_what_went_does_not_come_back(desk: Desk) -> None:
    world = desk.world
    seen = world.live_version
    accepted = seen - 12
    tenant_actions.accept_version(world.config, version(world.config, accepted), acting_user=world.alice)
    rollback = desk.run(desk.approved(seen - 6))
    assert rollback.verdict == "verified"
    before = set(world.config.snapshots.values_list("version", flat=True))

    world.northwind.keep_versions = 1
    tenant_actions.change_tenant(world.northwind, acting_user=None)
    plan = tenant_actions.plan_retention(world.northwind)
    assert plan.dropped > 5
    assert set(plan.kept_for) <= {"first", "rollback", "write", "trail", "baseline", "live", "attempt", "label"}
    done = run("archive", "retention", "northwind", "--confirm", plan.digest)
    assert done.code == 0, done.err

    kept = set(world.config.snapshots.values_list("version", flat=True))
    assert kept == before - {one.number for one in plan.configs[0].dropped}
    # The first, what was accepted, the target, the base, and what was written.
    assert {min(before), accepted, seen - 6, seen, seen + 1} <= kept
    for one in world.config.snapshots.all():
        assert archive.value_of(one)["version"] == one.version

    entry = AuditEntry.objects.get(action="config.versions_dropped")
    assert audit.payload_of(entry)["object"] == world.config.address
    assert verifying.verify(world.northwind).holds
    config = TrackedConfig.objects.get(pk=world.config.pk)
    again = importing.import_history(config, world.platform)
    assert (again.imported, again.refused) == (0, [])
    assert set(config.snapshots.values_list("version", flat=True)) == kept
    assert retention.plan(world.northwind, plan.rule, now=rollback.requested_at).dropped == 0


def test_the_version_whose_own_change_was_asked_to_be_taken_back_stays(desk: Desk) -> None:
    world = desk.world
    undone = version(world.config, world.live_version - 9)
    assert undone.pk not in retention.held(TrackedConfig.objects.all())
    asked = desk.approved(undone.version)
    Rollback.objects.filter(pk=asked.pk).update(reverts=undone, target=version(world.config, undone.version - 1))
    assert retention.held(TrackedConfig.objects.all())[undone.pk] == "rollback"
    assert (Rollback, "reverts") in retention.protecting()
