"""One comparison, laid out: what the compare page shows of it, and where in it a place or a text stands.

Rows are counted from 0 over the whole comparison, side by side and nothing folded; the number of a row is the same for
the same two documents. Made are only the rows that somebody looks at, so that documents of megabytes cost little more
than their changes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tenants.documents.difference import MISSING
from tenants.documents.pointers import NotFound, resolve
from tenants.documents.printed_places import in_words, is_path_in_words, line_of, lines_at_path, lines_with, pointer_at
from tenants.documents.rows import pieces_of
from tenants.documents.sections import Row, Run, Unchanged, marks, row_within, sections, shown, size_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tenants.documents.difference import Difference, Missing
    from tenants.documents.sections import Piece, Section, Span
    from tenants.documents.values import Value

Side: TypeAlias = Literal["before", "after"]
SIDES: Final[tuple[Side, ...]] = ("after", "before")

MOST_ROWS: Final = 900
"""Rows that one part of a page shows unfolded."""
MOST_CHANGES: Final = 200
"""Changes that one part of a page lists."""


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Say what one row shows: a JSON Pointer into the document of that side, the same in words, and both values.

    A value is MISSING where the place is not in that document.
    """

    row: int
    side: Side
    pointer: str
    trail: tuple[str, ...]
    before: Value | Missing
    after: Value | Missing
    change: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Hold the rows at which something stands, the first ones of them, and how many there are in all."""

    rows: tuple[int, ...]
    total: int
    missed: str = ""
    """For a pointer that leads nowhere: the part of it that is there."""


class Layout:
    """Two documents and what differs between them, ready to be looked at."""

    def __init__(
        self, before: Value, after: Value, difference: Difference, *, context: int = 3, without_volatile: bool = False
    ) -> None:
        """Lay out `compare(before, after)`; `without_volatile` leaves the rows of volatile changes out."""
        self.before = before
        self.after = after
        self.difference = difference
        pieces, self._sizes = pieces_of(before, after, difference)
        if without_volatile:
            pieces = [piece for piece in pieces if isinstance(piece, Unchanged) or not piece.volatile]
        self._pieces: Sequence[Piece] = pieces
        self._starts = list(accumulate((size_of(piece) for piece in pieces[:-1]), initial=0))
        spans, self.size = marks(pieces)
        self._shown = shown(spans, self.size, context)

    @cached_property
    def anchors(self) -> list[tuple[int, int]]:
        """The first row of each change that is shown, with the index of the change, from top to bottom."""
        return [
            (start, piece.change)
            for start, piece in zip(self._starts, self._pieces, strict=True)
            if not isinstance(piece, Unchanged) and piece.change is not None
        ]

    @cached_property
    def parts(self) -> list[Span]:
        """The rows of each part of the page: all of them one behind the other, none with more than a browser likes."""
        bounds = [0]
        rows = changes = 0
        starts = [row for row, _ in self.anchors]
        for begin, end in self._shown:
            at = begin
            while True:
                first = bisect_left(starts, at)
                beyond = first + MOST_CHANGES - changes
                cut = min(at + MOST_ROWS - rows, starts[beyond] if beyond < len(starts) else self.size)
                held = bisect_left(starts, end) - first
                if cut >= end:
                    rows += end - at
                    changes += held
                    break
                if at == begin and begin and end - begin <= MOST_ROWS and held <= MOST_CHANGES:
                    # The next part takes all of it, rather than a half.
                    cut = begin
                bounds.append(cut)
                at = cut
                rows = changes = 0
        return list(zip(bounds, [*bounds[1:], self.size], strict=True))

    def part_of(self, row: int) -> int:
        """Give the part that a row is in, counted from 0."""
        return bisect_right([begin for begin, _ in self.parts], row) - 1

    def sections(self, window: Span, opened: Collection[Span] = ()) -> list[Section]:
        """Give the sections of a window of rows; gaps are folded but for what is opened."""
        begin, end = max(0, window[0]), min(self.size, window[1])
        return sections(self._pieces, self._starts, (begin, end), self._shown, opened) if begin < end else []

    def row(self, number: int) -> Row:
        """Give one row; raises IndexError where there is none."""
        if not 0 <= number < self.size:
            message = f"There is no row {number}; there are {self.size}."
            raise IndexError(message)
        index = bisect_right(self._starts, number) - 1
        return row_within(self._pieces[index], number - self._starts[index])

    def place(self, number: int) -> RowPlace:
        """Give what a row shows; raises IndexError where there is none."""
        row = self.row(number)
        piece = self._pieces[bisect_right(self._starts, number) - 1]
        if isinstance(piece, Run) and piece.kind == "changed":
            change = self.difference.changes[piece.change]
            trail = in_words(self.after, change.path)
            return RowPlace(number, "after", change.path, trail, change.before, change.after, row.change)
        opening = self._opening_of(row)
        if opening is not None and opening != number:
            return replace(self.place(opening), row=number)
        if row.right is not None:
            pointer = pointer_at(self.after, row.right.number, self._sizes)
            before: Value | Missing = MISSING
            if row.left is not None and not row.left_behind:
                before = _at(self.before, pointer_at(self.before, row.left.number, self._sizes))
            trail = in_words(self.after, pointer)
            return RowPlace(number, "after", pointer, trail, before, _at(self.after, pointer), row.change)
        assert row.left is not None  # noqa: S101 - a row has one of the two
        pointer = pointer_at(self.before, row.left.number, self._sizes)
        trail = in_words(self.before, pointer)
        return RowPlace(number, "before", pointer, trail, _at(self.before, pointer), MISSING, row.change)

    def _opening_of(self, row: Row) -> int | None:
        """Give the row that opens what a row closes, where it is empty in the other document."""
        if row.kind != "same" or row.left_behind or (row.left is not None and row.right is not None):
            return None
        side: Side = "before" if row.right is None else "after"
        document, line = (self.after, row.right) if row.right is not None else (self.before, row.left)
        assert line is not None  # noqa: S101 - a row has one of the two
        opening, _ = line_of(document, pointer_at(document, line.number, self._sizes), self._sizes)
        return self._row_of_line(opening, side)

    def row_of(self, pointer: str, *, side: Side = "after") -> tuple[int | None, bool]:
        """Give the row at which a place stands, and whether all of the pointer leads somewhere.

        None where its rows are left out. Raises `InvalidPointer`.
        """
        line, whole = line_of(self.after if side == "after" else self.before, pointer, self._sizes)
        return self._row_of_line(line, side), whole

    def look_for(self, text: str, *, most: int = 100) -> Found:
        """Give where a text stands: a JSON Pointer, a path in words, or anything in a key or a value, folded or not.

        Raises `InvalidPointer` for what begins with a slash and is none.
        """
        if text.startswith("/"):
            return self._at_pointer(text)
        if is_path_in_words(text):
            rows: set[int] = set()
            for side in SIDES:
                document = self.after if side == "after" else self.before
                lines = lines_at_path(document, text, self._sizes, most=20 * most)
                rows |= {row for line in lines if (row := self._row_of_line(line, side)) is not None}
            return _found(sorted(rows), most)
        return _found(self._rows_with(text), most)

    def _at_pointer(self, pointer: str) -> Found:
        row, whole = self.row_of(pointer)
        if not whole:
            other, there = self.row_of(pointer, side="before")
            if there:
                row, whole = other, there
        rows = () if row is None else (row,)
        missed = "" if whole or row is None else self.place(row).pointer or "the whole document"
        return Found(rows, len(rows), missed)

    def _rows_with(self, text: str) -> list[int]:
        rows: list[int] = []
        for start, piece in zip(self._starts, self._pieces, strict=True):
            if isinstance(piece, Unchanged):
                key = piece.token if isinstance(piece.token, str) else ""
                rows += [start + offset for offset in lines_with(piece.after, key, text)]
            elif isinstance(piece, Run):
                offsets: set[int] = set()
                for printed in (piece.left, piece.right):
                    if printed is not None:
                        offsets |= {
                            offset
                            for offset in lines_with(printed.value, printed.key, text)
                            if piece.begin <= offset < piece.end
                        }
                rows += [start + offset - piece.begin for offset in sorted(offsets)]
            elif any(
                line is not None and text.casefold() in line.text.casefold() for line in (piece.left, piece.right)
            ):
                rows.append(start)
        return rows

    def _row_of_line(self, line: int, side: Side) -> int | None:
        """Give the row that shows a line of one document; of what nobody has looked at, the one beside it."""
        numbers, indexes = self._lines[side]
        at = bisect_right(numbers, line) - 1
        if at < 0:
            return None
        index = indexes[at]
        piece, start, offset = self._pieces[index], self._starts[index], line - numbers[at]
        if isinstance(piece, Unchanged) and side == "before":
            # The keys may stand in another order there.
            pointer = pointer_at(piece.before, offset + 1, self._sizes)
            offset = line_of(piece.after, pointer, self._sizes)[0] - 1
        return start + offset if 0 <= offset < size_of(piece) else None

    @cached_property
    def _lines(self) -> dict[Side, tuple[list[int], list[int]]]:
        """For each side the numbers of the pieces' first lines in order, and which pieces those are."""
        found: dict[Side, list[tuple[int, int]]] = {"before": [], "after": []}
        for index, piece in enumerate(self._pieces):
            if isinstance(piece, Unchanged):
                found["before"].append((piece.left, index))
                found["after"].append((piece.right, index))
            elif not (isinstance(piece, Row) and piece.left_behind):
                if piece.left is not None:
                    found["before"].append((piece.left.number, index))
                if piece.right is not None:
                    found["after"].append((piece.right.number, index))
        return {
            side: ([number for number, _ in pairs], [index for _, index in pairs])
            for side, pairs in ((side, sorted(pairs)) for side, pairs in found.items())
        }


def _at(document: Value, pointer: str) -> Value | Missing:
    try:
        return resolve(document, pointer)
    except NotFound:
        return MISSING


def _found(rows: Sequence[int], most: int) -> Found:
    return Found(tuple(rows[:most]), len(rows))
