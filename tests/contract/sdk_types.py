"""List, get and write of each type: the SDK's models take all of every answer, and the guard is the type's own."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.types_of_objects import ECHOED, TYPES, UNGUARDED, Type
from tests.contract.vendor import differences

if TYPE_CHECKING:
    from tests.contract.practice import Practice
    from tests.contract.vendor import Vendor

EACH = pytest.mark.parametrize("kind", TYPES, ids=lambda one: one.name)


def read(bank: "Vendor", kind: Type, object_id: str) -> Any:
    return getattr(bank.api(kind.api), kind.get)(object_id)


def write(bank: "Vendor", kind: Type, object_id: str, body: Any) -> Any:
    return getattr(bank.api(kind.api), kind.update)(object_id, body=body)


def chosen(bank: "Vendor", kind: Type) -> str:
    return str(getattr(bank.api(kind.api), kind.list)().entities[kind.position].id)


def body_for(bank: "Vendor", kind: Type, live: Any, **changes: Any) -> Any:
    """Return what a user of the SDK sends: the model that was read, or the one for writing with the same values."""
    body = live
    if kind.body is not None:
        body = getattr(bank.sdk, kind.body)()
        for attribute in body.swagger_types:
            if hasattr(live, attribute):
                setattr(body, attribute, getattr(live, attribute))
    for attribute, value in {**kind.adapt(live), **dict([kind.change]), **changes}.items():
        setattr(body, attribute, value)
    return body


def still(told: dict[str, Any], moving: set[str]) -> dict[str, Any]:
    return {key: one for key, one in told.items() if key not in moving}


@EACH
def test_the_list_and_each_object_on_it_come_whole_out_of_the_models(bank: "Vendor", kind: Type) -> None:
    listing = getattr(bank.api(kind.api), kind.list)(page_size=100)
    assert bank.lost(listing) == []
    assert listing.total == len(listing.entities) >= 1
    for one in listing.entities:
        live = read(bank, kind, one.id)
        assert bank.lost(live) == []
        assert (live.id, live.name) == (one.id, one.name)
        assert live.self_uri.endswith(f"/{live.id}")


@EACH
def test_one_object_a_page_leads_to_the_same_objects(bank: "Vendor", kind: Type) -> None:
    pages = getattr(bank.api(kind.api), kind.list)
    whole = [one.id for one in pages(page_size=100).entities]
    found: list[str] = []
    number, count = 0, 1
    while number < count:
        number += 1
        page = pages(page_size=1, page_number=number)
        assert bank.lost(page) == []
        assert (page.page_number, page.page_size, page.total) == (number, 1, len(whole))
        assert (page.next_uri is not None) == (number < len(whole))
        count = page.page_count
        found += [one.id for one in page.entities]
    assert found == whole


def test_the_bank_has_more_wrapup_codes_than_fit_on_a_page(bank: "Vendor") -> None:
    first = bank.api("RoutingApi").get_routing_wrapupcodes()
    second = bank.api("RoutingApi").get_routing_wrapupcodes(page_number=2)
    assert (first.page_count, len(first.entities), len(second.entities)) == (2, 25, 2)
    assert not {one.id for one in first.entities} & {one.id for one in second.entities}


@EACH
def test_a_write_of_what_was_read_lands_once_with_the_change(bank: "Vendor", practice: "Practice", kind: Type) -> None:
    object_id = chosen(bank, kind)
    live = read(bank, kind, object_id)
    before = bank.told()
    attribute, value = kind.change
    assert getattr(live, attribute) != value
    landed = len(practice.writes(object_id))
    written = write(bank, kind, object_id, body_for(bank, kind, live))
    assert bank.lost(written) == []
    after = bank.told()
    assert getattr(written, attribute) == value
    member = written.attribute_map[attribute]
    moving = {member, "version", "dateModified", "modifiedBy", "modifiedByApp", "joinedMemberCount"}
    assert differences(still(before, moving), still(after, moving), "") == []
    if kind.stale is not None:
        assert written.version == before["version"] + 1
    again = read(bank, kind, object_id)
    assert getattr(again, attribute) == value
    writes = practice.writes(object_id)[landed:]
    assert [one["client"] for one in writes] == [practice.credentials["northwind"]["client_id"]]
    assert writes[0]["correlation_id"] == practice.requests(path=object_id)[-2]["correlation_id"]


@pytest.mark.parametrize("kind", ECHOED, ids=lambda one: one.name)
@pytest.mark.parametrize("off_by", [-1, 1], ids=["a version too old", "a version too far"])
def test_a_version_that_is_not_the_live_one_is_refused_as_the_type_s_service_does_it(
    bank: "Vendor", practice: "Practice", kind: Type, off_by: int
) -> None:
    object_id = chosen(bank, kind)
    live = read(bank, kind, object_id)
    before, landed = bank.told(), len(practice.writes(object_id))
    with pytest.raises(bank.exception) as refused:
        write(bank, kind, object_id, body_for(bank, kind, live, version=live.version + off_by))
    assert kind.stale is not None
    status, code, words = kind.stale
    error = json.loads(refused.value.body)
    assert (refused.value.status, error["status"], error["code"]) == (status, status, code)
    assert words in error["message"]
    assert refused.value.headers["ININ-Correlation-Id"] == error["contextId"]
    assert error["contextId"] == practice.requests(path=object_id)[-1]["correlation_id"]
    assert len(practice.writes(object_id)) == landed
    read(bank, kind, object_id)
    assert bank.told() == before


@pytest.mark.parametrize("kind", UNGUARDED, ids=lambda one: one.name)
def test_where_nothing_guards_the_last_write_wins(bank: "Vendor", practice: "Practice", kind: Type) -> None:
    object_id = chosen(bank, kind)
    live = read(bank, kind, object_id)
    path = practice.requests("GET", object_id)[-1]["path"]
    practice.tell("foreign-write", object=path, edits=[{"path": "/description", "value": "Changed by Ines"}])
    write(bank, kind, object_id, body_for(bank, kind, live))
    assert read(bank, kind, object_id).description == kind.change[1]
    assert [one["client"] is None for one in practice.writes(object_id)[-2:]] == [True, False]


def test_responses_are_listed_by_library_and_written_with_the_library_they_stand_in(
    bank: "Vendor", practice: "Practice"
) -> None:
    api = bank.api("ResponseManagementApi")
    library = api.get_responsemanagement_libraries().entities[0]
    listing = api.get_responsemanagement_responses(library.id)
    assert bank.lost(listing) == []
    assert listing.total == 2
    live = api.get_responsemanagement_response(listing.entities[0].id)
    assert bank.lost(live) == []
    live.texts[0].content = "Your refund arrives tomorrow."
    written = api.put_responsemanagement_response(live.id, live)
    assert (written.version, written.texts[0].content) == (live.version + 1, "Your refund arrives tomorrow.")
    live.libraries[0].id = "0c6b2fd0-0000-4000-8000-000000000000"
    with pytest.raises(bank.exception) as refused:
        api.put_responsemanagement_response(live.id, live)
    assert (refused.value.status, json.loads(refused.value.body)["code"]) == (400, "response.library.not.found")
    assert len(practice.writes(live.id)) == 1


@pytest.mark.parametrize("slug", ["tailspin", "lamna"])
def test_the_other_organizations_come_whole_out_of_the_models_too(client_of: Any, slug: str) -> None:
    client = client_of(slug)
    for kind in TYPES:
        listing = getattr(client.api(kind.api), kind.list)(page_size=100)
        assert client.lost(listing) == [], kind.name
        for one in listing.entities:
            live = read(client, kind, one.id)
            assert client.lost(live) == [], (kind.name, one.name)
