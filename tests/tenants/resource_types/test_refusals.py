"""Refusals are told apart by status, code and message; what does not prove anything is never called final."""

import pytest

from tenants.resource_types import Refusal, all_types, classify, get

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
    ("scim.group", 400, "invalVers", "stale", Refusal.LOST_RACE),
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
