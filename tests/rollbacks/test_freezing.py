"""Freeze windows at work: asked for, approved, run, sent; added while others begin; overridden for one plan."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from rollbacks import actions, applying, audit, driving, freeze_actions, freezing
from rollbacks.models import Attempt, AuditEntry, FreezeOverride, FreezeWindow, Rollback
from tenants.access import Role
from tenants.models import Membership
from tests.rollbacks.conftest import QUICK, Desk
from tests.rollbacks.test_one_object import the_same_organization_again

pytestmark = pytest.mark.django_db(transaction=True)

REASON = "Quarter end, nobody touches routing"
WHY = "Callers hear silence, the bridge decided it"


def clock(span: timedelta) -> str:
    return f"{timezone.now() + span:%Y-%m-%d %H:%M}"


def closed_for(hours: int) -> str:
    """Give a window that is on now and ends in so many hours."""
    return f"{clock(-timedelta(hours=1))} to {clock(timedelta(hours=hours))}"


def add(desk: Desk, when: str | None = None, /, **changes: object) -> FreezeWindow:
    known: dict[str, object] = {
        "when": when or closed_for(40),
        "zone": "UTC",
        "effect": FreezeWindow.Effect.DENY,
        "reason": REASON,
        "acting_user": None,
    }
    tenant = changes.pop("tenant", desk.world.northwind)
    return freeze_actions.add_window(tenant, **(known | changes))  # type: ignore[arg-type]


def end(window: FreezeWindow) -> None:
    freeze_actions.end_window(window, reason="The quarter is closed", acting_user=None)


def give(desk: Desk, name: str, role: Role) -> None:
    Membership.objects.create(user=getattr(desk.world, name), tenant=desk.world.northwind, role=role)


def override(desk: Desk, rollback: Rollback) -> FreezeOverride:
    return freeze_actions.override_freeze(rollback, reason=WHY, acting_user=desk.world.carol)


@pytest.fixture
def commander(desk: Desk) -> Desk:
    """Let Carol be the incident commander."""
    give(desk, "carol", Role.INCIDENT)
    return desk


def test_a_window_refuses_a_request_and_one_for_later_waits_for_its_end(desk: Desk) -> None:
    window = add(desk)
    with pytest.raises(actions.RequestRefused) as refused:
        desk.request()
    [check] = refused.value.refusals
    assert check.guard == "freeze"
    assert f"Quarter end, nobody touches routing, set by {window.setter}" in check.message
    assert "(in 39 hours)" in check.message
    rollback = desk.run(desk.approve(desk.request(later=True)))
    assert (rollback.state, [one["guard"] for one in rollback.refusals]) == ("approved", ["freeze"])
    assert desk.writes() == []
    end(window)
    waits = desk.run(rollback)
    assert (waits.state, desk.writes()) == ("awaiting_approval", []), "it was approved while the window was there"
    assert desk.run(desk.approve(waits)).verdict == "verified"
    assert len(desk.writes()) == 1


@pytest.mark.parametrize(
    ("scope", "refuses"),
    [
        ({}, True),
        ({"resource_type": "agentassist.config"}, True),
        ({"resource_type": "routing.queue"}, False),
        ({"object": "cfg-1"}, True),
        ({"object": "cfg-2"}, False),
    ],
)
def test_a_window_holds_for_its_tenant_its_type_or_its_object(desk: Desk, scope: dict[str, str], refuses: bool) -> None:
    if "object" in scope:
        of = desk.world.config
        if scope["object"] != of.object_id:
            of = type(of).objects.create(
                tenant=of.tenant, resource_type=of.resource_type, object_id=scope["object"], name="Retention"
            )
        add(desk, config=of)
    else:
        add(desk, **scope)
    rollback = desk.run(desk.approve(desk.request(later=True)))
    assert bool(rollback.refusals) is refuses
    assert (rollback.state == "applied") is not refuses


def test_a_window_holds_for_every_tenant_that_is_the_same_organization_and_shows_no_other_one_its_reason(
    commander: Desk,
) -> None:
    desk = commander
    rollback = desk.approved()
    again = the_same_organization_again(desk).tenant
    window = add(desk, tenant=again)
    rollback.refresh_from_db()
    assert rollback.state == "awaiting_approval", "what was approved before is void, as by a window of its own"
    waits = desk.run(desk.approve(rollback))
    [refused] = waits.refusals
    assert refused["guard"] == "freeze"
    assert "a freeze window of another tenant here that is the same organization" in refused["message"]
    for secret in (REASON, again.name, window.setter):
        assert secret not in refused["message"]
    with pytest.raises(actions.NotAllowed, match="Nothing was overridden; ask them to end it"):
        override(desk, rollback)
    assert desk.writes() == []
    end(window)
    rollback.refresh_from_db()
    assert desk.run(desk.approve(rollback)).verdict == "verified"


def test_with_an_allow_window_rollbacks_run_only_inside_one(desk: Desk) -> None:
    ahead = f"{clock(timedelta(hours=2))} to {clock(timedelta(hours=4))}"
    add(desk, ahead, effect=FreezeWindow.Effect.ALLOW, reason="Maintenance on the bridge")
    with pytest.raises(actions.RequestRefused, match="which allows rollbacks only"):
        desk.request()
    add(desk, closed_for(1), effect=FreezeWindow.Effect.ALLOW, resource_type="agentassist.config")
    assert desk.run(desk.approved()).verdict == "verified"


def test_a_window_after_a_lost_send_keeps_the_second_one_here_until_it_is_ended(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("unavailable_503", when="before")
    desk.run(rollback, pace=driving.Pace(patience=0.0, first_wait=0.01, horizon=60))
    window = add(desk)
    Attempt.objects.update(horizon_at=timezone.now())
    applying.recover(pace=QUICK, everything=True)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.attempts.get().sends.count(), desk.writes()) == ("unknown", 1, [])
    end(window)
    applying.recover(pace=QUICK, everything=True)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    assert len(desk.writes()) == 1


def test_a_row_that_somebody_has_altered_freezes(desk: Desk) -> None:
    window = add(desk, f"{clock(timedelta(hours=5))} to {clock(timedelta(hours=9))}")
    rollback = desk.approved()
    FreezeWindow.objects.filter(pk=window.pk).update(pattern="never")
    waits = desk.run(rollback)
    assert waits.state == "awaiting_approval", "it was approved under another one"
    refused = desk.run(desk.approve(waits))
    assert "cannot be read" in refused.explanation
    assert desk.writes() == []


def test_an_override_lets_exactly_this_plan_through_and_is_on_record(commander: Desk) -> None:
    window = add(commander)
    one, other = (commander.approve(commander.request(later=True)) for _number in range(2))
    made = override(commander, one)
    assert commander.run(other).state == "approved"
    assert commander.run(one).verdict == "verified"
    assert len(commander.writes()) == 1
    entry = AuditEntry.objects.get(action="freeze.overridden")
    told = audit.payload_of(entry)["details"]
    assert isinstance(told, dict)
    assert (entry.actor, entry.rollback_id) == ("carol", one.pk)
    assert (told["reason"], told["plan_digest"], told["freeze_digest"]) == (WHY, one.plan_digest, made.freeze_digest)
    assert [one["id"] for one in told["windows"]] == [str(window.pk)]


def test_an_override_does_not_outlive_a_change_of_the_windows(commander: Desk) -> None:
    first = add(commander)
    rollback = commander.approve(commander.request(later=True))
    override(commander, rollback)
    second = add(commander, closed_for(30), reason="A second freeze")
    waits = commander.run(rollback)
    assert waits.state == "awaiting_approval"
    assert commander.run(commander.approve(waits)).refusals, "approved again, under both"
    override(commander, rollback)
    end(second)
    # The windows are those of the first word again, and so is that word: it was for exactly these.
    assert freezing.check(rollback).standing == "warns"
    third = add(commander, closed_for(20), resource_type="routing.queue")
    assert freezing.check(rollback).standing == "warns", "a window that it does not fall under changes nothing for it"
    end(third)
    end(first)
    assert freezing.check(rollback).standing == "holds"
    assert commander.writes() == []


def test_an_override_ends_with_its_freeze_and_not_with_the_next_one_of_the_same_window(commander: Desk) -> None:
    add(commander, "every friday 16:00 to monday 06:00", zone="Europe/Berlin")
    rollback = commander.approve(commander.request(later=True))
    friday = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    freeze = freezing.freeze_of(rollback, at=friday)
    FreezeOverride.objects.create(
        rollback=rollback,
        overrider=commander.world.carol,
        plan_digest=rollback.plan_digest,
        freeze_digest=freeze.digest,
        until=freeze.until,
        freeze="",
        reason=WHY,
        overridden_at=friday,
    )
    assert freezing.lets_run(rollback, at=friday + timedelta(days=1))
    assert freezing.lets_run(rollback, at=friday + timedelta(days=4)), "no freeze is on"
    assert not freezing.lets_run(rollback, at=friday + timedelta(days=7))


def test_only_an_incident_commander_overrides_and_only_with_a_reason_and_a_freeze(commander: Desk) -> None:
    rollback = commander.approved()
    with pytest.raises(actions.NotAllowed, match="No freeze window is on"):
        override(commander, rollback)
    add(commander)
    for user in (commander.world.alice, commander.world.bob):
        with pytest.raises(PermissionDenied, match="needs incident"):
            freeze_actions.override_freeze(rollback, reason=WHY, acting_user=user)
    with pytest.raises(actions.NotAllowed, match="at least 10 characters"):
        freeze_actions.override_freeze(rollback, reason="because", acting_user=commander.world.carol)
    assert not FreezeOverride.objects.exists()
    actions.cancel_rollback(rollback, acting_user=commander.world.alice)
    with pytest.raises(actions.NotAllowed, match="is cancelled"):
        override(commander, rollback)


def test_everybody_who_acts_may_add_a_freeze_and_only_an_administrator_opens(desk: Desk) -> None:
    alice, bob, carol = desk.world.alice, desk.world.bob, desk.world.carol
    with pytest.raises(PermissionDenied):
        add(desk, acting_user=carol)
    window = add(desk, acting_user=alice)
    with pytest.raises(PermissionDenied, match="needs administrator"):
        add(desk, effect=FreezeWindow.Effect.ALLOW, acting_user=alice)
    with pytest.raises(PermissionDenied, match="needs administrator"):
        freeze_actions.end_window(window, reason="It is over", acting_user=bob)
    give(desk, "carol", Role.TENANT_ADMIN)
    freeze_actions.end_window(window, reason="It is over", acting_user=carol)
    with pytest.raises(actions.NotAllowed, match="carol has ended this window already"):
        freeze_actions.end_window(window, reason="It is over", acting_user=carol)
    told = AuditEntry.objects.filter(action__startswith="freeze.").order_by("seq")
    assert list(told.values_list("action", "actor")) == [("freeze.added", "alice"), ("freeze.ended", "carol")]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"when": "whenever"}, "is no window"),
        ({"zone": "Europe/Atlantis"}, "no time zone"),
        ({"reason": "  "}, "say why"),
        ({"reason": "x" * 301}, "at most 300"),
        ({"resource_type": "agentassist.konfig"}, "No window was added"),
        ({"when": "2026-01-01 to 2026-01-02"}, "never on in the next two years"),
    ],
)
def test_what_is_no_window_is_not_added(desk: Desk, changes: dict[str, object], why: str) -> None:
    with pytest.raises(actions.NotAllowed, match=why):
        add(desk, **changes)
    assert not FreezeWindow.objects.exists()
    assert not AuditEntry.objects.filter(action="freeze.added").exists()
