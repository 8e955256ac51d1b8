"""Divisions: what an OAuth client does not see is left out of lists, and refused by name where it is asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from console.practice.server import PracticeServer
from tests.console.practice_world import NOW, Caller, calling

QUEUES = "/api/v2/routing/queues"
DNC_LISTS = "/api/v2/outbound/dnclists"
DIVISIONS = "/api/v2/authorization/divisions"
PERMITTED = "/api/v2/authorization/divisionspermitted"
ME = "/api/v2/authorization/subjects/me"


@pytest.fixture
def bank() -> Iterator[Caller]:
    with PracticeServer(now=NOW) as platform, calling(platform) as caller:
        yield caller


def names(caller: Caller, path: str) -> list[str]:
    answer = caller.get(path)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["entities"]]


def apart(caller: Caller, path: str) -> dict[str, Any]:
    """Return the object of a list that is in the division apart."""
    [found] = [one for one in caller.get(path).json()["entities"] if one["division"]["name"] == "Card security"]
    return dict(found)


def test_a_client_is_granted_its_role_everywhere_until_a_division_is_taken_away(bank: Caller) -> None:
    assert names(bank, DIVISIONS) == ["Home", "EMEA", "Card security"]
    [everywhere] = bank.get(ME).json()["grants"]
    assert everywhere["division"]["id"] == "*"
    bank.platform.set_divisions("northwind", remove=["Card security"])
    grants = bank.get(ME).json()["grants"]
    assert [one["division"]["name"] for one in grants] == ["Home", "EMEA"]
    assert {len(one["role"]["policies"]) for one in grants} == {len(everywhere["role"]["policies"])}
    assert names(bank, DIVISIONS) == ["Home", "EMEA", "Card security"]
    bank.platform.set_divisions("northwind", add=["Card security"])
    assert bank.get(ME).json()["grants"] == [everywhere]


def test_objects_of_a_division_out_of_sight_are_missing_in_lists_without_a_word(bank: Caller) -> None:
    assert len(names(bank, QUEUES)) == 3
    bank.platform.set_divisions("northwind", remove=["Card security"])
    assert names(bank, QUEUES) == ["Billing – EMEA", "Retention – EMEA"]
    assert bank.get(QUEUES).json()["total"] == 2
    assert names(bank, DNC_LISTS) == ["Do not call – customers' wishes"]
    bank.platform.set_divisions("northwind", reset=True)
    assert len(names(bank, QUEUES)) == 3


def test_an_object_out_of_sight_is_refused_with_the_permission_and_the_division(bank: Caller) -> None:
    queue = apart(bank, QUEUES)
    path = f"{QUEUES}/{queue['id']}"
    bank.platform.set_divisions("northwind", remove=[queue["division"]["id"]])
    for answer, permission in ((bank.get(path), "routing:queue:view"), (bank.put(path, queue), "routing:queue:edit")):
        assert (answer.status_code, answer.json()["code"]) == (403, "missing.division.permission")
        assert answer.json()["message"].endswith(f"in division [Card security]: [{permission}]")
        assert answer.json()["messageParams"] == {
            "permissions": permission,
            "division": "Card security",
            "divisionId": queue["division"]["id"],
        }
    assert bank.get(f"{QUEUES}/none").status_code == 404
    assert bank.platform.writes() == []


def test_one_permission_alone_can_be_taken_in_a_division(bank: Caller) -> None:
    queue = apart(bank, QUEUES)
    bank.platform.set_divisions("northwind", remove=["Card security"], permissions=["routing:queue:edit"])
    assert len(names(bank, QUEUES)) == 3
    assert bank.get(f"{QUEUES}/{queue['id']}").status_code == 200
    refused = bank.put(f"{QUEUES}/{queue['id']}", queue)
    assert refused.json()["code"] == "missing.division.permission"
    assert len(names(bank, DNC_LISTS)) == 2
    [shown] = [one for one in bank.platform.set_divisions("northwind")["divisions"] if one["withheld"]]
    assert (shown["name"], shown["withheld"]) == ("Card security", ["routing:queue:edit"])
    bank.platform.set_divisions("northwind", add=["Card security"], permissions=["routing:queue:edit"])
    assert bank.put(f"{QUEUES}/{queue['id']}", queue).status_code == 200


def test_the_divisions_of_a_permission_are_asked_for_by_its_name(bank: Caller) -> None:
    asked = f"{PERMITTED}/paged/me?permission=routing:queue:view&pageSize=2"
    first = bank.get(asked).json()
    assert (first["total"], first["allDivsPermitted"], len(first["entities"])) == (3, True, 2)
    bank.platform.set_divisions("northwind", remove=["EMEA"])
    seen = bank.get(asked).json()
    assert ([one["name"] for one in seen["entities"]], seen["allDivsPermitted"]) == (["Home", "Card security"], False)
    assert bank.get(f"{PERMITTED}/me?permission=routing:queue:view").json() == seen["entities"]
    assert bank.get(f"{PERMITTED}/me?permission=no:such:thing").json() == []
    assert bank.get(f"{PERMITTED}/me").json()["code"] == "missing.required.parameter"


def test_a_person_elsewhere_writes_in_every_division_and_types_without_one_stay_in_sight(bank: Caller) -> None:
    queue = apart(bank, QUEUES)
    bank.platform.set_divisions("northwind", remove=["Home", "EMEA", "Card security"])
    assert names(bank, QUEUES) == []
    assert len(names(bank, "/api/v2/agentassist/configs")) == 3
    assert len(names(bank, "/api/v2/users")) == 5
    bank.platform.foreign_write(f"{QUEUES}/{queue['id']}")
    assert len(bank.platform.writes()) == 1
    assert bank.get(ME).json()["grants"] == []


def test_the_home_division_answers_by_that_name_and_a_division_is_described_anew(bank: Caller) -> None:
    home = bank.get(f"{DIVISIONS}/home").json()
    assert (home["name"], home["homeDivision"]) == ("Home", True)
    path = f"{DIVISIONS}/{home['id']}"
    written = bank.put(path, {**home, "description": "For what has no place yet"})
    assert (written.status_code, bank.get(path).json()["description"]) == (200, "For what has no place yet")
    assert bank.put(path, {"name": "Home"}).json()["code"] == "missing.required.property"


def test_what_was_taken_away_stays_away_after_a_restart(tmp_path: Path) -> None:
    with PracticeServer(now=NOW, data_dir=tmp_path) as platform:
        platform.set_divisions("northwind", remove=["Card security"])
    with PracticeServer(now=NOW, data_dir=tmp_path) as platform, calling(platform) as caller:
        assert len(names(caller, QUEUES)) == 2
        told = requests.get(f"{platform.url}/practice/organizations", timeout=60).json()
        assert [one["withheld"] for one in told[0]["divisions"]] == [[], [], ["*"]]


def test_a_division_that_is_not_there_is_named_by_the_control_and_nothing_changes(bank: Caller) -> None:
    told = {"organization": "northwind", "remove": ["Emea"]}
    wrong = requests.post(f"{bank.platform.url}/practice/divisions", json=told, timeout=60)
    assert wrong.status_code == 400
    assert "Emea is no division of northwind; there are Home, EMEA, Card security." in wrong.json()["message"]
    assert len(names(bank, QUEUES)) == 3
