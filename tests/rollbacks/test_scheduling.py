"""Runs that wait for their time: released by the sweep alone, checked again then, cancelled, missed, never twice."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from rollbacks import actions, freeze_actions, schedule_actions, scheduling, tasks, transitions
from rollbacks.models import AuditEntry, FreezeWindow, Rollback, Schedule
from tenants import moments
from tenants.access import Role
from tenants.models import Membership
from tests.rollbacks.conftest import QUICK, Desk
from tests.rollbacks.test_freezing import WHY, add, closed_for, end
from tests.tenants.running import run
from tests.world import BILLING_PATH

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workers wait as briefly as the tests do."""
    monkeypatch.setattr(tasks, "SWEEPING", QUICK)
    monkeypatch.setattr("rollbacks.driving.PACE", QUICK)


def schedule(desk: Desk, rollback: Rollback, hours: float | None = 2) -> Schedule:
    at = None if hours is None else timezone.now() + timedelta(hours=hours)
    return schedule_actions.schedule_run(rollback, at=at, zone="Europe/Berlin", acting_user=desk.world.alice)


def its_time_has_come(ago: timedelta = timedelta(seconds=1)) -> None:
    Schedule.objects.filter(kind="at").update(at=timezone.now() - ago)


def swept(rollback: Rollback) -> Rollback:
    tasks.sweep_attempts()
    return Rollback.objects.get(pk=rollback.pk)


def actions_in_trail(rollback: Rollback) -> list[tuple[str, str]]:
    return list(AuditEntry.objects.filter(rollback=rollback).order_by("seq").values_list("action", "actor"))


def test_the_sweep_runs_a_rollback_when_its_time_has_come_and_not_before(desk: Desk) -> None:
    rollback = desk.approved()
    schedule(desk, rollback)
    assert swept(rollback).state == "approved"
    assert desk.writes() == []
    its_time_has_come()
    ran = swept(rollback)
    assert (ran.state, ran.verdict) == ("applied", "verified")
    assert swept(rollback).state == "applied"
    assert len(desk.writes()) == 1
    told = actions_in_trail(rollback)
    assert [one for one in told if one[0].startswith("rollback.")][-2:] == [
        ("rollback.scheduled", "alice"),
        ("rollback.run_requested", "alice"),
    ]
    assert Schedule.objects.get().end == "run"


def test_every_guard_is_checked_again_when_it_runs(desk: Desk) -> None:
    rollback = desk.approved()
    schedule(desk, rollback)
    its_time_has_come()
    desk.take_away("agentassist:config:write")
    refused = swept(rollback)
    assert ([one["guard"] for one in refused.refusals], refused.state) == (["permissions"], "approved")
    assert refused.run_requested_at is None, "it was for that time, and does not start by itself at another"
    desk.world.practice.platform.control.set_permissions({"organization": "northwind", "reset": True})
    schedule(desk, rollback)
    desk.world.practice.foreign_write(BILLING_PATH)
    its_time_has_come()
    assert swept(rollback).state == "conflict"
    assert desk.writes() == []


@pytest.mark.parametrize("how", ["added", "ended"])
def test_a_freeze_that_somebody_changes_voids_the_approval_and_the_time_with_it(desk: Desk, how: str) -> None:
    window = add(desk, closed_for(20)) if how == "ended" else None
    rollback = desk.approve(desk.request(later=True))
    schedule(desk, rollback, None if window else 2)
    assert swept(rollback).run_requested_at is None
    if window:
        end(window)
    else:
        add(desk)
    its_time_has_come()
    assert swept(rollback).state == "awaiting_approval"
    assert Schedule.objects.get().end == "void"
    if window:
        rollback.refresh_from_db()
        schedule(desk, desk.approve(rollback), None)
        assert swept(rollback).verdict == "verified"


