"""One budget and one circuit breaker for each OAuth client, shared by everybody who works for the tenant."""

import math
import os
import subprocess
import sys
from itertools import pairwise

import pytest
from django.db import transaction

from console.practice.server import PracticeServer
from tenants import connections, reach
from tenants.models import OAuthClient, Tenant
from tenants.reach import Reach
from tenants.remote import RateLimited, RemoteUnavailable, TimedOut, Unreachable
from tenants.remote.manners import Purpose
from tests import world as making
from tests.tenants.running import ROOT

NOON = 1_795_003_200.25


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tenant(practice: PracticeServer, db: None) -> Tenant:
    return making.make_tenant(practice, "northwind", requests_a_minute=100)


def drained(gate: Reach, purpose: Purpose) -> int:
    """Send for one purpose until there is no room, and count."""
    sent = 0
    while gate.admit(purpose).granted:
        sent += 1
    return sent


def failing(gate: Reach, times: int, *, purpose: Purpose = Purpose.PERSON) -> bool:
    """Let the way fail so often in a row; tell whether the tenant counts as down then."""
    down = False
    for _ in range(times):
        down = gate.failed(gate.admit(purpose), RemoteUnavailable("It answers with 503."), purpose=purpose)
    return down


def test_each_purpose_leaves_the_reserve_of_the_more_urgent_ones_alone(tenant: Tenant, clock: Clock) -> None:
    gate = Reach(tenant, clock=clock)
    assert drained(gate, Purpose.SWEEP) == 80
    assert drained(gate, Purpose.BULK) == 0
    assert drained(gate, Purpose.PERSON) == 10
    assert drained(gate, Purpose.SWEEP) == 0
    assert drained(gate, Purpose.ROLLBACK) == 10
    assert drained(gate, Purpose.ROLLBACK) == 0
    refused = gate.admit(Purpose.SWEEP)
    assert "100 of the 100 requests a minute" in refused.why
    assert "20 of which are kept" in refused.why


def test_no_stretch_of_a_minute_holds_more_than_the_budget(tenant: Tenant, clock: Clock) -> None:
    gate, sent = Reach(tenant, clock=clock), []
    for step in range(1200):
        clock.now = NOON + step * 0.31
        if gate.admit(Purpose.ROLLBACK).granted:
            sent.append(clock.now)
    assert len(sent) > 400
    for number, moment in enumerate(sent):
        assert sum(1 for other in sent[number:] if other < moment + 60) <= 100


def test_who_waits_as_long_as_told_finds_room(tenant: Tenant, clock: Clock) -> None:
    gate = Reach(tenant, clock=clock)
    for second in range(10):
        clock.now = NOON + second
        for _ in range(8):
            assert gate.admit(Purpose.SWEEP).granted
    wait = gate.admit(Purpose.SWEEP).wait_seconds
    assert 51 <= wait <= 52
    clock.now += wait - 0.1
    assert not gate.admit(Purpose.SWEEP).granted
    clock.now += 0.2
    assert drained(gate, Purpose.SWEEP) == 8


def test_a_transaction_that_is_rolled_back_gives_no_request_back(tenant: Tenant, clock: Clock) -> None:
    gate = Reach(tenant, clock=clock)
    with transaction.atomic():
        assert drained(gate, Purpose.ROLLBACK) == 100
        transaction.set_rollback(True)
    assert not gate.admit(Purpose.ROLLBACK).granted


def test_two_tenants_share_no_budget(practice: PracticeServer, tenant: Tenant, clock: Clock) -> None:
    other = making.make_tenant(practice, "tailspin", requests_a_minute=100)
    drained(Reach(tenant, clock=clock), Purpose.ROLLBACK)
    assert drained(Reach(other, clock=clock), Purpose.SWEEP) == 80


def test_two_tenants_with_one_oauth_client_share_its_budget_its_pauses_and_what_a_429_taught(
    practice: PracticeServer, tenant: Tenant, clock: Clock
) -> None:
    twin = making.make_tenant(practice, "tailspin", requests_a_minute=100)
    twin.client_id, twin.login_url = tenant.client_id, f"{tenant.login_url}/"
    first, second = Reach(tenant, clock=clock), Reach(twin, clock=clock)
    assert drained(first, Purpose.SWEEP) == 80
    assert drained(second, Purpose.SWEEP) == 0
    assert drained(second, Purpose.ROLLBACK) == 20
    assert not first.admit(Purpose.ROLLBACK).granted
    clock.now += 120
    first.throttled(30)
    assert "asked Tailspin Outdoor for a pause" in second.admit(Purpose.PERSON).why
    assert not second.begin_turn()
    assert failing(first, 5)
    assert not second.admit(Purpose.ROLLBACK).down, "whether a tenant answers is asked of each by itself"
    elsewhere = making.make_tenant(practice, "lamna", requests_a_minute=100)
    elsewhere.client_id, elsewhere.login_url = tenant.client_id, "http://127.0.0.1:9"
    assert Reach(elsewhere, clock=clock).admit(Purpose.SWEEP).granted


