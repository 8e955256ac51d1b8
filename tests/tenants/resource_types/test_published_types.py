"""The catalogue says of all 61 published types what the platform publishes; where it does not, the reason stands here.

`../shared/platform/resource_types.json` was gathered from the published SDKs. A type that comes, goes or changes there
fails here by its name.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tenants.resource_types import Paging, ResourceType, UnknownType, VersionRule, all_types, get

FILE: Final = Path(__file__).parents[4] / "shared" / "platform" / "resource_types.json"
NOT_PUBLISHED: Final = {"agentassist.config", "analytics.agentassist.config", "scripting.session"}
"""The contract that the console was asked for: PLATFORM.md describes it, the SDKs do not have it."""

NUMBERED_BY_THE_PLATFORM: Final = {"webdeployments.configuration", "knowledge.document", "taskmanagement.worktype"}
"""Each write or publication makes the next version; no body names one."""

BY_THE_SERVER = "the server writes it"
BY_ITSELF = "it moves by itself, so it is taken from live"
BY_ITS_PATH = "it says what the path says"
BY_ARCHITECT = "Architect moves it; a PUT of the flow does not"
BY_ITS_OWN_STEP = "publishing is a step of its own"

# Fields that may be written as far as resource_types.json knows, and that a body of ours does not take from the target.
NOT_TAKEN: Final[dict[str, dict[str, str]]] = {
    "architect.flow": {
        "id": BY_ITS_PATH,
        **dict.fromkeys(
            (
                "active",
                "checkedInVersion",
                "currentOperation",
                "debugVersion",
                "deleted",
                "lockedClient",
                "lockedUser",
                "publishedBy",
                "savedVersion",
                "system",
                "type",
                "virtualAgentEnabled",
                "worktypeId",
            ),
            BY_ARCHITECT,
        ),
    },
    "architect.prompt": {"id": BY_ITS_PATH},
    "assistants.queue": {"id": BY_ITS_PATH},
    "authorization.role": {"id": BY_ITS_PATH},
    "groups.group": {"state": BY_ITSELF},
    "locations.location": {"state": BY_ITSELF},
    "oauth.client": {"state": BY_ITSELF},
    "organization.me": {"state": BY_ITSELF},
    "outbound.campaign": {"campaignStatus": BY_ITSELF},
    "outbound.messagingcampaign": {"campaignStatus": BY_ITSELF, "errors": BY_THE_SERVER},
    "outbound.sequence": {"status": BY_ITSELF},
    "quality.evalform": {
        "published": BY_ITS_OWN_STEP,
        "contextId": "it says which form this is a version of",
        **dict.fromkeys(("latestVersionFormName", "modifiedDate", "publishedVersions"), BY_THE_SERVER),
    },
    "recording.policy": dict.fromkeys(("createdDate", "modifiedDate", "policyErrors"), BY_THE_SERVER),
    "routing.queue": dict.fromkeys(("createdBy", "dateCreated", "dateModified", "modifiedBy"), BY_THE_SERVER),
    "routing.wrapupcode": dict.fromkeys(("createdBy", "dateCreated", "dateModified", "modifiedBy"), BY_THE_SERVER),
    "users.user": {"state": BY_ITSELF},
    "webdeployments.configuration": {"status": BY_ITS_OWN_STEP},
    "webdeployments.deployment": {"status": BY_ITSELF},
    "wfm.planninggroup": {"metadata": "it goes into the body for its version"},
}


@cache
def published() -> dict[str, dict[str, Any]]:
    """Give what the platform publishes, or skip where it is not beside this checkout."""
    if not FILE.exists():
        pytest.skip("The platform's published resource types are not beside this checkout.")
    known: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return known


def names() -> list[str]:
    """Give the names to test: of the file where it is, so that a type that we lack fails by its name."""
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else ()
    return sorted(known) or sorted({rtype.name for rtype in all_types()} - NOT_PUBLISHED)


@pytest.fixture(params=names())
def both(request: pytest.FixtureRequest) -> tuple[ResourceType, dict[str, Any]]:
    """Give a type as the catalogue has it and as the platform publishes it."""
    shown = published()[request.param]
    try:
        return get(request.param), shown
    except UnknownType:
        pytest.fail(f"{request.param} is published, and the catalogue does not have it.")


def anonymous(path: str) -> str:
    """Give a path with `{}` for every placeholder, whatever it is called."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_the_catalogue_has_every_published_type_and_the_three_of_the_contract() -> None:
    assert {rtype.name for rtype in all_types()} == published().keys() | NOT_PUBLISHED
    assert len(published()) == 61