def test_as_soon_as_it_is_open_runs_when_somebody_overrides_the_freeze(desk: Desk) -> None:
    Membership.objects.create(user=desk.world.carol, tenant=desk.world.northwind, role=Role.INCIDENT)
    add(desk, closed_for(20))
    rollback = desk.approve(desk.request(later=True))
    schedule(desk, rollback, None)
    freeze_actions.override_freeze(rollback, reason=WHY, acting_user=desk.world.carol)
    assert swept(rollback).verdict == "verified"


@pytest.mark.parametrize(
    ("hours", "window", "why"),
    [
        (25, None, "before it could run"),
        (-1, None, "has passed"),
        (2, 20, "At that time"),
        (None, 40, "before it could run"),
    ],
)
def test_a_time_at_which_it_cannot_run_is_refused(
    desk: Desk, hours: float | None, window: int | None, why: str
) -> None:
    if window is not None:
        add(desk, closed_for(window))
    rollback = desk.approve(desk.request(later=True))
    with pytest.raises(actions.NotAllowed, match=f"(?s){why}.*Nothing was scheduled"):
        schedule(desk, rollback, hours)
    assert not Schedule.objects.exists()


def test_only_what_is_approved_is_scheduled_and_only_by_who_may_run_it(desk: Desk) -> None:
    rollback = desk.request()
    with pytest.raises(actions.NotAllowed, match="awaiting approval, not approved"):
        schedule(desk, rollback)
    desk.approve(rollback)
    with pytest.raises(PermissionDenied, match="needs approver or operator"):
        schedule_actions.schedule_run(rollback, at=None, zone="UTC", acting_user=desk.world.carol)
    transitions.request_run(rollback, actor="alice")
    with pytest.raises(actions.NotAllowed, match="handed to the workers already"):
        schedule(desk, rollback)


def test_a_schedule_is_replaced_cancelled_and_ended_with_its_request(desk: Desk) -> None:
    rollback = desk.approved()
    first = schedule(desk, rollback)
    second = schedule(desk, rollback, 3)
    schedule_actions.cancel_schedule(rollback, acting_user=desk.world.bob)
    with pytest.raises(actions.NotAllowed, match="nothing is scheduled"):
        schedule_actions.cancel_schedule(rollback, acting_user=desk.world.bob)
    third = schedule(desk, rollback)
    actions.cancel_rollback(rollback, acting_user=desk.world.alice)
    ends = [Schedule.objects.get(pk=one.pk).end for one in (first, second, third)]
    assert ends == ["replaced", "cancelled", "void"]
    its_time_has_come()
    assert swept(rollback).state == "cancelled"
    assert ("rollback.unscheduled", "bob") in actions_in_trail(rollback)
    assert desk.writes() == []


def test_running_it_now_replaces_its_time(desk: Desk) -> None:
    rollback = desk.approved()
    schedule(desk, rollback)
    actions.run_rollback(rollback, acting_user=desk.world.bob)
    assert Schedule.objects.get().end == "replaced"
    assert swept(rollback).verdict == "verified"
    assert len(desk.writes()) == 1


def test_a_time_that_nobody_was_there_for_is_missed_and_not_made_up_for_at_another_hour(desk: Desk) -> None:
    late, too_late = desk.approved(), desk.approved()
    schedule(desk, too_late)
    its_time_has_come(scheduling.LATEST + timedelta(minutes=1))
    missed = swept(too_late)
    assert (missed.state, missed.run_requested_at) == ("approved", None)
    assert "The time was missed" in missed.explanation
    assert actions_in_trail(too_late)[-1] == ("rollback.schedule_dropped", "console")
    schedule(desk, late)
    its_time_has_come(scheduling.LATEST - timedelta(minutes=1))
    assert swept(late).verdict == "verified"
    assert Schedule.objects.get(rollback=too_late).end == "missed"


