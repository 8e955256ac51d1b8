"""A stage on which the real code acts: a virtual clock, workers that pass one baton, and nothing else that moves.

Exactly one thread runs at a time. It gives the baton away where it waits, asks the platform something, or stands
between two transactions (never inside one, so that nobody waits for a lock in real time), and the seed decides who goes
on. What happens at a moment (a foreign write, a copy of a request that arrives late) is an event on the same clock,
done by whoever holds the baton. The same seed gives the same history, line by line.
"""

import bisect
import contextlib
import heapq
import queue
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connections

BEGINNING: Final = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
MICROS_BEFORE: Final = 3 * 3_600_000_000
"""The virtual microsecond in which workers begin: what people did before has taken less."""
MOST_STEPS: Final = 6_000
"""So many turns are more than any history needs; what takes more turns in a circle."""


class Killed(BaseException):
    """End a worker as SIGKILL does: nothing of the console's code may run on its behalf any more."""


def _taken() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(eq=False)
class Actor:
    """One worker's life: after its death the next one in its place is another actor."""

    name: str
    wake: threading.Lock = field(default_factory=_taken)
    """Taken until the baton comes."""
    dead: bool = False
    transactions: list[str] = field(default_factory=list)
    """The functions whose outermost transaction is open; at most one."""


_HERE = threading.local()


def here() -> "tuple[Stage, Actor] | None":
    """Give the stage and the actor of this thread; None outside of a history."""
    return getattr(_HERE, "standing", None)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let this thread do something apart from the history for a while: nobody else acts, and nothing goes wrong."""
    standing, _HERE.standing = here(), None
    try:
        yield
    finally:
        _HERE.standing = standing


class _Crew:
    """Threads that outlive a history, and with them their sessions of the database, which are dear to open."""

    def __init__(self) -> None:
        self._free: list[queue.SimpleQueue[tuple[Callable[[], None], threading.Event] | None]] = []
        self._threads: list[threading.Thread] = []

    def take(self, job: Callable[[], None]) -> threading.Event:
        """Let a thread do this, and give what is set once it is free again."""
        ended = threading.Event()
        if self._free:
            jobs = self._free.pop()
        else:
            jobs = queue.SimpleQueue()
            thread = threading.Thread(target=self._serve, args=(jobs,), daemon=True)
            self._threads.append(thread)
            thread.start()
        jobs.put((job, ended))
        return ended

    def _serve(self, jobs: "queue.SimpleQueue[tuple[Callable[[], None], threading.Event] | None]") -> None:
        while (given := jobs.get()) is not None:
            job, ended = given
            job()
            self._free.append(jobs)
            ended.set()
        connections.close_all()

    def dismiss(self) -> None:
        """Let all threads close their sessions and end."""
        for jobs in self._free:
            jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._free, self._threads = [], []


_CREW: Final = _Crew()
dismiss = _CREW.dismiss


class Stage:
    """The clock, who waits for what, and what happened."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same seed is the same history
        self.micros = 0
        self.lines: list[str] = []
        self.failure: BaseException | None = None
        self.over = False
        self._moments: list[int] = []
        """When something is still to come, besides the workers' own turns; kept sorted."""
        self._steps = 0
        self._count = 0
        self._next: list[tuple[int, float, int, Actor | Callable[[], None]]] = []
        self._done = threading.Semaphore(0)
        self._lives: list[threading.Event] = []

    def now(self) -> datetime:
        """Give the virtual moment; no two askers get the same one."""
        self.micros += 1
        return BEGINNING + timedelta(microseconds=self.micros)

    def seconds(self) -> float:
        """Give the virtual seconds since the beginning."""
        self.micros += 1
        return 1000.0 + self.micros / 1e6

    def tell(self, who: str, what: str) -> None:
        """Write a line of the history."""
        self.lines.append(f"{self.micros / 1e6:12.6f} {who:<9} {what}")

    def later(self, seconds: float, event: Callable[[], object]) -> None:
        """Let something happen at a moment."""

        def happens() -> None:
            self._moments.remove(moment)
            event()

        moment = self._push(seconds, happens)
        bisect.insort(self._moments, moment)

    def next_event(self) -> float | None:
        """Give in how many seconds something is to come, besides the workers' own turns; None for nothing."""
        return max(0.0, (self._moments[0] - self.micros) / 1e6) if self._moments else None

    def wait(self, seconds: float) -> None:
        """Give the baton away for so long; outside of a history do nothing."""
        standing = here()
        if standing is None:
            return
        self._push(seconds, standing[1])
        self._pass_on(standing[1])

    def start(self, actor: Actor, life: Callable[[], None]) -> None:
        """Let an actor begin at the next moment."""

        def run() -> None:
            actor.wake.acquire()
            _HERE.standing = (self, actor)
            try:
                life()
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001 - told by the main thread
                self.failure = self.failure or error
                self.over = True
            finally:
                _HERE.standing = None
                self._pass_on(None)

        self._lives.append(_CREW.take(run))
        self._push(0.0, actor)

    def play(self) -> None:
        """Let everybody act until nobody has anything to do; raises what a worker's harness raised."""
        self._pass_on(None)
        self._done.acquire()
        for ended in self._lives:
            ended.wait()
        if self.failure is not None:
            raise self.failure

    def _push(self, seconds: float, what: Actor | Callable[[], None]) -> int:
        self._count += 1
        moment = self.micros + max(1, round(seconds * 1e6))
        heapq.heappush(self._next, (moment, self.random.random(), self._count, what))
        return moment

    def _pass_on(self, me: Actor | None) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            self.over = True
        while self._next:
            moment, _, _, what = heapq.heappop(self._next)
            self.micros = max(self.micros, moment)
            if not isinstance(what, Actor):
                if not self.over:
                    what()
                continue
            if what is not me:
                what.wake.release()
                if me is not None:
                    me.wake.acquire()
            if me is not None and (self.over or me.dead):
                raise Killed
            return
        self._done.release()
