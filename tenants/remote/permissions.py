"""What an OAuth client may do, as its roles say it (PLATFORM.md, "Access": roles decide, not scopes).

The platform writes a permission as `domain:entity:action`, a few as `domain:action`; a role's policy may hold `*` in
the place of an entity or an action.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One role of an OAuth client in one division."""

    role: str
    """The role's name."""
    division: str
    """The division's id; `*` for every division, empty where the platform names none."""
    division_name: str
    permissions: frozenset[str]


def granted(subject: Any) -> frozenset[str]:
    """Give the permissions in an answer of `GET /api/v2/authorization/subjects/me`.

    What a policy grants for every entity shows as `domain:*:action`, and as `domain:action` besides.
    """
    return frozenset[str]().union(*granted_by_division(subject).values())


def granted_by_division(subject: Any) -> dict[str, frozenset[str]]:
    """Give the permissions of the same answer by the id of the division that they are granted in.

    A grant in every division bears the id `*`; one that names no division stands under the empty text.
    """
    found: dict[str, set[str]] = {}
    for grant in grants(subject):
        found.setdefault(grant.division, set()).update(grant.permissions)
    return {where: frozenset(permissions) for where, permissions in found.items()}


def grants(subject: Any) -> tuple[Grant, ...]:
    """Give each grant of the same answer: a role, where it is granted, and what it allows there."""
    found = []
    for grant in _items(subject, "grants"):
        role = grant.get("role")
        found.append(
            Grant(
                role=_text(role, "name") or _text(role, "id"),
                division=_text(grant.get("division"), "id"),
                division_name=_text(grant.get("division"), "name"),
                permissions=frozenset(_granted(role)),
            )
        )
    return tuple(found)


def _text(value: Any, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _granted(role: Any) -> Iterator[str]:
    for policy in _items(role, "policies"):
        domain, entity = policy.get("domain"), policy.get("entityName") or "*"
        for action in policy.get("actions") or ():
            if all(isinstance(part, str) and part for part in (domain, entity, action)):
                yield f"{domain}:{entity}:{action}"
                if entity == "*":
                    yield f"{domain}:{action}"


def _items(value: Any, key: str) -> list[dict[str, Any]]:
    items = value.get(key) if isinstance(value, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def holds(permissions: AbstractSet[str], needed: str) -> bool:
    """Tell whether a set of permissions covers one that is needed; an empty need is always covered."""
    if not needed or needed in permissions:
        return True
    if ":" not in needed:  # a few old permissions are one word, such as `admin`
        return False
    domain, *entity, action = needed.split(":")
    wanted = entity[0] if entity else "*"
    return any(f"{domain}:{named}:{act}" in permissions for named in {wanted, "*"} for act in {action, "*"})