def test_a_time_is_for_the_approval_that_it_was_set_on(desk: Desk) -> None:
    rollback = desk.approved()
    schedule(desk, rollback)
    Rollback.objects.update(state_changed_at=timezone.now())
    its_time_has_come()
    assert swept(rollback).run_requested_at is None
    assert Schedule.objects.get().end == "void"
    assert desk.writes() == []


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("02:30", "2026-11-22T20:00", "2026-11-23T01:30"),
        ("22:30", "2026-11-22T20:00", "2026-11-22T21:30"),
        ("2026-11-24 02:30", "2026-11-22T20:00", "2026-11-24T01:30"),
        ("2026-10-25T02:30+01:00", "2026-10-24T20:00", "2026-10-25T01:30"),
        # The one that is left out, or was shown twice, has passed: the next is tomorrow's.
        ("02:30", "2026-03-29T10:00", "2026-03-30T00:30"),
        ("02:30", "2026-10-25T10:00", "2026-10-26T01:30"),
        ("02:30", "2026-03-29T00:30", "left 2026-03-29 02:30 out"),
        ("02:30", "2026-10-24T20:00", "2026-10-25 02:30 twice. Say which: 2026-10-25T02:30\\+02:00 or"),
        ("2026-11-22 02:30", "2026-11-22T20:00", "has passed"),
        ("soon", "2026-11-22T20:00", "is no moment"),
    ],
)
def test_a_time_to_come_is_read_on_the_clocks_of_its_zone(text: str, now: str, expected: str) -> None:
    def read() -> datetime:
        at = datetime.fromisoformat(now).replace(tzinfo=UTC)
        return moments.read_coming_moment(text, moments.read_zone("Europe/Berlin"), now=at)

    if expected.startswith("2026") and "T" in expected and "twice" not in expected:
        assert read() == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    else:
        with pytest.raises(moments.NotAMoment, match=expected):
            read()


def test_windows_and_times_are_kept_from_a_terminal(desk: Desk) -> None:
    added = run(
        *("freeze", "add", "northwind", "--when", "every friday 16:00 to monday 06:00", "--zone", "Europe/Berlin"),
        *("--type", "routing.queue", "--reason", "Weekend", "--as", "alice", "--json"),
    )
    assert (added.code, added.document["set_by"], added.document["type"]) == (0, "alice", "routing.queue")
    run("freeze", "add", "northwind", "--when", closed_for(20), "--reason", "Quarter end")
    listed = run("freeze", "list", "northwind", "--json").document
    assert listed["windows"][0]["when"] == "every friday 16:00 to monday 06:00"
    assert len(listed["calendar"]) >= 5
    assert "Quarter end" in run("freeze", "list").out
    config = ("northwind", "agentassist.config:cfg-1", "--to", str(desk.good_version), "--reason", WHY)
    refused = run("rollback", *config, "--as", "alice", "--json")
    assert (refused.code, [one["guard"] for one in refused.document["refusals"]]) == (3, ["freeze"])
    asked = run("rollback", *config, "--as", "alice", "--later", "--json")
    assert (asked.code, asked.document["freeze"]["open"]) == (0, False)
    word = asked.document["id"]
    run("approve", word, "--as", "bob")
    assert run("apply", word, "--json").code == 3
    scheduled = run("apply", word, "--when-open", "--as", "bob", "--json")
    assert (scheduled.code, scheduled.document["schedule"]["kind"]) == (0, "when_open")
    at = f"{timezone.now() + timedelta(hours=1):%Y-%m-%d %H:%M}"
    assert "At that time" in run("apply", word, "--at", at, "--json").document["error"]
    not_allowed = run("freeze", "override", word, "--reason", WHY, "--as", "bob", "--json")
    assert (not_allowed.code, "incident" in not_allowed.document["error"]) == (2, True)
    Membership.objects.create(user=desk.world.carol, tenant=desk.world.northwind, role=Role.INCIDENT)
    assert run("freeze", "override", word, "--reason", WHY, "--as", "carol", "--json").document["by"] == "carol"
    assert run("apply", word, "--unschedule", "--json").document["schedule"] is None
    applied = run("apply", word, "--json")
    assert (applied.code, applied.document["verdict"]) == (0, "verified")
    window = FreezeWindow.objects.get(reason="Quarter end")
    assert run("freeze", "end", str(window.pk)[:8], "--reason", "Closed").code == 0
    assert run("freeze", "end", "abcdef", "--reason", "Closed", "--json").code == 2
