"""The console never races itself: runs at one object wait for their turn, and what is only for now is tried again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from rollbacks import actions, leases, queueing, tasks, transitions
from rollbacks.models import Attempt, Rollback
from tenants.models import Tenant
from tenants.reach import Reach
from tenants.remote import Purpose
from tests.rollbacks.conftest import QUICK, Desk
from tests.tenants.running import run
from tests.world import look

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workers wait as briefly as the tests do."""
    monkeypatch.setattr(tasks, "SWEEPING", QUICK)
    monkeypatch.setattr("rollbacks.driving.PACE", QUICK)


def left_open(rollback: Rollback) -> Attempt:
    """Begin an attempt whose worker is gone before it has sent anything."""
    lease = leases.Lease("gone", 60)
    attempt = transitions.begin_attempt(rollback, lease=lease, horizon_seconds=1, actor="alice")
    leases.release_attempt(attempt, lease=lease, look_again_at=timezone.now())
    return attempt


def due_again() -> None:
    """Let the time pass until which a queued run waits."""
    Rollback.objects.update(run_again_at=timezone.now())


def entries(rollback: Rollback, action: str) -> int:
    return rollback.audit_entries.filter(action=action).count()


def test_a_run_waits_while_another_attempt_is_at_the_object_and_is_then_judged_on_a_fresh_look(desk: Desk) -> None:
    first, second = desk.approved(), desk.approved(desk.good_version - 1)
    left_open(first)
    actions.run_rollback(second, acting_user=desk.world.alice)
    asked = len(desk.world.practice.requests())

    tasks.apply_rollback(str(second.pk))

    second.refresh_from_db()
    assert second.state == "approved"
    assert second.run_requested_at is not None
    assert "is under way since" in second.explanation
    assert "waits for its turn" in second.explanation
    assert "stays queued" in second.explanation
    assert len(desk.world.practice.requests()) == asked, "who waits for its turn asks the platform nothing"
    assert desk.writes() == []

    tasks.sweep_attempts()

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.verdict) == ("applied", "verified")
    ended = Rollback.objects.get(pk=second.pk)
    assert (ended.state, ended.run_again_at) == ("conflict", None)
    assert ended.run_requested_at is None
    assert "Live has moved" in second.explanation
    assert len(desk.writes()) == 1
    assert entries(second, "write.postponed") == 1


def test_runs_are_carried_out_in_the_order_in_which_they_were_asked_for(desk: Desk) -> None:
    early, late = desk.approved(), desk.approved(desk.good_version - 1)
    actions.run_rollback(early, acting_user=desk.world.alice)
    actions.run_rollback(late, acting_user=desk.world.alice)

    tasks.apply_rollback(str(late.pk))

    late.refresh_from_db()
    assert late.state == "approved"
    assert "was asked to run earlier" in late.explanation
    assert desk.writes() == []

    tasks.apply_rollback(str(early.pk))

    early.refresh_from_db()
    late.refresh_from_db()
    assert early.state == "applied"
    assert late.run_again_at is None, "its turn is now, and the bell has rung"
    tasks.apply_rollback(str(late.pk))
    late.refresh_from_db()
    assert late.state == "conflict"
    assert len(desk.writes()) == 1


def test_when_the_first_one_ends_without_effect_the_next_one_goes_through(desk: Desk) -> None:
    first, second = desk.approved(), desk.approved(desk.good_version - 1)
    actions.run_rollback(first, acting_user=desk.world.alice)
    actions.run_rollback(second, acting_user=desk.world.alice)
    tasks.apply_rollback(str(second.pk))
    actions.cancel_rollback(first, acting_user=desk.world.alice)
    due_again()

    tasks.sweep_attempts()

    second.refresh_from_db()
    assert (second.state, second.verdict) == ("applied", "verified")
    assert [write["version"] for write in desk.writes()] == [second.steps.get().sent_version]


