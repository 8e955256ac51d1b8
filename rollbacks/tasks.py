"""What the workers do. A message only says "look at rollback N"; a lost or doubled one costs nothing.

The rows are the queue: a request to run is a column, an open attempt is a row with a lease, and a sweep every two
seconds finds whatever no message announced.
"""

from uuid import UUID

import structlog
from celery import shared_task
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from rollbacks import (
    applying,
    audit,
    checkpointing,
    driving,
    earning,
    emergencies,
    inquiries,
    notices,
    probing,
    propagation,
    queueing,
    reviewing,
    scheduling,
    transitions,
    under_glass,
    undoing,
)
from rollbacks.models import Attempt, BrokenGlass, Rollback
from rollbacks.states import IllegalMove, State
from tenants import labelling
from tenants.threads import beside_each_other

log = structlog.get_logger(__name__)

CLAIM_SECONDS = 60.0
"""How long a queued run is left alone by others once somebody is at it: as long as a lease, because who dies at it is
missed no earlier. Of two who look at live at once, T1 lets one begin."""
SWEEPING = driving.Pace(patience=2.0)
"""A sweep looks at everything that is due, so it stays with nothing for long."""


@shared_task(ignore_result=True)
def apply_rollback(rollback_id: str) -> None:
    """Carry out one rollback whose run was asked for, and ring the bell for whoever waited for its end."""
    _carry_out(UUID(rollback_id), pace=driving.PACE)


def _carry_out(rollback_id: UUID, *, pace: driving.Pace) -> None:
    """Carry out a queued rollback, unless somebody else is at it or it has to wait; go on with one under way."""
    claimed = queueing.claim_run(rollback_id, seconds=CLAIM_SECONDS)
    if not claimed and not Attempt.objects.filter(rollback=rollback_id, state=Attempt.State.OPEN).exists():
        return
    rollback = applying.apply(rollback_id, pace=pace)
    if rollback.run_requested_at is None:
        following = queueing.next_in_line(rollback)
        if following is not None:
            apply_rollback_soon(following.pk)


def apply_rollback_soon(rollback_id: UUID) -> None:
    """Ring the bell for one rollback; when no broker hears it, the sweep will."""
    try:
        apply_rollback.delay(str(rollback_id))
    except Exception as error:  # noqa: BLE001 - whatever the broker raises, the row is queued already
        log.warning("broker.unreachable", error=str(error), rollback=str(rollback_id))


@shared_task(ignore_result=True)
def sweep_attempts() -> None:
    """Drive every open attempt that nobody drives, and carry out every queued rollback that no message announced.

    Tenants are served beside each other, so that one that does not answer holds up its own rollbacks only. A probe of a
    guard whose worker is gone is ended too, by reading alone. What waited for its time is queued first.
    """
    scheduling.release_due()
    opened = Attempt.objects.filter(state=Attempt.State.OPEN).values_list("rollback__tenant_id", flat=True)
    tenants = sorted({*opened, *_queued().values_list("tenant_id", flat=True)})
    beside_each_other(_serve, tenants, at_once=settings.CONSOLE_SWEEPS_AT_ONCE)
    probing.recover(pace=SWEEPING)


def _queued() -> QuerySet[Rollback]:
    """Give the queued rollbacks that may run now, in the order in which that was asked for."""
    free = Q(run_again_at__isnull=True) | Q(run_again_at__lte=timezone.now())
    queued = Rollback.objects.filter(free, state=State.APPROVED, run_requested_at__isnull=False)
    return queued.order_by("run_requested_at", "pk")


def _serve(tenant_id: UUID) -> None:
    for attempt in applying.recover(pace=SWEEPING, tenant_id=tenant_id):
        if attempt.state == Attempt.State.CLOSED:
            queueing.next_in_line(attempt.rollback)
    for rollback_id in list(_queued().filter(tenant=tenant_id).values_list("pk", flat=True)):
        try:
            _carry_out(rollback_id, pace=SWEEPING)
        except Exception:
            # One that cannot be carried out must not keep the others from being so; it stays queued.
            log.exception("rollback.not_carried_out", rollback=str(rollback_id))


@shared_task(ignore_result=True)
def sweep_confirmations() -> None:
    """Ask for the undo of everything that nobody has kept in time, and ring the bell for it."""
    for undo in undoing.undo_due():
        apply_rollback_soon(undo.pk)


@shared_task(ignore_result=True)
def sweep_glasses() -> None:
    """End every broken glass whose time is over, and ring for every review that is overdue."""
    for glass in emergencies.over():
        under_glass.close(glass, BrokenGlass.End.EXPIRED, actor=audit.CONSOLE)
    emergencies.remind_overdue()


@shared_task(ignore_result=True)
def sweep_propagation() -> None:
    """Look at every watch of a written version whose next look is due."""
    propagation.sweep()


@shared_task(ignore_result=True)
def sweep_attestations() -> None:
    """Ask the platform's own audit about writes that ended, and about what came before conflicts, where that is due."""
    inquiries.sweep()


@shared_task(ignore_result=True)
def expire_rollbacks() -> None:
    """End every request whose time is over."""
    for rollback in transitions.pending_past(timezone.now()):
        try:
            transitions.expire(rollback)
        except IllegalMove:
            log.info("rollback.moved_before_it_expired", rollback=str(rollback.pk))


@shared_task(ignore_result=True)
def seal_trail() -> None:
    """Sign what is new in every trail, and bring to the sinks outside the database what they lack.

    Rung every few seconds: so long an entry rests on the database alone, and a write's outcome is waited for by nobody.
    """
    checkpointing.make_due()
    checkpointing.deliver_due()


@shared_task(ignore_result=True)
def review_requests() -> None:
    """Void every pending request, and every approval, whose ground is gone."""
    reviewing.review()


@shared_task(ignore_result=True)
def deliver_notices() -> None:
    """Deliver what people are to be told outside the console, and try again what was not taken."""
    notices.deliver_due()


@shared_task(ignore_result=True)
def sweep_labels() -> None:
    """Label what has become known good by time, and raise the alarms for bad content that a crash has left out."""
    labelling.raise_alarms()
    earning.earn_labels()
