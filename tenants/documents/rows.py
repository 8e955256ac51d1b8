"""What the compare page shows: two documents as rows, the unchanged parts folded.

Rows stand in the order of the document after; what was removed stands where it had been, a moved item where it is now,
with a row at the place that it left. Everything is plain text: no markup, and nothing in it can hide or turn round
(`labels.visible`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from tenants.documents.difference import merged_keys
from tenants.documents.labels import label, visible
from tenants.documents.lines import BRACKETS, Line, Printed, Segment, Sizes, is_one_line, key_text, scalar_text
from tenants.documents.matching import merged_order
from tenants.documents.pointers import split
from tenants.documents.sections import Piece, Row, Run, Section, Unchanged, folded, in_one_column
from tenants.documents.words import word_marks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tenants.documents.difference import Change, Difference
    from tenants.documents.values import Value

_Key = TypeVar("_Key", str, int)


def pieces_of(before: Value, after: Value, difference: Difference) -> tuple[list[Piece], Sizes]:
    """Give all rows in pieces, nothing folded, what nobody has looked at whole; and the sizes that were counted."""
    table = _Table(difference)
    return table.laid_out(before, after), table.sizes


def side_by_side(before: Value, after: Value, difference: Difference, *, context: int = 3) -> list[Section]:
    """Give the page's sections for two columns, `context` unchanged lines kept around each change.

    `difference` is `compare(before, after)` of these two documents.
    """
    return folded(pieces_of(before, after, difference)[0], context)


def unified(before: Value, after: Value, difference: Difference, *, context: int = 3) -> list[Section]:
    """Give the page's sections for one column: of a changed line first the old, then the new, each a row of its own."""
    return [_in_one_column(section) for section in side_by_side(before, after, difference, context=context)]


def _in_one_column(section: Section) -> Section:
    rows = tuple(row for _, row in in_one_column(enumerate(section.rows, section.begin)))
    return Section(rows, len(rows), section.folded, section.begin)


@dataclass(slots=True)
class _Node:
    """One place of a document on the way to its changes."""

    below: dict[str, _Node] = field(default_factory=dict)
    word: str | None = None
    # The change that happened to this very place: one that replaced it, or brought, took or moved it.
    change: int | None = None
    moved: int | None = None


_UNTOUCHED: Final = _Node()


