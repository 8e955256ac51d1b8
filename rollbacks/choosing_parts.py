"""What the page of a plan shows of later work and of overlaps, and what somebody ticked to keep.

A box that is ticked names one place that stays as it is on live. Everything works by forms: a tick and a button, or a
button that keeps all of one later version, or none of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rollbacks import collateral, composing, showing
from tenants.documents import MISSING, Place
from tenants.models import Snapshot

MOST_ROWS: Final = 300
"""Differences with a box of their own; what is beyond them is kept or not by whole versions."""

FEW: Final = 20
"""So many places stand in the address one by one; of more, those that mean the same are named by what holds them."""

LONGEST_ADDRESS: Final = 3000
"""In characters: what every server in between lets through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One difference with its box."""

    place: str
    kept: bool
    change: showing.ChangeRow
    also: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One later version, and what the way back undoes of it."""

    author: collateral.Author | None
    mark: str
    """By which its buttons name it."""
    rows: tuple[Row, ...]
    kept: int
    count: int
    hidden: tuple[str, ...]
    """Places that are kept and have no box here."""

    @property
    def undone(self) -> int:
        """How many of its changes the way back undoes."""
        return self.count - self.kept

    @property
    def more(self) -> int:
        """How many of its changes have no box here."""
        return self.count - len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapRow:
    """One overlap: what stood before the version, what it made of it, and what is live since."""

    place: str
    where: str
    order: bool
    before: showing.Shown | None
    undone: showing.Shown | None
    live: showing.Shown | None
    authors: tuple[collateral.Author, ...]


def groups(later: Sequence[collateral.Later]) -> list[Group]:
    """Give what later work a way back undoes, ready for the page."""
    left = MOST_ROWS
    found = []
    for one in later:
        shown, rest = one.undone[:left], one.undone[left:]
        left -= len(shown)
        found.append(
            Group(
                author=one.author,
                mark=_mark(one),
                rows=tuple(_row(undone) for undone in shown),
                kept=one.kept,
                count=len(one.undone),
                hidden=tuple(undone.place for undone in rest if undone.kept),
            )
        )
    return found


def overlap_rows(overlaps: Iterable[collateral.Told]) -> list[OverlapRow]:
    """Give the overlaps, ready for the page."""
    return [
        OverlapRow(
            place=told.place,
            where=" › ".join(told.overlap.trail) or "the whole document",
            order=told.overlap.order,
            before=None if told.overlap.other is MISSING else showing.whole(told.overlap.other),
            undone=None if told.overlap.base is MISSING else showing.whole(told.overlap.base),
            live=None if told.overlap.live is MISSING else showing.whole(told.overlap.live),
            authors=told.authors,
        )
        for told in overlaps
    ]


def ticked(places: Sequence[str], later: Sequence[collateral.Later], *, button: str) -> list[str]:
    """Give what is to be kept once the boxes were ticked and a button of one later version was pressed.

    `button` is `keep:MARK` or `drop:MARK`; empty for none.
    """
    every = {undone.place: undone.part for one in later for undone in one.undone}
    wanted = dict.fromkeys(places)
    verb, _, mark = button.partition(":")
    for one in later:
        if _mark(one) == mark:
            for undone in one.undone:
                if verb == "keep":
                    wanted[undone.place] = None
                else:
                    wanted.pop(undone.place, None)
    if len(wanted) <= FEW:
        return list(wanted)
    known: list[Place] = [every[place].place for place in wanted if place in every]
    shorter = composing.place_texts(composing.shortest(known, list(every.values())))
    return [*shorter, *(place for place in wanted if place not in every)]


def version_words(version: Snapshot, before: Snapshot) -> str:
    """Say what undoing one version means, where the one right before it was never seen too."""
    if version.version == before.version + 1:
        return f"what v{version.version} changed"
    return f"what changed between v{before.version} and v{version.version}"


def _mark(later: collateral.Later) -> str:
    return "none" if later.author is None else str(later.author.snapshot.pk)


def _row(undone: collateral.Undone) -> Row:
    [change] = showing.change_rows([undone.part.change])
    also = ", ".join(f"v{author.snapshot.version}" for author in undone.also)
    return Row(place=undone.place, kept=undone.kept, change=change, also=also)
