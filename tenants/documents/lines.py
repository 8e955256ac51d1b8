"""A document printed for people: one line a member, two spaces a level, keys without quotes, spellings kept.

What is printed is for looking at, not for parsing: there are no commas, and characters that hide are shown as escapes.
The exact bytes are elsewhere (`manage.py show`).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from tenants.documents.labels import visible
from tenants.documents.values import Number

if TYPE_CHECKING:
    from tenants.documents.values import Value

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.-]*")
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
