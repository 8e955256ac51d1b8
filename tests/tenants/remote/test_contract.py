"""The client against the practice platform, which was written from PLATFORM.md by other hands."""

import base64
import hashlib
import json
import threading
from typing import Any

import pytest

from console.practice.server import PracticeServer
from tenants.remote import (
    Answer,
    ConnectionLost,
    CredentialsRefused,
    NotJson,
    ObjectMissing,
    Organization,
    PermissionMissing,
    Platform,
    RateLimited,
    Redirected,
    RemoteUnavailable,
    RequestRefused,
    TimedOut,
    error_body,
    fill_path,
    holds,
    usable_for_if_match,
)
from tenants.remote.client import Credentials
from tenants.remote.tokens import TokenCache
from tenants.resource_types import Refusal, all_types, author_of, classify, content_digest, get, version_of
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


# Reading


def test_a_read_gives_the_exact_bytes_the_etag_with_its_quotes_and_the_correlation_id(
    practice: PracticeServer, bank: Platform
) -> None:
    answer = bank.read(CONFIG)

    assert answer.status == 200
    assert json.loads(answer.body)["id"] == "cfg-1"
    assert answer.etag is not None
    assert answer.etag.startswith(b'"')
    assert answer.etag.endswith(b'"')
    assert usable_for_if_match(answer.etag)
    assert answer.correlation_id == practice.requests()[-1]["correlation_id"]
    assert answer.content_type.startswith("application/json")
    assert answer.server_date is not None
    assert abs((answer.received_at - answer.server_date).total_seconds()) < 60


def test_an_unchanged_object_costs_a_304_without_a_body(bank: Platform) -> None:
    live = bank.read(CONFIG)

    again = bank.read(CONFIG, if_none_match=live.etag)

    assert again.not_modified
    assert again.body == b""
    assert again.etag == live.etag


def test_a_changed_object_comes_whole_although_it_was_asked_for_conditionally(
    practice: PracticeServer, bank: Platform
) -> None:
    live = bank.read(CONFIG)
    practice.set_switches("northwind", propagation_seconds=0)
    practice.foreign_write(CONFIG, by="Ines Duarte")

    again = bank.read(CONFIG, if_none_match=live.etag)

    assert again.status == 200
    assert again.etag != live.etag
    assert version_of(ASSIST, json.loads(again.body)) == (version_of(ASSIST, json.loads(live.body)) or 0) + 1


def test_a_weak_etag_is_kept_as_it_came_and_is_no_guard(practice: PracticeServer, bank: Platform) -> None:
    practice.add_fault("weak_etag", path=FAULTY)

    etag = bank.read(CONFIG).etag

    assert etag is not None
    assert etag.startswith(b'W/"')
    assert not usable_for_if_match(etag)


@pytest.mark.parametrize("kind", ["unavailable_503", "gateway_504", "half_body"])
def test_a_read_that_fails_twice_is_answered_by_the_third(practice: PracticeServer, bank: Platform, kind: str) -> None:
    practice.add_fault(kind, method="GET", path=FAULTY, times=2)

    assert bank.read(CONFIG).status == 200
    assert asked(practice, "GET") == 3


def test_a_read_that_keeps_failing_is_given_up_after_three_tries(practice: PracticeServer, bank: Platform) -> None:
    practice.add_fault("unavailable_503", method="GET", path=FAULTY, times=None)

    with pytest.raises(RemoteUnavailable) as failed:
        bank.read(CONFIG)

    assert failed.value.status == 503
    assert failed.value.code == "service.unavailable"
    assert failed.value.correlation_id
    assert asked(practice, "GET") == 3


def test_a_limited_read_waits_for_as_long_as_the_platform_asks(practice: PracticeServer, connect: Connect) -> None:
    waited: list[float] = []
    platform = connect(sleep=waited.append, jitter=lambda: 0.0)
    practice.add_fault("rate_limited_429", path=FAULTY, seconds=2)

    assert platform.read(CONFIG).status == 200
    assert waited == [2.0]


def test_a_limited_read_that_would_wait_too_long_is_the_callers_to_plan(
    practice: PracticeServer, connect: Connect
) -> None:
    waited: list[float] = []
    platform = connect(sleep=waited.append)
    practice.add_fault("rate_limited_429", path=FAULTY, seconds=42)

    with pytest.raises(RateLimited, match="Try again in 42 seconds") as limited:
        platform.read(CONFIG)

    assert limited.value.retry_after == 42
    assert waited == []
    assert asked(practice, "GET") == 1


