"""Run several programs as one: start them, watch them, start a fallen one again, stop them together.

Each part is a process in a session of its own, so that Ctrl-C in the terminal reaches the supervisor alone, which then
stops the parts in order. A part's number stands in `<folder>/<name>.pid`. A supervisor that is killed with SIGKILL
leaves its parts behind; the next one finds them by these files, makes sure by a mark in their environment that they
are what the files say, and ends them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import time
from collections import deque
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

# The mark: which folder a process belongs to.
MARK = "CONSOLE_PART_OF"
STOP_SECONDS = 15
# A part that falls more often than this within the time is not started again.
FALLS = 5
FALLS_SECONDS = 60
LOG_BYTES = 5_000_000
LAST_LINES = 8


class PartFailed(Exception):
    """A part does not run; the message says which, and what it said last."""


@dataclasses.dataclass
class Part:
    """One program that is kept running.

    `answers` tells whether it is ready for work; it is asked again and again and may take a moment.
    """

    name: str
    command: Sequence[str]
    answers: Callable[[], bool]
    log: Path
    pid_file: Path
    environment: Mapping[str, str]
    folder: Path
    falls: deque[float] = dataclasses.field(default_factory=deque)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program; nothing is known yet about whether it works."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            log.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {self.name} starts\n".encode())
            log.flush()
            self.process = subprocess.Popen(  # noqa: S603 - our own programs
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **self.environment, MARK: str(self.pid_file.parent), "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        self.pid_file.write_text(f"{self.process.pid}\n")

    def wait_until_it_answers(self, *, seconds: float, stopped: Callable[[], bool]) -> None:
        """Return when the part answers or `stopped` says so; raises PartFailed where it does not come up."""
        end = time.monotonic() + seconds
        while not stopped():
            if not self.runs():
                raise PartFailed(
                    f"The {self.name} ended while it started ({self.how_it_ended()}).\n{self.last_words()}"
                )
            if self.answers():
                return
            if time.monotonic() > end:
                raise PartFailed(f"The {self.name} did not answer within {seconds:.0f} seconds.\n{self.last_words()}")
            time.sleep(0.05)

    def runs(self) -> bool:
        """Return whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def how_it_ended(self) -> str:
        """Return in words how the process ended."""
        code = self.process.returncode if self.process else None
        if code is None:
            return "it was not started"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def last_words(self) -> str:
        """Return the last lines of the part's log, and where the rest is."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            return "\n".join([f"The last lines of {self.log}:", *(f"    {line[:300]}" for line in lines)])
        return f"It wrote nothing to {self.log}."

    def may_start_again(self) -> bool:
        """Note a fall; return whether there were few enough lately."""
        now = time.monotonic()
        self.falls.append(now)
        while self.falls and now - self.falls[0] > FALLS_SECONDS:
            self.falls.popleft()
        return len(self.falls) <= FALLS

    def stop(self) -> None:
        """End the program and everything it started: asked first, ended after a while."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        _end_group(self.process.pid)
        self.process.wait()
        self.pid_file.unlink(missing_ok=True)


def stop_left_behind(folder: Path) -> list[str]:
    """End what an earlier supervisor of `folder` left running; return the names of the parts."""
    names = []
    for pid_file in sorted(folder.glob("*.pid")):
        with contextlib.suppress(ValueError):
            group = int(pid_file.read_text())
            members = _members(group, folder)
            if members:
                names.append(pid_file.stem)
            for ask in (psutil.Process.terminate, psutil.Process.kill):
                for member in members:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        ask(member)
                _, members = psutil.wait_procs(members, timeout=STOP_SECONDS)
        pid_file.unlink(missing_ok=True)
    return names


def _members(group: int, folder: Path) -> list[psutil.Process]:
    """Return the processes of a group that carry our mark: a number alone may meanwhile be somebody else's."""
    members = []
    for process in psutil.process_iter():
        try:
            ours = os.getpgid(process.pid) == group and process.environ().get(MARK) == str(folder)
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue
        if ours and process.status() != psutil.STATUS_ZOMBIE:
            members.append(process)
    return members


def _end_group(group: int) -> None:
    """Kill what is left of a process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
