"""Writing to the practice platform, which was written from PLATFORM.md by other hands: once, and never more."""

import hashlib
import json
from typing import Any

import pytest

from console.practice.server import PracticeServer
from tenants.remote import (
    Answer,
    ConnectionLost,
    Limits,
    Platform,
    Redirected,
    RemoteUnavailable,
    RequestRefused,
    TimedOut,
    error_body,
    fill_path,
)
from tenants.resource_types import Refusal, author_of, classify, get, version_of
from tests.tenants.remote.conftest import Connect

ASSIST = get("agentassist.config")
CONFIG = fill_path(ASSIST.object_path, object_id="cfg-1")
FAULTY = "/agentassist/configs/cfg-1$"


def next_body(live: Answer, **changes: Any) -> bytes:
    """Give a body that may follow live."""
    shown = json.loads(live.body)
    return json.dumps({**shown, "version": shown["version"] + 1, **changes}).encode()


def asked(practice: PracticeServer, method: str, path: str = CONFIG) -> int:
    """Count the requests that reached the platform."""
    return sum(one["method"] == method and one["path"] == path for one in practice.requests())


def test_a_guarded_write_lands_once_and_is_ours(practice: PracticeServer, bank: Platform) -> None:
    live = bank.read(CONFIG)
    body = next_body(live, name="Agent Assist – Billing EMEA (restored)")

    answer = bank.write("PUT", CONFIG, body, if_match=live.etag)

    (write,) = practice.writes("cfg-1")
    assert answer.status == 200
    assert write["if_match"].encode() == live.etag
    assert write["sha256"] == hashlib.sha256(body).hexdigest()
    assert write["correlation_id"] == answer.correlation_id
    assert write["etag"].encode() == answer.etag
    assert author_of(json.loads(answer.body)).app_id == bank.client_id


@pytest.mark.parametrize(
    ("kind", "status", "meaning", "landed"),
    [
        ("locked_409", 409, Refusal.LOCKED, 0),
        ("conflict_412", 412, Refusal.LOST_RACE, 0),
        ("false_412", 412, Refusal.LOST_RACE, 1),
        ("false_409", 409, Refusal.LOST_RACE, 1),
        ("unavailable_503", 503, Refusal.UNKNOWN, 0),
        ("gateway_504", 504, Refusal.UNKNOWN, 1),
        ("rate_limited_429", 429, Refusal.RATE_LIMITED, 0),
        ("unauthorized_401", 401, Refusal.UNAUTHORIZED, 0),
    ],
)
def test_a_write_gives_back_whatever_status_came_and_is_never_repeated(
    practice: PracticeServer, bank: Platform, kind: str, status: int, meaning: Refusal, landed: int
) -> None:
    live = bank.read(CONFIG)
    practice.add_fault(kind, method="PUT", path=FAULTY)

    answer = bank.write("PUT", CONFIG, next_body(live, name="Restored"), if_match=live.etag)

    said = error_body(answer)
    assert answer.status == status
    assert classify(ASSIST, status=status, code=said.code, message=said.message) is meaning
    assert asked(practice, "PUT") == 1
    assert len(practice.writes("cfg-1")) == landed
    assert bank.read(CONFIG).status == 200


def test_a_limited_write_says_for_how_long(practice: PracticeServer, bank: Platform) -> None:
    live = bank.read(CONFIG)
    practice.add_fault("rate_limited_429", method="PUT", path=FAULTY, seconds=42)

    assert bank.write("PUT", CONFIG, next_body(live), if_match=live.etag).retry_after == 42


@pytest.mark.parametrize(
    ("kind", "error", "landed"),
    [
        ("drop_before_commit", ConnectionLost, 0),
        ("drop_after_commit", ConnectionLost, 1),
        ("half_body", ConnectionLost, 1),
        ("html_200", None, 0),
        ("redirect_302", Redirected, 0),
    ],
)
def test_a_write_without_a_usable_answer_is_sent_once_and_nothing_is_claimed(
    practice: PracticeServer, bank: Platform, kind: str, error: type[Exception] | None, landed: int
) -> None:
    live = bank.read(CONFIG)
    practice.add_fault(kind, method="PUT", path=FAULTY)

    if error is None:
        assert bank.write("PUT", CONFIG, next_body(live, name="x"), if_match=live.etag).content_type.startswith(
            "text/html"
        )
    else:
        with pytest.raises(error, match="read the object") as lost:
            bank.write("PUT", CONFIG, next_body(live, name="x"), if_match=live.etag)
        assert getattr(lost.value, "sent", None) is True

    assert asked(practice, "PUT") == 1
    assert len(practice.writes("cfg-1")) == landed


def test_a_write_whose_answer_is_held_back_times_out_and_is_not_repeated(
    practice: PracticeServer, bank: Platform, connect: Connect
) -> None:
    live = bank.read(CONFIG)
    practice.add_fault("timeout", method="PUT", path=FAULTY, seconds=30)

    with pytest.raises(TimedOut, match="Whether it took effect is not known") as late:
        connect(limits=Limits(read_seconds=1)).write("PUT", CONFIG, next_body(live, name="x"), if_match=live.etag)

    assert late.value.sent is True
    assert asked(practice, "PUT") == 1
    assert len(practice.writes("cfg-1")) == 1


