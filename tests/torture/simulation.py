"""Play seeds one after the other, check each history, and report what was tried: the real code, under fire.

Done: 1 to 8 workers, foreign writers, faults of the way, of workers at named points and of COMMITs, on types of the
levels A, B and C; five promises checked against the platform's own log; the same seed gives the same history. Two holes
of the verdict's table are known and kept out of the rounds (test_simulation, "beyond"): where the platform names no
author, a 2xx to an equal write of somebody else reads as verified, and a write of ours that the server altered and
whose answer was lost reads as a conflict.

Next: speed (about one history a second on a busy core; preparing one takes a third of it), then 10,000 seeds with each
kind 500 times and each pair 50 times; types with steps; every schedule of three faults; the matrix of answers; the
planted bugs as a list of sixteen; docs/RELIABILITY.md from a long run.
"""

import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connection

from tests.torture import checking, seams, stage
from tests.torture.faults import KINDS, Fault
from tests.torture.history import History
from tests.torture.proofs import Report, Scale, Table, Tell
from tests.torture.simulated import Kind


@dataclass
class Outcome:
    """What came of one seed."""

    seed: int
    lines: list[str]
    broken: list[str]
    hits: list[str]
    verdicts: list[str]
    kind: str

    @property
    def digest(self) -> str:
        """Name the whole history."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()


@dataclass
class Round:
    """What came of many seeds."""

    first: int
    seeds: int = 0
    seconds: float = 0.0
    broken: dict[int, list[str]] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)


def play(seed: int, *, given: list[Fault] | None = None, kind: Kind | None = None, beyond: bool = False) -> Outcome:
    """Play the history of one seed and check it; `beyond`: with a platform that PROTOCOL.md does not reckon with."""
    history = History(seed, given=given, kind=kind, beyond=beyond)
    with seams.held(history):
        history.prepare()
        history.play()
    broken = checking.faults_of(history)
    told = checking.verdicts(history)
    lines = [*history.stage.lines, *(f"end {one}" for one in told), *(f"BROKEN {one}" for one in broken)]
    return Outcome(seed, lines, broken, history.plan.hits(), told, history.kind.name)


def run(first: int, seeds: int, *, tell: Callable[[int], None] = lambda _: None) -> Round:
    """Play so many seeds."""
    found, began = Round(first), time.perf_counter()
    for seed in range(first, first + seeds):
        outcome = play(seed)
        found.seeds += 1
        found.verdicts.update(outcome.verdicts)
        found.kinds[outcome.kind] += 1
        found.hits.update(outcome.hits)
        found.pairs.update(itertools.combinations(sorted(set(outcome.hits)), 2))
        if outcome.broken:
            found.broken[seed] = outcome.broken
        tell(found.seeds)
    found.seconds = time.perf_counter() - began
    return found


def prove(scale: Scale, first_seed: int, tell: Tell) -> Report:
    """Play 100 histories for a round, 100,000 for a release."""
    seeds = 100 if scale == Scale.ROUND else 100_000
    found = run(first_seed, seeds, tell=lambda done: tell(f"{done:,} of {seeds:,} histories"))
    stage.dismiss()
    return report(found)


def report(found: Round) -> Report:
    """Say in words and figures what was tried, how often, and what was found."""
    pairs = list(itertools.combinations(sorted(KINDS), 2))
    rarest = min(found.pairs[pair] for pair in pairs)
    return Report(
        tried=f"{found.seeds:,} histories, seeds {found.first} to {found.first + found.seeds - 1}, "
        f"{found.seeds / max(found.seconds, 1e-9):.1f} a second. Each kind of fault was hit at least "
        f"{min(found.hits[kind] for kind in KINDS):,} times; of {len(pairs)} pairs of kinds in one history "
        f"{len(found.pairs)} were met, the rarest {rarest:,} times.",
        broken=[f"seed {seed}: {'; '.join(said)}" for seed, said in found.broken.items()],
        tables=[
            Table("How attempts ended", ("verdict", "times"), found.verdicts.most_common()),
            Table("Faults", ("kind", "hit"), [(kind, found.hits[kind]) for kind in KINDS]),
        ],
        bound=f"Rule of three: under {3 / max(1, found.seeds):.3%} of histories break a promise.",
        not_tried=("types with steps in the simulation", "machines whose clocks differ"),
    )


def clear() -> None:
    """Empty the tables that histories fill, so that a seed can be played again with the same ids."""
    guarded = (("rollbacks_auditentry", "audit_entry_no_truncate"), ("rollbacks_checkpoint", "checkpoint_no_truncate"))
    with connection.cursor() as cursor:
        for table, trigger in guarded:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        cursor.execute("TRUNCATE tenants_tenant, tenants_oauthclient, auth_user RESTART IDENTITY CASCADE")
        for table, trigger in guarded:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")
