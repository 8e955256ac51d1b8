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

import contextlib
import hashlib
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tests.torture import checking, preparing, recall, seams, sharing
from tests.torture.faults import KINDS, Fault
from tests.torture.history import History
from tests.torture.preparing import Beginning
from tests.torture.proofs import Report, Scale, Table, Tell
from tests.torture.simulated import Kind

SEEDS: Final = {Scale.ROUND: 2_000, Scale.RELEASE: 100_000}
VERIFIED: Final = 50
"""One history in so many is played with every answer from memory held against the database (`recall`)."""
_BEGINNINGS: Final[dict[tuple[Kind, int, bool, bool], Beginning]] = {}


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
    digests: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Name all histories in their order; it is the same whatever the number of processes."""
        return hashlib.sha256("".join(self.digests).encode()).hexdigest()

    def take(self, outcome: Outcome) -> None:
        """Count one history in."""
        self.seeds += 1
        self.verdicts.update(outcome.verdicts)
        self.kinds[outcome.kind] += 1
        self.hits.update(outcome.hits)
        self.pairs.update(itertools.combinations(sorted(set(outcome.hits)), 2))
        if outcome.broken:
            self.broken[outcome.seed] = outcome.broken
        self.digests.append(outcome.digest)

    def add(self, later: "Round") -> None:
        """Count in what came of the seeds that follow."""
        self.seeds += later.seeds
        self.broken |= later.broken
        self.digests += later.digests
        for own, other in ((self.verdicts, later.verdicts), (self.kinds, later.kinds), (self.hits, later.hits)):
            own.update(other)
        self.pairs.update(later.pairs)


def play(
    seed: int,
    *,
    given: list[Fault] | None = None,
    kind: Kind | None = None,
    beyond: bool = False,
    way: str = "plain",
) -> Outcome:
    """Play the history of one seed and check it.

    `beyond`: with a platform that PROTOCOL.md does not reckon with; `way`: what happens besides (`history.WAYS`).
    """
    history = History(seed, given=given, kind=kind, beyond=beyond, way=way)
    beginning = _beginning_of(history)
    with seams.held(history):
        history.begin(beginning)
        history.play()
    broken = checking.faults_of(history)
    told = checking.verdicts(history)
    lines = [*history.stage.lines, *(f"end {one}" for one in told), *(f"BROKEN {one}" for one in broken)]
    return Outcome(seed, lines, broken, history.plan.hits(), told, history.kind.name)


def run(seeds: range, *, verified: int = 0) -> Round:
    """Play these seeds one after the other; each one of `verified` is held against the database at every answer."""
    found, began = Round(seeds.start), time.perf_counter()
    for seed in seeds:
        with recall.verifying() if verified and seed % verified == 0 else contextlib.nullcontext():
            found.take(play(seed))
    found.seconds = time.perf_counter() - began
    return found


def _share(seeds: range) -> Round:
    return run(seeds, verified=VERIFIED)


def prove(scale: Scale, first_seed: int, tell: Tell, *, seeds: int | None = None) -> Report:
    """Play so many histories, shared out over this machine's cores."""
    number = seeds or SEEDS[scale]
    found, began = Round(first_seed), time.perf_counter()
    for part in sharing.share_out(_share, sharing.shares_of(first_seed, number)):
        found.add(part)
        spent = time.perf_counter() - began
        tell(f"{found.seeds:,} of {number:,} histories, {found.seeds / spent:.1f} a second")
    found.seconds = time.perf_counter() - began
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


def _beginning_of(history: History) -> Beginning:
    """Give where this history begins; the first of its kind in this process is led there by the console's own code."""
    key = (history.kind, history.requests, history.platform.names_authors, history.platform.etag_of_content)
    if key not in _BEGINNINGS:
        rehearsal = History(0, given=[], kind=history.kind)
        rehearsal.platform.names_authors = history.platform.names_authors
        rehearsal.platform.etag_of_content = history.platform.etag_of_content
        with seams.held(rehearsal):
            _BEGINNINGS[key] = preparing.rehearse(rehearsal.stage, rehearsal.platform, requests=history.requests)
    return _BEGINNINGS[key]


def clear() -> None:
    """Empty the tables that histories fill."""
    preparing.empty()
