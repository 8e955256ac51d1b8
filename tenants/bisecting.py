"""Which version to ask about next, between one that was good and one that is bad, and which is the first bad one. Pure.

The versions stand in a row, the good one first and the bad one last. Somewhere between them good becomes bad; each
answer halves what is left. A version that cannot be judged is skipped: the nearest other one to the middle is asked
about, and where only skipped ones are left, the first bad is one of several. When bad content was good again in
between, the answer is still a version that is bad right after one that is good.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Said(StrEnum):
    """What somebody said of one version."""

    GOOD = "good"
    BAD = "bad"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a search has come; places count from 0, the good end."""

    good: int
    """The last place that is good, as far as answers tell."""
    bad: int
    """The first after it that is bad."""
    ask: int | None
    """The place to ask about next; None at the end."""
    suspects: tuple[int, ...]
    """At the end: the first bad one, or all of those that it may be where some were skipped."""
    left: int
    """How many questions there still are at most, if none is skipped."""

    @property
    def found(self) -> int | None:
        """The place of the first bad version; None where it is not known, or not yet."""
        return self.suspects[0] if len(self.suspects) == 1 else None


def stand(count: int, answers: Mapping[int, Said]) -> Standing:
    """Give how a search among `count` versions in a row, each unlike the one before, stands after these answers.

    Raises ValueError for fewer than two versions.
    """
    if count < 2:
        raise ValueError("A search needs a good and a bad version.")
    known = {**answers, 0: Said.GOOD, count - 1: Said.BAD}
    bad = min(place for place, said in known.items() if said is Said.BAD)
    good = max(place for place, said in known.items() if said is Said.GOOD and place < bad)
    between = range(good + 1, bad)
    can_be_asked = [place for place in between if known.get(place) is not Said.SKIP]
    if can_be_asked:
        middle = (good + bad) / 2
        ask = min(can_be_asked, key=lambda place: (abs(place - middle), place))
        left = math.ceil(math.log2(bad - good))
        return Standing(good=good, bad=bad, ask=ask, suspects=(), left=left)
    return Standing(good=good, bad=bad, ask=None, suspects=(*between, bad), left=0)
