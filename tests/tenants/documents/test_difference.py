from __future__ import annotations

import copy
import itertools
import json
import random
import time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tenants.documents import MISSING, Change, InvalidDocument, Number, Value, compare, load, resolve, same, to_text
from tests.tenants.documents.applying import apply_changes
from tests.tenants.documents.corpora import corpus, scalars, texts, values


def rule(number: int, **members: Any) -> dict[str, Any]:
    return {"id": f"6b0d549b-{number:04}", "name": f"Rule {number}", "enabled": True, "priority": number, **members}


def told(changes: tuple[Change, ...]) -> list[tuple[str, str]]:
    return [(change.kind, change.path) for change in changes]


def test_every_kind_of_change_is_told_with_path_and_words() -> None:
    before = load(
        b"""{"id": "907a", "version": 41, "description": "Canned responses", "fallback": {"type": "none"},
        "rules": [
          {"id": "r1", "name": "Refund request", "knowledge": {"minConfidence": 0.70, "maxSuggestions": 3}},
          {"id": "r2", "name": "Upgrade offer"},
          {"id": "r3", "name": "Password reset"},
          {"id": "r4", "name": "Complaint", "enabled": true}],
        "tags": ["billing", "emea", "tier-1"], "dateModified": "2026-11-02"}"""
    )
    after = load(
        b"""{"version": 42, "id": "907a", "description": "Scripted responses",
        "fallback": {"type": "message", "text": "No suggestion"},
        "rules": [
          {"id": "r4", "name": "Complaint", "enabled": false},
          {"id": "r1", "name": "Refund request", "knowledge": {"maxSuggestions": 3.0, "minConfidence": 0.55}},
          {"id": "r3", "name": "Password reset"},
          {"id": "r9", "name": "Payment failed"}],
        "tags": ["billing", "emea", "tier-2"], "dateModified": "2026-11-19"}"""
    )
    found = compare(before, after, volatile=["version", "/dateModified"])
    assert [(c.kind, c.path, c.before_path, c.trail, c.volatile) for c in found.changes] == [
        ("changed", "/version", "/version", ("version",), True),
        ("changed", "/description", "/description", ("description",), False),
        ("changed", "/fallback/type", "/fallback/type", ("fallback", "type"), False),
        ("added", "/fallback/text", None, ("fallback", "text"), False),
        ("moved", "/rules/0", "/rules/3", ("rules", "Complaint"), False),
        ("changed", "/rules/0/enabled", "/rules/3/enabled", ("rules", "Complaint", "enabled"), False),
        (
            "changed",
            "/rules/1/knowledge/minConfidence",
            "/rules/0/knowledge/minConfidence",
            ("rules", "Refund request", "knowledge", "minConfidence"),
            False,
        ),
        ("removed", "/rules/1", "/rules/1", ("rules", "Upgrade offer"), False),
        ("added", "/rules/3", None, ("rules", "Payment failed"), False),
        ("changed", "/tags/2", "/tags/2", ("tags",), False),
        ("changed", "/dateModified", "/dateModified", ("dateModified",), True),
    ]
    assert found.counts == {"changed": 7, "added": 2, "removed": 1, "moved": 1}
    assert [len(found.significant), found.equal] == [9, False]
    moved = found.changes[4]
    assert (moved.from_index, moved.to_index) == (3, 0)
    added, removed = found.changes[8], found.changes[7]
    assert (added.before, added.after) == (MISSING, {"id": "r9", "name": "Payment failed"})
    assert (removed.before, removed.after) == ({"id": "r2", "name": "Upgrade offer"}, MISSING)
    assert same(apply_changes(before, found), after)


def test_the_json_of_changes_spells_numbers_as_they_were() -> None:
    before = load(b'{"minConfidence": 0.70, "gone": null, "rules": [{"id": 1}, {"id": 2}]}')
    after = load(b'{"minConfidence": 5.50e-1, "rules": [{"id": 2}, {"id": 1}]}')
    text = to_text(compare(before, after).to_json())
    assert '"before": 0.70, "after": 5.50e-1' in text
    entries = json.loads(text)
    assert [list(entry) for entry in entries] == [
        ["path", "kind", "before", "after"],
        ["path", "kind", "before", "after"],
        ["path", "kind", "before", "after", "from"],
    ]
    assert entries[1] == {"path": "/gone", "kind": "removed", "before": None, "after": None}
    assert (entries[2]["path"], entries[2]["from"]) in {("/rules/0", "/rules/1"), ("/rules/1", "/rules/0")}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"a": 1, "b": [1.0, {"c": "x", "d": null}]}', b'{"b": [1, {"d": null, "c": "x"}], "a": 1e0}'),
        (b"-0", b"0.0"),
        (b"[[], {}]", b"[ [ ] , { } ]"),
    ],
)
def test_key_order_white_space_and_spelling_are_no_change(before: bytes, after: bytes) -> None:
    assert compare(load(before), load(after)).equal


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"true", b"1"), (b"0", b"false"), (b'"1"', b"1"), (b"null", b"0"), (b"[]", b"{}"), (b"1", b"1.1")],
)
def test_types_are_never_mistaken_for_each_other(before: bytes, after: bytes) -> None:
    assert told(compare(load(before), load(after)).changes) == [("changed", "")]
    members = b'{"a": {"b": %s, "c": 1}}'
    assert told(compare(load(members % before), load(members % after)).changes) == [("changed", "/a/b")]


