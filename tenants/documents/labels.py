"""Words for people: what an item of a list is called, and characters that hide made visible."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tenants.documents.values import Number

if TYPE_CHECKING:
    from tenants.documents.values import Value

_NAMES: Final = ("name", "displayName", "title", "label")
_IDENTIFIERS: Final = ("id", "key", "code")
_LONGEST: Final = 60

# Invisible although Unicode does not call them control or format characters: fillers, blank Braille, variation
# selectors that are not emoji presentation, spaces that are no plain space.
_HIDDEN: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff"
    "\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "]"
)
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def visible(text: str) -> str:
    """Give the text with control, invisible and bidirectional characters as JSON escapes.

    What a page shows is then in the order and at the place in which it is stored (the "trojan source" attacks hide
    behind the opposite). Printable text is given back as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(lambda match: escaped(match.group()), text)


def escaped(character: str) -> str:
    """Give one character as a JSON escape; above U+FFFF as a surrogate pair."""
    short = _SHORT.get(character)
    if short is not None:
        return short
    code = ord(character)
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"


def label(item: Value, index: int, *, identity: str | None = None) -> str:
    """Give what people call an item of a list: its name, else its identity, else its number as `#4`.

    `identity` is the member by which the list's items were told apart, if any.
    """
    if isinstance(item, dict):
        for key in (*_NAMES, identity, *_IDENTIFIERS):
            found = item.get(key) if key is not None else None
            if isinstance(found, str) and found.strip():
                return shortened(visible(found))
            if isinstance(found, (int, Number)) and not isinstance(found, bool):
                return shortened(str(found))
    return f"#{index + 1}"


def shortened(text: str, *, longest: int = _LONGEST) -> str:
    """Give the text, cut with an ellipsis where it is longer than `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
