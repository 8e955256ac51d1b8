"""What follows from the versions that were seen at work: no database, no platform."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollbacks.routing import Activity, Finding, UnreadableAnswer, Watched, activities, find, question

THREE = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
OLD, OURS, NEWER = Activity("42", 5, THREE), Activity("43", 2, THREE), Activity("44", 1, THREE)


def result(version: object, *counts: float, until: str = "2026-11-22T03:00:00Z", **group: object) -> dict[str, Any]:
    data = [
        {
            "interval": f"2026-11-22T02:00:00Z/{until}",
            "metrics": [{"metric": "nConversations", "stats": {"count": count}}],
        }
        for count in counts
    ]
    return {"group": {"configurationId": "cfg-1", "configurationVersionId": version, **group}, "data": data}


def answer(*results: object) -> bytes:
    return json.dumps({"results": list(results)}).encode()


@pytest.mark.parametrize(
    ("seen", "live", "over", "finding"),
    [
        ([OURS], 43, False, Finding(Watched.SEEN, OURS)),
        ([OURS], 43, True, Finding(Watched.SEEN, OURS)),
        ([OLD, OURS], 43, False, Finding(Watched.SEEN, OURS)),
        ([NEWER, OURS], 44, False, Finding(Watched.SEEN, OURS)),
        ([OLD], 43, False, Finding(Watched.WATCHING, OLD)),
        ([], 43, False, Finding(Watched.WATCHING)),
        ([], None, False, Finding(Watched.WATCHING)),
        ([NEWER], 43, False, Finding(Watched.OVERTAKEN, NEWER, 44)),
        ([OLD], 45, False, Finding(Watched.OVERTAKEN, OLD, 45)),
        ([OLD], 43, True, Finding(Watched.NOT_SEEN, OLD)),
        ([], 43, True, Finding(Watched.NOT_SEEN)),
        ([Activity("shadow-7", 9, None)], 43, False, Finding(Watched.WATCHING, Activity("shadow-7", 9, None))),
    ],
)
def test_only_conversations_under_our_version_are_proof_of_it(
    seen: list[Activity], live: int | None, over: bool, finding: Finding
) -> None:
    assert find(43, seen, live_version=live, over=over) == finding


def test_without_a_single_answer_nothing_is_said_about_the_version() -> None:
    assert find(43, [], live_version=43, over=True, answered=False) == Finding(Watched.UNREADABLE)


def test_the_conversations_of_a_version_are_added_up_and_the_one_at_work_last_comes_first() -> None:
    seen = activities(
        answer(
            result("42", 3, 4, until="2026-11-22T02:58:00Z"),
            result("43", 1, mediaType="voice"),
            result("43", 2.0, mediaType="chat"),
            result("41", 0),
        ),
        config_id="cfg-1",
    )
    assert [(one.version, one.conversations, one.until) for one in seen] == [
        ("43", 3, THREE),
        ("42", 7, THREE - timedelta(minutes=2)),
    ]


def test_an_answer_without_results_says_that_nobody_called() -> None:
    assert activities(b"{}", config_id="cfg-1") == []
    assert activities(answer(), config_id="cfg-1") == []


def test_the_conversations_of_another_configuration_prove_nothing() -> None:
    assert activities(answer(result("43", 4, configurationId="cfg-2")), config_id="cfg-1") == []


@pytest.mark.parametrize(
    "count", ["many", None, True, -3, [], {"count": 1}, 0, -1.0], ids=lambda count: f"a count of {count!r}"
)
def test_a_count_that_is_none_counts_nothing(count: Any) -> None:
    assert activities(answer(result("43", count)), config_id="cfg-1") == []


def test_a_huge_count_is_kept_within_what_the_database_holds() -> None:
    (seen,) = activities(answer(result("43", 10**30, 10**30)), config_id="cfg-1")
    assert seen.conversations == 2**31 - 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in</html>",
        b"[]",
        b"7",
        b'{"results": {}}',
        b'{"results": [7]}',
        b'{"results": [{"group": {}}]}',
        b'{"results": [{"group": 1, "data": []}]}',
        b'{"results": [], "results": []}',
        b'{"results": [{"group": {"configurationVersionId": "\\ud800"}, "data": []}]}',
    ],
)
def test_what_is_no_answer_to_the_question_is_refused_with_a_sentence(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer, match=r"^What the platform answered about its conversations .*\.$"):
        activities(body, config_id="cfg-1")


@pytest.mark.parametrize("until", ["", "yesterday", "2026-11-22T03:00:00Z/", "2026-11-22T03:00:00"])
def test_an_interval_that_cannot_be_read_leaves_the_count_standing(until: str) -> None:
    (seen,) = activities(answer(result("43", 1, until=until)), config_id="cfg-1")
    assert seen.conversations == 1


def test_the_question_names_the_configuration_its_version_and_the_time_since_the_write() -> None:
    asked = json.loads(question("cfg-1", version=43, since=THREE, now=THREE + timedelta(seconds=90)))
    assert asked["interval"] == "2026-11-22T03:00:00.000Z/2026-11-22T03:01:30.000Z"
    assert [(one["dimension"], one["value"]) for one in asked["filter"]["predicates"]] == [
        ("configurationId", "cfg-1"),
        ("configurationVersionId", "43"),
    ]
    everything = json.loads(question("cfg-1", version=None, since=THREE, now=THREE))
    assert [one["dimension"] for one in everything["filter"]["predicates"]] == ["configurationId"]


def test_a_question_never_reaches_over_more_than_a_day_nor_backwards() -> None:
    late = json.loads(question("cfg-1", version=43, since=THREE, now=THREE + timedelta(days=9)))
    early = json.loads(question("cfg-1", version=43, since=THREE, now=THREE - timedelta(hours=1)))
    assert late["interval"] == "2026-11-22T03:00:00.000Z/2026-11-23T03:00:00.000Z"
    assert early["interval"] == "2026-11-22T03:00:00.000Z/2026-11-22T03:00:00.000Z"
