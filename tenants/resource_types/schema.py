"""The checks of the catalogue's data: every mistake is named by file, type and key before any type is used.

A table is one type: every key of `definition.ResourceType`, nothing else. What it may leave out, and what that then
means, stands in `_DEFAULTS`.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final

from tenants.documents import split
from tenants.resource_types import sub_tables
from tenants.resource_types.definition import NO_PERMISSIONS, Guard, LiveAt, Paging, ResourceType, VersionRule
from tenants.resource_types.single_values import NAME, InvalidCatalogue, check_placeholders, checked, either

__all__ = ["InvalidCatalogue", "either", "read_type"]

_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "object_query": "",
        "live": LiveAt.OBJECT,
        "parent": "",
        "parents_path": None,
        "parents_paging": Paging.NUMBERED,
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
        "references": (),
        "written_as": (),
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
        "active_version_permissions": NO_PERMISSIONS,
        "alias_of": None,
    }
)


def read_type(name: str, table: object) -> ResourceType:
    """Give the type that a table declares; raise `InvalidCatalogue` naming the first mistake in it."""
    if not isinstance(table, dict):
        raise InvalidCatalogue("", name, 'it stands outside of every type; begin a type with ["family.name"]')
    if not NAME.fullmatch(name):
        raise InvalidCatalogue(name, "", 'a name is lower-case words joined by dots, in quotes: ["family.name"]')
    keys = [field.name for field in fields(ResourceType) if field.name != "name"]
    for key in table:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            raise InvalidCatalogue(name, key, f"no such key{f'; did you mean {near[0]!r}?' if near else ''}")
    values: dict[str, Any] = {}
    for key in keys:
        if key in table:
            inner = sub_tables.READERS.get(key)
            values[key] = inner(name, table[key]) if inner is not None else checked(name, key, table[key])
        elif key in _DEFAULTS:
            values[key] = _DEFAULTS[key]
        else:
            raise InvalidCatalogue(name, key, "it is missing")
    rtype = ResourceType(name=name, **values)
    _check_paths(rtype)
    _check_members(rtype)
    _check_rules(rtype)
    _check_history(rtype)
    sub_tables.check(rtype)
    return rtype


def _check_paths(rtype: ResourceType) -> None:
    """Check the placeholders: a singleton has no id, and what lives in another object has its parent's before it."""
    name, parent = rtype.name, ("{parent}",) if rtype.in_parent else ()
    own = () if rtype.is_singleton else (*parent, "{id}")
    check_placeholders(name, "object_path", rtype.object_path, own)
    check_placeholders(name, "parents_path", rtype.parents_path, ())
    check_placeholders(name, "list_path", rtype.list_path, parent)
    check_placeholders(name, "history_path", rtype.history_path, own)
    check_placeholders(name, "history_version_path", rtype.history_version_path, (*own, "{version}"))
    check_placeholders(name, "active_version_query", rtype.active_version_query, ())
    for path in rtype.native_history:
        found = re.findall(r"\{[^}]*\}", path)
        if not set(found) <= {*own, "{version}"} or len(found) > len(set(found)):
            reason = f"{path!r} may hold {either((*own, '{version}'))}, each once"
            raise InvalidCatalogue(name, "native_history", reason)
    if rtype.parents_path and (rtype.parent or rtype.is_singleton or (rtype.list_path and not rtype.in_parent)):
        reason = "it stands beside 'parent', a list without a {parent}, or a singleton, which need no list of parents"
        raise InvalidCatalogue(name, "parents_path", reason)
    if rtype.parents_path and rtype.in_parent and not rtype.list_path:
        raise InvalidCatalogue(name, "parents_path", "it stands there, yet 'list_path' does not")
    if rtype.parent and not rtype.in_parent and not rtype.list_parameter:
        reason = f"{rtype.object_path!r} has no {{parent}}, and there is no 'list_parameter' either"
        raise InvalidCatalogue(name, "parent", reason)
    if rtype.list_parameter and not (rtype.list_path and rtype.parent):
        raise InvalidCatalogue(name, "list_parameter", "it stands there, yet 'list_path' or 'parent' does not")


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
    _check_routing(rtype)
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


def _check_routing(rtype: ResourceType) -> None:
    if rtype.active_version_permissions.names and rtype.active_version_query is None:
        reason = "it stands there, yet 'active_version_query' does not"
        raise InvalidCatalogue(rtype.name, "active_version_permissions", reason)
    if rtype.active_version_query is not None and rtype.version_rule is VersionRule.NONE:
        raise InvalidCatalogue(rtype.name, "active_version_query", "it stands there, yet 'version_rule' is 'none'")


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
