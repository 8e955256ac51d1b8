"""The page on which a rollback is planned and asked for, over real HTTP to the practice platform."""

import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from rollbacks.models import AuditEntry, Rollback
from tenants import actions as tenant_actions
from tenants.access import Role
from tenants.models import Tenant
from tests import world as making
from tests.rollbacks.conftest import REASON, Desk
from tests.rollbacks.page_reading import address_of, browser_of, field_of, plan_address, send, text_of
from tests.world import BILLING_PATH, version

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(desk: Desk) -> Client:
    return browser_of(desk.world.alice)


@pytest.fixture
def address(desk: Desk) -> str:
    return plan_address(desk.world.config, version(desk.world.config, desk.good_version))


def ask(client: Client, address: str, **fields: Any) -> Any:
    digest = field_of(client.get(address), "plan_digest")
    return send(client, address, {"reason": REASON, "ticket": "INC-4711", "plan_digest": digest, **fields})


def test_the_plan_shows_what_will_change_every_guard_and_what_is_kept_and_writes_nothing(
    desk: Desk, alice: Client, address: str
) -> None:
    page = alice.get(address)
    text = text_of(page)
    assert page.status_code == 200
    live, good = desk.world.live_version, desk.good_version
    assert f"Live is v{live}. It gets the content of v{good} as v{live + 1}" in text
    assert f"Now (v{live})" in text
    assert f"After (v{good})" in text
    assert "suggestions › minConfidence" in text
    assert "trafficPercent stays" in text
    assert "never part of a rollback" in text
    assert "Guard level A (ETag)" in text
    for title in ("The tenant accepts rollbacks", "Only fields that the type knows", "Enough people have approved"):
        assert title in text
    assert "0 of 1 given" in text
    assert "refuses" not in text.replace("refuses the write when", "")
    assert "Request this rollback" in text
    assert desk.writes() == []
    assert not Rollback.objects.exists()


def test_asking_stores_the_plan_that_was_shown_and_leads_to_its_page(desk: Desk, alice: Client, address: str) -> None:
    digest = field_of(alice.get(address), "plan_digest")
    answer = ask(alice, address)
    rollback = Rollback.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, address_of(rollback))
    assert (rollback.plan_digest, rollback.reason, rollback.ticket) == (digest, REASON, "INC-4711")
    assert (rollback.state, rollback.requested_by) == ("awaiting_approval", desk.world.alice)
    assert desk.writes() == []


def test_the_same_form_sent_again_leads_to_the_request_that_stands(alice: Client, address: str) -> None:
    first, second = ask(alice, address), ask(alice, address)
    assert second["Location"] == first["Location"]
    assert Rollback.objects.count() == 1
    assert "no second request was made" in text_of(alice.get(second["Location"]))


@pytest.mark.django_db(transaction=True)
def test_two_clicks_that_arrive_at_the_same_moment_make_one_request(desk: Desk, address: str) -> None:
    clients = [browser_of(desk.world.alice) for _ in range(4)]
    digest = field_of(clients[0].get(address), "plan_digest")
    answers: list[Any] = []

    def click(client: Client) -> None:
        try:
            answers.append(send(client, address, {"reason": REASON, "plan_digest": digest}))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {302}
    assert len({answer["Location"] for answer in answers}) == 1
    assert Rollback.objects.count() == 1


@pytest.mark.parametrize(("reason", "said"), [("oops", "this one has 4"), ("", "Say why"), ("   \n  ", "Say why")])
def test_a_reason_that_says_nothing_comes_back_with_everything_that_was_typed(
    alice: Client, address: str, reason: str, said: str
) -> None:
    answer = ask(alice, address, reason=reason, ticket="INC-9 <b>")
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert "INC-9 &lt;b&gt;" in answer.content.decode()
    assert not Rollback.objects.exists()
    assert ask(alice, address).status_code == 302


def test_live_that_moved_while_somebody_was_reading_shows_the_new_plan_and_keeps_what_was_typed(
    desk: Desk, alice: Client, address: str
) -> None:
    before = field_of(alice.get(address), "plan_digest")
    desk.world.practice.foreign_write(BILLING_PATH)
    answer = send(alice, address, {"reason": REASON, "ticket": "INC-4711", "plan_digest": before})
    text = text_of(answer)
    assert answer.status_code == 409
    assert "Live moved while you were reading" in text
    assert f"Live is v{desk.world.live_version}." in text
    assert REASON in text
    assert field_of(answer, "plan_digest") != before
    assert not Rollback.objects.exists()
    assert AuditEntry.objects.filter(action="rollback.refused").count() == 1
    fresh = {"reason": REASON, "plan_digest": field_of(answer, "plan_digest")}
    assert send(alice, address, fresh).status_code == 302


def test_what_refused_the_request_is_said_even_when_it_is_gone_the_moment_after(
    desk: Desk, alice: Client, address: str
) -> None:
    digest = field_of(alice.get(address), "plan_digest")
    desk.fault("html_200", method="GET", times=1)
    answer = send(alice, address, {"reason": REASON, "ticket": "INC-4711", "plan_digest": digest})
    text = text_of(answer)
    assert answer.status_code == 409
    assert "This was refused. Nothing was sent and nothing was requested." in text
    assert "It stands in the way no more; what you typed is still there." in text
    assert "Guards refuse" not in text
    assert REASON in text
    assert not Rollback.objects.exists()
    assert send(alice, address, {"reason": REASON, "plan_digest": field_of(answer, "plan_digest")}).status_code == 302


