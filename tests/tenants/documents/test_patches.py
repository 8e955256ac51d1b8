"""A difference as a JSON Patch gives exactly the other document, and any patch is applied as RFC 6902 says."""

from __future__ import annotations

import copy
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.documents import (
    InvalidDocument,
    Number,
    PatchRefused,
    Value,
    compare,
    digest,
    load,
    patch_of,
    patched,
    same,
    to_text,
)
from tests.tenants.documents.corpora import corpus, values
from tests.tenants.documents.test_difference import items, rule

if TYPE_CHECKING:
    import random


def proven(before: Value, after: Value) -> list[Value]:
    """Give the patch between two documents after proving it: exact, one operation for a change, nothing touched."""
    untouched = to_text(before)
    difference = compare(before, after)
    patch = patch_of(difference)
    made = patched(before, patch)
    assert same(made, after)
    assert digest(made) == digest(after)
    assert to_text(before) == untouched
    assert len(patch) == len(difference.changes)
    assert sum(operation["op"] == "move" for operation in patch) == difference.counts["moved"]  # type: ignore[call-overload, index]
    # What a patch says survives its way through bytes.
    assert same(patched(before, load(to_text(patch).encode())), after)
    return patch


@given(values, values)
def test_the_patch_of_any_two_documents_gives_the_other_one_and_back(one: Value, other: Value) -> None:
    proven(one, other)
    proven(other, one)


@given(st.lists(items, max_size=9), st.lists(items, max_size=9), st.randoms(use_true_random=False))
def test_lists_that_repeat_share_and_reorder_their_items_are_patched_in_order(
    one: list[Any], other: list[Any], chance: random.Random
) -> None:
    for after in (other, chance.sample(one, len(one)), chance.sample(one + other, len(one))):
        proven(one, after)
        proven({"rules": [one, {"id": "r1", "inner": other}]}, {"rules": [{"id": "r1", "inner": after}, after, one]})


@given(st.permutations(range(12)), st.sets(st.integers(0, 11)), st.sets(st.integers(0, 11)), st.booleans())
def test_items_that_moved_came_went_and_were_edited_at_once_land_where_they_belong(
    order: list[int], gone: set[int], come: set[int], nested: bool
) -> None:
    def made(number: int) -> dict[str, Any]:
        return {"id": f"r{number}", "steps": [{"id": f"s{step}", "wait": step} for step in range(4)]}

    before: Any = [made(number) for number in range(12) if number not in come]
    after: Any = [made(number) for number in order if number not in gone]
    for place, item in enumerate(after):
        item["steps"].insert(place % 4, item["steps"].pop())
        item["steps"][0]["wait"] = "edited"
    patch = proven({"queues": before}, {"queues": after}) if nested else proven(before, after)
    assert all(operation["op"] != "replace" or operation["path"].endswith("/wait") for operation in patch)  # type: ignore[call-overload, index, union-attr]


def test_an_item_moved_and_edited_is_a_move_and_its_edit() -> None:
    before: Value = {"rules": [rule(number) for number in range(2000)]}
    after: Any = copy.deepcopy(before)
    after["rules"].insert(3, after["rules"].pop(1500))
    after["rules"][3]["priority"] = Number("2.50")
    assert proven(before, after) == [
        {"op": "move", "from": "/rules/1500", "path": "/rules/3"},
        {"op": "replace", "path": "/rules/3/priority", "value": Number("2.50")},
    ]


def test_a_member_that_goes_from_an_item_that_moved_is_removed_where_the_item_is_now() -> None:
    before: Value = {"rules": [{"id": "r1", "a/b": 1}, {"id": "r2"}, {"id": "r3"}]}
    after: Value = {"rules": [{"id": "r2"}, {"id": "r3"}, {"id": "r1"}]}
    assert proven(before, after) == [
        {"op": "move", "from": "/rules/0", "path": "/rules/2"},
        {"op": "remove", "path": "/rules/2/a~1b"},
    ]