def test_the_pauses_between_tries_grow_and_are_spread_by_full_jitter(
    practice: PracticeServer, connect: Connect
) -> None:
    waited: list[float] = []
    chances = iter([0.5, 1.0])
    platform = connect(sleep=waited.append, jitter=lambda: next(chances))
    practice.add_fault("rate_limited_429", path=FAULTY, retry_after=False, times=2)

    assert platform.read(CONFIG).status == 200
    assert waited == pytest.approx([0.005, 0.02])


def test_a_read_gives_up_when_its_patience_ends_although_tries_are_left(
    practice: PracticeServer, connect: Connect
) -> None:
    times = iter([0.0, 59.995])
    platform = connect(clock=lambda: next(times), jitter=lambda: 1.0)
    practice.add_fault("unavailable_503", path=FAULTY, times=None)

    with pytest.raises(RemoteUnavailable):
        platform.read(CONFIG)

    assert asked(practice, "GET") == 1


def test_an_object_that_is_not_there_is_said_so_by_the_platform_itself(bank: Platform) -> None:
    with pytest.raises(ObjectMissing) as missing:
        bank.read(fill_path(ASSIST.object_path, object_id="cfg-404"))

    assert (missing.value.status, missing.value.code) == (404, "not.found")


def test_a_page_of_a_gateway_is_not_taken_for_a_configuration(practice: PracticeServer, bank: Platform) -> None:
    practice.add_fault("html_200", path=FAULTY)

    with pytest.raises(NotJson, match="text/html"):
        bank.read(CONFIG)


def test_a_redirect_is_not_followed(practice: PracticeServer, bank: Platform) -> None:
    practice.add_fault("redirect_302", path=FAULTY)

    with pytest.raises(Redirected, match="no token goes to a stranger"):
        bank.read(CONFIG)
    assert [one["path"] for one in practice.requests()] == ["/oauth/token", CONFIG]


@pytest.mark.parametrize("object_id", ["../cfg-1", "a/b?c#d", "%2e%2e", "name with spaces", "é→\u0000"])
def test_an_object_id_stays_inside_its_place_in_the_path(
    practice: PracticeServer, bank: Platform, object_id: str
) -> None:
    with pytest.raises(ObjectMissing):
        bank.read(fill_path(ASSIST.object_path, object_id=object_id))

    assert practice.requests()[-1]["path"] == f"/api/v2/agentassist/configs/{object_id}"


# Tokens


def test_one_token_serves_every_request(practice: PracticeServer, bank: Platform) -> None:
    for _ in range(3):
        bank.read(CONFIG)

    assert asked(practice, "POST", "/oauth/token") == 1


def test_twenty_threads_fetch_one_token(practice: PracticeServer, bank: Platform) -> None:
    practice.add_fault("slow", path="/oauth/token", seconds=0.2)
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(bank.read(CONFIG).status)) for _ in range(20)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 20
    assert asked(practice, "POST", "/oauth/token") == 1


def test_a_token_is_renewed_before_it_ends(practice: PracticeServer, connect: Connect) -> None:
    now = [0.0]
    platform = connect(tokens=TokenCache(clock=lambda: now[0]))
    practice.set_switches("northwind", token_seconds=600)

    platform.read(CONFIG)
    now[0] = 539.0
    platform.read(CONFIG)
    assert asked(practice, "POST", "/oauth/token") == 1
    now[0] = 541.0
    platform.read(CONFIG)
    assert asked(practice, "POST", "/oauth/token") == 2


def test_a_token_that_was_revoked_is_renewed_once_and_the_read_succeeds(
    practice: PracticeServer, bank: Platform
) -> None:
    bank.read(CONFIG)
    practice.platform.access.revoke(None, expire=False)

    assert bank.read(CONFIG).status == 200
    assert asked(practice, "POST", "/oauth/token") == 2
    assert asked(practice, "GET") == 3


def test_a_platform_that_accepts_no_token_is_not_asked_for_ever(practice: PracticeServer, bank: Platform) -> None:
    practice.add_fault("unauthorized_401", path=FAULTY, times=None)

    with pytest.raises(CredentialsRefused) as refused:
        bank.read(CONFIG)

    assert refused.value.status == 401
    assert asked(practice, "GET") == 2
    assert asked(practice, "POST", "/oauth/token") == 2


def test_a_wrong_secret_is_refused_with_a_sentence_that_does_not_show_it(
    practice: PracticeServer, connect: Connect
) -> None:
    client_id = practice.credentials["northwind"].client_id
    platform = connect(credentials=Credentials(client_id=client_id, client_secret="not-the-secret"))

    with pytest.raises(CredentialsRefused) as refused:
        platform.read(CONFIG)

    assert refused.value.code == "invalid_client"
    assert refused.value.sent is False
    assert client_id in refused.value.sentence
    assert "not-the-secret" not in refused.value.sentence
    assert "Check the tenant's client id" in refused.value.sentence