def _grown(changes: Sequence[Change], *, removed: bool) -> _Node:
    root = _Node()
    for index, change in enumerate(changes):
        if (change.kind == "removed") is not removed:
            continue
        node = root
        for depth, token in enumerate(split(change.path)):
            node = node.below.setdefault(token, _Node())
            if depth < len(change.trail):
                node.word = change.trail[depth]
        if change.kind == "moved":
            node.moved = index
        else:
            node.change = index
    return root


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where in both documents a value stands: line numbers, depth, printed key, words and changes."""

    left: int
    right: int
    indent: int
    key: str
    trail: tuple[str, ...]
    gone: _Node
    come: _Node


class _Table:
    """Lays two documents out in rows."""

    def __init__(self, difference: Difference) -> None:
        self._changes = difference.changes
        self._gone = _grown(self._changes, removed=True)
        self._come = _grown(self._changes, removed=False)
        self.sizes = Sizes()
        self._rows: list[Piece] = []

    def laid_out(self, before: Value, after: Value) -> list[Piece]:
        """Give all rows, nothing folded, the unchanged parts whole."""
        if self._changes:
            self._both(before, after, _Spot(1, 1, 0, "", (), self._gone, self._come), ())
        else:
            self._rows.append(Unchanged(before, after, 1, 1, 0, (), None, self.sizes))
        return self._rows

    def _both(self, before: Value, after: Value, spot: _Spot, inner: tuple[str, ...]) -> None:
        """Lay out a value that both documents have; `inner` is the trail of what stands within it."""
        if spot.come.change is not None:
            self._replaced(before, after, spot)
        elif is_one_line(before) and is_one_line(after):
            left = Line(spot.left, spot.indent, spot.key, (Segment(scalar_text(before)),))
            right = Line(spot.right, spot.indent, spot.key, (Segment(scalar_text(after)),))
            self._row(left, right, spot)
        else:
            self._bracket(before, after, spot, opening=True)
            if isinstance(before, dict) and isinstance(after, dict):
                self._members(before, after, spot, inner)
            elif isinstance(before, list) and isinstance(after, list):
                self._items(before, after, spot, inner)
            self._bracket(before, after, spot, opening=False)

    def _row(self, left: Line | None, right: Line | None, spot: _Spot) -> None:
        """Add the first row of something unchanged, or moved and otherwise unchanged."""
        moved = spot.come.moved
        if moved is None:
            self._rows.append(Row("same", left, right, trail=spot.trail))
            return
        change = self._changes[moved]
        note = _moved_note(change, edited=bool(spot.come.below or spot.gone.below))
        self._rows.append(Row("moved", left, right, moved, note, volatile=change.volatile, trail=spot.trail))

    def _bracket(self, before: Value, after: Value, spot: _Spot, *, opening: bool) -> None:
        left, right = (
            self._bracket_line(before, spot.left, spot, opening=opening),
            self._bracket_line(after, spot.right, spot, opening=opening),
        )
        if opening:
            self._row(left, right, spot)
        else:
            self._rows.append(Row("same", left, right, trail=spot.trail))

    def _bracket_line(self, value: Value, number: int, spot: _Spot, *, opening: bool) -> Line | None:
        if not value:
            return Line(number, spot.indent, spot.key, (Segment(scalar_text(value)),)) if opening else None
        segment = BRACKETS[dict if isinstance(value, dict) else list][0 if opening else 1]
        if opening:
            return Line(number, spot.indent, spot.key, (segment,))
        return Line(number + self.sizes.of(value) - 1, spot.indent, "", (segment,))

    def _replaced(self, before: Value, after: Value, spot: _Spot) -> None:
        """Lay out a value that another one replaced."""
        index = spot.come.change
        assert index is not None  # noqa: S101 - the caller has looked
        volatile = self._changes[index].volatile
        note = _moved_note(self._changes[spot.come.moved], edited=True) if spot.come.moved is not None else ""
        if is_one_line(before) and is_one_line(after):
            old, new = _marked(before, after)
            left = Line(spot.left, spot.indent, spot.key, old)
            right = Line(spot.right, spot.indent, spot.key, new)
            self._rows.append(Row("changed", left, right, index, note, volatile=volatile, trail=spot.trail))
            return
        old_text, new_text = (
            Printed(before, spot.left, spot.indent, spot.key),
            Printed(after, spot.right, spot.indent, spot.key),
        )
        size = max(self.sizes.of(before), self.sizes.of(after))
        self._rows.append(Run("changed", old_text, new_text, index, note, volatile, spot.trail, self.sizes, 0, size))

    def _one_sided(self, value: Value, spot: _Spot, index: int) -> None:
        """Lay out a value that only one of the documents has."""
        change = self._changes[index]
        is_removed = change.kind == "removed"
        text = Printed(value, spot.left if is_removed else spot.right, spot.indent, spot.key)
        left, right = (text, None) if is_removed else (None, text)
        size = self.sizes.of(value)
        run = Run(change.kind, left, right, index, "", change.volatile, spot.trail, self.sizes, 0, size)
        if size == 1:
            self._rows += run.rows()
        else:
            self._rows.append(run)

    def _members(self, before: dict[str, Value], after: dict[str, Value], spot: _Spot, inner: tuple[str, ...]) -> None:
        lefts, rights = self._starts(before.items(), spot.left), self._starts(after.items(), spot.right)
        for key, is_before, is_after in merged_keys(before, after):
            gone, come = spot.gone.below.get(key, _UNTOUCHED), spot.come.below.get(key, _UNTOUCHED)
            if gone is come:
                whole = (before[key], after[key], lefts[key], rights[key], spot.indent + 1, inner, key, self.sizes)
                self._rows.append(Unchanged(*whole))
                continue
            place = _Spot(lefts.get(key, 0), rights.get(key, 0), spot.indent + 1, key_text(key), inner, gone, come)
            if is_before and is_after:
                new = after[key]
                self._both(before[key], new, place, inner if is_one_line(new) else (*inner, visible(key)))
            elif is_after and come.change is not None:
                self._one_sided(after[key], place, come.change)
            elif gone.change is not None:
                self._one_sided(before[key], place, gone.change)

    def _items(self, before: list[Value], after: list[Value], spot: _Spot, inner: tuple[str, ...]) -> None:
        lefts, rights = self._starts(enumerate(before), spot.left), self._starts(enumerate(after), spot.right)
        removed = {int(token) for token, node in spot.gone.below.items() if node.change is not None}
        came_from: dict[int, int | None] = {}
        for token, node in spot.come.below.items():
            if node.moved is not None:
                came_from[int(token)] = self._changes[node.moved].from_index
            elif node.change is not None and self._changes[node.change].kind == "added":
                came_from[int(token)] = None
        went_to = {origin: goal for goal, origin in came_from.items() if origin is not None}
        staying_before = [i for i in range(len(before)) if i not in removed and i not in went_to]
        staying_after = [j for j in range(len(after)) if j not in came_from]
        stays = list(zip(staying_before, staying_after, strict=True))
        for i, j in merged_order(stays, len(before), len(after)):
            origin = i if j is None or i is not None else came_from[j]
            gone = _UNTOUCHED if origin is None else spot.gone.below.get(str(origin), _UNTOUCHED)
            come = _UNTOUCHED if j is None else spot.come.below.get(str(j), _UNTOUCHED)
            if i is not None and j is not None and gone is come:
                whole = (before[i], after[j], lefts[i], rights[j], spot.indent + 1, inner, j, self.sizes)
                self._rows.append(Unchanged(*whole))
                continue
            left, right = lefts.get(-1 if origin is None else origin, 0), rights.get(-1 if j is None else j, 0)
            place = _Spot(left, right, spot.indent + 1, "", inner, gone, come)
            if j is None:
                assert i is not None  # noqa: S101 - one of the two is always given
                self._departed(before[i], place, spot.come.below.get(str(went_to.get(i, -1))))
            elif origin is None:
                assert come.change is not None  # noqa: S101 - added
                self._one_sided(after[j], place, come.change)
            else:
                word = come.word or gone.word or label(after[j], j)
                self._both(before[origin], after[j], place, inner if is_one_line(after[j]) else (*inner, word))

    def _departed(self, item: Value, place: _Spot, goal: _Node | None) -> None:
        """Lay out the place of an item that is no longer there: removed, or moved to `goal`."""
        if place.gone.change is not None:
            self._one_sided(item, place, place.gone.change)
            return
        assert goal is not None  # noqa: S101 - not removed, so moved
        assert goal.moved is not None  # noqa: S101
        change = self._changes[goal.moved]
        text = scalar_text(item) if is_one_line(item) else "{ … }" if isinstance(item, dict) else "[ … ]"
        line = Line(place.left, place.indent, "", (Segment(text),))
        self._rows.append(
            Row(
                "moved",
                line,
                None,
                note=_moved_note(change, edited=bool(goal.below or place.gone.below or goal.change is not None)),
                volatile=change.volatile,
                left_behind=True,
                trail=place.trail,
            )
        )

    def _starts(self, children: Iterable[tuple[_Key, Value]], start: int) -> dict[_Key, int]:
        """Give the line number of each child of a container whose own first line is `start`."""
        starts = {}
        number = start + 1
        for key, child in children:
            starts[key] = number
            number += self.sizes.of(child)
        return starts


def _marked(before: Value, after: Value) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    if isinstance(before, str) and isinstance(after, str):
        return word_marks(scalar_text(before), scalar_text(after))
    # A number is one word, its point included.
    return (Segment(scalar_text(before), marked=True),), (Segment(scalar_text(after), marked=True),)


def _moved_note(change: Change, *, edited: bool) -> str:
    if change.from_index is None or change.to_index is None:
        return ""
    return f"moved from #{change.from_index + 1} to #{change.to_index + 1}{' and edited' if edited else ''}"
