"""The words of a text by which it is found again, and whether a text holds what somebody looks for.

A word is found from its beginning, and a word inside one written in camel case is a word as well, so that "policy"
finds `retentionPolicy`. Letters of scripts that put no space between words stand alone. Case and the form in which an
accent was typed mean nothing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from tenants.documents.values import Number

if TYPE_CHECKING:
    from tenants.documents.values import Value

LONGEST_TERM: Final = 60
"""In characters; of a longer one its beginning is kept, which is enough to find it and look."""
LONGEST_READ: Final = 100_000
"""So many characters of one text are found; no configuration in reach has a longer one."""

_TOGETHER: Final = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f"
_TERM: Final = re.compile(rf"[{_TOGETHER}]|[^\W{_TOGETHER}]+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+")


def text_of(value: Value) -> str | None:
    """Give the text by which a scalar is searched: texts and numbers; None for true, false and null."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None or isinstance(value, (dict, list)):
        return None
    return value.spelling if isinstance(value, Number) else str(value)


def folded(text: str) -> str:
    """Give the text as it is compared: without case, accents in one form."""
    return unicodedata.normalize("NFKC", text).casefold()


def terms_of(text: str) -> set[str]:
    """Give the terms under which a text is kept."""
    found: set[str] = set()
    for word in _TERM.findall(unicodedata.normalize("NFKC", text[:LONGEST_READ])):
        found.add(word.casefold()[:LONGEST_TERM])
        # From each hump to the end, so that several of them in a row are found too.
        found.update(word[match.end() :].casefold()[:LONGEST_TERM] for match in _HUMP.finditer(word))
    found.discard("")
    return found


def asked_terms(text: str) -> list[str]:
    """Give the terms that a text which holds what was typed has, or has longer ones that begin so."""
    return list(dict.fromkeys(word[:LONGEST_TERM] for word in _TERM.findall(folded(text))))


def holds(text: str, wanted: str) -> bool:
    """Tell whether a text holds what was typed, whatever the case."""
    return folded(wanted) in folded(text[:LONGEST_READ])
