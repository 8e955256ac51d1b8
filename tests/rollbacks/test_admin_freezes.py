"""The pages of freezes: the calendar and its forms, a plan and a rollback under a freeze, its override, its time."""

import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from rollbacks import actions
from rollbacks.models import FreezeOverride, FreezeWindow, Rollback, Schedule
from tenants import actions as tenant_actions
from tenants.access import Role
from tenants.models import Membership
from tests import world as making
from tests.rollbacks.conftest import Desk
from tests.rollbacks.page_reading import address_of, browser_of, plan_address, send, text_of
from tests.rollbacks.test_freezing import WHY, add, closed_for, give

pytestmark = pytest.mark.django_db

CALENDAR = "/rollbacks/freezewindow/"
FORM = {
    "tenant": "northwind",
    "scope": "",
    "effect": "deny",
    "when": "Friday 16:00 to Monday 06:00",
    "zone": "Europe/Berlin",
    "reason": "Nobody is there to look",
}


@pytest.fixture
def alice(desk: Desk) -> Client:
    return browser_of(desk.world.alice)


@pytest.fixture
def carol(desk: Desk) -> Client:
    return browser_of(desk.world.carol)


def asked_for_later(desk: Desk) -> Rollback:
    return desk.approve(desk.request(later=True))


def test_a_window_is_added_shown_for_thirty_days_and_ended(desk: Desk, alice: Client, carol: Client) -> None:
    assert "There is no freeze window." in text_of(alice.get(CALENDAR))
    assert send(alice, CALENDAR, FORM).status_code == 302
    assert "every friday 16:00 to monday 06:00" in text_of(alice.get(CALENDAR))
    window = FreezeWindow.objects.get()
    assert (window.setter, window.zone) == ("alice", "Europe/Berlin")
    page = carol.get(CALENDAR)
    assert 4 <= text_of(page).count("16:00 to Mon") <= 6
    assert "Add a freeze window" not in text_of(page)
    assert "needs an administrator" in text_of(page)
    refused = send(carol, f"{CALENDAR}{window.pk}/end/", {"reason": "I want to"})
    assert (refused.status_code, "Nothing was done" in text_of(refused)) == (403, True)
    give(desk, "carol", Role.TENANT_ADMIN)
    send(carol, f"{CALENDAR}{window.pk}/end/", {"reason": "The team is on call"})
    ended = text_of(carol.get(CALENDAR))
    assert "by carol The team is on call" in ended
    tenant_actions.freeze(desk.world.northwind, reason="Incident bridge", acting_user=desk.world.alice)
    assert "Incident bridge" in text_of(carol.get(CALENDAR))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"when": "whenever"}, "is no window"),
        ({"zone": "Mars/Olympus"}, "no time zone"),
        ({"scope": "agentassist.config:nowhere"}, "is not tracked"),
        ({"scope": "no.such.type"}, "No window was added"),
        ({"reason": " "}, "say why"),
    ],
)
def test_a_form_that_is_no_window_comes_back_with_what_was_typed(
    alice: Client, changes: dict[str, str], said: str
) -> None:
    answer = send(alice, CALENDAR, FORM | {"reason": "Typed before"} | changes)
    assert (answer.status_code, said in text_of(answer)) == (409, True)
    assert f'value="{(FORM | changes)["when"]}"' in answer.content.decode()
    assert not FreezeWindow.objects.exists()


def test_another_tenants_windows_are_not_there(desk: Desk) -> None:
    window = add(desk)
    erik = User.objects.create_user("erik", is_staff=True)
    Membership.objects.create(user=erik, tenant=desk.world.tailspin, role=Role.TENANT_ADMIN)
    client = browser_of(erik)
    assert "Quarter end" not in text_of(client.get(CALENDAR))
    for answer in (
        client.get(f"{CALENDAR}?tenant=northwind"),
        send(client, CALENDAR, FORM),
        send(client, f"{CALENDAR}{window.pk}/end/", {"reason": "Gone"}),
    ):
        assert answer.status_code == 404
    assert FreezeWindow.objects.get().ended_at is None
    assert client.get(f"{CALENDAR}{window.pk}/end/").status_code == 405


