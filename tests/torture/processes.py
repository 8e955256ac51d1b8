"""Real workers on real servers, killed with SIGKILL or paused past their lease at each named point; the servers too.

Each point is stood at by so many rollbacks on as many objects, the worker acting as one of another machine, so that
nobody sees that it is gone and its leases have to run out. Production's own processes, a worker with forked children
and the schedule, run beside it all the time and recover what was left.
"""

import contextlib
import tempfile
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
from tests.torture.cluster import Broker, Database, Machines, machines
from tests.torture.faults import POINTS
from tests.torture.killing import LEASE, SLOW, Blow, Field, Wave
from tests.torture.proofs import Report, Scale, Table, Tell

WITHIN: Final = LEASE + 10.0
"""In seconds: what the 95th percentile of a point's recoveries may take."""
A_ROUND: Final = 20
"""Trials of each point under each blow that one set of objects serves."""
SPARE: Final = 2
"""So many more than asked for stand at a point: production's worker may be quicker with one than the one under test."""
CONNECTIONS: Final = 400
STANDING_AT_ONCE: Final = 90
"""So few that all of them stand well before the first one's lease runs out."""
TRIES: Final = 4
THREADS: Final = ("-P", "threads", "-c")


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
        return _Proof(database, running, trials=trials, tell=tell).run()


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

    def __init__(self, database: Database, running: Machines, *, trials: int, tell: Tell) -> None:
        self._database = database
        self._running = running
        self._trials = trials
        self._tell = tell
        self._figures: dict[tuple[Blow, str], Figures] = {}
        self._broken: list[str] = []

    def run(self) -> Report:
        """Do all of it."""
        with ground.ground() as here:
            tried = Field(here, self._running, database=self._database, worker_host="another-machine")
            shared = [here.found_tenant(f"shared-{number}") for number in range(20)]
            standing = [self._running.worker("production", "-c", "4"), self._running.schedule()]
            for number in range(max(1, self._trials // A_ROUND)):
                self._round(tried, number, shared)
            self._broken += [
                f"{one.name} did not survive: {one.log.read_text()[-300:]}" for one in standing if not one.runs
            ]
            self._tell("the trails are verified")
            self._broken += evidence_of_trials.broken_trails(Tenant.objects.order_by("slug"))
            if opened := Attempt.objects.filter(state=Attempt.State.OPEN).count():
                self._broken.append(f"{opened} attempts are open at the end")
        return self._report()

    def _round(self, tried: Field, number: int, shared: Sequence[Tenant]) -> None:
        """Take 20 trials of each point under each blow."""
        killed, paused = f"killed{number}", f"paused{number}"
        for word in (killed, paused):
            tried.prepare(word, POINTS, objects=A_ROUND + SPARE, tenants=shared)
        words = {Blow.KILLED: killed, Blow.PAUSED: paused, Blow.DATABASE: killed}
        wanted = {blow: dict.fromkeys(POINTS, A_ROUND + SPARE) for blow in Blow}
        # Apart, so that the database's death hits nobody who was to be recovered from another blow.
        for blows in ((Blow.PAUSED, Blow.KILLED), (Blow.DATABASE,)):
            for _ in range(TRIES):
                self._end(
                    tried,
                    [self._wave(tried, blow, words[blow], points) for blow in blows for points in _parts(wanted[blow])],
                )
                missing = {blow: self._missing(blow, (number + 1) * A_ROUND) for blow in blows}
                wanted |= {blow: {point: count + SPARE for point, count in missing[blow].items()} for blow in blows}

    def _missing(self, blow: Blow, due: int) -> dict[str, int]:
        """Give how many trials of each point are still to be made."""
        made = {point: self._figures.get((blow, point), Figures()).trials for point in POINTS}
        return {point: due - count for point, count in made.items() if count < due}

    def _wave(self, tried: Field, blow: Blow, word: str, points: Mapping[str, int]) -> Wave:
        pool = (*THREADS, str(sum(points.values()) + 4))
        wave = tried.stand(blow, word, points, pool=pool, tell=self._tell)
        tried.strike(wave, word)
        return wave

    def _end(self, tried: Field, waves: Sequence[Wave]) -> None:
        """Wait until all has been recovered, wake who was paused, and judge."""
        left = killing.settle(waves, seconds=3 * LEASE, tell=self._tell)
        self._broken += [f"{trial.point}, trial {trial.number} was not recovered" for trial in left]
        for wave in waves:
            if wave.blow is not Blow.KILLED and (said := tried.wake(wave)):
                self._broken.append(f"{wave.blow}: {said}")
            wave.worker.kill()
            self._count(tried, wave)
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
            if str(trial.rollback) not in wave.stood or (seconds < 0 and not had_ended):
                figures.void += 1
                continue
            figures.trials += 1
            if seconds >= 0:
                figures.seconds.append(seconds)

    def _report(self) -> Report:
        rows: list[list[str | int]] = []
        for point in POINTS:
            row: list[str | int] = [point]
            for blow in Blow:
                figures = self._figures.get((blow, point), Figures())
                row += [figures.trials, f"{figures.p95:.1f}"]
                if figures.trials < self._trials:
                    self._broken.append(f"{blow}, {point}: {figures.trials} trials, {self._trials} were to be made")
                if figures.p95 > WITHIN:
                    self._broken.append(
                        f"{blow}, {point}: recovered after {figures.p95:.1f} s, {WITHIN:.0f} are promised"
                    )
            rows.append(row)
        count = sum(figures.trials for figures in self._figures.values())
        seconds = sorted(second for figures in self._figures.values() for second in figures.seconds)
        whole = f"{seconds[int(len(seconds) * 0.95)]:.1f}" if seconds else "0"
        return Report(
            tried=f"{count:,} rollbacks stood at {len(POINTS)} named points in real Celery workers, on a PostgreSQL "
            "with fsync on, a Redis and the practice platform over HTTP, each on an object of its own, when the worker "
            "was killed with SIGKILL, stopped until others had ended its work and then woken, or lost its database "
            "server to SIGKILL. The worker acted as one of another machine, so its leases of "
            f"{LEASE:.0f} s had to run out. Production's worker and schedule recovered them: 95 of 100 within {whole} "
            "s, counted from the blow.",
            broken=self._broken,
            tables=[
                Table(
                    "Trials, and the 95th percentile of the seconds until the verdict",
                    ("point", "killed", "s", "paused", "s", "database killed", "s"),
                    rows,
                )
            ],
            bound=f"Rule of three: under {3 / max(1, count):.2%} of such deaths break a promise.",
            not_tried=("machines whose power fails: SIGKILL leaves the kernel's buffers to the disk",),
        )
