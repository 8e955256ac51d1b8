"""Who sent is remembered with each send: a tenant whose OAuth client is changed meanwhile makes no verdict false."""

from dataclasses import replace

import pytest
from django.utils import timezone

from rollbacks import actions, applying, driving, probing
from rollbacks.models import GuardProbe, Rollback
from tenants import connections
from tenants.models import Tenant
from tests.rollbacks.conftest import QUICK, Desk

pytestmark = pytest.mark.django_db(transaction=True)

NEXT = "c2b7c0de-1111-4222-8333-944455556666"
AT_ONCE = driving.Pace(patience=0.0, first_wait=0.01, horizon=600.0)


def interrupted(desk: Desk, fault: str) -> Rollback:
    """Give a rollback whose one send was answered by nobody, and whose attempt is open."""
    rollback = desk.approved()
    desk.fault(fault)
    desk.world.practice.add_fault("unavailable_503", method="GET", path="/configs/cfg-1$", after=2, times=None)
    desk.run(rollback, pace=AT_ONCE)
    assert rollback.attempts.get().state == "open"
    return rollback


def change_client(desk: Desk) -> str:
    """Let the bank get another OAuth client, here and there; give the id of the one before."""
    desk.world.practice.clear_faults()
    organization = desk.world.practice.platform.store.organizations["northwind"]
    before = organization.client.id
    organization.client = replace(organization.client, id=NEXT)
    Tenant.objects.filter(pk=desk.world.northwind.pk).update(client_id=NEXT)
    connections.forget_identity(desk.world.northwind)
    return before


def recovered(rollback: Rollback) -> Rollback:
    rollback.attempts.update(look_again_at=None, driven_until=None, horizon_at=timezone.now())
    applying.recover(pace=QUICK, everything=True)
    return Rollback.objects.get(pk=rollback.pk)


def test_what_the_client_of_then_wrote_is_still_ours(desk: Desk) -> None:
    rollback = interrupted(desk, "drop_after_commit")
    before = change_client(desk)
    rollback = recovered(rollback)
    attempt = rollback.attempts.get()
    assert (rollback.verdict, attempt.evidence["author_is_us"]) == ("verified", True)
    assert (attempt.sends.get().client_id, attempt.evidence["live"]["author"]) == (before, before)


def test_a_write_that_is_sent_again_by_the_next_client_is_ours_too(desk: Desk) -> None:
    rollback = interrupted(desk, "drop_before_commit")
    before = change_client(desk)
    desk.fault("drop_after_commit")
    rollback = recovered(rollback)
    attempt = rollback.attempts.get()
    assert (rollback.verdict, attempt.evidence["author_is_us"]) == ("verified", True)
    assert [send.client_id for send in attempt.sends.order_by("number")] == [before, NEXT]


def test_what_the_next_client_wrote_by_itself_is_not_claimed(desk: Desk) -> None:
    rollback = interrupted(desk, "drop_before_commit")
    change_client(desk)
    step = rollback.steps.get()
    elsewhere = connections.connect(Tenant.objects.get(pk=desk.world.northwind.pk))
    answer = elsewhere.write(step.method, step.path, bytes(step.body), if_match=bytes(step.base_etag or b""))
    assert answer.ok
    rollback = recovered(rollback)
    attempt = rollback.attempts.get()
    assert (rollback.verdict, attempt.evidence["author_is_us"]) == ("reached", False)
    assert attempt.sends.count() == 1


def test_a_probe_that_landed_is_ours_by_the_client_that_sent_it(desk: Desk) -> None:
    desk.world.practice.set_switches("northwind", guards_enforced=False)
    desk.fault("drop_after_commit")
    desk.world.practice.add_fault("unavailable_503", method="GET", path="/configs/cfg-1$", after=1, times=None)
    opened = actions.probe_guard(
        desk.world.config, acting_user=desk.world.alice, pace=replace(QUICK, patience=0.0, horizon=600.0)
    )
    assert opened.ended_at is None
    change_client(desk)
    GuardProbe.objects.update(driven_until=timezone.now())
    (ended,) = probing.recover(pace=replace(QUICK, horizon=600.0))
    assert (ended.result, ended.wrote, ended.level) == ("not_enforced", True, "C")
