"""For each field the version that last changed it, through moves and edits, told the same way by two roads."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.documents import (
    Blame,
    Field,
    InvalidDocument,
    NotFound,
    Told,
    Value,
    blame,
    load,
    pretty,
    same,
    to_text,
)
from tests.real.blaming import carried, scalars_of, wrongly_blamed
from tests.tenants.documents.corpora import corpus, values
from tests.tenants.documents.test_difference import items


def rule(name: str, **members: Any) -> dict[str, Any]:
    return {"id": f"r-{name}", "name": name, "priority": 1, **members}


def told(versions: list[Any], *, under: str = "") -> dict[str, Told]:
    return {field.path: field.told for field in blame(versions).fields(versions[-1], under=under)}


# --- by two roads -----------------------------------------------------------------------------------------------------


def proven(versions: list[Value]) -> list[Field]:
    """Give the fields of the last version after proving who is to blame for each; nothing that was given changes."""
    untouched = to_text(list(versions))
    found = blame(versions)
    fields = list(found.fields(versions[-1]))
    assert to_text(list(versions)) == untouched
    said = {field.path: field.told.since for field in fields if not isinstance(field.value, (dict, list))}
    assert said == scalars_of(carried(versions))
    assert {field.path: field.value for field in fields if field.path in said} == scalars_of(versions[-1])
    lines = found.lines(versions[-1])
    assert "\n".join(line.line.text for line in lines) == pretty(versions[-1])
    assert [line.line.number for line in lines] == list(range(1, len(lines) + 1))
    for first in (1, 2, 5, len(lines)):
        assert found.lines(versions[-1], first=first, most=4) == lines[first - 1 : first + 3]
    # Each field is one line, in the same order, and the line says the same.
    bare = [line.told for line in lines if line.line.value not in {"{", "}", "[", "]"}]
    assert bare == [field.told for field in fields]
    kept = load(to_text(found.to_json()).encode())
    assert list(Blame.from_json(kept).fields(versions[-1])) == fields
    return fields


@given(st.lists(values, min_size=1, max_size=5))
def test_any_documents_in_any_order_are_blamed_as_their_patches_carry_each_scalar(versions: list[Value]) -> None:
    proven(versions)


@given(st.lists(st.lists(items, max_size=7), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_lists_whose_items_come_go_repeat_move_and_are_edited_keep_what_is_known_of_each(
    versions: list[Any], chance: Any
) -> None:
    proven(versions)
    reordered: list[Any] = [
        {"rules": [one, chance.sample(one, len(one)), {"id": "r1", "inner": one}]} for one in versions
    ]
    proven([*reordered, *(copy.deepcopy(chance.choice(reordered)) for _ in range(2))])


def in_objects(leaves: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    names = st.sampled_from(["name", "queues", "fallback", "text"])
    return st.recursive(leaves, lambda inner: st.dictionaries(names, inner, max_size=3), max_leaves=8)


@given(st.lists(in_objects(st.sampled_from([None, False, 0, 1, "EMEA", "", []])), min_size=1, max_size=6))
def test_without_lists_a_field_is_the_version_s_after_which_it_was_always_the_same(versions: list[Value]) -> None:
    def at(value: Value, path: str) -> Any:
        for token in path.split("/")[1:]:
            if not isinstance(value, dict) or token not in value:
                return Ellipsis
            value = value[token]
        return value

    for field in proven(versions):
        since = len(versions) - 1
        while since and same(at(versions[since - 1], field.path), field.value):
            since -= 1
        assert field.told.since == since


# --- what people see --------------------------------------------------------------------------------------------------


def test_the_newest_change_of_each_field_is_named() -> None:
    first: Any = {"name": "Billing", "fallback": {"type": "none"}, "tags": ["billing"]}
    second = {**first, "fallback": {"type": "message", "text": "No suggestion"}}
    third = {**second, "name": "Billing EMEA", "tags": ["billing", "emea"]}
    assert told([first, second, third]) == {
        "/name": Told(2),
        "/fallback/type": Told(1),
        "/fallback/text": Told(1),
        "/tags/0": Told(0),
        "/tags/1": Told(2),
    }


def test_a_field_that_comes_back_to_an_old_value_is_the_newer_version_s() -> None:
    assert told([{"minConfidence": 0}, {"minConfidence": 1}, {"minConfidence": 0}]) == {"/minConfidence": Told(2)}


def test_another_order_of_keys_and_another_spelling_of_a_number_change_nothing() -> None:
    versions = [load(b'{"rate": 0.70, "on": true}'), load(b'{"on": true, "rate": 7e-1}')]
    assert told(versions) == {"/on": Told(0), "/rate": Told(0)}


def test_a_moved_item_keeps_the_blame_of_its_fields_and_says_which_version_moved_it() -> None:
    complaint, refund = rule("Complaint"), rule("Refund")
    edited = rule("Refund", priority=5)
    versions = [{"rules": [complaint, refund]}, {"rules": [complaint, edited]}, {"rules": [edited, complaint]}]
    # The fewest possible items are called moved: the other one stayed.
    found = told([*versions, {"rules": [edited, rule("Complaint", priority=9)]}])
    moved, stayed = ("/rules/0", "/rules/1") if found["/rules/0/name"].moved else ("/rules/1", "/rules/0")
    assert found[f"{moved}/name"] == Told(0, moved=2)
    assert found[f"{stayed}/name"] == Told(0)
    assert {found["/rules/0/priority"].since, found["/rules/1/priority"].since} == {1, 3}
    # Who changed a field after its item had moved is not told that it moved.
    assert all(one.moved is None for one in found.values() if one.since == 3)


def test_an_item_put_in_front_of_two_thousand_is_one_version_s_and_the_others_stay_as_they_were() -> None:
    rules: list[Any] = [rule(f"{number}") for number in range(2000)]
    edited = [*rules[:1500], rule("1500", priority=7), *rules[1501:]]
    found = told([rules, edited, [rule("new"), *edited]])
    assert [path for path, one in found.items() if one.since] == [
        "/0/id", "/0/name", "/0/priority", "/1501/priority",
    ]  # fmt: skip
    assert found["/1501/priority"] == Told(1)
    assert found["/0/name"] == Told(2)


def test_what_was_taken_out_is_told_at_what_held_it() -> None:
    versions: list[Any] = [{"rules": [rule("a"), rule("b")], "on": True, "off": 1}, {"rules": [rule("b")], "on": True}]
    lines = blame([*versions, versions[-1]]).lines(versions[-1])
    assert [(line.line.text, line.told.lost) for line in lines if line.told.lost is not None] == [
        ("{", 1),
        ("  rules: [", 1),
    ]


def test_a_list_emptied_item_by_item_is_the_version_s_that_took_the_last_one_out() -> None:
    versions: list[Any] = [{"tags": ["a", "b"]}, {"tags": ["a"]}, {"tags": []}, {"tags": [], "on": True}]
    assert told(versions)["/tags"] == Told(2, lost=2)
    assert told([*versions, {"tags": ["c"], "on": True}]) == {"/tags/0": Told(4), "/on": Told(3)}


def test_a_part_is_asked_for_by_its_pointer() -> None:
    versions: list[Any] = [{"a/b": {"c": 1}, "d": 2}, {"a/b": {"c": 3}, "d": 2}]
    assert told(versions, under="/a~1b") == {"/a~1b/c": Told(1)}
    assert [field.trail for field in blame(versions).fields(versions[-1], under="/a~1b")] == [("a/b", "c")]
    with pytest.raises(NotFound, match="nothing at '/e'"):
        told(versions, under="/e")


def test_items_are_followed_by_the_keys_that_the_type_names() -> None:
    versions: list[Any] = [
        [{"slot": 1, "note": "x"}, {"slot": 2, "note": "x"}],
        [{"slot": 2, "note": "x"}, {"slot": 1, "note": "y"}],
    ]
    found = {field.path: field.told for field in blame(versions, identity_keys=("slot",)).fields(versions[-1])}
    edited = [path for path, one in found.items() if one.since == 1]
    assert edited == ["/1/note"]


def test_without_a_version_there_is_nobody_to_blame() -> None:
    with pytest.raises(ValueError, match="nobody to blame"):
        blame([])


# --- real histories: all of them in `make real`, the short ones here ------------------------------------------------


def test_the_blame_of_real_histories_names_for_each_field_the_version_after_which_it_did_not_change() -> None:
    proved = 0
    for folder in sorted(corpus("real").iterdir()):
        files = [file.read_bytes() for file in sorted(folder.glob("v*.json"))]
        if len(files) < 2 or sum(map(len, files)) > 300_000:
            continue
        versions = []
        for raw in files:
            with contextlib.suppress(InvalidDocument):
                versions.append(load(raw))
        fields = proven(versions)
        assert wrongly_blamed(fields, [json.loads(to_text(value)) for value in versions]) == []
        proved += 1
    assert proved > 5
