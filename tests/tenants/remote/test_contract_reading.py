"""Reading from the practice platform, which was written from PLATFORM.md by other hands."""

import base64
import json
import threading
from functools import partial

import pytest

from console.practice.server import PracticeServer
from tenants.remote import (
    CredentialsRefused,
    NotJson,
    ObjectMissing,
    Organization,
    PermissionMissing,
    Platform,
    RateLimited,
    Redirected,
    RemoteUnavailable,
    fill_path,
    holds,
    usable_for_if_match,
)
from tenants.remote.client import Credentials
from tenants.remote.tokens import TokenCache
from tenants.resource_types import content_digest, get, version_of
from tests.tenants.remote.conftest import Connect

ASSIST = get("agentassist.config")
PRACTISED = (
    "agentassist.config",
    "analytics.agentassist.config",
    "scripting.session",
    "outbound.campaign",
    "routing.queue",
)
"""The types that the practice platform has."""
CONFIG = fill_path(ASSIST.object_path, object_id="cfg-1")
FAULTY = "/agentassist/configs/cfg-1$"


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


@pytest.mark.parametrize("object_id", ["../cfg-1", "a/b?c#d", "%2e%2e", "name with spaces", "é→\u0001"])
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
    for rtype in map(get, PRACTISED):
        assert not rtype.read_permissions.missing(partial(holds, permissions))
        assert not rtype.write_permissions.missing(partial(holds, permissions))
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
