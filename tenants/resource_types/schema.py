"""The checks of the catalogue's data: every mistake is named by file, type and key before any type is used.

A table is one type: every key of `definition.ResourceType`, nothing else. What it may leave out, and what that then
means, stands in `_DEFAULTS`.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from tenants.documents import InvalidPointer, split
from tenants.resource_types.definition import (
    NO_PERMISSIONS,
    Guard,
    LiveAt,
    Paging,
    Permissions,
    Procedure,
    ResourceType,
    StepRules,
    VersionRule,
)
from tenants.resource_types.signatures import Signature

_NAME: Final = re.compile(r"[a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)+")
_METHODS: Final = ("PUT", "PATCH")

_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "object_query": "",
        "live": LiveAt.OBJECT,
        "parent": "",
        "list_path": None,
        "list_parameter": "",
        "history_path": None,
        "history_version_path": None,
        "history_paging": Paging.NUMBERED,
        "history_version_pointer": "",
        "history_key_pointer": "",
        "history_content_pointer": "",
        "native_history": (),
        "update_method": "",
        "procedure": None,
        "steps": None,
        "caveat": "",
        "version_pointer": "",
        "etags": False,
        "required": (),
        "stateful": (),
        "carried": (),
        "volatile": (),
        "immutable": (),
        "stepped": (),
        "nested_volatile": (),
        "reset": (),
        "secret": (),
        "null_clears": False,
        "read_permissions": NO_PERMISSIONS,
        "write_permissions": NO_PERMISSIONS,
        "lost_race": (),
        "locked": (),
        "refused": (),
        "active_version_query": None,
        "alias_of": None,
    }
)
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
        "history_paging": Paging,
        "procedure": Procedure,
        "live": LiveAt,
    }
)
_SWITCHES: Final = frozenset({"etags", "null_clears"})
_PERMISSIONS: Final = frozenset({"read_permissions", "write_permissions"})
_PERMISSION: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*(?::[A-Za-z*][A-Za-z0-9-]*){0,2}")
_PATHS: Final = frozenset(
    {
        "object_path",
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
_NEEDED: Final[Mapping[Procedure, frozenset[str]]] = MappingProxyType(
    {
        Procedure.DRAFT_AND_PUBLISH: frozenset({"draft_path", "draft_version_pointer", "publish_path"}),
        Procedure.PUBLISH_AND_REPOINT: frozenset(
            {"draft_path", "publish_path", "ready_pointer", "ready_value", "used_by_type", "used_by_pointer"}
        ),
        Procedure.NATIVE_ROLLBACK: frozenset({"native_path", "native_key_pointer"}),
        Procedure.NATIVE_RESTORE: frozenset({"native_path", "native_key_pointer", "native_body_key"}),
    }
)
"""What each procedure must know of where its writes go; one that is not here has no writes that are published."""


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


def read_type(name: str, table: object) -> ResourceType:
    """Give the type that a table declares; raise `InvalidCatalogue` naming the first mistake in it."""
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
    _check_paths(rtype)
    _check_members(rtype)
    _check_rules(rtype)
    _check_history(rtype)
    _check_procedure(rtype)
    return rtype


def _checked(name: str, key: str, value: object) -> Any:
    if key in _LISTS:
        return _list(name, key, value)
    if key in _SWITCHES:
        if not isinstance(value, bool):
            raise InvalidCatalogue(name, key, f"it must be true or false, not {value!r}")
        return value
    if key in _PERMISSIONS:
        return _permissions(name, key, value)
    if key == "visibility_horizon_seconds":
        return _seconds(name, key, value)
    if key == "steps":
        return _steps(name, value)
    if not isinstance(value, str) or not value.strip():
        raise InvalidCatalogue(name, key, f"it must be a text that is not empty, not {value!r}")
    return _text(name, key, value)


def _steps(name: str, value: object) -> StepRules:
    if not isinstance(value, dict):
        raise InvalidCatalogue(name, "steps", f'it must be a table of its own, ["{name}".steps], not {value!r}')
    keys = [field.name for field in fields(StepRules)]
    checked: dict[str, Any] = {}
    for key, said in value.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            raise InvalidCatalogue(name, f"steps.{key}", f"no such key{f'; did you mean {near[0]!r}?' if near else ''}")
        try:
            checked[key] = _list(name, key, said) if key == "draft_writable" else _checked(name, key, said)
        except InvalidCatalogue as error:
            raise InvalidCatalogue(name, f"steps.{key}", error.reason) from None
    return StepRules(**checked)


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
        _check_path(name, key, value)
    elif key == "caveat" and not value.endswith("."):
        raise InvalidCatalogue(name, key, f"it must be whole sentences that end with a full stop, not {value!r}")
    elif key == "object_query" and not _QUERY.fullmatch(value):
        raise InvalidCatalogue(name, key, f"it must be a query such as 'expand=variations', not {value!r}")
    elif key in ("parent", "alias_of", "used_by_type") and not _NAME.fullmatch(value):
        raise InvalidCatalogue(name, key, f"it must be the name of a type, not {value!r}")
    elif key == "update_method" and value not in _METHODS:
        raise InvalidCatalogue(name, key, f"it must be 'PUT' or 'PATCH', not {value!r}; leave it out for no writes")
    elif key in _POINTERS:
        _check_pointer(name, key, value)
    return value


def _check_pointer(name: str, key: str, value: str) -> tuple[str, ...]:
    try:
        return split(value)
    except InvalidPointer as error:
        raise InvalidCatalogue(name, key, str(error).rstrip(".")) from None


def _permissions(name: str, key: str, value: object) -> Permissions:
    shape = '{ any = ["domain:entity:action", …] } or { all = [ … ] }'
    if not isinstance(value, dict) or len(value) != 1 or not set(value) <= {"any", "all"}:
        raise InvalidCatalogue(name, key, f"it must be {shape}, not {value!r}")
    ((mode, names),) = value.items()
    checked = _list(name, key, names)
    if not checked:
        raise InvalidCatalogue(name, key, "it names no permission; leave it out where none is published")
    for permission in checked:
        if not _PERMISSION.fullmatch(permission):
            raise InvalidCatalogue(name, key, f"{permission!r} is no permission such as 'routing:queue:edit'")
    return Permissions(mode, checked)


def _list(name: str, key: str, value: object) -> tuple[str, ...]:
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
            _check_path(name, key, item)
        elif key == "nested_volatile" and len(_check_pointer(name, key, item)) < 2:
            raise InvalidCatalogue(
                name, key, f"{item!r} leads to no place inside a member; name a member in 'volatile'"
            )
    return tuple(value)


def _check_path(name: str, key: str, path: str) -> None:
    if not path.startswith("/api/") or "//" in path or ".." in path or "?" in path or " " in path:
        raise InvalidCatalogue(name, key, f"{path!r} is no path that begins with /api/ and has no query")


def _check_paths(rtype: ResourceType) -> None:
    """Check the placeholders: a singleton has no id, and what lives in another object has its parent's before it."""
    name, parent = rtype.name, ("{parent}",) if rtype.in_parent else ()
    own = () if rtype.is_singleton else (*parent, "{id}")
    _check_placeholders(name, "object_path", rtype.object_path, own)
    _check_placeholders(name, "list_path", rtype.list_path, parent)
    _check_placeholders(name, "history_path", rtype.history_path, own)
    _check_placeholders(name, "history_version_path", rtype.history_version_path, (*own, "{version}"))
    _check_placeholders(name, "active_version_query", rtype.active_version_query, ())
    for path in rtype.native_history:
        found = re.findall(r"\{[^}]*\}", path)
        if not set(found) <= {*own, "{version}"} or len(found) > len(set(found)):
            reason = f"{path!r} may hold {either((*own, '{version}'))}, each once"
            raise InvalidCatalogue(name, "native_history", reason)
    if rtype.parent and not rtype.in_parent and not rtype.list_parameter:
        reason = f"{rtype.object_path!r} has no {{parent}}, and there is no 'list_parameter' either"
        raise InvalidCatalogue(name, "parent", reason)
    if rtype.list_parameter and not (rtype.list_path and rtype.parent):
        raise InvalidCatalogue(name, "list_parameter", "it stands there, yet 'list_path' or 'parent' does not")


