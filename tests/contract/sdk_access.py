"""Token, identity, permissions and audits through the SDK, and what it makes of a token that has ended."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.practice import Practice
    from tests.contract.vendor import Vendor


def test_a_token_names_its_organization(bank: "Vendor", practice: "Practice") -> None:
    told = bank.api("TokensApi").get_tokens_me()
    assert bank.lost(told) == []
    one = practice.credentials["northwind"]
    assert (told.organization.id, told.organization.name) == (one["organization_id"], "Northwind Bank")
    assert told.o_auth_client.id == one["client_id"]


def test_a_wrong_secret_is_refused_in_the_shape_of_token_errors(client_of: Any, practice: "Practice") -> None:
    good = client_of("northwind")
    with pytest.raises(good.exception) as refused:
        good.client.get_client_credentials_token(practice.credentials["northwind"]["client_id"], "guessed")
    error = json.loads(refused.value.body)
    assert (refused.value.status, error["error"]) == (400, "invalid_client")
    assert set(error) == {"error", "description", "error_description"}
    assert good.api("TokensApi").get_tokens_me().organization.name == "Northwind Bank"


@pytest.mark.parametrize(("expire", "code"), [(False, "bad.credentials"), (True, "credentials.expired")])
def test_a_token_that_has_ended_is_a_401_until_a_new_one_is_fetched(
    bank: "Vendor", practice: "Practice", *, expire: bool, code: str
) -> None:
    queues = bank.api("RoutingApi")
    count = queues.get_routing_queues().total
    practice.tell("tokens/revoke", organization="northwind", expire=expire)
    with pytest.raises(bank.exception) as refused:
        queues.get_routing_queues()
    error = json.loads(refused.value.body)
    assert (refused.value.status, error["code"]) == (401, code)
    assert refused.value.headers["ININ-Correlation-Id"] == error["contextId"]
    bank.sign_in()
    assert queues.get_routing_queues().total == count


def test_the_permissions_come_whole_out_of_the_model_and_a_missing_one_is_named(
    bank: "Vendor", practice: "Practice"
) -> None:
    told = bank.api("AuthorizationApi").get_authorization_subjects_me()
    assert bank.lost(told) == []
    policies = {(one.domain, one.entity_name): one.actions for one in told.grants[0].role.policies}
    assert policies["outbound", "contactList"] == ["edit", "view"]
    practice.tell("permissions", organization="northwind", remove=["outbound:contactList:view"])
    with pytest.raises(bank.exception) as refused:
        bank.api("OutboundApi").get_outbound_contactlists()
    error = json.loads(refused.value.body)
    assert (refused.value.status, error["code"]) == (403, "missing.any.permissions")
    assert error["messageParams"]["permissions"] == "outbound:contactList:view"
    assert bank.api("OutboundApi").get_outbound_dnclists().total == 2


def test_the_audits_come_whole_out_of_the_model_and_name_the_client_that_wrote(
    bank: "Vendor", practice: "Practice"
) -> None:
    routing = bank.api("RoutingApi")
    code = routing.get_routing_wrapupcodes().entities[3]
    body = bank.sdk.WrapupCodeRequest()
    body.name, body.division, body.description = code.name, code.division, "Audited"
    routing.put_routing_wrapupcode(code.id, body)
    now = datetime.now(UTC)
    query = bank.sdk.AuditRealtimeQueryRequest()
    query.interval = f"{(now - timedelta(hours=1)).isoformat()}/{(now + timedelta(hours=1)).isoformat()}"
    query.service_name = "ContactCenter"
    wanted = bank.sdk.AuditQueryFilter()
    wanted.pcProperty, wanted.value = "EntityId", code.id
    query.filters = [wanted]
    told = bank.api("AuditApi").post_audits_query_realtime(query)
    assert bank.lost(told) == []
    [one] = told.entities
    assert (one.entity.id, one.entity.name, one.entity_type) == (code.id, code.name, "WrapupCode")
    assert one.client.id == practice.credentials["northwind"]["client_id"]
    assert [(change.pcProperty, change.new_values) for change in one.property_changes] == [
        ("description", ['"Audited"'])
    ]
