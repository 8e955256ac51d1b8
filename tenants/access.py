"""Who may see which tenant, and what they may do there: the one place that decides it.

A row of a tenant without a role of one's own is in no queryset that this module gives, so a page, a search or an
autocomplete that starts from here cannot show it. Somebody holds the roles of their memberships, granted by hand or
from an identity provider's claims, and those of their groups. A superuser is a *platform owner* of the console: sees
every tenant and holds every role. That is a matter of the rows on a page only; the rule that nobody approves their own
rollback binds them as well. An inactive user and an anonymous one see nothing.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q

from tenants import granting
from tenants.granting import GroupRole
from tenants.models import Membership, Tenant, TrackedConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.db.models import QuerySet

Role = granting.Role
"""The roles; each of them may look."""
OWNER = "platform owner"
"""What a refusal names as needed where no role is enough."""

FREEZES: Final = (Role.OPERATOR, Role.APPROVER, Role.TENANT_ADMIN)
"""Who may freeze a tenant and end it: stopping is anybody's who acts there."""
ADMINISTERS: Final = (Role.TENANT_ADMIN,)
"""Who may change a tenant's own settings, memberships and planned freezes, beside platform owners."""
OVERRIDES_FREEZE: Final = (Role.INCIDENT,)
"""Who may have a rollback carried out in spite of a freeze, with a reason."""
BREAKS_GLASS: Final = (Role.INCIDENT,)
"""Who may carry out a rollback that nobody has approved yet, in an emergency."""

ADMINISTRATOR_SETS: Final = frozenset({"name", "approvals_needed", "good_after_days", "ticket_pattern", "ticket_url"})
"""The columns of a tenant that its administrators may change.

Not where the console goes and as whom (region, hosts, client, secret, organization), nor what costs others (requests)
or cannot be taken back (retention): those are the platform owners'.
"""


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
    return _tenants_where(user.pk, Q())


def tenants_concerned(user: "AbstractBaseUser | AnonymousUser") -> "QuerySet[Tenant]":
    """Give the tenants that the user would see if they were let in: what an inactive one tries concerns them too."""
    return Tenant.objects.all() if getattr(user, "is_superuser", False) else _tenants_where(user.pk, Q())


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
    return _tenants_where(user.pk, Q(role__in=roles))


def roles_in(user: "AbstractBaseUser | AnonymousUser", tenant: Tenant) -> frozenset[Role]:
    """Give the roles that the user holds in the tenant; empty for a stranger."""
    if owns_platform(user):
        return frozenset(Role)
    if not user.is_active or user.pk is None:
        return frozenset()
    own = Membership.objects.filter(user_id=user.pk, tenant=tenant).order_by().values_list("role", flat=True)
    of_groups = GroupRole.objects.filter(group__user=user.pk, tenant=tenant).order_by().values_list("role", flat=True)
    return frozenset(Role(role) for role in own.union(of_groups))


def people_with_role(tenant: Tenant | UUID, *roles: Role) -> "QuerySet[User]":
    """Give the active people who hold one of the roles in the tenant, of their own or by a group; without, any role.

    Platform owners, who hold every role, are not among them unless they were given one.
    """
    asked = Q(role__in=roles) if roles else Q()
    return User.objects.filter(
        Q(pk__in=Membership.objects.filter(asked, tenant=tenant).values("user_id"))
        | Q(pk__in=User.groups.through.objects.filter(group__in=_groups(asked, tenant)).values("user_id")),
        is_active=True,
    )


@dataclass(frozen=True, slots=True)
class Held:
    """One role that somebody holds in a tenant, and how they came to it."""

    person: User
    role: str
    by: str
    """Empty for a grant by hand."""


def held_in(tenant: Tenant) -> list[Held]:
    """Give who holds which role in the tenant, by name; somebody may hold one in several ways."""
    own = Membership.objects.filter(tenant=tenant).select_related("user")
    of_groups = GroupRole.objects.filter(tenant=tenant).select_related("group").prefetch_related("group__user_set")
    by_claims = granting.Origin.CLAIMS.label
    held = [Held(row.user, row.role, by_claims if row.origin == granting.Origin.CLAIMS else "") for row in own]
    held += [
        Held(person, row.role, f"by the group {row.group}") for row in of_groups for person in row.group.user_set.all()
    ]
    return sorted(held, key=lambda one: (one.person.get_username(), one.role, one.by))


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


def may_grant(user: "AbstractBaseUser | AnonymousUser", tenant: Tenant) -> bool:
    """Tell whether the user may give and take roles in the tenant; to whom, `require_grant` says."""
    return may(user, tenant, *ADMINISTERS)


def require_grant(
    user: "AbstractBaseUser | AnonymousUser", tenant: Tenant, *, to: "AbstractBaseUser", undone: str
) -> None:
    """Return where the user may give this person a role in the tenant; else raise Refused, or Stranger.

    A tenant administrator gives nothing to themselves: whoever decides who may act does not let themselves act.
    """
    if owns_platform(user):
        return
    require(user, tenant, *ADMINISTERS)
    if user.pk == to.pk:
        raise Refused(
            f"{user.get_username()} administers {tenant.slug}, and nobody gives a role to themselves. {undone} Ask "
            f"another administrator of the tenant or a platform owner.",
            user=user,
            tenant=tenant,
            needed=[OWNER],
        )


def require_settings(
    user: "AbstractBaseUser | AnonymousUser", before: Tenant, after: Tenant, columns: "Sequence[str]", *, undone: str
) -> None:
    """Return where the user may change these columns of the tenant so; else raise Refused, or Stranger.

    A tenant administrator changes ADMINISTRATOR_SETS, and asks for more approvals but never for fewer.
    """
    if owns_platform(user):
        return
    require(user, before, *ADMINISTERS)
    beyond = sorted(set(columns) - ADMINISTRATOR_SETS)
    if "approvals_needed" in columns and after.approvals_needed < before.approvals_needed:
        beyond.append("fewer approvals")
    if beyond:
        raise Refused(
            f"{user.get_username()} administers {before.slug}, and only a platform owner changes "
            f"{', '.join(beyond)}. {undone}",
            user=user,
            tenant=before,
            needed=[OWNER],
        )


def _groups(asked: Q, tenant: Tenant | UUID) -> "QuerySet[GroupRole, int]":
    return GroupRole.objects.filter(asked, tenant=tenant).values_list("group_id", flat=True)


def _tenants_where(user_id: int | None, condition: Q) -> "QuerySet[Tenant]":
    if user_id is None:
        return Tenant.objects.none()
    return Tenant.objects.filter(
        Q(pk__in=Membership.objects.filter(condition, user_id=user_id).values("tenant_id"))
        | Q(pk__in=GroupRole.objects.filter(condition, group__user=user_id).values("tenant_id"))
    )
