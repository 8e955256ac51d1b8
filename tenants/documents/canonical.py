"""One byte string for each configuration, whatever the order of its keys and the spelling of its numbers.

Unlike RFC 8785, which passes every number through a double, numbers are exact here: two different big integers or
decimals never share a digest, and 1, 1.0 and 1e0 always do. Integers with up to 32 zeros at their end are written out,
every other number is coefficient and exponent without zeros (`15e-1`), so `1e999999999` stays short. A signed zero
equals zero. Keys are sorted by code point; strings are escaped only where JSON demands it and written in UTF-8.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from tenants.documents.spelling import encoded
from tenants.documents.values import PLAIN_ZEROS, Number, canonical_integer

if TYPE_CHECKING:
    from tenants.documents.values import Value

_MANY_ZEROS: Final = "0" * (PLAIN_ZEROS + 1)


def canonical_bytes(value: Value) -> bytes:
    """Give the canonical form of a value as UTF-8 bytes; equal exactly when the two configurations are.

    Raises ValueError for a string with a lone surrogate and TypeError for what is not a JSON value.
    """
    text = encoded(value, number=_canonical, separators=(",", ":"), sort_keys=True)
    if _MANY_ZEROS in text:
        # Rare: perhaps an integer that must meet `1e400`, perhaps only a string of zeros.
        text = "".join(_pieces(value))
    return text.encode("utf-8")


def digest(value: Value) -> str:
    """Give the SHA-256 of the canonical form as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def _canonical(number: Number) -> str:
    return number.canonical


def _pieces(value: Value) -> list[str]:
    if isinstance(value, dict):
        members = (
            [_text(key), ":", *_pieces(member)] for key, member in sorted(value.items(), key=lambda item: item[0])
        )
        return ["{", *_joined(list(members)), "}"]
    if isinstance(value, list):
        return ["[", *_joined([_pieces(item) for item in value]), "]"]
    if isinstance(value, Number):
        return [value.canonical]
    if isinstance(value, int) and not isinstance(value, bool):
        return [canonical_integer(value)]
    return [_text(value)]


def _joined(parts: list[list[str]]) -> list[str]:
    joined: list[str] = []
    for part in parts:
        if joined:
            joined.append(",")
        joined += part
    return joined


def _text(value: str | bool | None) -> str:  # noqa: FBT001 - a JSON value, not a switch
    return json.dumps(value, ensure_ascii=False)
