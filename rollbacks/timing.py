"""What a rollback's page says of the time at which it may run: the freeze, who overrode it, and its schedule."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import timezone

from rollbacks import freezing, schedules
from rollbacks.models import FreezeOverride, Rollback, Schedule
from rollbacks.states import PENDING
from tenants import access

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When it may run, for one person who looks at it."""

    closed: str
    """Until when a freeze is on, and why; empty where none is."""
    ahead: str
    """What to expect where none is."""
    overrides: Sequence[FreezeOverride]
    override: FreezeOverride | None
    """The one that holds now."""
    may_override: bool
    schedule: Schedule | None
    schedule_sentence: str
    due: datetime | None
    """When it runs, as far as anybody can tell."""
    left: int
    """In seconds until then."""
    zone: str
    """In which a time is asked for first."""


def timing_of(rollback: Rollback, user: "User") -> Timing | None:
    """Give what the page shows; None for one that has run or ended and that nobody overrode a freeze for."""
    overrides = list(rollback.freeze_overrides.select_related("overrider"))
    pending = rollback.state in PENDING
    if not pending and not overrides:
        return None
    freeze = freezing.freeze_of(rollback)
    override = freezing.override_of(rollback, freeze) if pending else None
    schedule = schedules.open_of(rollback)
    due = None if schedule is None else schedules.due_at(schedule)
    closed = freeze.closed_sentence() if pending else ""
    return Timing(
        closed=closed,
        ahead=freezing.ahead(rollback.tenant, freeze) or "No freeze window is on." if pending else "It ran its course.",
        overrides=overrides,
        override=override,
        may_override=bool(closed)
        and override is None
        and not freeze.unreadable
        and access.may(user, rollback.tenant, *access.OVERRIDES_FREEZE),
        schedule=schedule,
        schedule_sentence="" if schedule is None else schedules.sentence(schedule),
        due=due,
        left=0 if due is None else max(0, round((due - timezone.now()).total_seconds())),
        zone=schedule.zone if schedule is not None else freeze.zone.key,
    )
