"""The proofs of `make torture`: what each one tries, how much of it at which scale, and what it reports."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

Tell = Callable[[str], None]
"""Is told in a few words how far a proof has come."""


class Scale(StrEnum):
    """How much of a proof is done."""

    ROUND = "round"
    """What continuous integration does on every change: minutes."""
    RELEASE = "release"
    """What stands behind a release: hours."""


@dataclass(frozen=True, slots=True)
class Table:
    """Figures, for the terminal and for the page alike."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | int]]


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a proof."""

    tried: str
    """What was done and how often, in sentences."""
    broken: Sequence[str] = ()
    """Every promise that did not hold, in sentences that name the seed or the case; empty where all held."""
    tables: Sequence[Table] = field(default_factory=tuple)
    bound: str = ""
    """What follows from it: exhaustive, or by the rule of three at most so many in so many."""
    not_tried: Sequence[str] = ()
    repeat: str = ""
    """The command that repeats it."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof: `prove(scale, first_seed, tell)` of its module does it, on a scratch database if it asks for one."""

    name: str
    title: str
    on_scratch_database: bool = True
    in_a_round: bool = True
    """Whether a round does it unasked; of the others a round has only the short forms in their tests."""
    beside_others: bool = False
    """Whether it mostly waits for time to pass, so that it is done beside the others, by a process of its own."""

    def prove(self, scale: Scale, first_seed: int, tell: Tell) -> Report:
        """Do it."""
        done: Report = importlib.import_module(f"tests.torture.{self.name}").prove(scale, first_seed, tell)
        return done


PROOFS: Final = (
    Proof("simulation", "The guarded write under seeded faults"),
    Proof("schedules", "Every schedule of up to three faults"),
    Proof("matrix", "The matrix of answers"),
    Proof("model", "The protocol as a model, walked whole", on_scratch_database=False),
    Proof("mutants", "Planted bugs that the simulation has to catch"),
    Proof("processes", "Real processes, killed and paused", on_scratch_database=False, beside_others=True),
    Proof("crowd", "A crowd at one object", on_scratch_database=False),
    Proof("tampering", "The trail in the hands of the database's owner"),
)
