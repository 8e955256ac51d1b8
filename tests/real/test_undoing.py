"""The judge of undone versions passes what can only be right and finds what cannot be."""

from typing import Any

import pytest

from tests.real.undoing import faults

BEFORE: Any = {"a": 1, "rules": [{"id": "x", "n": 1}, {"id": "y", "n": 1}], "tags": ["p", "q"]}
AFTER: Any = {"a": 2, "rules": [{"id": "x", "n": 2}, {"id": "y", "n": 1}], "tags": ["p", "q", "r"]}
LIVE: Any = {"a": 2, "b": 3, "rules": [{"id": "x", "n": 2}, {"id": "y", "n": 7}], "tags": ["s", "p", "q", "r"]}
RIGHT: Any = {"a": 1, "b": 3, "rules": [{"id": "x", "n": 1}, {"id": "y", "n": 7}], "tags": ["s", "p", "q"]}


def test_what_can_only_be_right_has_no_fault() -> None:
    assert list(faults(BEFORE, AFTER, LIVE, RIGHT)) == []


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"a": 2}, "/a"),
        ({"b": 4}, "/b"),
        ({"c": 1}, "/c"),
        ({"rules": [{"id": "x", "n": 2}, {"id": "y", "n": 7}]}, "/rules"),
        ({"rules": [{"id": "y", "n": 7}, {"id": "x", "n": 1}]}, "/rules"),
        ({"rules": [{"id": "x", "n": 1}]}, "/rules"),
        ({"tags": ["s", "p", "q", "r"]}, "/tags"),
        ({"tags": ["p", "q"]}, "/tags"),
    ],
)
def test_anything_else_is_found_at_its_place(wrong: dict[str, Any], place: str) -> None:
    assert [fault.partition(":")[0] for fault in faults(BEFORE, AFTER, LIVE, RIGHT | wrong)] == [place]


def test_both_sides_that_changed_one_value_must_have_been_said_to_overlap() -> None:
    [fault] = faults({"a": 1}, {"a": 2}, {"a": 3}, {"a": 3})
    assert "nothing was said to overlap" in fault
