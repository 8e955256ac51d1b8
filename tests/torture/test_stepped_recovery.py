"""A worker dies between two steps or inside one; whoever comes next reads first and begins nothing from the start."""

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType

import pytest
from django.utils import timezone

from rollbacks import applying, driving, leases, stepping, transitions, verifying
from rollbacks.models import Attempt, AuditEntry, Rollback
from tests.rollbacks.conftest import QUICK, Desk
from tests.rollbacks.stepped_world import ACTION, ARTICLE, MESSENGER, TABLE, bench, steps_of
from tests.rollbacks.test_recovery import WorkerDied
from tests.torture.test_stepped_failures import accepted

pytestmark = pytest.mark.django_db(transaction=True)

POINTS: list[tuple[ModuleType, str]] = [
    (transitions, "begin_attempt"),  # T1 of the first step
    (leases, "claim_attempt"),  # before anything else is done for a step
    (transitions, "begin_send"),  # right before a send is made durable
    (transitions, "end_send"),  # the answer came, and is not recorded yet
    (transitions, "close_attempt"),  # T2 of a step, and T1 of the next
    (stepping, "open_attempt"),  # inside that transaction: T2 is undone with it
]


def dying_at(module: ModuleType, point: str, *, when: str, time: int) -> Callable[[pytest.MonkeyPatch], None]:
    """Let the worker die before or after the `time`-th call of a function."""
    real = getattr(module, point)
    calls = []

    def dying(*args: object, **named: object) -> object:
        calls.append(point)
        if len(calls) != time:
            return real(*args, **named)
        if when == "after":
            real(*args, **named)
        raise WorkerDied

    return lambda patch: patch.setattr(module, point, dying)


def somebody_else_takes_over(rollback: Rollback) -> Rollback:
    """Sweep as a worker does, as often as it takes, once the dead one's lease has ended."""
    Attempt.objects.filter(state="open").update(driven_until=timezone.now() - timedelta(seconds=1), look_again_at=None)
    applying.recover(pace=QUICK)
    for queued in Rollback.objects.filter(state="approved", run_requested_at__isnull=False):
        applying.apply(queued.pk, pace=QUICK)
    return driving.load(rollback.pk)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("time", [1, 2, 3])
@pytest.mark.parametrize(("module", "point"), POINTS, ids=[point for _module, point in POINTS])
def test_death_at_any_point_of_any_step_is_recovered_with_one_accepted_write_a_step(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, module: ModuleType, point: str, time: int, when: str
) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    transitions.request_run(rollback, actor="alice")
    died = False
    with monkeypatch.context() as patch:
        dying_at(module, point, when=when, time=time)(patch)
        try:
            found.run(rollback)
        except WorkerDied:
            died = True
    assert died or point == "begin_attempt"
    done = somebody_else_takes_over(rollback)
    if (point, when) == ("begin_send", "after"):
        # A send whose bytes never left cannot be told from one whose bytes did, and nothing fences a second copy.
        assert (done.state, done.verdict) == ("unknown", "indeterminate")
        assert accepted(desk, done) == [1] * (time - 1) + [0] * (4 - time)
        return
    assert done.state == "applied", done.explanation
    assert done.verdict in {"verified", "reached"}
    assert [verdict for _kind, verdict in steps_of(done)].count("verified") >= 2
    assert accepted(desk, done) == [1, 1, 1]
    told = AuditEntry.objects.filter(rollback=done, action__in=["write.intent", "write.outcome"]).order_by("seq")
    assert list(told.values_list("action", flat=True)) == ["write.intent", "write.outcome"] * 3
    assert verifying.verify(desk.world.northwind).holds


@pytest.mark.parametrize("type_name", [ACTION, TABLE, ARTICLE])
@pytest.mark.parametrize("point", ["begin_send", "end_send", "close_attempt"])
def test_a_death_at_every_step_of_every_procedure_is_recovered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, type_name: str, point: str
) -> None:
    found = bench(desk, type_name)
    rollback = found.approved()
    transitions.request_run(rollback, actor="alice")
    real = getattr(transitions, point)
    deaths = []

    def dying(*args: object, **named: object) -> object:
        happened = real(*args, **named)
        key = str(args[0].pk if point != "end_send" else args[0].attempt_id)  # type: ignore[attr-defined]
        if key not in deaths:
            deaths.append(key)
            raise WorkerDied
        return happened

    with monkeypatch.context() as patch:
        patch.setattr(transitions, point, dying)
        for _death in range(rollback.steps.count() + 1):
            try:
                done = somebody_else_takes_over(rollback)
            except WorkerDied:
                continue
            if done.state not in {"approved", "applying"}:
                break
    done = somebody_else_takes_over(rollback)
    if point == "begin_send":
        assert (done.state, done.verdict) == ("unknown", "indeterminate")
        assert sum(accepted(desk, done)) == 0
        return
    assert (done.state, done.verdict) in {("applied", "verified"), ("applied", "reached")}, done.explanation
    assert len(deaths) == done.steps.count()
    assert accepted(desk, done) == [1] * done.steps.count()
    assert verifying.verify(desk.world.northwind).holds


def test_there_is_never_a_moment_between_two_steps_without_an_open_attempt(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    real = transitions.close_attempt
    seen = []

    def watching(*args: object, **named: object) -> bool:
        closed = real(*args, **named)  # type: ignore[arg-type]
        seen.append(
            list(Attempt.objects.filter(rollback=rollback, state="open").values_list("step__number", flat=True))
        )
        return closed

    monkeypatch.setattr(transitions, "close_attempt", watching)
    found.run(rollback)
    assert seen == [[2], [3], []]


def test_a_rollback_that_failed_at_a_step_is_never_begun_again(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    rollback = found.approved()
    found.fault("refused", "POST", "/draft/publish$", refusal={"status": 403, "code": "missing.any.permissions"})
    done = found.run(rollback)
    assert done.state == "failed"
    before = accepted(desk, done)
    for _again in range(2):
        found.run(done)
        somebody_else_takes_over(done)
    assert accepted(desk, done) == before == [1, 0, 0]
    assert driving.load(done.pk).state == "failed"
