"""Whose word counts on a request, and whether it still does: asked anew whenever it matters, never remembered.

An approval counts while

- it is for this very plan (its digest) and was not voided;
- whoever gave it holds the role approver in the tenant *now* and is active, or is a platform owner;
- they are not among those who asked: neither by their own name nor from the terminal of an account that bears it;
- the freezes that bear on the object are the ones under which it was given. One that was added, ended or changed since
  voids it, in favour of the rollback or against it; a window that opens or closes by its own rule is no change.

Each person has one word on a request; one that was voided may be given anew.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from rollbacks import freezing
from rollbacks.models import Approval, Rollback
from tenants import access
from tenants.access import Role
from tenants.models import Tenant

FREEZE_CHANGED: Final = "The freeze of {tenant} was changed after {name} had approved."


def who_may(rollback: Rollback) -> "QuerySet[User]":
    """Give the people whose approval would count now: approvers of the tenant who did not ask, whether decided or not.

    Platform owners may approve as well; they are not among them, because nobody waits for them in particular.
    """
    people = access.people_with_role(rollback.tenant_id, Role.APPROVER)
    return people.exclude(asked(rollback)).order_by("first_name", "username")


def asked(rollback: Rollback) -> Q:
    """Give the condition by which a user is among those who asked."""
    condition = Q(pk__in=[] if rollback.requested_by_id is None else [rollback.requested_by_id])
    if rollback.asked_by_account:
        condition |= Q(username__iexact=rollback.asked_by_account)
    return condition


def not_asked_by(user: User) -> Q:
    """Give the condition by which a rollback was asked for by others than this user."""
    return (~Q(requested_by_id=user.pk) | Q(requested_by__isnull=True)) & ~Q(asked_by_account__iexact=user.username)


def is_asker(rollback: Rollback, user: User, *, account: str = "") -> bool:
    """Say whether a user asked for the rollback, by any name; `account` is that of the terminal they decide at."""
    names = {user.get_username().casefold(), account.casefold()} - {""}
    if rollback.requested_by_id is not None:
        asker = rollback.requested_by
        if rollback.requested_by_id == user.pk or (asker is not None and asker.get_username().casefold() in names):
            return True
    return bool(rollback.asked_by_account) and rollback.asked_by_account.casefold() == user.get_username().casefold()


def circumstances_of(rollback: Rollback) -> list[dict[str, str]]:
    """Give the freezes that bear on the rollback's object, by what changes when somebody changes one."""
    tenant = Tenant.objects.only("freeze_changes").get(pk=rollback.tenant_id)
    found = [{"freeze": "tenant", "change": str(tenant.freeze_changes)}] if tenant.freeze_changes else []
    windows = freezing.freeze_of(rollback).digest
    if windows != freezing.digest_of(()):
        found.append({"freeze": "windows", "change": windows})
    return found


def needed(rollback: Rollback) -> int:
    """Give how many approvals it needs now: as many as when it was asked for, or as its tenant asks for by now."""
    if rollback.approvals_needed == 0:
        return 0
    now = Tenant.objects.filter(pk=rollback.tenant_id).values_list("approvals_needed", flat=True)[0]
    return max(rollback.approvals_needed, now)


def counted(rollback: Rollback) -> list[Approval]:
    """Give the approvals that count now, the oldest first."""
    given = list(_given(rollback))
    void = voided_by_now(rollback, given)
    return [approval for approval in given if approval.pk not in void]


def voided_by_now(rollback: Rollback, given: Sequence[Approval] | None = None) -> dict[int, str]:
    """Give the approvals that count no more, each with why, in a sentence; those recorded as void are left out."""
    given = list(_given(rollback)) if given is None else given
    if not given:
        return {}
    people = {approval.approver_id for approval in given}
    approvers = set(
        access.people_with_role(rollback.tenant_id, Role.APPROVER).filter(pk__in=people).values_list("pk", flat=True)
    )
    circumstances = circumstances_of(rollback)
    found = {}
    for approval in given:
        person, name = approval.approver, approval.approver.get_username()
        if not person.is_active:
            found[approval.pk] = f"{name} approved and is not active any more."
        elif person.pk not in approvers and not access.owns_platform(person):
            found[approval.pk] = f"{name} approved and is not approver in {rollback.tenant.name} any more."
        elif is_asker(rollback, person, account=approval.given_at_account):
            found[approval.pk] = f"{name} is among those who asked for it."
        elif approval.circumstances != circumstances:
            found[approval.pk] = FREEZE_CHANGED.format(tenant=rollback.tenant.name, name=name)
    return found


def _given(rollback: Rollback) -> "QuerySet[Approval]":
    return Approval.objects.filter(
        rollback=rollback,
        decision=Approval.Decision.APPROVED,
        plan_digest=rollback.plan_digest,
        voided_at__isnull=True,
    ).select_related("approver")


def lineage(rollback: Rollback) -> list[UUID]:
    """Give the rollback and the requests whose place it takes, the newest first."""
    found, before = [rollback.pk], rollback.succeeds_id
    while before is not None and before not in found:
        found.append(before)
        before = Rollback.objects.filter(pk=before).values_list("succeeds_id", flat=True).first()
    return found


def approved_before(rollback: Rollback) -> "QuerySet[Approval]":
    """Give the approvals of this request and its predecessors that count for it no more, the newest first."""
    given = Approval.objects.filter(rollback__in=lineage(rollback), decision=Approval.Decision.APPROVED)
    return given.filter(~Q(rollback=rollback.pk) | Q(voided_at__isnull=False)).order_by("-decided_at")


def why_asker_may_not(rollback: Rollback) -> str:
    """Say why the request has nobody behind it any more; empty while whoever asked may ask."""
    asker = rollback.requested_by
    if asker is None:
        return ""
    name = asker.get_username()
    if not asker.is_active:
        return f"{name}, who asked for it, is not active any more."
    if not access.may(asker, rollback.tenant, Role.OPERATOR):
        return f"{name}, who asked for it, is not operator in {rollback.tenant.name} any more."
    return ""
