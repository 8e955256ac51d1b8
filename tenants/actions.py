"""What people do to tenants and tracked configs: each change and its entry in the trail, in one transaction.

`acting_user=None` stands for a terminal where nobody is signed in: the account of the machine is trusted and named in
the trail. Every other user needs the role that the function names; PermissionDenied says which one is missing.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from tenants import (
    access,
    bisections,
    capture,
    connections,
    drift,
    importing,
    labelling,
    regions,
    retention,
    sweeping,
    tasks,
    trail,
)
from tenants.access import Role
from tenants.bisecting import Said
from tenants.chronicle import Bisection, Label
from tenants.models import Membership, Onboarding, Snapshot, Tenant, TrackedConfig
from tenants.resource_types import catalogue

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

    from tenants.remote.client import Platform
    from tenants.resource_types.definition import ResourceType


TENANT_COLUMNS = (
    "name",
    "region",
    "api_url",
    "login_url",
    "client_id",
    "organization_id",
    "environment",
    "approvals_needed",
    "ticket_pattern",
    "ticket_url",
    "requests_a_minute",
    "good_after_days",
    "keep_days",
    "keep_versions",
)
"""What `change_tenant` may change; the slug stays, because commands and the trail name the tenant so."""


class NotPossible(ValueError):
    """What was asked cannot be done as things stand; the message is a sentence."""


def add_tenant(
    slug: str,
    *,
    name: str,
    region: str = regions.CUSTOM,
    api_url: str = "",
    login_url: str = "",
    client_id: str,
    client_secret: str,
    organization_id: str = "",
    environment: str = "",
    approvals_needed: int = 1,
    ticket_pattern: str = "",
    ticket_url: str = "",
    requests_a_minute: int | None = None,
    good_after_days: int = 7,
    keep_days: int | None = None,
    keep_versions: int | None = None,
    acting_user: "AbstractBaseUser | None",
) -> Tenant:
    """Add an organization with its sealed client secret and give its tenant; nothing is asked of the platform yet.

    Only a platform owner may. Raises ValidationError with one message for each field that is wrong, and NotPossible
    when custom hosts are not allowed here.
    """
    if acting_user is not None and not access.owns_platform(acting_user):
        raise PermissionDenied(f"{acting_user.get_username()} is no platform owner. The tenant {slug} was not added.")
    if region == regions.CUSTOM and not settings.CONSOLE_ALLOW_CUSTOM_HOSTS:
        raise NotPossible(
            f"The tenant {slug} was not added: hosts of one's own need CONSOLE_ALLOW_CUSTOM_HOSTS=true; else choose "
            f"one of the platform's domains with --region."
        )
    tenant = Tenant(
        slug=slug,
        name=name,
        region=region,
        api_url=api_url,
        login_url=login_url,
        client_id=client_id,
        organization_id=organization_id,
        environment=environment,
        approvals_needed=approvals_needed,
        ticket_pattern=ticket_pattern,
        ticket_url=ticket_url,
        requests_a_minute=requests_a_minute,
        good_after_days=good_after_days,
        keep_days=keep_days,
        keep_versions=keep_versions,
    )
    seal_client_secret(tenant, client_secret)
    tenant.full_clean()
    with transaction.atomic():
        tenant.save(force_insert=True)
        trail.report(
            "tenant.added",
            tenant=tenant,
            actor=trail.actor_name(acting_user),
            detail={
                "slug": slug,
                "region": region,
                "api": tenant.api_base,
                "login": tenant.login_base,
                "client_id": client_id,
                "client_secret": "set",
                "organization_id": organization_id,
                "environment": environment,
                "approvals_needed": approvals_needed,
                "ticket_pattern": ticket_pattern,
                "ticket_url": ticket_url,
                "requests_a_minute": requests_a_minute,
                "good_after_days": good_after_days,
                "keep_days": keep_days,
                "keep_versions": keep_versions,
            },
        )
    return tenant


def seal_client_secret(tenant: Tenant, client_secret: str) -> None:
    """Set the tenant's secret, sealed for its row; the caller saves. Raises NotPossible for an empty one."""
    if not client_secret.strip():
        raise NotPossible(f"The client secret of {tenant.slug} is empty. Nothing was kept.")
    connections.seal_client_secret(tenant, client_secret)


