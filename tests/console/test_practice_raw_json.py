"""Cutting an object into raw members loses nothing and moves nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.practice.raw_json import MalformedJson, join_members, split_members

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
layouts = st.sampled_from([(",", ":"), (", ", ": "), (" ,\r\n\t", "\n: ")])


@given(st.dictionaries(st.text(), values, max_size=6), layouts, st.booleans())
def test_members_are_the_values_and_their_joint_is_the_object(
    whole: dict[str, object], layout: tuple[str, str], plain: bool
) -> None:
    raw = json.dumps(whole, separators=layout, ensure_ascii=plain).encode("utf-8", "surrogatepass")
    try:
        members = split_members(raw)
    except MalformedJson:
        assert not plain  # a lone surrogate has no UTF-8
        return
    assert {key: json.loads(value) for key, value in members.items()} == whole
    assert all(value in raw for value in members.values())
    assert json.loads(join_members(members)) == whole


def test_white_space_around_a_value_belongs_to_it() -> None:
    assert split_members(b'{ "a" :\t1 , "b": [ 1 ]\r\n}') == {"a": b"\t1 ", "b": b" [ 1 ]\r\n"}


def test_of_a_repeated_key_the_last_value_stands() -> None:
    assert split_members(b'{"a":1,"a":2}') == {"a": b"2"}


def test_a_number_keeps_any_length() -> None:
    digits = b"9" * 20_000
    assert split_members(b'{"a":' + digits + b"}") == {"a": digits}


def test_a_message_says_where_the_text_goes_wrong() -> None:
    with pytest.raises(MalformedJson, match="line 2 column 3"):
        split_members(b'{"a":1,\n  b}')
