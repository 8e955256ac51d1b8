"""Whether the OAuth client may write what a plan writes, where the object is: a guard, not a failed write.

A permission counts only where it is granted: in the division of the live object and, where the write moves it to
another one, in that as well (PLATFORM.md, "Access").
"""

from typing import TYPE_CHECKING

from django.conf import settings

from rollbacks import guards
from tenants import coverage, divisions
from tenants.archive import UnusableContent
from tenants.remote import RemoteError, RemoteUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenants.documents import Value
    from tenants.remote import Platform
    from tenants.resource_types import ResourceType


def check(
    types: "Sequence[ResourceType]",
    platform: "Platform",
    *,
    live: "Mapping[str, Value] | None",
    target: "Mapping[str, Value] | None" = None,
) -> list[guards.Check]:
    """Check that the client may read and write every type that a plan writes, and its object where that is.

    The first type is that of the object, whose `live` value and `target` name its divisions; None for what could not be
    read. A note says whether the client may see what routing uses.
    """
    every = [each for rtype in types for each in (rtype.read_permissions, rtype.write_permissions)]
    needed = list(dict.fromkeys(str(permissions) for permissions in every if permissions.names))
    try:
        rights = divisions.rights_of(platform)
    except (RemoteError, UnusableContent) as error:
        untold = guards.check_permissions(needed=needed, missing=(), problem=str(error))
        return [guards.only_for_now(untold) if isinstance(error, RemoteUnknown) else untold]
    missing = dict.fromkeys(lack for each in every for lack in coverage.missing(rights, each, None))
    remedies = dict.fromkeys(
        coverage.remedy(rights, each, None) for each in every if coverage.missing(rights, each, None)
    )
    here = _divisions(types[0], live, target)
    uncovered = []
    for division in () if missing else here:
        for use, each in (("read", types[0].read_permissions), ("write", types[0].write_permissions)):
            lacks = coverage.missing(rights, each, division)
            if lacks:
                why = "where this object is" if division == here[0] else "to which this would move it"
                lacking = " and ".join(lacks)
                uncovered.append(
                    f"The OAuth client may not {use} {types[0].one} in the division {division} ({lacking}), {why}."
                )
                remedies[coverage.remedy(rights, each, division)] = None
    allowed = guards.check_permissions(
        needed=needed,
        missing=missing,
        problem=None,
        remedies=remedies,
        uncovered=uncovered,
        division=str(here[0]) if here else "",
    )
    if types[0].active_version_query is None:
        return [allowed]
    unseen = coverage.missing(rights, types[0].active_version_permissions, None)
    return [allowed, guards.note_routing(missing=unseen, minutes=settings.CONSOLE_PROPAGATION_MINUTES)]


def _divisions(
    rtype: "ResourceType", live: "Mapping[str, Value] | None", target: "Mapping[str, Value] | None"
) -> list[divisions.Division]:
    """Give where the object is, and where the target has it if a write may move it."""
    found = [] if live is None else [coverage.division_of(live)]
    if target is not None and "division" in rtype.writable:
        found.append(coverage.division_of(target))
    seen: dict[str, divisions.Division] = {}
    for division in found:
        if division is not None:
            seen.setdefault(division.id, division)
    return list(seen.values())
