"""The rules of one type of remote object, as PLATFORM.md tells them family by family.

Fields are named at the root of the object, except `version_pointer`, which is a JSON Pointer (RFC 6901) because some
types keep their version inside `metadata`. Every root member belongs to exactly one of these:

    writable    goes into the body of a write and into the digest
    stateful    goes into the body as it is on *live*, never from a snapshot; not in the digest
    read_only   set by the server; not in the body, not in the digest

Two kinds of read-only members go into the body all the same: those in `carried`, as they are on live (the assist
contract names `id` among the members of a body), and the version, by the type's `version_rule`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class VersionRule(StrEnum):
    """What version number a write carries, and what live bears afterwards."""

    INCREMENT = "increment"
    """The body carries live + 1."""
    ECHO = "echo"
    """The body carries the live number unchanged, and the server increments it."""
    NESTED = "nested"
    """As echo, with the number inside another object."""
    NONE = "none"
    """There is no version."""


class Guard(StrEnum):
    """What the server checks before it accepts a write."""

    ETAG = "etag"
    """Level A: `If-Match` with the ETag of the last GET, and the body version where there is one."""
    VERSION = "version"
    """Level B: the version number in the body."""
    COMPARE = "compare"
    """Level C: nothing; the console compares a fresh GET with the base right before it writes."""

    @property
    def level(self) -> str:
        """The letter that plans, pages and entries show."""
        return {"etag": "A", "version": "B", "compare": "C"}[self.value]


class Paging(StrEnum):
    """How a list of objects is walked."""

    NUMBERED = "numbered"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """One type of remote object and the rules by which it is read and written."""

    name: str
    """As commands write it, for example `agentassist.config`."""
    title: str
    """As people say it, for example "Agent Assist configuration"."""
    object_path: str
    """With one `{id}`."""
    list_path: str | None
    """Where the objects are listed; None when they cannot be listed."""
    paging: Paging
    history_path: str | None
    """Where the platform lists its own versions of the object, with one `{id}`; None when it keeps none."""
    history_version_path: str | None
    """Where it shows one of them, with `{id}` and `{version}`."""
    update_method: str
    """`PUT` or `PATCH`; empty when nobody may write the type."""
    version_rule: VersionRule
    version_pointer: str
    """Where the version stands; empty when the type has none."""
    guard: Guard
    etags: bool
    """Whether a GET carries an ETag, so that `If-None-Match` saves the body."""
    writable: tuple[str, ...]
    required: tuple[str, ...]
    stateful: tuple[str, ...]
    read_only: tuple[str, ...]
    carried: tuple[str, ...]
    """Read-only members that the body repeats as they are on live, because the type's contract names them in it."""
    volatile: tuple[str, ...]
    """Members that move by themselves: a page sets them apart, and they are no drift."""
    null_clears: bool
    """Whether a member that live has and the target lacks is sent as an explicit null; the two are then equal."""
    identity_keys: tuple[str, ...]
    """Keys by which the items of lists inside this type are told apart, best first."""
    read_permission: str
    """Empty where PLATFORM.md names none."""
    write_permission: str
    visibility_horizon_seconds: float
    """How long a read may still show what was before a write."""
    lost_race: tuple[str, ...]
    """Signatures of a lost race: `STATUS`, `STATUS code` or `STATUS ~ words of the message`."""
    locked: tuple[str, ...]
    """Signatures of an object that is locked for a while."""
    active_version_query: str | None
    """Where to ask which version is active in routing; None when that cannot be seen."""
    alias_of: str | None = None
    """The type of which this is only another address: the same id then is the same remote object."""

    @property
    def known(self) -> frozenset[str]:
        """Every root member that the type may have."""
        return frozenset((*self.writable, *self.stateful, *self.read_only))

    @property
    def from_live(self) -> tuple[str, ...]:
        """Every root member that a body takes from live, never from a snapshot: carried ones, then stateful ones."""
        return (*self.carried, *self.stateful)

    @property
    def guard_level(self) -> str:
        """A, B or C (PLATFORM.md, "Two families of resource")."""
        return self.guard.level

    @property
    def profile(self) -> str:
        """The digest of this declaration, so that an approval is void once the rules change."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
