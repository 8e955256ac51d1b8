"""The rows of a page and the sections that they are folded into.

Most of a document did not change. Such parts stay whole until somebody looks at them (`Unchanged`), and so does a value
of many lines that came or went (`Run`): how many rows they are is known, and the rows themselves are made when they are
asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, zip_longest
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from tenants.documents.labels import label, visible
from tenants.documents.lines import BRACKETS, Line, Printed, Segment, Sizes, is_one_line, key_text, scalar_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from tenants.documents.values import Value

RowKind: TypeAlias = Literal["same", "changed", "added", "removed", "moved"]

# Folding fewer lines than this hides more than it saves.
_LEAST_FOLDED: Final = 4
# Of a value that came or went with more lines than this, so many of its beginning and its end are shown.
_LONGEST_RUN: Final = 80
_RUN_BEGINS: Final = 40
_RUN_ENDS: Final = 10
_BETWEEN: Final = " › "
_SIGNS: Final[dict[RowKind, tuple[str, str]]] = {
    "same": ("", ""),
    "changed": ("−", "+"),
    "added": ("", "+"),
    "removed": ("−", ""),
    "moved": ("⇅", "⇅"),
}


class Row(NamedTuple):
    """Hold one row of the page.

    `left` is the line of the document before, `right` of the one after; None where that side has none. `change` is the
    index in `difference.changes` on the first row of that change, else None: the place to jump to. `note` is
    "moved from #4 to #1" (perhaps "and edited") on a moved item and on the row that marks where it was (`left_behind`).
    `volatile` marks fields that move by themselves. `trail` names the containers around the row.
    """

    kind: RowKind
    left: Line | None
    right: Line | None
    change: int | None = None
    note: str = ""
    volatile: bool = False
    left_behind: bool = False
    trail: tuple[str, ...] = ()

    @property
    def left_sign(self) -> str:
        """The sign beside the left line, so that no colour is needed to read it."""
        return _SIGNS[self.kind][0] if self.left is not None else ""

    @property
    def right_sign(self) -> str:
        """The sign beside the right line."""
        return _SIGNS[self.kind][1] if self.right is not None else ""

    @property
    def line(self) -> Line | None:
        """The line to show where there is one column: the one after if there is one."""
        return self.right if self.right is not None else self.left

    @property
    def sign(self) -> str:
        """The sign to show where there is one column."""
        return self.right_sign if self.right is not None else self.left_sign


class Run(NamedTuple):
    """Hold the rows of one change that takes many lines: a value that came, went, or was replaced by another.

    They are made when they are asked for. `begin` and `end` are the rows that this piece of the run stands for.
    """

    kind: RowKind
    left: Printed | None
    right: Printed | None
    change: int
    note: str
    volatile: bool
    trail: tuple[str, ...]
    sizes: Sizes
    begin: int
    end: int

    @property
    def size(self) -> int:
        """How many rows it is."""
        return self.end - self.begin

    def rows(self) -> list[Row]:
        """Give the rows; the first of the whole run is the place to jump to."""
        begin, end = self.begin, self.end
        lefts = self.left.lines(self.sizes, begin, end) if self.left is not None else []
        rights = self.right.lines(self.sizes, begin, end) if self.right is not None else []
        rows = [
            Row(self.kind, left, right, volatile=self.volatile, trail=self.trail)
            for left, right in zip_longest(lefts, rights)
        ]
        if not begin:
            rows[0] = rows[0]._replace(change=self.change, note=self.note)
        return rows

    def cut(self, size: int) -> tuple[Run, Run]:
        """Give the first so many rows, and the rest."""
        middle = self.begin + size
        return self._replace(end=middle), self._replace(begin=middle)


class Unchanged(NamedTuple):
    """Hold a value that is the same on both sides, and where it stands: its rows are made when they are asked for.

    `left` and `right` are the numbers of its first line. `token` is the key or the index that it stands under, None at
    the root.
    """

    before: Value
    after: Value
    left: int
    right: int
    indent: int
    trail: tuple[str, ...]
    token: str | int | None
    sizes: Sizes

    @property
    def size(self) -> int:
        """How many rows it is."""
        return self.sizes.of(self.after)

    def opened(self) -> list[Piece]:
        """Give the same rows one level further down: the brackets as rows, what is between them unchanged."""
        before, after, indent = self.before, self.after, self.indent
        key = key_text(self.token) if isinstance(self.token, str) else ""
        if is_one_line(after):
            left = Line(self.left, indent, key, (Segment(scalar_text(before)),))
            right = Line(self.right, indent, key, (Segment(scalar_text(after)),))
            return [Row("same", left, right, trail=self.trail)]
        opening, closing = BRACKETS[dict if isinstance(after, dict) else list]
        end = self.size - 1
        first = (Line(self.left, indent, key, (opening,)), Line(self.right, indent, key, (opening,)))
        last = (Line(self.left + end, indent, "", (closing,)), Line(self.right + end, indent, "", (closing,)))
        return [Row("same", *first, trail=self.trail), *self._within(), Row("same", *last, trail=self.trail)]

    def _within(self) -> Iterator[Unchanged]:
        before, after, sizes, inner = self.before, self.after, self.sizes, self._inner()
        right = self.right + 1
        if isinstance(before, dict) and isinstance(after, dict):
            # The keys may stand in another order.
            lefts, left = {}, self.left + 1
            for key in before:
                lefts[key] = left
                left += sizes.of(after[key])
            for key, member in after.items():
                yield Unchanged(before[key], member, lefts[key], right, self.indent + 1, inner, key, sizes)
                right += sizes.of(member)
        elif isinstance(before, list) and isinstance(after, list):
            left = self.left + 1
            for index, (old, new) in enumerate(zip(before, after, strict=True)):
                yield Unchanged(old, new, left, right, self.indent + 1, inner, index, sizes)
                size = sizes.of(new)
                left, right = left + size, right + size

    def _inner(self) -> tuple[str, ...]:
        if self.token is None:
            return self.trail
        word = visible(self.token) if isinstance(self.token, str) else label(self.after, self.token)
        return (*self.trail, word)


Piece: TypeAlias = "Row | Run | Unchanged"
Span: TypeAlias = "tuple[int, int]"
"""Rows from one to before another, counted from 0 over the whole comparison."""


@dataclass(frozen=True)
class Section:
    """Hold a run of rows: a hunk with its `crumb` (the place of its first change), or a gap with its `title`.

    `begin` is the number of the first row, `size` how many there are; asking for `rows` makes those that are not there
    yet. A gap is `folded`; one that somebody asked to see is `opened` too.
    """

    pieces: tuple[Piece, ...]
    size: int
    folded: bool
    begin: int = 0
    opened: bool = False

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The rows."""
        return tuple(_rows(self.pieces))

    @cached_property
    def crumb(self) -> str:
        """The place of the first change, or what all rows of a gap stand in."""
        if self.folded:
            return _BETWEEN.join(self._shared())
        first = next((row for row in self.rows if row.kind != "same"), self.rows[0])
        return _BETWEEN.join(first.trail)

    @cached_property
    def title(self) -> str:
        """What a gap holds; empty for a hunk."""
        if not self.folded:
            return ""
        first = self.pieces[0]
        what = f"more {first.kind}" if isinstance(first, Run) else "unchanged"
        within = f" in {self.crumb}" if self.crumb else ""
        return f"{self.size:,} {what} line{'' if self.size == 1 else 's'}{within}"

    def _shared(self) -> tuple[str, ...]:
        shared = self.pieces[0].trail
        for piece in self.pieces:
            if piece.trail[: len(shared)] != shared:
                length = 0
                while length < min(len(shared), len(piece.trail)) and shared[length] == piece.trail[length]:
                    length += 1
                shared = shared[:length]
        return shared


