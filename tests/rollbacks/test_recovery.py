"""A worker dies anywhere; whoever comes next reads first, and the platform has accepted at most one write of ours."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.utils import timezone

from rollbacks import applying, driving, leases, transitions, verifying
from rollbacks.models import Attempt, AuditEntry, Rollback
from rollbacks.verdicts import Verdict
from tests.rollbacks.conftest import QUICK, Desk
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

CHECKOUT = Path(__file__).resolve().parent.parent.parent


class WorkerDied(BaseException):
    """The worker is gone: not an error that any handler may catch."""


@contextmanager
def worker(database_url: str, folder: Path, *, name: str, places: int = 4) -> Iterator[subprocess.Popen[bytes]]:
    """Run a real Celery worker with its schedule in a process group of its own."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "DATABASE_URL": database_url,
        "CONSOLE_DATA_DIR": str(folder),
    }
    command = [sys.executable, "-m", "celery", "-A", "console", "worker", "-P", "threads", "-c", str(places), "-B"]
    command += ["-s", str(folder / "schedule"), "-n", f"{name}@localhost", "--loglevel", "warning"]
    with (folder / f"{name}.log").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process
        finally:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def state_of(rollback: Rollback) -> str:
    return Rollback.objects.values_list("state", flat=True).get(pk=rollback.pk)


def test_a_queued_rollback_whose_message_was_lost_is_found_by_the_sweep(
    desk: Desk, database_url: str, tmp_path: Path
) -> None:
    rollback = desk.approved()
    transitions.request_run(rollback, actor="alice")
    with worker(database_url, tmp_path, name="only"):
        until(lambda: state_of(rollback) == "applied")
    assert len(desk.writes()) == 1


POINTS = [
    "begin_attempt",  # dead before T1
    "claim_attempt",  # dead after T1, before anything else
    "begin_send",  # dead right before the send is made durable
    "end_send",  # the answer came, dead before it is recorded
    "close_attempt",  # dead before T2
]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_death_at_any_point_is_recovered_by_reading_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, point: str, when: str
) -> None:
    rollback = desk.approved()
    transitions.request_run(rollback, actor="alice")
    module = leases if point == "claim_attempt" else transitions
    real = getattr(module, point)

    def dying(*args: object, **named: object) -> object:
        if when == "after":
            real(*args, **named)
        raise WorkerDied

    with monkeypatch.context() as patch:
        patch.setattr(module, point, dying)
        with pytest.raises(WorkerDied):
            desk.run(rollback)
    Attempt.objects.filter(state="open").update(driven_until=timezone.now(), look_again_at=None)
    applying.recover(pace=QUICK)
    for queued in Rollback.objects.filter(state="approved", run_requested_at__isnull=False):
        applying.apply(queued.pk, pace=QUICK)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    assert len(desk.writes()) == 1
    assert list(
        AuditEntry.objects.filter(rollback=rollback, action__in=["write.intent", "write.outcome"])
        .order_by("seq")
        .values_list("action", flat=True)
    ) == ["write.intent", "write.outcome"]
    assert verifying.verify(desk.world.northwind).holds


def test_a_driver_that_wakes_up_after_its_lease_sends_nothing_and_closes_nothing(desk: Desk) -> None:
    rollback = desk.approved()
    asleep = leases.Lease("elsewhere:1:1", seconds=60)
    attempt = transitions.begin_attempt(rollback, lease=asleep, horizon_seconds=1, actor="alice")
    Attempt.objects.filter(pk=attempt.pk).update(driven_until=timezone.now())
    applying.recover(pace=QUICK)
    with pytest.raises(leases.LeaseLost):
        transitions.begin_send(attempt, lease=asleep, horizon_seconds=1, race_window_ms=None)
    closed_again = transitions.close_attempt(
        attempt,
        verdict=Verdict.INDETERMINATE,
        evidence={},
        explanation="late",
        read_back=None,
        sends=1,
        actor="console",
    )
    assert closed_again is False
    rollback.refresh_from_db()
    assert rollback.verdict == "verified"
    assert len(desk.writes()) == 1


def test_a_driver_that_wakes_up_after_another_has_sent_does_not_close_on_what_it_saw_before(desk: Desk) -> None:
    rollback = desk.approved()
    asleep = leases.Lease("elsewhere:1:1", seconds=60)
    attempt = transitions.begin_attempt(rollback, lease=asleep, horizon_seconds=1, actor="alice")
    Attempt.objects.filter(pk=attempt.pk).update(driven_until=timezone.now())
    awake = leases.Lease("elsewhere:2:1", seconds=60)
    assert leases.claim_attempt(attempt, lease=awake)
    transitions.begin_send(attempt, lease=awake, horizon_seconds=1, race_window_ms=None, client_id="us")
    closed = transitions.close_attempt(
        attempt,
        verdict=Verdict.CONFLICT,
        evidence={"nothing_sent": True, "vanished": True},
        explanation="The object was not found, so nothing was sent.",
        read_back=None,
        sends=0,
        actor="console",
    )
    assert closed is False
    attempt.refresh_from_db()
    assert (attempt.state, attempt.verdict) == ("open", "")
    assert not AuditEntry.objects.filter(rollback=rollback, action="write.outcome").exists()


def test_an_attempt_that_somebody_drives_is_left_alone(desk: Desk) -> None:
    rollback = desk.approved()
    lease = leases.Lease("elsewhere:1:1", seconds=60)
    attempt = transitions.begin_attempt(rollback, lease=lease, horizon_seconds=1, actor="alice")
    assert applying.recover(pace=QUICK, everything=True) == []
    assert driving.drive(attempt.pk, pace=QUICK).state == "open"
    assert desk.writes() == []


def test_the_lease_of_a_process_of_this_machine_that_is_gone_is_not_waited_for(desk: Desk) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = driving.driver_name().rsplit(":", 2)[0]
    rollback = desk.approved()
    lease = leases.Lease(f"{host}:{gone.pid}:1", seconds=3600)
    transitions.begin_attempt(rollback, lease=lease, horizon_seconds=1, actor="alice")
    applying.recover(pace=QUICK)
    assert state_of(rollback) == "applied"
