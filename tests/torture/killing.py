"""Let rollbacks stand at named points in real workers, then kill, pause or cut these off, and see who ends them.

A wave is one worker under test with a broker's database of its own, and so many rollbacks at so many points that all of
them stand there at once: one SIGKILL is a trial for each of them. Beside it, all the time, production's own processes
run: a worker and the schedule. They recover what the wave left, as soon as its leases have run out.
"""

import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from django.db import DatabaseError, connection

from rollbacks.models import Attempt, Rollback
from rollbacks.states import State
from tenants.models import Tenant
from tenants.threads import beside_each_other
from tests.torture import worker_at
from tests.torture.cluster import Database, Machines, Process, until
from tests.torture.ground import ALONE, Ground, Place, Trial

LEASE: Final = 60.0
"""In seconds: rollbacks.driving.Pace.lease, which a test compares."""
T = TypeVar("T")

AT_ONCE: Final = 4
"""So many are on their way to their points at a time."""
SLOW: Final = "mark_overdue"
"""Points that are reached only after the horizon."""
BROKER_DATABASES: Final = 16
"""So many a Redis has."""
WITHOUT_A_BELL: Final = "asked to run while there is no Redis"
SENDS_FOR: Final = 30.0
"""In seconds: who stood first must still have half of its lease when the blow falls, however busy the machine is."""


NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Blow(StrEnum):
    """What hits a worker whose rollbacks stand."""

    KILLED = "killed"
    PAUSED = "paused"
    DATABASE = "database killed"
    BROKER = "Redis killed"
    CHILD = "forked children killed"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A worker under test that has nothing to do yet."""

    worker: Process
    folder: Path
    bell: int
    """The number of its broker's database."""


@dataclass(slots=True)
class Wave:
    """One worker under test, and what stands in it."""

    blow: Blow
    word: str
    worker: Process
    folder: Path
    trials: list[Trial]
    stood: set[str] = field(default_factory=set)
    at: datetime = NEVER
    """When the blow fell."""
    woken: bool = False

    @property
    def standing(self) -> list[Trial]:
        """Give the trials that stood at their points."""
        return [trial for trial in self.trials if str(trial.rollback) in self.stood]


