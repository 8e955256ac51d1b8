"""The model of the protocol (`protocol`) walked whole, breadth first, and the bugs that such a walk must find."""

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rollbacks.verdicts import Close, Decision, Guarded, Seen, SendNow, SendOutcome, Sent, Verdict, judge
from tests.torture.proofs import Report, Scale, Table, Tell
from tests.torture.protocol import BASE, RIGHT, Bounds, Bug, Judge, Model, World

# The walk


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk through all states found."""

    bounds: Bounds
    states: int
    steps: int
    depth: int
    broken: str = ""
    trace: tuple[str, ...] = ()
    verdicts: tuple[tuple[str, int], ...] = ()


def walk(  # noqa: C901 - one loop
    bounds: Bounds, bug: Bug = RIGHT, *, most: int = 50_000_000, tell: Callable[[int], None] = lambda _: None
) -> Walk:
    """Walk every state that can be reached; stops at the first broken promise, and gives the way there."""
    model = Model(bounds, bug)
    first = model.beginning()
    numbers: dict[World, int] = {first: 0}
    came_from: list[tuple[int, str]] = [(-1, "")]
    onwards: list[tuple[int, ...]] = []
    ended = bytearray()
    depths = [0]
    verdicts: Counter[str] = Counter()
    queue, count = deque([first]), 0

    def trace(number: int) -> tuple[str, ...]:
        told: list[str] = []
        while number > 0:
            number, what = came_from[number]
            told.append(what)
        return tuple(reversed(told))

    while queue:
        world = queue.popleft()
        number = len(onwards)
        ended.append(model.has_ended(world))
        if world.attempt in ("closed", "void"):
            verdicts[world.verdict or "conflict before T1"] += 1
        healing = []
        for what, fault, after in model.steps(world):
            count += 1
            found = numbers.get(after)
            if found is None:
                found = numbers[after] = len(came_from)
                came_from.append((number, what))
                depths.append(depths[number] + 1)
                if said := model.broken(after):
                    return Walk(bounds, len(numbers), count, depths[-1], said, trace(found))
                queue.append(after)
            if not fault:
                healing.append(found)
        onwards.append(tuple(healing))
        if number % 20_000 == 0:
            tell(number)
        if len(numbers) > most:
            raise AssertionError(f"more than {most:,} states")
    stuck = _stuck(onwards, ended)
    said = "" if stuck is None else "stuck object: no end is within reach although nothing goes wrong any more"
    way = () if stuck is None else trace(stuck)
    return Walk(bounds, len(numbers), count, max(depths), said, way, tuple(sorted(verdicts.items())))


def _stuck(onwards: Sequence[tuple[int, ...]], ended: bytearray) -> int | None:
    """Give the first state from which no end is within reach without a fault; None where there is none."""
    backwards: list[list[int]] = [[] for _ in onwards]
    for number, after in enumerate(onwards):
        for one in after:
            backwards[one].append(number)
    good = bytearray(ended)
    queue = deque(number for number, end in enumerate(ended) if end)
    while queue:
        for before in backwards[queue.popleft()]:
            if not good[before]:
                good[before] = 1
                queue.append(before)
    return next((number for number, one in enumerate(good) if not one), None)


# The proof

ROUND: Final = (
    Bounds(others=1, equals=0, duplicates=1, deaths=0, hiccups=0),
    Bounds(others=1, equals=1, duplicates=0, deaths=0, hiccups=0, names_authors=False, keeps_history=False),
    Bounds(others=0, equals=1, duplicates=0, deaths=0, hiccups=1, turned_away="xt", alters=True),
    Bounds(
        others=0, equals=1, duplicates=1, deaths=0, hiccups=0, names_authors=False, equal_succeeds=True, alters=True
    ),
    Bounds(workers=1, sends=3, others=1, equals=1, duplicates=1, deaths=1, hiccups=0, turned_away="x"),
)
RELEASE: Final = (
    *ROUND,
    *(
        replace(bounds, names_authors=authors, keeps_history=history, equal_succeeds=equal, alters=alters)
        for authors, history, equal, alters in itertools.product((True, False), repeat=4)
        for bounds in (
            Bounds(others=1, equals=1, duplicates=1, deaths=1, hiccups=1, turned_away="xtn"),
            Bounds(workers=1, sends=3, others=1, equals=1, duplicates=1, deaths=2, hiccups=1, turned_away="xtnlm"),
        )
    ),
)


def prove(scale: Scale, first_seed: int, tell: Tell) -> Report:
    """Walk within small bounds and on several platforms for a round, within larger ones and on all for a release."""
    chosen = ROUND if scale is Scale.ROUND else RELEASE
    began = time.process_time()
    walks: list[Walk] = []
    for bounds in chosen:
        walks.append(walk(bounds, tell=lambda done: tell(f"walk {len(walks) + 1} of {len(chosen)}: {done:,} states")))
    planted = {name: walk(within, bug) for name, (bug, within, _) in PLANTED.items()}
    return report(walks, planted, seconds=time.process_time() - began)


def report(walks: Sequence[Walk], planted: Mapping[str, Walk], *, seconds: float) -> Report:
    """Say how many states were walked within which bounds, and which planted bugs were found."""
    missed = [name for name, found in planted.items() if not found.broken.startswith(PLANTED[name][2])]
    states, steps = sum(one.states for one in walks), sum(one.steps for one in walks)
    verdicts: Counter[str] = Counter()
    for one in walks:
        verdicts.update(dict(one.verdicts))
    return Report(
        tried=f"PROTOCOL.md as a model, walked whole with the product's own judge: {states:,} states and {steps:,} "
        f"steps between them in {len(walks)} walks, {seconds:,.0f} s of one core. Every state was held against the "
        "promises, and an end was within reach of every state without a further fault. The same walks found "
        f"{len(planted) - len(missed)} of {len(planted)} bugs that were planted in the model.",
        broken=[
            *(f"{one.bounds}: {one.broken}, after: {'; '.join(one.trace)}" for one in walks if one.broken),
            *(f"the planted bug “{name}” was not found" for name in missed),
        ],
        tables=[
            Table(
                "Walks: workers, sends, foreign writes (equal ones), second deliveries, deaths, vanishings and freezes",
                ("platform", "bounds", "states", "steps", "longest way"),
                [(str(one.bounds), _bounds(one.bounds), one.states, one.steps, one.depth) for one in walks],
            ),
            Table("States in which an attempt has ended", ("verdict", "states"), verdicts.most_common()),
            Table(
                "Bugs planted in the model",
                ("bug", "what it broke", "steps to it"),
                [(name, found.broken or "not found", len(found.trace)) for name, found in planted.items()],
            ),
        ],
        bound="Exhaustive within the bounds.",
        not_tried=("types with several steps, and level C, in the model",),
    )


def _bounds(bounds: Bounds) -> str:
    writes = f"{bounds.others + bounds.equals} ({bounds.equals})"
    return ", ".join(
        str(one) for one in (bounds.workers, bounds.sends, writes, bounds.duplicates, bounds.deaths, bounds.hiccups)
    )


# Planted bugs


def _judging(wrong: Callable[[Sequence[Sent], Seen, bool], Close | None]) -> Judge:
    """Give the product's judge, overruled where this says otherwise."""

    def judging(
        guarded: Guarded, sends: Sequence[Sent], live: Seen, *, horizon_over: bool, **known: object
    ) -> Decision:
        overruled = wrong(sends, live, horizon_over) if sends else None
        if overruled is not None:
            return overruled
        return judge(guarded, sends, live, horizon_over=horizon_over, **known)  # type: ignore[arg-type]

    return judging


