"""All schedules of up to three faults on one rollback, by the real code: what goes wrong, and at which moment.

A schedule is followed, not guessed: its next fault is placed only at moments that the history with the faults before it
truly comes by (a tree of prefixes), so none is empty. Two moments at which the worker, the database and the platform
know the same are one moment: what follows from a fault there is the same.

The whole alphabet is everything that can go wrong at a moment: answers and silences of a write and of a read, a foreign
write, an equal one, stale reads, a death, a pause past the lease with another worker at it meanwhile, a message that
comes twice, and the answer of a COMMIT lost, with and without its effect. Where there are more schedules than can be
played it is reduced to classes of what the console can tell apart:

- of a write: nothing arrived and silence; arrived and silence (a 5xx, a reset, a timeout, half a body and HTML are one
  outcome to the judge: UNKNOWN); a lost race that is none, arrived; refused for certain; 401; turned away for now (429,
  a lock, no connection: it may leave again at once); arrived twice; arrives late; stored otherwise;
- of a read of the object: nothing (every error is: nothing was read); not there; an older state. Other reads only
  decide whether one goes on, so of them one stands for all;
- a death: a successor knows nothing but what is durable, so one death for each durable state; a COMMIT whose answer
  is lost, both ways, where a worker lives on; a pause where a decision was reached and is not yet carried out.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from tests.torture import checking, promises, sharing
from tests.torture.proofs import Report, Scale, Table, Tell
from tests.torture.solo import Ground, Moment, Play
from tests.torture.solo_seams import held, play
from tests.torture.solo_way import ETAGS, SCHEMA, Fault, Way

if TYPE_CHECKING:
    from tests.torture.history import History

Schedule = tuple[tuple[int, Fault], ...]
"""Faults, each with the number of its moment; numbers rise."""

_SILENCES: Final = tuple(Fault(kind, way) for kind in ("drop", "timeout", "html 200") for way in (True, False))
_ANSWERS: Final = tuple(Fault("answer", True, status) for status in (409, 412, 500, 503)) + tuple(
    Fault("answer", False, status) for status in (401, 403, 404, 408, 409, 412, 428, 429, 500, 503)
)
_ARRIVALS: Final = tuple(
    Fault(kind)
    for kind in ("refused connection", "locked", "duplicated delivery", "delayed duplicate", "delayed delivery")
)
WRITES: Final = (
    *_SILENCES,
    *_ANSWERS,
    *_ARRIVALS,
    Fault("lease overrun"),
    Fault("server alters"),
    Fault("death under way", True),
    Fault("death under way", False),
)
READS: Final = (
    Fault("drop"),
    Fault("timeout"),
    Fault("refused connection"),
    Fault("html 200"),
    *(Fault("answer", status=status) for status in (401, 404, 429, 503)),
    Fault("stale reads"),
    Fault("weak ETag"),
    Fault("ETag of a gateway"),
)
BESIDES: Final = (Fault("foreign write"), Fault("equal foreign write"))
LOST: Final = (Fault("lost COMMIT", True), Fault("lost COMMIT", False))
DEATH, PAUSE, REDELIVERY = Fault("death"), Fault("pause"), Fault("redelivery")

CLASSES_OF_WRITES: Final = (
    Fault("drop", False),
    Fault("drop", True),
    Fault("answer", True, 409),
    Fault("answer", False, 403),
    Fault("answer", False, 401),
    Fault("answer", False, 429),
    Fault("duplicated delivery"),
    Fault("delayed delivery"),
    Fault("server alters"),
)
CLASSES_OF_READS: Final = (Fault("drop"), Fault("answer", status=404), Fault("stale reads"))
_MISSING: Final = Fault("answer", status=404)
_NOT_THE_BASE: Final = ("weak ETag", "ETag of a gateway")
_DECIDED: Final = ("begin_send: before", "close_attempt: before", "PUT the object")


@dataclass(frozen=True, slots=True)
class Setting:
    """On what a tree of schedules is played."""

    name: str
    level: str
    way: Way

    def ground(self) -> Ground:
        """Give a new ground of this level."""
        return Ground(ETAGS if self.level == "A" else SCHEMA)


SETTINGS: Final = (
    Setting(
        "level A, authors named, history readable, equal changes answered 2xx", "A", Way(equal_write_succeeds=True)
    ),
    Setting("level B, no author, no history", "B", Way(names_authors=False, keeps_history=False)),
)


def faults_at(moment: Moment, *, whole: bool, authors: bool) -> Sequence[Fault]:
    """Give what can go wrong at a moment: of the whole alphabet, or one of each class."""
    of_object = moment.name.endswith("the object")
    if moment.what == "PUT":
        # Where nobody is named, PROTOCOL.md assumes that the platform stores what it is sent.
        return [one for one in (WRITES if whole else CLASSES_OF_WRITES) if authors or one.kind != "server alters"]
    if moment.what == "GET":
        return READS if whole else CLASSES_OF_READS if of_object else CLASSES_OF_READS[:1]
    if moment.what == "commit":
        return (*LOST, DEATH)
    beside = (
        BESIDES if moment.what in ("before", "after") and (whole or (of_object and moment.what == "before")) else ()
    )
    if whole:
        return (*beside, DEATH, PAUSE, REDELIVERY)
    return (*beside, DEATH, *((PAUSE,) if moment.name in _DECIDED and moment.what != "after" else ()))


def next_ones(one: Play, schedule: Schedule, *, whole: bool) -> Iterator[Schedule]:
    """Give each schedule with one fault more, at the moments after its last one that this play came by."""
    first = schedule[-1][0] + 1 if schedule else 0
    met: set[object] = set()
    for number in range(first, len(one.moments)):
        moment = one.moments[number]
        for fault in faults_at(moment, whole=whole, authors=one.platform.tells_authors):
            where = moment.durable if fault is DEATH and not whole else moment.key
            if (fault, where) not in met:
                met.add((fault, where))
                yield (*schedule, (number, fault))


@dataclass
class Came:
    """What came of some schedules."""

    played: Counter[int] = field(default_factory=Counter)
    """By the number of faults."""
    verdicts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def add(self, other: "Came") -> None:
        """Take in what came of others."""
        self.played.update(other.played)
        self.verdicts.update(other.verdicts)
        self.kinds.update(other.kinds)
        self.broken += other.broken


def follow(
    ground: Ground, setting: Setting, schedule: Schedule, came: Came, *, depth: int, whole: bool
) -> list[Schedule]:
    """Play one schedule, check it, and give those with one fault more, if there may be as many."""
    with play(ground, setting.way, dict(schedule), asks_keys=len(schedule) < depth) as one:
        one.run()
        came.played[len(schedule)] += 1
        came.kinds.update(fault.kind for _, fault in schedule)
        said = checking.faults_of(cast("History", one))
        said += promises.broken(cast("History", one), one.attempts)
        came.verdicts.update(checking.verdicts(cast("History", one)))
        if any(fault.kind in _NOT_THE_BASE or fault == _MISSING for _, fault in schedule):
            # What does not show the base before anything was sent is a conflict too, whoever made it so.
            said = [broken for broken in said if broken != "the verdict is conflict, and nobody else wrote"]
        if said:
            told = "; ".join(f"{one.moments[at].what} {one.moments[at].name} ({at}): {fault}" for at, fault in schedule)
            came.broken.append(f"{setting.name}: {told}: {'; '.join(said)}")
        return list(next_ones(one, schedule, whole=whole)) if len(schedule) < depth else []


@dataclass(frozen=True, slots=True)
class Share:
    """What one process does at a time: schedules to play, and how far to follow them."""

    setting: Setting
    schedules: tuple[Schedule, ...]
    depth: int
    whole: bool
    seed: int
    slice_of_last: float = 1.0
    """The part of the schedules with most faults that is played."""


def play_share(share: Share) -> Came:
    """Play a share's schedules and what follows from them."""
    came = Came()
    with held(share.setting.ground()) as ground:
        queue = list(share.schedules)
        while queue:
            schedule = queue.pop()
            following = follow(ground, share.setting, schedule, came, depth=share.depth, whole=share.whole)
            for one in following:
                chance = random.Random(f"{share.seed} {one}").random()  # noqa: S311 - which part of them is played
                if len(one) < share.depth or chance < share.slice_of_last:
                    queue.append(one)
    return came


