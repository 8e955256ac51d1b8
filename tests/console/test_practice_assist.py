"""The assist contract of PLATFORM.md, asked over HTTP."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from console.practice.server import PracticeServer
from tests.console.practice_world import ALIAS, CONFIG, NOW, Caller, calling


@pytest.fixture
def bank() -> Iterator[Caller]:
    with PracticeServer(now=NOW) as platform, calling(platform) as caller:
        yield caller


def test_a_configuration_carries_its_version_in_a_strong_quoted_etag(bank: Caller) -> None:
    answer = bank.get(CONFIG)
    body = answer.json()
    assert (body["id"], body["name"], body["version"]) == ("cfg-1", "Agent Assist – Billing EMEA", 42)
    assert re.fullmatch(r'"42-[0-9a-f]{6}"', answer.headers["ETag"])
    assert list(body) == [
        "id",
        "name",
        "version",
        "content",
        "trafficPercent",
        "deployed",
        "deploymentId",
        "dateModified",
        "modifiedBy",
        "modifiedByApp",
        "selfUri",
    ]


def test_a_known_etag_is_answered_304_without_a_body_until_the_object_moves(bank: Caller) -> None:
    etag = bank.get(CONFIG).headers["ETag"]
    same = bank.get(CONFIG, **{"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    bank.platform.foreign_write(CONFIG)
    assert bank.get(CONFIG, **{"If-None-Match": etag}).status_code == 200


def test_a_guarded_write_becomes_the_next_version_and_is_logged_once(bank: Caller) -> None:
    body, etag = bank.next_write(trafficPercent=50)
    written = bank.put(CONFIG, body, if_match=etag)
    assert (written.status_code, written.json()["version"], written.json()["trafficPercent"]) == (200, 43, 50)
    assert written.headers["ETag"] == bank.get(CONFIG).headers["ETag"] != etag
    client = bank.platform.credentials["northwind"].client_id
    assert written.json()["modifiedByApp"] == client
    [write] = bank.platform.writes("cfg-1")
    assert (write["sequence"], write["version"], write["client"], write["if_match"]) == (1, 43, client, etag)
    assert write["correlation_id"] == written.headers["ININ-Correlation-Id"]


def test_time_never_runs_backwards_in_the_history() -> None:
    ahead = NOW.replace(year=2100)
    with PracticeServer(now=ahead) as platform, calling(platform) as bank:
        body, etag = bank.next_write()
        bank.put(CONFIG, body, if_match=etag)
        platform.foreign_write(CONFIG)
        dates = [one["dateModified"] for one in bank.get(CONFIG + "/versions").json()["entities"]]
        assert dates == sorted(dates, reverse=True)


def test_a_second_write_on_the_same_base_is_refused_and_changes_nothing(bank: Caller) -> None:
    body, etag = bank.next_write(trafficPercent=50)
    bank.put(CONFIG, body, if_match=etag)
    before = bank.get(CONFIG).content
    lost = bank.put(CONFIG, {**body, "trafficPercent": 1}, if_match=etag)
    assert (lost.status_code, lost.json()["code"]) == (409, "general.conflict")
    assert bank.get(CONFIG).content == before
    assert len(bank.platform.writes()) == 1


def test_a_gateway_may_say_412_for_a_lost_race(bank: Caller) -> None:
    bank.platform.set_switches("northwind", lost_race_status=412)
    body, etag = bank.next_write()
    bank.platform.foreign_write(CONFIG)
    assert bank.put(CONFIG, body, if_match=etag).status_code == 412


@pytest.mark.parametrize(
    "guard",
    [None, "*"],
    ids=["without If-Match", "with any entity tag"],
)
def test_an_unconditional_write_is_refused_with_428(bank: Caller, guard: str | None) -> None:
    body, _ = bank.next_write()
    refused = bank.put(CONFIG, body, if_match=guard)
    assert (refused.status_code, refused.json()["code"]) == (428, "precondition.required")
    assert bank.platform.writes() == []


def test_an_etag_without_quotes_or_a_weak_one_matches_nothing(bank: Caller) -> None:
    body, etag = bank.next_write()
    assert bank.put(CONFIG, body, if_match=etag.strip('"')).status_code == 409
    assert bank.put(CONFIG, body, if_match="W/" + etag).status_code == 409
    assert bank.put(CONFIG, body, if_match=f'"other", {etag}').status_code == 200


@pytest.mark.parametrize("version", [41, 42, 44, "43", None, 43.0], ids=str)
def test_only_the_live_version_plus_one_is_taken(bank: Caller, version: object) -> None:
    body, etag = bank.next_write(version=version)
    refused = bank.put(CONFIG, body, if_match=etag)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid.version")
    assert "expected 43" in refused.json()["message"]
    assert bank.platform.writes() == []


def test_an_unknown_root_key_is_refused_by_name_or_dropped_as_the_switch_says(bank: Caller) -> None:
    body, etag = bank.next_write(versionRevert=41)
    refused = bank.put(CONFIG, body, if_match=etag)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid.property")
    assert refused.json()["message"] == "Value [versionRevert] is not a valid property for object [AgentAssistConfig]"
    bank.platform.set_switches("northwind", unknown_keys="drop")
    assert bank.put(CONFIG, body, if_match=etag).status_code == 200
    assert "versionRevert" not in bank.get(CONFIG).json()


def test_what_a_put_leaves_out_is_reset(bank: Caller) -> None:
    body, etag = bank.next_write()
    bank.put(CONFIG, {"name": body["name"], "version": 43}, if_match=etag)
    live = bank.get(CONFIG).json()
    assert (live["content"], live["trafficPercent"], live["deployed"], live["deploymentId"]) == ({}, 0, False, None)


@pytest.mark.parametrize(
    ("key", "value"),
    [("name", 7), ("name", ""), ("trafficPercent", 101), ("trafficPercent", "50"), ("deployed", 1), ("id", "cfg-2")],
)
def test_a_member_of_the_wrong_kind_is_refused(bank: Caller, key: str, value: Any) -> None:
    body, etag = bank.next_write(CONFIG, **{key: value})
    refused = bank.put(CONFIG, body, if_match=etag)
    assert refused.status_code == 400
    assert f"[{key}]" in refused.json()["message"]
    assert bank.platform.writes() == []


@pytest.mark.parametrize(
    "content",
    [
        b'{"threshold":0.70,"big":123456789012345678901234567890,"small":1E-7}',
        b'{\r\n\t"b": 1,\r\n\t"a": [ ]\r\n}',
        b'{"text":"\\u00e9\\ud800 \xc3\xa9 }]","deep":{"]":"{,"}}',
        b" [1, 2 ]\n",
        b'{"a":1,"a":2}',
    ],
)
def test_content_is_kept_byte_for_byte(bank: Caller, content: bytes) -> None:
    _, etag = bank.next_write()
    raw = b'{ "version" : 43 ,"content":' + content + b',"name":"Agent Assist"}'
    written = bank.put(CONFIG, raw, if_match=etag)
    assert written.status_code == 200
    for path in (CONFIG, CONFIG + "/versions/43", ALIAS):
        assert b'"content":' + content + b',"trafficPercent"' in bank.get(path).content


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{", b'{"version":43,}', b'{"content":NaN}', b'{"name":"\xff"}', b"[" * 100_000, b"\xef\xbb\xbf{}"],
    ids=["empty", "no object", "torn", "comma", "NaN", "not UTF-8", "deep", "BOM"],
)
def test_malformed_json_is_answered_400_in_the_platforms_error_shape(bank: Caller, raw: bytes) -> None:
    _, etag = bank.next_write()
    refused = bank.put(CONFIG, raw, if_match=etag)
    error = refused.json()
    assert (refused.status_code, error["status"]) == (400, 400)
    assert set(error) == {
        "message",
        "code",
        "status",
        "contextId",
        "details",
        "errors",
        "messageWithParams",
        "messageParams",
    }
    assert bank.get(CONFIG).json()["version"] == 42


def test_a_name_with_a_lone_surrogate_and_a_number_of_any_length_break_nothing(bank: Caller) -> None:
    _, etag = bank.next_write()
    raw = b'{"name":"a\\ud800","version":43,"trafficPercent":%s}'
    refused = bank.put(CONFIG, raw % (b"9" * 6000), if_match=etag)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid.value")
    assert bank.put(CONFIG, raw % b"1.0", if_match=etag).status_code == 200
    assert b'"name":"a\\ud800"' in bank.get(CONFIG + "/versions?pageSize=1").content
    assert bank.session.get(bank.platform.url + "/", timeout=60).status_code == 200


def test_the_history_lists_the_newest_version_first_and_serves_full_snapshots(bank: Caller) -> None:
    listed = bank.get(CONFIG + "/versions?pageSize=100").json()
    assert [one["version"] for one in listed["entities"]] == list(range(42, 0, -1))
    assert listed["entities"][0]["modifiedBy"]["name"] == "Tom Becker"
    old = bank.get(CONFIG + "/versions/41")
    assert (old.status_code, old.json()["version"], "ETag" in old.headers) == (200, 41, False)
    assert "Card stolen" in [one["name"] for one in old.json()["content"]["rules"]]
    assert bank.get(CONFIG + "/versions/43").status_code == 404
    assert bank.get(CONFIG + "/versions/41/more").status_code == 404


def test_a_rollback_is_a_normal_write_of_an_old_snapshot(bank: Caller) -> None:
    old = bank.get(CONFIG + "/versions/41").json()
    _, etag = bank.next_write()
    assert bank.put(CONFIG, {**old, "version": 43}, if_match=etag).status_code == 200
    live = bank.get(CONFIG).json()
    assert (live["version"], live["content"]) == (43, old["content"])


def test_the_analytics_alias_shows_the_same_object_and_asks_for_its_own_permission(bank: Caller) -> None:
    assert bank.get(ALIAS).headers["ETag"] == bank.get(CONFIG).headers["ETag"]
    bank.platform.platform.control.set_permissions(
        {"organization": "northwind", "remove": ["analytics:agentassist-config:write"]}
    )
    body, etag = bank.next_write(ALIAS)
    refused = bank.put(ALIAS, body, if_match=etag)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing.any.permissions")
    assert "analytics:agentassist-config:write" in refused.json()["message"]
    assert bank.put(CONFIG, body, if_match=etag).status_code == 200


def test_a_list_is_paged_and_names_the_next_page_until_the_last(bank: Caller) -> None:
    first = bank.get("/api/v2/agentassist/configs?pageSize=2").json()
    assert (first["total"], first["pageCount"], len(first["entities"])) == (3, 2, 2)
    second = bank.get(first["nextUri"]).json()
    assert "nextUri" not in second
    assert bank.get(second["previousUri"]).json() == first
    assert "content" not in first["entities"][0]
    for wrong in ("pageSize=0", "pageSize=101", "pageNumber=x", "pageNumber=-1"):
        assert bank.get("/api/v2/agentassist/configs?" + wrong).status_code == 400
    assert bank.get("/api/v2/agentassist/configs?pageNumber=9").json()["entities"] == []


def test_what_is_not_there_is_404_and_what_cannot_be_done_is_405(bank: Caller) -> None:
    assert bank.get("/api/v2/agentassist/configs/cfg-99").json()["code"] == "not.found"
    assert bank.get("/api/v2/nothing").status_code == 404
    refused = bank.post(CONFIG, {})
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, PUT")


def test_a_body_beyond_the_limit_is_refused_with_413(bank: Caller) -> None:
    refused = bank.put(CONFIG, b" " * (8 * 1024 * 1024 + 1), if_match='"x"')
    assert (refused.status_code, refused.json()["status"]) == (413, 413)
    assert bank.get(CONFIG).status_code == 200


def test_an_equal_change_that_already_stands_may_be_answered_200(bank: Caller) -> None:
    body, etag = bank.next_write()
    raw = json.dumps(body).encode()
    bank.put(CONFIG, raw, if_match=etag)
    assert bank.put(CONFIG, raw, if_match=etag).status_code == 409
    bank.platform.set_switches("northwind", equal_write_succeeds=True)
    assert bank.put(CONFIG, raw, if_match=etag).status_code == 200
    assert len(bank.platform.writes()) == 1
