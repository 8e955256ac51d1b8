"""JSON text out of values, with every number spelled as it was read.

The encoder written in C does the work. It knows no `Number`, so each is handed to it as a string that begins with
a lone surrogate, which no document can hold (`strict` refuses them), and the quotes are taken off afterwards.
Should a value made by hand hold such a string after all, the counts differ and it is refused.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from tenants.documents.values import Number

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenants.documents.values import Value

_MARK: Final = "\udfffNumber:"
_MARKED: Final = re.compile(f'"{_MARK}([-+.0-9eE]+)"')


def to_text(value: Value) -> str:
    """Give the JSON text of a value on one line: keys in their order, numbers as they were spelled.

    The text is not escaped beyond what RFC 8259 section 7 demands. Raises ValueError for a string with a lone surrogate
    and TypeError for what is not a JSON value. A Python float is none either, but the encoder takes it: values come
    from `strict.load`, which makes no floats.
    """
    return encoded(value, number=_as_spelled, separators=(", ", ": "), sort_keys=False)


def encoded(value: Value, *, number: Callable[[Number], str], separators: tuple[str, str], sort_keys: bool) -> str:
    """Give the JSON text of a value, each `Number` spelled by `number`."""
    handed = 0

    def default(thing: object) -> str:
        nonlocal handed
        if isinstance(thing, Number):
            handed += 1
            return _MARK + number(thing)
        message = f"A {type(thing).__name__} is not a JSON value: {thing!r:.60}."
        raise TypeError(message)

    text = json.dumps(
        value,
        default=default,
        ensure_ascii=False,
        check_circular=False,
        allow_nan=False,
        separators=separators,
        sort_keys=sort_keys,
    )
    if handed or _MARK in text:
        text, replaced = _MARKED.subn(r"\1", text)
        if replaced != handed:
            message = "A string with a lone surrogate is not Unicode text, so it has no JSON spelling."
            raise ValueError(message)
    return text


def _as_spelled(number: Number) -> str:
    return number.spelling
