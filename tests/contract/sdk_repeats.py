"""What the SDK repeats by itself, and what that does.

It sends a request again on a 429 with Retry-After and after a broken connection, a PUT as well. Where the server
checks the body's version, or an ETag, the repeated PUT is harmless: it lands once, or not at all when somebody else
was faster. Where nothing guards, the repeat overwrites what came in between. The console never repeats a PUT.
"""

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.practice import Practice
    from tests.contract.vendor import Vendor

CONFIG = "/api/v2/agentassist/configs/cfg-1"


@pytest.fixture
def contacts(bank: "Vendor") -> Any:
    return bank.api("OutboundApi").get_outbound_contactlists().entities[0]


def test_a_read_waits_as_long_as_retry_after_says_and_is_counted(bank: "Vendor", practice: "Practice") -> None:
    seen = len(practice.requests("GET", "/routing/queues"))
    practice.fault("rate_limited_429", method="GET", path="/routing/queues", times=2, seconds=1)
    began = time.monotonic()
    assert bank.api("RoutingApi").get_routing_queues().total == 3
    assert 2 <= time.monotonic() - began < 8
    assert [one["status"] for one in practice.requests("GET", "/routing/queues")[seen:]] == [429, 429, 200]


def test_without_retry_after_a_429_is_told_at_once_and_not_repeated(bank: "Vendor", practice: "Practice") -> None:
    seen = len(practice.requests("GET", "/routing/queues"))
    practice.fault("rate_limited_429", method="GET", path="/routing/queues", times=2, retry_after=False)
    with pytest.raises(bank.exception) as refused:
        bank.api("RoutingApi").get_routing_queues()
    error = json.loads(refused.value.body)
    assert (refused.value.status, error["code"]) == (429, "too.many.requests.retry.after")
    assert refused.value.headers["ININ-Correlation-Id"] == error["contextId"]
    assert len(practice.requests("GET", "/routing/queues")) == seen + 1


def test_a_put_that_the_sdk_repeats_on_429_lands_once(bank: "Vendor", practice: "Practice", contacts: Any) -> None:
    api = bank.api("OutboundApi")
    live = api.get_outbound_contactlist(contacts.id)
    practice.fault("rate_limited_429", method="PUT", path=contacts.id, times=2, seconds=1)
    landed = len(practice.writes(contacts.id))
    live.retention_days = 30
    written = api.put_outbound_contactlist(contacts.id, live)
    assert (written.version, written.retention_days) == (live.version + 1, 30)
    assert [one["status"] for one in practice.requests("PUT", contacts.id)[-3:]] == [429, 429, 200]
    assert len(practice.writes(contacts.id)) == landed + 1


def test_the_version_makes_a_put_that_is_repeated_on_429_harmless_when_somebody_else_was_faster(
    bank: "Vendor", practice: "Practice", contacts: Any
) -> None:
    api = bank.api("OutboundApi")
    live = api.get_outbound_contactlist(contacts.id)
    # While the SDK waits for its second try, a colleague writes.
    practice.fault("rate_limited_429", method="PUT", path=contacts.id, seconds=1)
    practice.fault("foreign_write", path=contacts.id, by="Ines Duarte")
    live.retention_days = 7
    with pytest.raises(bank.exception) as refused:
        api.put_outbound_contactlist(contacts.id, live)
    assert (refused.value.status, json.loads(refused.value.body)["code"]) == (409, "invalid.update.wrong.version")
    assert [one["status"] for one in practice.requests("PUT", contacts.id)[-2:]] == [429, 409]
    assert practice.writes(contacts.id)[-1]["by"]["name"] == "Ines Duarte"
    after = api.get_outbound_contactlist(contacts.id)
    assert (after.version, after.name) == (live.version + 1, f"{live.name} (edited)")
    assert after.retention_days != 7


def test_without_a_version_the_same_repeat_overwrites_the_colleague(bank: "Vendor", practice: "Practice") -> None:
    api = bank.api("ArchitectApi")
    table = api.get_flows_datatables().entities[0]
    live = api.get_flows_datatable(table.id)
    practice.fault("rate_limited_429", method="PUT", path=table.id, seconds=1)
    practice.fault("foreign_write", path=table.id, by="Ines Duarte")
    api.put_flows_datatable(table.id, live)
    assert [one["by"]["name"] for one in practice.writes(table.id)[-2:]] == ["Ines Duarte", "Config Vault"]
    assert api.get_flows_datatable(table.id).name == live.name


def test_after_a_dropped_connection_the_sdk_reports_a_409_for_its_own_success(
    bank: "Vendor", practice: "Practice", contacts: Any
) -> None:
    api = bank.api("OutboundApi")
    live = api.get_outbound_contactlist(contacts.id)
    landed = len(practice.writes(contacts.id))
    practice.fault("drop_after_commit", path=contacts.id)
    live.retention_days = 14
    with pytest.raises(bank.exception) as refused:
        api.put_outbound_contactlist(contacts.id, live)
    assert (refused.value.status, json.loads(refused.value.body)["code"]) == (409, "invalid.update.wrong.version")
    assert [one["status"] for one in practice.requests("PUT", contacts.id)[-2:]] == [None, 409]
    assert len(practice.writes(contacts.id)) == landed + 1
    assert api.get_outbound_contactlist(contacts.id).retention_days == 14


def test_without_a_version_a_dropped_connection_makes_two_writes(bank: "Vendor", practice: "Practice") -> None:
    api = bank.api("ArchitectApi")
    table = api.get_flows_datatables().entities[0]
    live = api.get_flows_datatable(table.id)
    landed = len(practice.writes(table.id))
    practice.fault("drop_after_commit", path=table.id)
    api.put_flows_datatable(table.id, live)
    assert len(practice.writes(table.id)) == landed + 2


def test_the_etag_makes_a_repeated_put_of_an_assist_configuration_harmless(
    bank: "Vendor", practice: "Practice"
) -> None:
    live = bank.call("GET", CONFIG)
    etag = bank.header("ETag")
    assert etag is not None
    landed = len(practice.writes("cfg-1"))
    practice.fault("rate_limited_429", method="PUT", path="/cfg-1$", seconds=1)
    practice.fault("drop_after_commit", path="/cfg-1$", after=0)
    with pytest.raises(bank.exception) as refused:
        bank.call("PUT", CONFIG, {**live, "version": live["version"] + 1}, If_Match=etag)
    error = json.loads(refused.value.body)
    assert (refused.value.status, error["code"]) == (409, "general.conflict")
    assert [one["status"] for one in practice.requests("PUT", "/cfg-1")[-3:]] == [429, None, 409]
    assert {one["if_match"] for one in practice.requests("PUT", "/cfg-1")[-3:]} == {etag}
    assert len(practice.writes("cfg-1")) == landed + 1


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("unavailable_503", 503, "service.unavailable"), ("gateway_504", 504, "request.timeout")],
)
def test_a_service_that_is_down_is_told_with_its_code_and_correlation_id_after_one_request(
    bank: "Vendor", practice: "Practice", kind: str, status: int, code: str
) -> None:
    practice.fault(kind, method="GET", path="/groups")
    seen = len(practice.requests("GET", "/groups"))
    with pytest.raises(bank.exception) as refused:
        bank.api("GroupsApi").get_groups()
    error = json.loads(refused.value.body)
    assert (refused.value.status, error["code"]) == (status, code)
    assert refused.value.headers["ININ-Correlation-Id"] == error["contextId"]
    assert len(practice.requests("GET", "/groups")) == seen + 1
