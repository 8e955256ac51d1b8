"""The rows of runs that wait for their time: which is open, how it ends, and what is said of it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from rollbacks import audit, freezing, windows
from rollbacks.models import Rollback, Schedule


def open_of(rollback: Rollback) -> Schedule | None:
    """Give the schedule that a rollback waits for; None for none."""
    return Schedule.objects.filter(rollback=rollback, ended_at__isnull=True).first()


def end_open(rollback: Rollback, end: Schedule.End, *, only: Schedule | None = None) -> bool:
    """End the open schedule of a rollback, or `only` this one; False where there is none.

    The caller holds the rollback's lock.
    """
    opened = Schedule.objects.filter(rollback=rollback, ended_at__isnull=True)
    if only is not None:
        opened = opened.filter(pk=only.pk, set_at__gte=rollback.state_changed_at)
    return opened.update(ended_at=timezone.now(), end=end) == 1


def zone_of(schedule: Schedule) -> ZoneInfo:
    """Give the time zone in which it is told."""
    try:
        return windows.read_zone(schedule.zone)
    except windows.NotAWindow:
        return ZoneInfo("UTC")


def due_at(schedule: Schedule) -> datetime | None:
    """Give when it runs as far as anybody can tell: its time, or when the freeze ends; None where nobody can."""
    if schedule.at is not None:
        return schedule.at
    freeze = freezing.freeze_of(schedule.rollback)
    return freeze.at if freezing.lets_run(schedule.rollback, at=freeze.at) else freeze.until


def sentence(schedule: Schedule) -> str:
    """Say when it runs."""
    due, now = due_at(schedule), timezone.now()
    if schedule.kind == Schedule.Kind.AT and due is not None:
        return f"It runs {freezing.told(due, zone_of(schedule), now=now)}."
    if due is None:
        return "It runs as soon as no freeze is on; no end of the freeze is known."
    late = ", which is after it expires" if due >= schedule.rollback.expires_at else ""
    return f"It runs as soon as no freeze is on: {freezing.told(due, zone_of(schedule), now=now)}{late}."


def facts_of(schedule: Schedule) -> dict[str, object]:
    """Give what an entry, an evidence pack and CONTRACT.md's `schedule` say of it."""
    return {
        "kind": schedule.kind,
        "at": None if schedule.at is None else audit.timestamp(schedule.at),
        "zone": schedule.zone,
        "by": schedule.setter,
        "set_at": audit.timestamp(schedule.set_at),
        "end": schedule.end or None,
    }
