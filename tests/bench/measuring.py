"""Measure what a person waits for.

A measurement is a function in a module of this folder, decorated with `@measure(…)`; it does the thing once and may
return a note for the table. Figures are printed and never judged: another machine has other figures.
"""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MEASUREMENTS: list[Measurement] = []

AT_THE_END = contextlib.ExitStack()
"""Closed when all is measured: what a measurement starts, it enters here."""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One row of the table: `prepare` once, then `act` again and again on what it returned.

    `against` names another row, the peer, whose median is taken in the same run: a ratio says more than milliseconds.
    """

    name: str
    prepare: Callable[[], object]
    act: Callable[[object], str | None]
    against: str = ""


@dataclasses.dataclass(frozen=True)
class Figures:
    """What was measured, in milliseconds: what passed, and what of it was work of this process."""

    name: str
    times: tuple[float, ...]
    note: str
    worked: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        """The middle of the times, in milliseconds."""
        return statistics.median(self.times)

    @property
    def work(self) -> float:
        """The least work of this process, in milliseconds: a busy machine says nearly the same."""
        return min(self.worked, default=0.0)

    def row(self, peer: Figures | None = None) -> tuple[str, str, str, str, str]:
        """Return the cells of the table: name, best, median, work, and note, with the ratio to what a peer works.

        Where a peer waits for another process rather than works itself, the ratio is that of the medians.
        """
        notes = [self.note] if self.note else []
        if peer is not None and peer.work > peer.median / 10 and self.work:
            notes.append(f"{self.work / peer.work:,.2f} × {peer.name}")
        elif peer is not None:
            notes.append(f"{self.median / peer.median:,.1f} × {peer.name}")
        return self.name, f"{min(self.times):.1f}", f"{self.median:.1f}", f"{self.work:.1f}", ", ".join(notes)


def chosen(word: str) -> list[Measurement]:
    """Return the measurements with this word in their name, and the peers that they are held against."""
    named = [one for one in MEASUREMENTS if word in one.name]
    wanted = {one.name for one in named} | {one.against for one in named}
    return [one for one in MEASUREMENTS if one.name in wanted]


def measure(
    name: str, *, prepare: Callable[[], object] = lambda: None, against: str = ""
) -> Callable[..., Callable[..., str | None]]:
    """Return a decorator that adds a function to the table under `name`, held against the row of another name."""

    def add(act: Callable[[object], str | None]) -> Callable[[object], str | None]:
        MEASUREMENTS.append(Measurement(name, prepare, act, against))
        return act

    return add


def run(measurement: Measurement, *, rounds: int) -> Figures:
    """Return the figures of so many rounds; one more before them warms up and is not counted."""
    prepared = measurement.prepare()
    note = measurement.act(prepared) or ""
    times, worked = [], []
    for _ in range(rounds):
        began, idle = time.perf_counter(), time.process_time()
        note = measurement.act(prepared) or note
        times.append((time.perf_counter() - began) * 1000)
        worked.append((time.process_time() - idle) * 1000)
    return Figures(measurement.name, tuple(times), note, tuple(worked))


def table(rows: list[tuple[str, str, str, str, str]]) -> str:
    """Return rows as a table with a head."""
    head = ("what", "best ms", "median ms", "work ms", "note")
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells: tuple[str, ...]) -> str:
        first, *figures, note = cells
        right = "  ".join(cell.rjust(width) for cell, width in zip(figures, widths[1:-1], strict=True))
        return f"{first.ljust(widths[0])}  {right}  {note}".rstrip()

    return "\n".join([line(head), "-" * (sum(widths) + 2 * len(widths)), *(line(row) for row in rows)])