class Field:
    """Objects for every point, and waves over them."""

    def __init__(
        self, ground: Ground, machines: Machines, *, database: Database | None = None, worker_host: str = ""
    ) -> None:
        self.ground = ground
        self._machines = machines
        self._database = database
        self._host = worker_host
        self._places: dict[tuple[str, str], deque[Place]] = {}
        self._agreed: dict[tuple[str, str], deque[Trial]] = {}
        """What Bob has approved and nobody has asked to run yet."""
        self._count: Counter[str] = Counter()
        self._waves = 0
        self._prepared: dict[tuple[str, ...], Prepared] = {}
        self.deaths: list[datetime] = []
        """When the database died: a recovery that it hits begins anew."""

    def prepare(self, word: str, points: Sequence[str], *, objects: int, tenants: Sequence[Tenant]) -> None:
        """Make so many objects for each point; where one has to stand alone, each with a tenant of its own."""
        jobs = [(point, number) for point in points for number in range(objects)]
        for point in points:
            self._places[word, point] = deque()

        def make(job: tuple[str, int]) -> None:
            point, number = job
            at = points.index(point)
            kind = "overdue" if point.startswith(SLOW) else "cfg"
            tenant = (
                self.ground.found_tenant(f"{word}-{at}-{number}")
                if point in ALONE
                else tenants[(at * objects + number) % len(tenants)]
            )
            place = self.ground.found_place(tenant, f"{kind}-{word}-{at}-{number}")
            self._places[word, point].append(place)

        beside_each_other(make, jobs, at_once=4)

    def stand(
        self,
        blow: Blow,
        word: str,
        points: Mapping[str, int],
        *,
        pool: Sequence[str],
        tell: Callable[[str], None],
        ahead: bool = False,
    ) -> Wave:
        """Give the wave once so many of each point stand in a new worker, or as many as there was time for."""
        prepared = self._prepared.pop(tuple(pool), None) or self._start(pool)
        if ahead:
            # The next one starts meanwhile: that takes a while, and nobody is to wait for it.
            self._prepared[tuple(pool)] = self._start(pool)
        wave = Wave(blow, word, prepared.worker, prepared.folder, [])
        jobs = []
        for point, count in points.items():
            agreed = self._agreed.setdefault((word, point), deque())
            wave.trials += [agreed.popleft() for _ in range(min(count, len(agreed)))]
            short = count - sum(trial.point == point for trial in wave.trials)
            jobs += [(point, self._places[word, point].popleft()) for _ in range(short)]

        def agree(job: tuple[str, Place]) -> None:
            point, place = job
            wave.trials.append(self.ground.agree(point, self._next(f"{blow} {point}"), place))

        beside_each_other(agree, jobs, at_once=4)
        if any(point.startswith(SLOW) for point in points):
            self.ground.insist_on_stale_reads(word)
        worker_at.order(wave.folder, {str(trial.rollback): trial.order for trial in wave.trials})
        self._send(wave, prepared.bell, tell)
        return wave

    def _start(self, pool: Sequence[str]) -> Prepared:
        """Start a worker without orders, on a database of the broker that no other worker hears."""
        self._waves += 1
        folder = self._machines.folder / f"wave-{self._waves}"
        folder.mkdir()
        worker_at.order(folder, {})
        environment = {worker_at.HOST: self._host} if self._host else {}
        bell = 1 + self._waves % (BROKER_DATABASES - 1)
        command = ["tests.torture.worker_at", str(folder), *pool, "-n", f"wave-{self._waves}@%h"]
        worker = self._machines.run(folder.name, [*command, "--loglevel", "warning"], broker=bell, **environment)
        return Prepared(worker, folder, bell)

    def _next(self, what: str) -> int:
        self._count[what] += 1
        return self._count[what]

    def _send(self, wave: Wave, number: int, tell: Callable[[str], None]) -> None:
        """Let all run, a few at a time, the slow ones first; end when all stand or their time is over."""
        order = sorted(wave.trials, key=lambda trial: (not trial.point.startswith(SLOW), trial.number))
        on_their_way: dict[str, float] = {}
        with self._machines.bell(number) as bell:
            until(lambda: worker_at.names_in(wave.folder, worker_at.READY), "That the worker takes tasks")
            end = time.monotonic() + SENDS_FOR
            wave.trials = []
            for trial in order:
                while self._on_their_way(wave, on_their_way) >= AT_ONCE:
                    time.sleep(0.02)
                if time.monotonic() > end:
                    # Not asked to run, so nobody is at it: it is there for another wave.
                    self._agreed[wave.word, trial.point].append(trial)
                    continue
                self.ground.run(trial, bell)
                wave.trials.append(trial)
                if not trial.point.startswith(SLOW):
                    on_their_way[str(trial.rollback)] = time.monotonic()
                tell(f"{wave.blow}: {len(wave.stood)} of {len(order)} stand")
        newest = time.monotonic()
        longest = 20 if any(trial.point.startswith(SLOW) for trial in wave.trials) else 8
        while len(wave.stood) < len(wave.trials) and time.monotonic() < newest + longest:
            before = len(wave.stood)
            wave.stood = worker_at.names_in(wave.folder, worker_at.STANDING)
            if len(wave.stood) > before:
                newest = time.monotonic()
            time.sleep(0.05)

    def queue(self, wave: Wave, point: str, *, count: int) -> None:
        """Ask for runs on objects that were made for another point, with no message to anybody."""
        for _ in range(count):
            trial = self.ground.agree(WITHOUT_A_BELL, self._next(WITHOUT_A_BELL), self._places[wave.word, point].pop())
            self.ground.run(trial, None)
            wave.trials.append(trial)

    def give_back(self, wave: Wave) -> None:
        """Let the objects of a wave that has been judged serve again."""
        for trial in wave.trials:
            if trial.point != WITHOUT_A_BELL:
                self._places[wave.word, trial.point].append(trial.place)

    @staticmethod
    def _on_their_way(wave: Wave, sent: dict[str, float]) -> int:
        wave.stood = worker_at.names_in(wave.folder, worker_at.STANDING)
        for name in [one for one, at in sent.items() if one in wave.stood or time.monotonic() > at + 5]:
            del sent[name]
        return len(sent)

    def strike(self, wave: Wave) -> None:
        """Let the blow fall on everything that stands."""
        wave.at = datetime.now(UTC)
        if wave.blow is Blow.KILLED:
            wave.worker.kill()
        elif wave.blow is Blow.PAUSED:
            wave.worker.signal(signal.SIGSTOP)
        elif wave.blow is Blow.CHILD:
            wave.worker.kill_children()
        elif wave.blow is Blow.BROKER:
            self._machines.kill_broker()
            self.let_go(wave)
        else:
            assert self._database is not None
            self.deaths.append(wave.at)
            self._database.kill()
            self.let_go(wave)
            self._database.start()
            again(Rollback.objects.exists)
        self.ground.forgive_stale_reads(wave.word)

    @staticmethod
    def let_go(wave: Wave) -> None:
        """Let a wave's worker go on from where it stands."""
        (wave.folder / worker_at.GO).touch()
        wave.worker.signal(signal.SIGCONT)
        wave.woken = True

    def wake(self, wave: Wave, *, seconds: float = 60.0) -> str:
        """Wake a paused worker, wait until its tasks have ended, and say what is wrong; empty where nothing is."""
        if not wave.woken:
            self.let_go(wave)
        try:
            until(lambda: worker_at.names_in(wave.folder, worker_at.ENDED) >= wave.stood, "That", seconds=seconds)
        except TimeoutError:
            hanging = wave.stood - worker_at.names_in(wave.folder, worker_at.ENDED)
            points = Counter(trial.point for trial in wave.trials if str(trial.rollback) in hanging)
            return f"{len(hanging)} tasks of a woken worker did not end within {seconds:.0f} s: {dict(points)}"
        return ""


def unended(trials: Iterable[Trial]) -> list[Trial]:
    """Give the trials whose rollback has not ended yet."""
    known = {trial.rollback: trial for trial in trials}
    going = Rollback.objects.filter(
        pk__in=list(known), state__in=[State.APPROVED.value, State.APPLYING.value, State.UNKNOWN.value]
    )
    opened = Attempt.objects.filter(rollback__in=list(known), state=Attempt.State.OPEN)
    keys = {*going.values_list("pk", flat=True), *opened.values_list("rollback_id", flat=True)}
    return [trial for key, trial in known.items() if key in keys]


def settle(waves: Sequence[Wave], *, seconds: float, tell: Callable[[str], None]) -> list[Trial]:
    """Wait until every rollback of these waves has ended; give those that have not in time."""
    end = time.monotonic() + seconds
    trials = [trial for wave in waves for trial in wave.trials]
    left = again(lambda: unended(trials))
    while left and time.monotonic() < end:
        tell(f"{len(left)} rollbacks are to be recovered")
        time.sleep(0.5)
        left = again(lambda: unended(trials))
    return left


def again(ask: Callable[[], T], *, seconds: float = 30.0) -> T:
    """Ask the database, again where its server has just died."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except DatabaseError:
            connection.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
