"""Level C: nothing but a comparison guards the write, so nothing that waits stands between the two."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.conf import settings
from django.utils import timezone

from console.practice.server import PracticeServer
from rollbacks import applying
from rollbacks.models import Attempt, Rollback, Send
from tenants import connections, sealing
from tenants.remote import Platform
from tenants.remote.client import Credentials
from tenants.remote.manners import Admission, OpenGate, Purpose
from tests.rollbacks.conftest import QUICK
from tests.rollbacks.test_types import Case, make_case, outcome_of
from tests.world import People

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class TightGate(OpenGate):
    """A budget in which every request waits for room once."""

    asked: int = 0

    def admit(self, purpose: Purpose) -> Admission:  # noqa: ARG002
        self.asked += 1
        return Admission(wait_seconds=2.0 if self.asked % 2 else 0.0, why="All requests are spent.")


@dataclass
class Waits:
    """What happens while a request waits for room."""

    then: Callable[[], object]
    during: int = 0
    """While a send had begun and was not answered yet."""
    with_an_attempt: int = 0
    done: list[object] = field(default_factory=list)

    def __call__(self, _seconds: float) -> None:
        if Send.objects.filter(ended_at=None).exists():
            self.during += 1
        elif Attempt.objects.exists():
            self.with_an_attempt += 1
            if not self.done:
                self.done.append(self.then())


@pytest.fixture
def queue(practice: PracticeServer, people: People) -> Case:
    object_id = next(
        key for family, key in practice.platform.store.organizations["northwind"].objects if family == "queue"
    )
    case = make_case(practice, people, "northwind", "routing.queue", object_id)
    case.edit("/acwSettings/timeoutMs", 60_000)
    return case


def run(case: Case, rollback: Rollback, waits: Waits) -> Rollback:
    """Carry it out through a client whose every request has to wait for room."""
    tenant = case.config.tenant
    secret = sealing.unseal(tenant.client_secret_sealed, tenant_id=tenant.id, field=connections.SECRET_FIELD)
    platform = Platform(
        api_base=tenant.api_base,
        login_base=tenant.login_base,
        credentials=Credentials(client_id=tenant.client_id, client_secret=secret),
        custom_hosts=settings.CONSOLE_ALLOW_CUSTOM_HOSTS,
        purpose=Purpose.ROLLBACK,
        gate=TightGate(),
        sleep=waits,
    )
    return applying.apply(rollback.pk, platform=platform, pace=QUICK)


def test_whoever_writes_while_room_is_waited_for_is_noticed_because_the_comparison_comes_after(queue: Case) -> None:
    waits = Waits(lambda: queue.foreign(edits=[{"path": "/description", "value": "Billing, now with e-mail"}]))
    rollback = run(queue, queue.approved(1), waits)
    assert waits.done
    assert (rollback.state, rollback.verdict) == ("conflict", "conflict")
    assert queue.writes() == []
    assert queue.live()["description"] == "Billing, now with e-mail"


def test_no_wait_for_room_stands_between_the_comparison_and_the_write(queue: Case) -> None:
    waits = Waits(lambda: None)
    queue.fault("rate_limited_429", retry_after=False)
    rollback = run(queue, queue.approved(1), waits)
    assert (rollback.state, rollback.attempts.get().sends.count()) == ("applied", 2)
    assert waits.with_an_attempt > 0
    first = rollback.attempts.get().sends.get(number=1)
    assert first.status == 429
    assert waits.during == 0


def test_what_becomes_due_while_live_is_read_is_sent_after_another_look_with_room_made_for_it(queue: Case) -> None:
    class Slow(Waits):
        def __call__(self, seconds: float) -> None:
            super().__call__(seconds)
            last = Send.objects.order_by("number").last()
            if last is not None and last.retry_at is not None:
                time.sleep(max(0.0, (last.retry_at - timezone.now()).total_seconds()))

    waits = Slow(lambda: None)
    queue.fault("rate_limited_429", retry_after=False)
    rollback = run(queue, queue.approved(1), waits)
    assert (rollback.state, rollback.attempts.get().sends.count()) == ("applied", 2)
    assert waits.during == 0


def test_the_race_window_lasts_until_the_platform_has_answered(queue: Case) -> None:
    rollback = queue.approved(1)
    queue.fault("slow", seconds=0.4)
    rollback = queue.run(rollback)
    window = rollback.attempts.get().race_window_ms
    assert window is not None
    assert window >= 400
    assert outcome_of(rollback)["race_window_ms"] == window