def cases(file: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(corpus("corpora", "json-patch-tests", file).read_bytes())
    return [case for case in told if "doc" in case]


@pytest.mark.parametrize("file", ["tests.json", "spec_tests.json"])
def test_every_case_of_the_json_patch_tests_is_applied_or_refused(file: str) -> None:
    applied = refused = 0
    for case in cases(file):
        # Read as we read, so that numbers are exact. Two cases say one member twice, which no document of ours can.
        document, patch = (load(json.dumps(case[part]).encode()) for part in ("doc", "patch"))
        comment = case.get("comment") or case.get("error")
        if "error" in case:
            if "two 'op' members" in case["error"]:
                continue
            with pytest.raises(PatchRefused, match="Nothing was changed"):
                patched(document, patch)
            refused += 1
        else:
            made = patched(document, patch)
            if "expected" in case:
                assert same(made, load(json.dumps(case["expected"]).encode())), comment
            applied += 1
        assert same(document, load(json.dumps(case["doc"]).encode())), comment
    assert (applied, refused) == {"tests.json": (64, 30), "spec_tests.json": (12, 4)}[file]


def test_a_patch_that_names_a_member_twice_is_no_document() -> None:
    with pytest.raises(InvalidDocument, match='the key "op" appears twice'):
        load(b'[{"op": "add", "path": "/baz", "value": "qux", "op": "remove"}]')


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({}, "a patch is a list of operations"),
        ([1], "it is no object"),
        ([{"op": "add", "path": "/rules/9", "value": 1}], "nothing at '9'"),
        ([{"op": "add", "path": "/name/x", "value": 1}], "leads through a value that holds nothing"),
        ([{"op": "move", "from": "/rules", "path": "/rules/0"}], "cannot be moved into itself"),
        ([{"op": "test", "path": "/limit", "value": True}], "another value at '/limit'"),
        ([{"op": "test", "path": "/limit", "value": Number("1.0000000000000001")}], "another value at '/limit'"),
        ([{"op": "add", "path": "rules", "value": 1}], "must be empty or begin with a slash"),
        ([{"op": "replace", "path": "/rules/-", "value": 1}], "nothing at '-'"),
    ],
)
def test_a_patch_that_cannot_be_done_says_which_operation_and_changes_nothing(patch: Value, said: str) -> None:
    document = load(b'{"name": "Billing", "limit": 1, "rules": [{"id": "r1"}]}')
    before = to_text(document)
    first: list[Value] = [{"op": "remove", "path": "/rules/0/id"}]
    whole = [*first, *patch] if isinstance(patch, list) else patch
    with pytest.raises(PatchRefused, match="Nothing was changed") as refused:
        patched(document, whole)
    assert said in str(refused.value)
    assert f"Operation {2 if isinstance(patch, list) else 1} " in str(refused.value)
    assert to_text(document) == before


def test_exact_numbers_pass_a_test_whatever_their_spelling() -> None:
    document = load(b'{"limit": 100, "share": 0.10}')
    patch = load(
        b'[{"op": "test", "path": "/limit", "value": 1e2}, {"op": "test", "path": "/share", "value": 0.1},'
        b' {"op": "copy", "from": "/share", "path": "/other"}]'
    )
    assert to_text(patched(document, patch)) == '{"limit": 100, "share": 0.10, "other": 0.10}'


def test_a_copy_and_its_original_are_two_things_from_then_on() -> None:
    document = load(b'{"hours": {"days": [1]}}')
    patch = load(
        b'[{"op": "add", "path": "/hours/days/-", "value": 2}, {"op": "copy", "from": "/hours", "path": "/late"},'
        b' {"op": "add", "path": "/late/days/-", "value": 3}, {"op": "remove", "path": "/hours/days/0"}]'
    )
    assert to_text(patched(document, patch)) == '{"hours": {"days": [2]}, "late": {"days": [1, 2, 3]}}'


def test_what_an_operation_brings_is_not_written_to_by_the_next_one() -> None:
    patch = load(b'[{"op": "add", "path": "/a", "value": {"b": 1}}, {"op": "replace", "path": "/a/b", "value": 2}]')
    assert to_text(patched({}, patch)) == '{"a": {"b": 2}}'
    assert to_text(patch).count('"b": 1') == 1


def test_the_patches_between_real_versions_give_exactly_the_other_side() -> None:
    """Prove it for all neighbours in every history, and from the first version to the last and back."""
    proved = 0
    for folder in sorted(corpus("real").glob("*/")):
        versions: list[Value] = []
        for path in sorted(folder.glob("v*.json")):
            try:
                versions.append(load(path.read_bytes()))
            except InvalidDocument:
                continue
        for before, after in [*pairwise(versions), *((versions[end], versions[~end]) for end in (0, -1) if versions)]:
            difference = compare(before, after)
            patch = patch_of(difference)
            made = patched(before, patch)
            assert same(made, after), folder.name
            assert digest(made) == digest(after), folder.name
            assert len(patch) == len(difference.changes)
            assert difference.equal == same(before, after)
            proved += 1
    assert proved > 700
