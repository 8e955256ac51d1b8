"""JSON Pointer, RFC 6901."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenants.documents.values import Value

_INDEX: Final = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_WRONG_ESCAPE: Final = re.compile(r"~(?![01])")


class InvalidPointer(ValueError):
    """Say why a text is not a JSON Pointer (RFC 6901 section 3)."""


class NotFound(LookupError):
    """Say that a document has nothing at a pointer."""


def join(tokens: Iterable[str | int]) -> str:
    """Give the pointer of reference tokens: `["rules", 0, "a/b"]` gives `/rules/0/a~1b`; none at all gives ``."""
    return "".join([step(str(token)) for token in tokens])


def step(token: str) -> str:
    """Give the piece of a pointer that one reference token is: `a/b` gives `/a~1b`."""
    return "/" + token.replace("~", "~0").replace("/", "~1")


def split(pointer: str) -> tuple[str, ...]:
    """Give the reference tokens of a pointer, unescaped; raise `InvalidPointer` if it is none."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        message = f"{pointer!r} is not a JSON Pointer: it must be empty or begin with a slash."
        raise InvalidPointer(message)
    if _WRONG_ESCAPE.search(pointer):
        message = f"{pointer!r} is not a JSON Pointer: a tilde must be followed by 0 or 1."
        raise InvalidPointer(message)
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


def index_of(token: str) -> int | None:
    """Give the list index that a token spells, or None (RFC 6901 section 4: digits without leading zeros)."""
    # More than 18 digits is beyond any list, and int() refuses very long ones.
    return int(token) if len(token) <= 18 and _INDEX.fullmatch(token) else None


def resolve(value: Value, pointer: str) -> Value:
    """Give what stands at a pointer; raise `NotFound` where nothing does, `InvalidPointer` if it is none."""
    here = value
    for token in split(pointer):
        if isinstance(here, dict) and token in here:
            here = here[token]
            continue
        index = index_of(token) if isinstance(here, list) else None
        if isinstance(here, list) and index is not None and index < len(here):
            here = here[index]
            continue
        message = f"The document has nothing at {pointer!r}: {token!r} is not there."
        raise NotFound(message)
    return here
