"""The rules of one type of remote object, as PLATFORM.md tells them family by family.

Fields are named at the root of the object, except `version_pointer`, which is a JSON Pointer (RFC 6901) because some
types keep their version inside `metadata`. Every root member belongs to exactly one of these:

    writable    goes into the body of a write and into the digest
    stateful    goes into the body as it is on *live*, never from a snapshot; not in the digest
    read_only   set by the server; not in the body, not in the digest

Two kinds of read-only members go into the body all the same: those in `carried`, as they are on live (the assist
contract names `id` among the members of a body), and the version, by the type's `version_rule`.

`immutable` cuts across: what the platform never changes by this write. A writable immutable member is sent, a
read-only one is not, both are in the digest, and a plan is refused while live and the target differ in one.

A read-only member that a step of the type's `procedure` brings back (what is published, the contract of a data action)
is `stepped`: it is in the digest and in no plain body. What moves by itself *inside* a member that counts stands in
`nested_volatile`, as JSON Pointers in which `*` is any item of a list or any member of an object.

A type that nobody may write (`update_method` is empty) need not know its members: all are in the digest, save those
that it names read-only or stateful.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from tenants.documents import split


class VersionRule(StrEnum):
    """What version number a write carries, and what live bears afterwards."""

    INCREMENT = "increment"
    """The body carries live + 1."""
    ECHO = "echo"
    """The body carries the live number unchanged, and the server increments it."""
    NESTED = "nested"
    """As echo, with the number inside another object."""
    ASSIGNED = "assigned"
    """The platform numbers each version that it makes; a write names none, and live bears base + 1 afterwards."""
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
    """How a list of objects is walked (PLATFORM.md, "Paging")."""

    NUMBERED = "numbered"
    """By `pageNumber` and `pageSize`."""
    CURSOR = "cursor"
    """By `after` and `pageSize`; only `nextUri` says how it goes on."""
    UNPAGED = "unpaged"
    """All at once."""
    SCIM = "scim"
    """By `startIndex` and `count`, in `Resources` (RFC 7644 section 3.4.2.4)."""
    SINGLETON = "singleton"
    """There is exactly one object, and its path has no id."""
    NONE = "none"
    """There is no list."""


class LiveAt(StrEnum):
    """Where the platform shows what of an object is in force."""

    OBJECT = "object"
    """At `object_path`."""
    NEWEST_VERSION = "newest_version"
    """In the newest version that `history_path` lists: `object_path` shows a draft."""


class Procedure(StrEnum):
    """What takes an object of the type back, where a plain write of it does not."""

    DRAFT_AND_PUBLISH = "draft_and_publish"
    """Write the draft, then publish it."""
    PUBLISH_AND_REPOINT = "publish_and_repoint"
    """Write the draft, wait until it is active, publish it, and point every deployment at the new version."""
    PUBLISH_VERSION = "publish_version"
    """Publish an older version again."""
    NATIVE_ROLLBACK = "native_rollback"
    """Have the platform roll back to one of its own versions."""
    NATIVE_RESTORE = "native_restore"
    """Have the platform make a new version out of one of its own."""

    @property
    def sentence(self) -> str:
        """What it takes, for people."""
        return _PROCEDURES[self]

    @property
    def steps(self) -> tuple[str, ...]:
        """Its steps in their order, each a sentence for people."""
        return _STEPS[self]


_PROCEDURES: Final[dict[Procedure, str]] = {
    Procedure.DRAFT_AND_PUBLISH: "takes a draft that is written and then published",
    Procedure.PUBLISH_AND_REPOINT: (
        "takes a draft that is written, published once it is active, and then pointed at by its deployments"
    ),
    Procedure.PUBLISH_VERSION: "takes an older version that is published again",
    Procedure.NATIVE_ROLLBACK: "takes the platform's own rollback to one of its versions",
    Procedure.NATIVE_RESTORE: "takes the platform's own restoring of one of its versions",
}

_STEPS: Final[dict[Procedure, tuple[str, ...]]] = {
    Procedure.DRAFT_AND_PUBLISH: (
        "Make a draft, where there is none.",
        "Write the draft.",
        "Publish it.",
    ),
    Procedure.PUBLISH_AND_REPOINT: (
        "Write the draft.",
        "Wait until it is active.",
        "Publish it, which makes the next version.",
        "Point each object that uses the live version at the new one.",
    ),
    Procedure.PUBLISH_VERSION: ("Publish the older version again.",),
    Procedure.NATIVE_ROLLBACK: (
        "Have the platform publish the older version again.",
        "Write the members that stand beside its versions, where they differ.",
    ),
    Procedure.NATIVE_RESTORE: ("Have the platform make the next version out of the older one.",),
}

PROCEDURES_CARRIED_OUT: Final[frozenset[Procedure]] = frozenset(
    {
        Procedure.PUBLISH_AND_REPOINT,
        Procedure.DRAFT_AND_PUBLISH,
        Procedure.NATIVE_ROLLBACK,
        Procedure.NATIVE_RESTORE,
    }
)
"""The procedures that the console can carry out by now; a type that needs another one is tracked read-only."""

SINGLETON_ID: Final = "singleton"
"""How an object is addressed that is the only one of its type."""
PARENT_AND_ID: Final = "~"
"""Stands between the id of an object's parent and its own, where the path needs both: `kb-7~doc-12`."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """What an OAuth client needs for one kind of request, as the platform publishes it: any of these, or all."""

    mode: str
    """`any` or `all`."""
    names: tuple[str, ...]
    """Empty where nothing is known to be needed."""

    def missing(self, holds: Callable[[str], bool]) -> tuple[str, ...]:
        """Give what a client lacks, ready for a sentence; `holds` tells whether it has a permission."""
        lacking = tuple(name for name in self.names if not holds(name))
        if self.mode == "all" or len(self.names) < 2:
            return lacking
        return () if len(lacking) < len(self.names) else (f"one of {' or '.join(lacking)}",)

    def __str__(self) -> str:
        return (" or " if self.mode == "any" else " and ").join(self.names)


