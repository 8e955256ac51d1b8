"""Many people decide on one request at the same moment, and the database lets exactly one move happen at a time."""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection

from rollbacks import actions
from rollbacks.models import Approval, AuditEntry, Rollback, Step
from rollbacks.states import PENDING, State
from tenants.access import Role
from tests import world as making
from tests.rollbacks.conftest import Desk

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 16
WORDS = ("approve", "reject", "cancel", "run")
PATHS = {
    # What the trail may say after "requested", and where the request then stands.
    (): State.AWAITING_APPROVAL,
    ("approved",): State.APPROVED,
    ("approved", "run_requested"): State.APPROVED,
    ("approved", "cancelled"): State.CANCELLED,
    ("approved", "run_requested", "cancelled"): State.CANCELLED,
    ("rejected",): State.CANCELLED,
    ("cancelled",): State.CANCELLED,
}
"""The only ways through a request that anybody decides on and nobody carries out."""


@dataclass(frozen=True)
class Crowd:
    """Sixteen people with every role at the bank, and a request that Alice has made once by way of the platform."""

    desk: Desk
    people: Sequence[User]
    first: Rollback
    steps: Sequence[Step]

    def request(self) -> Rollback:
        """Ask for the same once more, without asking the platform again."""
        copied = Rollback.objects.get(pk=self.first.pk)
        copied.pk, copied.state, copied.run_requested_at = None, State.AWAITING_APPROVAL, None
        copied.pk = Rollback._meta.pk.get_default()
        copied.save(force_insert=True)
        for step in self.steps:
            one = Step.objects.get(pk=step.pk)
            one.pk, one.rollback = None, copied
            one.save(force_insert=True)
        return copied


@pytest.fixture
def crowd(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    people = [User.objects.create_user(f"person-{number:02}", is_staff=True) for number in range(THREADS)]
    for person in people:
        making.give_roles(person, desk.world.northwind, Role.OPERATOR, Role.APPROVER)
    # Nobody listens: the row is the queue, and nothing is to be sent here.
    monkeypatch.setattr(actions, "apply_rollback_soon", lambda _: None)
    first = desk.request()
    return Crowd(desk, people, first, list(first.steps.all()))


def do(word: str, rollback: Rollback, user: User) -> None:
    fresh = Rollback.objects.select_related("tenant", "config__tenant").get(pk=rollback.pk)
    match word:
        case "approve":
            actions.approve_rollback(fresh, acting_user=user, plan_digest=fresh.plan_digest)
        case "reject":
            actions.reject_rollback(fresh, acting_user=user, plan_digest=fresh.plan_digest, comment="Not tonight")
        case "cancel":
            actions.cancel_rollback(fresh, acting_user=user)
        case _:
            actions.run_rollback(fresh, acting_user=user)


def play(crowd: Crowd, rounds: int, *, seed: int) -> Counter[str]:
    """Let all of them act at once, round after round; give what the requests came to."""
    chance = random.Random(seed)  # noqa: S311 - the same seed is the same crowd
    barrier = threading.Barrier(THREADS + 1)
    now: list[Rollback] = []
    plans = [[chance.choice(WORDS) for _ in range(rounds)] for _ in crowd.people]
    done: list[str] = []
    broken: list[BaseException] = []

    def live(number: int) -> None:
        try:
            for word in plans[number]:
                barrier.wait()
                try:
                    do(word, now[-1], crowd.people[number])
                    done.append(word)
                except (actions.NotAllowed, PermissionDenied):
                    pass
                except BaseException as error:  # noqa: BLE001 - shown below
                    broken.append(error)
                barrier.wait()
        except threading.BrokenBarrierError:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=live, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    came_to: Counter[str] = Counter()
    try:
        for _ in range(rounds):
            now.append(crowd.request())
            done.clear()
            barrier.wait()
            barrier.wait()
            assert not broken, broken[:1]
            path = judge(now[-1])
            came_to[" ".join(path) or "nothing"] += 1
            made = Counter(done)
            assert (made["approve"], made["reject"], made["cancel"]) == (
                path.count("approved"),
                path.count("rejected"),
                path.count("cancelled"),
            ), "whoever was told that it was done is who did it"
            # Who asks for a run that is queued already changes nothing.
            assert bool(made["run"]) == ("run_requested" in path)
    finally:
        barrier.abort()
        for thread in threads:
            thread.join()
    return came_to


def judge(rollback: Rollback) -> tuple[str, ...]:
    """Fail unless the trail tells one legal way to where the request stands, each move once; give the way."""
    rollback.refresh_from_db()
    found = AuditEntry.objects.filter(rollback=rollback).order_by("seq").values_list("action", flat=True)
    path = tuple(action.removeprefix("rollback.") for action in found)
    assert path in PATHS, path
    state = State(rollback.state)
    assert state is PATHS[path], path
    words = Approval.objects.filter(rollback=rollback)
    assert words.filter(decision="approved").count() == path.count("approved")
    assert words.filter(decision="rejected").count() == path.count("rejected")
    assert (rollback.run_requested_at is not None) == (state in PENDING and "run_requested" in path)
    assert not rollback.attempts.exists()
    return path


def test_of_sixteen_who_decide_at_once_each_move_is_made_by_one(crowd: Crowd) -> None:
    assert sum(play(crowd, 8, seed=1).values()) == 8


@pytest.mark.slow
def test_two_hundred_rounds_of_sixteen_who_decide_at_once(crowd: Crowd) -> None:
    came_to = play(crowd, 200, seed=2)
    assert sum(came_to.values()) == 200
    # Every way was taken by somebody, so none of the moves was left out.
    assert {"rejected", "cancelled"} <= set(came_to)
    assert any(path.startswith("approved") for path in came_to)