def change_tenant(tenant: Tenant, *, client_secret: str = "", acting_user: "AbstractBaseUser | None") -> None:
    """Keep the columns that were changed on this row in memory, and seal another client secret where one is given.

    A platform owner may, and the tenant's administrators what is theirs to set (`access.require_settings`). The
    organization pinned earlier stays unless it was changed. Raises ValidationError with one message for each field
    that is wrong.
    """
    undone = f"{tenant.slug} was not changed."
    if acting_user is not None and client_secret:
        access.require_owner(acting_user, tenant, undone=undone)
    if client_secret:
        seal_client_secret(tenant, client_secret)
    tenant.full_clean()
    with transaction.atomic():
        before = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        changed = [name for name in TENANT_COLUMNS if getattr(before, name) != getattr(tenant, name)]
        if acting_user is not None:
            access.require_settings(acting_user, before, tenant, changed, undone=undone)
        told: dict[str, object] = {
            name: {"before": getattr(before, name), "after": getattr(tenant, name)} for name in changed
        }
        if client_secret:
            changed.append("client_secret_sealed")
            told["client_secret"] = "replaced"  # noqa: S105 - a word for the trail
        if not changed:
            return
        if {"keep_days", "keep_versions"} & set(changed):
            tenant.retention_confirmed = ""  # another rule: a person looks at what it would drop first
            changed.append("retention_confirmed")
        tenant.save(update_fields=changed)
        trail.report("tenant.changed", tenant=tenant, actor=trail.actor_name(acting_user), detail=told)


def plan_retention(tenant: Tenant, rule: retention.Rule | None = None) -> retention.Plan:
    """Say what the tenant's retention would drop, or what another rule would; changes nothing.

    Raises NotPossible where the tenant keeps everything and no rule is given.
    """
    rule = rule or retention.rule_of(tenant)
    if rule is None:
        raise NotPossible(
            f"{tenant.slug} keeps every version: no retention is set. Nothing was dropped. Set it on the tenant's "
            f"form, or try what a rule would drop with --days or --versions."
        )
    return retention.plan(tenant, rule, now=timezone.now())


def drop_versions(tenant: Tenant, *, shown: str, acting_user: "AbstractBaseUser | None") -> retention.Done:
    """Drop exactly the versions of the plan that was shown, and let the schedule go on by the same rule.

    `shown` is the digest of the plan. Only a platform owner may. Raises NotAsShown where the plan is another by now.
    """
    if acting_user is not None:
        access.require_owner(acting_user, tenant, undone="No version was dropped.")
    plan = plan_retention(tenant)
    if plan.digest != shown:
        raise retention.NotAsShown(
            f"What {tenant.slug} would drop now is {plan.digest}, not {shown[:12]!r}: another rule, another day or "
            f"another version. Nothing was dropped. Look at the dry run again, then name what it shows."
        )
    actor = trail.actor_name(acting_user)
    with transaction.atomic():
        Tenant.objects.filter(pk=tenant.pk).update(retention_confirmed=plan.rule.words)
        trail.report(
            "retention.confirmed",
            tenant=tenant,
            actor=actor,
            detail={"rule": plan.rule.words, "plan": plan.digest, "versions": plan.dropped},
        )
    tenant.retention_confirmed = plan.rule.words
    return retention.carry_out(plan, actor=actor)


def grant_role(
    user: "AbstractBaseUser", tenant: Tenant, role: Role, *, acting_user: "AbstractBaseUser | None"
) -> Membership:
    """Give the user a role in the tenant and return the membership.

    A platform owner may, and the tenant's administrators may to everybody but themselves (`access.require_grant`).
    """
    if acting_user is not None:
        access.require_grant(acting_user, tenant, to=user, undone="No role was granted.")
    with transaction.atomic():
        membership, created = Membership.objects.get_or_create(
            user_id=user.pk, tenant=tenant, role=role, origin=Membership.Origin.HAND
        )
        if created:
            trail.report(
                "role.granted",
                tenant=tenant,
                actor=trail.actor_name(acting_user),
                detail={"user": user.get_username(), "role": role.value, "origin": membership.origin},
            )
    return membership


def revoke_role(membership: Membership, *, acting_user: "AbstractBaseUser | None") -> None:
    """Take a role away that was granted by hand. A platform owner and the tenant's administrators may.

    Raises NotPossible for a role from the identity provider: the next sign-in would bring it back.
    """
    if acting_user is not None and not access.owns_platform(acting_user):
        access.require(acting_user, membership.tenant, *access.ADMINISTERS)
    if membership.origin == Membership.Origin.CLAIMS:
        raise NotPossible(
            f"{membership} by what the identity provider says, and the next sign-in would bring it back. Nothing was "
            f"revoked. Take it away there, or change which claims give roles."
        )
    with transaction.atomic():
        gone, _by_model = Membership.objects.filter(pk=membership.pk).delete()
        if gone:
            trail.report(
                "role.revoked",
                tenant=membership.tenant,
                actor=trail.actor_name(acting_user),
                detail={"user": membership.user.get_username(), "role": membership.role, "origin": membership.origin},
            )


