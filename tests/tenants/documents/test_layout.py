"""A comparison laid out for a page: its parts, its rows, its places, and what is found in it, folded or not."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tenants.documents import (
    MISSING,
    InvalidPointer,
    Layout,
    Row,
    Value,
    compare,
    join,
    pretty,
    resolve,
    side_by_side,
    visible,
)
from tenants.documents.layout import MOST_CHANGES, MOST_ROWS
from tenants.documents.lines import Sizes
from tenants.documents.printed_places import line_of, pointer_at
from tests.tenants.documents.corpora import values


def laid_out(before: Value, after: Value, **options: Any) -> Layout:
    volatile = options.pop("volatile", ())
    return Layout(before, after, compare(before, after, volatile=volatile), **options)


def rule(number: int) -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "name": f"Rule {number}",
        "knowledge": {"minConfidence": 0.7, "base": f"kb-{number}"},
        "phrases": [f"money back {number}", "please"],
    }


def floor(rules: int = 40) -> dict[str, Any]:
    return {"name": "Billing", "version": 1, "rules": [rule(number) for number in range(rules)], "tags": ["emea"]}


def every_pointer(value: Value, tokens: tuple[str | int, ...] = ()) -> list[str]:
    found = [join(tokens)]
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for token, child in children:
        found += every_pointer(child, (*tokens, token))
    return found


@given(values)
def test_every_place_has_its_line_and_every_line_its_place(document: Value) -> None:
    sizes = Sizes()
    pointers = every_pointer(document)
    lines = [line_of(document, pointer, sizes) for pointer in pointers]
    assert all(whole for _, whole in lines)
    assert [pointer_at(document, line, sizes) for line, _ in lines] == pointers
    assert {pointer_at(document, line, sizes) for line in range(1, sizes.of(document) + 1)} == set(pointers)


@given(values, values)
def test_what_is_made_of_a_window_is_what_stands_there_in_the_whole(before: Value, after: Value) -> None:
    found = laid_out(before, after)
    whole = [row for section in side_by_side(before, after, found.difference) for row in section.rows]
    assert found.size == len(whole)
    assert [found.row(number) for number in range(found.size)] == whole
    rows = []
    for window in found.parts:
        sections = found.sections(window)
        assert [section.begin for section in sections][:1] == [window[0]]
        rows += [row for section in sections for row in section.rows]
    assert rows == whole
    for row, index in found.anchors:
        assert whole[row].change == index
    assert sorted(index for _, index in found.anchors) == list(range(len(found.difference.changes)))


@given(values, values)
@example([None, [None]], [[]])
@example({"tags": []}, {"tags": ["emea"]})
def test_every_row_names_a_place_and_the_place_leads_back_to_its_row(before: Value, after: Value) -> None:
    found = laid_out(before, after)
    for number in range(found.size):
        place = found.place(number)
        document = after if place.side == "after" else before
        value = resolve(document, place.pointer)
        assert (place.after if place.side == "after" else place.before) == value
        row, whole = found.row_of(place.pointer, side=place.side)
        assert whole
        assert row is not None
        assert found.place(row).pointer == place.pointer
        if found.row(number).kind == "same" and not found.row(number).left_behind:
            assert MISSING not in (place.before, place.after)


def long_runs() -> tuple[dict[str, Any], dict[str, Any]]:
    before = floor()
    after = copy.deepcopy(before)
    after["copy"] = [rule(number) for number in range(200, 400)]
    after["tags"] = {"lists": [f"tag {number}" for number in range(500)]}
    return before, after


def test_of_a_value_with_very_many_lines_the_middle_is_folded_and_nothing_else_is_made() -> None:
    before, after = long_runs()
    found = laid_out(before, after)
    sections = found.sections((0, found.size))
    titles = [section.title for section in sections if section.folded]
    assert "448 more changed lines" in titles
    assert any(title.endswith("more added lines") for title in titles)
    shown = sum(section.size for section in sections if not section.folded)
    assert shown < 120
    rows = [row for section in sections for row in section.rows]
    rights = [row.right for row in rows if row.right is not None]
    assert "\n".join(line.text for line in rights) == pretty(after)
    assert [row.change for row in rows if row.change is not None] == [0, 1]
    kinds = {row.kind for section in sections if section.folded for row in section.rows}
    assert kinds == {"same", "changed", "added"}


def test_what_somebody_unfolds_stands_by_itself_between_two_shorter_folds() -> None:
    before = floor()
    after = {**before, "version": 2}
    found = laid_out(before, after)
    (fold,) = [section for section in found.sections((0, found.size)) if section.folded]
    middle = (fold.begin + 50, fold.begin + 60)
    sections = found.sections((fold.begin, fold.begin + fold.size), [middle, (0, 3), (fold.begin + 55, 10**6)])
    shapes = [(section.begin, section.size, section.opened) for section in sections]
    assert shapes == [
        (fold.begin, 50, False),
        (middle[0], 10, True),
        (middle[1], fold.size - 60, True),
    ]
    assert [row for section in sections for row in section.rows] == list(fold.rows)
    assert sections[0].title == "50 unchanged lines in rules"


def edited(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    before = floor(number)
    after = copy.deepcopy(before)
    for one in after["rules"]:
        one["knowledge"]["minConfidence"] = 0.35
    return before, after


@pytest.mark.parametrize("number", [1, 150, 1000])
def test_a_long_comparison_is_cut_into_parts_that_lose_no_row_and_no_change(number: int) -> None:
    before, after = edited(number)
    found = laid_out(before, after)
    assert found.parts[0][0] == 0
    assert found.parts[-1][1] == found.size
    assert all(one[1] == other[0] for one, other in pairwise(found.parts))
    anchors = [row for row, _ in found.anchors]
    assert len(anchors) == number
    for part, (begin, end) in enumerate(found.parts):
        assert sum(begin <= row < end for row in anchors) <= MOST_CHANGES
        assert sum(s.size for s in found.sections((begin, end)) if not s.folded) <= MOST_ROWS
        assert {found.part_of(row) for row in (begin, end - 1)} == {part}
    assert (len(found.parts) > 1) is (number > 100)


def test_a_comparison_in_which_every_line_changed_is_cut_within_one_hunk() -> None:
    before: Value = {f"k{number}": number for number in range(3000)}
    after: Value = {f"k{number}": -number - 1 for number in range(3000)}
    found = laid_out(before, after)
    assert len(found.parts) == 15
    assert [row.right.number for part in found.parts for s in found.sections(part) for row in s.rows if row.right] == [
        *range(1, 3003)
    ]


def texts(found: Layout, text: str) -> list[str]:
    return [found.place(row).pointer for row in found.look_for(text).rows]


def test_a_text_is_found_in_keys_and_values_in_what_is_folded_and_on_both_sides() -> None:
    before = floor()
    after = copy.deepcopy(before)
    del after["rules"][7]
    after["rules"][3]["name"] = "Retention\u202e"
    found = laid_out(before, after)
    assert texts(found, "MONEY BACK 21") == ["/rules/20/phrases/0"]
    assert texts(found, "money back 7") == ["/rules/7/phrases/0"]
    assert found.place(found.look_for("money back 7").rows[0]).side == "before"
    assert texts(found, "retention") == ["/rules/3/name"]
    assert texts(found, "\\u202e") == ["/rules/3/name"]
    assert texts(found, 'name: "rule 30"') == ["/rules/29/name"]
    assert texts(found, "no such thing") == []
    many = found.look_for("minConfidence", most=5)
    assert (len(many.rows), many.total) == (5, 40)
    assert texts(found, "rules") == ["/rules"]


def test_a_value_that_came_is_searched_line_by_line_though_its_middle_is_folded() -> None:
    before, after = long_runs()
    found = laid_out(before, after)
    assert texts(found, "money back 333") == ["/copy/133/phrases/0"]
    assert texts(found, "kb-399") == ["/copy/199/knowledge/base"]
    # A value that was replaced as a whole is one place.
    assert texts(found, "tag 444") == ["/tags"]


def test_a_path_is_jumped_to_by_pointer_or_in_words() -> None:
    before = floor()
    after = copy.deepcopy(before)
    after["rules"].insert(0, rule(99))
    del after["rules"][31]
    found = laid_out(before, after)
    assert texts(found, "/rules/12/knowledge/base") == ["/rules/12/knowledge/base"]
    assert texts(found, "rules › Rule 20 › minConfidence") == ["/rules/21/knowledge/minConfidence"]
    assert texts(found, "rule 20 > BASE") == ["/rules/21/knowledge/base"]
    gone = found.look_for("Rule 30 › base")
    assert [(found.place(row).side, found.place(row).pointer) for row in gone.rows] == [
        ("before", "/rules/30/knowledge/base")
    ]
    astray = found.look_for("/rules/12/knowledge/nothing/here")
    assert astray.missed == "/rules/12/knowledge"
    assert [found.place(row).pointer for row in astray.rows] == ["/rules/12/knowledge"]
    assert found.look_for("/nothing").missed == "the whole document"
    with pytest.raises(InvalidPointer):
        found.look_for("/~2")


def test_a_place_tells_both_values_even_where_the_keys_stand_in_another_order() -> None:
    before: Value = {"id": "x", "rules": [{"a": 1, "b": {"c": 2, "d": 3}}], "on": True}
    after: Value = {"on": False, "rules": [{"b": {"d": 3, "c": 2}, "a": 1}], "id": "x"}
    found = laid_out(before, after, context=0)
    row, whole = found.row_of("/rules/0/b/d", side="before")
    assert whole
    assert row is not None
    place = found.place(row)
    assert (place.pointer, place.trail, place.before, place.after) == ("/rules/0/b/d", ("rules", "#1", "b", "d"), 3, 3)
    on = found.place(found.anchors[0][0])
    assert (on.pointer, on.before, on.after, on.change) == ("/on", True, False, 0)
    with pytest.raises(IndexError):
        found.place(found.size)


def test_an_added_and_a_removed_place_have_one_side_only() -> None:
    found = laid_out({"a": 1, "b": 2}, {"b": 2, "c": 3})
    sides = [(found.place(row).pointer, found.place(row).before, found.place(row).after) for row, _ in found.anchors]
    assert sides == [("/a", 1, MISSING), ("/c", MISSING, 3)]


def test_hidden_volatile_fields_leave_no_row_and_can_be_asked_for_all_the_same() -> None:
    before = floor()
    after = {**copy.deepcopy(before), "version": 2, "tags": ["emea", "tier-1"]}
    found = laid_out(before, after, volatile=["version"], without_volatile=True)
    rows: list[Row] = [found.row(number) for number in range(found.size)]
    assert not any(row.volatile for row in rows)
    assert not any(row.right is not None and row.right.key == "version" for row in rows)
    assert found.row_of("/version") == (None, True)
    assert [found.difference.changes[index].path for _, index in found.anchors] == ["/tags/1"]
    row, _ = found.row_of("/tags/1")
    assert row == found.anchors[0][0]


@given(values, values, st.text(max_size=3))
def test_looking_for_any_text_never_fails_and_finds_only_rows_that_hold_it(
    before: Value, after: Value, text: str
) -> None:
    found = laid_out(before, after)
    try:
        rows = found.look_for(text).rows
    except InvalidPointer:
        assert text.startswith("/")
        return
    if not text.startswith("/") and "›" not in text and text.isalnum():
        for number in rows:
            row = found.row(number)
            shown = [line.text for line in (row.left, row.right) if line is not None]
            assert any(visible(text).casefold() in line.casefold() for line in shown) or not text.isascii()
