"""Strict reading of JSON bytes (PROTOCOL.md, "Bytes"; RFC 8259).

What a lenient parser lets through, two programs read in two ways: a duplicate key, NaN, a lone surrogate, a NUL that
the database cannot hold. A configuration that is approved here and written there must mean one thing, so all of these
are refused, by name and with their place. The scanner written in C does the reading; only a document that is refused is
read a second time, slowly, to find the place.

A byte order mark is refused: RFC 8259 section 8.1 forbids adding one, and a body composed from a document's raw
members would lose it without a word.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, cast

from tenants.documents.values import Number

if TYPE_CHECKING:
    from tenants.documents.values import Value


@dataclass(frozen=True, slots=True)
class Limits:
    """Say how much of a document is read.

    `size` is in bytes, `depth` counts nested objects and lists (a scalar has depth 0, `[]` depth 1), `number` is the
    longest spelling of one number in characters; it stays below the 4,300 digits that Python converts.
    """

    size: int = 16 * 1024 * 1024
    depth: int = 64
    number: int = 1000


LIMITS: Final = Limits()


class InvalidDocument(ValueError):
    """Say why bytes are not a document that is accepted here, and where.

    `reason` is a clause without a full stop; `line` and `column` count characters from 1 and are None where the fault
    has no place (too large, empty). `str()` is a whole sentence.
    """

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        self.reason = reason
        self.line = line
        self.column = column
        super().__init__(reason, line, column)

    def __str__(self) -> str:
        place = "" if self.line is None else f" (line {self.line}, column {self.column})"
        return f"The document was not accepted: {self.reason}{place}."


class _RefusedByHookError(Exception):
    """Stops the scanner; the place and the reason are found by the slow reading."""


_SYNTAX: Final = {
    "Expecting value": "a value is missing or is not JSON",
    "Expecting property name enclosed in double quotes": "a key in double quotes is missing",
    "Expecting ':' delimiter": "a colon after a key is missing",
    "Expecting ',' delimiter": "a comma or a closing bracket is missing",
    "Illegal trailing comma before end of object": "a comma stands before a closing bracket",
    "Illegal trailing comma before end of array": "a comma stands before a closing bracket",
    "Extra data": "something follows after the end of the document",
    "Unterminated string starting at": "a string that begins here has no end",
    "Invalid control character at": "a string holds a control character that must be escaped",
    "Invalid \\escape": "a string holds a backslash escape that JSON does not know",
    "Invalid \\uXXXX escape": "a string holds a \\u escape without four hexadecimal digits",
}

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*|-?Infinity|NaN|[{}\[\]:,]', re.DOTALL)
_ESCAPE: Final = re.compile(
    r"\\(?:u(?:(?P<pair>[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<lone>[dD][89a-fA-F][0-9a-fA-F]{2})|(?P<nul>0000))|.)",
    re.DOTALL,
)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def load(raw: bytes, *, limits: Limits = LIMITS) -> Value:
    """Give the value of a JSON document, or raise `InvalidDocument` with the reason and the place.

    Accepts UTF-8 without a byte order mark; refuses NaN and Infinity, duplicate keys in one object, NUL and lone
    surrogates in strings and keys, and whatever exceeds `limits`. Integers are int; numbers with a fraction, an
    exponent or a signed zero are `Number`. Objects keep the order of their keys.
    """
    text = decode(raw, limits=limits)
    try:
        value = cast("Value", _decoder(limits.number).decode(text))
    except json.JSONDecodeError as error:
        _refuse_syntax(text, error)
    except (_RefusedByHookError, RecursionError):
        _refuse_offence(text, limits)
        raise
    if _deeper(value, limits.depth) or "\\u0000" in text or _SURROGATE.search(text):
        _refuse_offence(text, limits)
    return value


def decode(raw: bytes, *, limits: Limits = LIMITS) -> str:
    """Give the text of a document's bytes: within the size limit, UTF-8, no byte order mark, not empty."""
    if len(raw) > limits.size:
        reason = f"it has {len(raw):,} bytes, more than the {limits.size:,} that are read"
        raise InvalidDocument(reason)
    if raw.startswith(b"\xef\xbb\xbf"):
        reason = "it begins with a byte order mark, which RFC 8259 does not allow"
        raise InvalidDocument(reason, 1, 1)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        reason = f"the byte 0x{raw[error.start]:02X} at offset {error.start:,} is not UTF-8"
        raise InvalidDocument(reason, *_place(before, len(before))) from None
    if not text.strip(" \t\r\n"):
        reason = "it is empty" if not text else "it holds nothing but white space"
        raise InvalidDocument(reason)
    return text


