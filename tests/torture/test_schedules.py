"""Schedules of faults: each fault happens where it was placed, a slice holds, and a bug between two workers is seen."""

import random
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from rollbacks import driving, transitions
from rollbacks.models import Attempt
from rollbacks.verdicts import Close, Decision, judge
from tests.torture import checking, schedules
from tests.torture.schedules import DEATH, PAUSE, SETTINGS, Came, Schedule, follow
from tests.torture.solo import Ground, Play
from tests.torture.solo_seams import held, play, play_for_good
from tests.torture.solo_way import Fault, Way

if TYPE_CHECKING:
    from tests.torture.history import History

pytestmark = pytest.mark.django_db(transaction=True)

LEVEL_A = SETTINGS[0]
NOT_FOUND = Fault("answer", status=404)


def moments_of(ground: Ground, schedule: Schedule = ()) -> list[str]:
    with play(ground, LEVEL_A.way, dict(schedule)) as one:
        one.run()
        return [f"{moment.what} {moment.name}" for moment in one.moments]


def broken(one: Play) -> list[str]:
    return checking.faults_of(cast("History", one))


def test_a_slice_of_the_schedules_holds_and_each_fault_happens_where_it_was_placed() -> None:
    came = Came()
    with held(LEVEL_A.ground()) as ground:
        first = follow(ground, LEVEL_A, (), came, further=True, whole=True)
        assert len(first) > 200
        assert {fault.kind for ((_, fault),) in first} >= {
            "death",
            "pause",
            "lost COMMIT",
            "foreign write",
            "stale reads",
        }
        for schedule in random.Random(5).sample(first, 6):  # noqa: S311 - any of them, the same each time
            follow(ground, LEVEL_A, schedule, came, further=False, whole=True)
        ((at, fault),) = first[-1]
        with play(ground, LEVEL_A.way, {at: fault}) as one:
            one.run()
            assert any(f"{one.moments[at].name}: {fault}" in line for line in one.lines)
        classes = follow(ground, LEVEL_A, (), Came(), further=True, whole=False)
        second = follow(ground, LEVEL_A, classes[9], came, further=True, whole=False)
        assert second
        assert all(pair[0] == classes[9][0] < pair[1] for pair in second)
        follow(ground, LEVEL_A, second[len(second) // 2], came, further=False, whole=False)
    assert came.broken == []
    assert (came.played[1], came.played[2]) == (7, 1)


def test_who_saw_nothing_there_and_wakes_after_another_has_sent_closes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with held(LEVEL_A.ground()) as ground:
        names = moments_of(ground)
        begun = names.index("commit begin_attempt")
        missing = (names.index("GET GET the object", begun), NOT_FOUND)
        once_more = moments_of(ground, (missing,)).index("GET GET the object", missing[0] + 1)
        twice = (missing, (once_more, NOT_FOUND))
        asleep = (moments_of(ground, twice).index("point close_attempt: before"), PAUSE)
        with play(ground, LEVEL_A.way, dict((*twice, asleep))) as one:
            one.run()
            assert Attempt.objects.get(rollback=ground.rollback).verdict == "verified"
            assert broken(one) == []
        monkeypatch.setattr(transitions, "_sends_of_locked", lambda _attempt: 0)
        with play(ground, LEVEL_A.way, dict((*twice, asleep))) as one:
            one.run()
            assert broken(one)


def test_a_single_read_that_does_not_show_what_stood_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with held(LEVEL_A.ground()) as ground:
        names = moments_of(ground)
        at = names.index("GET GET the object", names.index("commit begin_attempt"))
        before = names.index("before GET the object", names.index("commit begin_attempt"))
        untrue: list[Schedule] = [((at, NOT_FOUND),), ((before, Fault("weak ETag")),)]
        came = Came()
        for schedule in untrue:
            follow(ground, LEVEL_A, schedule, came, further=False, whole=True)
        assert (came.broken, came.verdicts) == ([], {"verified": 2})
        monkeypatch.setattr(driving, "judge", lambda *seen, **known: _believed(judge(*seen, **known)))
        for schedule in untrue:
            follow(ground, LEVEL_A, schedule, came, further=False, whole=True)
        assert len(came.broken) == 2


def _believed(decision: Decision) -> Decision:
    return replace(decision, rests_on_one_look=False) if isinstance(decision, Close) else decision


def test_with_transactions_that_commit_for_real_a_schedule_goes_the_same_way() -> None:
    with held(LEVEL_A.ground()) as ground:
        at = moments_of(ground).index("point begin_send: after")
        with play(ground, Way(), {at: DEATH}) as one:
            one.run()
            thrown_away = list(one.lines)
        with play_for_good(ground, Way(), {at: DEATH}) as one:
            one.run()
            assert one.lines == thrown_away
            assert broken(one) == []


def test_the_report_counts_by_the_number_of_faults() -> None:
    came = Came()
    came.played.update({1: 3, 2: 2})
    came.broken.append("level A: a promise")
    told = schedules.report(came, [("level A", "classes", 3, 2, 0)], exhaustive=False)
    assert told.tried.startswith("5 schedules")
    assert told.broken == ["level A: a promise"]