def size_of(piece: Piece) -> int:
    """Give how many rows a piece is."""
    return 1 if isinstance(piece, Row) else piece.size


def marks(pieces: Iterable[Piece]) -> tuple[list[Span], int]:
    """Give where rows are that have to be seen, and how many rows there are in all.

    Of a change of very many lines that is its beginning and its end.
    """
    spans: list[Span] = []
    total = 0
    for piece in pieces:
        size = size_of(piece)
        if isinstance(piece, Run):
            if size > _LONGEST_RUN:
                spans += [(total, total + _RUN_BEGINS), (total + size - _RUN_ENDS, total + size)]
            else:
                spans.append((total, total + size))
        elif isinstance(piece, Row) and piece.kind != "same":
            spans.append((total, total + 1))
        total += size
    return spans, total


def shown(spans: Iterable[Span], total: int, context: int) -> list[Span]:
    """Give the rows to show: so many unchanged ones around each that has to be seen, and no gap that saves nothing."""
    found: list[Span] = []
    for first, last in spans:
        begin = max(0, first - context)
        if begin - (found[-1][1] if found else 0) < _LEAST_FOLDED:
            begin = found.pop()[0] if found else 0
        found.append((begin, min(total, last + context)))
    if total - (found[-1][1] if found else 0) < _LEAST_FOLDED:
        found[-1:] = [(found[-1][0] if found else 0, total)]
    return found