WORKER = """
import sys, django
django.setup()
from tenants.models import Tenant
from tenants.reach import Reach
from tenants.remote.manners import Purpose
gate = Reach(Tenant.objects.get(slug="northwind"), clock=lambda: float(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
sent = 0
while gate.admit(Purpose.ROLLBACK).granted:
    sent += 1
print(sent)
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_four_processes_together_get_exactly_the_budget(practice: PracticeServer, database_url: str) -> None:
    making.make_tenant(practice, "northwind", requests_a_minute=400)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database_url}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(NOON)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    got = [int(worker.communicate(timeout=120)[0]) for worker in workers]
    assert sum(got) == 400
    assert sum(1 for sent in got if sent) > 1, "they were at it at the same time"


def test_a_429_pauses_everybody_but_a_rollback_for_as_long_as_it_says(tenant: Tenant, clock: Clock) -> None:
    gate = Reach(tenant, clock=clock)
    gate.throttled(42)
    for purpose in (Purpose.SWEEP, Purpose.BULK, Purpose.PERSON):
        refused = gate.admit(purpose)
        assert not refused.granted
        assert refused.wait_seconds == pytest.approx(42)
        assert "asked Northwind Bank for a pause until" in refused.why
    assert gate.admit(Purpose.ROLLBACK).granted
    clock.now += 41
    assert not gate.admit(Purpose.SWEEP).granted
    clock.now += 1.1
    assert gate.admit(Purpose.SWEEP).granted


def test_a_429_teaches_a_lower_rate_once_a_storm_and_it_grows_back_slowly(tenant: Tenant, clock: Clock) -> None:
    gate = Reach(tenant, clock=clock)
    assert drained(gate, Purpose.SWEEP) == 80
    for _ in range(5):
        gate.throttled(90)
    rates = []
    for minutes in (1.5, 3, 6, 9, 12):
        clock.now = NOON + 60 * minutes + 1
        rates.append(drained(gate, Purpose.ROLLBACK))
        clock.now += 61
    assert rates[0] == 64, "four fifths of the 80 that were sent"
    assert all(earlier < later for earlier, later in pairwise(rates[:4]))
    assert rates[-1] == 100


def test_a_429_without_a_time_pauses_too_and_one_that_asks_for_a_year_pauses_an_hour(
    tenant: Tenant, clock: Clock
) -> None:
    gate = Reach(tenant, clock=clock)
    gate.throttled(None)
    assert gate.admit(Purpose.SWEEP).wait_seconds == pytest.approx(reach.PAUSE_WITHOUT_WORD)
    gate.throttled(31_536_000)
    assert gate.admit(Purpose.SWEEP).wait_seconds == pytest.approx(3600)


def test_five_failures_in_a_row_open_the_breaker_and_sweeps_fail_at_once(tenant: Tenant, clock: Clock) -> None:
    gate = Reach(tenant, clock=clock)
    assert not failing(gate, 4)
    assert gate.admit(Purpose.SWEEP).granted
    assert failing(gate, 1)
    shut = gate.admit(Purpose.SWEEP)
    assert shut.shut
    assert shut.wait_seconds == pytest.approx(30)
    assert "Northwind Bank has not answered since" in shut.why
    assert "It answers with 503." in shut.why
    for purpose in (Purpose.PERSON, Purpose.ROLLBACK):
        tried = gate.admit(purpose)
        assert tried.granted
        assert tried.down


def test_an_answer_in_between_ends_the_row(tenant: Tenant, clock: Clock) -> None:
    gate = Reach(tenant, clock=clock)
    failing(gate, 4)
    gate.answered(gate.admit(Purpose.PERSON))
    assert not failing(gate, 4)


def test_one_sweep_that_hangs_opens_the_breaker_and_one_page_that_hangs_does_not(tenant: Tenant, clock: Clock) -> None:
    gate, silence = Reach(tenant, clock=clock), TimedOut("It did not answer within 15 seconds.")
    assert not gate.failed(gate.admit(Purpose.PERSON), silence, purpose=Purpose.PERSON)
    assert not gate.failed(gate.admit(Purpose.SWEEP), Unreachable("It refuses connections."), purpose=Purpose.SWEEP)
    assert gate.failed(gate.admit(Purpose.SWEEP), silence, purpose=Purpose.SWEEP)


def test_one_probe_at_a_time_goes_through_and_each_that_fails_makes_the_rest_longer(
    tenant: Tenant, clock: Clock
) -> None:
    gate = Reach(tenant, clock=clock)
    failing(gate, 5)
    rests = []
    for _ in range(6):
        wait = gate.admit(Purpose.SWEEP).wait_seconds
        rests.append(round(wait))
        clock.now += wait + 0.01
        probe = gate.admit(Purpose.SWEEP)
        assert probe.granted
        assert probe.down
        assert gate.admit(Purpose.SWEEP).shut, "the second one waits for what comes of the first"
        gate.failed(probe, RemoteUnavailable("Still 503."), purpose=Purpose.SWEEP)
    assert rests == [30, 60, 120, 240, 300, 300]
    clock.now += 301
    gate.answered(gate.admit(Purpose.SWEEP))
    assert drained(gate, Purpose.SWEEP) > 10


def test_a_probe_that_never_tells_its_end_is_followed_by_another(tenant: Tenant, clock: Clock) -> None:
    gate = Reach(tenant, clock=clock)
    failing(gate, 5)
    clock.now += 31
    assert gate.admit(Purpose.SWEEP).granted
    clock.now += reach.PROBE_SECONDS - 1
    assert gate.admit(Purpose.SWEEP).shut
    clock.now += 2
    assert gate.admit(Purpose.SWEEP).granted


def test_a_person_whose_try_succeeds_closes_the_breaker_for_all(tenant: Tenant, clock: Clock) -> None:
    gate = Reach(tenant, clock=clock)
    failing(gate, 5)
    gate.answered(gate.admit(Purpose.PERSON))
    assert gate.admit(Purpose.SWEEP).granted


def test_one_worker_has_the_turn_to_sweep_a_tenant_and_nobody_while_it_is_down_or_paused(
    tenant: Tenant, clock: Clock
) -> None:
    gate = Reach(tenant, clock=clock)
    assert gate.begin_turn()
    assert not gate.begin_turn()
    gate.end_turn()
    assert gate.begin_turn()
    clock.now += reach.TURN_SECONDS + 1
    assert gate.begin_turn(), "a worker that died with its turn holds it for a while only"
    gate.end_turn()
    failing(gate, 5)
    assert not gate.begin_turn()
    clock.now += 31
    assert gate.begin_turn()
    gate.end_turn()
    gate.answered(gate.admit(Purpose.PERSON))
    gate.throttled(10)
    assert not gate.begin_turn()


def test_a_429_is_an_answer_and_closes_the_breaker(practice: PracticeServer, tenant: Tenant) -> None:
    failing(Reach(tenant), 5)
    practice.add_fault("rate_limited_429", path="/api/v2/routing/queues$", seconds=42)
    with pytest.raises(RateLimited):
        connections.connect(tenant).read("/api/v2/routing/queues")
    standing = reach.standing_of(tenant)
    assert (standing.state, standing.failures) == ("closed", 0)
    assert "asked for a pause" in standing.sentence


@pytest.mark.django_db(transaction=True)
def test_opening_and_closing_are_entries_in_the_trail_once_each(practice: PracticeServer) -> None:
    tenant = making.make_tenant(practice, "northwind", requests_a_minute=100)
    gate = Reach(tenant)
    failing(gate, 7)
    gate.answered(gate.admit(Purpose.PERSON))
    gate.answered(gate.admit(Purpose.PERSON))
    entries = [one for one in tenant.audit_entries.order_by("seq") if one.action.startswith("tenant.")]
    told = [(one.action, one.outcome, one.actor) for one in entries]
    assert told == [
        ("tenant.added", "ok", told[0][2]),
        ("tenant.unreachable", "alarm", "console"),
        ("tenant.reachable", "ok", "console"),
    ]
    assert b"It answers with 503." in bytes(entries[1].payload)


@pytest.mark.django_db(transaction=True)
def test_what_could_not_be_told_inside_a_transaction_is_told_later(practice: PracticeServer) -> None:
    tenant = making.make_tenant(practice, "northwind", requests_a_minute=100)
    with transaction.atomic():
        failing(Reach(tenant), 5)
    assert not tenant.audit_entries.filter(action="tenant.unreachable").exists()
    assert reach.tell_trail(tenant)
    assert not reach.tell_trail(tenant)
    assert tenant.audit_entries.filter(action="tenant.unreachable").count() == 1


def test_how_the_way_stands_is_told_in_words_and_as_json(tenant: Tenant) -> None:
    assert reach.standing_of(tenant).to_json()["state"] == "closed"
    gate = Reach(tenant)
    drained(gate, Purpose.SWEEP)
    shown = reach.standing_of(tenant)
    assert (shown.used, shown.rate, shown.sentence) == (80, 100, "It answers.")
    gate.throttled(30)
    shown = reach.standing_of(tenant)
    assert "asked for a pause until" in shown.sentence
    assert shown.allowed == pytest.approx(64)
    failing(gate, 5, purpose=Purpose.ROLLBACK)
    shown = reach.standing_of(tenant)
    assert shown.state == "open"
    assert shown.sentence.startswith("No answer since ")
    assert "It answers with 503." in shown.sentence
    assert math.floor(shown.allowed) == shown.to_json()["allowed_now"]


def test_a_tenant_with_another_client_begins_anew(tenant: Tenant, clock: Clock) -> None:
    failing(Reach(tenant, clock=clock), 5)
    tenant.client_id = "another-client"
    assert reach.standing_of(tenant).state == "closed"
    assert Reach(tenant, clock=clock).admit(Purpose.SWEEP).granted
    assert OAuthClient.objects.filter(tenant=tenant).count() == 2