def test_an_item_in_front_of_two_thousand_is_one_change() -> None:
    rules: list[Value] = [rule(number) for number in range(2000)]
    assert told(compare(rules, [rule(9999), *rules]).changes) == [("added", "/0")]
    assert told(compare([rule(9999), *rules], rules).changes) == [("removed", "/0")]
    words: list[Value] = [f"phrase {number}" for number in range(2000)]
    assert told(compare(words, ["new", *words]).changes) == [("added", "/0")]
    repeated: list[Value] = ["phrase"] * 2000
    assert told(compare(repeated, ["new", *repeated]).changes) == [("added", "/0")]


@pytest.mark.parametrize("named", ["id", "name", "value", "phrase", "content"])
def test_one_moved_item_is_the_only_one_called_moved(named: str) -> None:
    items: list[Value]
    if named == "content":
        items = [[number, {"confidence": number}] for number in range(50)]
    else:
        items = [{named: f"the {number}th", "enabled": True} for number in range(50)]
    for origin, goal in ((0, 49), (49, 0), (10, 30), (30, 10), (5, 6)):
        moved = copy.deepcopy(items)
        moved.insert(goal, moved.pop(origin))
        (change,) = compare(items, moved).changes
        assert change.kind == "moved"
        # Neighbours that change places: either of the two may be the one that moved.
        assert {change.from_index, change.to_index} == {origin, goal}


def test_the_fewest_possible_items_are_called_moved() -> None:
    items: list[Value] = [rule(number) for number in range(8)]
    order = [0, 5, 1, 2, 7, 3, 4, 6]
    found = compare(items, [items[index] for index in order])
    assert [(c.kind, c.from_index, c.to_index) for c in found.changes] == [("moved", 5, 1), ("moved", 7, 4)]


def test_another_id_is_another_thing_but_a_new_name_is_an_edit() -> None:
    before: list[Value] = [{"id": "r1", "enabled": True}, {"id": "r2", "enabled": True}]
    after: list[Value] = [{"id": "r1", "enabled": True}, {"id": "r3", "enabled": True}]
    assert told(compare(before, after).changes) == [("removed", "/1"), ("added", "/1")]
    triggers: list[Value] = [
        {"type": "phrase", "value": "terminate my contract", "confidence": Number("0.63")},
        {"type": "phrase", "value": "better plan", "confidence": Number("0.66")},
    ]
    renamed: list[Value] = [
        {"type": "phrase", "value": "end my contract now", "confidence": Number("0.63")},
        {"type": "phrase", "value": "better plan", "confidence": Number("0.66")},
    ]
    (change,) = compare(triggers, renamed).changes
    assert (change.kind, change.path, change.trail) == ("changed", "/0/value", ("end my contract now", "value"))


def test_a_given_identity_key_comes_before_what_the_data_suggests() -> None:
    before: list[Value] = [{"id": 1, "queue": "Billing", "wait": 5}, {"id": 2, "queue": "Claims", "wait": 5}]
    after: list[Value] = [{"id": 2, "queue": "Billing", "wait": 5}, {"id": 1, "queue": "Claims", "wait": 5}]
    assert [change.kind for change in compare(before, after).changes] == ["moved", "changed", "changed"]
    by_queue = compare(before, after, identity_keys=["queue"])
    assert told(by_queue.changes) == [("changed", "/0/id"), ("changed", "/1/id")]


def test_names_that_hide_something_are_made_visible_in_the_trail() -> None:
    before: list[Value] = [{"id": "r1", "name": "Refund\u202egnp", "on\u200b": 1}]
    after: list[Value] = [{"id": "r1", "name": "Refund\u202egnp", "on\u200b": 2}]
    (change,) = compare(before, after).changes
    assert change.trail == ("Refund\\u202egnp", "on\\u200b")


def test_a_nested_pointer_and_its_inside_can_be_volatile() -> None:
    before: Value = {"metadata": {"version": 7, "owner": "alice"}, "modifiedBy": {"id": "u1"}, "a/b": 1}
    after: Value = {"metadata": {"version": 8, "owner": "bob"}, "modifiedBy": {"id": "u2"}, "a/b": 2}
    found = compare(before, after, volatile=["/metadata/version", "modifiedBy", "a/b"])
    assert [(c.path, c.volatile) for c in found.changes] == [
        ("/metadata/version", True),
        ("/metadata/owner", False),
        ("/modifiedBy/id", True),
        ("/a~1b", True),
    ]


