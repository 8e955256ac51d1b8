"""Which divisions an OAuth client sees, out of how many: a sweep of the others finds nothing, in silence.

A client sees only the divisions of its roles (PLATFORM.md, "Access"). A role is granted in one division, or in all of
them, which the platform writes as the division `*`; so one permission may reach further than another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from tenants import archive
from tenants.archive import UnusableContent
from tenants.remote.errors import RemoteError
from tenants.remote.permissions import Grant, granted_by_division, grants, holds
from tenants.resource_types.definition import NO_PERMISSIONS, Permissions

if TYPE_CHECKING:
    from tenants.remote.client import Platform

EVERY_DIVISION: Final = "*"
DIVISIONS_PATH: Final = "/api/v2/authorization/divisions"
_MOST_NAMED: Final = 8


@dataclass(frozen=True, slots=True)
class Division:
    """One division of an organization."""

    id: str
    name: str

    def __str__(self) -> str:
        return self.name or self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Which divisions are seen, and which are not."""

    seen: tuple[Division, ...]
    unseen: tuple[Division, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is out of sight."""
        return not self.unseen


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What an OAuth client may do, and where."""

    permissions: frozenset[str]
    """As `domain:entity:action`; empty where the platform's answer names none."""
    divisions: tuple[Division, ...]
    """All divisions of the organization, by name; empty where the list of them could not be read."""
    problem: str
    """Why it could not, in a sentence."""
    granted: Mapping[str, frozenset[str]]
    """The permissions of each division's id; those of every division stand under `*`."""
    grants: tuple[Grant, ...] = ()
    """The same by role, so that a sentence can name the role to change."""

    def sight(self, needed: Permissions = NO_PERMISSIONS) -> Sight | None:
        """Tell in which divisions the client holds what is needed; None where the organization's are not known.

        Where no permission is needed, a division in which any role is granted counts as seen.
        """
        if not self.divisions:
            return None
        everywhere = self.granted.get(EVERY_DIVISION, frozenset())
        seen: list[Division] = []
        unseen: list[Division] = []
        for division in self.divisions:
            held = everywhere | self.granted.get(division.id, frozenset())
            reached = not needed.missing(partial(holds, held)) if needed.names else self._enters(division)
            (seen if reached else unseen).append(division)
        return Sight(seen=tuple(seen), unseen=tuple(unseen))

    def _enters(self, division: Division) -> bool:
        return EVERY_DIVISION in self.granted or division.id in self.granted

    @property
    def sentence(self) -> str:
        """Say for people which divisions the client sees, out of how many, and what to do about the others."""
        sight = self.sight()
        if sight is None:
            return (
                f"How many divisions the organization has is not known, so objects may be out of sight. {self.problem}"
            )
        number = len(self.divisions)
        if sight.whole:
            all_of = "the one division" if number == 1 else f"all {number} divisions"
            return f"The OAuth client sees {all_of}: {listed(sight.seen)}."
        return (
            f"The OAuth client sees {len(sight.seen)} of {number} divisions: {listed(sight.seen) or 'none'}. "
            f"What is in {listed(sight.unseen)} does not show: grant its role there too, then look again."
        )


def reach(platform: "Platform") -> Reach:
    """Ask the platform what the tenant's client may do, and which divisions there are: two or more requests.

    Raises the tree of `remote.errors` and UnusableContent where the client's own roles cannot be read; a list of
    divisions that cannot be is a `problem`.
    """
    rights = rights_of(platform)
    divisions, problem = [], ""
    try:
        for raw in platform.entities(DIVISIONS_PATH):
            value = archive.value_from(raw)
            found, name = value.get("id"), value.get("name")
            if isinstance(found, str) and found:
                divisions.append(Division(found, name if isinstance(name, str) else ""))
    except (RemoteError, UnusableContent) as error:
        divisions, problem = [], str(error)
    return replace(
        rights,
        divisions=tuple(sorted(divisions, key=lambda one: (one.name.casefold(), one.id))),
        problem=problem or ("" if divisions else f"{DIVISIONS_PATH} lists none."),
    )


def rights_of(platform: "Platform") -> Reach:
    """Ask the platform what the tenant's client may do and where, in one request; it does not list the divisions.

    Raises the tree of `remote.errors`, and UnusableContent for an answer that cannot be read.
    """
    subject = archive.value_from(
        platform.read("/api/v2/authorization/subjects/me", params={"includeFullRoles": "true"}).body
    )
    granted = granted_by_division(subject)
    return Reach(
        permissions=frozenset[str]().union(*granted.values()),
        divisions=(),
        problem="",
        granted=granted,
        grants=grants(subject),
    )


def listed(divisions: tuple[Division, ...]) -> str:
    """Give names for a sentence: the first few, with how many more there are."""
    names = [str(one) for one in divisions[:_MOST_NAMED]]
    if len(divisions) > _MOST_NAMED:
        return f"{', '.join(names)} and {len(divisions) - _MOST_NAMED} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
