"""The steps of a rollback on its pages, in its JSON and at the terminal: what is planned, and what stands."""

import json
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from rollbacks import driving
from rollbacks.models import Rollback
from tests.rollbacks.conftest import Desk
from tests.rollbacks.page_reading import address_of, browser_of, main_of, plan_address, status_address, text_of
from tests.rollbacks.stepped_world import MESSENGER, TABLE, bench

pytestmark = pytest.mark.django_db(transaction=True)

WRITE, PUBLISH = "Write the content of v1 into the draft", "Publish the draft as version 3"
REPOINT = "Point the web messenger deployment “Online banking messenger – production” at version 3"


def test_a_plan_of_several_steps_lists_each_with_its_level_its_request_and_what_is_left_out(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    page = browser_of(desk.world.alice).get(plan_address(found.config, found.good))
    text = text_of(page)
    for told in (WRITE, PUBLISH, REPOINT, "v2 becomes v3", "draft only", "Every step is known beforehand"):
        assert told in text
    assert main_of(page).count("step-level level-C") == 3
    assert "/versions/draft/publish" in text
    assert "Guard level C" in text
    assert "This rollback overwrites them" in text
    assert desk.writes() == []


def test_the_approver_sees_every_step_and_the_notes_before_signing(desk: Desk) -> None:
    rollback = bench(desk, MESSENGER).request()
    text = text_of(browser_of(desk.world.bob).get(address_of(rollback)))
    for told in (WRITE, PUBLISH, REPOINT, "An approval signs all of them", "This rollback overwrites them"):
        assert told in text
    assert "not begun" not in text


def test_a_run_between_two_steps_shows_which_stands_and_which_is_under_way(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    desk.world.practice.set_switches("northwind", propagation_seconds=60)
    rollback = found.approved()
    found.run(rollback, pace=driving.Pace(patience=0.0, first_wait=0.01, horizon=60))
    alice = browser_of(desk.world.alice)
    for address in (address_of(rollback), status_address(rollback)):
        page = alice.get(address)
        shown = text_of(page) if address == address_of(rollback) else text_of(_html(page.json()["html"]))
        assert f"{WRITE} PUT" in shown
        assert "stands" in shown
        assert f"Step 2 of 3: {PUBLISH}" in shown
        assert "under way" in shown


def test_a_rollback_that_was_carried_out_in_part_says_at_once_what_stands_and_what_does_not(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    found.fault("refused", "POST", "/draft/publish$", refusal={"status": 403, "code": "missing.any.permissions"})
    rollback = found.run(found.approved())
    page = browser_of(desk.world.alice).get(address_of(rollback))
    text = text_of(page)
    assert "Carried out in part: 1 of 3 steps stands. It has not changed live." in text
    assert "Plan again" in text
    standings = [item.split('"')[0] for item in main_of(page).split('<li class="')[1:]]
    assert [one for one in standings if one in {"ok", "no", "wait"}][:3] == ["ok", "no", "wait"]
    assert "not begun" in text
    assert f"Step 1: {WRITE} verified" in text
    assert f"Step 2: {PUBLISH} not applied" in text.replace("not_applied", "not applied")


def test_a_plain_write_shows_no_steps(desk: Desk) -> None:
    rollback = desk.run(desk.approved())
    assert "step-list" not in main_of(browser_of(desk.world.alice).get(address_of(rollback)))


def test_the_terminal_and_its_json_name_every_step(desk: Desk) -> None:
    found = bench(desk, TABLE)
    rollback = found.run(found.approved())
    told = _terminal("apply", str(rollback.pk))
    assert "step 1   [C] Have the platform make its version 4 the published one again (stands: verified" in told
    assert "step 2   [C] Write what that leaves: name (stands: verified" in told
    document = json.loads(_terminal("apply", str(rollback.pk), "--json"))
    assert [step["number"] for step in document["steps"]] == [1, 2]
    assert [(step["kind"], step["verdict"]) for step in document["steps"]] == [
        ("native_rollback", "verified"),
        ("write", "verified"),
    ]
    assert document["steps"][1]["base"]["digest"] == document["steps"][0]["target_digest"]
    assert document["guard"] == "C"
    assert len(document["attempts"]) == 2


def test_a_dry_run_prints_the_steps_and_the_notes_and_sends_nothing(desk: Desk) -> None:
    found = bench(desk, MESSENGER)
    address = f"{MESSENGER}:{found.config.object_id}"
    told = _terminal("rollback", "northwind", address, "--to", str(found.good.version), "--dry-run")
    for line in (WRITE, PUBLISH, REPOINT, "This rollback overwrites them", "Nothing was sent."):
        assert line in told
    assert desk.writes() == []
    assert not Rollback.objects.exists()


def _html(markup: str) -> Any:
    class Page:
        content = markup.encode()

    return Page()


def _terminal(*words: str) -> str:
    out, err = StringIO(), StringIO()
    with suppress(SystemExit):
        call_command(*words, stdout=out, stderr=err)
    return out.getvalue()