def sections(
    pieces: Sequence[Piece],
    starts: Sequence[int],
    window: Span,
    visible_spans: Sequence[Span],
    opened: Collection[Span],
) -> list[Section]:
    """Give the sections of a window of rows: hunks for the visible spans, the rest folded, what is opened by itself.

    `starts` are the numbers of the first row of each piece. Pieces outside the window are not looked at.
    """
    begin, end = window
    plan: list[tuple[int, bool, bool]] = []
    at = begin
    for first, last in [*(span for span in visible_spans if span[1] > begin and span[0] < end), (end, end)]:
        if first > at:
            for wanted, until in sorted(opened):
                low, high = max(wanted, at), min(until, first)
                if low < high:
                    plan += [(low, True, False), (high, True, True)]
                    at = high
            plan.append((first, True, False))
        plan.append((min(last, end), False, False))
        at = max(at, last)
    place = bisect_right(starts, begin) - 1
    following = iter(pieces[place:])
    waiting: list[Piece] = []
    position = starts[place]
    made: list[Section] = []
    if position < begin:
        _take(following, waiting, position, begin)
        position = begin
    for stop, hides, is_open in plan:
        if stop > position:
            taken = _take(following, waiting, position, stop)
            made.append(Section(taken, stop - position, hides, position, is_open))
            position = stop
    return made


def _take(following: Iterator[Piece], waiting: list[Piece], position: int, stop: int) -> tuple[Piece, ...]:
    """Take the pieces up to a row, opening those that reach beyond it."""
    taken: list[Piece] = []
    while position < stop:
        piece = waiting.pop() if waiting else next(following)
        size = size_of(piece)
        if position + size > stop:
            waiting += reversed(piece.cut(stop - position) if isinstance(piece, Run) else _opened(piece))
            continue
        taken.append(piece)
        position += size
    return tuple(taken)


def _opened(piece: Piece) -> list[Piece]:
    assert isinstance(piece, Unchanged)  # noqa: S101 - a row is never cut, and a run is cut by its caller
    return piece.opened()


def folded(pieces: Sequence[Piece], context: int) -> list[Section]:
    """Give all sections: hunks with so many unchanged rows around each change, the longer rest folded."""
    spans, total = marks(pieces)
    starts = list(accumulate((size_of(piece) for piece in pieces[:-1]), initial=0))
    return sections(pieces, starts, (0, total), shown(spans, total, max(context, 0)), ())


def in_one_column(rows: Iterable[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    """Give rows with their numbers for one column: of a change first all old lines, then all new ones."""
    waiting: list[tuple[int, Row]] = []
    for number, row in rows:
        if waiting and not (row.kind == "changed" and row.change is None):
            yield from waiting
            waiting = []
        if row.kind != "changed":
            yield number, row
            continue
        if row.left is not None:
            yield number, Row("changed", row.left, None, row.change, row.note, row.volatile, trail=row.trail)
        if row.right is not None:
            anchor = row.change if row.left is None else None
            waiting.append((number, Row("changed", None, row.right, anchor, row.note, row.volatile, trail=row.trail)))
    yield from waiting


def row_within(piece: Piece, offset: int) -> Row:
    """Give one row of a piece, counted from 0, and make no other."""
    while not isinstance(piece, Row):
        if isinstance(piece, Run):
            return piece.cut(offset)[1].cut(1)[0].rows()[0]
        for inner in piece.opened():
            size = size_of(inner)
            if offset < size:
                piece = inner
                break
            offset -= size
    return piece


def _rows(pieces: Iterable[Piece]) -> Iterator[Row]:
    waiting = list(reversed(tuple(pieces)))
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, Row):
            yield piece
        elif isinstance(piece, Run):
            yield from piece.rows()
        else:
            waiting += reversed(piece.opened())
