"""Who may see which tenant, and what they may do there: the one place that decides it.

A row of a tenant without a membership is in no queryset that this module gives, so a page, a search or an autocomplete
that starts from here cannot show it. A superuser is a *platform owner* of the console: sees every tenant and holds
every role. That is a matter of the rows on a page only; the rule that nobody approves their own rollback binds them as
well. An inactive user and an anonymous one see nothing.
"""

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied

from tenants.models import Membership, Tenant, TrackedConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.db.models import QuerySet

Role = Membership.Role
"""The roles; each of them may look."""
OWNER = "platform owner"
"""What a refusal names as needed where no role is enough."""


class Refused(PermissionDenied):
    """Somebody who belongs to the tenant tried what their roles there do not allow; nothing was done."""

    def __init__(
        self, sentence: str, *, user: "AbstractBaseUser | AnonymousUser", tenant: Tenant, needed: "Sequence[str]"
    ) -> None:
        self.user = user
        self.tenant = tenant
        self.needed = tuple(needed)
        self.held = tuple(sorted(role.value for role in roles_in(user, tenant)))
        super().__init__(sentence)


class Stranger(PermissionDenied):
    """Somebody tried something in a tenant that is not there for them."""


def owns_platform(user: "AbstractBaseUser | AnonymousUser") -> bool:
    """Tell whether the user sees all tenants and holds every role: an active superuser."""
    return bool(user.is_active and getattr(user, "is_superuser", False))


def may_enter(user: "AbstractBaseUser | AnonymousUser") -> bool:
    """Tell whether the console's pages open for the user at all: active, and staff or platform owner.

    Django's model permissions play no part: what a page shows and does is decided by memberships.
    """
    return bool(user.is_active and (getattr(user, "is_staff", False) or owns_platform(user)))


def tenants_of(user: "AbstractBaseUser | AnonymousUser") -> "QuerySet[Tenant]":
    """Give the tenants in which the user has any role."""
    if owns_platform(user):
        return Tenant.objects.all()
    if not user.is_active or user.pk is None:
        return Tenant.objects.none()
    return Tenant.objects.filter(pk__in=Membership.objects.filter(user_id=user.pk).values("tenant_id"))


def configs_of(user: "AbstractBaseUser | AnonymousUser") -> "QuerySet[TrackedConfig]":
    """Give the tracked configs of the tenants in which the user has any role."""
    if owns_platform(user):
        return TrackedConfig.objects.all()
    return TrackedConfig.objects.filter(tenant__in=tenants_of(user))


def tenants_with_role(user: "AbstractBaseUser | AnonymousUser", *roles: Role) -> "QuerySet[Tenant]":
    """Give the tenants in which the user has at least one of the roles."""
    if owns_platform(user):
        return Tenant.objects.all()
    if not user.is_active or user.pk is None:
        return Tenant.objects.none()
    return Tenant.objects.filter(pk__in=Membership.objects.filter(user_id=user.pk, role__in=roles).values("tenant_id"))


def roles_in(user: "AbstractBaseUser | AnonymousUser", tenant: Tenant) -> frozenset[Role]:
    """Give the roles that the user holds in the tenant; empty for a stranger."""
    if owns_platform(user):
        return frozenset(Role)
    if not user.is_active or user.pk is None:
        return frozenset()
    held = Membership.objects.filter(user_id=user.pk, tenant=tenant).values_list("role", flat=True)
    return frozenset(Role(role) for role in held)


def may(user: "AbstractBaseUser | AnonymousUser", tenant: Tenant, *roles: Role) -> bool:
    """Tell whether the user holds at least one of the roles in the tenant; without roles, any role at all."""
    held = roles_in(user, tenant)
    return bool(held.intersection(roles)) if roles else bool(held)


def require(user: "AbstractBaseUser | AnonymousUser", tenant: Tenant, *roles: Role) -> None:
    """Return when `may` says yes; else raise Refused with a sentence that names what is missing.

    A stranger to the tenant is told nothing about it, not even its name, by Stranger.
    """
    held = roles_in(user, tenant)
    if not held:
        raise Stranger(f"{user.get_username() or 'This user'} has no role there. Nothing was done.")
    if roles and not held.intersection(roles):
        wanted = sorted(Role(role).value for role in roles)
        has = ", ".join(sorted(role.value for role in held))
        raise Refused(
            f"{user.get_username()} is {has} in {tenant.slug}, and this needs {' or '.join(wanted)}. Nothing was done; "
            f"ask a platform owner for the role.",
            user=user,
            tenant=tenant,
            needed=wanted,
        )


def require_owner(user: "AbstractBaseUser | AnonymousUser", tenant: Tenant, *, undone: str) -> None:
    """Return for a platform owner; else raise Refused, or Stranger, with what was not done in the sentence."""
    if owns_platform(user):
        return
    sentence = f"{user.get_username()} is no platform owner. {undone}"
    if not roles_in(user, tenant):
        raise Stranger(sentence)
    raise Refused(sentence, user=user, tenant=tenant, needed=[OWNER])
