"""What a broken glass does to rollbacks of its object: one is queued without its approvals, or waits for them again.

The moves are those of `transitions`, by the same conditional UPDATE (`moving`); a rollback is locked before its glass,
as T1 does it.
"""

from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.db import transaction

from rollbacks import emergencies, facts, moving, transitions
from rollbacks.models import BrokenGlass, Rollback
from rollbacks.states import State

if TYPE_CHECKING:
    from django.db.models import QuerySet


def request_run(rollback: Rollback, *, user: User) -> Rollback:
    """Queue a rollback that waits for its approvals, under this person's open glass on its object.

    Raises emergencies.NotOpen where there is none, IllegalMove where it cannot be begun.
    """
    with transaction.atomic():
        locked = _locked(Rollback.objects.filter(pk=rollback.pk)).get()
        glass = emergencies.lock_open_of(locked, user)
        if facts.approvals_given(locked) >= locked.approvals_needed:
            return transitions.request_run(locked, actor=glass.breaker)
        if locked.state == State.AWAITING_APPROVAL:
            moving.move(locked, State.APPROVED, glass=glass)
        return transitions.request_run(locked, actor=glass.breaker, glass=glass)


def close(glass: BrokenGlass, how: BrokenGlass.End, *, actor: str) -> bool:
    """End a glass; what was queued under it and has not begun waits for its approvals again.

    False, with nothing changed, where it has ended already.
    """
    with transaction.atomic():
        for locked in list(_locked(Rollback.objects.filter(glass=glass, state=State.APPROVED).order_by("pk"))):
            moving.move(
                locked,
                State.AWAITING_APPROVAL,
                explanation=f"The glass that {glass.breaker} broke is closed, so it waits for its approvals again. "
                "Nothing was sent.",
                run_requested_at=None,
                run_again_at=None,
                glass=None,
            )
        return emergencies.close(glass, how, actor=actor)


def _locked(rows: "QuerySet[Rollback]") -> "QuerySet[Rollback]":
    return rows.select_related("tenant", "config__tenant").select_for_update(of=("self",), no_key=True)