def test_paths_and_method_are_the_published_ones(both: tuple[ResourceType, dict[str, Any]]) -> None:
    rtype, shown = both

    assert anonymous(rtype.object_path) == anonymous(shown["path"])
    assert rtype.update_method == shown.get("update", "")
    assert (rtype.list_path and anonymous(rtype.list_path)) == (shown.get("list") and anonymous(shown["list"]))


def test_a_list_is_walked_by_the_parameters_that_it_takes(both: tuple[ResourceType, dict[str, Any]]) -> None:
    rtype, shown = both
    takes = set(shown.get("list_q", ()))

    wanted = {
        Paging.NUMBERED: {"pageNumber", "pageSize"},
        Paging.CURSOR: {"after", "pageSize"},
        Paging.SCIM: {"startIndex", "count"},
    }.get(rtype.paging, set())
    assert wanted <= takes
    assert not rtype.list_parameter or rtype.list_parameter in takes
    if rtype.paging is Paging.UNPAGED:
        assert not takes & {"pageNumber", "after", "startIndex"}
    if rtype.paging is Paging.CURSOR:
        assert "pageNumber" not in takes
    assert rtype.is_singleton == ("{" not in shown["path"])


def test_permissions_are_the_published_ones(both: tuple[ResourceType, dict[str, Any]]) -> None:
    rtype, shown = both

    for ours, theirs in (
        (rtype.read_permissions, shown.get("get_perm")),
        (rtype.write_permissions, shown.get("upd_perm")),
    ):
        assert list(ours.names) == (theirs[1] if theirs else [])
        assert theirs is None or ours.mode == theirs[0].lower()


def test_every_published_field_has_its_place(both: tuple[ResourceType, dict[str, Any]]) -> None:
    rtype, shown = both
    if not rtype.update_method:
        assert "fields" not in shown
        return

    in_a_version = {"version"} if rtype.name == "taskmanagement.worktype" else set()
    assert rtype.known == {*shown["fields"], *shown.get("get_only", ()), *in_a_version}
    may_be_written = set(shown["fields"]) - set(shown.get("ro", ())) - {"version"}
    assert may_be_written - set(rtype.writable) == NOT_TAKEN.get(rtype.name, {}).keys()
    assert set(rtype.writable) <= may_be_written
    assert {*shown.get("ro", ()), *shown.get("get_only", ())} <= set(rtype.read_only)


def test_every_required_field_is_in_the_body(both: tuple[ResourceType, dict[str, Any]]) -> None:
    rtype, shown = both
    by_the_version_rule = {rtype.version_pointer.split("/")[1]} if rtype.version_pointer else set()

    assert set(rtype.required) == set(shown.get("required", ())) - by_the_version_rule


def test_a_body_carries_a_version_where_one_is_published(both: tuple[ResourceType, dict[str, Any]]) -> None:
    rtype, shown = both

    if shown.get("version_in_body") == "int":
        assert (rtype.version_rule, rtype.version_pointer, rtype.guard.level) == (VersionRule.ECHO, "/version", "B")
    elif "metadata" in shown.get("fields", ()):
        assert (rtype.version_rule, rtype.version_pointer) == (VersionRule.NESTED, "/metadata/version")
    elif rtype.name in NUMBERED_BY_THE_PLATFORM:
        assert (rtype.version_rule, rtype.guard_level) == (VersionRule.ASSIGNED, "C")
    elif rtype.name == "scim.group":
        assert rtype.guard_level == "A"
    else:
        # Nothing says that the server checks.
        assert (rtype.version_rule, rtype.guard_level) == (VersionRule.NONE, "C")


def test_a_history_that_is_published_is_declared(both: tuple[ResourceType, dict[str, Any]]) -> None:
    rtype, shown = both
    declared = {anonymous(path) for path in (rtype.history_path, rtype.history_version_path) if path}
    declared |= {anonymous(path) for path in rtype.native_history}

    # A history of operations beside one of versions says nothing about contents.
    versions = {path for path in map(anonymous, shown.get("versions", ())) if "/versions" in path}
    assert versions <= declared
    assert bool(declared) == bool(shown.get("versions"))


def test_what_moves_by_itself_is_no_drift(both: tuple[ResourceType, dict[str, Any]]) -> None:
    rtype, _shown = both
    # PLATFORM.md, "Writing"
    moves = """campaignStatus errors importStatus size memberCount userMemberCount joinedMemberCount currentCampaign
        stopMessage state status dateModified dateCreated modifiedBy modifiedByApp selfUri snippet warnings"""
    assert not set(moves.split()) & set(rtype.content)
