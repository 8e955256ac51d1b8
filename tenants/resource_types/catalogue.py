"""The catalogue: `catalogue.toml` read once and checked strictly: a wrong line stops a start, not a write."""

import difflib
import functools
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tenants.documents import InvalidPointer, split
from tenants.resource_types.definition import Guard, Paging, ResourceType, VersionRule
from tenants.resource_types.signatures import Signature

_FILE: Final = Path(__file__).with_name("catalogue.toml")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)+")
_METHODS: Final = ("PUT", "PATCH")

# What a table may leave out, and what that then means.
_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "list_path": None,
        "history_path": None,
        "history_version_path": None,
        "update_method": "",
        "version_pointer": "",
        "read_permission": "",
        "write_permission": "",
        "active_version_query": None,
        "alias_of": None,
    }
)
_LISTS: Final = frozenset(
    {"writable", "required", "stateful", "read_only", "carried", "volatile", "identity_keys", "lost_race", "locked"}
)
_CHOICES: Final[Mapping[str, type[StrEnum]]] = MappingProxyType(
    {"version_rule": VersionRule, "guard": Guard, "paging": Paging}
)
_SWITCHES: Final = frozenset({"etags", "null_clears"})
_PATHS: Final = MappingProxyType(
    {
        "object_path": ("{id}",),
        "list_path": (),
        "history_path": ("{id}",),
        "history_version_path": ("{id}", "{version}"),
        "active_version_query": (),
    }
)


class InvalidCatalogue(ValueError):
    """Say which key of which type in the catalogue is wrong, and why."""

    def __init__(self, name: str, key: str, reason: str) -> None:
        place = ", ".join(part for part in (f"type {name!r}" if name else "", f"key {key!r}" if key else "") if part)
        super().__init__(f"The catalogue of resource types was not loaded: {place + ': ' if place else ''}{reason}.")


class UnknownType(LookupError):
    """Say that the catalogue has no type of a name, and which names are near."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        near += [other for other in names if name and name in other and other not in near]
        hint = f"Did you mean {_either(near)}?" if near else f"The types are {', '.join(names)}."
        super().__init__(f"There is no resource type {name!r}, so nothing was done. {hint}")


def get(name: str) -> ResourceType:
    """Give the type of that name; raise `UnknownType`, whose sentence lists near names."""
    types = _catalogue()
    try:
        return types[name]
    except KeyError:
        raise UnknownType(name, types) from None


def names_of_one_object(name: str) -> tuple[str, ...]:
    """Give every type under which an object of this type can be reached, the type's own name among them."""
    own = get(name).alias_of or name
    return tuple(rtype.name for rtype in _catalogue().values() if own in (rtype.name, rtype.alias_of))


def all_types() -> tuple[ResourceType, ...]:
    """Give every type, in the order of the catalogue."""
    return tuple(_catalogue().values())


@functools.cache
def _catalogue() -> Mapping[str, ResourceType]:
    return MappingProxyType(load(_FILE.read_text(encoding="utf-8")))


