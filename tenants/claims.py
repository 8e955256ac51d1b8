"""Roles that an identity provider's claims give: looked up at each sign-in, and replaced as a whole.

A `ClaimRole` says which value of which claim is which role in which tenant. What a sign-in brings is a membership of
the origin *claims*: nobody edits it by hand, and the next sign-in takes away what the provider no longer says. A role
granted by hand stands beside it and stays. Claims make nobody a platform owner.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.db import transaction

from tenants import trail
from tenants.granting import ClaimRole, Role
from tenants.models import Membership, Tenant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

ORIGIN = Membership.Origin.CLAIMS


@dataclass(frozen=True, slots=True)
class Applied:
    """What a sign-in changed: pairs of a tenant's short name and a role."""

    granted: "Sequence[tuple[str, Role]]"
    revoked: "Sequence[tuple[str, Role]]"


def apply(user: User, claims: Mapping[str, object]) -> Applied:
    """Give the user the roles that these claims mean, and take those that earlier ones meant and these do not.

    Called with each sign-in, in whose transaction every change and its entry in the trail stand. Claims are what the
    provider signed; values that are neither texts nor whole numbers, nor lists of them, mean nothing.
    """
    with transaction.atomic():
        # Two sign-ins at once: one after the other, each whole.
        User.objects.select_for_update(no_key=True).only("pk").get(pk=user.pk)
        wanted: dict[tuple[UUID, Role], ClaimRole] = {}
        for rule in ClaimRole.objects.select_related("tenant").order_by("tenant_id", "pk"):
            if rule.value in values_of(claims, rule.claim):
                wanted.setdefault((rule.tenant_id, Role(rule.role)), rule)
        held = {
            (row.tenant_id, Role(row.role)): row
            for row in Membership.objects.select_related("tenant").filter(user=user, origin=ORIGIN)
        }
        changes: list[tuple[Tenant, str, Role, dict[str, object]]] = []
        for key, row in held.items():
            if key not in wanted:
                row.delete()
                changes.append((row.tenant, "role.revoked", key[1], {}))
        for key, rule in wanted.items():
            if key not in held:
                Membership.objects.create(user=user, tenant=rule.tenant, role=rule.role, origin=ORIGIN)
                changes.append((rule.tenant, "role.granted", key[1], {"claim": rule.claim, "value": rule.value}))
        # In one order, so that two of these do not wait for each other's heads in a ring.
        for tenant, action, role, told in sorted(changes, key=lambda change: change[0].pk):
            detail = {"user": user.get_username(), "role": role.value, "origin": ORIGIN.value, **told}
            trail.report(action, tenant=tenant, actor=trail.SYSTEM, detail=detail)
    return Applied(
        granted=[(tenant.slug, role) for tenant, action, role, _ in changes if action == "role.granted"],
        revoked=[(tenant.slug, role) for tenant, action, role, _ in changes if action == "role.revoked"],
    )


def values_of(claims: Mapping[str, object], name: str) -> frozenset[str]:
    """Give what a claim says, as texts; a name that no claim bears leads by its dots into objects."""
    found: object = claims.get(name)
    if found is None:
        found = claims
        for step in name.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    several = found if isinstance(found, Iterable) and not isinstance(found, str | bytes | Mapping) else [found]
    return frozenset(str(one) for one in several if isinstance(one, str | int) and not isinstance(one, bool))