def test_a_plan_under_a_freeze_says_until_when_and_can_be_asked_for_all_the_same(desk: Desk, alice: Client) -> None:
    window = add(desk)
    plan = plan_address(desk.world.config, making.version(desk.world.config, desk.good_version))
    page = text_of(alice.get(plan))
    assert f"(in 39 hours): Quarter end, nobody touches routing, set by {window.setter}" in page
    assert "Only the freeze is in the way." in page
    later = alice.get(f"{plan}?later=1")
    assert "Request this rollback" in text_of(later)
    digest = later.context["digest"]
    assert send(alice, plan, {"reason": WHY, "plan_digest": digest, "chosen": "1"}).status_code == 409
    send(alice, f"{plan}?later=1", {"reason": WHY, "plan_digest": digest, "chosen": "1"})
    assert Rollback.objects.get().state == "awaiting_approval"


def test_the_incident_commander_overrides_a_freeze_on_the_rollbacks_page(
    desk: Desk, alice: Client, carol: Client
) -> None:
    add(desk)
    rollback = asked_for_later(desk)
    page = text_of(alice.get(address_of(rollback)))
    assert "is frozen until" in page
    assert "Override the freeze" not in page
    assert send(alice, address_of(rollback), {"do": "override", "reason": WHY}).status_code == 403
    give(desk, "carol", Role.INCIDENT)
    assert "Override the freeze" in text_of(carol.get(address_of(rollback)))
    assert send(carol, address_of(rollback), {"do": "override", "reason": "because"}).status_code == 409
    assert not FreezeOverride.objects.exists()
    send(carol, address_of(rollback), {"do": "override", "reason": WHY})
    page = text_of(alice.get(address_of(rollback)))
    assert f"“{WHY}”" in page
    assert "It holds no more" not in page
    add(desk, closed_for(4), reason="One more")
    assert "It holds no more" in text_of(alice.get(address_of(rollback)))
    pack = send(alice, address_of(rollback).replace("/change/", "/evidence/"), {})
    with zipfile.ZipFile(io.BytesIO(pack.content)) as opened:
        plan = json.loads(opened.read("rollback.json"))["plan"]
    [told] = plan["freeze_overrides"]
    assert (told["by"], told["reason"], told["plan_digest"]) == ("carol", WHY, rollback.plan_digest)
    assert "Quarter end" in told["freeze"]


def test_a_run_is_scheduled_counted_down_and_cancelled_on_the_page(desk: Desk, alice: Client, carol: Client) -> None:
    rollback = desk.approved()
    at = timezone.now() + timedelta(hours=3, minutes=5)
    send(alice, address_of(rollback), {"do": "schedule", "at": f"{at:%Y-%m-%d %H:%M}", "zone": "UTC"})
    page = carol.get(address_of(rollback))
    assert f"{at:%A %H:%M} UTC (in 3 hours)" in text_of(page)
    assert f'data-due="{at:%Y-%m-%dT%H:%M}:00+00:00"' in page.content.decode()
    assert "Cancel the schedule" not in text_of(page)
    status = alice.get(f"{address_of(rollback).removesuffix('change/')}status/").json()
    assert str(Schedule.objects.get().pk) in status["mark"]
    answer = send(alice, address_of(rollback), {"do": "schedule", "at": "02:61", "zone": "UTC"})
    assert (answer.status_code, "Nothing was scheduled" in text_of(answer)) == (409, True)
    send(alice, address_of(rollback), {"do": "unschedule"})
    assert Schedule.objects.get().end == "cancelled"
    actions.cancel_rollback(rollback, acting_user=desk.world.alice)
    assert "When it may run" not in text_of(alice.get(address_of(rollback)))


def test_as_soon_as_no_freeze_is_on_is_offered_while_one_is(desk: Desk, alice: Client) -> None:
    add(desk, closed_for(5))
    rollback = asked_for_later(desk)
    assert "As soon as no freeze is on" in text_of(alice.get(address_of(rollback)))
    send(alice, address_of(rollback), {"do": "when_open", "zone": "Europe/Berlin"})
    assert "It runs as soon as no freeze is on:" in text_of(alice.get(address_of(rollback)))