def test_a_guard_that_refuses_leaves_no_button_but_says_what_to_do(desk: Desk, alice: Client, address: str) -> None:
    tenant_actions.freeze(desk.world.northwind, reason="Black Friday", acting_user=desk.world.bob)
    page = alice.get(address)
    text = text_of(page)
    assert "One guard refuses. Nothing can be requested yet." in text
    assert "is frozen: Black Friday" in text
    assert "Lift the freeze" in text
    assert "Request this rollback" not in text
    answer = ask_without_page(alice, address)
    assert answer.status_code == 409
    assert REASON in text_of(answer)
    assert not Rollback.objects.exists()


def ask_without_page(client: Client, address: str) -> Any:
    """Send the form although the page offers none."""
    return send(client, address, {"reason": REASON, "plan_digest": ""})


def test_every_guard_that_refuses_is_reported_at_once(desk: Desk, alice: Client) -> None:
    desk.take_away("agentassist:config:write")
    tenant_actions.freeze(desk.world.northwind, reason="Black Friday", acting_user=desk.world.bob)
    text = text_of(alice.get(plan_address(desk.world.config, version(desk.world.config, desk.world.live_version))))
    assert "3 guards refuse" in text
    assert "lacks agentassist:config:write" in text
    assert "there is nothing to do" in text


def test_a_platform_out_of_reach_is_said_in_a_sentence_and_nothing_is_requested(
    desk: Desk, alice: Client, address: str
) -> None:
    desk.world.practice.add_fault("unavailable_503", path=".*", times=None)
    page = alice.get(address)
    answer = ask_without_page(alice, address)
    assert page.status_code == 200
    assert "Nothing was sent" in text_of(page)
    assert "Request this rollback" not in text_of(page)
    assert answer.status_code in {409, 502}
    assert not Rollback.objects.exists()


def test_a_secret_that_cannot_be_opened_is_said_in_a_sentence(desk: Desk, alice: Client, address: str) -> None:
    Tenant.objects.filter(pk=desk.world.northwind.pk).update(client_secret_sealed=b"from another key")
    page, answer = alice.get(address), ask_without_page(alice, address)
    for shown in (page, answer):
        assert "The plan could not be made. Nothing was sent." in text_of(shown)
        assert "Request this rollback" not in text_of(shown)
    assert answer.status_code == 502
    assert REASON in text_of(answer)
    assert not Rollback.objects.exists()


def test_who_may_only_look_sees_the_plan_and_no_form(desk: Desk, address: str) -> None:
    carol = browser_of(desk.world.carol)
    text = text_of(carol.get(address))
    assert "needs the role operator" in text
    assert "Request this rollback" not in text
    assert ask_without_page(carol, address).status_code == 403
    assert not Rollback.objects.exists()


def test_a_plan_in_another_tenant_does_not_exist(desk: Desk, address: str) -> None:
    stranger = User.objects.create_user("dana", is_staff=True)
    making.give_roles(stranger, desk.world.tailspin, Role.OPERATOR, Role.APPROVER)
    assert browser_of(stranger).get(address).status_code == 404
    assert ask_without_page(browser_of(stranger), address).status_code == 404


def test_a_version_of_another_object_is_no_target(desk: Desk, alice: Client) -> None:
    other = making.track(desk.world.northwind, "cfg-2")
    making.look(other)
    other.refresh_from_db()
    assert other.live is not None
    assert alice.get(plan_address(desk.world.config, other.live)).status_code == 404


def test_an_undo_is_planned_like_any_rollback_and_remembers_what_it_takes_back(desk: Desk, alice: Client) -> None:
    done = desk.run(desk.approved())
    page = alice.get(address_of(done))
    link = f"{plan_address(desk.world.config, done.base)}?undoes={done.pk}"
    assert f'href="{link}"' in page.content.decode()
    assert f"This takes back the rollback to v{done.target.version}" in text_of(alice.get(link))
    answer = ask(alice, link, undoes=str(done.pk))
    undo = Rollback.objects.exclude(pk=done.pk).get()
    assert answer["Location"] == address_of(undo)
    assert (undo.undoes, undo.target) == (done, done.base)
    assert "An undo of this rollback was asked for" in text_of(alice.get(address_of(done)))


def test_chosen_values_are_planned_shown_and_asked_for_alone(desk: Desk, alice: Client, address: str) -> None:
    pointer = "/content/suggestions/minConfidence"
    chosen = f"{address}?only={pointer}"
    text = text_of(alice.get(chosen))
    assert f"It gets the chosen values of v{desk.good_version}" in text
    assert f"Only {pointer} ; everything else stays as it is on live." in text
    answer = ask(alice, chosen)
    rollback = Rollback.objects.get()
    assert (answer["Location"], rollback.only) == (address_of(rollback), [pointer])
    page = alice.get(address_of(rollback))
    assert f"Only {pointer} ; everything else" in text_of(page)
    assert page.content.decode().count('<td data-label="Kind">') == 1
    done = desk.run(desk.approve(rollback))
    assert "Verified: the chosen values of" in text_of(alice.get(address_of(done)))
    assert "Nothing can be requested yet" in text_of(alice.get(f"{address}?only=/content/nothing/there"))


@pytest.mark.parametrize("name", ["undoes", "again"])
def test_a_rollback_that_does_not_exist_cannot_be_undone(alice: Client, address: str, name: str) -> None:
    assert alice.get(f"{address}?{name}=nonsense").status_code == 404
    assert alice.get(f"{address}?{name}=00000000-0000-4000-8000-000000000000").status_code == 404


def test_a_forged_form_is_refused(desk: Desk, alice: Client, address: str) -> None:
    assert alice.post(address, {"reason": REASON}).status_code == 403
    assert alice.put(address).status_code in {403, 405}
    assert not Rollback.objects.exists()
