"""What an OAuth client may do, and where: permissions, and the divisions that its roles are granted in.

An object is in the division that its member `division` names; objects without one are out of any client's way. What a
client may not see is left out of lists without a word, and refused by name where it is asked for.
"""

import json
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from console.practice.answers import Refusal, Request
from console.practice.state import Organization, StoredObject

_ANYWHERE = "*"


def ways_of(*permissions: str) -> list[set[str]]:
    """Return the sets of permissions of which one is enough, as a `Mount` writes them; none where none is needed."""
    return [set(way.split("+")) for text in permissions for way in text.split()]


def division_of(stored: StoredObject) -> str | None:
    """Return the id of the division that an object is in, or None."""
    raw = stored.live.members.get("division")
    value: Any = json.loads(raw) if raw is not None else stored.fixed.get("division")
    return str(value["id"]) if isinstance(value, dict) and value.get("id") else None


def sees(organization: Organization, needed: str, division: str | None) -> bool:
    """Tell whether the client holds what is needed in a division; what needs no permission is seen everywhere."""
    ways = ways_of(needed)
    return not ways or division is None or _enough(ways, organization.client.permissions_in(division))


def require(request: Request, organization: Organization, *permissions: str) -> None:
    """Raise the platform's 403 unless the organization's client has what `permissions` ask for, as in a `Mount`.

    A person who does something elsewhere may do it.
    """
    ways = ways_of(*permissions)
    held = organization.client.permissions
    if request.person is not None or not ways or _enough(ways, held):
        return
    how, names = _missing(ways, held)
    raise Refusal(
        HTTPStatus.FORBIDDEN,
        "missing.any.permissions",
        f"Unable to perform the requested action. {how}: [{names}]",
        params={"permissions": names},
    )


def require_in_division(request: Request, organization: Organization, needed: str, division: str | None) -> None:
    """Raise the platform's 403 unless the client has in an object's division what it has elsewhere."""
    if request.person is not None or division is None or sees(organization, needed, division):
        return
    how, names = _missing(ways_of(needed), organization.client.permissions_in(division))
    name = division_name(organization, division)
    raise Refusal(
        HTTPStatus.FORBIDDEN,
        "missing.division.permission",
        f"Unable to perform the requested action. {how} in division [{name}]: [{names}]",
        params={"permissions": names, "division": name, "divisionId": division},
    )


def division_name(organization: Organization, division: str) -> str:
    """Return a division's name, or its id where no division has it."""
    found = organization.objects.get(("division", division))
    return division if found is None else str(json.loads(found.live.members["name"]))


def divisions_with(organization: Organization, permission: str) -> list[StoredObject]:
    """Return the divisions in which the client has a permission."""
    held = organization.client.permissions_in
    return [one for one in organization.of_family("division") if permission in held(one.id)]


def divisions_of(organization: Organization) -> list[dict[str, Any]]:
    """Return the divisions as the controls show them: id, name, and what the client may not do there."""
    away = organization.client.withheld
    return [
        {"id": one.id, "name": division_name(organization, one.id), "withheld": sorted(away.get(one.id, ()))}
        for one in organization.of_family("division")
    ]


def grants_of(organization: Organization) -> list[tuple[dict[str, str], Collection[str]]]:
    """Return where the client's role is granted and what it allows there: once for everywhere, or by division."""
    client = organization.client
    if not any(client.withheld.values()):
        return [({"id": _ANYWHERE, "name": _ANYWHERE}, client.permissions)]
    found = [
        ({"id": one.id, "name": division_name(organization, one.id)}, client.permissions_in(one.id))
        for one in organization.of_family("division")
    ]
    return [(where, held) for where, held in found if held]


def _enough(ways: list[set[str]], held: Collection[str]) -> bool:
    return any(way <= set(held) for way in ways)


def _missing(ways: list[set[str]], held: Collection[str]) -> tuple[str, str]:
    """Return how a refusal says it, and the names of what is missing."""
    together = len(ways) == 1 and len(ways[0]) > 1
    names = ways[0] - set(held) if together else {one for way in ways for one in way}
    how = (
        "You are missing the following permission(s)"
        if together
        else "You must have at least one of the following permissions assigned"
    )
    return how, ", ".join(sorted(names))
