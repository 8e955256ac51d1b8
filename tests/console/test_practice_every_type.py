"""Every type of the catalogue can be rehearsed: the platform lists it, reads it, takes a write, and says no by name.

The paths, members, guards and permissions asked for here are the catalogue's; what answers was written from the
platform's own papers. Where the two disagree, one of them is wrong.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from console.practice.server import PracticeServer
from tenants.resource_types import catalogue
from tenants.resource_types.definition import Guard, Paging, ResourceType, VersionRule
from tests.console.practice_world import NOW, Caller, calling

TYPES = [one.name for one in catalogue.all_types()]
WRITABLE = [one.name for one in catalogue.all_types() if one.update_method]
# Where an object is that no list of the catalogue leads to: a family of the platform.
UNLISTED = {
    "scripting.session": "session",
    "assistants.copilot": "assistant",
    "integrations.config": "integration",
    "integrations.action.draft": "action",
    "alerting.rule": "alertingrule",
    "taskmanagement.worktype": "worktype",
    "guides.version": "guideversion",
}
PARENTS = {
    "assistants.variation": "assistant",
    "assistants.queue": "assistant",
    "knowledge.document": "knowledgebase",
    "wfm.planninggroup": "businessunit",
    "guides.version": "guide",
    "responsemanagement.response": "library",
}
# What a body spells otherwise than an answer does; the catalogue calls these members immutable or takes them apart.
OTHERWISE = {
    "wfm.planninggroup": ("routePaths",),
    "locations.location": ("contactUser",),
    "users.user": ("manager",),
    "webdeployments.configuration": ("status",),
}


@pytest.fixture(scope="module")
def platform() -> Iterator[PracticeServer]:
    with PracticeServer(now=NOW) as served:
        yield served


@pytest.fixture
def bank(platform: PracticeServer) -> Iterator[Caller]:
    control = platform.platform.control
    control.set_permissions({"organization": "northwind", "reset": True})
    with calling(platform) as caller:
        yield caller


def first_of(caller: Caller, family: str) -> str:
    return caller.platform.platform.store.organizations["northwind"].of_family(family)[0].id


def path_of(caller: Caller, rtype: ResourceType) -> str:
    """Return where an object of the type is, as its list or the platform's own store names it."""
    parent = first_of(caller, PARENTS[rtype.name]) if rtype.name in PARENTS else ""
    if rtype.paging is Paging.SINGLETON:
        return rtype.object_path
    if rtype.name in UNLISTED:
        object_id = first_of(caller, UNLISTED[rtype.name]).rpartition("/")[2]
    else:
        assert rtype.list_path is not None
        query = f"?{rtype.list_parameter}={parent}" if rtype.list_parameter else ""
        answer = caller.get(rtype.list_path.replace("{parent}", parent) + query)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        entities = told.get("Resources") if rtype.paging is Paging.SCIM else told.get("entities")
        assert entities, answer.text
        object_id = entities[0]["id"]
    path = rtype.object_path.replace("{parent}", parent).replace("{id}", object_id)
    if rtype.name == "integrations.action.draft" and caller.get(path).status_code == 404:
        caller.post(path, None)
    return path


def read(caller: Caller, path: str, rtype: ResourceType) -> requests.Response:
    answer = caller.get(f"{path}?{rtype.object_query}" if rtype.object_query else path)
    assert answer.status_code == 200, answer.text
    return answer


def body_of(rtype: ResourceType, live: dict[str, Any]) -> dict[str, Any]:
    """Return what takes the live object over as it is."""
    known = {*rtype.writable, *rtype.stateful, *rtype.carried, *rtype.required} - set(OTHERWISE.get(rtype.name, ()))
    body = {key: value for key, value in live.items() if key in known}
    match rtype.version_rule:
        case VersionRule.ECHO:
            body["version"] = live["version"]
        case VersionRule.INCREMENT:
            body["version"] = live["version"] + 1
        case VersionRule.NESTED:
            body["metadata"] = {"version": live["metadata"]["version"]}
    return body


def send(
    caller: Caller, path: str, rtype: ResourceType, body: dict[str, Any], etag: str | None = None
) -> requests.Response:
    headers = {} if etag is None else {"If-Match": etag}
    return caller.session.request(
        rtype.update_method, caller.platform.url + path, json=body, headers=headers, timeout=60
    )


