"""The projection keeps the configuration and leaves out what moves by itself."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tenants.documents import Value, load
from tenants.resource_types import Author, author_of, content_digest, get, project, projection, version_of, written_at

ASSIST = get("agentassist.config")
CAMPAIGN = get("outbound.campaign")
QUEUE = get("routing.queue")


def assist(**changes: Value) -> dict[str, Value]:
    """Give an Agent Assist configuration as a GET shows it, with some members changed."""
    shown: dict[str, Value] = {
        "id": "cfg-1",
        "name": "Card disputes",
        "version": 41,
        "content": {"rules": [{"id": "r-1", "phrase": "dispute a charge", "confidence": 0}]},
        "trafficPercent": 50,
        "deployed": True,
        "deploymentId": "dep-7",
        "dateModified": "2026-11-20T22:14:03.120Z",
        "modifiedBy": {"id": "u-alice", "name": "Alice Moreau"},
        "modifiedByApp": "client-1",
        "selfUri": "/api/v2/agentassist/configs/cfg-1",
    }
    return {**shown, **changes}


def test_only_what_a_person_configures_is_in_the_projection() -> None:
    assert list(project(ASSIST, assist())) == ["name", "content"]


@pytest.mark.parametrize(
    "moved",
    [{"version": 42}, {"trafficPercent": 0}, {"deployed": False}, {"modifiedBy": None}, {"dateModified": "2026-11-21"}],
    ids=str,
)
def test_what_the_server_or_routing_moves_leaves_the_digest_as_it_was(moved: dict[str, Value]) -> None:
    assert content_digest(ASSIST, assist(**moved)) == content_digest(ASSIST, assist())


@pytest.mark.parametrize("changed", [{"name": "Card dispute"}, {"content": {"rules": []}}], ids=str)
def test_what_a_person_changes_changes_the_digest(changed: dict[str, Value]) -> None:
    assert content_digest(ASSIST, assist(**changed)) != content_digest(ASSIST, assist())


def test_two_big_numbers_that_a_double_cannot_tell_apart_have_two_digests() -> None:
    one = load(b'{"name": "Limits", "content": {"limit": 9007199254740992}}')
    other = load(b'{"name": "Limits", "content": {"limit": 9007199254740993}}')
    assert isinstance(one, dict)
    assert isinstance(other, dict)

    assert content_digest(ASSIST, one) != content_digest(ASSIST, other)


def test_null_equals_absent_exactly_where_null_clears() -> None:
    assert content_digest(QUEUE, {"name": "Claims", "peerId": None}) == content_digest(QUEUE, {"name": "Claims"})
    assert content_digest(ASSIST, {"name": "x", "content": None}) != content_digest(ASSIST, {"name": "x"})


def test_the_version_is_read_where_the_type_keeps_it() -> None:
    assert version_of(ASSIST, assist()) == 41
    assert version_of(CAMPAIGN, {"version": 3}) == 3
    assert version_of(QUEUE, {"version": 3}) is None


@pytest.mark.parametrize("version", ["41", True, None, [41]], ids=repr)
def test_a_version_that_is_no_integer_is_no_version(version: Value) -> None:
    assert version_of(ASSIST, assist(version=version)) is None


def test_a_missing_version_is_no_version() -> None:
    assert version_of(ASSIST, {"name": "Card disputes"}) is None


def test_the_author_and_the_client_are_read_in_both_spellings_of_a_reference() -> None:
    assert author_of(assist()) == Author(id="u-alice", name="Alice Moreau", app_id="client-1")
    assert author_of({"modifiedBy": "u-bob", "modifiedByApp": {"id": "client-2"}}) == Author("u-bob", "", "client-2")
    assert author_of({"createdBy": {"id": "u-carol"}}) == Author("u-carol", "", "")
    assert author_of({"modifiedBy": {"id": 7, "name": None}}) == Author("", "", "")


def test_the_creator_of_an_object_is_no_evidence_of_who_wrote_its_latest_state() -> None:
    assert projection.author_of_change({"createdByApp": "our-client", "createdBy": "u-alice"}) is None
    assert projection.author_of_change({"createdByApp": "our-client", "modifiedBy": {"id": "u-ines"}}) == "u-ines"
    assert projection.author_of_change({"modifiedBy": {"id": "u-ines"}, "modifiedByApp": "our-client"}) == "our-client"


def test_a_person_who_modified_what_a_client_had_created_is_not_that_client() -> None:
    shown: dict[str, Value] = {"createdBy": "u-client", "createdByApp": "client-1", "modifiedBy": {"id": "u-bob"}}
    assert author_of(shown) == Author("u-bob", "", "")
    assert author_of({"createdBy": "u-carol", "modifiedByApp": "client-1"}) == Author("", "", "client-1")
    assert author_of({"createdBy": "u-carol", "createdByApp": "client-2"}) == Author("u-carol", "", "client-2")


def test_the_time_of_writing_is_read_with_its_zone() -> None:
    assert written_at(assist()) == datetime(2026, 11, 20, 22, 14, 3, 120000, tzinfo=UTC)
    assert written_at({"dateModified": "2026-11-20T22:14:03"}) == datetime(2026, 11, 20, 22, 14, 3, tzinfo=UTC)
    assert written_at({"dateCreated": "2026-11-20T22:14:03+01:00"}) == datetime(
        2026, 11, 20, 22, 14, 3, tzinfo=timezone(timedelta(hours=1))
    )
    assert written_at({"dateModified": "last night"}) is None
    assert written_at({"dateModified": 1763676843}) is None