@functools.lru_cache(maxsize=8)
def _decoder(longest_number: int) -> json.JSONDecoder:
    number = Number.trusted

    def integer(spelling: str) -> int | Number:
        if len(spelling) > longest_number:
            raise _RefusedByHookError
        return number(spelling) if spelling == "-0" else int(spelling)

    def exact(spelling: str) -> Number:
        if len(spelling) > longest_number:
            raise _RefusedByHookError
        return number(spelling)

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise _RefusedByHookError
        return found

    def constant(_: str) -> NoReturn:
        raise _RefusedByHookError

    return json.JSONDecoder(
        parse_int=integer, parse_float=exact, parse_constant=constant, object_pairs_hook=members, strict=True
    )


def _deeper(value: Value, depth: int) -> bool:
    """Tell whether containers are nested deeper than `depth`, level by level and so without recursion."""
    level = [value] if type(value) in (dict, list) else []
    for _ in range(depth):
        if not level:
            return False
        below: list[Value] = []
        for container in level:
            items = container.values() if type(container) is dict else cast("list[Value]", container)
            below += [item for item in items if type(item) is dict or type(item) is list]
        level = below
    return bool(level)


def _place(text: str, position: int) -> tuple[int, int]:
    """Give line and column of a position, both from 1; CR LF and a lone CR end a line as LF does."""
    before = text[:position].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _refuse_syntax(text: str, error: json.JSONDecodeError) -> NoReturn:
    reason = _SYNTAX.get(error.msg, f"it is not JSON: {error.msg}")
    raise InvalidDocument(reason, *_place(text, error.pos)) from None


def _refuse_offence(text: str, limits: Limits) -> None:
    """Raise for the first thing that strict reading refuses in text whose syntax the scanner has accepted so far."""
    found = _first_offence(text, limits)
    if found is not None:
        reason, position = found
        raise InvalidDocument(reason, *_place(text, position)) from None


def _first_offence(text: str, limits: Limits) -> tuple[str, int] | None:
    keys_by_level: list[set[str] | None] = []
    key_is_next = False
    for match in _TOKEN.finditer(text):
        token, start = match.group(), match.start()
        keys = keys_by_level[-1] if keys_by_level else None
        offence = None
        if token in {"{", "["}:
            keys_by_level.append(set() if token == "{" else None)  # noqa: S105 - a bracket is no password
            key_is_next = token == "{"  # noqa: S105
            if len(keys_by_level) > limits.depth:
                offence = f"objects and lists are nested deeper than {limits.depth} levels", start
        elif token in {"}", "]"}:
            keys_by_level[-1:] = []
        elif token == ",":  # noqa: S105
            key_is_next = keys is not None
        elif token[0] == '"':
            offence = _string_offence(token, start, keys if key_is_next else None)
            key_is_next = False
        else:
            offence = _scalar_offence(token, start, limits)
        if offence is not None:
            return offence
    return None


def _scalar_offence(token: str, start: int, limits: Limits) -> tuple[str, int] | None:
    if token in {"NaN", "Infinity", "-Infinity"}:
        return f"{token} is not a JSON value", start
    if len(token) > limits.number:
        reason = (
            f"the number {token[:30]}… has {len(token):,} characters, more than the {limits.number:,} that are read"
        )
        return reason, start
    return None


def _string_offence(token: str, start: int, keys: set[str] | None) -> tuple[str, int] | None:
    """Judge one string; `keys` are the keys before it where it is one itself."""
    for escape in _ESCAPE.finditer(token):
        if escape["nul"]:
            return "a string holds the NUL character (\\u0000), which cannot be stored", start + escape.start()
        if escape["lone"]:
            reason = f"a string holds {escape.group()}, half of a surrogate pair, which is no character"
            return reason, start + escape.start()
    if keys is not None:
        key = cast("str", json.loads(token, strict=False))
        if key in keys:
            return f"the key {json.dumps(key, ensure_ascii=False)} appears twice in one object", start
        keys.add(key)
    return None
