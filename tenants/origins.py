"""The port through which this side learns why a version was written, where that was the console's own doing.

`rollbacks` knows, and stands above this app, so it registers its teller here when it is ready, as it does its recorder
with `tenants.trail`; the arrow between the apps keeps pointing one way. Without a teller no version is ours.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The rollback that wrote a version."""

    id: str
    url: str
    """Its page."""
    reason: str
    ticket: str
    requester: str


class Teller(Protocol):
    """Whoever knows what the console wrote."""

    def __call__(self, snapshots: Iterable[int]) -> Mapping[int, Origin]:
        """Give those of some snapshots that the console wrote itself, proved by a verdict, and why."""


_TELLERS: Final[list[Teller]] = []


def set_teller(teller: Teller | None) -> Teller | None:
    """Make a teller the one that is asked, and return the one before it; None leaves nobody to ask."""
    previous = _TELLERS.pop() if _TELLERS else None
    if teller is not None:
        _TELLERS.append(teller)
    return previous


def origins_of(snapshots: Iterable[int]) -> Mapping[int, Origin]:
    """Give the rollbacks that wrote some of these snapshots, by the snapshots' row numbers."""
    wanted = set(snapshots)
    return _TELLERS[-1](wanted) if _TELLERS and wanted else {}
