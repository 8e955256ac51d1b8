"""Refusals are told apart by status, code and message; what does not prove anything is never called final."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.resource_types import Kind, Refusal, all_types, classify, get, understand

LOCKED = "The requested resource is currently locked or in a state that prevents the requested action."

CASES = [
    ("agentassist.config", 409, "general.conflict", "The configuration has been modified.", Refusal.LOST_RACE),
    ("agentassist.config", 412, "precondition.failed", "The entity tag does not match.", Refusal.LOST_RACE),
    ("agentassist.config", 412, "", "", Refusal.LOST_RACE),
    ("agentassist.config", 409, "general.conflict", LOCKED, Refusal.LOCKED),
    ("agentassist.config", 423, "", "", Refusal.LOCKED),
    ("agentassist.config", 400, "invalid.version", "Supplied version 43 does not follow.", Refusal.LOST_RACE),
    ("agentassist.config", 400, "invalid.property", "Value [x] is not a valid property.", Refusal.FOR_GOOD),
    ("agentassist.config", 428, "precondition.required", "Send If-Match.", Refusal.UNKNOWN),
    ("agentassist.config", 409, "", "Dependent entities exist.", Refusal.UNKNOWN),
    ("analytics.agentassist.config", 412, "", "", Refusal.LOST_RACE),
    ("scripting.session", 409, "", LOCKED, Refusal.LOCKED),
    ("scripting.session", 409, "version.conflict", "Version 3 was expected.", Refusal.LOST_RACE),
    ("outbound.campaign", 409, "invalid.update.wrong.version", "Wrong version.", Refusal.LOST_RACE),
    ("outbound.campaign", 409, "invalid.update.campaign.active", "The campaign is on.", Refusal.LOCKED),
    ("outbound.campaign", 409, "general.conflict", "Conflict.", Refusal.UNKNOWN),
    ("outbound.campaign", 409, "", "Dependent entities exist.", Refusal.UNKNOWN),
    (
        "outbound.campaign",
        400,
        "bad.request",
        "Supplied version 2 does not match latest draft version 1",
        Refusal.LOST_RACE,
    ),
    ("outbound.campaign", 400, "", "Invalid transition from <COMPLETE> to <OFF>", Refusal.FOR_GOOD),
    ("outbound.campaign", 400, "cannot.update.phone.columns", "Columns cannot change.", Refusal.FOR_GOOD),
    ("outbound.campaign", 408, "request.timeout", "", Refusal.UNKNOWN),
    ("outbound.campaign", 412, "", "", Refusal.UNKNOWN),
    ("architect.flow", 409, "architect.flow.locked.by.user", "Ines has it.", Refusal.LOCKED),
    ("architect.flow", 409, "architect.dependency.object.in.use", "An IVR uses it.", Refusal.UNKNOWN),
    ("architect.schedule", 400, "", "Supplied version 2 does not match latest draft version 1", Refusal.LOST_RACE),
    ("users.user", 409, "general.conflict", "Conflict.", Refusal.LOST_RACE),
    ("taskmanagement.worktype", 409, "", "Dependent entities exist.", Refusal.UNKNOWN),
    ("outbound.contactlist", 400, "cannot.update.phone.columns", "does not match", Refusal.FOR_GOOD),
    ("scim.group", 400, "invalidVers", "stale", Refusal.LOST_RACE),
    ("routing.queue", 409, "general.conflict", "Conflict.", Refusal.UNKNOWN),
    ("routing.queue", 400, "invalidVers", "Version mismatch.", Refusal.LOST_RACE),
    ("routing.queue", 404, "not.found", "", Refusal.FOR_GOOD),
]


@pytest.mark.parametrize(("name", "status", "code", "message", "meaning"), CASES)
def test_an_answer_is_read_by_the_rules_of_its_type(
    name: str, status: int, code: str, message: str, meaning: Refusal
) -> None:
    assert classify(get(name), status=status, code=code, message=message) is meaning


@pytest.mark.parametrize("name", [rtype.name for rtype in all_types()])
def test_some_answers_mean_the_same_for_every_type(name: str) -> None:
    rtype = get(name)

    def meaning(status: int) -> Refusal:
        return classify(rtype, status=status, code="", message="")

    assert meaning(401) is Refusal.UNAUTHORIZED
    assert meaning(429) is Refusal.RATE_LIMITED
    assert meaning(423) is Refusal.LOCKED
    assert {status for status in range(100, 600) if meaning(status) is Refusal.FOR_GOOD} == {
        *(400, 403, 404, 405, 410, 413, 415, 422)
    }


@pytest.mark.parametrize("name", [rtype.name for rtype in all_types()])
@pytest.mark.parametrize("status", [408, 409, 412, 428, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("message", ["", LOCKED, "Dependent entities exist.", "is not a valid property"])
def test_an_answer_that_may_follow_a_write_that_landed_is_never_final(name: str, status: int, message: str) -> None:
    assert classify(get(name), status=status, code="general.conflict", message=message) is not Refusal.FOR_GOOD


def test_words_of_the_message_count_whatever_their_case() -> None:
    meaning = classify(get("scripting.session"), status=409, code="", message=LOCKED.upper())

    assert meaning is Refusal.LOCKED


TOLD = [
    (400, "", "Invalid transition from <COMPLETE> to <OFF>", {}, Kind.BAD_TRANSITION, "COMPLETE to OFF"),
    (400, "invalid.status.transition", "", {"from": "ON", "to": "COMPLETE"}, Kind.BAD_TRANSITION, "ON to COMPLETE"),
    (400, "cannot.update.phone.columns", "Phone columns stay.", {}, Kind.IMMUTABLE, "phone columns"),
    (400, "", "The property [type] cannot be changed.", {}, Kind.IMMUTABLE, "type"),
    (409, "", "Dependent entities exist.", {"entityName": "Billing IVR"}, Kind.DEPENDENCY, "Billing IVR"),
    (409, "architect.dependency.object.in.use", "", {}, Kind.DEPENDENCY, ""),
    (400, "location.not.found", "", {"location": "loc-9"}, Kind.REFERENCE_MISSING, "location loc-9"),
    (400, "architect.schedule.not.found", "", {}, Kind.REFERENCE_MISSING, "architect schedule"),
    (
        403,
        "missing.any.permissions",
        "You must have at least one of the following permissions assigned: [outbound:campaign:edit]",
        {},
        Kind.PERMISSION_MISSING,
        "outbound:campaign:edit",
    ),
    (
        403,
        "missing.any.permissions",
        "",
        {"permissions": "agentassist:config:write, agent-scripting:write"},
        Kind.PERMISSION_MISSING,
        "agentassist:config:write or agent-scripting:write",
    ),
    (403, "", "", {}, Kind.PERMISSION_MISSING, ""),
    (
        403,
        "missing.division.permission",
        "Missing routing:queue:edit.",
        {},
        Kind.DIVISION_MISSING,
        "routing:queue:edit",
    ),
    (403, "not.authorized", "No grant in division EMEA.", {"division": "EMEA"}, Kind.DIVISION_MISSING, "EMEA"),
    (
        400,
        "invalid.property",
        "Value [trafficShift] is not a valid property for object [Campaign]",
        {},
        Kind.UNKNOWN_PROPERTY,
        "trafficShift",
    ),
    (400, "invalid.property", "", {"value": "versionRevert"}, Kind.UNKNOWN_PROPERTY, "versionRevert"),
    (400, "bad.request", 'Unrecognized field "colour"', {}, Kind.UNKNOWN_PROPERTY, "colour"),
    (413, "", "", {}, Kind.TOO_LARGE, ""),
    (404, "not.found", "", {}, Kind.OBJECT_MISSING, ""),
    (410, "", "", {}, Kind.OBJECT_MISSING, ""),
    (400, "bad.request", "Something else.", {}, Kind.OTHERWISE, ""),
    (400, "", "Supplied version 2 does not match latest draft version 1", {}, Kind.LOST_RACE, ""),
    (423, "", "Flow [Main menu] is locked by user [Ines Duarte].", {}, Kind.LOCKED, "Ines Duarte"),
    (423, "", "", {"user": "Ines Duarte"}, Kind.LOCKED, "Ines Duarte"),
    (423, "", LOCKED, {}, Kind.LOCKED, ""),
    (401, "bad.credentials", "", {}, Kind.UNAUTHORIZED, ""),
    (429, "", "", {}, Kind.RATE_LIMITED, ""),
    (503, "service.unavailable", "Dependent entities exist.", {}, Kind.UNCLEAR, ""),
    (409, "general.conflict", "Conflict.", {}, Kind.UNCLEAR, ""),
]


@pytest.mark.parametrize(("status", "code", "message", "params", "kind", "name"), TOLD)
def test_a_refusal_tells_its_kind_and_the_name_in_it(
    status: int, code: str, message: str, params: dict[str, str], kind: Kind, name: str
) -> None:
    told = understand(get("outbound.campaign"), status=status, code=code, message=message, params=params)

    assert (told.kind, told.name) == (kind, name)
    assert told.refusal is classify(get("outbound.campaign"), status=status, code=code, message=message)


@pytest.mark.parametrize("status", [408, 409, 412, 428, 500, 503, 504])
@pytest.mark.parametrize(("code", "message"), [("cannot.update.type", ""), ("", "Dependent entities exist.")])
def test_a_kind_that_is_told_proves_nothing_where_the_status_does_not(status: int, code: str, message: str) -> None:
    told = understand(get("routing.queue"), status=status, code=code, message=message)

    assert told.refusal is not Refusal.FOR_GOOD


@given(message=st.text(max_size=300), code=st.text(max_size=60), status=st.integers(400, 599))
def test_whatever_an_answer_says_it_is_understood_somehow_and_its_name_is_short(
    message: str, code: str, status: int
) -> None:
    told = understand(get("architect.flow"), status=status, code=code, message=message, params={"user": message})

    assert len(told.name) <= 200