def track_configs(
    tenant: Tenant,
    rtype: "ResourceType",
    object_ids: list[str] | dict[str, str],
    *,
    acting_user: "AbstractBaseUser | None",
) -> capture.Tracking:
    """Start keeping the history of objects (all or none); they are due for a look at once. Needs operator."""
    _require(acting_user, tenant, Role.OPERATOR)
    return sweeping.track_found(tenant, rtype, object_ids, actor=trail.actor_name(acting_user))


def ask_for_everything(tenant: Tenant, *, acting_user: "AbstractBaseUser") -> Onboarding:
    """Begin to find out what the organization has, or give the request that is open already. Needs operator."""
    _require(acting_user, tenant, Role.OPERATOR)
    with transaction.atomic():
        Tenant.objects.select_for_update(no_key=True).only("pk").get(pk=tenant.pk)
        open_one = tenant.onboardings.filter(state__in=Onboarding.OPEN).first()
        if open_one is not None:
            return open_one
        asked: Onboarding = Onboarding.objects.create(tenant=tenant, asked_by_id=acting_user.pk)
        trail.report(
            "onboarding.asked",
            tenant=tenant,
            actor=trail.actor_name(acting_user),
            detail={"onboarding": str(asked.pk)},
        )
        transaction.on_commit(lambda: tasks.drive_onboarding_soon(asked.pk))
    return asked


def choose_types(onboarding: Onboarding, names: Sequence[str], *, acting_user: "AbstractBaseUser") -> None:
    """Take in the objects of these types. Needs operator; raises NotPossible where nothing can be chosen (any more)."""
    tenant = onboarding.tenant
    _require(acting_user, tenant, Role.OPERATOR)
    found = {one["type"] for one in onboarding.survey.get("found", ()) if one["count"]}
    chosen = [rtype.name for rtype in catalogue.all_types() if rtype.name in found and rtype.name in set(names)]
    if not chosen:
        raise NotPossible("No type was chosen. Nothing was tracked.")
    with transaction.atomic():
        waits = Onboarding.objects.filter(pk=onboarding.pk, state=Onboarding.State.CHOOSING)
        if not waits.update(
            state=Onboarding.State.TRACKING, chosen=chosen, asked_by=acting_user.pk, next_at=timezone.now()
        ):
            raise NotPossible("Somebody has chosen already, or cancelled it. Nothing was changed.")
        trail.report(
            "onboarding.chosen",
            tenant=tenant,
            actor=trail.actor_name(acting_user),
            detail={"onboarding": str(onboarding.pk), "types": chosen},
        )
        transaction.on_commit(lambda: tasks.drive_onboarding_soon(onboarding.pk))


def cancel_onboarding(onboarding: Onboarding, *, acting_user: "AbstractBaseUser") -> None:
    """End it where it is: what is tracked stays tracked. Needs operator; raises NotPossible where it has ended."""
    _require(acting_user, onboarding.tenant, Role.OPERATOR)
    with transaction.atomic():
        running = Onboarding.objects.filter(pk=onboarding.pk, state__in=Onboarding.OPEN)
        if not running.update(state=Onboarding.State.CANCELLED, ended_at=timezone.now()):
            raise NotPossible("It has ended already. Nothing was changed.")
        trail.report(
            "onboarding.cancelled",
            tenant=onboarding.tenant,
            actor=trail.actor_name(acting_user),
            detail={"onboarding": str(onboarding.pk)},
        )


def capture_now(
    config: TrackedConfig,
    *,
    acting_user: "AbstractBaseUser | None",
    platform: "Platform | None" = None,
    progress: Callable[[int, int], None] | None = None,
) -> "tuple[capture.Look, importing.HistoryImport]":
    """Look at live now, whatever its ETag, and import the platform's own history. Needs any role: it only reads.

    A tenant that cannot be connected to raises the tree of `remote.errors`; what the platform answers to the looks
    themselves is in the results. What changed is reported to the trail by the looks.
    """
    _require(acting_user, config.tenant)
    rtype = catalogue.get(config.resource_type)
    platform = connections.connect(config.tenant) if platform is None else platform
    seen = capture.look(config, platform, now=timezone.now(), conditional=False)
    imported = importing.HistoryImport()
    if rtype.history_path is not None and seen.outcome is not capture.Outcome.UNREACHABLE:
        imported = importing.import_history(config, platform, **({"progress": progress} if progress else {}))
    return seen, imported


