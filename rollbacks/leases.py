"""Who drives an open attempt, and until when.

A lease decides nothing but that: what happened is decided by what the platform shows (PROTOCOL.md, "The procedure").
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from rollbacks.models import Attempt


@dataclass(frozen=True, slots=True)
class Lease:
    """Who drives an attempt, and until when; decides nothing else."""

    driver: str
    seconds: float


class LeaseLost(Exception):
    """Somebody else drives the attempt now, or it is closed; nothing was sent."""


def claim_attempt(attempt: Attempt, *, lease: Lease) -> bool:
    """Take or renew the lease of an open attempt; False when it is closed or somebody else drives it."""
    now = timezone.now()
    free = Attempt.objects.filter(pk=attempt.pk, state=Attempt.State.OPEN)
    claimed = (
        free.filter(driver=lease.driver) | free.filter(driven_until__isnull=True) | free.filter(driven_until__lt=now)
    )
    return claimed.update(driver=lease.driver, driven_until=now + timedelta(seconds=lease.seconds)) == 1


def end_lease_of(attempt: Attempt, *, driver: str) -> None:
    """End the lease of a driver that is known to be gone; does nothing when another has taken over meanwhile."""
    Attempt.objects.filter(pk=attempt.pk, state=Attempt.State.OPEN, driver=driver).update(driver="", driven_until=None)


def release_attempt(attempt: Attempt, *, lease: Lease, look_again_at: datetime) -> None:
    """Give the lease back, saying when to look again."""
    Attempt.objects.filter(pk=attempt.pk, state=Attempt.State.OPEN, driver=lease.driver).update(
        driver="", driven_until=None, look_again_at=look_again_at
    )


def postpone_attempt(attempt: Attempt, *, driver: str, look_again_at: datetime) -> None:
    """Say when to look again at an attempt that this driver could not drive; does nothing when another drives it."""
    Attempt.objects.filter(pk=attempt.pk, state=Attempt.State.OPEN, driver__in=["", driver]).update(
        driver="", driven_until=None, look_again_at=look_again_at
    )
