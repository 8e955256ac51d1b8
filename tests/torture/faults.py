"""What goes wrong on the way between the console and the platform, drawn from a seed.

A fault of an exchange hits the first write of the console that its turn allows; one of a worker hits whoever comes by
its named point first; one of a moment happens on the clock. Nothing here judges: the checker does.
"""

import itertools
import random
from dataclasses import dataclass
from typing import Final

EXCHANGE: Final = (
    "refused connection",
    "drop before",
    "drop after commit",
    "reset",
    "timeout",
    "half body",
    "5xx before",
    "5xx after commit",
    "false 409",
    "false 412",
    "429",
    "401",
    "locked",
    "html 200",
    "delayed delivery",
)
"""They hit a write and decide what is answered; one at a time."""
DELIVERY: Final = ("duplicated delivery", "delayed duplicate", "server alters")
"""They hit a write that arrives, whatever is answered then."""
AROUND: Final = ("lease overrun", "stale reads", "weak ETag", "equal foreign write", "redelivered task")
"""They hit any write, by what they do right before it or after it."""
WORKER: Final = ("worker death", "worker pause", "lost answer of COMMIT")
KINDS: Final = (*EXCHANGE, *DELIVERY, *AROUND, *WORKER)
PAIRS: Final = tuple(itertools.combinations(sorted(KINDS), 2))
ARRIVES: Final = ("drop after commit", "half body", "5xx after commit", "false 409", "false 412", "delayed delivery")
"""After these nothing of this attempt may have to leave again, so other faults of a write come first."""
IN_OTHER_WORDS: Final = {"weak ETag": "gateway alters ETags", "redelivered task": "redelivery of the task"}

TRANSACTIONS: Final = ("refuse_run", "begin_attempt", "begin_send", "end_send", "mark_overdue", "close_attempt")
"""The functions of the console whose outermost transactions are named points."""
ON_EVERY_WAY: Final = ("begin_attempt", "begin_send", "end_send", "close_attempt", "PUT", "GET")
"""Each attempt that sends comes by these."""
POINTS: Final = tuple(
    [f"{name}: {moment}" for name in TRANSACTIONS for moment in ("before", "at the commit", "after")]
    + [f"{method}: {moment}" for method in ("PUT", "GET") for moment in ("leaves", "under way", "answered")]
)


@dataclass(eq=False)
class Fault:
    """One thing that goes wrong, once."""

    kind: str
    skip: int
    """So many chances pass by first."""
    seconds: float
    coin: bool
    """Where a fault has two ways: the request arrived, the COMMIT took effect, the platform says for how long."""
    status: int
    point: str = ""
    hit: bool = False
    wanted: bool = False
    """Whether this history is played to see it: where it had no chance, people ask for another rollback."""

    def __str__(self) -> str:
        return f"{self.kind} ({self.point})" if self.point else self.kind


def draw(seed: int, chance: random.Random) -> list[Fault]:
    """Draw 0 to 6 faults: two kinds whose turn it is with this seed, and up to four others; every tenth time few.

    What needs the bytes to leave again comes before what lets the write land.
    """
    if seed % 10 == 0:
        drawn = [one(chance, chance.choice(KINDS)) for _ in range(chance.randint(0, 1))]
    else:
        drawn = [one(chance, kind, wanted=True) for kind in PAIRS[seed % len(PAIRS)]]
        drawn += [one(chance, chance.choice(KINDS)) for _ in range(chance.randint(0, 4))]
    return sorted(drawn, key=lambda fault: fault.kind in ARRIVES)


def one(chance: random.Random, kind: str, *, wanted: bool = False) -> Fault:
    """Draw the particulars of a fault of this kind; one that is wanted lets no chance pass by."""
    fault = Fault(
        kind=kind,
        skip=0 if wanted else chance.choice((0, 0, 0, 1, 2)) if kind not in WORKER else chance.choice((0, 0, 1)),
        seconds=chance.choice((0.2, 3.0, 25.0, 45.0, 90.0, 400.0)),
        coin=chance.random() < 0.5,
        status=chance.choice((500, 502, 503, 504)),
        wanted=wanted,
    )
    if kind in WORKER:
        fault.point = chance.choice(points_of(kind))
    return fault


def points_of(kind: str) -> tuple[str, ...]:
    """Name the points at which a fault of a worker may hit."""
    if kind == "lost answer of COMMIT":
        return TRANSACTIONS
    if kind == "worker pause":
        # A pause inside a transaction would hold its locks in real time.
        return tuple(point for point in POINTS if not point.endswith("at the commit"))
    return POINTS


class Plan:
    """The faults of one history, and which of them have had their turn."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        self.quiet = False
        """From here on nothing goes wrong any more."""

    def _turn(self, fault: Fault) -> bool:
        if self.quiet or fault.hit:
            return False
        if fault.skip > 0:
            fault.skip -= 1
            return False
        fault.hit = True
        return True

    def for_write(self) -> Fault | None:
        """Give the one fault that decides the answer to this write."""
        return next((fault for fault in self.faults if fault.kind in EXCHANGE and self._turn(fault)), None)

    def around_write(self) -> list[Fault]:
        """Give what happens around this write."""
        return [fault for fault in self.faults if fault.kind in AROUND and self._turn(fault)]

    def delivery(self) -> list[Fault]:
        """Give what happens to this write, which arrives, on its way."""
        return [fault for fault in self.faults if fault.kind in DELIVERY and self._turn(fault)]

    def missed(self) -> list[Fault]:
        """Give what was wanted and has not had its turn."""
        return [fault for fault in self.faults if fault.wanted and not fault.hit]

    def place_anew(self, chance: random.Random) -> None:
        """Let what was missed hit at the next chance; a point that nobody came by is given up for one on every way."""
        for fault in self.missed():
            fault.skip = 0
            if fault.kind in WORKER:
                often = [point for point in points_of(fault.kind) if point.partition(":")[0] in ON_EVERY_WAY]
                fault.point = chance.choice(often)

    def at(self, point: str) -> Fault | None:
        """Give the fault of a worker that comes by this point."""
        kinds = ("worker death", "worker pause")
        return next((one for one in self.faults if one.kind in kinds and one.point == point and self._turn(one)), None)

    def at_commit(self, name: str) -> Fault | None:
        """Give the loss of the answer to this COMMIT."""
        return next(
            (
                one
                for one in self.faults
                if one.kind == "lost answer of COMMIT" and one.point == name and self._turn(one)
            ),
            None,
        )

    def places(self) -> list[str]:
        """Name the points at which a worker was hit."""
        return [str(fault) for fault in self.faults if fault.hit and fault.point]

    def hits(self) -> list[str]:
        """Name the kinds that have had their turn."""
        return [fault.kind for fault in self.faults if fault.hit]