def accept_version(config: TrackedConfig, snapshot: Snapshot, *, acting_user: "AbstractBaseUser | None") -> None:
    """Make the snapshot the config's baseline: what a person holds to be right. Needs operator or approver.

    Raises NotPossible for a snapshot of another object.
    """
    _require(acting_user, config.tenant, Role.OPERATOR, Role.APPROVER)
    before = config.baseline
    with transaction.atomic():
        try:
            moved = drift.set_baseline(config, snapshot)
        except ValueError as error:
            raise NotPossible(str(error)) from error
        if moved:
            trail.report(
                "baseline.accepted",
                tenant=config.tenant,
                actor=trail.actor_name(acting_user),
                config=config,
                detail={
                    "version": str(snapshot.version),
                    "digest": snapshot.digest,
                    "previous_version": str(before.version) if before is not None else None,
                    "previous_digest": before.digest if before is not None else None,
                },
            )


def label_version(
    snapshot: Snapshot, word: labelling.Word, *, reason: str, acting_user: "AbstractBaseUser | None"
) -> Label:
    """Label a version *known good* or *bad*. Needs operator or approver.

    Raises NotPossible where a label of a person stands already, and for *bad* without a reason.
    """
    _require(acting_user, snapshot.config.tenant, Role.OPERATOR, Role.APPROVER)
    try:
        return labelling.put(snapshot, word, reason=reason, acting_user=acting_user)
    except labelling.NotLabelled as error:
        raise NotPossible(str(error)) from error


def withdraw_label(label: Label, *, reason: str = "", acting_user: "AbstractBaseUser | None") -> Label:
    """Withdraw a label; it stays on record. Needs operator or approver; raises NotPossible where somebody has."""
    _require(acting_user, label.snapshot.config.tenant, Role.OPERATOR, Role.APPROVER)
    try:
        return labelling.withdraw(label, reason=reason, acting_user=acting_user)
    except labelling.NotLabelled as error:
        raise NotPossible(str(error)) from error


def start_bisection(
    config: TrackedConfig, good: Snapshot, bad: Snapshot, *, acting_user: "AbstractBaseUser | None"
) -> Bisection:
    """Begin to look for the first bad version. Needs operator or approver; raises NotPossible where there is none."""
    _require(acting_user, config.tenant, Role.OPERATOR, Role.APPROVER)
    try:
        return bisections.start(config, good, bad, acting_user=acting_user)
    except bisections.NotSearchable as error:
        raise NotPossible(str(error)) from error


def answer_bisection(
    bisection: Bisection, snapshot: Snapshot, said: Said, *, note: str = "", acting_user: "AbstractBaseUser | None"
) -> bisections.Search:
    """Say of a version whether it is good or bad, or that it cannot be told. Needs operator or approver.

    Raises NotPossible for a version that is not in question.
    """
    _require(acting_user, bisection.config.tenant, Role.OPERATOR, Role.APPROVER)
    try:
        return bisections.answer(bisection, snapshot, said, note=note, acting_user=acting_user)
    except bisections.NotSearchable as error:
        raise NotPossible(str(error)) from error


def freeze(tenant: Tenant, *, reason: str, acting_user: "AbstractBaseUser | None") -> None:
    """Stop every rollback in the tenant before it is sent.

    Needs a role that may freeze (`access.FREEZES`); raises NotPossible without a reason.
    """
    _require(acting_user, tenant, *access.FREEZES)
    if not reason.strip():
        raise NotPossible(f"{tenant.slug} was not frozen: say why, so that the next person knows when to end it.")
    _set_frozen(tenant, frozen=True, reason=reason.strip()[:300], acting_user=acting_user)


def unfreeze(tenant: Tenant, *, acting_user: "AbstractBaseUser | None") -> None:
    """Allow rollbacks in the tenant again. Needs a role that may freeze (`access.FREEZES`)."""
    _require(acting_user, tenant, *access.FREEZES)
    _set_frozen(tenant, frozen=False, reason="", acting_user=acting_user)


def _set_frozen(tenant: Tenant, *, frozen: bool, reason: str, acting_user: "AbstractBaseUser | None") -> None:
    with transaction.atomic():
        changed = Tenant.objects.filter(pk=tenant.pk, frozen=not frozen).update(
            frozen=frozen, frozen_reason=reason, freeze_changes=F("freeze_changes") + 1
        )
        if changed:
            trail.report(
                "tenant.frozen" if frozen else "tenant.unfrozen",
                tenant=tenant,
                actor=trail.actor_name(acting_user),
                detail={"reason": reason} if frozen else {"reason": tenant.frozen_reason},
            )
    tenant.frozen, tenant.frozen_reason = frozen, reason


def _require(user: "AbstractBaseUser | None", tenant: Tenant, *roles: Role) -> None:
    if user is not None:
        access.require(user, tenant, *roles)
