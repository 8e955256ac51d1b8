"""Which rollbacks wait for whom: the one place that says so, for the overview, the list and the page of a rollback."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from rollbacks import approving, showing
from rollbacks.models import Approval, Rollback
from tenants import access
from tenants.access import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    from tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Approvers:
    """How many approvals are needed and given, and whose would count."""

    needed: int
    given: "Sequence[str]"
    may: "Sequence[str]"

    @property
    def sentence(self) -> str:
        """Say how many were given, and who may: 1 of 2 approvals given; 3 people may approve: Bob, Dana and Erik."""
        if not self.needed:
            return "No approval is needed here."
        count = len(self.may)
        given = f"{len(self.given)} of {self.needed} approval{'' if self.needed == 1 else 's'} given"
        if not count:
            return f"{given}; nobody may approve."
        people = f"{count} {'person' if count == 1 else 'people'} may approve"
        return f"{given}; {people}: {showing.names_in_words(self.may, word='and')}."

    @property
    def too_few(self) -> str:
        """Say plainly where fewer people may approve than are needed; empty where enough may."""
        count = len(self.may)
        if count >= self.needed:
            return ""
        many = "1 approval is" if self.needed == 1 else f"{self.needed} approvals are"
        who = f"only {count} {'person' if count == 1 else 'people'} may give one" if count else "nobody may give one"
        return f"{many} needed and {who}. Make somebody else approver, or ask a platform owner, before it expires."


def approvers_of(rollback: Rollback) -> Approvers:
    """Give whose approvals count on a request, and whose would."""
    given = [showing.name_of(approval.approver) for approval in approving.counted(rollback)]
    may = [showing.name_of(person) for person in approving.who_may(rollback)]
    return Approvers(approving.needed(rollback), given, may)


def approvers_in(tenant: "Tenant", *, asker: User | None) -> Approvers:
    """Give whose approvals would count if this person asked now; None stands for the console's own terminal."""
    people = access.people_with_role(tenant, Role.APPROVER).order_by("first_name", "username")
    may = [showing.name_of(person) for person in people if asker is None or person.pk != asker.pk]
    return Approvers(tenant.approvals_needed, [], may)


def waiting_for(user: "AbstractBaseUser | AnonymousUser") -> QuerySet[Rollback]:
    """Give the rollbacks that this user may decide on now: asked for by somebody else, not expired, not decided yet."""
    if not isinstance(user, User):
        return Rollback.objects.none()
    return Rollback.objects.filter(
        approving.not_asked_by(user),
        ~Exists(Approval.objects.filter(rollback=OuterRef("pk"), approver_id=user.pk, voided_at__isnull=True)),
        state=Rollback.State.AWAITING_APPROVAL,
        expires_at__gt=timezone.now(),
        tenant__in=access.tenants_with_role(user, Role.APPROVER),
    )


def asked_again(user: "AbstractBaseUser | AnonymousUser") -> Exists:
    """Give the condition by which a rollback is asked for once more of this user: they approved what is void now."""
    given = Approval.objects.filter(approver_id=user.pk, decision=Approval.Decision.APPROVED)
    here, before = Q(rollback=OuterRef("pk"), voided_at__isnull=False), Q(rollback=OuterRef("succeeds_id"))
    return Exists(given.filter(here | before))


def approvers_for(rollback: Rollback) -> "QuerySet[User]":
    """Give the people whose word a rollback waits for: approvers of its tenant who did not ask and have not decided.

    Platform owners may decide as well; they are not named here, because nobody waits for them in particular.
    """
    decided = Approval.objects.filter(rollback=rollback, voided_at__isnull=True).values("approver_id")
    return approving.who_may(rollback).exclude(pk__in=decided)
