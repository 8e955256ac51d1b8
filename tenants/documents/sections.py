"""The rows of a page and the sections that they are folded into.

Most of a document did not change. Such parts stay whole until somebody looks at them (`Unchanged`): how many rows they
are is known, and the rows themselves are made when they are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from tenants.documents.labels import label, visible
from tenants.documents.lines import BRACKETS, Line, Segment, is_one_line, key_text, scalar_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tenants.documents.values import Value

RowKind: TypeAlias = Literal["same", "changed", "added", "removed", "moved"]

# Folding fewer lines than this hides more than it saves.
_LEAST_FOLDED: Final = 4
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


class Sizes:
    """How many lines each value of a document takes, each looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def of(self, value: Value) -> int:
        """Give how many lines a value takes."""
        if not isinstance(value, (dict, list)) or not value:
            return 1
        known = self._known.get(id(value))
        if known is None:
            known = 2
            for member in value.values() if isinstance(value, dict) else value:
                known += self.of(member) if type(member) is dict or type(member) is list else 1
            self._known[id(value)] = known
        return known


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


Piece: TypeAlias = "Row | Unchanged"


@dataclass(frozen=True)
class Section:
    """Hold a run of rows: a hunk with its `crumb` (the place of its first change), or a folded gap with its `title`.

    `size` is how many rows there are; asking for `rows` makes those that are not there yet.
    """

    pieces: tuple[Piece, ...]
    size: int
    folded: bool
    title: str = ""
    crumb: str = ""

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The rows."""
        return tuple(_rows(self.pieces))


def folded(pieces: Sequence[Piece], context: int) -> list[Section]:
    """Give the sections: hunks with so many unchanged rows around each change, the longer rest folded."""
    sections: list[Section] = []
    waiting = list(reversed(pieces))
    begin = 0
    for end, hides in _ends(pieces, max(context, 0)):
        taken: list[Piece] = []
        position = begin
        while position < end:
            piece = waiting.pop()
            size = 1 if isinstance(piece, Row) else piece.size
            if isinstance(piece, Unchanged) and position + size > end:
                waiting += reversed(piece.opened())
                continue
            taken.append(piece)
            position += size
        sections.append((_gap if hides else _hunk)(tuple(taken), end - begin))
        begin = end
    return sections


def _ends(pieces: Sequence[Piece], context: int) -> list[tuple[int, bool]]:
    """Give where each section ends, in rows, and whether it is folded."""
    shown: list[tuple[int, int]] = []
    total = 0
    for piece in pieces:
        if isinstance(piece, Row) and piece.kind != "same":
            begin = max(0, total - context)
            if begin - (shown[-1][1] if shown else 0) < _LEAST_FOLDED:
                begin = shown.pop()[0] if shown else 0
            shown.append((begin, total + 1 + context))
        total += 1 if isinstance(piece, Row) else piece.size
    if total - (shown[-1][1] if shown else 0) < _LEAST_FOLDED:
        shown[-1:] = [(shown[-1][0] if shown else 0, total)]
    ends: list[tuple[int, bool]] = []
    for begin, end in shown:
        if begin > (ends[-1][0] if ends else 0):
            ends.append((begin, True))
        ends.append((end, False))
    if total > (ends[-1][0] if ends else 0):
        ends.append((total, True))
    return ends


def _hunk(pieces: tuple[Piece, ...], size: int) -> Section:
    rows = tuple(_rows(pieces))
    first = next((row for row in rows if row.kind != "same"), rows[0])
    return Section(rows, size, folded=False, crumb=_BETWEEN.join(first.trail))


def _gap(pieces: tuple[Piece, ...], size: int) -> Section:
    shared = pieces[0].trail
    for piece in pieces:
        if piece.trail[: len(shared)] != shared:
            length = 0
            while length < min(len(shared), len(piece.trail)) and shared[length] == piece.trail[length]:
                length += 1
            shared = shared[:length]
    within = f" in {_BETWEEN.join(shared)}" if shared else ""
    return Section(pieces, size, folded=True, title=f"{size} unchanged lines{within}", crumb=_BETWEEN.join(shared))


def _rows(pieces: Iterable[Piece]) -> Iterator[Row]:
    waiting = list(reversed(tuple(pieces)))
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, Row):
            yield piece
        else:
            waiting += reversed(piece.opened())
