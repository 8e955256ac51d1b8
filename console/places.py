"""Which message gets a place in a worker: what somebody waits for at night must not wait behind looks and take-ins.

A worker has the places that its command asks for (`-c`, else one a CPU, at least two), and two more that only the queue
"rollbacks" gets: one for the sweep that recovers attempts, one for a rollback that is being asked for.

    message                          gets a place while
    a rollback to carry out          always; where none is free, the next one that is
    the sweep of rollbacks           one place stays free for a rollback
    everything else                  it leaves both kept places free, and another kind of message one of the others

What gets none is dropped: each of these messages is a ring that only says "look at what is due", the rows say what that
is, and the schedule rings again within seconds. It is decided in the process that receives the messages, so it holds
for threads and for processes.
"""

from collections.abc import Callable
from typing import Any, Final

import celery
import structlog
from celery.worker import state, strategy
from django.conf import settings

KEPT: Final = 2
"""Places that only the queue "rollbacks" gets."""
LEAST_OTHERS: Final = 2
"""Of one alone, a take-in that rings without a pause would leave nothing to the looks."""

log = structlog.get_logger(__name__)


class Task(celery.Task):  # type: ignore[type-arg]  # generic in the stubs only
    """A task whose messages get a place by the table above."""

    Strategy = f"{__name__}:receive"


def add_kept(asked: int) -> int:
    """Give how many places a worker has that was asked to have so many."""
    return max(asked, LEAST_OTHERS) + KEPT


def has_room(name: str, *, taken: list[str], places: int) -> bool:
    """Say whether a message of this task gets one of so many places, of which these tasks have taken some."""
    routes = settings.CELERY_TASK_ROUTES
    if name not in routes:
        others = [one for one in taken if one not in routes]
        most = max(1, places - KEPT)
        return len(others) < most and others.count(name) < max(1, most - 1)
    return name != "rollbacks.tasks.sweep_attempts" or len(taken) < max(1, places - 1)


def _taken() -> list[str]:
    while True:
        try:
            return [request.name for request in state.reserved_requests]
        except RuntimeError:
            # One ended in another thread meanwhile.
            continue


def receive(task: Any, app: Any, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Give the function that the worker calls with each message of a task (Celery's "strategy")."""
    take = strategy.default(task, app, consumer, **options)
    errors = consumer.connection_errors

    def received(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **more: Any) -> Any:
        taken = _taken()
        if has_room(task.name, taken=taken, places=consumer.pool.num_processes):
            return take(message, body, ack, reject, callbacks, **more)
        log.debug("ring.dropped", task=task.name, taken=taken)
        ack(log, errors)
        return None

    return received
