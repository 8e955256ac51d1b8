"""A document printed for people: one line a member, two spaces a level, keys without quotes, spellings kept.

What is printed is for looking at, not for parsing: there are no commas, and characters that hide are shown as escapes.
The exact bytes are elsewhere (`manage.py show`). A document of megabytes is printed only where somebody looks: how many
lines each value takes is counted once (`Sizes`), and the lines between two numbers are made by themselves (`Printed`).
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from tenants.documents.labels import visible
from tenants.documents.values import Number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenants.documents.values import Value

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.-]*")
# Children of one value, of which it is worth to remember where each begins.
_MANY: Final = 30
_quoted: Final = json.JSONEncoder(ensure_ascii=False).encode


class Segment(NamedTuple):
    """Hold a piece of a value's text; `marked` where this piece differs from the other side."""

    text: str
    marked: bool = False


class Line(NamedTuple):
    """Hold one printed line of one document.

    `number` counts from 1 in `pretty(document)`. `indent` counts levels. `key` is empty for list items and brackets.
    """

    number: int
    indent: int
    key: str
    segments: tuple[Segment, ...]

    @property
    def padding(self) -> str:
        """The white space in front, two spaces a level."""
        return "  " * self.indent

    @property
    def value(self) -> str:
        """The text after the key."""
        return "".join(segment.text for segment in self.segments)

    @property
    def text(self) -> str:
        """The whole line as it stands in `pretty(document)`."""
        return f"{self.padding}{self.key}: {self.value}" if self.key else f"{self.padding}{self.value}"


def pretty(value: Value) -> str:
    """Give a document printed for people, numbers spelled as they were, hidden characters made visible."""
    return "\n".join(line.text for line in block(value, number=1, indent=0, key=""))


def block(value: Value, *, number: int, indent: int, key: str) -> list[Line]:
    """Give the lines of a value, the first with `number` and the printed `key`."""
    lines: list[Line] = []
    _print(value, lines, number, indent, key)
    return lines


def _print(value: Value, lines: list[Line], offset: int, indent: int, key: str) -> None:
    number = offset + len(lines)
    if isinstance(value, (dict, list)) and value:
        opening, closing = BRACKETS[type(value)]
        lines.append(Line(number, indent, key, (opening,)))
        if isinstance(value, dict):
            for name, member in value.items():
                _print(member, lines, offset, indent + 1, key_text(name))
        else:
            for item in value:
                _print(item, lines, offset, indent + 1, "")
        lines.append(Line(offset + len(lines), indent, "", (closing,)))
    else:
        lines.append(Line(number, indent, key, (Segment(scalar_text(value)),)))


class Sizes:
    """How many lines each value of a document takes, each looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._starts: dict[int, list[int]] = {}

    def of(self, value: Value) -> int:
        """Give how many lines a value takes."""
        if not isinstance(value, (dict, list)) or not value:
            return 1
        known = self._known.get(id(value))
        if known is None:
            known = 2 + len(value)
            for member in value.values() if isinstance(value, dict) else value:
                if type(member) is dict or type(member) is list:
                    known += self.of(member) - 1
            self._known[id(value)] = known
        return known

    def starts(self, value: Value) -> list[int]:
        """Give the line at which each child of a value begins, its own first line being 0; kept where they are many."""
        children: Iterable[Value] = ()
        if isinstance(value, dict):
            children = value.values()
        elif isinstance(value, list):
            children = value
        known = self._starts.get(id(value))
        if known is None:
            known = list(accumulate((self.of(child) for child in children), initial=1))[:-1]
            if len(known) > _MANY:
                self._starts[id(value)] = known
        return known


class Printed(NamedTuple):
    """Hold a value and where it is printed: the number of its first line, its indent, and its key as printed."""

    value: Value
    number: int
    indent: int
    key: str

    def lines(self, sizes: Sizes, start: int, stop: int) -> list[Line]:
        """Give the lines from `start` to before `stop`, counted from 0 at the value's first; no others are made."""
        lines: list[Line] = []
        _print_between(self, lines, sizes, self.number + start, self.number + stop)
        return lines


def _print_between(printed: Printed, lines: list[Line], sizes: Sizes, start: int, stop: int) -> None:
    value, number, indent, key = printed
    if is_one_line(value):
        if start <= number < stop:
            lines.append(Line(number, indent, key, (Segment(scalar_text(value)),)))
        return
    opening, closing = BRACKETS[dict if isinstance(value, dict) else list]
    if start <= number < stop:
        lines.append(Line(number, indent, key, (opening,)))
    at = number + 1
    for name, child in value.items() if isinstance(value, dict) else ((None, item) for item in _items(value)):
        if at >= stop:
            break
        size = sizes.of(child)
        if at + size > start:
            text = "" if name is None else key_text(name)
            _print_between(Printed(child, at, indent + 1, text), lines, sizes, start, stop)
        at += size
    last = number + sizes.of(value) - 1
    if start <= last < stop:
        lines.append(Line(last, indent, "", (closing,)))


def _items(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


BRACKETS: Final = {dict: (Segment("{"), Segment("}")), list: (Segment("["), Segment("]"))}


def key_text(key: str) -> str:
    """Give a key as printed: bare where nothing can be mistaken, else as a JSON string."""
    return key if _PLAIN_KEY.fullmatch(key) else visible(_quoted(key))


def scalar_text(value: Value) -> str:
    """Give the text of a value that stands on one line: a scalar as JSON spells it, an empty object or list."""
    if isinstance(value, str):
        return visible(_quoted(value))
    if isinstance(value, Number):
        return value.spelling
    return _quoted(value)


def is_one_line(value: Value) -> bool:
    """Tell whether a value is printed on one line."""
    return not isinstance(value, (dict, list)) or not value