@given(values, values)
def test_applying_the_changes_to_before_gives_after(before: Value, after: Value) -> None:
    found = compare(before, after)
    assert same(apply_changes(before, found), after)
    assert found.equal == same(before, after)
    for change in found.changes:
        if change.kind != "added":
            assert change.before_path is not None
            assert same(resolve(before, change.before_path), change.before)  # type: ignore[arg-type]
        if change.kind != "removed":
            assert same(resolve(after, change.path), change.after)  # type: ignore[arg-type]


# Few words, so that lists repeat, share and reorder their items.
items = st.one_of(
    st.sampled_from(["a", "b", "c", 1, True, None]),
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.integers(0, 4),
            "name": st.sampled_from("xyz"),
            "on": st.booleans(),
            "sub": st.lists(st.integers(0, 2), max_size=3),
        },
    ),
    st.lists(st.sampled_from(["a", "b"]), max_size=2),
)


@given(st.lists(items, max_size=9), st.lists(items, max_size=9), st.randoms(use_true_random=False))
def test_applying_gives_after_for_lists_full_of_repetitions(
    one: list[Any], other: list[Any], chance: random.Random
) -> None:
    for after in (other, chance.sample(one, len(one)), chance.sample(one + other, len(one))):
        found = compare(one, after)
        assert same(apply_changes(one, found), after)
        assert found.equal == same(one, after)


@given(values)
def test_a_document_does_not_differ_from_its_copy(value: Value) -> None:
    assert compare(value, copy.deepcopy(value)).equal


@given(values, scalars, st.data())
def test_one_edited_value_is_exactly_one_change(value: Value, new: Value, data: st.DataObject) -> None:
    after: Any = [copy.deepcopy(value)]
    here, place = after, 0
    tokens = []
    while isinstance(here[place], (dict, list)) and here[place]:
        here = here[place]
        place = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        tokens.append(str(place))
    assume(not isinstance(here[place], (dict, list)) and not same(here[place], new))
    old, here[place] = here[place], new
    (change,) = compare(value, after[0]).changes
    assert (change.kind, same(change.before, old), same(change.after, new)) == ("changed", True, True)  # type: ignore[arg-type]
    assert change.path == "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)


@given(st.lists(texts, min_size=2, max_size=30, unique=True), values, st.data())
def test_one_planted_structural_change_is_exactly_one(names: list[str], content: Value, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(["id", "name", "phrase", None]))
    before: list[Value] = [name if key is None else {key: name, "content": content} for name in names]
    position = data.draw(st.integers(0, len(before) - 1))
    removed = before[:position] + before[position + 1 :]
    assert told(compare(before, removed).changes) == [("removed", f"/{position}")]
    assert told(compare(removed, before).changes) == [("added", f"/{position}")]
    goal = data.draw(st.integers(0, len(before) - 1).filter(lambda chosen: chosen != position))
    moved = [*removed[:goal], before[position], *removed[goal:]]
    assert [change.kind for change in compare(before, moved).changes] == ["moved"]


def test_every_neighbour_in_the_real_histories_applies() -> None:
    compared = 0
    for folder in sorted(path for path in corpus("real").iterdir() if path.is_dir()):
        versions = []
        for path in sorted(folder.glob("v*.json"))[-3:]:
            try:
                versions.append(load(path.read_bytes()))
            except InvalidDocument:
                continue
        for before, after in itertools.pairwise(versions):
            found = compare(before, after)
            assert same(apply_changes(before, found), after), folder.name
            assert found.equal == same(before, after)
            compared += 1
    assert compared > 30


def test_a_document_of_two_hundred_kilobytes_is_compared_at_once() -> None:
    before = {"rules": [rule(number, triggers=["refund", "money back"]) for number in range(2000)]}
    after = {"rules": [rule(9999), *copy.deepcopy(before["rules"])]}
    assert len(json.dumps(before)) > 200_000
    began = time.thread_time()
    found = compare(before, after)  # type: ignore[arg-type]
    assert time.thread_time() - began < 0.5  # of our own time, whatever else the machine does; it takes about 5 ms
    assert told(found.changes) == [("added", "/rules/0")]


def test_lists_that_share_nothing_or_repeat_everything_do_not_take_for_ever() -> None:
    chance = random.Random(5)  # noqa: S311 - no secret
    pairs: list[tuple[list[Value], list[Value]]] = [
        ([f"a{n}" for n in range(5000)], [f"b{n}" for n in range(5000)]),
        ([chance.choice("xy") for _ in range(5000)], [chance.choice("xy") for _ in range(5000)]),
        ([{"n": n} for n in range(2000)], [{"n": -n} for n in range(2000)]),
    ]
    began = time.thread_time()
    for before, after in pairs:
        assert same(apply_changes(before, compare(before, after)), after)
    assert time.thread_time() - began < 10
