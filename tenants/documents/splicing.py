"""The text of a document's values, and the same document with some of them replaced, added, left out or put elsewhere.

What nobody chose to change stays as it is spelled, byte for byte: numbers, escapes, and the space between.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from tenants.documents.strict import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

_scan: Final = cast(
    "Callable[[str, int], tuple[Any, int]]", json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
)
_SPACE: Final = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Spelled:
    """One value of a document as it is spelled; the document is known to be valid."""

    text: str
    start: int
    end: int

    def __str__(self) -> str:
        return self.text[self.start : self.end]

    def members(self) -> dict[str, Spelled]:
        """Give the values of an object, keys in their order."""
        return {entry.key: Spelled(self.text, entry.value, entry.end) for entry in self._entries()}

    def items(self) -> list[Spelled]:
        """Give the items of a list."""
        return [Spelled(self.text, entry.value, entry.end) for entry in self._entries()]

    def with_members(self, replaced: Mapping[str, str], *, gone: Collection[str], added: Mapping[str, str]) -> str:
        """Give the text of an object with some values replaced, some members left out and some added at its end."""
        entries = list(self._entries())
        if not gone and not added:
            return self._respelled(
                [(entry.value, entry.end, replaced[entry.key]) for entry in entries if entry.key in replaced]
            )
        colon = self.text[entries[0].colon : entries[0].value] if entries else ":"
        parts = [
            self.text[entry.start : entry.value] + replaced.get(entry.key, self.text[entry.value : entry.end])
            for entry in entries
            if entry.key not in gone
        ]
        parts += [json.dumps(key, ensure_ascii=False) + colon + text for key, text in added.items()]
        return self._joined(entries, parts)

    def with_items(self, items: Sequence[tuple[int | None, str]]) -> str:
        """Give the text of a list of these items: each with its index in this list, None for one that is new."""
        entries = list(self._entries())
        if [index for index, _ in items] == list(range(len(entries))):
            return self._respelled(
                [(entry.value, entry.end, text) for entry, (_, text) in zip(entries, items, strict=True)]
            )
        return self._joined(entries, [text for _, text in items])

    def _entries(self) -> Iterator[_Entry]:
        """Give the place of each member or item; an item has no key and no colon."""
        text, keyed = self.text, self.text[self.start] == "{"
        position = _skip(text, self.start + 1)
        while text[position] not in "}]":
            key, begin, colon = "", position, position
            if keyed:
                key, colon = _scan(text, begin)
                position = _skip(text, _skip(text, colon) + 1)
            _, end = _scan(text, position)
            yield _Entry(key, begin, colon, position, end)
            position = _skip(text, end)
            if text[position] == ",":
                position = _skip(text, position + 1)

    def _respelled(self, edits: list[tuple[int, int, str]]) -> str:
        pieces, position = [], self.start
        for start, end, text in edits:
            pieces += [self.text[position:start], text]
            position = end
        return "".join([*pieces, self.text[position : self.end]])

    def _joined(self, entries: list[_Entry], parts: list[str]) -> str:
        """Put entries together with the space that stands around and between them here."""
        opened, closed = self.text[self.start], self.text[self.end - 1]
        if not parts or not entries:
            return opened + ",".join(parts) + closed
        lead = self.text[self.start + 1 : entries[0].start]
        tail = self.text[entries[-1].end : self.end - 1]
        between = "," + lead
        if len(entries) > 1:
            between = self.text[entries[0].end : entries[1].start]
        return opened + lead + between.join(parts) + tail + closed


def spelled(raw: bytes) -> Spelled:
    """Give the root value of a document that `strict.load` accepts."""
    text = decode(raw)
    start = _skip(text, 0)
    _, end = _scan(text, start)
    return Spelled(text, start, end)


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a member or an item stands."""

    key: str
    start: int
    colon: int
    value: int
    end: int


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
