"""The platform's own audits name who changed what, from where; late, never, or page by page, as they are told to."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from console.practice.server import PracticeServer
from tests.console.practice_world import CONFIG, NOW, Caller, calling

REALTIME = "/api/v2/audits/query/realtime"
QUERY = "/api/v2/audits/query"
EVER: dict[str, Any] = {
    "interval": "2020-01-01T00:00:00Z/2100-01-01T00:00:00Z",
    "filters": [{"property": "EntityId", "value": "cfg-1"}],
}


@pytest.fixture
def bank() -> Iterator[Caller]:
    with PracticeServer(now=NOW) as platform, calling(platform) as caller:
        yield caller


def write(bank: Caller, **changes: Any) -> None:
    body, etag = bank.next_write(**changes)
    assert bank.put(CONFIG, body, if_match=etag).status_code == 200


def entries(bank: Caller, **asked: Any) -> list[dict[str, Any]]:
    """Return what was written since the platform was founded, newest first."""
    answer = bank.post(REALTIME, {**EVER, **asked})
    assert answer.status_code == 200, answer.text
    return [one for one in answer.json()["entities"] if datetime.fromisoformat(one["eventDate"]) > NOW]


def test_an_entry_names_user_client_address_and_what_changed(bank: Caller) -> None:
    write(bank, trafficPercent=50)
    bank.platform.foreign_write(CONFIG, by="Ines Duarte")
    theirs, ours = entries(bank, serviceName="AgentAssist")
    assert ours["client"]["id"] == bank.platform.credentials["northwind"].client_id
    assert (ours["remoteIp"], ours["entity"]["id"], ours["status"]) == (["127.0.0.1"], "cfg-1", "SUCCESS")
    assert ours["propertyChanges"] == [{"property": "trafficPercent", "oldValues": ["100"], "newValues": ["50"]}]
    assert (theirs["user"]["name"], theirs["client"], theirs["remoteIp"]) == ("Ines Duarte", None, ["198.51.100.23"])
    assert entries(bank, serviceName="Outbound") == []
    assert not {"version", "correlationId"} & set(ours)


@pytest.mark.parametrize(("name", "of_ours"), [("ClientId", "client"), ("UserId", "user")])
def test_entries_are_filtered_by_who_wrote(bank: Caller, name: str, of_ours: str) -> None:
    write(bank, trafficPercent=50)
    bank.platform.foreign_write(CONFIG)
    ours = entries(bank)[1]
    wanted = {"property": name, "value": ours[of_ours]["id"]}
    assert entries(bank, filters=[*EVER["filters"], wanted]) == [ours]


def test_an_entry_may_come_late_or_never(bank: Caller) -> None:
    bank.platform.set_switches("northwind", audit_delay_seconds=3600)
    write(bank, trafficPercent=50)
    assert entries(bank) == []
    bank.platform.set_switches("northwind", audit_delay_seconds=0, audits_lost=True)
    assert len(entries(bank)) == 1
    write(bank, trafficPercent=60)
    bank.platform.set_switches("northwind", audits_lost=False)
    assert [one["propertyChanges"][0]["newValues"] for one in entries(bank)] == [["50"]]


def test_an_asynchronous_query_runs_for_a_while_and_is_read_page_by_page(bank: Caller) -> None:
    write(bank, trafficPercent=50)
    bank.platform.set_switches("northwind", audit_query_seconds=3600)
    begun = bank.post(QUERY, EVER).json()
    there = f"{QUERY}/{begun['id']}"
    assert (begun["state"], bank.get(there).json()["state"]) == ("Running", "Running")
    assert bank.get(f"{there}/results").status_code == 409
    bank.platform.set_switches("northwind", audit_query_seconds=0)
    assert bank.get(there).json()["state"] == "Succeeded"
    found, cursor = [], ""
    while True:
        told = bank.get(f"{there}/results?pageSize=3{cursor}").json()
        found += told["entities"]
        if "cursor" not in told:
            break
        cursor = f"&cursor={told['cursor']}"
    whole = bank.get(f"{there}/results?pageSize=500").json()["entities"]
    assert found == whole
    assert len({one["id"] for one in found}) == len(found) > 3
    oldest = datetime.fromisoformat(found[-1]["eventDate"])
    assert (datetime.now(UTC) - oldest).days > 14, "what is older than 14 days is told here, and not at once"
    at_once = bank.post(REALTIME, {**EVER, "pageSize": 100}).json()
    assert 1 <= at_once["total"] < len(found)


def test_what_cannot_be_understood_or_is_not_allowed_is_refused(bank: Caller) -> None:
    assert bank.post(QUERY, {}).status_code == 400
    assert bank.post(REALTIME, {"filters": [{"property": "Colour", "value": "red"}]}).status_code == 400
    assert bank.get(REALTIME).status_code == 405
    assert bank.get(f"{QUERY}/unknown").status_code == 404
    begun = bank.post(QUERY, EVER).json()["id"]
    bank.platform.platform.control.set_permissions({"organization": "northwind", "remove": ["audits:audit:view"]})
    for answer in (bank.post(REALTIME, EVER), bank.post(QUERY, EVER), bank.get(f"{QUERY}/{begun}/results")):
        assert (answer.status_code, answer.json()["code"]) == (403, "missing.any.permissions")
        assert "audits:audit:view" in answer.json()["message"]
