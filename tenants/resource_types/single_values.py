"""How single values of the catalogue's data are read: each mistake is named by type and key, in words."""

import math
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from tenants.documents import InvalidPointer, split
from tenants.resource_types.definition import Guard, LiveAt, Paging, Permissions, Procedure, VersionRule
from tenants.resource_types.signatures import Signature

NAME: Final = re.compile(r"[a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)+")
_METHODS: Final = ("PUT", "PATCH")
_LISTS: Final = frozenset(
    {
        "native_history",
        "writable",
        "required",
        "stateful",
        "read_only",
        "carried",
        "volatile",
        "immutable",
        "stepped",
        "nested_volatile",
        "reset",
        "secret",
        "identity_keys",
        "lost_race",
        "locked",
        "refused",
    }
)
_SIGNATURES: Final = frozenset({"lost_race", "locked", "refused"})
_CHOICES: Final[Mapping[str, type[StrEnum]]] = MappingProxyType(
    {
        "version_rule": VersionRule,
        "guard": Guard,
        "paging": Paging,
        "parents_paging": Paging,
        "history_paging": Paging,
        "procedure": Procedure,
        "live": LiveAt,
    }
)
_SWITCHES: Final = frozenset({"etags", "null_clears"})
_PERMISSIONS: Final = frozenset({"read_permissions", "write_permissions", "active_version_permissions"})
_PERMISSION: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*(?::[A-Za-z*][A-Za-z0-9-]*){0,2}")
_PATHS: Final = frozenset(
    {
        "object_path",
        "parents_path",
        "list_path",
        "history_path",
        "history_version_path",
        "active_version_query",
        "draft_path",
        "publish_path",
        "native_path",
    }
)
_POINTERS: Final = frozenset(
    {
        "version_pointer",
        "history_version_pointer",
        "history_key_pointer",
        "history_content_pointer",
        "draft_version_pointer",
        "ready_pointer",
        "native_key_pointer",
        "used_by_pointer",
    }
)
_QUERY: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*=[A-Za-z0-9,.:_-]+(?:&[A-Za-z][A-Za-z0-9]*=[A-Za-z0-9,.:_-]+)*")


class InvalidCatalogue(ValueError):
    """Say which key of which type in which file of the catalogue is wrong, and why."""

    def __init__(self, name: str, key: str, reason: str, *, file: str = "") -> None:
        self.name, self.key, self.reason = name, key, reason
        parts = (f"file {file}" if file else "", f"type {name!r}" if name else "", f"key {key!r}" if key else "")
        place = ", ".join(part for part in parts if part)
        super().__init__(f"The catalogue of resource types was not loaded: {place + ': ' if place else ''}{reason}.")

    def found_in(self, file: str) -> "InvalidCatalogue":
        """Give the same mistake with the name of the file that it is in."""
        return InvalidCatalogue(self.name, self.key, self.reason, file=file)


def checked(name: str, key: str, value: object) -> Any:
    """Give the value of a key as the catalogue holds it; raise `InvalidCatalogue` for one that it cannot have."""
    if key in _LISTS:
        return texts(name, key, value)
    if key in _SWITCHES:
        if not isinstance(value, bool):
            raise InvalidCatalogue(name, key, f"it must be true or false, not {value!r}")
        return value
    if key in _PERMISSIONS:
        return _permissions(name, key, value)
    if key == "visibility_horizon_seconds":
        return _seconds(name, key, value)
    if not isinstance(value, str) or not value.strip():
        raise InvalidCatalogue(name, key, f"it must be a text that is not empty, not {value!r}")
    return _text(name, key, value)


