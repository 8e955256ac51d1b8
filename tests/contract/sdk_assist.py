"""The assist family and scripting sessions: the SDK has no model of them, so its client is used as it is."""

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.practice import Practice
    from tests.contract.vendor import Vendor

CONFIGS = "/api/v2/agentassist/configs"
CONFIG = f"{CONFIGS}/cfg-1"
ALIAS = "/api/v2/analytics/agentassist/configs/cfg-1"
SESSIONS = "/api/v2/agent-scripting/sessions"


def test_the_list_leads_to_the_configuration_and_the_history_to_every_version(bank: "Vendor") -> None:
    listed = bank.call("GET", CONFIGS)
    assert "cfg-1" in [one["id"] for one in listed["entities"]]
    live = bank.call("GET", CONFIG)
    versions: list[int] = []
    path = f"{CONFIG}/versions?pageSize=10"
    while path:
        page = bank.call("GET", path)
        versions += [one["version"] for one in page["entities"]]
        path = page.get("nextUri", "")
    assert versions == list(range(live["version"], 0, -1))
    old = bank.call("GET", f"{CONFIG}/versions/41")
    assert (old["version"], old["id"]) == (41, "cfg-1")
    assert old["content"] != live["content"]
    assert bank.header("ETag") is None


@pytest.mark.parametrize("path", [CONFIG, ALIAS], ids=["its own path", "the alias of analytics"])
def test_going_back_is_a_plain_write_of_the_old_content_under_the_live_etag(
    bank: "Vendor", practice: "Practice", path: str
) -> None:
    old = bank.call("GET", f"{path}/versions/41")
    live = bank.call("GET", path)
    etag = bank.header("ETag")
    assert etag is not None
    assert etag.startswith(f'"{live["version"]}-')
    body = {**live, "content": old["content"], "version": live["version"] + 1}
    written = bank.call("PUT", path, body, If_Match=etag)
    assert (written["version"], written["content"]) == (live["version"] + 1, old["content"])
    after = bank.call("GET", path)
    assert (after["content"], after["version"]) == (old["content"], live["version"] + 1)
    assert bank.header("ETag") != etag
    [write] = practice.writes("cfg-1")[-1:]
    assert (write["if_match"], write["path"]) == (etag, path)


@pytest.mark.parametrize(
    ("change", "if_match", "status", "code"),
    [
        ({}, '"1-000000"', 409, "general.conflict"),
        ({}, None, 428, "precondition.required"),
        ({"version": 1}, "live", 400, "invalid.version"),
        ({"versionRevert": 41}, "live", 400, "invalid.property"),
        ({"trafficPercent": 140}, "live", 400, "invalid.value"),
    ],
    ids=["a stale ETag", "no ETag", "a stale version", "an unknown key", "a bad value"],
)
def test_each_guard_refuses_in_its_own_way_and_nothing_is_written(
    bank: "Vendor", practice: "Practice", change: dict[str, Any], if_match: str | None, status: int, code: str
) -> None:
    live = bank.call("GET", CONFIG)
    guard = bank.header("ETag") if if_match == "live" else if_match
    headers = {} if guard is None else {"If_Match": guard}
    landed = len(practice.writes("cfg-1"))
    with pytest.raises(bank.exception) as refused:
        bank.call("PUT", CONFIG, {**live, "version": live["version"] + 1, **change}, **headers)
    error = json.loads(refused.value.body)
    assert (refused.value.status, error["code"]) == (status, code)
    assert refused.value.headers["ININ-Correlation-Id"] == error["contextId"]
    assert len(practice.writes("cfg-1")) == landed


def test_what_has_not_changed_is_a_304_without_a_body(bank: "Vendor") -> None:
    bank.call("GET", CONFIG)
    etag = bank.header("ETag")
    assert etag is not None
    with pytest.raises(bank.exception) as same:
        bank.call("GET", CONFIG, If_None_Match=etag)
    assert (same.value.status, same.value.body, same.value.headers["ETag"]) == (304, "", etag)


def test_at_lamna_a_lost_race_is_a_412(client_of: Any) -> None:
    lamna = client_of("lamna")
    path = f"{CONFIGS}/{lamna.call('GET', CONFIGS)['entities'][0]['id']}"
    live = lamna.call("GET", path)
    with pytest.raises(lamna.exception) as refused:
        lamna.call("PUT", path, {**live, "version": live["version"] + 1}, If_Match='"1-000000"')
    assert (refused.value.status, json.loads(refused.value.body)["code"]) == (412, "precondition.failed")


def test_a_session_takes_version_plus_one_and_calls_a_lost_race_a_lock(bank: "Vendor", practice: "Practice") -> None:
    path = f"{SESSIONS}/{bank.call('GET', SESSIONS)['entities'][0]['id']}"
    live = bank.call("GET", path)
    written = bank.call("PUT", path, {"data": {"step": "done"}, "version": live["version"] + 1})
    assert (written["version"], written["data"]) == (live["version"] + 1, {"step": "done"})
    with pytest.raises(bank.exception) as refused:
        bank.call("PUT", path, {"data": {}, "version": live["version"] + 1})
    error = json.loads(refused.value.body)
    assert (refused.value.status, error["code"]) == (409, "general.conflict")
    assert "currently locked" in error["message"]
    assert len(practice.writes(live["id"])) == 1


def test_the_version_that_routing_uses_can_be_asked_for(bank: "Vendor") -> None:
    live = bank.call("GET", CONFIG)
    predicate = {"dimension": "configurationId", "value": "cfg-1"}
    told = bank.call(
        "POST",
        "/api/v2/analytics/agentassist/conversations/query",
        {"filter": {"type": "and", "predicates": [predicate]}},
    )
    assert told["results"][-1]["group"]["configurationVersionId"] == str(live["version"])
