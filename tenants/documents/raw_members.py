"""The exact bytes of a document's members, and documents put together from them.

A write restores what a snapshot said, spelled as it was spelled: `0.70` stays `0.70`, `1e3` stays `1e3`, an escaped
letter stays escaped. So a body is composed from slices of the bytes that once came, never from values printed anew.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace as with_changes
from typing import TYPE_CHECKING, Any, Final, cast

from tenants.documents import pointers
from tenants.documents.strict import LIMITS, InvalidDocument, decode, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_scan: Final = cast(
    "Callable[[str, int], tuple[Any, int]]", json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
)
_SPACE: Final = re.compile(r"[ \t\r\n]*")


def root_members(raw: bytes) -> dict[str, bytes]:
    """Give each root member's value as the exact bytes it has in the document, keys in their order.

    Raises `InvalidDocument` for what `strict.load` refuses, and where the root is not an object.
    """
    value = load(raw)
    if not isinstance(value, dict):
        reason = "its root is not an object, so it has no members"
        raise InvalidDocument(reason)
    text = decode(raw)
    return {key: text[start:end].encode() for key, start, end in _members(text, _skip(text, 0))}


def list_items(raw: bytes) -> list[bytes]:
    """Give each item of a list as the exact bytes it has in the document.

    Raises `InvalidDocument` for what `strict.load` refuses, and where the root is not a list.
    """
    if not isinstance(load(raw), list):
        reason = "its root is not a list, so it has no items"
        raise InvalidDocument(reason)
    text = decode(raw)
    return [text[start:end].encode() for start, end in _items(text, _skip(text, 0))]


def compose(members: Mapping[str, bytes]) -> bytes:
    """Give the object with these raw values, in their order, each byte for byte as given.

    Raises `InvalidDocument` where a value is not exactly one JSON value that `strict.load` accepts.
    """
    within = with_changes(LIMITS, depth=LIMITS.depth - 1)
    parts = []
    for key, raw in members.items():
        load(raw, limits=within)
        parts.append(json.dumps(key, ensure_ascii=False).encode() + b":" + raw)
    return b"{" + b",".join(parts) + b"}"


def extract(raw: bytes, pointer: str) -> bytes:
    """Give the exact bytes of the value at a JSON Pointer; raise `pointers.NotFound` where there is none."""
    load(raw)
    text = decode(raw)
    start, end = _span(text, pointer)
    return text[start:end].encode()


def replace(raw: bytes, pointer: str, new_value: bytes) -> bytes:
    """Give the document with the value at a JSON Pointer replaced, every other byte as it was.

    Raises `InvalidDocument` where the document or the new value is not accepted or the result would exceed the limits,
    `pointers.NotFound` where nothing stands at the pointer: a member is replaced here, never added.
    """
    load(raw)
    load(new_value)
    text = decode(raw)
    start, end = _span(text, pointer)
    result = text[:start].encode() + new_value + text[end:].encode()
    load(result)
    return result


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _members(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Give key, start and end of each value of the object that begins at `start`; the text is known to be valid."""
    position = _skip(text, start + 1)
    while text[position] != "}":
        key, position = _scan(text, position)
        begin = _skip(text, _skip(text, position) + 1)
        _, end = _scan(text, begin)
        yield key, begin, end
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)


def _items(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Give start and end of each item of the list that begins at `start`; the text is known to be valid."""
    position = _skip(text, start + 1)
    while text[position] != "]":
        _, end = _scan(text, position)
        yield position, end
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)


def _span(text: str, pointer: str) -> tuple[int, int]:
    start = _skip(text, 0)
    _, end = _scan(text, start)
    for token in pointers.split(pointer):
        found = None
        if text[start] == "{":
            found = next(((begin, stop) for key, begin, stop in _members(text, start) if key == token), None)
        elif text[start] == "[":
            wanted = pointers.index_of(token)
            found = next((span for index, span in enumerate(_items(text, start)) if index == wanted), None)
        if found is None:
            message = f"The document has nothing at {pointer!r}: {token!r} is not there."
            raise pointers.NotFound(message)
        start, end = found
    return start, end
