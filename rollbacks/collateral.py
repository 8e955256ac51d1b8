"""What later work a way back would undo: each difference with the version that made it, its author, date and ticket.

Between the target and live lie versions; each is compared with the one before it, and what it touched is held against
what the way back would change. A version that was never seen leaves a gap, and then what is found is of one in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from rollbacks import composing, origins
from tenants import archive
from tenants.documents import (
    MISSING,
    Missing,
    Overlap,
    Part,
    Place,
    Touched,
    Value,
    place_text,
)
from tenants.resource_types import ResourceType, secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from rollbacks.models import Rollback
    from tenants.models import Snapshot, TrackedConfig

Kept: TypeAlias = "Callable[[Place], bool]"

MOST_VERSIONS: Final = 200
"""So many versions before live are looked through; what is older is said to be of the first of them or before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """One version after the target: who made it, when, and the rollback where it was ours."""

    snapshot: Snapshot
    name: str
    at: datetime | None
    rollback: Rollback | None
    or_earlier: bool
    """Whether versions between it and the one before were never seen, so that it may have been one of those."""

    @property
    def ticket(self) -> str:
        """The ticket of the rollback that wrote it; empty where somebody else did."""
        return "" if self.rollback is None else self.rollback.ticket

    @property
    def words(self) -> str:
        """Name the version and its author in a sentence."""
        earlier = " or one before it that was never seen" if self.or_earlier else ""
        ticket = f", {self.ticket}" if self.ticket else ""
        when = f", {self.at:%d %b %Y %H:%M} UTC" if self.at else ""
        return f"v{self.snapshot.version}{earlier} ({self.name}{when}{ticket})"

    def to_json(self) -> dict[str, Any]:
        """Give the shape of CONTRACT.md."""
        return {
            "version": self.snapshot.version,
            "author": self.name,
            "written_at": None if self.at is None else self.at.isoformat(),
            "ticket": self.ticket or None,
            "rollback": None if self.rollback is None else str(self.rollback.pk),
            "or_earlier": self.or_earlier,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one version changed against the one before it."""

    author: Author
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """One difference that the way back changes on live, or that is kept from it."""

    part: Part
    kept: bool
    also: tuple[Author, ...]
    """Who touched it before the version under which it stands, newest first."""

    @property
    def place(self) -> str:
        """What names it in a command and in a form."""
        return place_text(self.part.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """One later version, and what of it the way back undoes."""

    author: Author | None
    """None for what no version is known to have changed."""
    undone: tuple[Undone, ...]

    @property
    def kept(self) -> int:
        """How many of them stay."""
        return sum(one.kept for one in self.undone)

    def to_json(self) -> dict[str, Any]:
        """Give the shape of CONTRACT.md."""
        told = {
            "version": None,
            "author": "",
            "written_at": None,
            "ticket": None,
            "rollback": None,
            "or_earlier": False,
        }
        return {
            **(told if self.author is None else self.author.to_json()),
            "changes": [
                {
                    "place": one.place,
                    "path": one.part.change.path,
                    "kind": one.part.change.kind,
                    "before": _or_none(one.part.change.before),
                    "after": _or_none(one.part.change.after),
                    "kept": one.kept,
                }
                for one in self.undone
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One overlap with both sides and the later versions that touched it."""

    overlap: Overlap
    authors: tuple[Author, ...]

    @property
    def place(self) -> str:
        """What names it in a command and in a form."""
        return place_text(self.overlap.place)

    def to_json(self) -> dict[str, Any]:
        """Give the shape of CONTRACT.md; an absent side is null."""
        return {
            "place": self.place,
            "order": self.overlap.order,
            "before": _or_none(self.overlap.other),
            "undone": _or_none(self.overlap.base),
            "live": _or_none(self.overlap.live),
            "versions": [author.to_json() for author in self.authors],
        }


@dataclass(frozen=True, slots=True)
class _Read:
    """One version with its value; `after_gap`: those right before it were never seen, or cannot be read."""

    snapshot: Snapshot
    value: dict[str, Value]
    after_gap: bool


def steps_between(rtype: ResourceType, config: TrackedConfig, *, first: Snapshot, last: Snapshot) -> list[Step]:
    """Give what each version after `first` changed, up to `last`, oldest first; what cannot be read is left out."""
    between = config.snapshots.filter(version__gt=first.version, version__lte=last.version)
    found = list(between.order_by("-version", "-captured_at", "-pk")[:MOST_VERSIONS])[::-1]
    wrote = origins.attempts_that_wrote().filter(config=config).select_related("rollback")
    ours = {attempt.read_back_id: attempt.rollback for attempt in wrote}
    read: list[_Read] = []
    number = first.version
    for snapshot in (first, *found):
        # Who went back to what had been seen before undid all between: of that, nothing is left to speak of.
        same = next((place for place, one in enumerate(read) if one.snapshot.digest == snapshot.digest), None)
        if same is not None:
            del read[same + 1 :]
        else:
            try:
                read.append(_Read(snapshot, archive.value_of(snapshot), snapshot.version > number + 1))
            except archive.UnusableContent:
                continue
        number = snapshot.version
    return [
        Step(
            author=_author(one.snapshot, ours.get(one.snapshot.pk), or_earlier=one.after_gap),
            places=tuple(part.place for part in composing.parts_between(rtype, before.value, one.value)),
        )
        for before, one in pairwise(read)
    ]


def later_work(parts: Sequence[Part], steps: Sequence[Step], *, kept: Kept) -> list[Later]:
    """Group what a way back changes by the version that touched it last, newest first.

    `kept` says what stays as it is on live.
    """
    found: dict[int | None, list[Undone]] = {}
    authors = {step.author.snapshot.pk: step.author for step in steps}
    touched = _touching([part.place for part in parts], steps)
    for part, by in zip(parts, touched, strict=True):
        key = by[0].snapshot.pk if by else None
        found.setdefault(key, []).append(Undone(part=part, kept=kept(part.place), also=tuple(by[1:])))
    newest_first = [key for key in reversed(authors) if key in found]
    return [
        *(Later(author=authors[key], undone=tuple(found[key])) for key in newest_first),
        *([Later(author=None, undone=tuple(found[None]))] if None in found else []),
    ]


def of_way_back(
    config: TrackedConfig,
    rtype: ResourceType,
    *,
    target: Snapshot,
    live: Snapshot,
    kept: Kept,
) -> list[Later]:
    """Say what going from live to a target undoes of later versions; `kept` says what stays.

    Raises UnusableContent where either cannot be read.
    """
    parts = composing.parts_between(rtype, archive.value_of(live), archive.value_of(target))
    return later_work(parts, steps_between(rtype, config, first=target, last=live), kept=kept)


def notes_of(composed: composing.Wanted | None, target: Snapshot, reverts: Snapshot | None) -> list[str]:
    """Say what a person should know about what is composed, in whole sentences."""
    notes = []
    if reverts is not None and reverts.version > target.version + 1:
        notes.append(
            f"No version between v{target.version} and v{reverts.version} was ever seen, so what is taken back is all "
            "that changed between these two."
        )
    if composed is None:
        return notes
    notes += [composing.sentence_of(told) for told in composed.put_back]
    return [*notes, *(f"{place} is kept, and nothing would have changed there." for place in composed.idle)]


def told_overlaps(rtype: ResourceType, overlaps: Sequence[Overlap], steps: Sequence[Step]) -> list[Told]:
    """Say for each overlap which later versions touched it, with words in place of secrets."""
    touched = _touching([one.place for one in overlaps], steps)
    return [Told(overlap=_shown(rtype, one), authors=tuple(by)) for one, by in zip(overlaps, touched, strict=True)]


def _touching(places: Sequence[Place], steps: Sequence[Step]) -> list[list[Author]]:
    """Give for each place the authors of the steps that touched it, newest first.

    An item that nobody touched by the name it has now bore another one then: it is of whoever touched its list.
    """
    newest_first = [(step.author, Touched(step.places)) for step in reversed(steps)]
    found = []
    for place in places:
        by = [author for author, touched in newest_first if touched.may_be(place)]
        if not by:
            inner = max((touched.in_the_list_of(place) for _, touched in newest_first), default=0)
            by = [author for author, touched in newest_first if inner and touched.in_the_list_of(place) == inner]
        found.append(by)
    return found


def _author(snapshot: Snapshot, ours: Rollback | None, *, or_earlier: bool) -> Author:
    name = snapshot.author_name or snapshot.author_id or "an author whom the platform does not name"
    at = snapshot.written_at or snapshot.captured_at
    return Author(snapshot=snapshot, name=name, at=at, rollback=ours, or_earlier=or_earlier)


def _shown(rtype: ResourceType, overlap: Overlap) -> Overlap:
    root = overlap.place[0] if overlap.place else ""
    if not isinstance(root, str) or root not in rtype.secret:
        return overlap
    base, live, other = (
        MISSING if isinstance(side, Missing) else secrets.HIDDEN for side in (overlap.base, overlap.live, overlap.other)
    )
    return Overlap(overlap.place, overlap.trail, base, live, other, order=overlap.order)


def _or_none(value: Value | Missing) -> Value:
    return None if isinstance(value, Missing) else value


def sentences(overlaps: Iterable[Told], *, undone: int | None) -> list[str]:
    """Say each overlap for a guard: what the version made, and who made what of it since."""
    return [_sentence(told, undone) for told in overlaps]


def _sentence(told: Told, undone: int | None) -> str:
    where = " › ".join(told.overlap.trail) or "The document"
    later = ", ".join(author.words for author in told.authors[:3])
    since = f" since: {later}" if later else " since"
    if told.overlap.order and undone is None:
        return (
            f"{where}: nothing names its items, so it is not known where one goes among those that are kept "
            f"({told.place}). Keep the whole list, or none of it."
        )
    if told.overlap.order:
        return f"{where}: v{undone} changed its items or their order, and so did later work{since} ({told.place})."
    if told.overlap.live is MISSING:
        return f"{where}: v{undone} changed it, and it was removed{since} ({told.place})."
    return f"{where}: v{undone} changed it, and it was changed{since} ({told.place})."
