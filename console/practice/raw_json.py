"""Split a JSON object into its root members and join them again without touching a byte of the values.

The platform keeps what came: number spelling, white space, order of keys, line ends. A parser and a
serializer would change all four, so values are cut out of the text as they stand.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

WHITE_SPACE = " \t\r\n"
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],]', re.DOTALL)


class MalformedJson(ValueError):
    """The bytes are no JSON object; the message says where."""


def _refuse_constant(name: str) -> None:
    raise MalformedJson(f"{name} is not a JSON number")


def load(raw: bytes) -> Any:
    """Return the value of `raw`; numbers stay text, so that no length or precision limit applies.

    Raises `MalformedJson`.
    """
    try:
        text = raw.decode("utf-8")
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise MalformedJson(f"the body is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise MalformedJson("the body is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise MalformedJson(f"{error.msg} at line {error.lineno} column {error.colno}") from error


def split_members(raw: bytes) -> dict[str, bytes]:
    """Return the root members of a JSON object: key to the bytes between its colon and the next comma or brace.

    White space around a value belongs to it. Of a repeated key the last value stands. Raises `MalformedJson`.
    """
    if not isinstance(load(raw), dict):
        raise MalformedJson("the body is not a JSON object")
    # From here on the text is known to be one valid object: finding the borders is enough.
    text = raw.decode("utf-8")
    members: dict[str, bytes] = {}
    position = text.index("{") + 1
    while True:
        key = _STRING.match(text, _skip(text, position))
        if key is None:  # an empty object
            return members
        start = text.index(":", key.end()) + 1
        end = _end_of_value(text, start)
        members[json.loads(key.group())] = text[start:end].encode("utf-8")
        if text[end] == "}":
            return members
        position = end + 1


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in WHITE_SPACE:
        position += 1
    return position


def _end_of_value(text: str, start: int) -> int:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        sign = token.group()
        if sign in "{[":
            depth += 1
        elif depth == 0 and sign in ",}":
            return token.start()
        elif sign in "}]":
            depth -= 1
    raise MalformedJson("the object does not end")


def join_members(members: Mapping[str, bytes]) -> bytes:
    """Return one JSON object whose values are the given bytes as they are, even where they are no JSON."""
    pairs = (dump(key) + b":" + value for key, value in members.items())
    return b"{" + b",".join(pairs) + b"}"


def dump(value: object) -> bytes:
    """Return compact UTF-8 JSON, as the platform writes what it makes itself; a lone surrogate stays escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