def test_a_run_that_finds_the_platform_out_of_reach_stays_queued_and_is_tried_again(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("unavailable_503", method="GET", path="", times=10_000)
    actions.run_rollback(rollback, acting_user=desk.world.alice)

    pauses = []
    for tried in range(1, 4):
        tasks.sweep_attempts()
        rollback.refresh_from_db()
        assert (rollback.state, rollback.run_tries) == ("approved", tried)
        assert rollback.run_requested_at is not None
        assert rollback.run_again_at is not None
        pauses.append((rollback.run_again_at - timezone.now()).total_seconds())
        Rollback.objects.filter(pk=rollback.pk).update(run_again_at=timezone.now() + timedelta(minutes=1))
        assert not queueing.claim_run(rollback.pk, seconds=1), "not before its time"
        due_again()

    assert all(pause <= queueing.FIRST_BACKOFF * 2**number for number, pause in enumerate(pauses))
    assert entries(rollback, "write.postponed") == 1, "the trail is told once, not at every try"
    assert entries(rollback, "write.not_sent") == 0
    assert "status 503" in rollback.explanation
    desk.world.practice.clear_faults()
    due_again()
    tasks.sweep_attempts()
    rollback.refresh_from_db()
    assert rollback.state == "applied"
    assert rollback.refusals == []
    assert len(desk.writes()) == 1


def test_a_stale_read_is_only_for_now_and_the_next_fresh_one_decides(desk: Desk) -> None:
    rollback = desk.approved()
    actions.run_rollback(rollback, acting_user=desk.world.alice)
    desk.world.practice.foreign_write("/api/v2/agentassist/configs/cfg-1")
    look(desk.world.config)
    desk.fault("stale_reads", method="GET", seconds=300, times=10_000)
    tasks.sweep_attempts()
    rollback.refresh_from_db()
    assert rollback.state == "approved"
    assert rollback.run_requested_at is not None
    assert "could not be told for certain" in rollback.explanation
    desk.world.practice.clear_faults()
    due_again()
    tasks.sweep_attempts()
    rollback.refresh_from_db()
    assert rollback.state == "conflict"
    assert desk.writes() == []


def test_a_missing_permission_is_no_matter_of_time_and_takes_the_run_from_the_queue(desk: Desk) -> None:
    rollback = desk.approved()
    desk.take_away("agentassist:config:write")
    actions.run_rollback(rollback, acting_user=desk.world.alice)
    tasks.sweep_attempts()
    rollback.refresh_from_db()
    assert rollback.state == "approved"
    assert rollback.run_requested_at is None
    assert rollback.run_again_at is None
    assert entries(rollback, "write.not_sent") == 1
    assert desk.writes() == []


def test_a_queued_run_can_be_cancelled_and_expires(desk: Desk) -> None:
    cancelled, expired = desk.approved(), desk.approved(desk.good_version - 1)
    desk.fault("unavailable_503", method="GET", path="", times=10_000)
    for rollback in (cancelled, expired):
        actions.run_rollback(rollback, acting_user=desk.world.alice)
    tasks.sweep_attempts()
    actions.cancel_rollback(cancelled, acting_user=desk.world.alice)
    Rollback.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    tasks.expire_rollbacks()
    desk.world.practice.clear_faults()
    due_again()
    tasks.sweep_attempts()
    for rollback, state in ((cancelled, "cancelled"), (expired, "expired")):
        rollback.refresh_from_db()
        assert (rollback.state, rollback.run_requested_at) == (state, None)
    assert desk.writes() == []


def test_a_run_is_claimed_by_one_worker(desk: Desk) -> None:
    rollback = desk.approved()
    actions.run_rollback(rollback, acting_user=desk.world.alice)
    assert queueing.claim_run(rollback.pk, seconds=60)
    assert not queueing.claim_run(rollback.pk, seconds=60)
    tasks.sweep_attempts()
    rollback.refresh_from_db()
    assert rollback.state == "approved"
    due_again()
    tasks.sweep_attempts()
    rollback.refresh_from_db()
    assert rollback.state == "applied"


def test_the_terminal_says_that_the_outcome_is_open_while_a_run_stays_queued(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("unavailable_503", method="GET", path="", times=10_000)
    ran = run("apply", str(rollback.pk), "--json")
    assert ran.code == 5
    assert ran.document["state"] == "approved"
    assert ran.document["refusals"]


def test_with_the_budget_spent_by_sweeps_and_pages_a_rollback_still_goes_through(desk: Desk) -> None:
    rollback = desk.approved()
    Tenant.objects.filter(pk=desk.world.northwind.pk).update(requests_a_minute=120)
    desk.world.northwind.refresh_from_db()
    gate = Reach(desk.world.northwind)
    for purpose in (Purpose.SWEEP, Purpose.PERSON):
        while gate.admit(purpose).granted:
            pass
    actions.run_rollback(rollback, acting_user=desk.world.alice)
    tasks.sweep_attempts()
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    assert len(desk.writes()) == 1


def test_while_the_platform_asked_for_a_pause_and_sweeps_keep_it_a_rollback_goes_on(desk: Desk) -> None:
    rollback = desk.approved()
    gate = Reach(desk.world.northwind)
    gate.throttled(600)
    assert not gate.admit(Purpose.SWEEP).granted
    actions.run_rollback(rollback, acting_user=desk.world.alice)
    tasks.sweep_attempts()
    rollback.refresh_from_db()
    assert rollback.state == "applied"
