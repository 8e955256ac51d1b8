from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.documents import (
    InvalidDocument,
    InvalidPointer,
    NotFound,
    Value,
    compose,
    extract,
    join,
    load,
    replace,
    resolve,
    root_members,
    split,
    to_text,
)
from tests.tenants.documents.corpora import corpus, texts, values

RAW = (
    b'\r\n{ "version" : 41 ,\n\t"content":{"minConfidence": 0.70, "tags":["a" , "\\u00e9" ]} ,'
    b'"note": "\xc3\xa9 \\/ \\u0041" , "limit":1E2}\n'
)


def test_each_member_keeps_the_bytes_it_came_with() -> None:
    assert root_members(RAW) == {
        "version": b"41",
        "content": b'{"minConfidence": 0.70, "tags":["a" , "\\u00e9" ]}',
        "note": b'"\xc3\xa9 \\/ \\u0041"',
        "limit": b"1E2",
    }
    assert root_members(b" { } ") == {}


def test_a_body_is_composed_of_the_bytes_given() -> None:
    members = {**root_members(RAW), "version": b"43", "trafficPercent": b"null"}
    body = compose(members)
    assert body == (
        b'{"version":43,"content":{"minConfidence": 0.70, "tags":["a" , "\\u00e9" ]},'
        b'"note":"\xc3\xa9 \\/ \\u0041","limit":1E2,"trafficPercent":null}'
    )
    assert compose({}) == b"{}"
    assert root_members(body) == members


@pytest.mark.parametrize("value", [b'1,"name":"x"', b"", b"1 2", b'"x', b"[1", b"NaN", b'{"a":1,"a":2}', b"\xff"])
def test_a_value_that_is_not_exactly_one_json_value_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidDocument):
        compose({"version": value})
    with pytest.raises(InvalidDocument):
        replace(b'{"version": 1}', "/version", value)


def test_a_nested_version_is_replaced_and_nothing_else() -> None:
    raw = b'{"metadata" : {"version":  7 , "a/b": [10, {"~": 1.50}]}, "\xc3\xa9": "\xc3\xa9"}'
    assert replace(raw, "/metadata/version", b"8") == raw.replace(b" 7 ", b" 8 ")
    assert replace(raw, "/metadata/a~1b/1/~0", b"2.50") == raw.replace(b"1.50", b"2.50")
    assert replace(raw, "/é", b"null") == raw.replace(b'"\xc3\xa9"}', b"null}")
    assert replace(b" [1] ", "", b"{}") == b" {} "
    assert extract(raw, "/metadata/a~1b/1") == b'{"~": 1.50}'


@pytest.mark.parametrize(
    "pointer", ["/metadata/etag", "/metadata/version/x", "/list/2", "/list/-", "/list/00", "/list/" + "9" * 5000, "/"]
)
def test_a_pointer_to_nothing_is_refused(pointer: str) -> None:
    raw = b'{"metadata": {"version": 7}, "list": [1, 2]}'
    with pytest.raises(NotFound, match="has nothing at"):
        replace(raw, pointer, b"8")
    with pytest.raises(NotFound, match="has nothing at"):
        resolve(load(raw), pointer)


def test_a_document_whose_root_has_no_members_is_refused() -> None:
    for raw in (b"[]", b"1", b'"x"'):
        with pytest.raises(InvalidDocument, match="its root is not an object"):
            root_members(raw)


def test_composing_refuses_what_would_be_nested_too_deep() -> None:
    assert compose({"a": b"[" * 63 + b"]" * 63})
    with pytest.raises(InvalidDocument, match="nested deeper"):
        compose({"a": b"[" * 64 + b"]" * 64})


spaces = st.text(" \t\r\n", max_size=3)


@given(st.dictionaries(texts, values, max_size=6), st.data())
def test_slices_are_exact_and_compose_to_the_same_value(members: dict[str, Value], data: st.DataObject) -> None:
    raws = {key: to_text(value).encode() for key, value in members.items()}

    def draw() -> str:
        return data.draw(spaces)

    raw = "{" + draw()
    for number, (key, value) in enumerate(raws.items()):
        escaped = json.dumps(key, ensure_ascii=data.draw(st.booleans()))
        raw += ("," if number else "") + draw() + escaped + draw() + ":" + draw() + value.decode() + draw()
    raw += "}"
    found = root_members(raw.encode())
    assert found == raws
    assert list(found) == list(raws)
    assert load(compose(found)) == load(raw.encode())


@given(values, values, st.data())
def test_replacing_anywhere_changes_that_place_only(value: Value, new: Value, data: st.DataObject) -> None:
    tokens: list[str | int] = []
    here = value
    while isinstance(here, (dict, list)) and here and data.draw(st.booleans()):
        token: str | int
        if isinstance(here, dict):
            token = data.draw(st.sampled_from(list(here)))
            here = here[token]
        else:
            token = data.draw(st.integers(0, len(here) - 1))
            here = here[token]
        tokens.append(token)
    pointer = join(tokens)
    assert split(pointer) == tuple(str(token) for token in tokens)
    raw, new_raw = to_text(value).encode(), to_text(new).encode()
    assert load(extract(raw, pointer)) == here == resolve(value, pointer)
    result = replace(raw, pointer, new_raw)
    assert resolve(load(result), pointer) == new
    assert extract(result, pointer) == new_raw
    assert replace(result, pointer, extract(raw, pointer)) == raw


@pytest.mark.parametrize("pointer", ["version", "/a~2", "/~", "#/a"])
def test_a_text_that_is_no_pointer_is_refused(pointer: str) -> None:
    with pytest.raises(InvalidPointer, match="not a JSON Pointer"):
        split(pointer)


def test_the_examples_of_rfc_6901_resolve() -> None:
    document = load(
        b'{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\\\j": 5, "k\\"l": 6, " ": 7,'
        b' "m~n": 8}'
    )
    assert resolve(document, "") == document
    assert resolve(document, "/foo/0") == "bar"
    found = [resolve(document, p) for p in ("/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", '/k"l', "/ ", "/m~0n")]
    assert found == list(range(9))


def test_every_real_version_composes_again() -> None:
    seen = refused = 0
    for path in sorted(corpus("real").glob("gc-*/v*.json")):
        raw = path.read_bytes()
        try:
            value = load(raw)
        except InvalidDocument:
            refused += 1
            assert ".invalid" in path.name or not raw.strip() or raw.startswith(b"\xef\xbb\xbf"), path
            continue
        if isinstance(value, dict):
            seen += 1
            members = root_members(raw)
            assert all(member in raw for member in members.values())
            assert load(compose(members)) == value
    assert seen > 100
