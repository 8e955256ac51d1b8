"""Scripting sessions, campaigns and queues follow other rules than assist configurations."""

from collections.abc import Iterator
from typing import Any

import pytest

from console.practice.server import PracticeServer
from tests.console.practice_world import NOW, Caller, calling

SESSIONS = "/api/v2/agent-scripting/sessions"
CAMPAIGNS = "/api/v2/outbound/campaigns"
QUEUES = "/api/v2/routing/queues"


@pytest.fixture
def bank() -> Iterator[Caller]:
    with PracticeServer(now=NOW) as platform, calling(platform) as caller:
        yield caller


def first(caller: Caller, path: str, position: int = 0) -> str:
    return f"{path}/{caller.get(path).json()['entities'][position]['id']}"


def test_a_session_takes_version_plus_one_and_has_no_etag(bank: Caller) -> None:
    path = first(bank, SESSIONS)
    live = bank.get(path)
    assert "ETag" not in live.headers
    written = bank.put(path, b'{"data":{"amount":10.50},"version":%d}' % (live.json()["version"] + 1))
    assert (written.status_code, written.json()["version"]) == (200, 4)
    assert b'"data":{"amount":10.50}' in bank.get(path).content


def test_a_session_that_moved_is_said_to_be_locked(bank: Caller) -> None:
    path = first(bank, SESSIONS)
    version = bank.get(path).json()["version"]
    bank.platform.foreign_write(path)
    lost = bank.put(path, {"data": {}, "version": version + 1})
    assert lost.status_code == 409
    assert (
        lost.json()["message"]
        == "The requested resource is currently locked or in a state that prevents the requested action."
    )
    assert bank.put(path, {"data": {}, "version": version + 9}).status_code == 400
    assert [one["client"] for one in bank.platform.writes()] == [None]


def test_a_session_carries_an_etag_where_the_switch_says_so_and_checks_it_when_it_comes_back(bank: Caller) -> None:
    bank.platform.set_switches("northwind", session_etag=True)
    path = first(bank, SESSIONS)
    body, etag = bank.next_write(path)
    assert bank.put(path, body, if_match='"3-000000"').status_code == 409
    assert bank.put(path, body, if_match=etag).status_code == 200


def test_a_campaign_echoes_the_live_version_and_the_server_counts(bank: Caller) -> None:
    path = first(bank, CAMPAIGNS)
    live = bank.get(path)
    body = live.json()
    assert "ETag" not in live.headers
    written = bank.put(path, {**body, "priority": 2})
    assert (written.status_code, written.json()["version"], written.json()["priority"]) == (200, 5, 2)
    for wrong in (4, 6, None):
        lost = bank.put(path, {**body, "version": wrong})
        assert (lost.status_code, lost.json()["code"]) == (409, "invalid.update.wrong.version")
    assert len(bank.platform.writes()) == 1


def test_a_finished_campaign_cannot_be_switched_off_by_an_old_snapshot(bank: Caller) -> None:
    path = first(bank, CAMPAIGNS, 1)
    body = bank.get(path).json()
    assert body["campaignStatus"] == "complete"
    refused = bank.put(path, {**body, "campaignStatus": "off"})
    assert (refused.status_code, refused.json()["message"]) == (400, "Invalid transition from <COMPLETE> to <OFF>")
    unknown = bank.put(path, {**body, "campaignStatus": "paused"})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "invalid.value")
    assert bank.put(path, body).status_code == 200


def test_a_running_campaign_refuses_another_contact_list_with_a_409_that_is_no_lost_race(bank: Caller) -> None:
    path = first(bank, CAMPAIGNS)
    body = bank.get(path).json()
    assert body["campaignStatus"] == "on"
    refused = bank.put(path, {**body, "contactList": {"id": "other", "name": "Other"}})
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid.update.campaign.active")
    assert bank.put(path, {**body, "contactList": {"id": "other"}, "campaignStatus": "off"}).status_code == 200


def test_a_campaign_without_a_required_member_is_refused(bank: Caller) -> None:
    path = first(bank, CAMPAIGNS)
    body = bank.get(path).json()
    del body["callerName"]
    assert "[callerName]" in bank.put(path, body).json()["message"]


def test_the_last_write_to_a_queue_wins(bank: Caller) -> None:
    path = first(bank, QUEUES)
    live = bank.get(path)
    body = live.json()
    assert "ETag" not in live.headers
    assert "version" not in body
    bank.platform.foreign_write(path, edits=[{"path": "/description", "value": "Changed by Ines"}])
    assert bank.put(path, body).status_code == 200
    assert bank.get(path).json()["description"] == body["description"]
    by_client = [one["client"] is not None for one in bank.platform.writes()]
    assert by_client == [False, True]


def test_a_queue_keeps_its_server_managed_members_and_refuses_a_version(bank: Caller) -> None:
    path = first(bank, QUEUES)
    body = bank.get(path).json()
    written = bank.put(path, {**body, "memberCount": 1, "dateModified": "1970-01-01T00:00:00Z"}).json()
    assert written["memberCount"] == body["memberCount"] != 1
    assert written["dateModified"] > body["dateModified"]
    refused = bank.put(path, {**body, "version": 2})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid.property")


def conversations(caller: Caller, **predicates: Any) -> list[dict[str, Any]]:
    wanted = [{"dimension": key, "value": value} for key, value in predicates.items()]
    answer = caller.post(
        "/api/v2/analytics/agentassist/conversations/query", {"filter": {"type": "and", "predicates": wanted}}
    )
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def test_routing_shows_the_new_version_only_after_the_propagation_delay(bank: Caller) -> None:
    bank.platform.set_switches("northwind", propagation_seconds=3600)
    bank.platform.foreign_write("/api/v2/agentassist/configs/cfg-1")
    [only] = conversations(bank, configurationId="cfg-1")
    assert only["group"]["configurationVersionId"] == "42"
    assert conversations(bank, configurationId="cfg-1", configurationVersionId="43") == []
    bank.platform.set_switches("northwind", propagation_seconds=0)
    shown = conversations(bank, configurationId="cfg-1")
    assert [one["group"]["configurationVersionId"] for one in shown] == ["42", "43"]
    assert shown[-1]["data"][0]["metrics"][0]["stats"]["count"] >= 1


def test_a_query_that_cannot_be_understood_is_refused(bank: Caller) -> None:
    path = "/api/v2/analytics/agentassist/conversations/query"
    assert bank.post(path, {"interval": "yesterday"}).status_code == 400
    assert bank.post(path, {"filter": {"predicates": [{"dimension": "colour"}]}}).status_code == 400
    assert bank.post(path, []).status_code == 400
    assert bank.get(path).status_code == 405