def singles(setting: Setting, *, whole: bool) -> list[Schedule]:
    """Give every schedule of one fault."""
    with held(setting.ground()) as ground:
        return follow(ground, setting, (), Came(), depth=1, whole=whole)


_AT_ONCE: Final = 12


def shares(setting: Setting, *, depth: int, whole: bool, seed: int, slice_of_last: float = 1.0) -> list[Share]:
    """Cut the tree of a setting into shares, by the first fault."""
    first = singles(setting, whole=whole)
    cut = partial(Share, setting, depth=depth, whole=whole, seed=seed, slice_of_last=slice_of_last)
    return [cut(tuple(first[at : at + _AT_ONCE])) for at in range(0, len(first), _AT_ONCE)]


def prove(scale: Scale, first_seed: int, tell: Tell) -> Report:
    """Play singles and a part of the pairs and triples for a round, everything for a release."""
    plan: list[tuple[str, list[Share]]] = []
    for number, setting in enumerate(SETTINGS):
        if scale is Scale.ROUND:
            plan.append(("whole alphabet", shares(setting, depth=1, whole=True, seed=first_seed)))
            part = _PAIRS_IN_A_ROUND[number]
            plan.append(("classes", shares(setting, depth=2, whole=False, seed=first_seed, slice_of_last=part)))
        else:
            plan.append(("whole alphabet", shares(setting, depth=2, whole=True, seed=first_seed)))
            plan.append(("classes", shares(setting, depth=3, whole=False, seed=first_seed)))
    rows: list[tuple[str | int, ...]] = []
    total, done = Came(), 0
    for alphabet, mine in plan:
        came = Came()
        for one in sharing.share_out(play_share, mine):
            came.add(one)
            done += one.played.total()
            tell(f"{done:,} schedules")
        total.add(came)
        part = mine[0].slice_of_last
        counted = [came.played[faults] for faults in (1, 2, 3)]
        rows.append((mine[0].setting.name, alphabet, *counted, "all" if part == 1.0 else f"{part:.0%} of the longest"))
    return report(total, rows, exhaustive=scale is Scale.RELEASE)


_PAIRS_IN_A_ROUND: Final = (0.25, 0.1)


def report(total: Came, rows: Sequence[tuple[str | int, ...]], *, exhaustive: bool) -> Report:
    """Say how many schedules were played, and what came of them."""
    return Report(
        tried=f"{total.played.total():,} schedules of faults on one rollback, each placed where the history with the "
        "faults before it truly comes by, one worker at a time with its successors, checked against the platform's own "
        "log.",
        broken=total.broken,
        tables=[
            Table("Schedules played", ("on", "alphabet", "of 1 fault", "of 2", "of 3", "part"), rows),
            Table("How attempts ended in the schedules", ("verdict", "times"), total.verdicts.most_common()),
            Table("Faults in the schedules", ("kind", "times"), total.kinds.most_common()),
        ],
        bound="Exhaustive over its alphabets."
        if exhaustive
        else "Exhaustive for one fault; a seeded part of the pairs.",
        not_tried=() if exhaustive else ("every pair and triple of faults (the release does)",),
    )
