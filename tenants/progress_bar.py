"""How far long work has come: a bar that draws itself over on a terminal, a plain line now and then elsewhere.

A few lines of our own: what a library would add (colours, several bars, threads) is nothing that a sweep needs.
"""

import shutil
import time
from typing import TYPE_CHECKING, Any, Final, Self

from tenants.documents.labels import visible

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

WIDTH: Final = 24
PLAIN_STEPS: Final = 10
"""Where nobody watches a line change, so many lines tell the whole way."""


def drawn(done: int, total: int, *, seconds: float, label: str, columns: int) -> str:
    """Give the bar as one line of at most so many columns."""
    share = done / total if total else 1.0
    full = int(share * WIDTH)
    bar = "█" * full + "░" * (WIDTH - full)
    left = f" {_left(seconds / done * (total - done))} left" if 0 < done < total and seconds >= 1 else ""
    return f"{bar} {done}/{total}{left}  {visible(label)}".rstrip()[: max(20, columns - 1)]


def _left(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


class ProgressBar:
    """A bar on a stream; the stream of a terminal gets one line that changes, any other a few plain lines.

    With `shown` False nothing is written at all.
    """

    def __init__(
        self, stream: Any, *, what: str, shown: bool = True, clock: "Callable[[], float]" = time.monotonic
    ) -> None:
        self._stream = stream
        self._what = what
        self._shown = shown
        self._terminal = bool(getattr(stream, "isatty", lambda: False)())
        self._clock = clock
        self._began = clock()
        self._told = 0

    def tell(self, done: int, total: int, label: str = "") -> None:
        """Say how far it is."""
        if not self._shown:
            return
        if self._terminal:
            columns = shutil.get_terminal_size().columns
            line = drawn(done, total, seconds=self._clock() - self._began, label=label, columns=columns)
            self._stream.write(f"\r\x1b[2K{line}", lambda text: text, ending="")
            self._stream.flush()
        elif total and (step := done * PLAIN_STEPS // total) > self._told:
            self._told = step
            self._stream.write(f"{self._what}: {done} of {total}", lambda text: text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        if self._shown and self._terminal:
            self._stream.write("\r\x1b[2K", ending="")
            self._stream.flush()
