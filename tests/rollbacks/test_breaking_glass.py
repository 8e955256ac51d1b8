"""Broken glass: one person, one object, a time box; what it skips and what not, and the review that is owed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from rollbacks import actions, applying, audit, breaking_glass, driving, emergencies, tasks
from rollbacks.models import AuditEntry, BrokenGlass, Notice, Rollback
from tenants import actions as tenants
from tenants.access import Role
from tenants.models import Membership
from tests.rollbacks.conftest import QUICK, Desk
from tests.rollbacks.stepped_world import MESSENGER, bench, steps_of
from tests.rollbacks.terminal_shapes import DOCUMENT, check_shape, set_pace
from tests.rollbacks.test_confirming import at_once
from tests.tenants.running import run
from tests.world import BILLING_PATH, give_roles, look, track

pytestmark = pytest.mark.django_db(transaction=True)

WHY = "Refund calls drop since 02:50 and nobody answers"
REVIEW = "The outage was real; page a second approver next time"


@pytest.fixture
def alice(desk: Desk) -> User:
    """Alice, who is incident commander tonight."""
    give_roles(desk.world.alice, desk.world.northwind, Role.INCIDENT)
    return desk.world.alice


@pytest.fixture
def broken(desk: Desk, alice: User) -> Callable[..., BrokenGlass]:
    """Give what breaks the glass on the object of the desk."""

    def break_it(**changes: object) -> BrokenGlass:
        known: dict[str, object] = {"reason": WHY, "typed_name": "Agent Assist – Billing EMEA", "acting_user": alice}
        return breaking_glass.break_glass(desk.world.config, **(known | changes))  # type: ignore[arg-type]

    return break_it


def time_is_over(glass: BrokenGlass) -> None:
    """Let the time box of a glass have ended a moment ago."""
    now = timezone.now()
    BrokenGlass.objects.filter(pk=glass.pk).update(
        broken_at=now - timedelta(hours=1), until=now - timedelta(seconds=1), due_at=now
    )


def told(action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action).order_by("seq"))


def settle(desk: Desk, glass: BrokenGlass, by: User | None = None, verdict: str = "justified") -> BrokenGlass:
    return breaking_glass.settle_review(
        glass, acting_user=by or desk.world.bob, verdict=BrokenGlass.Verdict(verdict), comment=REVIEW
    )


def test_who_broke_the_glass_carries_out_a_rollback_of_that_object_that_nobody_approved(
    desk: Desk, alice: User, broken: Callable[..., BrokenGlass]
) -> None:
    rollback = desk.request()
    glass = broken()
    assert glass.until - glass.broken_at == timedelta(minutes=60)
    assert glass.due_at - glass.broken_at == timedelta(hours=24)
    queued = breaking_glass.run_under_glass(rollback, acting_user=alice)
    assert queued.get_state_display() == "glass broken"
    done = applying.apply(rollback.pk, pace=QUICK)
    assert (done.state, done.verdict) == ("applied", "verified")
    assert len(desk.writes()) == 1
    assert not done.approvals.exists()
    [used] = told("glass.used")
    assert (used.actor, used.rollback_id) == ("alice", rollback.pk)
    for action in ("write.intent", "write.outcome"):
        [entry] = told(action)
        details = entry_details(entry)
        assert details["approved_by"] == []
        assert details["break_glass"]["by"] == "alice"
        assert f"because “{WHY}”" in details["break_glass"]["sentence"]
    assert [entry.action for entry in AuditEntry.objects.filter(action__regex="^(glass|review)").order_by("seq")] == [
        "glass.broken",
        "review.owed",
        "glass.used",
    ]


def entry_details(entry: AuditEntry) -> dict[str, Any]:
    details: dict[str, Any] = audit.payload_of(entry)["details"]  # type: ignore[assignment]  # JSON
    return details


def test_those_who_are_skipped_are_told_at_once_and_whoever_broke_it_is_not(
    desk: Desk, alice: User, broken: Callable[..., BrokenGlass], settings: Settings
) -> None:
    settings.CONSOLE_NOTICE_WEBHOOK = "https://hooks.northwind.example/notices"
    give_roles(alice, desk.world.northwind, Role.APPROVER)
    rollback = desk.request()
    broken()
    breaking_glass.run_under_glass(rollback, acting_user=alice)
    applying.apply(rollback.pk, pace=QUICK)
    kinds = Notice.objects.filter(kind__startswith="glass.").order_by("created_at")
    assert [(one.kind, one.people) for one in kinds] == [("glass.broken", ["bob"]), ("glass.used", ["bob"])]


def test_nothing_but_the_approvals_is_skipped(desk: Desk, alice: User, broken: Callable[..., BrokenGlass]) -> None:
    rollback = desk.request()
    broken()
    tenants.freeze(desk.world.northwind, reason="Quarter-end change freeze", acting_user=alice)
    breaking_glass.run_under_glass(rollback, acting_user=alice)
    frozen = applying.apply(rollback.pk, pace=QUICK)
    assert (frozen.state, "Quarter-end change freeze" in frozen.explanation) == ("approved", True)
    assert frozen.run_requested_at is None
    # Somebody else cannot run what only her glass stands for; it waits for its approvals again.
    tenants.unfreeze(desk.world.northwind, acting_user=alice)
    actions.run_rollback(frozen, acting_user=desk.world.bob)
    refused = applying.apply(rollback.pk, pace=QUICK)
    assert (refused.state, refused.glass_id) == ("awaiting_approval", None)
    assert "is not open for this any more" in refused.explanation
    breaking_glass.run_under_glass(refused, acting_user=alice)
    desk.world.practice.foreign_write(BILLING_PATH, by="Ines Duarte")
    assert applying.apply(rollback.pk, pace=QUICK).state == "conflict"
    assert desk.writes() == []


def test_it_holds_for_one_person_one_object_and_its_time_only(
    desk: Desk, alice: User, broken: Callable[..., BrokenGlass]
) -> None:
    world = desk.world
    give_roles(world.bob, world.northwind, Role.INCIDENT)
    rollback = desk.request()
    with pytest.raises(actions.NotAllowed, match="alice has no open glass on Agent Assist – Billing EMEA"):
        breaking_glass.run_under_glass(rollback, acting_user=alice)
    glass = broken()
    with pytest.raises(actions.NotAllowed, match="bob has no open glass"):
        breaking_glass.run_under_glass(rollback, acting_user=world.bob)
    with pytest.raises(PermissionDenied):
        breaking_glass.run_under_glass(rollback, acting_user=world.carol)
    objects = world.practice.platform.store.organizations["northwind"].objects
    other_id = next(name for kind, name in objects if kind == "assist" and name != "cfg-1")
    other = track(world.northwind, other_id)
    base = look(other).snapshot
    assert base is not None
    world.practice.foreign_write(f"/api/v2/agentassist/configs/{other_id}", by="Ines Duarte")
    elsewhere = actions.request_rollback(other, base, reason=WHY, acting_user=alice)
    with pytest.raises(actions.NotAllowed, match="alice has no open glass"):
        breaking_glass.run_under_glass(elsewhere, acting_user=alice)
    # Queued in time, begun too late: the time box is asked for at T1, under the lock.
    breaking_glass.run_under_glass(rollback, acting_user=alice)
    time_is_over(glass)
    late = applying.apply(rollback.pk, pace=QUICK)
    assert (late.state, late.glass_id) == ("awaiting_approval", None)
    assert desk.writes() == []
    desk.approve(late)
    assert applying.apply(rollback.pk, pace=QUICK).state == "applied"
    assert told("glass.used") == []


def test_who_lost_the_role_meanwhile_begins_nothing(
    desk: Desk, alice: User, broken: Callable[..., BrokenGlass]
) -> None:
    rollback = desk.request()
    broken()
    breaking_glass.run_under_glass(rollback, acting_user=alice)
    Membership.objects.filter(user=alice, role=Role.INCIDENT).delete()
    refused = applying.apply(rollback.pk, pace=QUICK)
    assert "alice may not break glass in Northwind Bank any more" in refused.explanation
    assert desk.writes() == []


def test_breaking_it_needs_the_role_a_reason_the_name_and_a_time_within_bounds(
    desk: Desk, broken: Callable[..., BrokenGlass]
) -> None:
    with pytest.raises(PermissionDenied):
        broken(acting_user=desk.world.bob)
    for change, sentence in (
        ({"reason": "help"}, "at least 10 characters"),
        ({"typed_name": "Billing EMEA"}, "is not the object's: “Agent Assist – Billing EMEA”"),
        ({"minutes": 4}, "5 to 240 minutes; this says 4"),
        ({"minutes": 241}, "5 to 240 minutes; this says 241"),
    ):
        with pytest.raises(actions.NotAllowed, match=sentence):
            broken(**change)
    assert not BrokenGlass.objects.exists()
    assert told("glass.broken") == []


def test_a_review_is_owed_that_only_a_second_person_settles_and_that_blocks_the_next_break(
    desk: Desk, alice: User, broken: Callable[..., BrokenGlass]
) -> None:
    world = desk.world
    give_roles(alice, world.northwind, Role.APPROVER)
    glass = broken()
    with pytest.raises(actions.NotAllowed, match=r"alice broke the glass on .*Have an approver"):
        broken()
    with pytest.raises(actions.NotAllowed, match="The glass is open until"):
        settle(desk, glass)
    breaking_glass.end_glass(glass, acting_user=alice)
    with pytest.raises(actions.NotAllowed, match="ended by a person already"):
        breaking_glass.end_glass(glass, acting_user=world.bob)
    with pytest.raises(actions.NotAllowed, match="alice broke this glass, so somebody else must review it"):
        settle(desk, glass, by=alice)
    with pytest.raises(PermissionDenied):
        settle(desk, glass, by=world.carol)
    with pytest.raises(actions.NotAllowed, match="at least 10 characters"):
        breaking_glass.settle_review(
            glass, acting_user=world.bob, verdict=BrokenGlass.Verdict.JUSTIFIED, comment="fine"
        )
    with pytest.raises(actions.NotAllowed, match="nobody has reviewed that yet"):
        broken()
    settle(desk, glass, verdict="not_justified")
    [entry] = told("review.settled")
    assert (entry.actor, entry.outcome) == ("bob", "failed")
    with pytest.raises(actions.NotAllowed, match="bob has settled this review already: not justified"):
        settle(desk, glass)
    assert broken().pk != glass.pk
    with pytest.raises(IntegrityError), transaction.atomic():  # the database itself refuses a review of one's own
        BrokenGlass.objects.filter(pk=glass.pk).update(settled_by=alice)


def test_what_was_queued_under_a_glass_that_is_closed_waits_for_its_approvals_again(
    desk: Desk, alice: User, broken: Callable[..., BrokenGlass]
) -> None:
    rollback = desk.request()
    glass = broken()
    breaking_glass.run_under_glass(rollback, acting_user=alice)
    breaking_glass.end_glass(glass, acting_user=desk.world.bob)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.run_requested_at, rollback.glass_id) == ("awaiting_approval", None, None)
    assert applying.apply(rollback.pk, pace=QUICK).state == "awaiting_approval"
    assert desk.writes() == []
    desk.approve(rollback)
    assert applying.apply(rollback.pk, pace=QUICK).verdict == "verified"


def test_the_sweep_ends_what_is_over_and_rings_for_what_is_overdue_once_in_a_while(
    desk: Desk, broken: Callable[..., BrokenGlass]
) -> None:
    glass = broken()
    tasks.sweep_glasses()
    assert told("glass.expired") == told("review.reminded") == []
    time_is_over(glass)
    for _ in range(2):
        tasks.sweep_glasses()
    assert len(told("glass.expired")) == len(told("review.reminded")) == 1
    BrokenGlass.objects.update(reminded_at=timezone.now() - emergencies.REMIND_EVERY)
    tasks.sweep_glasses()
    assert len(told("review.reminded")) == 2
    settle(desk, glass)
    BrokenGlass.objects.update(reminded_at=None)
    tasks.sweep_glasses()
    assert len(told("review.reminded")) == 2


def test_of_many_who_break_it_or_settle_it_at_once_the_database_lets_one(
    desk: Desk, broken: Callable[..., BrokenGlass]
) -> None:
    world = desk.world
    give_roles(world.bob, world.northwind, Role.INCIDENT)
    people = [world.alice, world.bob] * 4
    came_of_it = at_once([lambda by=user: broken(acting_user=by) for user in people])  # type: ignore[misc]
    glasses = [one for one in came_of_it if isinstance(one, BrokenGlass)]
    assert len(glasses) == BrokenGlass.objects.count() == len(told("glass.broken")) == 1
    assert all(isinstance(one, actions.NotAllowed | BrokenGlass) for one in came_of_it), came_of_it
    [glass] = glasses
    reviewers = [User.objects.create_user(f"reviewer-{number}", is_staff=True) for number in range(4)]
    for reviewer in reviewers:
        give_roles(reviewer, world.northwind, Role.TENANT_ADMIN)
    breaking_glass.end_glass(glass, acting_user=glass.broken_by)

    def review(by: User) -> object:
        return settle(desk, BrokenGlass.objects.get(pk=glass.pk), by=by)

    came_of_it = at_once([lambda by=user: review(by) for user in reviewers * 2])  # type: ignore[misc]
    assert sum(isinstance(one, BrokenGlass) for one in came_of_it) == len(told("review.settled")) == 1
    assert all(isinstance(one, actions.NotAllowed | BrokenGlass) for one in came_of_it), came_of_it


def test_a_glass_that_is_closed_while_a_run_under_it_begins_is_decided_by_the_lock(
    desk: Desk, alice: User, broken: Callable[..., BrokenGlass]
) -> None:
    rollback = desk.request()
    glass = broken()
    breaking_glass.run_under_glass(rollback, acting_user=alice)
    ran, ended = at_once(
        [
            lambda: applying.apply(rollback.pk, pace=QUICK),
            lambda: breaking_glass.end_glass(glass, acting_user=desk.world.bob),
        ]
    )
    assert isinstance(ended, BrokenGlass), ended
    assert isinstance(ran, Rollback), ran
    rollback.refresh_from_db()
    begun = rollback.attempts.exists()
    assert rollback.state == ("applied" if begun else "awaiting_approval")
    assert len(desk.writes()) == len(told("glass.used")) == int(begun)


@pytest.mark.parametrize("how", ["expired", "ended"])
def test_a_glass_that_is_closed_between_two_steps_stops_the_rest_and_says_so(desk: Desk, alice: User, how: str) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.request()
    name = breaking_glass.name_of(found.config)
    glass = breaking_glass.break_glass(found.config, acting_user=alice, reason=WHY, typed_name=name)
    breaking_glass.run_under_glass(rollback, acting_user=alice)
    desk.world.practice.set_switches("northwind", propagation_seconds=3600)
    slow = driving.Pace(patience=0.0, first_wait=0.01, horizon=600)
    assert found.run(rollback, pace=slow).state == "applying"
    desk.world.practice.set_switches("northwind", propagation_seconds=0)
    if how == "expired":
        time_is_over(glass)
    else:
        breaking_glass.end_glass(glass, acting_user=desk.world.bob)
    done = found.run(rollback)
    assert (done.state, done.verdict) == ("failed", "not_applied")
    assert steps_of(done) == [("write_draft", "verified"), ("publish", "not_applied"), ("repoint", "")]
    closed = "alice's glass was open until" if how == "expired" else "bob closed alice's glass at"
    assert closed in done.explanation
    assert "Nothing more was sent. Plan what is left again, and have it approved." in done.explanation
    assert "This rollback has not changed what is live." in done.explanation
    assert found.live.version == 2


def test_the_terminal_breaks_runs_ends_and_settles_with_the_same_rules(
    desk: Desk, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_pace(monkeypatch, QUICK)
    rollback = desk.request()
    config = ("northwind", "agentassist.config:cfg-1")
    way = ("glass", "break", *config, "--as", "alice", "--reason", WHY)
    wrong = run(*way, "--name", "Billing", "--json")
    assert (wrong.code, "is not the object's" in wrong.document["error"]) == (3, True)
    broke = run(*way, "--name", "Agent Assist – Billing EMEA", "--minutes", "30", "--json")
    assert broke.code == 0, broke.err
    ran = run("apply", str(rollback.pk), "--as", "alice", "--under-glass", "--json")
    assert ran.code == 0, ran.err
    check_shape(ran.document, DOCUMENT)
    assert (ran.document["verdict"], ran.document["approved_by"]) == ("verified", [])
    assert ran.document["break_glass"]["id"] == broke.document["id"]
    assert "Nobody approved this: alice broke the glass at" in run("apply", str(rollback.pk)).out
    glass = broke.document["id"]
    assert run("glass", "end", glass, "--as", "alice", "--json").document["ended"] == "ended"
    verdict = ("--verdict", "justified", "--comment", REVIEW, "--json")
    own = run("glass", "settle", glass, "--as", "alice", *verdict)
    assert own.code != 0
    settled = run("glass", "settle", glass, "--as", "bob", *verdict)
    assert settled.document["review"] == {
        "due": broke.document["review"]["due"],
        "verdict": "justified",
        "by": "bob",
        "comment": REVIEW,
    }
    assert [one["id"] for one in run("glass", "list", "northwind", "--json").document] == [glass]
