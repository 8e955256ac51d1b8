"""What goes wrong on the way between the console and the platform, drawn from a seed.

A fault of an exchange hits the first write of the console that its turn allows; one of a worker hits whoever comes by
its named point first; one of a moment happens on the clock. Nothing here judges: the checker does.
"""

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
    "duplicated delivery",
    "delayed duplicate",
    "delayed delivery",
    "lease overrun",
    "server alters",
)
"""They hit a write."""
AROUND: Final = ("stale reads", "weak ETag", "equal foreign write", "redelivered task")
"""They hit a write too, by what they do right before it or after it."""
WORKER: Final = ("worker death", "worker pause", "lost answer of COMMIT")
KINDS: Final = (*EXCHANGE, *AROUND, *WORKER)

TRANSACTIONS: Final = ("refuse_run", "begin_attempt", "begin_send", "end_send", "mark_overdue", "close_attempt")
"""The functions of the console whose outermost transactions are named points."""
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

    def __str__(self) -> str:
        return f"{self.kind} ({self.point})" if self.point else self.kind


def draw(chance: random.Random, number: int) -> list[Fault]:
    """Draw so many faults."""
    return [one(chance, chance.choice(KINDS)) for _ in range(number)]


def one(chance: random.Random, kind: str) -> Fault:
    """Draw the particulars of a fault of this kind."""
    fault = Fault(
        kind=kind,
        skip=chance.choice((0, 0, 0, 1, 2)) if kind not in WORKER else chance.choice((0, 0, 1)),
        seconds=chance.choice((0.2, 3.0, 25.0, 45.0, 90.0, 400.0)),
        coin=chance.random() < 0.5,
        status=chance.choice((500, 502, 503, 504)),
    )
    if kind in ("worker death", "worker pause"):
        fault.point = chance.choice(POINTS)
    if kind == "worker pause":
        # A pause inside a transaction would hold its locks in real time.
        fault.point = chance.choice([point for point in POINTS if not point.endswith("at the commit")])
    elif kind == "lost answer of COMMIT":
        fault.point = chance.choice(TRANSACTIONS)
    return fault


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
        """Give the one fault that hits this write."""
        return next((fault for fault in self.faults if fault.kind in EXCHANGE and self._turn(fault)), None)

    def around_write(self) -> list[Fault]:
        """Give what happens around this write."""
        return [fault for fault in self.faults if fault.kind in AROUND and self._turn(fault)]

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

    def hits(self) -> list[str]:
        """Name the kinds that have had their turn."""
        return [fault.kind for fault in self.faults if fault.hit]