def _check_placeholders(name: str, key: str, path: str | None, wanted: tuple[str, ...]) -> None:
    if path is None:
        return
    found = tuple(re.findall(r"\{[^}]*\}", path))
    if found != wanted:
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
    for key, allowed, where in (
        # What a body always has: from the target, from live, or repeated as it is on live.
        ("required", {*rtype.writable, *rtype.from_live}, "'writable', 'stateful' or 'carried'"),
        ("carried", {*rtype.read_only}, "'read_only'"),
        ("volatile", rtype.known, "any list of members"),
        ("immutable", {*rtype.writable, *rtype.read_only}, "'writable' or 'read_only'"),
        ("stepped", {*rtype.read_only}, "'read_only'"),
        ("nested_volatile", rtype.content, "'writable', 'immutable' or 'stepped'"),
        ("reset", {*rtype.read_only}, "'read_only'"),
        ("secret", rtype.known, "any list of members"),
    ):
        for named in getattr(rtype, key):
            member = split(named)[0] if key == "nested_volatile" else named
            if member not in allowed:
                raise InvalidCatalogue(rtype.name, key, f"the member {member!r} does not stand in {where}")
    _check_volatile(rtype)
    if rtype.update_method and not rtype.writable:
        reason = f"it is empty, yet the type is written with {rtype.update_method}"
        raise InvalidCatalogue(rtype.name, "writable", reason)


def _check_volatile(rtype: ResourceType) -> None:
    for member in rtype.volatile:
        if member in rtype.writable:
            reason = f"the member {member!r} is writable, so it cannot also move by itself; make it stateful"
            raise InvalidCatalogue(rtype.name, "volatile", reason)
        for key, word in (("immutable", "immutable"), ("stepped", "brought back by a step")):
            if member in getattr(rtype, key):
                reason = f"the member {member!r} is {word}, so it cannot also move by itself"
                raise InvalidCatalogue(rtype.name, "volatile", reason)


