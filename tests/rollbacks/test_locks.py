"""Two who change the same object at the same moment wait for each other once, never in a ring."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from rollbacks import audit, leases, transitions, verifying
from rollbacks.models import Attempt, Rollback
from rollbacks.verdicts import Verdict
from tests.rollbacks.conftest import Desk
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

LEASE = leases.Lease("test", 60)


def waits_for_a_lock() -> bool:
    """Tell whether another session of this database waits for a lock now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what it saw first
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


@contextmanager
def in_another_session(work: Callable[[], object]) -> Iterator[Callable[[], Future[object]]]:
    """Give what starts the work in a thread with a session of the database of its own."""

    def and_close() -> object:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield lambda: pool.submit(and_close)


def while_somebody_appends(rollback: Rollback, work: Callable[[], object]) -> object:
    """Do the work in another session while this one has appended to the trail and not committed yet."""
    with in_another_session(work) as start:
        with transaction.atomic():
            audit.append(
                "rollback.commented", tenant=rollback.tenant, actor="bob", config=rollback.config, rollback=rollback
            )
            working = start()
            until(waits_for_a_lock)
        return working.result(timeout=30)


def test_the_intent_waits_for_an_entry_about_the_same_object_and_is_then_durable(desk: Desk) -> None:
    rollback = desk.approved()
    attempt = while_somebody_appends(
        rollback,
        lambda: transitions.begin_attempt(rollback, lease=LEASE, horizon_seconds=1, actor="alice"),
    )
    assert isinstance(attempt, Attempt)
    assert attempt.state == "open"
    assert verifying.verify(desk.world.northwind).holds


def test_the_outcome_waits_for_an_entry_about_the_same_object_and_is_then_durable(desk: Desk) -> None:
    rollback = desk.approved()
    attempt = transitions.begin_attempt(rollback, lease=LEASE, horizon_seconds=1, actor="alice")
    closed = while_somebody_appends(
        rollback,
        lambda: transitions.close_attempt(
            attempt,
            verdict=Verdict.CONFLICT,
            evidence={"nothing_sent": True},
            explanation="Somebody else changed the object first.",
            read_back=None,
            sends=0,
            actor="console",
        ),
    )
    assert closed is True
    assert verifying.verify(desk.world.northwind).holds


def test_an_approval_waits_for_an_entry_about_the_same_rollback_and_is_then_durable(desk: Desk) -> None:
    rollback = desk.request()
    approved = while_somebody_appends(rollback, lambda: desk.approve(rollback))
    assert isinstance(approved, Rollback)
    assert approved.state == "approved"