NO_PERMISSIONS: Final = Permissions("all", ())


@dataclass(frozen=True, slots=True)
class Reference:
    """A place of an object that holds the id of another one."""

    at: str
    """A JSON Pointer, with `*` for any item of a list."""
    to: tuple[str, ...]
    """Types of the catalogue, or paths with `{id}` for what is no type of it; the id is one of any of these."""


@dataclass(frozen=True, slots=True)
class Written:
    """A member of a body whose value a read of the object shows elsewhere: `manager` is the id in `/manager/id`."""

    member: str
    source: str
    """A JSON Pointer into the object; with one `*` the values there are a list."""
    within: str = ""
    """Under which member the list stands in the body; empty: it is the value itself."""
    members: tuple[tuple[str, str], ...] = ()
    """What each item of the list has in the body, and where an item shows it; empty: the item is a value itself."""

    @property
    def shown_in(self) -> str:
        """The root member of the object that shows it."""
        return split(self.source)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRules:
    """Where the writes of a type's `procedure` go and what they look at; empty is what the procedure does not need."""

    draft_path: str = ""
    """Where the draft is read and written, with the placeholders of `object_path`."""
    draft_version_pointer: str = ""
    """Where the draft's own version stands, which a write of it repeats and its publication names."""
    draft_writable: tuple[str, ...] = ()
    """Root members that a draft takes; empty where they are the type's `writable` ones."""
    ready_pointer: str = ""
    """What to wait for before the draft is published: this place of the draft shows `ready_value`."""
    ready_value: str = ""
    publish_path: str = ""
    """Where a POST publishes the draft."""
    native_path: str = ""
    """Where a POST has the platform take one of its versions back, with `{version}` where the path names it."""
    native_key_pointer: str = ""
    """Where a snapshot names the platform's version that it shows."""
    native_body_key: str = ""
    """Under which member the body names that version; empty where the path does."""
    native_writable: tuple[str, ...] = ()
    """Writable members that the platform's own way back brings back as well."""
    used_by_type: str = ""
    """The type whose objects name the version that they use."""
    used_by_pointer: str = ""
    """Where they name it, as an object with `id` and `version`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """One type of remote object and the rules by which it is read and written."""

    name: str
    """As commands write it, for example `agentassist.config`."""
    title: str
    """As people say it, for example "Agent Assist configuration"."""
    object_path: str
    """With one `{id}`, a `{parent}` before it where the object lives inside another one, neither for a singleton."""
    object_query: str
    """What a read of the object asks for besides, such as `expand=variations`; a read of one of its versions too."""
    live: LiveAt
    parent: str
    """The type whose list gives the parents; empty when there is none, or none that the catalogue knows."""
    parents_path: str | None
    """Where the parents are listed that are no type of the catalogue; of a type that has neither a list nor a
    `{parent}`, where those are listed that have one object each, found by their id."""
    parents_paging: Paging
    list_path: str | None
    """Where the objects are listed; None when they cannot be listed."""
    list_parameter: str
    """Under which the list asks for the id of a `parent`; empty where it asks for none."""
    paging: Paging
    history_path: str | None
    """Where the platform lists its own versions of the object, with one `{id}`; None when it keeps none."""
    history_version_path: str | None
    """Where it shows one of them, with `{id}` and `{version}`."""
    history_paging: Paging
    """How the list of versions is walked."""
    history_version_pointer: str
    """Where a listed version, and one that is read by itself, shows its number; empty: at `version_pointer`."""
    history_key_pointer: str
    """Where a listed version shows what stands for `{version}` in its path; empty: it is the number."""
    history_content_pointer: str
    """Where the answer to one version has the object as it was; empty: the answer is it."""
    native_history: tuple[str, ...]
    """Where the platform keeps a history of its own that the console does not import."""
    update_method: str
    """`PUT` or `PATCH`; empty when nobody may write the type."""
    procedure: Procedure | None
    """What a rollback takes beyond a plain write of the object; None when that write is all."""
    steps: StepRules | None
    """Where the writes of the procedure go; None where there is none, or none that the platform publishes."""
    references: tuple[Reference, ...]
    """Where the object names others, which a write needs to be there still."""
    written_as: tuple[Written, ...]
    """What a body names otherwise than a read shows it."""
    caveat: str
    """What a rollback of this type does not bring back, in whole sentences; empty when it brings back everything."""
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
    immutable: tuple[str, ...]
    """Members that the platform never changes by this write; a plan is refused while they differ."""
    stepped: tuple[str, ...]
    """Read-only members that a step of the procedure brings back: in the digest, in no plain body."""
    nested_volatile: tuple[str, ...]
    """JSON Pointers, with `*` for any item, to what the platform sets inside a member that counts.

    It is neither in the digest nor in a body.
    """
    reset: tuple[str, ...]
    """Members that a write takes away, because a body names them otherwise; a plan is refused while live has one."""
    secret: tuple[str, ...]
    """Members that a GET masks or leaves out: what was captured is not what stands, so it is never sent."""
    null_clears: bool
    """Whether a member that live has and the target lacks is sent as an explicit null; the two are then equal."""
    identity_keys: tuple[str, ...]
    """Keys by which the items of lists inside this type are told apart, best first."""
    read_permissions: Permissions
    """Empty where the platform publishes none."""
    write_permissions: Permissions
    visibility_horizon_seconds: float
    """How long a read may still show what was before a write."""
    lost_race: tuple[str, ...]
    """Signatures of a lost race: `STATUS`, `STATUS code` or `STATUS ~ words of the message`."""
    locked: tuple[str, ...]
    """Signatures of an object that is locked for a while."""
    refused: tuple[str, ...]
    """Signatures of refusals that look like one of those and are neither, such as a dependency."""
    active_version_query: str | None
    """Where to ask which version is active in routing; None when that cannot be seen."""
    active_version_permissions: Permissions
    """What that question needs; without it a write is not watched beyond its read-back."""
    alias_of: str | None = None
    """The type of which this is only another address: the same id then is the same remote object."""

    @property
    def known(self) -> frozenset[str]:
        """Every root member that the type may have."""
        return frozenset((*self.writable, *self.stateful, *self.read_only))

    @property
    def content(self) -> frozenset[str]:
        """Every root member that the digest is over, as far as the type names them."""
        shown = (written.shown_in for written in self.written_as)
        return frozenset((*self.writable, *self.immutable, *self.stepped, *shown))

    @property
    def set_by_platform(self) -> frozenset[str]:
        """Every root member that a rollback leaves alone and that is no drift: pages set them apart."""
        return frozenset((*self.read_only, *self.stateful, *self.volatile)) - frozenset(
            (*self.immutable, *self.stepped)
        )

    @property
    def set_apart(self) -> frozenset[str]:
        """What pages set apart: `set_by_platform`, and pointers to what moves by itself inside other members."""
        return self.set_by_platform | frozenset(self.nested_volatile)

    @property
    def is_singleton(self) -> bool:
        """Whether there is exactly one object of the type."""
        return self.paging is Paging.SINGLETON

    @property
    def can_be_listed(self) -> bool:
        """Whether the platform tells which objects of the type there are."""
        if self.is_singleton or self.parents_path is not None:
            return True
        return self.list_path is not None and (not self.in_parent or bool(self.parent))

    @property
    def in_parent(self) -> bool:
        """Whether an object is found only through the one that it lives in."""
        return "{parent}" in self.object_path

    @property
    def one(self) -> str:
        """The title with its article, for a sentence."""
        vowel = self.title[0] in "AEIO"
        return f"{'an' if vowel else 'a'} {self.title}"

    @property
    def why_read_only(self) -> str:
        """Say why the console does not roll this type back, in whole sentences; empty where it does."""
        if not self.update_method:
            return f"The platform lets nobody write {self.one} through its API, so it is tracked read-only."
        if self.procedure is not None and self.procedure not in PROCEDURES_CARRIED_OUT:
            return (
                f"Taking {self.one} back {self.procedure.sentence}. The console does not carry that out yet, "
                "so the type is tracked read-only."
            )
        return ""

    @property
    def from_live(self) -> tuple[str, ...]:
        """Every root member that a body takes from live, never from a snapshot: carried ones, then stateful ones."""
        return (*self.carried, *self.stateful)

    @property
    def guard_level(self) -> str:
        """A, B or C (PLATFORM.md, "Two families of resource"); of a type with steps, that of the one guarded least."""
        return Guard.COMPARE.level if self.procedure is not None else self.guard.level

    @property
    def profile(self) -> str:
        """The digest of this declaration, so that an approval is void once the rules change."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
