"""How often each object is looked at, so that looking never spends what people and rollbacks need.

Every five minutes, or as seldom as it takes: a tenant's objects together get three quarters of what its budget leaves
to sweeps, each look being one request. The last quarter is for second reads and for histories. Two thousand objects at
300 requests a minute are so looked at about every eleven minutes; after a 429 taught less, more seldom.
"""

import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tenants import reach
from tenants.models import TrackedConfig
from tenants.remote.manners import Purpose

if TYPE_CHECKING:
    from tenants.models import Tenant

LOOK_EVERY = timedelta(minutes=5)
"""Between two looks at an object that can be read, where the budget allows it."""
SHARE_OF_LOOKS: Final = 0.75
_HOLDS_SECONDS: Final = 60.0

_known: dict[object, tuple[float, "Pace"]] = {}
_known_lock = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a tenant's objects are looked at."""

    objects: int
    looks_a_minute: float
    """The most that the budget allows."""
    allowed: float
    """Requests a minute, for everybody together."""

    @property
    def look_every(self) -> timedelta:
        """Give the time between two looks at one object."""
        return max(LOOK_EVERY, timedelta(minutes=self.objects / self.looks_a_minute))


def pace_of(tenant: "Tenant") -> Pace:
    """Give how a tenant's objects are to be looked at as things stand now."""
    allowed = max(1.0, reach.standing_of(tenant).allowed)
    return Pace(
        objects=TrackedConfig.objects.filter(tenant=tenant).count(),
        looks_a_minute=allowed * (1 - Purpose.SWEEP.reserve) * SHARE_OF_LOOKS,
        allowed=allowed,
    )


def look_every(tenant: "Tenant") -> timedelta:
    """Give the time between two looks at one object of a tenant; counted anew once a minute in this process."""
    now = time.monotonic()
    with _known_lock:
        kept = _known.get(tenant.pk)
    if kept is None or now - kept[0] > _HOLDS_SECONDS:
        kept = now, pace_of(tenant)
        with _known_lock:
            _known[tenant.pk] = kept
    return kept[1].look_every
