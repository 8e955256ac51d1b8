"""Where in a printed document a place stands, which place a line shows, and where a text stands.

Lines are counted from 1 in `lines.pretty`. How many lines a value takes is known (`Sizes`), so what lies beside the way
is stepped over and never printed.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING, Final

from tenants.documents.labels import label, visible
from tenants.documents.lines import is_one_line, key_text, scalar_text
from tenants.documents.pointers import index_of, join, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tenants.documents.lines import Sizes
    from tenants.documents.values import Value

_MARKS: Final = ("›", " > ")


def pointer_at(value: Value, number: int, sizes: Sizes) -> str:
    """Give the JSON Pointer of what line `number` of a document shows; of a closing bracket, what it closes."""
    tokens: list[str | int] = []
    here, at = value, 1
    while at < number < at + sizes.of(here) - 1:
        starts = sizes.starts(here)
        index = bisect_right(starts, number - at) - 1
        token, child = next(islice(_children(here), index, None))
        tokens.append(token)
        here, at = child, at + starts[index]
    return join(tokens)


def line_of(value: Value, pointer: str, sizes: Sizes) -> tuple[int, bool]:
    """Give the number of the first line of what stands at a pointer, and whether all of the pointer was there.

    Where it leads nowhere, the line is that of the deepest place on its way. Raises `InvalidPointer`.
    """
    here, number = value, 1
    for token in split(pointer):
        index = None
        if isinstance(here, dict) and token in here:
            index = next(at for at, key in enumerate(here) if key == token)
        elif isinstance(here, list):
            index = index_of(token)
        starts = sizes.starts(here)
        if index is None or index >= len(starts):
            return number, False
        _, child = next(islice(_children(here), index, None))
        here, number = child, number + starts[index]
    return number, True


def in_words(value: Value, pointer: str) -> tuple[str, ...]:
    """Give a place in words: keys, and of items in lists what people call them; where it leads nowhere, the words end.

    Raises `InvalidPointer`.
    """
    words: list[str] = []
    here = value
    for token in split(pointer):
        index = index_of(token) if isinstance(here, list) else None
        if isinstance(here, dict) and token in here:
            here = here[token]
            words.append(visible(token))
        elif isinstance(here, list) and index is not None and index < len(here):
            here = here[index]
            words.append(label(here, index))
        else:
            break
    return tuple(words)


def is_path_in_words(text: str) -> bool:
    """Tell whether a text that somebody looks for is a path in words, as `rules › Refund request › minConfidence`."""
    return any(mark in text for mark in _MARKS)


def lines_at_path(value: Value, text: str, sizes: Sizes, *, most: int) -> list[int]:
    """Give the lines of the places whose path in words holds these words in this order, at most so many.

    What is inside such a place is not told again.
    """
    for mark in _MARKS:
        text = text.replace(mark, "\n")
    words = [word for word in (part.strip().casefold() for part in text.split("\n")) if word]
    found: list[int] = []
    if words:
        _follow(value, 1, words, sizes, found, most)
    return found


def _follow(value: Value, number: int, words: Sequence[str], sizes: Sizes, found: list[int], most: int) -> None:
    at = number + 1
    for token, child in _children(value):
        if len(found) >= most:
            return
        name = label(child, token) if isinstance(token, int) else visible(token)
        left = words[1:] if words[0] in name.casefold() else words
        if not left:
            found.append(at)
        elif not is_one_line(child):
            _follow(child, at, left, sizes, found, most)
        at += sizes.of(child)


def lines_with(value: Value, key: str, text: str) -> list[int]:
    """Give which lines of a value hold a text, counted from 0 at its first line, printed under this key; case is one.

    A text with a colon is looked for in the whole line (`minConfidence: 0.35`), any other in keys and values.
    """
    needle = text.casefold()
    found: list[int] = []
    _Looking(needle, found).look(value, key, 0)
    return found


class _Looking:
    """Walks a value and notes the lines that hold a text."""

    def __init__(self, needle: str, found: list[int]) -> None:
        self._needle = needle
        self._found = found
        # The same keys come again and again.
        self._keys: dict[str, bool] = {}
        # What is typed as it is printed: with a key in front, as an escape, with the quotes.
        self._as_printed = any(sign in needle for sign in ':\\"')

    def look(self, value: Value, key: str, at: int) -> int:
        """Look at a value whose first line is `at`; give the line behind it."""
        if is_one_line(value):
            if self._holds(value, key):
                self._found.append(at)
            return at + 1
        if key and self._key_holds(key):
            self._found.append(at)
        at += 1
        for name, child in value.items() if isinstance(value, dict) else (("", item) for item in _items(value)):
            kind = type(child)
            if (kind is dict or kind is list) and child:
                at = self.look(child, name, at)
                continue
            if self._holds(child, name):
                self._found.append(at)
            at += 1
        return at + 1

    def _holds(self, value: Value, key: str) -> bool:
        if self._as_printed:
            text = scalar_text(value)
            return self._needle in (f"{key_text(key)}: {text}" if key else text).casefold()
        text = value if isinstance(value, str) else scalar_text(value)
        return self._needle in text.casefold() or self._key_holds(key)

    def _key_holds(self, key: str) -> bool:
        held = self._keys.get(key)
        if held is None:
            held = self._keys[key] = self._needle in key.casefold()
        return held


def _items(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _children(value: Value) -> Iterator[tuple[str | int, Value]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)
