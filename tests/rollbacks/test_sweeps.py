"""One tenant's trouble holds up nobody else: what the sweeps do when one row cannot be worked on."""

import pytest
from django.utils import timezone

from rollbacks import actions, applying, leases, tasks, transitions
from rollbacks.models import Attempt, Rollback
from tenants.access import Role
from tenants.models import Tenant
from tests.rollbacks.conftest import QUICK, REASON, Desk
from tests.world import give_roles, look, track

pytestmark = pytest.mark.django_db(transaction=True)


def lock_away_the_secret(tenant: Tenant) -> None:
    """Leave a sealed secret that no key opens, as after a lost CONSOLE_SECRET_KEYS."""
    Tenant.objects.filter(pk=tenant.pk).update(client_secret_sealed=b"no key opens this")


def left_open(rollback: Rollback) -> Attempt:
    """Begin an attempt whose worker is gone before it has sent anything."""
    lease = leases.Lease("gone", 60)
    attempt = transitions.begin_attempt(rollback, lease=lease, horizon_seconds=1, actor="alice")
    leases.release_attempt(attempt, lease=lease, look_again_at=timezone.now())
    return attempt


def at_the_neighbours(desk: Desk) -> Rollback:
    """Give an approved rollback of another tenant, to an earlier state of an object of theirs."""
    world = desk.world
    give_roles(world.alice, world.tailspin, Role.OPERATOR)
    give_roles(world.bob, world.tailspin, Role.APPROVER)
    kept = world.practice.platform.store.organizations["tailspin"].objects
    object_id = next(name for kind, name in kept if kind == "assist")
    config = track(world.tailspin, object_id)
    target = look(config).snapshot
    assert target is not None
    path = f"/api/v2/agentassist/configs/{object_id}"
    world.practice.foreign_write(path, by="Ines Duarte", organization="tailspin")
    rollback = actions.request_rollback(config, target, reason=REASON, acting_user=world.alice)
    return actions.approve_rollback(rollback, acting_user=world.bob, plan_digest=rollback.plan_digest)


def test_a_secret_that_no_key_opens_holds_up_no_other_tenants_open_attempt(desk: Desk) -> None:
    ours, theirs = desk.approved(), at_the_neighbours(desk)
    stuck = left_open(ours)
    left_open(theirs)
    before = stuck.look_again_at
    lock_away_the_secret(desk.world.northwind)
    driven = applying.recover(pace=QUICK)
    theirs.refresh_from_db()
    assert (theirs.state, theirs.verdict) == ("applied", "verified")
    assert [attempt.rollback_id for attempt in driven] == [theirs.pk]
    stuck.refresh_from_db()
    assert stuck.look_again_at != before
    assert stuck.state == "open"
    assert stuck.driver == ""


def test_a_secret_that_no_key_opens_refuses_the_run_with_its_reason_and_lets_the_others_run(desk: Desk) -> None:
    ours, theirs = desk.approved(), at_the_neighbours(desk)
    transitions.request_run(ours, actor="alice")
    transitions.request_run(theirs, actor="alice")
    lock_away_the_secret(desk.world.northwind)
    tasks.sweep_attempts()
    theirs.refresh_from_db()
    assert theirs.state == "applied"
    ours.refresh_from_db()
    assert ours.state == "approved"
    assert ours.run_requested_at is None
    assert "secret" in ours.explanation
    assert desk.writes() == []
