"""The content of a version with who last changed each block of its lines beside it, a page of lines at a time."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tenants import blaming
from tenants.archive import UnusableContent
from tenants.documents.blame import height
from tenants.models import Snapshot

if TYPE_CHECKING:
    from tenants.blaming import Writer

LINES_A_PAGE: Final = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Lines that stand together and that one version wrote last."""

    number: int
    """Of the first of them, from 1."""
    text: str
    writer: "Writer"
    moved: "Writer | None"
    """The version that moved the item which holds them, later."""
    lost: "Writer | None"
    """The version that last took something out of the object or list that begins here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gutter:
    """What the page shows."""

    problem: str = ""
    """Why nobody is named, in whole sentences."""
    blocks: Sequence[Block] = ()
    lines: int = 0
    """Of the whole version."""
    first: int = 1
    last: int = 0
    writers: int = 0
    """How many versions wrote what is shown."""

    @property
    def previous(self) -> int | None:
        """The first line of the page before."""
        return max(1, self.first - LINES_A_PAGE) if self.first > 1 else None

    @property
    def following(self) -> int | None:
        """The first line of the page after."""
        return self.last + 1 if self.last < self.lines else None


def gutter(snapshot: Snapshot, *, line: str = "1") -> Gutter:
    """Give the page of lines that holds this one, each block with who is to blame for it.

    What is not worked out yet is done for a moment; beyond that the page says how far the worker is.
    """
    try:
        blamed = blaming.blame_of(snapshot, seconds=blaming.SECONDS_OF_A_PAGE, largest=blaming.LARGEST_OF_A_PAGE)
    except (blaming.NotYet, UnusableContent) as error:
        return Gutter(problem=str(error))
    lines = height(blamed.value)
    wanted = min(int(line), lines) if line.isascii() and line.isdigit() and len(line) < 9 else 1
    first = max(1, wanted) - (max(1, wanted) - 1) % LINES_A_PAGE
    shown = blamed.blame.lines(blamed.value, first=first, most=LINES_A_PAGE)
    blocks = []
    for told, together in itertools.groupby(shown, key=lambda one: one.told):
        texts = list(together)
        blocks.append(
            Block(
                number=texts[0].line.number,
                text="\n".join(one.line.text for one in texts),
                writer=blamed.writers[told.since],
                moved=None if told.moved is None else blamed.writers[told.moved],
                lost=None if told.lost in {None, told.since} else blamed.writers[told.lost],
            )
        )
    return Gutter(
        blocks=blocks,
        lines=lines,
        first=first,
        last=first + len(shown) - 1,
        writers=len({block.writer.snapshot.pk for block in blocks}),
    )
