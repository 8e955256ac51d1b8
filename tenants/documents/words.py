"""Which words of a changed value changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tenants.documents.lines import Segment
from tenants.documents.matching import common_subsequence

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORDS: Final = re.compile(r"\\u[0-9a-f]{4}|\\.|\w+|\s+|[^\w\s]")
# Beyond this the middle is marked as a whole: nobody reads word marks in a page of text that is all different.
_MOST_PAIRS: Final = 40_000


def word_marks(before: str, after: str) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """Give both texts in segments, marked where they differ; joined, the segments are the texts again."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    shorter = min(len(old), len(new))
    start = 0
    while start < shorter and old[start] == new[start]:
        start += 1
    end = 0
    while end < shorter - start and old[-1 - end] == new[-1 - end]:
        end += 1
    old_middle, new_middle = old[start : len(old) - end], new[start : len(new) - end]
    old_marks = [False] * len(old)
    new_marks = [False] * len(new)
    old_marks[start : start + len(old_middle)] = [True] * len(old_middle)
    new_marks[start : start + len(new_middle)] = [True] * len(new_middle)
    if old_middle and new_middle and len(old_middle) * len(new_middle) <= _MOST_PAIRS:
        for i, j in common_subsequence(old_middle, new_middle):
            old_marks[start + i] = new_marks[start + j] = False
    return _segments(old, old_marks), _segments(new, new_marks)


def _segments(words: Sequence[str], marks: list[bool]) -> tuple[Segment, ...]:
    # A space between two marked words is marked with them: one mark for a phrase, not one for each word.
    for index in range(1, len(words) - 1):
        if marks[index - 1] and marks[index + 1] and words[index].isspace():
            marks[index] = True
    segments: list[Segment] = []
    first = 0
    for index in range(1, len(words) + 1):
        if index == len(words) or marks[index] != marks[first]:
            segments.append(Segment("".join(words[first:index]), marks[first]))
            first = index
    return tuple(segments)
