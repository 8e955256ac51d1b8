"""What the workers do. A message only says "look at rollback N"; a lost or doubled one costs nothing.

The rows are the queue: a request to run is a column, an open attempt is a row with a lease, and a sweep every two
seconds finds whatever no message announced.
"""

from uuid import UUID

import structlog
from celery import shared_task
from django.utils import timezone

from rollbacks import applying, checkpointing, driving, probing, propagation, transitions
from rollbacks.models import Rollback
from rollbacks.states import IllegalMove, State

log = structlog.get_logger(__name__)

SWEEPING = driving.Pace(patience=2.0)
"""A sweep looks at everything that is due, so it stays with nothing for long."""


@shared_task(ignore_result=True)
def apply_rollback(rollback_id: str) -> None:
    """Carry out one rollback whose run was asked for."""
    applying.apply(UUID(rollback_id))


def apply_rollback_soon(rollback_id: UUID) -> None:
    """Ring the bell for one rollback; when no broker hears it, the sweep will."""
    try:
        apply_rollback.delay(str(rollback_id))
    except Exception as error:  # noqa: BLE001 - whatever the broker raises, the row is queued already
        log.warning("broker.unreachable", error=str(error), rollback=str(rollback_id))


@shared_task(ignore_result=True)
def sweep_attempts() -> None:
    """Drive every open attempt that nobody drives, and carry out every queued rollback that no message announced.

    A probe of a guard whose worker is gone is ended too, by reading alone.
    """
    applying.recover(pace=SWEEPING)
    probing.recover(pace=SWEEPING)
    queued = Rollback.objects.filter(state=State.APPROVED, run_requested_at__isnull=False)
    for rollback_id in queued.order_by("run_requested_at").values_list("pk", flat=True):
        try:
            applying.apply(rollback_id, pace=SWEEPING)
        except Exception:
            # One that cannot be carried out must not keep the others from being so; it stays queued.
            log.exception("rollback.not_carried_out", rollback=str(rollback_id))


@shared_task(ignore_result=True)
def sweep_propagation() -> None:
    """Look at every watch of a written version whose next look is due."""
    propagation.sweep()


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
