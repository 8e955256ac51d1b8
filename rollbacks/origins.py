"""Which versions a rollback of this console wrote, told to the tenants' side through its port (`tenants.origins`)."""

from collections.abc import Iterable, Mapping

from django.db.models import QuerySet
from django.urls import reverse

from rollbacks.models import Attempt
from tenants.origins import Origin


def attempts_that_wrote() -> QuerySet[Attempt]:
    """Give the attempts whose verdict says that what was read back is ours.

    A version that was merely read back after a conflict is somebody else's.
    """
    return Attempt.objects.filter(verdict__in=("verified", "divergent", "overwritten")).exclude(read_back=None)


def tell_origins(snapshots: Iterable[int]) -> Mapping[int, Origin]:
    """Give the rollbacks that wrote some of these snapshots."""
    attempts = attempts_that_wrote().filter(read_back__in=list(snapshots)).select_related("rollback")
    return {
        attempt.read_back_id: Origin(
            id=str(attempt.rollback_id),
            url=reverse("admin:rollbacks_rollback_change", args=[attempt.rollback_id]),
            reason=attempt.rollback.reason,
            ticket=attempt.rollback.ticket,
            requester=attempt.rollback.requester,
        )
        for attempt in attempts
        if attempt.read_back_id is not None
    }
