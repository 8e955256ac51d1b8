"""All schedules of up to three faults on one rollback, by the real code: what goes wrong, and at which moment.

A schedule is followed, not guessed: its next fault is placed only at moments that the history with the faults before it
truly comes by (a tree of prefixes), so none is empty. Two moments at which the worker, the database and the platform
know the same are one moment: what follows from a fault there is the same. So a fault is placed there once, whichever
faults before it led there; the tree is walked by levels, and first by the fewest faults.

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

import contextlib
import hashlib
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
_BELIEVED_FROM: Final = 2
"""So many reads that did not show what stood are believed where they come one after the other: no fewer."""
_BELIEVED: Final = (
    "the verdict is conflict, and nobody else wrote",
    "indeterminate, and the object never moved",
)
"""What the checker then says."""
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


def next_ones(one: Play, schedule: Schedule, *, whole: bool) -> Iterator[tuple[Schedule, bytes]]:
    """Give each schedule with one fault more, at the moments after its last one that this play came by.

    Beside it what names its last fault and where that happens, in so far as what follows depends on it.
    """
    first = schedule[-1][0] + 1 if schedule else 0
    met: set[bytes] = set()
    for number in range(first, len(one.moments)):
        moment = one.moments[number]
        for fault in faults_at(moment, whole=whole, authors=one.platform.tells_authors):
            by_its_point = whole and not schedule
            where = moment.durable if fault is DEATH and not by_its_point else moment.key
            named = hashlib.blake2b(repr((fault, where)).encode(), digest_size=16).digest()
            if named not in met:
                met.add(named)
                yield (*schedule, (number, fault)), named


@dataclass
class Came:
    """What came of some schedules."""

    played: Counter[int] = field(default_factory=Counter)
    """By the number of faults."""
    verdicts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    left: int = 0
    """How many were known and not begun, for want of time."""
    following: list[tuple[Schedule, bytes]] = field(default_factory=list)
    """The schedules with one fault more, and what names the last of it (`next_ones`)."""

    def add(self, other: "Came") -> None:
        """Take in what came of others."""
        self.played.update(other.played)
        self.verdicts.update(other.verdicts)
        self.kinds.update(other.kinds)
        self.broken += other.broken
        self.left += other.left


def follow(
    ground: Ground, setting: Setting, schedule: Schedule, came: Came, *, further: bool, whole: bool
) -> list[Schedule]:
    """Play one schedule, check it, and give those with one fault more, if they are asked for."""
    with play(ground, setting.way, dict(schedule), asks_keys=further) as one:
        one.run()
        came.played[len(schedule)] += 1
        came.kinds.update(fault.kind for _, fault in schedule)
        said = checking.faults_of(cast("History", one))
        said += promises.broken(cast("History", one), one.attempts)
        came.verdicts.update(checking.verdicts(cast("History", one)))
        untrue = sum(fault.kind in _NOT_THE_BASE or fault == _MISSING for _, fault in schedule)
        if untrue >= _BELIEVED_FROM:
            # One look that does not show the base, or says that nothing is there, is doubted; a second is believed.
            said = [broken for broken in said if broken not in _BELIEVED]
        if said:
            told = "; ".join(f"{one.moments[at].what} {one.moments[at].name} ({at}): {fault}" for at, fault in schedule)
            came.broken.append(f"{setting.name}: {told}: {'; '.join(said)}")
        following = list(next_ones(one, schedule, whole=whole)) if further else []
    came.following += following
    return [schedule for schedule, _ in following]


@dataclass(frozen=True, slots=True)
class Share:
    """What one process does at a time: schedules to play, and whether those with one fault more are asked for."""

    setting: Setting
    schedules: tuple[Schedule, ...]
    further: bool
    whole: bool


def play_share(share: Share) -> Came:
    """Play a share's schedules."""
    came = Came()
    with held(share.setting.ground()) as ground:
        for schedule in share.schedules:
            follow(ground, share.setting, schedule, came, further=share.further, whole=share.whole)
    return came


_AT_ONCE: Final = 20


def walk(setting: Setting, *, depth: int, whole: bool, tell: Tell, seconds: float = math.inf) -> Came:
    """Play every schedule of up to so many faults, those of fewer faults first, and none twice (`next_ones`).

    After so many seconds no further ones are begun; `left` says how many of those that are known were not.
    """
    until = time.monotonic() + seconds
    total, met = Came(), set[bytes]()
    level: list[Schedule] = [()]
    for faults in range(depth + 1):
        came = Came()
        cut = [tuple(level[at : at + _AT_ONCE]) for at in range(0, len(level), _AT_ONCE)]
        shares = [Share(setting, schedules, further=faults < depth, whole=whole) for schedules in cut]
        with contextlib.closing(sharing.share_out(play_share, shares)) as parts:
            for one in parts:
                came.add(one)
                came.following += one.following
                tell(f"{came.played.total():,} of {len(level):,} schedules of {faults} faults, {setting.name}")
                if time.monotonic() > until:
                    break
        total.add(came)
        total.left += len(level) - came.played.total()
        if total.left:
            break
        level = []
        for schedule, named in came.following:
            if named not in met:
                met.add(named)
                level.append(schedule)
    return total


SECONDS_OF_A_ROUND: Final = 150.0
"""For each walk, so that a slow or busy machine ends a round too."""
DEPTHS: Final = {Scale.ROUND: (1, 2), Scale.RELEASE: (2, 3)}
"""Up to so many faults of the whole alphabet, and of one of each class."""


def prove(scale: Scale, first_seed: int, tell: Tell) -> Report:
    """Play all schedules of up to three faults of each class, and of up to two of the whole alphabet; a round one less.

    Nothing is drawn, so the first seed is not asked for.
    """
    del first_seed
    rows: list[tuple[str | int, ...]] = []
    total = Came()
    longest = SECONDS_OF_A_ROUND if scale is Scale.ROUND else math.inf
    for setting in SETTINGS:
        for alphabet, depth in zip(("whole alphabet", "classes"), DEPTHS[scale], strict=True):
            came = walk(setting, depth=depth, whole=alphabet == "whole alphabet", tell=tell, seconds=longest)
            total.add(came)
            rows.append((setting.name, alphabet, *(came.played[faults] for faults in (1, 2, 3))))
    return report(total, rows, exhaustive=scale is Scale.RELEASE)


def report(total: Came, rows: Sequence[tuple[str | int, ...]], *, exhaustive: bool) -> Report:
    """Say how many schedules were played, and what came of them."""
    return Report(
        tried=f"{total.played.total():,} schedules of faults on one rollback, each placed where the history with the "
        "faults before it truly comes by, one worker at a time with its successors, checked against the platform's own "
        "log.",
        broken=total.broken,
        tables=[
            Table("Schedules played", ("on", "alphabet", "of 1 fault", "of 2", "of 3"), rows),
            Table("How attempts ended in the schedules", ("verdict", "times"), total.verdicts.most_common()),
            Table("Faults in the schedules", ("kind", "times"), total.kinds.most_common()),
        ],
        bound=_bound(total, exhaustive=exhaustive),
        not_tried=(
            "three faults of the whole alphabet in one schedule" if exhaustive else "three faults in one schedule",
            *((f"{total.left:,} schedules that were known, for want of time",) if total.left else ()),
        ),
    )


def _bound(total: Came, *, exhaustive: bool) -> str:
    faults, whole = ("three", "two") if exhaustive else ("two", "one")
    if total.left:
        return f"Of up to {faults} faults {total.left:,} schedules were left, for want of time."
    return f"Exhaustive over its alphabets: up to {faults} faults of each class, up to {whole} of the whole alphabet."