def _check_rules(rtype: ResourceType) -> None:
    name = rtype.name
    _check_version(rtype)
    if rtype.guard is Guard.ETAG and not rtype.etags:
        raise InvalidCatalogue(name, "guard", "it is 'etag', yet 'etags' is false")
    if rtype.guard is Guard.VERSION and rtype.version_rule is VersionRule.NONE:
        raise InvalidCatalogue(name, "guard", "it is 'version', yet 'version_rule' is 'none'")
    unchecked = (VersionRule.NONE, VersionRule.ASSIGNED)
    if rtype.guard is not Guard.COMPARE and rtype.version_rule is VersionRule.ASSIGNED:
        raise InvalidCatalogue(name, "guard", f"it is '{rtype.guard}', yet no write names an 'assigned' version")
    if rtype.guard is Guard.COMPARE and rtype.version_rule not in unchecked:
        raise InvalidCatalogue(name, "version_rule", f"it is '{rtype.version_rule}', yet 'guard' is 'compare'")
    if (rtype.history_path is None) != (rtype.history_version_path is None):
        missing = "history_path" if rtype.history_path is None else "history_version_path"
        raise InvalidCatalogue(name, missing, "it is missing; a history has a path for all versions and one for each")
    if (rtype.list_path is None) != (rtype.paging in (Paging.NONE, Paging.SINGLETON)):
        reason = "a type is listed by 'list_path' and a 'paging' other than 'none' and 'singleton', or it has neither"
        raise InvalidCatalogue(name, "paging", reason)
    if bool(rtype.update_method) != bool(rtype.write_permissions.names):
        reason = "it must stand there exactly when 'update_method' does"
        raise InvalidCatalogue(name, "write_permissions", reason)


def _check_history(rtype: ResourceType) -> None:
    name = rtype.name
    for key in ("history_version_pointer", "history_key_pointer", "history_content_pointer"):
        if getattr(rtype, key) and rtype.history_path is None:
            raise InvalidCatalogue(name, key, "it stands there, yet 'history_path' does not")
    if rtype.history_paging in (Paging.NONE, Paging.SINGLETON, Paging.SCIM):
        reason = f"it must be 'numbered', 'cursor' or 'unpaged', not {str(rtype.history_paging)!r}"
        raise InvalidCatalogue(name, "history_paging", reason)
    if rtype.live is LiveAt.NEWEST_VERSION and rtype.history_path is None:
        raise InvalidCatalogue(name, "live", "it is 'newest_version', yet 'history_path' does not stand there")
    if rtype.history_path is not None and rtype.version_rule is VersionRule.NONE:
        reason = "versions are imported by their number, yet 'version_rule' is 'none'; declare it as 'native_history'"
        raise InvalidCatalogue(name, "history_path", reason)


def _check_procedure(rtype: ResourceType) -> None:
    name, steps = rtype.name, rtype.steps
    if rtype.procedure is None:
        if steps is not None:
            raise InvalidCatalogue(name, "steps", "it stands there, yet 'procedure' does not")
        if rtype.stepped:
            raise InvalidCatalogue(name, "stepped", "it stands there, yet 'procedure' does not")
        return
    if not rtype.update_method:
        raise InvalidCatalogue(name, "procedure", "it stands there, yet 'update_method' does not")
    for key in sorted(_NEEDED.get(rtype.procedure, ())):
        if not getattr(steps, key, ""):
            raise InvalidCatalogue(name, f"steps.{key}", f"it is missing, yet 'procedure' is '{rtype.procedure}'")
    if steps is not None:
        _check_steps(rtype, steps)


def _check_steps(rtype: ResourceType, steps: StepRules) -> None:
    name = rtype.name
    own = () if rtype.is_singleton else (*(("{parent}",) if rtype.in_parent else ()), "{id}")
    _check_placeholders(name, "steps.draft_path", steps.draft_path or None, own)
    _check_placeholders(name, "steps.publish_path", steps.publish_path or None, own)
    in_path = () if steps.native_body_key else ("{version}",)
    _check_placeholders(name, "steps.native_path", steps.native_path or None, (*own, *in_path))
    if bool(steps.ready_pointer) != bool(steps.ready_value):
        raise InvalidCatalogue(name, "steps.ready_value", "it stands there exactly when 'ready_pointer' does")
    if bool(steps.used_by_type) != bool(steps.used_by_pointer):
        raise InvalidCatalogue(name, "steps.used_by_pointer", "it stands there exactly when 'used_by_type' does")
    for member in steps.draft_writable:
        if member not in rtype.content:
            reason = f"the member {member!r} does not stand in 'writable', 'immutable' or 'stepped'"
            raise InvalidCatalogue(name, "steps.draft_writable", reason)


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


def either(names: Iterable[str]) -> str:
    """Give names for a sentence: quoted, with commas and an "or" between."""
    quoted = [repr(str(name)) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
