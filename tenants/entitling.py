"""What platform owners set up so that roles come by themselves: groups and their people, and rules about claims.

Each grant and each revocation is in the trails of the tenants that it concerns, in the same transaction, and says where
it came from: the group, or the claim and its value. Groups and claims span tenants, so only platform owners set them
up; the administrators of a tenant see which of them give roles there.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from tenants import access, trail
from tenants.access import Role
from tenants.granting import ClaimRole, GroupRole
from tenants.models import Membership, Tenant

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


def keep_group(group: Group, people: Iterable[User], *, acting_user: "AbstractBaseUser | None") -> Group:
    """Keep the group's name and exactly these people in it; who came and who left is in the trails of its tenants.

    Only a platform owner may.
    """
    if acting_user is not None and not access.owns_platform(acting_user):
        raise PermissionDenied(f"{acting_user.get_username()} is no platform owner. The group was not changed.")
    with transaction.atomic():
        group.save()
        Group.objects.select_for_update(no_key=True).get(pk=group.pk)
        before, after = set(User.objects.filter(groups=group)), set(people)
        group.user_set.set(after)
        for action, changed in (("role.granted", after - before), ("role.revoked", before - after)):
            for row in GroupRole.objects.filter(group=group).select_related("tenant").order_by("tenant_id", "role"):
                for person in sorted(changed, key=lambda one: one.get_username()):
                    _tell(action, row, person.get_username(), acting_user)
    return group


def give_group_role(group: Group, tenant: Tenant, role: Role, *, acting_user: "AbstractBaseUser | None") -> GroupRole:
    """Let everybody in the group hold the role in the tenant. Only a platform owner may."""
    if acting_user is not None:
        access.require_owner(acting_user, tenant, undone="The group was given no role.")
    with transaction.atomic():
        row, made = GroupRole.objects.get_or_create(group=group, tenant=tenant, role=role)
        if made:
            _tell_all("role.granted", row, acting_user)
    return row


def take_group_role(row: GroupRole, *, acting_user: "AbstractBaseUser | None") -> None:
    """Take a role from a group. Only a platform owner may."""
    if acting_user is not None:
        access.require_owner(acting_user, row.tenant, undone="The group keeps its role.")
    with transaction.atomic():
        gone, _by_model = GroupRole.objects.filter(pk=row.pk).delete()
        if gone:
            _tell_all("role.revoked", row, acting_user)


def add_claim_role(
    claim: str, value: str, tenant: Tenant, role: Role, *, acting_user: "AbstractBaseUser | None"
) -> ClaimRole:
    """Let whoever signs in with this claim hold the role in the tenant, from then on. Only a platform owner may."""
    if acting_user is not None:
        access.require_owner(acting_user, tenant, undone="The claim gives no role.")
    if not claim.strip() or not value.strip():
        raise ValidationError("A claim and its value are needed. Nothing was set up.")
    with transaction.atomic():
        rule, made = ClaimRole.objects.get_or_create(claim=claim, value=value, tenant=tenant, role=role)
        if made:
            _tell_claim("claim.mapped", rule, acting_user)
    return rule


def remove_claim_role(rule: ClaimRole, *, acting_user: "AbstractBaseUser | None") -> int:
    """Take a rule away, and give how many people lost their role with it at once. Only a platform owner may.

    Where another rule gives the same role in the tenant, nobody can tell by which of them somebody came to it: they
    keep it until their next sign-in.
    """
    if acting_user is not None:
        access.require_owner(acting_user, rule.tenant, undone="The claim goes on giving the role.")
    with transaction.atomic():
        gone, _by_model = ClaimRole.objects.filter(pk=rule.pk).delete()
        if not gone:
            return 0
        _tell_claim("claim.unmapped", rule, acting_user)
        if ClaimRole.objects.filter(tenant=rule.tenant, role=rule.role).exists():
            return 0
        lost = Membership.objects.filter(tenant=rule.tenant, role=rule.role, origin=Membership.Origin.CLAIMS)
        names = sorted(lost.values_list("user__username", flat=True))
        lost.delete()
        for name in names:
            trail.report(
                "role.revoked",
                tenant=rule.tenant,
                actor=trail.actor_name(acting_user),
                detail={"user": name, "role": rule.role, "origin": "claims", "claim": rule.claim, "value": rule.value},
            )
    return len(names)


def _tell_all(action: str, row: GroupRole, acting_user: "AbstractBaseUser | None") -> None:
    """Append one entry for the group itself, so that it is there while the group is empty, and one for each person."""
    for name in ("", *sorted(User.objects.filter(groups=row.group_id).values_list("username", flat=True))):
        _tell(action, row, name, acting_user)


def _tell(action: str, row: GroupRole, username: str, acting_user: "AbstractBaseUser | None") -> None:
    detail = {"role": row.role, "origin": "group", "group": row.group.name, **({"user": username} if username else {})}
    trail.report(action, tenant=row.tenant, actor=trail.actor_name(acting_user), detail=detail)


def _tell_claim(action: str, rule: ClaimRole, acting_user: "AbstractBaseUser | None") -> None:
    detail = {"claim": rule.claim, "value": rule.value, "role": rule.role}
    trail.report(action, tenant=rule.tenant, actor=trail.actor_name(acting_user), detail=detail)