def test_a_write_that_finds_no_token_was_not_sent(practice: PracticeServer, bank: Platform) -> None:
    practice.add_fault("unavailable_503", method="POST", path="/oauth/token")

    with pytest.raises(RemoteUnavailable) as failed:
        bank.write("PUT", CONFIG, b"{}", if_match=b'"1-a"')

    assert failed.value.sent is False
    assert asked(practice, "PUT") == 0


def test_the_next_write_after_a_401_carries_a_new_token(practice: PracticeServer, bank: Platform) -> None:
    live = bank.read(CONFIG)
    practice.platform.access.revoke(None, expire=True)
    body = next_body(live, name="Restored")

    first = bank.write("PUT", CONFIG, body, if_match=live.etag)
    second = bank.write("PUT", CONFIG, body, if_match=live.etag)

    assert (first.status, second.status) == (401, 200)
    assert error_body(first).code == "credentials.expired"


def test_the_platforms_refusal_of_a_property_is_for_good(practice: PracticeServer, bank: Platform) -> None:
    live = bank.read(CONFIG)

    answer = bank.write("PUT", CONFIG, next_body(live, versionRevert=3), if_match=live.etag)

    said = error_body(answer)
    assert (answer.status, said.code) == (400, "invalid.property")
    assert "versionRevert" in said.message
    assert classify(ASSIST, status=400, code=said.code, message=said.message) is Refusal.FOR_GOOD
    assert practice.writes("cfg-1") == []


@pytest.mark.parametrize("lost_race_status", [409, 412])
@pytest.mark.parametrize("wrong_version_status", [400, 409])
def test_a_lost_race_is_recognized_however_the_service_says_it(
    practice: PracticeServer, bank: Platform, lost_race_status: int, wrong_version_status: int
) -> None:
    practice.set_switches(
        "northwind", lost_race_status=lost_race_status, wrong_version_status=wrong_version_status, propagation_seconds=0
    )
    live = bank.read(CONFIG)
    stale = next_body(live, name="Restored")
    practice.foreign_write(CONFIG, by="Ines Duarte")
    moved = bank.read(CONFIG)

    for body, guard in ((stale, live.etag), (stale, moved.etag), (next_body(moved), live.etag)):
        answer = bank.write("PUT", CONFIG, body, if_match=guard)
        said = error_body(answer)
        assert classify(ASSIST, status=answer.status, code=said.code, message=said.message) is Refusal.LOST_RACE

    assert [write["by"]["name"] for write in practice.writes("cfg-1")] == ["Ines Duarte"]


def test_the_alias_writes_the_same_object_under_its_own_permission(practice: PracticeServer, bank: Platform) -> None:
    alias = get("analytics.agentassist.config")
    path = fill_path(alias.object_path, object_id="cfg-1")
    live = bank.read(path)
    assert alias.write_permissions.names == ("analytics:agentassist-config:write",)

    answer = bank.write("PUT", path, next_body(live, name="Through the alias"), if_match=live.etag)

    assert answer.status == 200
    assert practice.writes("cfg-1")[0]["path"] == path


@pytest.mark.parametrize("name", ["outbound.campaign", "routing.queue"])
def test_a_body_of_writable_and_stateful_members_is_accepted_for_the_published_types(
    practice: PracticeServer, bank: Platform, name: str
) -> None:
    rtype = get(name)
    assert rtype.list_path is not None
    first = json.loads(next(bank.entities(rtype.list_path)))
    path = fill_path(rtype.object_path, object_id=first["id"])
    live = json.loads(bank.read(path).body)
    body = {key: live[key] for key in (*rtype.writable, *rtype.from_live) if key in live}
    body |= {} if version_of(rtype, live) is None else {"version": live["version"]}

    answer = bank.write(
        rtype.update_method, path, json.dumps({**body, "name": "Renamed at night"}).encode(), if_match=None
    )

    assert answer.status == 200
    assert json.loads(answer.body)["name"] == "Renamed at night"
    assert len(practice.writes(first["id"])) == 1


def test_a_question_by_post_is_answered_and_not_repeated(practice: PracticeServer, bank: Platform) -> None:
    path = ASSIST.active_version_query
    assert path is not None
    query = {
        "interval": "2026-01-01T00:00:00Z/2027-12-31T00:00:00Z",
        "filter": {"type": "and", "predicates": [{"dimension": "configurationId", "value": "cfg-1"}]},
    }

    assert "results" in json.loads(bank.ask(path, json.dumps(query).encode()).body)
    with pytest.raises(RequestRefused):
        bank.ask(path, b"[]")
    practice.add_fault("unavailable_503", method="POST", path="/query$")
    with pytest.raises(RemoteUnavailable):
        bank.ask(path, b"{}")
    assert asked(practice, "POST", path) == 3
