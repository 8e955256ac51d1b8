"""Refusals of the published types that are no lost race: status, code and values as the SDK hands them on."""

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.practice import Practice
    from tests.contract.vendor import Vendor

NOWHERE = "0c6b2fd0-0000-4000-8000-000000000000"


def refusal(bank: "Vendor", call: "Callable[[], Any]") -> tuple[int, str, str]:
    with pytest.raises(bank.exception) as refused:
        call()
    error = json.loads(refused.value.body)
    assert refused.value.headers["ININ-Correlation-Id"] == error["contextId"]
    assert refused.value.headers["Content-Type"].startswith("application/json")
    assert error["status"] == refused.value.status
    assert {"message", "code", "details", "errors", "messageWithParams", "messageParams"} <= set(error)
    return error["status"], error["code"], error["message"]


def test_an_object_that_is_not_there_is_a_404(bank: "Vendor") -> None:
    status, code, message = refusal(bank, lambda: bank.api("ArchitectApi").get_architect_schedule(NOWHERE))
    assert (status, code) == (404, "not.found")
    assert NOWHERE in message


def test_a_running_campaign_does_not_let_its_dialing_mode_change(bank: "Vendor") -> None:
    api = bank.api("OutboundApi")
    live = next(one for one in api.get_outbound_campaigns().entities if one.campaign_status == "on")
    live.dialing_mode = "power"
    status, code, _ = refusal(bank, lambda: api.put_outbound_campaign(live.id, live))
    assert (status, code) == (409, "invalid.update.campaign.active")


def test_a_finished_campaign_cannot_be_switched_off(bank: "Vendor") -> None:
    api = bank.api("OutboundApi")
    live = next(one for one in api.get_outbound_campaigns().entities if one.campaign_status == "complete")
    live.campaign_status = "off"
    status, _, message = refusal(bank, lambda: api.put_outbound_campaign(live.id, live))
    assert (status, message) == (400, "Invalid transition from <COMPLETE> to <OFF>")


def test_the_phone_columns_of_a_contact_list_cannot_change(bank: "Vendor", practice: "Practice") -> None:
    api = bank.api("OutboundApi")
    live = api.get_outbound_contactlist(api.get_outbound_contactlists().entities[0].id)
    live.phone_columns = live.phone_columns[:1]
    landed = len(practice.writes(live.id))
    status, code, _ = refusal(bank, lambda: api.put_outbound_contactlist(live.id, live))
    assert (status, code) == (400, "cannot.update.phone.columns")
    assert len(practice.writes(live.id)) == landed


def test_a_schedule_group_cannot_name_a_schedule_that_is_gone(bank: "Vendor") -> None:
    api = bank.api("ArchitectApi")
    live = api.get_architect_schedulegroups().entities[0]
    live.open_schedules[0].id = NOWHERE
    status, code, message = refusal(bank, lambda: api.put_architect_schedulegroup(live.id, live))
    assert (status, code) == (400, "architect.schedule.not.found")
    assert NOWHERE in message


def test_a_managed_site_is_a_409_that_is_no_lost_race(bank: "Vendor") -> None:
    api = bank.api("TelephonyProvidersEdgeApi")
    live = next(one for one in api.get_telephony_providers_edges_sites().entities if one.managed)
    status, code, message = refusal(bank, lambda: api.put_telephony_providers_edges_site(live.id, live))
    assert (status, code, message) == (409, "general.conflict", "A managed site cannot be updated.")


def test_a_manager_that_is_sent_as_it_was_read_is_refused_because_a_write_wants_the_id(bank: "Vendor") -> None:
    api = bank.api("UsersApi")
    live = api.get_user(api.get_users().entities[1].id)
    body = bank.sdk.UpdateUser()
    body.version, body.manager = live.version, live.manager
    status, code, message = refusal(bank, lambda: api.patch_user(live.id, body))
    assert (status, code) == (400, "invalid.value")
    assert "property [manager] must be the id of a user" in message
    body.manager = live.manager.id
    assert api.patch_user(live.id, body).manager.id == live.manager.id


def test_a_write_of_a_group_that_leaves_out_the_owners_takes_them_away(bank: "Vendor") -> None:
    api = bank.api("GroupsApi")
    live = api.get_group(api.get_groups().entities[1].id)
    assert len(live.owners) == 2
    body = bank.sdk.GroupUpdate()
    body.version, body.name, body.visibility = live.version, live.name, live.visibility
    assert api.put_group(live.id, body=body).owners == []
    body.version, body.owner_ids = live.version + 1, [one.id for one in live.owners]
    assert [one.id for one in api.put_group(live.id, body=body).owners] == body.owner_ids


def test_an_unknown_member_is_refused_by_name_and_a_missing_one_too(bank: "Vendor") -> None:
    api = bank.api("RoutingApi")
    code_id = api.get_routing_wrapupcodes().entities[0].id
    path = f"/api/v2/routing/wrapupcodes/{code_id}"
    status, code, message = refusal(bank, lambda: bank.call("PUT", path, {"name": "Refund", "versionRevert": 3}))
    assert (status, code) == (400, "invalid.property")
    assert message == "Value [versionRevert] is not a valid property for object [WrapupCode]"
    nameless = bank.sdk.WrapupCodeRequest()
    nameless.description = "Lost its name"
    status, code, message = refusal(bank, lambda: api.put_routing_wrapupcode(code_id, nameless))
    assert (status, code) == (400, "missing.required.property")
    assert "[name]" in message


def test_a_page_that_does_not_exist_is_refused_or_empty(bank: "Vendor") -> None:
    api = bank.api("RoutingApi")
    status, code, message = refusal(bank, lambda: api.get_routing_wrapupcodes(page_size=500))
    assert (status, code) == (400, "bad.request")
    assert "[500]" in message
    assert api.get_routing_wrapupcodes(page_number=9).entities == []
