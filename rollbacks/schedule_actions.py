"""What people do about the time of a run: schedule an approved rollback, and take that back."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from rollbacks import audit, freezing, schedules, transitions
from rollbacks.actions import NotAllowed
from rollbacks.models import Rollback, Schedule
from rollbacks.states import State
from tenants import access, moments, trail
from tenants.access import Role

_UNDONE = "Nothing was scheduled."


def read_time(text: str, zone: str) -> tuple[datetime, str]:
    """Give the moment to come that a person typed, and the name of the zone; raises NotAllowed."""
    try:
        read = moments.read_zone(zone)
        return moments.read_coming_moment(text, read, now=timezone.now()), read.name
    except moments.NotAMoment as error:
        raise NotAllowed(f"{error} {_UNDONE}") from error


def read_zone(zone: str) -> str:
    """Give the name of a time zone that a person typed; raises NotAllowed."""
    try:
        return moments.read_zone(zone).name
    except moments.NotAMoment as error:
        raise NotAllowed(f"{error} {_UNDONE}") from error


def schedule_run(rollback: Rollback, *, at: datetime | None, zone: str, acting_user: User | None) -> Schedule:
    """Let an approved rollback run at a time, or with None as soon as no freeze window is on.

    It goes through the ordinary queue then, and every guard is checked again. Raises NotAllowed for a time after which
    the request has expired and for one at which a freeze is on; an earlier schedule is replaced.
    """
    _require(acting_user, rollback)
    actor = trail.actor_name(acting_user)
    with transaction.atomic():
        locked = transitions.lock(rollback)
        if locked.state != State.APPROVED:
            raise NotAllowed(f"This rollback is {locked.get_state_display()}, not approved. {_UNDONE}")
        if locked.run_requested_at is not None:
            raise NotAllowed(f"This rollback was handed to the workers already. {_UNDONE}")
        _check_time(locked, at, zone)
        schedules.end_open(locked, Schedule.End.REPLACED)
        schedule = Schedule.objects.create(
            rollback=locked,
            kind=Schedule.Kind.WHEN_OPEN if at is None else Schedule.Kind.AT,
            at=at,
            zone=zone,
            set_by=acting_user,
            setter=actor,
            set_at=timezone.now(),
        )
        Rollback.objects.filter(pk=locked.pk).update(refusals=[], explanation="")
        audit.append(
            "rollback.scheduled",
            tenant=locked.tenant,
            actor=actor,
            config=locked.config,
            rollback=locked,
            details={**schedules.facts_of(schedule), "plan_digest": locked.plan_digest},
        )
    rollback.refresh_from_db()
    return schedule


def _check_time(rollback: Rollback, at: datetime | None, zone: str) -> None:
    now = timezone.now()
    clocks = moments.read_zone(zone).info
    expires = freezing.told(rollback.expires_at, clocks, now=now)
    freeze = freezing.freeze_of(rollback, at=at or now)
    open_then = freezing.lets_run(rollback, at=freeze.at)
    due = at or (freeze.at if open_then else freeze.until)
    if at is not None and at <= now:
        raise NotAllowed(f"{freezing.told(at, clocks, now=now)} has passed. {_UNDONE} Choose a moment to come.")
    if due is None:
        raise NotAllowed(f"{freeze.closed_sentence()} {_UNDONE} Nobody can say when it may run.")
    if due >= rollback.expires_at:
        closed = "" if at is not None else f"{freeze.closed_sentence()} "
        raise NotAllowed(
            f"{closed}The request expires {expires}, and that is before it could run. {_UNDONE} Choose an earlier "
            "time, or ask for the rollback again later."
        )
    if at is not None and not open_then:
        raise NotAllowed(
            f"At that time {freeze.closed_sentence()} {_UNDONE} Choose another time, or let it run "
            "as soon as no freeze is on."
        )


def cancel_schedule(rollback: Rollback, *, acting_user: User | None) -> Rollback:
    """Take a schedule back; the rollback stays approved. Raises NotAllowed where there is none any more."""
    _require(acting_user, rollback)
    actor = trail.actor_name(acting_user)
    with transaction.atomic():
        locked = transitions.lock(rollback)
        schedule = schedules.open_of(locked)
        if schedule is None or not schedules.end_open(locked, Schedule.End.CANCELLED):
            raise NotAllowed("This rollback waits for no time: nothing is scheduled. Nothing was changed.")
        schedule.refresh_from_db()
        audit.append(
            "rollback.unscheduled",
            tenant=locked.tenant,
            actor=actor,
            config=locked.config,
            rollback=locked,
            details=schedules.facts_of(schedule),
        )
    rollback.refresh_from_db()
    return rollback


def _require(acting_user: User | None, rollback: Rollback) -> None:
    if acting_user is not None:
        access.require(acting_user, rollback.tenant, Role.OPERATOR, Role.APPROVER)
