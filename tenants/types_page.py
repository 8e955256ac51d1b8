"""The page of the catalogue: each type's guard level and rules, and what cannot be taken back and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tenants.resource_types import Guard, Paging, ResourceType, VersionRule, catalogue
from tenants.resource_types.definition import PARENT_AND_ID, SINGLETON_ID

LEVELS: Final[Mapping[str, tuple[str, str]]] = {
    "A": (
        "ETag",
        (
            "The platform checks the ETag of the state that was approved, and the version where there is one. A write "
            "lands on exactly that state or not at all."
        ),
    ),
    "B": (
        "Version",
        "The platform checks the version number in the body. A write lands on exactly that version or not at all.",
    ),
    "C": (
        "Compared",
        (
            "The platform checks nothing: the last write wins. The console compares live right before it writes, reads "
            "back after, and records the time in between, in which a change of somebody else would be lost."
        ),
    ),
}
"""Each guard level's short name and what it means (PLATFORM.md, "Two families of resource")."""
READ_ONLY: Final = "read-only"
_CHECKED: Final[Mapping[str, str]] = {
    "A": "Level A: the platform checks the ETag.",
    "B": "Level B: the platform checks the version.",
    "C": "Level C: the platform checks nothing, the console compares.",
    "": "Read-only: tracked and compared, never written.",
}

_VERSIONS: Final[Mapping[VersionRule, str]] = {
    VersionRule.INCREMENT: "The body carries the next number.",
    VersionRule.ECHO: "The body repeats the live number; the server makes the next.",
    VersionRule.NESTED: "The body repeats the live number, which stands inside another object.",
    VersionRule.ASSIGNED: "The platform numbers what it makes; no body names a version.",
    VersionRule.NONE: "No version is checked.",
}
_LISTS: Final[Mapping[Paging, str]] = {
    Paging.NUMBERED: "listed in numbered pages",
    Paging.CURSOR: "listed by cursor",
    Paging.UNPAGED: "listed at once",
    Paging.SCIM: "listed by SCIM's counting",
    Paging.SINGLETON: "the only one in an organization",
    Paging.NONE: "not listed: name its id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One type, in the words of the page."""

    rtype: ResourceType
    level: str
    """A, B or C; empty for a type that is tracked read-only."""
    guard: str
    """What stands between a write and a lost update, in a sentence."""
    version: str
    way_back: Sequence[str]
    """What takes an object back, step by step, each a sentence; empty for a type that is tracked read-only."""
    references: Sequence[tuple[str, str]]
    """Where it names other objects, and what they are."""
    written_as: Sequence[tuple[str, str]]
    """What a body names otherwise than a read shows it: the body's member, and where a read shows it."""
    address: str
    """How an object is addressed."""
    listed: str
    """How its objects are found."""
    history: str
    fields: Sequence[tuple[str, Sequence[str]]]
    """The members by what becomes of them; kinds without members are left out."""
    own: bool
    """Whether the operator's own file touches it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One kind of types and how many there are."""

    key: str
    name: str
    meaning: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TypesPage:
    """What the page shows."""

    rows: Sequence[Row]
    total: int
    levels: Sequence[Level]
    query: str
    level: str
    own_file: str


def types_page(query: Mapping[str, str]) -> TypesPage:
    """Give the types that match every word of `q` and the chosen `level`; an unknown level chooses all."""
    everything = [_row(rtype) for rtype in catalogue.all_types()]
    words, level = query.get("q", "").strip()[:200], query.get("level", "")
    level = level if level in {*LEVELS, READ_ONLY} else ""
    kinds = {**LEVELS, READ_ONLY: ("Read-only", "Tracked and compared, but not taken back: each row says why.")}
    own = catalogue.own_file()
    return TypesPage(
        rows=[row for row in everything if level in ("", _kind(row)) and _fits(row.rtype, words)],
        total=len(everything),
        levels=[
            Level(
                key=key,
                name=name,
                meaning=meaning,
                count=sum(_kind(row) == key for row in everything),
                chosen=key == level,
            )
            for key, (name, meaning) in kinds.items()
        ],
        query=words,
        level=level,
        own_file="" if own is None else str(own[0]),
    )


def _kind(row: Row) -> str:
    return row.level or READ_ONLY


def _fits(rtype: ResourceType, words: str) -> bool:
    text = " ".join(
        (rtype.name, rtype.title, rtype.object_path, str(rtype.read_permissions), str(rtype.write_permissions))
    ).casefold()
    return all(word in text for word in words.casefold().split())


def _row(rtype: ResourceType) -> Row:
    own = catalogue.own_file()
    level = "" if rtype.why_read_only else rtype.guard_level
    kinds = (
        ("Taken back", tuple(key for key in rtype.writable if not rtype.why_read_only and key not in rtype.immutable)),
        ("Kept and compared", rtype.writable if rtype.why_read_only else ()),
        ("Taken from live", rtype.from_live),
        ("Brought back by a step", () if rtype.why_read_only else rtype.stepped),
        ("Never changed by a write", rtype.immutable),
        ("Secret", rtype.secret),
        ("Taken away by a write", rtype.reset),
        ("Set by the platform", tuple(key for key in rtype.read_only if key not in rtype.content)),
        ("Moves by itself, no drift", (*rtype.volatile, *rtype.nested_volatile)),
    )
    return Row(
        rtype=rtype,
        level=level,
        guard=_CHECKED[level],
        way_back=_way_back(rtype),
        references=[
            (reference.at, " or ".join(_named(target) for target in reference.to)) for reference in rtype.references
        ],
        written_as=[(written.member, written.source) for written in rtype.written_as],
        version=_version(rtype),
        address=_address(rtype),
        listed=_listed(rtype),
        history=_history(rtype),
        fields=[(title, members) for title, members in kinds if members],
        own=own is not None and rtype.name in own[1],
    )


def _version(rtype: ResourceType) -> str:
    said = _VERSIONS[rtype.version_rule]
    return f"If-Match with the live ETag. {said}" if rtype.guard is Guard.ETAG else said


def _way_back(rtype: ResourceType) -> tuple[str, ...]:
    if rtype.why_read_only:
        return ()
    return (f"One {rtype.update_method} of the object.",) if rtype.procedure is None else rtype.procedure.steps


def _named(target: str) -> str:
    """Give what a reference leads to: the title of a type, or for what is no type the place where it is looked up."""
    return target.rpartition("/{id}")[0] if target.startswith("/") else catalogue.get(target).title


def _address(rtype: ResourceType) -> str:
    if rtype.is_singleton:
        return f"{rtype.name}:{SINGLETON_ID}"
    return f"{rtype.name}:PARENT{PARENT_AND_ID}ID" if rtype.in_parent else f"{rtype.name}:ID"


def _listed(rtype: ResourceType) -> str:
    if rtype.parents_path is not None and rtype.list_path is None:
        return "one for each object of another kind, found by that one's id"
    return _LISTS[rtype.paging if rtype.can_be_listed else Paging.NONE]


def _history(rtype: ResourceType) -> str:
    if rtype.history_path is not None:
        return "The platform's own versions are imported."
    if rtype.native_history:
        return "The platform keeps versions of its own; the console keeps those that it sees."
    return "None on the platform; the console keeps every version that it sees."