def load(text: str) -> dict[str, ResourceType]:
    """Give the types of a catalogue's TOML text by name; raise `InvalidCatalogue` naming the first mistake."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidCatalogue("", "", f"it is not TOML ({error})") from None
    if not tables:
        raise InvalidCatalogue("", "", "it declares no type")
    types = {name: _read(name, table) for name, table in tables.items()}
    for rtype in types.values():
        if rtype.alias_of is not None and (rtype.alias_of not in types or types[rtype.alias_of].alias_of is not None):
            raise InvalidCatalogue(rtype.name, "alias_of", f"{rtype.alias_of!r} is no type that has its own address")
    return types


def _read(name: str, table: object) -> ResourceType:
    if not isinstance(table, dict):
        raise InvalidCatalogue("", name, 'it stands outside of every type; begin a type with ["family.name"]')
    if not _NAME.fullmatch(name):
        raise InvalidCatalogue(name, "", 'a name is lower-case words joined by dots, in quotes: ["family.name"]')
    keys = [field.name for field in fields(ResourceType) if field.name != "name"]
    for key in table:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            raise InvalidCatalogue(name, key, f"no such key{f'; did you mean {near[0]!r}?' if near else ''}")
    values: dict[str, Any] = {}
    for key in keys:
        if key in table:
            values[key] = _checked(name, key, table[key])
        elif key in _DEFAULTS:
            values[key] = _DEFAULTS[key]
        else:
            raise InvalidCatalogue(name, key, "it is missing")
    rtype = ResourceType(name=name, **values)
    _check_members(rtype)
    _check_rules(rtype)
    return rtype


def _checked(name: str, key: str, value: object) -> Any:
    if key in _LISTS:
        return _list(name, key, value)
    if key in _SWITCHES:
        if not isinstance(value, bool):
            raise InvalidCatalogue(name, key, f"it must be true or false, not {value!r}")
        return value
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
            raise InvalidCatalogue(name, key, f"it must be {_either(list(kind))}, not {value!r}")
        return kind(value)
    if key in _PATHS:
        _check_path(name, key, value)
    elif key == "update_method" and value not in _METHODS:
        raise InvalidCatalogue(name, key, f"it must be 'PUT' or 'PATCH', not {value!r}; leave it out for no writes")
    elif key == "version_pointer":
        try:
            split(value)
        except InvalidPointer as error:
            raise InvalidCatalogue(name, key, str(error).rstrip(".")) from None
    return value


def _list(name: str, key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise InvalidCatalogue(name, key, f"it must be a list of texts that are not empty, not {value!r}")
    twice = sorted({item for item in value if value.count(item) > 1})
    if twice:
        raise InvalidCatalogue(name, key, f"{twice[0]!r} stands in it twice")
    if key in ("lost_race", "locked"):
        for written in value:
            try:
                Signature.parse(written)
            except ValueError as error:
                raise InvalidCatalogue(name, key, str(error)) from None
    return tuple(value)


def _check_path(name: str, key: str, path: str) -> None:
    wanted = _PATHS[key]
    found = tuple(re.findall(r"\{[^}]*\}", path))
    if not path.startswith("/api/") or "//" in path or ".." in path or "?" in path or " " in path:
        raise InvalidCatalogue(name, key, f"{path!r} is no path that begins with /api/ and has no query")
    if sorted(found) != sorted(wanted):
        has = " and ".join(found) or "no placeholder"
        needs = f"exactly one {' and one '.join(wanted)}" if wanted else "no placeholder"
        raise InvalidCatalogue(name, key, f"{path!r} has {has}; it needs {needs}")


def _check_members(rtype: ResourceType) -> None:
    seen: dict[str, str] = {}
    for key in ("writable", "stateful", "read_only"):
        for member in getattr(rtype, key):
            if member in seen:
                reason = f"the member {member!r} stands in {seen[member]!r} too; each belongs to exactly one"
                raise InvalidCatalogue(rtype.name, key, reason)
            seen[member] = key
    for key, allowed in (
        ("required", rtype.writable),
        ("carried", rtype.read_only),
        ("volatile", tuple(rtype.known)),
    ):
        for member in getattr(rtype, key):
            if member not in allowed:
                where = {"required": "'writable'", "carried": "'read_only'", "volatile": "any list of members"}[key]
                raise InvalidCatalogue(rtype.name, key, f"the member {member!r} does not stand in {where}")
    for member in rtype.volatile:
        if member in rtype.writable:
            reason = f"the member {member!r} is writable, so it cannot also move by itself; make it stateful"
            raise InvalidCatalogue(rtype.name, "volatile", reason)
    if rtype.update_method and not rtype.writable:
        raise InvalidCatalogue(
            rtype.name, "writable", f"it is empty, yet the type is written with {rtype.update_method}"
        )


def _check_rules(rtype: ResourceType) -> None:
    name = rtype.name
    _check_version(rtype)
    if rtype.guard is Guard.ETAG and not rtype.etags:
        raise InvalidCatalogue(name, "guard", "it is 'etag', yet 'etags' is false")
    if rtype.guard is Guard.VERSION and rtype.version_rule is VersionRule.NONE:
        raise InvalidCatalogue(name, "guard", "it is 'version', yet 'version_rule' is 'none'")
    if (rtype.history_path is None) != (rtype.history_version_path is None):
        missing = "history_path" if rtype.history_path is None else "history_version_path"
        raise InvalidCatalogue(name, missing, "it is missing; a history has a path for all versions and one for each")
    if (rtype.list_path is None) != (rtype.paging is Paging.NONE):
        reason = "a type is listed by 'list_path' and a 'paging' other than 'none', or it has neither"
        raise InvalidCatalogue(name, "paging", reason)
    if bool(rtype.update_method) != bool(rtype.write_permission):
        reason = "it must stand there exactly when 'update_method' does"
        raise InvalidCatalogue(name, "write_permission", reason)


def _check_version(rtype: ResourceType) -> None:
    name, key, rule, pointer = rtype.name, "version_pointer", rtype.version_rule, rtype.version_pointer
    if rule is VersionRule.NONE:
        if pointer:
            raise InvalidCatalogue(name, key, "it points to a version, yet 'version_rule' is 'none'")
        return
    if not pointer:
        raise InvalidCatalogue(name, key, f"it is missing, yet 'version_rule' is '{rule}'")
    tokens = split(pointer)
    if (len(tokens) > 1) != (rule is VersionRule.NESTED):
        raise InvalidCatalogue(name, key, f"'version_rule' is '{rule}', which does not fit {pointer!r}")
    if tokens[0] not in rtype.read_only:
        raise InvalidCatalogue(name, key, f"the member {tokens[0]!r} does not stand in 'read_only'")


def _either(names: Iterable[str]) -> str:
    quoted = [repr(str(name)) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
