"""Hand to the workers what has waited for its time. The row is the queue: no message is needed, and none is believed.

What is released goes through the ordinary queue, so every guard is checked again: on a fresh look at live, and under
the locks of T1. A sweep that was late by more than LATEST, because nothing was running, lets a time pass rather than
write at an hour that nobody chose.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.utils import timezone

from rollbacks import audit, freezing, schedules, transitions
from rollbacks.models import Rollback, Schedule
from rollbacks.states import IllegalMove, State

log = structlog.get_logger(__name__)

LATEST: Final = timedelta(hours=1)
"""How long after its time a run may still be begun."""


def release_due() -> None:
    """Hand every run whose time has come to the workers, and end every schedule that nothing can come of."""
    now = timezone.now()
    opened = Schedule.objects.filter(ended_at__isnull=True).exclude(at__gt=now)
    for schedule in opened.select_related("rollback__tenant", "rollback__config").order_by("set_at"):
        try:
            _release(schedule, now)
        except Exception:
            # One that cannot be told must not keep the others waiting; it is looked at again by the next sweep.
            log.exception("schedule.not_released", rollback=str(schedule.rollback_id))


def _release(schedule: Schedule, now: datetime) -> None:
    rollback = schedule.rollback
    why = _why_void(schedule, rollback, now)
    if why:
        _drop(schedule, why, end=Schedule.End.MISSED if "missed" in why else Schedule.End.VOID)
    elif schedule.kind == Schedule.Kind.AT or freezing.lets_run(rollback, at=now):
        try:
            transitions.request_run(rollback, actor=schedule.setter, schedule=schedule)
        except IllegalMove:
            log.info("rollback.moved_before_its_time", rollback=str(rollback.pk))


def _why_void(schedule: Schedule, rollback: Rollback, now: datetime) -> str:
    if rollback.state != State.APPROVED or rollback.state_changed_at > schedule.set_at:
        return "It is no longer the approval that it was scheduled on. Nothing was sent; schedule it again."
    if schedule.at is not None and now > schedule.at + LATEST:
        return (
            f"The time was missed: nothing was running at {schedule.at:%d %b %H:%M} UTC, and it is more than an hour "
            "later. Nothing was sent; run it now or schedule it again."
        )
    return ""


def _drop(schedule: Schedule, why: str, *, end: Schedule.End) -> None:
    with transaction.atomic():
        locked = transitions.lock(schedule.rollback)
        ended = Schedule.objects.filter(pk=schedule.pk, ended_at__isnull=True).update(ended_at=timezone.now(), end=end)
        if not ended:
            return
        if locked.state == State.APPROVED:
            Rollback.objects.filter(pk=locked.pk).update(explanation=why)
        audit.append(
            "rollback.schedule_dropped",
            tenant=locked.tenant,
            actor=audit.CONSOLE,
            outcome="refused",
            config=locked.config,
            rollback=locked,
            details={"schedule": schedules.facts_of(schedule), "why": why},
        )
