"""The list of rollbacks and the audit trail: what they find, for whom, and what they say to nonsense."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rollbacks import listing, transitions
from rollbacks.models import AuditEntry, Rollback
from tenants import actions as tenant_actions
from tenants.access import Role
from tests import world as making
from tests.rollbacks.conftest import Desk
from tests.rollbacks.page_reading import address_of, browser_of, main_of, text_of

pytestmark = pytest.mark.django_db

ROLLBACKS = "/rollbacks/rollback/"
TRAIL = "/rollbacks/auditentry/"


@pytest.fixture
def bob(desk: Desk) -> Client:
    return browser_of(desk.world.bob)


@pytest.fixture
def carol(desk: Desk) -> Client:
    return browser_of(desk.world.carol)


def found(client: Client, address: str) -> set[str]:
    page = client.get(address)
    assert page.status_code == 200
    main = main_of(page)
    return {str(pk) for pk in Rollback.objects.values_list("pk", flat=True) if f"/{pk}/change/" in main}


def entries(client: Client, address: str) -> list[int]:
    page = client.get(address)
    assert page.status_code == 200
    main = main_of(page)
    shown = [entry for entry in AuditEntry.objects.order_by("-seq") if address_of(entry) in main]
    return [entry.seq for entry in shown]


def test_what_waits_for_somebody_is_what_they_may_decide_on(desk: Desk, bob: Client, carol: Client) -> None:
    waiting, cancelled = desk.request(), desk.request()
    transitions.cancel(cancelled, actor="alice")
    alice = browser_of(desk.world.alice)
    making.give_roles(desk.world.alice, desk.world.northwind, Role.APPROVER)
    assert found(bob, f"{ROLLBACKS}?show=waiting") == {str(waiting.pk)}
    assert found(alice, f"{ROLLBACKS}?show=waiting") == set()
    assert found(carol, f"{ROLLBACKS}?show=waiting") == set()
    assert found(alice, f"{ROLLBACKS}?show=mine") == {str(waiting.pk), str(cancelled.pk)}
    assert found(bob, f"{ROLLBACKS}?show=mine") == set()
    assert found(carol, f"{ROLLBACKS}?show=open") == {str(waiting.pk)}
    assert "waits for you" in text_of(bob.get(ROLLBACKS))
    assert "waits for you" not in text_of(carol.get(ROLLBACKS))
    desk.approve(waiting)
    assert found(bob, f"{ROLLBACKS}?show=waiting") == set()


def test_an_expired_request_waits_for_nobody(desk: Desk, bob: Client) -> None:
    rollback = desk.request()
    Rollback.objects.filter(pk=rollback.pk).update(expires_at=timezone.now())
    assert found(bob, f"{ROLLBACKS}?show=waiting") == set()


def test_the_list_is_filtered_by_state_tenant_configuration_and_words(desk: Desk, carol: Client) -> None:
    one, other = desk.request(ticket="INC-4711"), desk.request(reason="The cancel offer is wrong")
    transitions.cancel(other, actor="alice")
    both = {str(one.pk), str(other.pk)}
    assert found(carol, ROLLBACKS) == both
    assert found(carol, f"{ROLLBACKS}?state=cancelled") == {str(other.pk)}
    assert found(carol, f"{ROLLBACKS}?tenant=northwind&config={desk.world.config.pk}") == both
    assert found(carol, f"{ROLLBACKS}?q=inc-4711") == {str(one.pk)}
    assert found(carol, f"{ROLLBACKS}?q=cancel+offer") == {str(other.pk)}
    assert found(carol, f"{ROLLBACKS}?q=cancel+elephant") == set()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("state=exploded", "exploded is no state"),
        ("tenant=tailspin", "no such tenant among yours"),
        ("config=nonsense", "That is no configuration"),
    ],
)
def test_a_filter_that_cannot_be_read_is_said_and_shows_nothing(
    desk: Desk, carol: Client, query: str, said: str
) -> None:
    desk.request()
    assert found(carol, f"{ROLLBACKS}?{query}") == set()
    assert said in text_of(carol.get(f"{ROLLBACKS}?{query}"))


def test_nobody_sees_another_tenants_rollbacks_or_entries_anywhere(desk: Desk) -> None:
    rollback = desk.run(desk.approved())
    stranger = User.objects.create_user("dana", is_staff=True)
    making.give_roles(stranger, desk.world.tailspin, *Role)
    dana = browser_of(stranger)
    for query in ("", "?q=billing", "?show=waiting", f"?config={rollback.config_id}", "?tenant=northwind"):
        text = text_of(dana.get(f"{ROLLBACKS}{query}"))
        assert found(dana, f"{ROLLBACKS}{query}") == set()
        assert "Northwind" not in text
        assert "Billing" not in text.replace(query, "")
    for query in ("", "?q=billing", f"?q={rollback.attempts.get().sends.get().correlation_id}", "?actor=alice"):
        text = text_of(dana.get(f"{TRAIL}{query}"))
        assert "Northwind" not in text
        assert "Billing" not in text
    for entry in AuditEntry.objects.filter(tenant=desk.world.northwind):
        assert dana.get(address_of(entry)).status_code == 404


def test_the_trail_is_filtered_by_what_who_when_how_and_words(desk: Desk, carol: Client) -> None:
    rollback = desk.run(desk.approved())
    tenant_actions.freeze(desk.world.northwind, reason="Black Friday", acting_user=desk.world.bob)
    seqs = {entry.action: entry.seq for entry in AuditEntry.objects.filter(tenant=desk.world.northwind)}
    total = AuditEntry.objects.filter(tenant=desk.world.northwind).count()
    assert entries(carol, TRAIL) == list(range(total, 0, -1))
    assert entries(carol, f"{TRAIL}?action=write.outcome") == [seqs["write.outcome"]]
    assert entries(carol, f"{TRAIL}?actor=bob") == [seqs["tenant.frozen"], seqs["rollback.approved"]]
    assert seqs["tenant.frozen"] not in entries(carol, f"{TRAIL}?config={rollback.config_id}")
    assert entries(carol, f"{TRAIL}?outcome=conflict") == []
    correlation_id = rollback.attempts.get().sends.get().correlation_id
    assert entries(carol, f"{TRAIL}?q={correlation_id}") == [seqs["write.outcome"], seqs["write.intent"]]
    assert entries(carol, f"{TRAIL}?q=%23{seqs['write.intent']}+announced") == []
    assert entries(carol, f"{TRAIL}?q=%23{seqs['write.intent']}") == [seqs["write.intent"]]
    since, until = (f"{timezone.now() - timedelta(days=ago):%Y-%m-%d}" for ago in (1, 0))
    assert entries(carol, f"{TRAIL}?since={since}&until={until}") == list(range(total, 0, -1))
    assert entries(carol, f"{TRAIL}?until=2020-01-01T00:00") == []
    assert entries(carol, f"{TRAIL}?since=2999-01-01") == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=yesterday", "Write a day or a moment"),
        ("outcome=splendid", "splendid is no outcome"),
        ("action=nothing.such", "was ever recorded"),
        ("tenant=tailspin", "no such tenant among yours"),
        ("q=99999999999999999999999999", "No entry matches"),
    ],
)
def test_nonsense_in_the_trails_filters_is_said_in_a_sentence(world: making.World, query: str, said: str) -> None:
    carol = browser_of(world.carol)
    assert entries(carol, f"{TRAIL}?{query}") == []
    assert said in text_of(carol.get(f"{TRAIL}?{query}"))


def test_long_lists_have_pages_that_keep_the_filters(
    desk: Desk, carol: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "ROWS_A_PAGE", 2)
    for _ in range(3):
        desk.request()
    first = carol.get(f"{ROLLBACKS}?q=billing&state=awaiting_approval&tenant=")
    assert "?q=billing&amp;state=awaiting_approval&amp;p=2" in first.content.decode()
    assert len(found(carol, f"{ROLLBACKS}?q=billing&p=1")) == 2
    assert len(found(carol, f"{ROLLBACKS}?q=billing&p=2")) == 1
    assert len(found(carol, f"{ROLLBACKS}?p=nonsense")) == 2


def test_an_empty_list_says_what_would_fill_it(bob: Client) -> None:
    assert "Nobody has rolled anything back yet" in text_of(bob.get(ROLLBACKS))
    assert "Nothing waits for you" in text_of(bob.get(f"{ROLLBACKS}?show=waiting"))


@pytest.mark.parametrize("address", [ROLLBACKS, TRAIL])
def test_a_longer_list_asks_the_database_no_more_often(desk: Desk, bob: Client, address: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert bob.get(address).status_code == 200
        return len(asked)

    desk.request()
    few = queries()
    for _ in range(4):
        desk.request()
    assert queries() == few
