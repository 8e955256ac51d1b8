"""Tokens, identity, permissions and limits of the practice platform."""

from collections.abc import Iterator

import pytest
import requests

from console.practice.server import PracticeServer
from tests.console.practice_world import CONFIG, NOW, Caller, calling


@pytest.fixture
def bank() -> Iterator[Caller]:
    with PracticeServer(now=NOW) as platform, calling(platform) as caller:
        yield caller


def ask_for_token(bank: Caller, secret: str, grant: str = "client_credentials") -> requests.Response:
    client_id = bank.platform.credentials["northwind"].client_id
    return requests.post(
        bank.platform.url + "/oauth/token", data={"grant_type": grant}, auth=(client_id, secret), timeout=60
    )


def test_a_token_lasts_a_day_unless_the_switch_says_otherwise(bank: Caller) -> None:
    secret = bank.platform.credentials["northwind"].client_secret
    answer = ask_for_token(bank, secret).json()
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 86_400)
    bank.platform.set_switches("northwind", token_seconds=300)
    assert ask_for_token(bank, secret).json()["expires_in"] == 300


def test_a_wrong_secret_is_refused_in_the_token_endpoints_own_shape(bank: Caller) -> None:
    refused = ask_for_token(bank, "wrong")
    assert refused.status_code == 400
    assert set(refused.json()) == {"error", "description", "error_description"}
    assert refused.json()["error"] == "invalid_client"
    assert requests.post(bank.platform.url + "/oauth/token", timeout=60).json()["error"] == "invalid_client"


def test_only_client_credentials_are_granted(bank: Caller) -> None:
    refused = ask_for_token(bank, bank.platform.credentials["northwind"].client_secret, grant="password")
    assert (refused.status_code, refused.json()["error"]) == (400, "unsupported_grant_type")


def test_a_token_names_its_organization_and_client(bank: Caller) -> None:
    told = bank.get("/api/v2/tokens/me").json()
    known = bank.platform.credentials["northwind"]
    assert told["organization"] == {"id": known.organization_id, "name": "Northwind Bank"}
    assert told["homeOrganization"] == told["organization"]
    assert told["OAuthClient"]["id"] == known.client_id


def test_one_client_sees_one_organization(bank: Caller) -> None:
    with calling(bank.platform, "tailspin") as retailer:
        assert retailer.get(CONFIG).status_code == 404
        assert retailer.get("/api/v2/agentassist/configs/cfg-21").status_code == 200
        assert bank.get("/api/v2/agentassist/configs/cfg-21").status_code == 404


def test_without_a_token_and_with_a_made_up_one_the_answer_is_401(bank: Caller) -> None:
    bare = requests.get(bank.platform.url + CONFIG, timeout=60)
    assert (bare.status_code, bare.json()["code"]) == (401, "authentication.required")
    made_up = bank.get(CONFIG, Authorization="Bearer made-up")
    assert (made_up.status_code, made_up.json()["code"]) == (401, "bad.credentials")


@pytest.mark.parametrize(("expire", "code"), [(False, "bad.credentials"), (True, "credentials.expired")])
def test_ended_tokens_are_refused_and_a_new_one_works(bank: Caller, expire: bool, code: str) -> None:
    ended = requests.post(
        bank.platform.url + "/practice/tokens/revoke",
        json={"organization": "northwind", "expire": expire},
        timeout=60,
    )
    assert ended.json() == {"ended": 1}
    refused = bank.get(CONFIG)
    assert (refused.status_code, refused.json()["code"]) == (401, code)
    bank.renew()
    assert bank.get(CONFIG).status_code == 200


def test_a_token_expires_by_itself(bank: Caller) -> None:
    bank.platform.set_switches("northwind", token_seconds=0)
    bank.renew()
    assert bank.get(CONFIG).json()["code"] == "credentials.expired"


def policies(bank: Caller) -> set[str]:
    grants = bank.get("/api/v2/authorization/subjects/me").json()["grants"]
    return {
        f"{policy['domain']}:{policy['entityName']}:{action}"
        for grant in grants
        for policy in grant["role"]["policies"]
        for action in policy["actions"]
    }


def test_a_permission_that_was_taken_away_is_gone_from_the_roles_and_named_in_the_403(bank: Caller) -> None:
    assert {"agentassist:config:write", "agent-scripting:*:write"} <= policies(bank)
    body, etag = bank.next_write()
    control = bank.platform.url + "/practice/permissions"
    requests.post(control, json={"organization": "northwind", "remove": ["agentassist:config:write"]}, timeout=60)
    assert "agentassist:config:write" not in policies(bank)
    refused = bank.put(CONFIG, body, if_match=etag)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing.any.permissions")
    assert "[agentassist:config:write]" in refused.json()["message"]
    assert bank.get(CONFIG).json()["version"] == 42
    requests.post(control, json={"organization": "northwind", "reset": True}, timeout=60)
    assert bank.put(CONFIG, body, if_match=etag).status_code == 200


def test_a_token_that_asks_too_often_is_told_when_to_come_back(bank: Caller) -> None:
    bank.platform.set_switches("northwind", requests_per_minute=3)
    statuses = [bank.get(CONFIG).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = bank.get(CONFIG)
    assert refused.json()["code"] == "too.many.requests.retry.after"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    bank.renew()
    assert bank.get(CONFIG).status_code == 200


def test_every_answer_carries_a_correlation_id_of_its_own(bank: Caller) -> None:
    answers = [bank.get(CONFIG), bank.get("/api/v2/nothing"), bank.post(CONFIG, {}), ask_for_token(bank, "wrong")]
    ids = [one.headers["ININ-Correlation-Id"] for one in answers]
    assert len(set(ids)) == 4
    assert answers[1].json()["contextId"] == ids[1]


def test_a_connection_is_kept_for_the_next_request(bank: Caller) -> None:
    for _ in range(3):
        bank.get(CONFIG)
    [pool] = bank.session.adapters["http://"].poolmanager.pools._container.values()  # type: ignore[attr-defined]
    assert pool.num_connections == 1
    assert pool.num_requests == 3


def test_gzip_comes_only_where_the_switch_is_on_and_the_caller_accepts_it(bank: Caller) -> None:
    assert "Content-Encoding" not in bank.get(CONFIG).headers
    bank.platform.set_switches("northwind", gzip=True)
    packed = bank.get(CONFIG)
    assert packed.headers["Content-Encoding"] == "gzip"
    plain = bank.get(CONFIG, **{"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert packed.content == plain.content
