"""What people are told outside the console about a request: that it waits for them, that it is void, how it ended."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.urls import reverse

from rollbacks import approving, notices
from rollbacks.models import Approval, Rollback


def page_of(rollback: Rollback) -> str:
    """Give the path of a rollback's page, which asks for a sign-in where there is none and shows what is different."""
    return reverse("admin:rollbacks_rollback_change", args=(rollback.pk,))


def approval_wanted(rollback: Rollback, *, because: str = "") -> None:
    """Tell those whose approval is missing; `because` is why an earlier one counts no more."""
    decided = Approval.objects.filter(rollback=rollback, voided_at__isnull=True).values("approver_id")
    earlier = _approved_before(rollback)
    people = list(approving.who_may(rollback).exclude(pk__in=decided))
    asks = f"{rollback.requester} asks to roll back {rollback} in {rollback.tenant.name}: {rollback.reason}"
    again = [person for person in people if person in earlier]
    anew = [person for person in people if person not in earlier]
    until = f"It expires {rollback.expires_at:%d %b %Y at %H:%M} UTC."
    if again:
        why = because or "Live has moved since you approved, so it was planned again."
        text = f"{asks}\n\n{why} You are asked only for what is different since then.\n{until}"
        _tell("approval.wanted_again", rollback, again, f"Changed since you approved: {rollback}", text)
    if anew:
        _tell("approval.wanted", rollback, anew, f"Waits for your approval: {rollback}", f"{asks}\n\n{until}")


def plan_void(rollback: Rollback, why: str) -> None:
    """Tell whoever asked, and those who had approved, that a plan is void."""
    text = f"{rollback} in {rollback.tenant.name} is void: {why}\n\nNothing was sent. It can be planned again there."
    _tell("plan.void", rollback, _askers(rollback) | _approved_before(rollback), f"Void by itself: {rollback}", text)


def decided(rollback: Rollback, *, by: User, approved: bool, comment: str) -> None:
    """Tell whoever asked that the request was approved, or rejected with its reason."""
    word = "approved" if approved else "rejected"
    text = f"{by.get_username()} {word} {rollback} in {rollback.tenant.name}{f': {comment}' if comment else '.'}"
    _tell(f"request.{word}", rollback, _askers(rollback) - {by}, f"{word.capitalize()}: {rollback}", text)


def _askers(rollback: Rollback) -> set[User]:
    return set() if rollback.requested_by is None else {rollback.requested_by}


def _approved_before(rollback: Rollback) -> set[User]:
    people = approving.approved_before(rollback).values("approver_id")
    return set(User.objects.filter(pk__in=people, is_active=True))


def _tell(kind: str, rollback: Rollback, to: Iterable[User], subject: str, text: str) -> None:
    notices.announce(
        kind, tenant=rollback.tenant, to=to, subject=subject, text=text, path=page_of(rollback), rollback=rollback
    )
