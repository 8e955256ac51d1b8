"""How the tables inside a type's table are read: its steps, what it refers to, what a write names otherwise.

["routing.queue".references]
"/queueFlow/id" = "architect.flow"                    a type of the catalogue,
"/skills/*/id" = "/api/v2/routing/skills/{id}"        or where else on the platform the id is looked up;
"/memberGroups/*/id" = ["groups.group", "routing.skillgroup"]      a list: any of these

["wfm.planninggroup".written_as]
serviceGoalTemplateId = "/serviceGoalTemplate/id"     a body's member, and where a read shows its value
routePaths = { each = "/routePaths/*", within = "values", members = { queueId = "/queue/id" } }
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final

from tenants.resource_types.definition import Procedure, Reference, ResourceType, StepRules, Written
from tenants.resource_types.single_values import (
    NAME,
    InvalidCatalogue,
    check_path,
    check_placeholders,
    check_pointer,
    checked,
    texts,
)

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
_LISTS_OF_STEPS: Final = frozenset({"draft_writable", "native_writable"})


def _steps(name: str, value: object) -> StepRules:
    keys = [field.name for field in fields(StepRules)]
    found: dict[str, Any] = {}
    for key, said in _table(name, "steps", value).items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            raise InvalidCatalogue(name, f"steps.{key}", f"no such key{f'; did you mean {near[0]!r}?' if near else ''}")
        try:
            found[key] = texts(name, key, said) if key in _LISTS_OF_STEPS else checked(name, key, said)
        except InvalidCatalogue as error:
            raise InvalidCatalogue(name, f"steps.{key}", error.reason) from None
    return StepRules(**found)


def _references(name: str, value: object) -> tuple[Reference, ...]:
    found = []
    for at, to in _table(name, "references", value).items():
        key = f"references.{at}"
        check_pointer(name, key, at)
        targets = texts(name, key, to if isinstance(to, list) else [to])
        if not targets:
            raise InvalidCatalogue(name, key, "it leads to nothing; name a type or a path with {id}")
        for target in targets:
            if target.startswith("/"):
                check_path(name, key, target)
                check_placeholders(name, key, target, ("{id}",))
            elif not NAME.fullmatch(target):
                raise InvalidCatalogue(
                    name, key, f"it must be the name of a type or a path with {{id}}, not {target!r}"
                )
        found.append(Reference(at, targets))
    return tuple(found)


def _written_as(name: str, value: object) -> tuple[Written, ...]:
    found = []
    for member, said in _table(name, "written_as", value).items():
        key = f"written_as.{member}"
        if isinstance(said, str):
            found.append(Written(member, _source(name, key, said)))
            continue
        if not isinstance(said, dict) or set(said) - {"each", "within", "members"} or "each" not in said:
            shape = 'a JSON Pointer or { each = "/list/*", within = "values", members = { id = "/id" } }'
            raise InvalidCatalogue(name, key, f"it must be {shape}, not {said!r}")
        members = said.get("members")
        within = said.get("within", "")
        if not isinstance(members, dict) or not members or not isinstance(within, str):
            raise InvalidCatalogue(name, key, "'members' must name what each item has, and 'within' be a text")
        source = _source(name, key, said["each"])
        if not source.endswith("/*"):
            raise InvalidCatalogue(name, key, f"'each' must end with /*, and {source!r} does not")
        inner = tuple((inside, _source(name, key, where)) for inside, where in members.items())
        found.append(Written(member, source, within, inner))
    return tuple(found)


def _source(name: str, key: str, said: object) -> str:
    if not isinstance(said, str) or not check_pointer(name, key, said):
        raise InvalidCatalogue(name, key, f"it must be a JSON Pointer into the object, not {said!r}")
    if said.count("*") > 1:
        raise InvalidCatalogue(name, key, f"{said!r} has more than one *, so no list follows from it")
    return said


def _table(name: str, key: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidCatalogue(name, key, f'it must be a table of its own, ["{name}".{key}], not {value!r}')
    return value


READERS: Final[Mapping[str, Callable[[str, object], Any]]] = MappingProxyType(
    {"steps": _steps, "references": _references, "written_as": _written_as}
)
"""By key: gives what the table declares, and raises `InvalidCatalogue` naming the first mistake in it."""


def check(rtype: ResourceType) -> None:
    """Raise `InvalidCatalogue` where these tables do not fit the rest of the type."""
    _check_procedure(rtype)
    for reference in rtype.references:
        member = check_pointer(rtype.name, "references", reference.at)[0]
        if rtype.update_method and member not in rtype.content:
            reason = f"the member {member!r} is in no body and brought back by no step, so nothing is looked up"
            raise InvalidCatalogue(rtype.name, f"references.{reference.at}", reason)
    for written in rtype.written_as:
        key = f"written_as.{written.member}"
        shown = written.shown_in
        if written.member not in rtype.writable:
            raise InvalidCatalogue(rtype.name, key, f"the member {written.member!r} does not stand in 'writable'")
        if shown not in {*rtype.writable, *rtype.read_only}:
            raise InvalidCatalogue(rtype.name, key, f"the member {shown!r} does not stand in 'writable' or 'read_only'")
        for wrong in ("volatile", "immutable", "reset", "stepped"):
            if shown in getattr(rtype, wrong):
                raise InvalidCatalogue(rtype.name, key, f"the member {shown!r} stands in {wrong!r} too")


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
    check_placeholders(name, "steps.draft_path", steps.draft_path or None, own)
    check_placeholders(name, "steps.publish_path", steps.publish_path or None, own)
    in_path = () if steps.native_body_key else ("{version}",)
    check_placeholders(name, "steps.native_path", steps.native_path or None, (*own, *in_path))
    if bool(steps.ready_pointer) != bool(steps.ready_value):
        raise InvalidCatalogue(name, "steps.ready_value", "it stands there exactly when 'ready_pointer' does")
    if bool(steps.used_by_type) != bool(steps.used_by_pointer):
        raise InvalidCatalogue(name, "steps.used_by_pointer", "it stands there exactly when 'used_by_type' does")
    for member in steps.draft_writable:
        if member not in rtype.content:
            reason = f"the member {member!r} does not stand in 'writable', 'immutable' or 'stepped'"
            raise InvalidCatalogue(name, "steps.draft_writable", reason)
    for member in steps.native_writable:
        if member not in rtype.writable:
            raise InvalidCatalogue(name, "steps.native_writable", f"the member {member!r} does not stand in 'writable'")
