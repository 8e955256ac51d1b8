"""Which rollbacks wait for whom: the one place that says so, for the overview, the list and the page of a rollback."""

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from rollbacks.models import Approval, Rollback
from tenants import access
from tenants.access import Role

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User


def waiting_for(user: "AbstractBaseUser | AnonymousUser") -> QuerySet[Rollback]:
    """Give the rollbacks that this user may decide on now: asked for by somebody else, not expired, not decided yet."""
    return Rollback.objects.filter(
        ~Q(requested_by_id=user.pk) | Q(requested_by__isnull=True),
        ~Exists(Approval.objects.filter(rollback=OuterRef("pk"), approver_id=user.pk)),
        state=Rollback.State.AWAITING_APPROVAL,
        expires_at__gt=timezone.now(),
        tenant__in=access.tenants_with_role(user, Role.APPROVER),
    )


def approvers_for(rollback: Rollback) -> "QuerySet[User]":
    """Give the people whose word a rollback waits for: approvers of its tenant who did not ask and have not decided.

    Platform owners may decide as well; they are not named here, because nobody waits for them in particular.
    """
    return (
        access.people_with_role(rollback.tenant_id, Role.APPROVER)
        .exclude(pk__in=Rollback.objects.filter(pk=rollback.pk).exclude(requested_by=None).values("requested_by_id"))
        .exclude(pk__in=Approval.objects.filter(rollback=rollback).values("approver_id"))
        .order_by("first_name", "username")
    )