@pytest.mark.parametrize("name", TYPES)
def test_a_type_is_listed_and_read_and_has_no_member_that_the_catalogue_does_not_know(bank: Caller, name: str) -> None:
    rtype = catalogue.get(name)
    shown = read(bank, path_of(bank, rtype), rtype)
    known = {*rtype.writable, *rtype.read_only, *rtype.stateful, *rtype.carried}
    if rtype.writable:
        assert set(shown.json()) <= known | {"version"}
    assert ("ETag" in shown.headers) == (rtype.guard is Guard.ETAG)


@pytest.mark.parametrize("name", WRITABLE)
def test_a_write_of_what_is_there_is_taken_and_leaves_the_object_as_it_was(bank: Caller, name: str) -> None:
    rtype = catalogue.get(name)
    path = path_of(bank, rtype)
    before = read(bank, path, rtype)
    written = send(bank, path, rtype, body_of(rtype, before.json()), before.headers.get("ETag"))
    assert written.status_code in (200, 204), written.text
    after = read(bank, path, rtype).json()
    moving = set(rtype.read_only) | {"version", "status"}
    assert {k: v for k, v in after.items() if k not in moving} == {
        k: v for k, v in before.json().items() if k not in moving
    }
    if rtype.version_rule in (VersionRule.ECHO, VersionRule.INCREMENT):
        assert after["version"] == before.json()["version"] + 1
    if rtype.version_rule is VersionRule.NESTED:
        assert after["metadata"]["version"] == before.json()["metadata"]["version"] + 1


@pytest.mark.parametrize("name", [one for one in WRITABLE if catalogue.get(one).guard is not Guard.COMPARE])
def test_a_write_under_a_stale_guard_is_refused_and_changes_nothing(bank: Caller, name: str) -> None:
    rtype = catalogue.get(name)
    path = path_of(bank, rtype)
    live = read(bank, path, rtype)
    body = body_of(rtype, live.json())
    etag = live.headers.get("ETag")
    assert send(bank, path, rtype, body, etag).status_code in (200, 204)
    between = read(bank, path, rtype).json()
    lost = send(bank, path, rtype, body, etag)
    assert lost.status_code in (400, 409), lost.text
    if "scimType" in lost.json():
        assert (lost.status_code, lost.json()["scimType"]) == (400, "invalidVers")
    else:
        assert set(lost.json()) >= {"code", "status", "message", "contextId"}
    assert read(bank, path, rtype).json() == between


@pytest.mark.parametrize("name", WRITABLE)
def test_an_unknown_member_is_refused_by_name(bank: Caller, name: str) -> None:
    rtype = catalogue.get(name)
    path = path_of(bank, rtype)
    live = read(bank, path, rtype)
    body = {**body_of(rtype, live.json()), "trafficShift": 1}
    refused = send(bank, path, rtype, body, live.headers.get("ETag"))
    assert refused.status_code == 400
    told = refused.json()
    assert "trafficShift" in (told.get("message") or told.get("detail"))
    assert told.get("code") == "invalid.property" or told.get("scimType") == "invalidSyntax"
    assert read(bank, path, rtype).json() == live.json()


@pytest.mark.parametrize("name", [one for one in WRITABLE if catalogue.get(one).write_permissions.names])
def test_a_write_without_the_permissions_of_the_catalogue_is_refused_with_their_names(bank: Caller, name: str) -> None:
    rtype = catalogue.get(name)
    path = path_of(bank, rtype)
    live = read(bank, path, rtype)
    needed = list(rtype.write_permissions.names)
    kept = set(rtype.read_permissions.names)
    taken = [one for one in needed if one not in kept] or needed
    bank.platform.platform.control.set_permissions({"organization": "northwind", "remove": taken})
    refused = send(bank, path, rtype, body_of(rtype, live.json()), live.headers.get("ETag"))
    assert (refused.status_code, refused.json()["code"]) == (403, "missing.any.permissions")
    assert any(one in refused.json()["messageParams"]["permissions"] for one in taken)
    bank.platform.platform.control.set_permissions({"organization": "northwind", "reset": True})
    assert read(bank, path, rtype).json() == live.json()


def test_scripts_are_read_only_on_the_platform_too(bank: Caller) -> None:
    path = path_of(bank, catalogue.get("scripts.script"))
    body = bank.get(path).json()
    refused = bank.put(path, body)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")
    assert json.loads(bank.get(path).content) == body