def _seconds(name: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise InvalidCatalogue(name, key, f"it must be a number of seconds, 0 or more, not {value!r}")
    return float(value)


def _text(name: str, key: str, value: str) -> str:
    kind = _CHOICES.get(key)
    if kind is not None:
        if value not in list(kind):
            raise InvalidCatalogue(name, key, f"it must be {either(list(kind))}, not {value!r}")
        return kind(value)
    if key in _PATHS:
        check_path(name, key, value)
    elif key == "caveat" and not value.endswith("."):
        raise InvalidCatalogue(name, key, f"it must be whole sentences that end with a full stop, not {value!r}")
    elif key == "object_query" and not _QUERY.fullmatch(value):
        raise InvalidCatalogue(name, key, f"it must be a query such as 'expand=variations', not {value!r}")
    elif key in ("parent", "alias_of", "used_by_type") and not NAME.fullmatch(value):
        raise InvalidCatalogue(name, key, f"it must be the name of a type, not {value!r}")
    elif key == "update_method" and value not in _METHODS:
        raise InvalidCatalogue(name, key, f"it must be 'PUT' or 'PATCH', not {value!r}; leave it out for no writes")
    elif key in _POINTERS:
        check_pointer(name, key, value)
    return value


def check_pointer(name: str, key: str, value: str) -> tuple[str, ...]:
    """Give the tokens of a JSON Pointer; raise `InvalidCatalogue` for a text that is none."""
    try:
        return split(value)
    except InvalidPointer as error:
        raise InvalidCatalogue(name, key, str(error).rstrip(".")) from None


def _permissions(name: str, key: str, value: object) -> Permissions:
    shape = '{ any = ["domain:entity:action", …] } or { all = [ … ] }'
    if not isinstance(value, dict) or len(value) != 1 or not set(value) <= {"any", "all"}:
        raise InvalidCatalogue(name, key, f"it must be {shape}, not {value!r}")
    ((mode, names),) = value.items()
    checked = texts(name, key, names)
    if not checked:
        raise InvalidCatalogue(name, key, "it names no permission; leave it out where none is published")
    for permission in checked:
        if not _PERMISSION.fullmatch(permission):
            raise InvalidCatalogue(name, key, f"{permission!r} is no permission such as 'routing:queue:edit'")
    return Permissions(mode, checked)


def texts(name: str, key: str, value: object) -> tuple[str, ...]:
    """Give a list of texts; raise `InvalidCatalogue` for anything else, and for one that stands in it twice."""
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise InvalidCatalogue(name, key, f"it must be a list of texts that are not empty, not {value!r}")
    twice = sorted({item for item in value if value.count(item) > 1})
    if twice:
        raise InvalidCatalogue(name, key, f"{twice[0]!r} stands in it twice")
    if key in _SIGNATURES:
        for written in value:
            try:
                Signature.parse(written)
            except ValueError as error:
                raise InvalidCatalogue(name, key, str(error)) from None
    for item in value:
        if key == "native_history":
            check_path(name, key, item)
        elif key == "nested_volatile" and len(check_pointer(name, key, item)) < 2:
            raise InvalidCatalogue(
                name, key, f"{item!r} leads to no place inside a member; name a member in 'volatile'"
            )
    return tuple(value)


def check_path(name: str, key: str, path: str) -> None:
    """Raise `InvalidCatalogue` for a text that is no path of the platform's API."""
    if not path.startswith("/api/") or "//" in path or ".." in path or "?" in path or " " in path:
        raise InvalidCatalogue(name, key, f"{path!r} is no path that begins with /api/ and has no query")


def check_placeholders(name: str, key: str, path: str | None, wanted: tuple[str, ...]) -> None:
    """Raise `InvalidCatalogue` where a path has other placeholders than these, in this order."""
    if path is None:
        return
    found = tuple(re.findall(r"\{[^}]*\}", path))
    if found != wanted:
        has = " and ".join(found) or "no placeholder"
        needs = f"exactly one {' and one '.join(wanted)}" if wanted else "no placeholder"
        raise InvalidCatalogue(name, key, f"{path!r} has {has}; it needs {needs}")


def either(names: Iterable[str]) -> str:
    """Give names for a sentence: quoted, with commas and an "or" between."""
    quoted = [repr(str(name)) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
