"""Whether what an OAuth client may do covers an object's division, and which role has to change where it does not.

An object that has a division is written only by a client to which the permission is granted in that division, or in
every one (PLATFORM.md, "Access"). A type without divisions asks only that the permission is granted anywhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tenants import archive
from tenants.divisions import EVERY_DIVISION, Division, Reach
from tenants.documents import InvalidDocument, load, root_members
from tenants.remote.permissions import holds
from tenants.resource_types import catalogue
from tenants.resource_types.definition import Permissions, ResourceType

if TYPE_CHECKING:
    from tenants.models import Tenant, TrackedConfig

_MOST_NAMED: Final = 5


def division_of(value: Mapping[str, Any]) -> Division | None:
    """Give the division that an object is in, as its member `division` names it; None for an object without one."""
    shown = value.get("division")
    found = shown.get("id") if isinstance(shown, dict) else None
    if not isinstance(found, str) or not found or not isinstance(shown, dict):
        return None
    name = shown.get("name")
    return Division(found, name if isinstance(name, str) else "")


def has_divisions(rtype: ResourceType) -> bool:
    """Tell whether objects of the type are in a division."""
    return "division" in rtype.known


def missing(reach: Reach, needed: Permissions, division: Division | None) -> tuple[str, ...]:
    """Give what the client lacks of `needed` in a division; anywhere, where there is none."""
    held = reach.permissions
    if division is not None:
        nothing: frozenset[str] = frozenset()
        held = reach.granted.get(EVERY_DIVISION, nothing) | reach.granted.get(division.id, nothing)
    return needed.missing(partial(holds, held))


def remedy(reach: Reach, needed: Permissions, division: Division | None) -> str:
    """Say which role of the client has to change, and how, in one sentence."""
    able = _roles(grant.role for grant in reach.grants if not needed.missing(partial(holds, grant.permissions)))
    where = "" if division is None else f" in the division {division}"
    if able and division is not None:
        return f"Grant its role {able}{where} too."
    lacking = " and ".join(missing(reach, needed, division)) or str(needed)
    here = {EVERY_DIVISION} if division is None else {EVERY_DIVISION, division.id}
    near = _roles(grant.role for grant in reach.grants if division is None or grant.division in here)
    if near:
        return f"Add {lacking} to its role {near}."
    anywhere = _roles(grant.role for grant in reach.grants)
    if anywhere:
        return f"Add {lacking} to its role {anywhere}, and grant that{where}."
    return f"It has no role at all: give it one with {lacking}{where}."


def _roles(names: Iterable[str]) -> str:
    named = list(dict.fromkeys(f"“{name}”" for name in names if name))
    return " or ".join(named[:_MOST_NAMED])


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncovered:
    """Tracked objects of one type in one division, where the client may not do something."""

    rtype: ResourceType
    division: Division
    use: str
    """`read` or `write`."""
    permission: str
    """What it lacks there."""
    remedy: str
    objects: tuple[str, ...]
    """Their names or ids."""

    @property
    def sentence(self) -> str:
        """Say how many and which, what that means, and which role to change."""
        number = len(self.objects)
        named = ", ".join(self.objects[:_MOST_NAMED])
        more = f" and {number - _MOST_NAMED} more" if number > _MOST_NAMED else ""
        them, they = ("it", "One tracked object is") if number == 1 else ("them", f"{number} tracked objects are")
        then = "a rollback would be refused" if self.use == "write" else "no look succeeds any more"
        return (
            f"{self.rtype.title}: {they} in the division {self.division}, where the OAuth client may not {self.use} "
            f"{them} ({self.permission}): {named}{more}. So {then}. {self.remedy}"
        )


def uncovered(tenant: "Tenant", reach: Reach) -> list[Uncovered]:
    """Give the tracked objects whose division the client may not read or may not write, by type and division.

    Divisions are those of the last state seen; nothing is asked of the platform.
    """
    found: dict[tuple[str, Division], list[str]] = {}
    with_divisions = {rtype.name: rtype for rtype in catalogue.all_types() if has_divisions(rtype)}
    configs = tenant.configs.filter(resource_type__in=with_divisions, live__isnull=False)
    related = configs.select_related("live__document").order_by("resource_type", "name", "object_id")
    for config in related.iterator(chunk_size=50):
        division = _last_division(config)
        if division is not None:
            found.setdefault((config.resource_type, division), []).append(str(config))
    results = []
    for (name, division), objects in found.items():
        rtype = with_divisions[name]
        for use, needed in (("read", rtype.read_permissions), ("write", _to_write(rtype))):
            lacking = missing(reach, needed, division)
            # What is granted nowhere is said once of the type, not of each division.
            if lacking and not missing(reach, needed, None):
                results.append(
                    Uncovered(
                        rtype=rtype,
                        division=division,
                        use=use,
                        permission=" and ".join(lacking),
                        remedy=remedy(reach, needed, division),
                        objects=tuple(objects),
                    )
                )
    return results


def _to_write(rtype: ResourceType) -> Permissions:
    return rtype.write_permissions if not rtype.why_read_only else Permissions("all", ())


def _last_division(config: "TrackedConfig") -> Division | None:
    if config.live is None:
        return None
    try:
        raw = root_members(archive.bytes_of(config.live)).get("division")
        return None if raw is None else division_of({"division": load(raw)})
    except (archive.UnusableContent, InvalidDocument):
        return None