def _ends(verdict: Verdict, *outcomes: SendOutcome) -> Judge:
    """Judge by the last answer alone."""
    return _judging(lambda sends, _live, _over: Close(verdict) if sends[-1].outcome in outcomes else None)


def _takes_live_for_the_successor(
    guarded: Guarded, sends: Sequence[Sent], live: Seen, *, horizon_over: bool, **_: object
) -> Decision:
    moved = replace(live, version=min(live.version or BASE, BASE + 1))
    return judge(guarded, sends, moved, successor=None, horizon_over=horizon_over)


def _forgets_earlier_sends(guarded: Guarded, sends: Sequence[Sent], live: Seen, **known: object) -> Decision:
    return judge(guarded, sends[-1:], live, **known)  # type: ignore[arg-type]


def _believes_equal_content(
    guarded: Guarded, sends: Sequence[Sent], live: Seen, *, horizon_over: bool, **known: object
) -> Decision:
    if sends and live.version == BASE + 1 and live.digest == guarded.target_digest:
        return Close(Verdict.VERIFIED)
    return judge(guarded, sends, live, horizon_over=horizon_over, **known)  # type: ignore[arg-type]


def _never_satisfied(guarded: Guarded, sends: Sequence[Sent], live: Seen, **known: object) -> Decision:
    return SendNow("once more, on what is live now") if sends else judge(guarded, sends, live, **known)  # type: ignore[arg-type]


_ONE: Final = Bounds(workers=1, sends=2, others=1, equals=1, duplicates=0, deaths=1, hiccups=0)
_TWO: Final = Bounds(workers=2, sends=1, others=1, equals=0, duplicates=0, deaths=0, hiccups=0)

PLANTED: Final[dict[str, tuple[Bug, Bounds, str]]] = {
    "T2 without the state check": (Bug(checks_state_at_t2=False), _TWO, "unaudited write"),
    "T2 without counting the sends": (
        Bug(checks_sends_at_t2=False),
        replace(_TWO, others=0, hiccups=1),
        "false verdict",
    ),
    "409 read as a failure": (Bug(_ends(Verdict.NOT_APPLIED, SendOutcome.LOST_RACE)), _ONE, "false verdict"),
    "2xx read as proof": (
        Bug(_ends(Verdict.VERIFIED, SendOutcome.APPLIED)),
        replace(_ONE, equal_succeeds=True),
        "false verdict",
    ),
    "silence read as a failure": (Bug(_ends(Verdict.NOT_APPLIED, SendOutcome.UNKNOWN)), _ONE, "false verdict"),
    "sent again on a new base": (Bug(keeps_base=False, judge=_never_satisfied), _ONE, "lost update"),
    "no guard": (Bug(guards=False), _ONE, "lost update"),
    "recovery without a read": (Bug(reads_first=False), _ONE, "stuck object"),
    "one look believed": (Bug(looks_twice=False), replace(_ONE, hiccups=1), "false verdict"),
    "bytes before T1": (Bug(intent_first=False), _ONE, "unaudited write"),
    "bytes before the row of their send": (Bug(row_first=False), _ONE, "unaudited write"),
    "live taken for b + 1": (Bug(_takes_live_for_the_successor), _ONE, "false verdict"),
    "earlier sends forgotten": (Bug(_forgets_earlier_sends), _ONE, "false verdict"),
    "equal content read as ours": (Bug(_believes_equal_content), _ONE, "false verdict"),
    "a stale read believed": (
        Bug(_judging(lambda _sends, live, _over: Close(Verdict.NOT_APPLIED) if live.version == BASE else None)),
        _ONE,
        "false verdict",
    ),
}
"""Of each: the bug, the bounds within which it must be found, and the promise that it breaks."""
