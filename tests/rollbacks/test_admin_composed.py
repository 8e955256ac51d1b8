"""The plan page tells what later work a way back undoes, takes ticks, and shows both sides where it overlaps."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from rollbacks import choosing_parts
from rollbacks.models import Rollback
from tests.rollbacks.conftest import REASON, Desk
from tests.rollbacks.page_reading import address_of, browser_of, field_of, markup_of, plan_address, send, text_of
from tests.world import BILLING_PATH, version

pytestmark = pytest.mark.django_db

DESCRIPTION = "/content/description"


@pytest.fixture
def alice(desk: Desk) -> Client:
    return browser_of(desk.world.alice)


def undo_address(desk: Desk, number: int) -> str:
    return reverse("admin:rollbacks_rollback_undo", args=(desk.world.config.pk, version(desk.world.config, number).pk))


def tick(client: Client, address: str, *keep: str, of: str = "") -> Any:
    """Tick boxes and press a button; give the page that comes of it."""
    client.get(address)
    fields: dict[str, Any] = {"do": "choose", "chosen": "1", "keep": list(keep)}
    return send(client, address, fields | ({"of": of} if of else {}))


def ask(client: Client, address: str) -> Any:
    page = client.get(address)
    keep = [part.split('"')[0] for part in markup_of(page).split('type="hidden" name="keep" value="')[1:]]
    fields = {"reason": REASON, "plan_digest": field_of(page, "plan_digest"), "chosen": "1", "keep": keep}
    return send(client, address, fields)


def test_later_work_is_told_by_version_and_what_is_ticked_is_planned_asked_for_and_kept(
    desk: Desk, alice: Client
) -> None:
    live = desk.world.live_version
    address = plan_address(desk.world.config, version(desk.world.config, live - 3))
    text = text_of(alice.get(address))
    assert "What later work this would undo" in text
    assert text.index(f"v{live} Tom Becker") < text.index(f"v{live - 1} Marek Wolski") < text.index("Ines Duarte")

    answer = tick(alice, address, DESCRIPTION)
    assert (answer.status_code, answer["Location"]) == (302, f"{address}?keep=%2Fcontent%2Fdescription#later")
    page = alice.get(answer["Location"])
    assert "1 place stays as on live" in text_of(page)
    assert f'value="{DESCRIPTION}" checked' in markup_of(page)
    mark = version(desk.world.config, live - 1).pk
    all_of_it = tick(alice, answer["Location"].removesuffix("#later"), DESCRIPTION, of=f"keep:{mark}")
    kept = alice.get(all_of_it["Location"])
    assert f"Keep nothing of v{live - 1}" in text_of(kept)
    none = tick(alice, address, DESCRIPTION, of=f"drop:{mark}")
    assert none["Location"] == f"{address}#later"

    answer = ask(alice, all_of_it["Location"].removesuffix("#later"))
    rollback = Rollback.objects.get()
    assert answer["Location"] == address_of(rollback)
    assert DESCRIPTION in rollback.keep
    assert len(rollback.keep) == 2
    shown = text_of(alice.get(address_of(rollback)))
    assert "2 places stay as on live" in shown
    assert f"to the chosen values of v{live - 3}" in shown
    done = desk.run(desk.approve(rollback))
    assert done.verdict == "verified"
    assert "Verified: the chosen values of" in text_of(alice.get(address_of(done)))


def test_many_ticks_are_named_by_what_holds_them_and_what_has_no_room_in_the_address_stays_in_the_form(
    desk: Desk, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = plan_address(desk.world.config, version(desk.world.config, 5))
    monkeypatch.setattr(choosing_parts, "FEW", 2)
    live = version(desk.world.config, desk.world.live_version).pk
    answer = tick(alice, address, of=f"keep:{live}")
    assert answer.status_code == 302
    monkeypatch.setattr(choosing_parts, "LONGEST_ADDRESS", 60)
    page = tick(alice, address, DESCRIPTION)
    assert page.status_code == 200
    assert f'type="hidden" name="keep" value="{DESCRIPTION}"' in markup_of(page)
    monkeypatch.setattr(choosing_parts, "MOST_ROWS", 3)
    assert "They are kept or undone together by the buttons below." in text_of(alice.get(address))


def test_one_version_is_undone_from_the_timeline_and_its_record_says_so(desk: Desk, alice: Client) -> None:
    bad = desk.world.live_version - 1
    address = undo_address(desk, bad)
    timeline = alice.get(reverse("admin:tenants_trackedconfig_change", args=(desk.world.config.pk,)))
    assert f'href="{address}"' in markup_of(timeline)
    page = alice.get(address)
    text = text_of(page)
    assert f"Undo only v{bad} of {desk.world.config}" in text
    assert f"It loses what v{bad} changed, and keeps all later work" in text
    assert "Nothing that was changed later is in the way." in text
    assert "What later work this would undo" not in text
    ask(alice, address)
    rollback = Rollback.objects.get()
    assert rollback.reverts == version(desk.world.config, bad)
    shown = text_of(alice.get(address_of(rollback)))
    assert f"without v{bad}" in shown
    assert f"to what was live without what v{bad} changed" in shown


def test_an_overlap_shows_both_sides_and_leaving_it_as_it_is_makes_a_plan_of_the_rest(
    desk: Desk, alice: Client
) -> None:
    address = undo_address(desk, 33)
    page = alice.get(address)
    text = text_of(page)
    assert "Where later work overlaps" in text
    assert f"since changed by v{desk.world.live_version}, Tom Becker" in text
    assert "Nothing is planned while later work overlaps" in text
    row = text[text.index("content › queues") :]
    assert [word for word in row.split() if word in {"10", "12", "45"}][:3] == ["10", "12", "45"]
    assert "Request this rollback" not in text
    place = markup_of(page).split('name="keep" value="')[1].split('"')[0]
    answer = tick(alice, address, place)
    assert answer.status_code == 302
    left = text_of(alice.get(answer["Location"]))
    assert "stays as it is on live" in left
    assert "nothing left of what v33 changed that you chose to take back" in left
    assert not Rollback.objects.exists()


def test_the_first_version_and_another_tenants_cannot_be_undone(desk: Desk, alice: Client) -> None:
    assert alice.get(undo_address(desk, 1)).status_code == 404
    stranger = reverse("admin:rollbacks_rollback_undo", args=(desk.world.config.pk, 0))
    assert alice.get(stranger).status_code == 404
    assert alice.put(undo_address(desk, 2)).status_code in {403, 405}


def test_a_list_that_nothing_names_is_kept_whole_or_not_at_all_and_the_page_says_so(desk: Desk, alice: Client) -> None:
    config, live = desk.world.config, desk.world.live_version
    good = version(config, live - 1)
    desk.world.practice.foreign_write(
        BILLING_PATH, edits=[{"path": "/content/tags", "value": ["billing", "emea", "vip"]}]
    )
    address = plan_address(config, good)
    answer = tick(alice, address, "/content/tags/=vip")
    text = text_of(alice.get(answer["Location"]))
    assert "Nothing names the items of a list of which only a part is kept" in text
    assert "Request this rollback" not in text
    whole = text_of(alice.get(tick(alice, address, "/content/tags")["Location"]))
    assert "Request this rollback" in whole
