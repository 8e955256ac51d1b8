"""The longest common subsequence is the longest, whichever of the two ways finds it."""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from tenants.documents import Number, Value, same
from tenants.documents.matching import _few_edits, common_subsequence, match_items
from tests.tenants.documents.test_difference import items

words: st.SearchStrategy[list[Any]] = st.lists(st.sampled_from(["refund", "reset", "upgrade", 1, True]), max_size=14)


def longest(before: list[Any], after: list[Any]) -> int:
    @cache
    def common(i: int, j: int) -> int:
        if i == len(before) or j == len(after):
            return 0
        if same(before[i], after[j]):
            return 1 + common(i + 1, j + 1)
        return max(common(i + 1, j), common(i, j + 1))

    return common(0, 0)


def check(pairs: list[tuple[int, int]], before: list[Any], after: list[Any]) -> None:
    assert all(same(before[i], after[j]) for i, j in pairs)
    assert all(i < k and j < m for (i, j), (k, m) in itertools.pairwise(pairs))
    assert len(pairs) == longest(before, after)


@given(words, words)
def test_both_ways_find_a_longest_common_subsequence(before: list[Any], after: list[Any]) -> None:
    tokens = [[(type(item).__name__, item) for item in items] for items in (before, after)]
    check(common_subsequence(*tokens), before, after)
    few = _few_edits(before, after)
    if True in [item is True for item in before + after] and before and after:
        assert few is None
        return
    if few is not None:
        check(few, before, after)
    edits = len(before) + len(after) - 2 * longest(before, after)
    assert (few is not None) == (edits < 2 * math.isqrt(len(before) + len(after)) or not before or not after)


def test_a_list_of_two_thousand_with_two_edits_is_not_asked_for_a_token() -> None:
    before: list[Value] = [["wait", number] for number in range(2000)]
    after: list[Value] = [*before[:700], cast("Value", ["ring", 1]), *before[700:1500], *before[1501:]]
    assert _few_edits(before, after) == [(n, n) for n in range(700)] + [
        *((n, n + 1) for n in range(700, 1500)),
        *((n, n) for n in range(1501, 2000)),
    ]
    assert _few_edits(before, before[::-1]) is None


@given(st.lists(items, max_size=8), st.lists(items, max_size=8))
def test_every_index_stays_moves_or_is_left_once(before: list[Value], after: list[Value]) -> None:
    found = match_items(before, after, identity_keys=("id",))
    rights = [j for _, j in found.stays] + list(found.moves)
    lefts = [i for i, _ in found.stays] + list(found.moves.values())
    assert len(set(rights)) == len(rights)
    assert len(set(lefts)) == len(lefts)
    assert list(found.stays) == sorted(found.stays)
    order = list(found.in_order(len(before), len(after)))
    start, end = found.ends
    assert [i for i, _ in order if i is not None] == list(range(start, len(before) - end))
    assert [j for _, j in order if j is not None] == list(range(start, len(after) - end))
    assert same(before[:start], after[:start])
    assert same(before[len(before) - end :], after[len(after) - end :])


def test_items_told_by_their_texts_are_equal_whatever_the_order_of_their_keys() -> None:
    before: list[Value] = [{"say": "Hello", "in": {"a": number, "b": "x"}} for number in range(100)]
    after: list[Value] = [
        {"in": {"b": "x", "a": Number(f"{number}.0")}, "say": "Hello"} for number in range(99, -1, -1)
    ]
    found = match_items(before, after, identity_keys=("id",))
    assert {**dict(map(reversed, found.stays)), **found.moves} == {j: 99 - j for j in range(100)}  # type: ignore[arg-type]
