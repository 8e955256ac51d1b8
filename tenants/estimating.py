"""How long reading takes, from the requests that it needs and those that the shared budget has for it."""

from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING

from tenants import reach
from tenants.remote.manners import Purpose

if TYPE_CHECKING:
    from tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Pace:
    """So many requests a minute for a first sweep, of so many that the OAuth client may send altogether."""

    a_minute: int
    of: int

    def minutes(self, requests: int) -> int:
        """Give the minutes that so many requests take at least, rounded up; 0 for none."""
        return ceil(requests / self.a_minute)

    def in_words(self, requests: int) -> str:
        """Say it for people."""
        if not requests:
            return "nothing is left to be read"
        number = self.minutes(requests)
        time = "less than a minute" if requests < self.a_minute else f"{number} minute{'' if number == 1 else 's'}"
        about = "about 1 request" if requests == 1 else f"about {requests:,} requests"
        return f"{about}: {time} at {self.a_minute:,} a minute (of {self.of:,}; the rest is kept for rollbacks)"


def pace_of(tenant: "Tenant") -> Pace:
    """Give the pace of a first sweep of the tenant: what is allowed now, less the reserve (`remote.manners`)."""
    standing = reach.standing_of(tenant)
    return Pace(a_minute=max(1, floor(standing.allowed * (1 - Purpose.BULK.reserve))), of=standing.rate)
