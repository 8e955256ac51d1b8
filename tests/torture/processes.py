"""Real workers on real servers, killed with SIGKILL or paused past their lease at each named point; the servers too.

Each point is stood at by so many rollbacks on as many objects, the worker acting as one of another machine, so that
nobody sees that it is gone and its leases have to run out. Production's own processes, a worker with forked children
and the schedule, run beside it all the time and recover what was left.
"""

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from django.core.management import call_command
from django.db import connections

from rollbacks.models import Attempt, Rollback
from tenants import aside
from tenants.models import Tenant
from tenants.resource_types import catalogue
from tests.torture import evidence_of_trials, ground, killing
from tests.torture.cluster import Broker, Database, Machines, Process, machines
from tests.torture.faults import POINTS
from tests.torture.killing import LEASE, SLOW, WITHOUT_A_BELL, Blow, Field, Wave
from tests.torture.proofs import Report, Scale, Table, Tell

WITHIN: Final = LEASE + 10.0
"""In seconds: what the 95th percentile of a point's recoveries may take."""
A_ROUND: Final = 20
"""Trials of each point under each blow that one set of objects serves."""
SPARE: Final = 2
"""So many more than asked for stand at a point: production's worker may be quicker with one than the one under test."""
CONNECTIONS: Final = 700
AT_WORK: Final = ("PUT: under way", "close_attempt: before")
"""Where some stand when the broker dies: they need it no more."""
STANDING_AT_ONCE: Final = 180
"""At most; on a busy machine fewer come to their points before the blow has to fall."""
POOL: Final = ("-P", "threads", "-c", str(STANDING_AT_ONCE + 6))
TRIES: Final = 4


