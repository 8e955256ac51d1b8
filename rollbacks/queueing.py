"""The queue of runs: one at a time at each remote object, in the order in which they were asked for.

A rollback that a person asked to run stays queued until it has run, is refused for good, is cancelled or expires. While
another attempt on the object is open, or one that was asked for earlier has not run yet, it waits for its turn; while
the platform is out of reach or shows a stale state, it is tried again, with a back-off. Whenever it runs it is judged
on a fresh look at live, so what the one before it changed ends it as a conflict. A scheduled look needs no turn: it
writes nothing to the platform, and what it saw is kept under the lock of the object's row.
"""

import random
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from rollbacks import audit, facts, guards, one_object
from rollbacks.models import Rollback

TURN_SECONDS = 10.0
"""Between two times that a queued run asks whether it is its turn, should nobody have told it (`next_in_line`)."""
FIRST_PAUSE = 2.0
"""The shortest pause after a run was refused only for now."""
FIRST_BACKOFF = 5.0
"""The longest pause after a run was first refused only for now; it doubles with each further one."""
LONGEST_BACKOFF = 300.0


def claim_run(rollback_id: UUID, *, seconds: float) -> bool:
    """Take a queued run for so long; False when somebody else is at it, when it waits, or when it is queued no more."""
    now = timezone.now()
    queued = Rollback.objects.filter(pk=rollback_id, state=Rollback.State.APPROVED, run_requested_at__isnull=False)
    free = Q(run_again_at__isnull=True) | Q(run_again_at__lte=now)
    return queued.filter(free).update(run_again_at=now + timedelta(seconds=seconds)) == 1


def postpone_run(rollback: Rollback, refusing: Sequence[guards.Check], *, actor: str) -> Rollback:
    """Leave a run queued that is refused only for now; the caller holds the rollback's lock.

    The trail is told when the reason is another one than before, not at every try.
    """
    turn = all(check.guard == "in_flight" for check in refusing)
    bound = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(rollback.run_tries, 10))
    # Drawn at random up to a doubling bound: what failed together does not come back together.
    pause = TURN_SECONDS if turn else random.uniform(FIRST_PAUSE, bound)  # noqa: S311 - spreads load, guards nothing
    before = {refusal["guard"] for refusal in rollback.refusals}
    refusals = [check.to_json() for check in refusing]
    sentences = dict.fromkeys(check.message for check in refusing)
    Rollback.objects.filter(pk=rollback.pk).update(
        refusals=refusals,
        explanation=(
            f"{' '.join(sentences)} It stays queued and is tried again by itself until "
            f"{rollback.expires_at:%d %b %H:%M} UTC."
        ),
        run_again_at=timezone.now() + timedelta(seconds=pause),
        run_tries=rollback.run_tries if turn else rollback.run_tries + 1,
    )
    rollback.refresh_from_db()
    if before != {check.guard for check in refusing}:
        audit.append(
            "write.postponed",
            tenant=rollback.tenant,
            actor=actor,
            outcome="refused",
            config=rollback.config,
            rollback=rollback,
            details={"refusals": refusals, **facts.plan_facts(rollback)},
        )
    return rollback


def turn_sentence(rollback: Rollback) -> str | None:
    """Say what a queued rollback waits for: an open attempt on the remote object, or who was queued before it."""
    opened = one_object.open_attempt_sentence(rollback.config)
    if opened is not None or rollback.run_requested_at is None:
        return opened
    asked_at = rollback.run_requested_at
    earlier = Q(run_requested_at__lt=asked_at) | Q(run_requested_at=asked_at, pk__lt=rollback.pk)
    first = _queued_at(rollback).filter(earlier).exclude(expires_at__lte=timezone.now()).first()
    if first is None:
        return None
    return (
        f"A rollback of this object to version {first.target.version} was asked to run earlier, at "
        f"{first.run_requested_at:%d %b %H:%M:%S} UTC, and has not run yet."
    )


def next_in_line(rollback: Rollback) -> Rollback | None:
    """Give the queued rollback of the same remote object whose turn it is when this one has ended, free to run now."""
    following = _queued_at(rollback).exclude(pk=rollback.pk).first()
    if following is None:
        return None
    only_its_turn = Rollback.objects.filter(pk=following.pk, run_tries=0, refusals__0__guard="in_flight")
    only_its_turn.update(run_again_at=None)
    return following


def _queued_at(rollback: Rollback) -> QuerySet[Rollback]:
    queued = Rollback.objects.filter(
        config__in=one_object.every_address(rollback.config),
        state=Rollback.State.APPROVED,
        run_requested_at__isnull=False,
    )
    return queued.select_related("target").order_by("run_requested_at", "pk")
