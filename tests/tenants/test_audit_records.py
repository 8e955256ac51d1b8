"""What the platform's audit answers is read strictly, whole, and with what hides made visible."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenants import audit_records, platform_audits
from tenants.audit_records import Record, UnreadableAnswer
from tests.world import BILLING, BILLING_PATH, World

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ENTITY: dict[str, Any] = {
    "id": "7c1e",
    "user": {"id": "u-7", "name": "Ines Duarte"},
    "client": None,
    "remoteIp": ["198.51.100.23"],
    "serviceName": "AgentAssist",
    "eventDate": "2026-11-20T12:00:00.250Z",
    "action": "Update",
    "entityType": "AgentAssistConfig",
    "entity": {"id": "cfg-1", "name": "Billing"},
    "status": "SUCCESS",
    "propertyChanges": [{"property": "content", "oldValues": ["a"], "newValues": ["b"]}],
}


def read(*entities: Any, **around: Any) -> list[Record]:
    answer = audit_records.answer_in(json.dumps({"entities": list(entities), **around}).encode())
    return audit_records.records_in(answer)


def test_a_record_is_read_whole_and_kept_as_it_is_read_again() -> None:
    [one] = read(ENTITY)
    assert one.at == NOON + timedelta(milliseconds=250)
    assert (one.who, one.addresses, one.changed) == ("Ines Duarte", ("198.51.100.23",), ("content",))
    assert Record.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert "b" not in one.to_json().values(), "values of properties may be secrets"


def test_what_is_missing_is_empty_and_nobody_is_invented() -> None:
    [one] = read({"id": "7c1e", "eventDate": "2026-11-20T12:00:00Z"})
    assert not one.named
    assert one.who == "somebody whom the record does not name"


@pytest.mark.parametrize(
    "entity", ["text", {**ENTITY, "id": ""}, {**ENTITY, "eventDate": "noon"}, {**ENTITY, "eventDate": None}]
)
def test_a_record_that_cannot_be_placed_is_not_passed_over_in_silence(entity: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        read(ENTITY, entity)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"entities": {}}', b'{"id": "x"}'])
def test_an_answer_of_another_shape_is_refused_with_a_sentence(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer, match=r"The platform's audit|platform's audit query"):
        audit_records.records_in(audit_records.answer_in(body))


def test_names_cannot_hide_what_they_are() -> None:
    [one] = read({**ENTITY, "user": {"id": "u", "name": "Ines\u202eDuarte"}, "remoteIp": [7, "198.51.100.23\n"]})
    assert "\u202e" not in one.who
    assert all("\n" not in address for address in one.addresses)


def test_the_question_names_object_and_time_and_an_object_inside_another_by_its_own_id() -> None:
    asked = json.loads(audit_records.question("cfg-1", since=NOON, until=NOON + timedelta(minutes=5), page=2))
    assert asked["interval"] == "2026-11-20T12:00:00.000Z/2026-11-20T12:05:00.000Z"
    assert asked["filters"] == [{"property": "EntityId", "value": "cfg-1"}]
    assert (asked["pageNumber"], asked["pageSize"]) == (2, 100)
    assert audit_records.entity_id_of("assistant-1~queue-7") == "queue-7"


@settings(max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["entities", *ENTITY]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_no_answer_makes_it_fail_otherwise_than_with_a_sentence(value: Any) -> None:
    for shape in (value, {"entities": value}, {"entities": [{**ENTITY, "user": value, "remoteIp": value}]}):
        try:
            found = audit_records.records_in(audit_records.answer_in(json.dumps(shape).encode()))
        except UnreadableAnswer as error:
            told = str(error)
        else:
            told = "What the platform's audit query answered"
            assert all(Record.from_json(one.to_json()) == one for one in found)
        assert told.startswith("What the platform's audit query answered")


@pytest.mark.django_db
def test_every_page_is_read_of_the_query_that_is_answered_at_once_and_of_the_one_that_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        world.practice.foreign_write(BILLING_PATH, by=f"Ines Duarte {number}")
    world.practice.set_switches("northwind", audit_query_seconds=0, audit_delay_seconds=0)
    now = datetime.now(UTC) + timedelta(seconds=1)  # a question bears whole milliseconds
    recent, all_of_it = now - timedelta(days=1), now - audit_records.KEPT

    def ask(since: datetime) -> list[str]:
        asked = platform_audits.ask(world.platform, BILLING, since=since, until=now)
        assert asked.complete
        return [one.user_name for one in asked.records]

    whole = ask(recent)
    assert sorted(whole[-5:]) == [f"Ines Duarte {number}" for number in range(5)]
    older = ask(all_of_it)
    assert older[-5:] == whole[-5:]
    monkeypatch.setattr(audit_records, "PAGE_SIZE", 2)
    monkeypatch.setattr(platform_audits, "_RESULTS", 2)
    before = len(world.practice.requests())
    assert ask(recent) == whole
    assert ask(all_of_it) == older
    asked = [one["path"] for one in world.practice.requests()[before:]]
    assert asked.count("/api/v2/audits/query/realtime") >= 3
    assert sum(path.endswith("/results") for path in asked) >= 3
    monkeypatch.setattr(platform_audits, "MOST_PAGES", 1)
    cut = platform_audits.ask(world.platform, BILLING, since=recent, until=now)
    assert (cut.complete, len(cut.records)) == (False, 2)
