"""What people do about freeze windows: add one, end one, and override a freeze for one rollback.

The tenant's row is locked meanwhile, so that T1 and every send see a window or wait for it. Adding a window that denies
is for everybody who may freeze; what opens (an allow window, the end of a window) is for the tenant's administrators,
and for whoever added the window.
"""

from collections.abc import Iterable
from functools import partial
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from rollbacks import actions, audit, freezing, reviewing, transitions, windows
from rollbacks.actions import NotAllowed
from rollbacks.models import FreezeOverride, FreezeWindow, Rollback
from rollbacks.states import PENDING
from tenants import access, trail
from tenants.models import Tenant, TrackedConfig
from tenants.resource_types import catalogue

LONGEST_REASON = 300
"""In characters, of a window."""


def add_window(
    tenant: Tenant,
    *,
    when: str,
    zone: str,
    effect: FreezeWindow.Effect,
    reason: str,
    resource_type: str = "",
    config: TrackedConfig | None = None,
    acting_user: User | None,
) -> FreezeWindow:
    """Add a freeze window to a tenant, for all of it, for a type or for an object.

    Raises NotAllowed for what is no window and for one without a reason; PermissionDenied without the role.
    """
    _require(acting_user, tenant, *(access.FREEZES if effect == FreezeWindow.Effect.DENY else access.ADMINISTERS))
    if config is not None and (resource_type or config.tenant_id != tenant.pk):
        raise NotAllowed("A freeze window is for a tenant, for one type or for one object of it. No window was added.")
    if resource_type:
        try:
            catalogue.get(resource_type)
        except catalogue.UnknownType as error:
            raise NotAllowed(f"{error} No window was added.") from error
    reason = _reason(reason, undone="No window was added")
    try:
        pattern, clocks = windows.read(when), windows.read_zone(zone)
    except windows.NotAWindow as error:
        raise NotAllowed(f"{error} No window was added.") from error
    now = timezone.now()
    row = FreezeWindow(
        tenant=tenant,
        resource_type=resource_type,
        config=config,
        effect=effect,
        pattern=pattern.words,
        zone=clocks.key,
        reason=reason,
        set_by=acting_user,
        setter=trail.actor_name(acting_user),
        set_at=now,
    )
    if not windows.spans_between(freezing.as_window(row), now, now + windows.HORIZON):
        raise NotAllowed(
            f"{pattern.words} ({clocks.key}) is never on in the next two years: it is past, or the clocks leave it "
            "out. No window was added."
        )
    with transaction.atomic():
        concerned = _lock_organization(tenant)
        row.save(force_insert=True)
        audit.append("freeze.added", tenant=tenant, actor=row.setter, config=config, details=freezing.window_facts(row))
        _review_soon(concerned)
    return row


def end_window(window: FreezeWindow, *, reason: str, acting_user: User | None) -> FreezeWindow:
    """End a window, from now on; nobody deletes one. Raises NotAllowed for one that has ended already."""
    own = acting_user is not None and window.set_by_id == acting_user.pk
    _require(acting_user, window.tenant, *(access.FREEZES if own else access.ADMINISTERS))
    reason = _reason(reason, undone="The window was not ended")
    ender = trail.actor_name(acting_user)
    with transaction.atomic():
        concerned = _lock_organization(window.tenant)
        ended = FreezeWindow.objects.filter(pk=window.pk, ended_at__isnull=True).update(
            ended_at=timezone.now(), ender=ender, end_reason=reason
        )
        window.refresh_from_db()
        if not ended:
            raise NotAllowed(f"{window.ender} has ended this window already. Nothing was changed.")
        audit.append(
            "freeze.ended",
            tenant=window.tenant,
            actor=ender,
            config=window.config,
            details={**freezing.window_facts(window), "end_reason": reason},
        )
        _review_soon(concerned)
    return window


def override_freeze(rollback: Rollback, *, reason: str, acting_user: User) -> FreezeOverride:
    """Let one rollback run in spite of the freeze that is on now, with a reason; needs the role incident.

    It holds for exactly this plan and this freeze: adding or ending a window that the rollback falls under ends it, and
    so does the end of the freeze. Raises NotAllowed where there is nothing to override.
    """
    _require(acting_user, rollback.tenant, *access.OVERRIDES_FREEZE)
    reason = actions.check_reason(reason)
    with transaction.atomic():
        locked = transitions.lock(rollback)
        _lock(locked.tenant)
        if locked.state not in PENDING:
            raise NotAllowed(f"This rollback is {locked.get_state_display()}. Nothing was overridden.")
        freeze = freezing.freeze_of(locked)
        if freeze.unreadable:
            raise NotAllowed(f"{freeze.closed_sentence()} Nothing was overridden; end that window.")
        if freeze.is_of_another:
            raise NotAllowed(f"{freeze.closed_sentence()} Nothing was overridden; ask them to end it.")
        if freeze.standing.open:
            raise NotAllowed("No freeze window is on for this rollback. Nothing was overridden.")
        override = FreezeOverride.objects.create(
            rollback=locked,
            overrider=acting_user,
            plan_digest=locked.plan_digest,
            freeze_digest=freeze.digest,
            until=freeze.until,
            freeze=freeze.closed_sentence(),
            reason=reason,
            overridden_at=freeze.at,
        )
        audit.append(
            "freeze.overridden",
            tenant=locked.tenant,
            actor=acting_user.get_username(),
            config=locked.config,
            rollback=locked,
            details={
                **freezing.override_facts(override),
                "windows": [freezing.window_facts(row) for row in freeze.closing],
            },
        )
    return override


def _lock(tenant: Tenant) -> None:
    Tenant.objects.select_for_update(no_key=True).only("pk").get(pk=tenant.pk)


def _lock_organization(tenant: Tenant) -> list[UUID]:
    """Lock every tenant that is this organization, always in the same order: the window holds for all of them."""
    same = Q(pk=tenant.pk)
    if tenant.organization_id:
        same |= Q(organization_id=tenant.organization_id)
    locked = Tenant.objects.select_for_update(no_key=True).filter(same).order_by("pk")
    return list(locked.values_list("pk", flat=True))


def _review_soon(tenants: Iterable[UUID]) -> None:
    for tenant in tenants:
        transaction.on_commit(partial(reviewing.review, tenant), robust=True)


def _reason(reason: str, *, undone: str) -> str:
    reason = " ".join(reason.split())
    if not reason:
        raise NotAllowed(f"{undone}: say why, so that the next person knows what it is for.")
    if len(reason) > LONGEST_REASON:
        raise NotAllowed(f"{undone}: a reason has at most {LONGEST_REASON} characters; this one has {len(reason)}.")
    return reason


def _require(acting_user: User | None, tenant: Tenant, *roles: access.Role) -> None:
    if acting_user is not None:
        access.require(acting_user, tenant, *roles)
