"""Play seeds, check each history, and report what was tried: the real code on a virtual clock, under fire.

1 to 8 workers, 0 to 4 foreign writers and 0 to 6 faults, of the way, of workers at named points and of COMMITs, on
types of the levels A, B and C. Each history is held against the platform's own log. Two kinds of fault are each seed's
own, in rotation, so that every pair is met; where one had no chance, people ask for another rollback (`asking`).
"""

import contextlib
import hashlib
import itertools
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tests.torture import checking, preparing, recall, seams, sharing
from tests.torture.faults import IN_OTHER_WORDS, KINDS, PAIRS, POINTS, Fault
from tests.torture.history import History
from tests.torture.preparing import Beginning
from tests.torture.proofs import Report, Scale, Table, Tell
from tests.torture.simulated import Kind

SEEDS: Final = {Scale.ROUND: 10_000, Scale.RELEASE: 100_000}
SECONDS_OF_A_ROUND: Final = 300.0
"""A round begins no further histories then, so that a slow or busy machine ends it too; its report says how many."""
EACH_PAIR: Final = 50
"""So often each pair of kinds is to be met in 10,000 histories."""
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
    places: list[str] = field(default_factory=list)
    """The named points at which a worker was hit, each after the kind of fault."""
    size: dict[str, int] = field(default_factory=dict)
    """How many workers, foreign writers and faults it had, and how often people asked again."""

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
    places: Counter[str] = field(default_factory=Counter)
    sizes: Counter[tuple[str, int]] = field(default_factory=Counter)
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
        self.places.update(outcome.places)
        self.sizes.update(outcome.size.items())
        self.pairs.update(itertools.combinations(sorted(set(outcome.hits)), 2))
        if outcome.broken:
            self.broken[outcome.seed] = outcome.broken
        self.digests.append(outcome.digest)

    def add(self, later: "Round") -> None:
        """Count in what came of the seeds that follow."""
        self.seeds += later.seeds
        self.broken |= later.broken
        self.digests += later.digests
        self.verdicts.update(later.verdicts)
        self.kinds.update(later.kinds)
        self.hits.update(later.hits)
        self.pairs.update(later.pairs)
        self.places.update(later.places)
        self.sizes.update(later.sizes)


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
    size = {
        "workers": history.workers,
        "foreign writers": history.foreign_writers,
        "faults drawn": len(history.plan.faults),
        "asked again": len(history.rollbacks) - history.requests,
    }
    return Outcome(seed, lines, broken, history.plan.hits(), told, history.kind.name, history.plan.places(), size)


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
    """Play so many histories, shared out over this machine's cores; in a round, as many of them as its time allows."""
    number = seeds or SEEDS[scale]
    longest = SECONDS_OF_A_ROUND if scale is Scale.ROUND and seeds is None else math.inf
    found, began = Round(first_seed), time.perf_counter()
    with contextlib.closing(sharing.share_out(_share, sharing.shares_of(first_seed, number))) as parts:
        for part in parts:
            found.add(part)
            spent = time.perf_counter() - began
            tell(f"{found.seeds:,} of {number:,} histories, {found.seeds / spent:.1f} a second")
            if spent > longest:
                break
    found.seconds = time.perf_counter() - began
    return report(found, asked=number)


def report(found: Round, *, asked: int | None = None) -> Report:
    """Say in words and figures what was tried, how often, and what was found; `asked`: how many it was to be."""
    left = (asked or found.seeds) - found.seeds
    rarest = sorted(PAIRS, key=lambda pair: (found.pairs[pair], pair))
    few = [pair for pair in rarest if found.pairs[pair] < EACH_PAIR * found.seeds / 10_000]
    kinds = {name: IN_OTHER_WORDS.get(name, name) for name in KINDS}
    of_types = ", ".join(f"{times:,} on {name}" for name, times in sorted(found.kinds.items()))
    return Report(
        tried=f"{found.seeds:,} histories ({of_types}), seeds {found.first} to {found.first + found.seeds - 1}, "
        f"{found.seeds / max(found.seconds, 1e-9):.1f} a second. Each kind of fault was hit at least "
        f"{min(found.hits[kind] for kind in KINDS):,} times, each of the {len(PAIRS)} pairs of kinds together in one "
        f"history at least {found.pairs[rarest[0]]:,} times. One history in {VERIFIED} was played with everything that "
        f"the harness keeps in memory held against the database. All histories together: {found.digest[:16]}.",
        broken=[f"seed {seed}: {'; '.join(said)}" for seed, said in sorted(found.broken.items())],
        tables=[
            Table("How attempts ended", ("verdict", "times"), _most_common(found.verdicts)),
            Table("Faults", ("kind", "hit"), [(kinds[kind], found.hits[kind]) for kind in KINDS]),
            Table(
                "The rarest pairs in one history",
                ("pair", "met"),
                [(f"{kinds[one]} and {kinds[other]}", found.pairs[one, other]) for one, other in rarest[:12]],
            ),
            Table("Named points", ("point", "deaths", "pauses", "lost answers of COMMIT"), _places(found)),
            Table("Histories by how many took part", ("what", *map(str, range(9))), _sizes(found)),
        ],
        bound=f"Rule of three: with 95 % confidence under {3 / max(1, found.seeds):.3%} of such histories break a "
        "promise.",
        repeat=f'make torture PROOF=simulation ARGS="--seeds {found.seeds} --seed {found.first}"',
        not_tried=(
            *((f"{left:,} of {asked:,} histories, for want of time",) if left else ()),
            "types with steps in the simulation (tests/torture kills and fails each of their steps instead)",
            "machines whose clocks differ",
            *(
                f"{kinds[one]} together with {kinds[other]} more than {found.pairs[one, other]} times"
                for one, other in few
            ),
        ),
    )


def _most_common(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))


def _places(found: Round) -> list[tuple[str, int, int, int]]:
    rows = [
        (
            point,
            found.places[f"worker death ({point})"],
            found.places[f"worker pause ({point})"],
            found.places[f"lost answer of COMMIT ({name})"] if moment == "at the commit" else 0,
        )
        for point in POINTS
        for name, _, moment in [point.partition(": ")]
    ]
    return sorted(rows)


def _sizes(found: Round) -> list[tuple[str | int, ...]]:
    names = sorted({name for name, _ in found.sizes})
    return [(name, *(found.sizes[name, number] for number in range(9))) for name in names]


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