def test_neither_secret_nor_token_is_in_a_repr(practice: PracticeServer, bank: Platform) -> None:
    bank.read(CONFIG)
    one = practice.credentials["northwind"]
    texts = [repr(bank), repr(Credentials(client_id=one.client_id, client_secret=one.client_secret))]

    assert all(one.client_secret not in text for text in texts)
    assert one.client_id in texts[0]


def test_neither_secret_nor_token_is_in_the_log(
    practice: PracticeServer, bank: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    bank.read(CONFIG)
    practice.add_fault("unauthorized_401", path=FAULTY, times=None)
    with pytest.raises(CredentialsRefused):
        bank.read(CONFIG)

    one = practice.credentials["northwind"]
    pair = base64.b64encode(f"{one.client_id}:{one.client_secret}".encode()).decode()
    secrets = [one.client_secret, pair, *practice.platform.access._tokens]
    assert len(secrets) == 4
    assert not [text for text in secrets if text in caplog.text]


# Who the client is


def test_the_organization_and_the_permissions_are_those_of_the_client(practice: PracticeServer, bank: Platform) -> None:
    one = practice.credentials["northwind"]
    permissions = bank.client_permissions()

    assert bank.organization() == Organization(id=one.organization_id, name=one.organization_name)
    for rtype in all_types():
        assert holds(permissions, rtype.read_permission)
        assert holds(permissions, rtype.write_permission)
    assert not holds(permissions, "routing:queue:delete")


def test_a_permission_that_is_missing_is_missing_in_the_list_and_refused_by_the_platform(
    practice: PracticeServer, bank: Platform
) -> None:
    practice.platform.store.set_permissions(
        practice.platform.store.organizations["northwind"], {"routing:queue:view", "agent-scripting:write"}
    )

    permissions = bank.client_permissions()

    assert permissions == {"routing:queue:view", "agent-scripting:write", "agent-scripting:*:write"}
    with pytest.raises(PermissionMissing, match=r"agentassist:config:read"):
        bank.read(CONFIG)


# Lists


def test_a_list_is_walked_to_its_end_and_each_item_is_given_as_its_bytes(
    practice: PracticeServer, bank: Platform
) -> None:
    versions = [json.loads(raw)["version"] for raw in bank.entities(f"{CONFIG}/versions", params={"pageSize": 7})]
    live = version_of(ASSIST, json.loads(bank.read(CONFIG).body))

    assert live is not None
    assert versions == list(range(live, 0, -1))


def test_a_list_of_several_pages_costs_one_request_a_page(practice: PracticeServer, connect: Connect) -> None:
    for number in range(205):
        practice.foreign_write(CONFIG, by=f"Night shift {number}")
    platform = connect()

    versions = [json.loads(raw)["version"] for raw in platform.entities(f"{CONFIG}/versions")]

    assert len(versions) > 205
    assert len(set(versions)) == len(versions)
    pages = [one["query"]["pageNumber"] for one in practice.requests() if one["path"].endswith("/versions")]
    assert pages == [str(number + 1) for number in range(-(-len(versions) // 100))]


@pytest.mark.parametrize("name", ["agentassist.config", "outbound.campaign", "routing.queue"])
def test_every_type_that_can_be_listed_is_listed_with_ids_that_can_be_read(bank: Platform, name: str) -> None:
    rtype = get(name)
    assert rtype.list_path is not None

    shown = [json.loads(raw) for raw in bank.entities(rtype.list_path)]

    assert shown
    for one in shown:
        live = json.loads(bank.read(fill_path(rtype.object_path, object_id=one["id"])).body)
        assert live["name"] == one["name"]
        assert set(live) <= rtype.known


def test_a_version_of_the_history_has_the_bytes_of_its_content(bank: Platform) -> None:
    live = bank.read(CONFIG)
    version = version_of(ASSIST, json.loads(live.body))
    assert ASSIST.history_version_path is not None

    shown = bank.read(fill_path(ASSIST.history_version_path, object_id="cfg-1", version=version))

    assert content_digest(ASSIST, json.loads(shown.body)) == content_digest(ASSIST, json.loads(live.body))
    assert shown.etag is None


# Writing


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
    practice: PracticeServer, bank: Platform
) -> None:
    live = bank.read(CONFIG)
    practice.add_fault("timeout", method="PUT", path=FAULTY, seconds=5)

    with pytest.raises(TimedOut, match="Whether it took effect is not known") as late:
        bank.write("PUT", CONFIG, next_body(live, name="x"), if_match=live.etag)

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
    assert alias.write_permission == "analytics:agentassist-config:write"

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
