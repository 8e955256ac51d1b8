"""A process that is held up between its permission to send and the first byte sends nothing when it wakes."""

from dataclasses import dataclass

import pytest
from django.conf import settings

from console.practice.server import PracticeServer
from rollbacks import applying, probing
from rollbacks.models import GuardProbe, Send
from tenants import connections, sealing
from tenants.models import Tenant
from tenants.remote import Platform
from tenants.remote.client import Credentials
from tenants.remote.manners import Admission, OpenGate, Purpose
from tests.rollbacks.conftest import QUICK, Desk
from tests.rollbacks.test_types import first_of, make_case
from tests.world import People

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Held(OpenGate):
    """A way out in front of which the process is held up once, when its next request is a write."""

    seconds: float
    now: float = 1000.0
    done: bool = False

    def clock(self) -> float:
        return self.now

    def admit(self, purpose: Purpose) -> Admission:  # noqa: ARG002
        writing = Send.objects.filter(ended_at=None).exists() or GuardProbe.objects.exclude(requests=[]).exists()
        if writing and not self.done:
            self.done = True
            self.now += self.seconds
        return Admission()


def platform_of(tenant: Tenant, held: Held) -> Platform:
    secret = sealing.unseal(tenant.client_secret_sealed, tenant_id=tenant.id, field=connections.SECRET_FIELD)
    return Platform(
        api_base=tenant.api_base,
        login_base=tenant.login_base,
        credentials=Credentials(client_id=tenant.client_id, client_secret=secret),
        custom_hosts=settings.CONSOLE_ALLOW_CUSTOM_HOSTS,
        purpose=Purpose.ROLLBACK,
        gate=held,
        clock=held.clock,
    )


def puts(practice: PracticeServer) -> int:
    return [request["method"] for request in practice.requests()].count("PUT")


@pytest.mark.parametrize(("seconds", "sent"), [(1.0, 1), (31.0, 0), (400.0, 0)])
def test_a_prober_that_was_paused_leaves_the_object_alone_even_where_no_guard_would_stop_it(
    practice: PracticeServer, people: People, seconds: float, sent: int
) -> None:
    case = make_case(practice, people, "northwind", "outbound.campaign", first_of(practice, "northwind", "campaign"))
    practice.set_switches("northwind", guards_enforced=False)
    held = Held(seconds)
    platform = platform_of(case.config.tenant, held)
    found = probing.probe(case.config, acting_user=people.alice, platform=platform, pace=QUICK)
    assert held.done
    assert (puts(practice), len(case.writes())) == (sent, sent)
    assert found.wrote == bool(sent)
    assert found.result == ("not_enforced" if sent else "unclear")
    assert ("held up for too long" in found.requests[0].get("message", "")) is not bool(sent)


@pytest.mark.parametrize(("seconds", "outcomes"), [(59.0, ["applied"]), (61.0, ["not_sent", "applied"])])
def test_a_driver_that_was_paused_past_its_lease_sends_nothing_before_it_has_looked_again(
    desk: Desk, seconds: float, outcomes: list[str]
) -> None:
    rollback = desk.approved()
    held = Held(seconds)
    platform = platform_of(desk.world.northwind, held)
    rollback = applying.apply(rollback.pk, platform=platform, pace=QUICK)
    assert held.done
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    sends = rollback.attempts.get().sends.order_by("number")
    assert [send.outcome for send in sends] == outcomes
    assert puts(desk.world.practice) == len(desk.writes()) == 1
    assert outcomes == ["applied"] or "held up for too long" in sends[0].message