@dataclass(slots=True)
class Figures:
    """What came of one point under one blow."""

    trials: int = 0
    void: int = 0
    """Ended by somebody else before the blow, or never came there."""
    seconds: list[float] = field(default_factory=list)

    @property
    def p95(self) -> float:
        """Give the 95th percentile of the recoveries, in seconds; 0 where nothing was left to recover."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] if ordered else 0.0


def prove(scale: Scale, first_seed: int, tell: Tell) -> Report:
    """Kill, pause and cut off: 20 trials of each point for a round, 100 for a release."""
    if why := Broker.why_not():
        return Report(tried=why, broken=(why,) if scale is Scale.RELEASE else (), bound="Nothing was tried.")
    trials = A_ROUND if scale is Scale.ROUND else 100
    with own_servers() as (database, running):
        return _Proof(database, running, scale=scale, trials=trials, tell=tell).run()


@contextlib.contextmanager
def own_servers() -> Iterator[tuple[Database, Machines]]:
    """Point the default connection at a durable PostgreSQL of this proof's own, with its tables made."""
    with tempfile.TemporaryDirectory(prefix="vault-kill-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        types = folder / "types.toml"
        types.write_text(ground.TYPES)
        database = Database(folder, connections=CONNECTIONS)
        broker = Broker(folder)
        settings = connections["default"].settings_dict
        before = {name: settings[name] for name in database.parameters}
        own_file = catalogue.own_file()
        connections.close_all()
        aside.close()
        settings.update(database.parameters)
        catalogue.use_file(types)
        try:
            database.start()
            broker.start()
            call_command("migrate", verbosity=0)
            with machines(
                folder,
                database_url=database.url,
                broker=broker,
                CONSOLE_RESOURCE_TYPES_FILE=str(types),
                CONSOLE_ALLOW_LOSSY_DATABASE="off",
            ) as running:
                yield database, running
        finally:
            aside.close()
            connections.close_all()
            settings.update(before)
            catalogue.use_file(own_file[0] if own_file else None)
            broker.stop()
            database.stop()


def _parts(wanted: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Give the points in parts that can stand at once; those that show stale reads together."""
    part: dict[str, int] = {}
    for point, count in sorted(wanted.items(), key=lambda item: item[0].startswith(SLOW)):
        if part and (sum(part.values()) + count > STANDING_AT_ONCE or _only_begins(part, point)):
            yield part
            part = {}
        part[point] = count
    if part:
        yield part


def _only_begins(part: Mapping[str, int], point: str) -> bool:
    return point.startswith(SLOW) and not any(one.startswith(SLOW) for one in part)


class _Proof:
    """One run over all points."""

    def __init__(self, database: Database, running: Machines, *, scale: Scale, trials: int, tell: Tell) -> None:
        self._scale = scale
        self._database = database
        self._running = running
        self._trials = trials
        self._told = tell
        self._production: list[Process] = []
        self._may_end = False
        """Whether production's processes may end now: Celery's do when their Redis goes while they hold messages."""
        self._restarts = 0
        self._figures: dict[tuple[Blow, str], Figures] = {}
        self._broken: list[str] = []
        self._short: list[str] = []
        """Where time or number fell short. On a machine that others use too they do: only a release is held to them."""

    def run(self) -> Report:
        """Do all of it."""
        with ground.ground() as here:
            tried = Field(here, self._running, database=self._database, worker_host="another-machine")
            shared = [here.found_tenant(f"shared-{number}") for number in range(20)]
            self._production = [self._running.worker("production", "-c", "4"), self._running.schedule()]
            for number in range(max(1, self._trials // A_ROUND)):
                self._round(tried, number, shared)
            self._tell("the trails are verified")
            self._broken += evidence_of_trials.broken_trails(Tenant.objects.order_by("slug"))
            if opened := Attempt.objects.filter(state=Attempt.State.OPEN).count():
                self._broken.append(f"{opened} attempts are open at the end")
        return self._report()

    def _tell(self, words: str) -> None:
        """Say how far it has come, and start again what has ended, as production's supervisor does."""
        for at, one in enumerate(self._production):
            if not one.runs:
                self._restarts += 1
                if not self._may_end:
                    self._broken.append(f"{one.name} did not survive: {one.log.read_text()[-300:]}")
                self._production[at] = one.start_again()
        self._told(words)

    def _round(self, tried: Field, number: int, shared: Sequence[Tenant]) -> None:
        """Take 20 trials of each point under each blow."""
        killed, paused = f"killed{number}", f"paused{number}"
        for word in (killed, paused):
            self._tell(f"objects are made: {word}")
            tried.prepare(word, POINTS, objects=A_ROUND + SPARE, tenants=shared)
        # The database apart, so that its death hits nobody who was to be recovered from another blow.
        for blows in ({Blow.PAUSED: paused, Blow.KILLED: killed}, {Blow.DATABASE: killed}):
            wanted = {blow: dict.fromkeys(POINTS, A_ROUND + SPARE) for blow in blows}
            for _ in range(TRIES):
                waves = [wave for blow, word in blows.items() for wave in self._waves(tried, blow, word, wanted[blow])]
                self._end(tried, waves)
                for blow in blows:
                    missing = self._missing(blow, POINTS, (number + 1) * A_ROUND)
                    wanted[blow] = {point: count + SPARE for point, count in missing.items()}
        self._lose_messages(tried, paused)
        self._lose_children(tried, killed)

    def _lose_messages(self, tried: Field, word: str) -> None:
        """Kill the broker while some are at work in a worker, and ask for others to run while it is gone."""
        wave = tried.stand(Blow.BROKER, word, dict.fromkeys(AT_WORK, A_ROUND), pool=POOL, tell=self._tell)
        self._may_end = True
        tried.strike(wave)
        tried.queue(wave, POINTS[0], count=A_ROUND)
        self._running.start_broker()
        self._end(tried, [wave])
        self._may_end = False

    def _missing(self, blow: Blow, points: Sequence[str], due: int) -> dict[str, int]:
        """Give how many trials of each point are still to be made."""
        made = {point: self._figures.get((blow, point), Figures()).trials for point in points}
        return {point: due - count for point, count in made.items() if count < due}

    def _lose_children(self, tried: Field, word: str) -> None:
        """Kill the children of a worker that forks, one to a rollback; the worker forks others and goes on."""
        points = dict.fromkeys(AT_WORK[:1], A_ROUND)
        wave = tried.stand(Blow.CHILD, word, points, pool=("-c", str(A_ROUND)), tell=self._tell)
        tried.strike(wave)
        left = killing.settle([wave], seconds=3 * LEASE, tell=self._tell)
        if left or not wave.worker.runs:
            self._broken.append(f"{wave.blow}: {len(left)} are open, and the worker runs: {wave.worker.runs}")
        self._end(tried, [wave])

    def _waves(self, tried: Field, blow: Blow, word: str, wanted: Mapping[str, int]) -> Iterator[Wave]:
        """Let the blow fall on so many of each point, in as many waves as it takes; nobody waits for the recovery."""
        left = Counter(wanted)
        while left := +left:
            points = next(_parts(left))
            wave = tried.stand(blow, word, points, pool=POOL, tell=self._tell, ahead=True)
            tried.strike(wave)
            left.subtract(trial.point for trial in wave.trials)
            yield wave
            if not wave.trials:
                self._broken.append(f"{blow}: a worker took none of {sum(points.values())} tasks")
                return

    def _end(self, tried: Field, waves: Sequence[Wave]) -> None:
        """Wait until all has been recovered, wake who was paused, and judge."""
        left = killing.settle(waves, seconds=3 * LEASE, tell=self._tell)
        self._broken += [f"{trial.point}, trial {trial.number} was not recovered" for trial in left]
        for wave in waves:
            gone = wave.blow in (Blow.KILLED, Blow.CHILD) or (self._may_end and not wave.worker.runs)
            if not gone and (said := tried.wake(wave)):
                self._broken.append(f"{wave.blow}: {said}")
            wave.worker.kill()
            self._count(tried, wave)
            tried.give_back(wave)
            self._broken += [f"{wave.blow}, {said}" for said in evidence_of_trials.broken(tried.ground, wave.trials)]

    def _count(self, tried: Field, wave: Wave) -> None:
        ended = dict(
            Rollback.objects.filter(pk__in=[trial.rollback for trial in wave.trials]).values_list(
                "pk", "state_changed_at"
            )
        )
        for trial in wave.trials:
            figures = self._figures.setdefault((wave.blow, trial.point), Figures())
            blows = [wave.at, *(at for at in tried.deaths if wave.at < at < ended[trial.rollback])]
            seconds = (ended[trial.rollback] - max(blows)).total_seconds()
            had_ended = trial.point in ("refuse_run: after", "close_attempt: after")
            came = trial.point == WITHOUT_A_BELL or str(trial.rollback) in wave.stood
            if not came or (seconds < 0 and not had_ended):
                figures.void += 1
                continue
            figures.trials += 1
            if seconds >= 0:
                figures.seconds.append(seconds)

    def _row(self, point: str, blows: Sequence[Blow]) -> list[str | int]:
        """Give the figures of one point, and note what falls short of the promise."""
        row: list[str | int] = [point]
        for blow in blows:
            figures = self._figures.get((blow, point), Figures())
            row += [figures.trials, f"{figures.p95:.1f}"]
            if figures.trials < self._trials:
                self._short.append(f"{blow}, {point}: {figures.trials} trials, {self._trials} were to be made")
            if figures.p95 > WITHIN:
                self._short.append(f"{blow}, {point}: ended after {figures.p95:.1f} s, {WITHIN:.0f} are promised")
        return row

    def _report(self) -> Report:
        blows = (Blow.KILLED, Blow.PAUSED, Blow.DATABASE)
        rows = [self._row(point, blows) for point in POINTS]
        children = [self._row(point, (Blow.CHILD,)) for point in AT_WORK[:1]]
        without = [self._row(point, (Blow.BROKER,)) for point in (*AT_WORK, WITHOUT_A_BELL)]
        count = sum(figures.trials for figures in self._figures.values())
        seconds = sorted(second for figures in self._figures.values() for second in figures.seconds)
        whole = f"{seconds[int(len(seconds) * 0.95)]:.1f}" if seconds else "0"
        return Report(
            tried=f"{count:,} rollbacks stood at {len(POINTS)} named points in real Celery workers, on a PostgreSQL "
            "with fsync on, a Redis and the practice platform over HTTP, each on an object of its own, when the worker "
            "was killed with SIGKILL, stopped until others had ended its work and then woken, or lost its database "
            "server or its Redis to SIGKILL. The worker acted as one of another machine, so its leases of "
            f"{LEASE:.0f} s had to run out. Production's worker and schedule recovered them: 95 of 100 within {whole} "
            f"s, counted from the blow. When Redis was gone, Celery ended {self._restarts} of production's processes, "
            "and they were started again, as a supervisor does.",
            broken=[*self._broken, *(self._short if self._scale is Scale.RELEASE else ())],
            tables=[
                Table(
                    "Trials, and the 95th percentile of the seconds until the verdict",
                    ("point", "killed", "s", "paused", "s", "database killed", "s"),
                    rows,
                ),
                Table("Redis killed, and started again empty", ("where", "trials", "s"), without),
                Table("A worker's forked children killed, and the worker not", ("where", "trials", "s"), children),
            ],
            bound=f"Rule of three: under {3 / max(1, count):.2%} of such deaths break a promise.",
            not_tried=(
                *self._short,
                "machines whose power fails: SIGKILL leaves the kernel's buffers to the disk",
            ),
        )
