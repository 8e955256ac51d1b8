"""Judge the files by the standard library alone, so that a mistake of the console shows against them.

White space around a JSON text is no part of its value (RFC 8259 section 2): the archive keeps it, because it keeps
whole answers, and a body that the console composes has the value without it.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from console.practice.history import read_histories

WHITE_SPACE = b" \t\r\n"


@dataclass(frozen=True)
class File:
    """One version of one configuration, as it was committed somewhere."""

    number: int
    raw: bytes

    @property
    def value_bytes(self) -> bytes:
        """The exact bytes of the value, without the white space around it."""
        return self.raw.strip(WHITE_SPACE)

    @cached_property
    def value(self) -> Any:
        """The value; None where the file is no JSON (see `fault`)."""
        return None if self.fault else _load(self.raw)

    @cached_property
    def fault(self) -> str:
        """Why it is no configuration that anybody should accept, or nothing."""
        try:
            _load(self.raw)
        except (ValueError, RecursionError) as error:
            return f"{type(error).__name__}: {error}"
        return ""


@dataclass(frozen=True)
class History:
    """One configuration: its id on the platform, and its versions, oldest first."""

    name: str
    files: list[File]


def read_folder(folder: Path) -> list[History]:
    """Read every history; raises `HistoryUnreadable` for a folder that holds none."""
    return [
        History(one.name, [File(number, kept.content) for number, kept in enumerate(one.versions, start=1)])
        for one in read_histories(folder)
    ]


def same(one: Any, other: Any) -> bool:
    """Say whether two values are the same JSON: 1.0 is 1, true is not 1, the order of keys does not count."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _load(raw: bytes) -> Any:
    return json.loads(
        raw.decode("utf-8"), parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_object
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object has the same key twice")
    return value
