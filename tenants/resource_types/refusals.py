"""What an answer that is no success means for a write of one type (PLATFORM.md, "Writing"; PROTOCOL.md, the verdict).

Many 409s are not lost races, some lost races are 400s, and one sentence can mean either: so status, code and message
are judged together, by the signatures that the type declares. Only what the platform refused *for good* proves that
nothing changed; a 409, 412, 428, 408 or 5xx never does, because a proxy may have repeated a write that had landed.
What kind of no it is, and about what, is told of those as well (`kinds`): it helps a person, and proves nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tenants.resource_types.definition import ResourceType
from tenants.resource_types.kinds import Kind, holder_in, kind_of_refusal
from tenants.resource_types.signatures import Signature


class Refusal(StrEnum):
    """What the console then knows."""

    LOST_RACE = "lost_race"
    """The guard did not hold, as far as the answer says; only a read tells whether we or somebody else moved it."""
    LOCKED = "locked"
    """The object is held for a while; the same bytes may be sent again if live has not moved."""
    FOR_GOOD = "for_good"
    """The platform refused this request and would refuse it again; nothing changed."""
    UNAUTHORIZED = "unauthorized"
    """The token was not accepted; nothing changed, and the same bytes may be sent with a new one."""
    RATE_LIMITED = "rate_limited"
    """Too many requests; the same bytes may be sent after Retry-After."""
    UNKNOWN = "unknown"
    """The answer does not tell."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A no of the platform: what it proves, what kind it is, and the name in it (empty where none is told)."""

    refusal: Refusal
    kind: Kind
    name: str


_KIND_OF_REFUSAL: Final = MappingProxyType(
    {
        Refusal.LOST_RACE: Kind.LOST_RACE,
        Refusal.UNAUTHORIZED: Kind.UNAUTHORIZED,
        Refusal.RATE_LIMITED: Kind.RATE_LIMITED,
    }
)

_FOR_GOOD: Final = frozenset({400, 403, 404, 405, 410, 413, 415, 422})

# Version mismatches as services spell them that no type of the catalogue names yet: a 400 like these is never for good.
_MISMATCHED_VERSION: Final = re.compile(
    r"version\b.{0,80}\b(?:does not|doesn't|did not|must) match|\b(?:wrong|stale|outdated|invalid|incorrect)\W+version"
    r"|version\W+(?:mismatch|conflict)|invalidvers",
    re.IGNORECASE | re.DOTALL,
)


def classify(rtype: ResourceType, *, status: int, code: str, message: str) -> Refusal:
    """Give what an answer with this status, error code and message says about a write of this type.

    `code` and `message` are empty where the answer's body had none. A status below 400 is no refusal: UNKNOWN.
    """
    if status == 401:
        return Refusal.UNAUTHORIZED
    if status == 429:
        return Refusal.RATE_LIMITED
    lock = _weight(rtype.locked, status=status, code=code, message=message)
    race = _weight(rtype.lost_race, status=status, code=code, message=message)
    refused = _weight(rtype.refused, status=status, code=code, message=message)
    if refused and refused >= max(lock, race):
        # A 409 proves nothing, whatever its code says (PROTOCOL.md, "A 409 or 412 does not prove that we lost").
        return Refusal.FOR_GOOD if status in _FOR_GOOD else Refusal.UNKNOWN
    if race == 1 and kind_of_refusal(status=status, code=code, message=message, params={})[0] is Kind.DEPENDENCY:
        # A type that takes any 409 for a lost race means one that says nothing else.
        race = 0
    # At equal weight it is a lock: a lock is looked at again before anything else happens.
    if lock and lock >= race:
        return Refusal.LOCKED
    if race:
        return Refusal.LOST_RACE
    if status == 423:
        return Refusal.LOCKED
    if status == 400 and _MISMATCHED_VERSION.search(f"{code}\n{message}"):
        return Refusal.LOST_RACE
    return Refusal.FOR_GOOD if status in _FOR_GOOD else Refusal.UNKNOWN


def understand(
    rtype: ResourceType, *, status: int, code: str, message: str, params: Mapping[str, str] = MappingProxyType({})
) -> Understood:
    """Give what `classify` gives, with the kind of the refusal and the name in it.

    `params` are the error body's `messageParams` and the names in its details. A 408 or 5xx is UNCLEAR whatever it
    says: it speaks of a server in trouble, not of the request.
    """
    refusal = classify(rtype, status=status, code=code, message=message)
    if refusal is Refusal.LOCKED:
        return Understood(refusal, Kind.LOCKED, holder_in(code, message, params))
    if refusal in _KIND_OF_REFUSAL:
        return Understood(refusal, _KIND_OF_REFUSAL[refusal], "")
    if refusal is Refusal.UNKNOWN and (status == 408 or not 400 <= status < 500):
        return Understood(refusal, Kind.UNCLEAR, "")
    kind, name = kind_of_refusal(status=status, code=code, message=message, params=params)
    if kind is Kind.OTHERWISE and refusal is Refusal.UNKNOWN:
        kind = Kind.UNCLEAR
    return Understood(refusal, kind, name)


def _weight(signatures: Iterable[str], *, status: int, code: str, message: str) -> int:
    fitting = (Signature.parse(written) for written in signatures)
    return max((s.weight for s in fitting if s.fits(status=status, code=code, message=message)), default=0)
