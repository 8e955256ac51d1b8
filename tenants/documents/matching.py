"""Which item of a list before is which item of the list after.

Items are told apart by a member that names them where there is one (`id`, `key`, `name` …, or any member whose text is
unique in both lists); another id is another thing. Lists of scalars and of items without a name are matched by their
longest common subsequence; what is left over and equal has moved, and what is left over at the same place and alike has
been edited. Of the matched items a longest increasing run stays, so the fewest possible are called moved.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import compress, count
from operator import lt, ne
from typing import TYPE_CHECKING, Any, Final, cast

from tenants.documents.canonical import canonical_bytes
from tenants.documents.values import Number, canonical_integer

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from tenants.documents.values import Value

DEFAULT_IDENTITY_KEYS: Final = (
    "id",
    "guid",
    "uuid",
    "key",
    "code",
    "name",
    "displayName",
    "title",
    "label",
    "address",
    "value",
    "text",
)
# A thing may be renamed and stay the same thing; these only suggest who is who.
_NAMING: Final = frozenset({"name", "displayName", "title", "label", "address", "value", "text"})

# Above these sizes exactness would cost more than anybody waits for; the result stays correct, only less minimal.
_MOST_MATCHES: Final = 100_000
_MOST_PAIRINGS: Final = 900

# So many objects with the same texts are told apart by looking at each; among more a canonical form is quicker.
_MOST_NAMESAKES: Final = 16

_ALIKE: Final = 1 / 3


@dataclass(slots=True)
class Matching:
    """Say which items stay in order (`stays`, pairs of indexes) and which moved (`moves`, after index to before index).

    Indexes in neither are removed or added. So many items at both `ends` are the same and named nowhere else.
    `identity` is the member that told the items apart, if one did.
    """

    stays: Sequence[tuple[int, int]]
    moves: dict[int, int] = field(default_factory=dict)
    identity: str | None = None
    ends: tuple[int, int] = (0, 0)

    def in_order(self, before_length: int, after_length: int) -> Iterator[tuple[int | None, int | None]]:
        """Give the indexes between the ends in merged order: pairs that stay, (i, None) gone, (None, j) arrived."""
        start, end = self.ends
        return merged_order(self.stays, before_length - end, after_length - end, start=start)


def merged_order(
    stays: Sequence[tuple[int, int]], before_length: int, after_length: int, *, start: int = 0
) -> Iterator[tuple[int | None, int | None]]:
    """Give the indexes in merged order; between two items that stay, those that went come before those that came."""
    next_before = next_after = start
    for i, j in (*stays, (before_length, after_length)):
        for gone in range(next_before, i):
            yield gone, None
        for arrived in range(next_after, j):
            yield None, arrived
        if i < before_length:
            yield i, j
        next_before, next_after = i + 1, j + 1


def same(one: Value, other: Value) -> bool:
    """Tell whether two values are the same JSON value: exact numbers, key order ignored, true never 1."""
    # Python compares whole trees in C, many times faster than a walk; but it takes True for 1.
    return one is other or (one == other and same_truths(one, other))


# Half the time that comparing takes goes here: Any, since a check for mypy costs a quarter of it, and two loops in one
# function, the kinds that there are most of first.
def same_truths(one: Any, other: Any) -> bool:  # noqa: C901
    """Tell whether two values that Python calls equal have a boolean wherever the other has one."""
    kind = type(one)
    if kind is dict:
        for key, member in one.items():
            kind = type(member)
            if kind is str or kind is Number:
                continue
            if kind is dict or kind is list:
                if not same_truths(member, other[key]):
                    return False
            elif kind is bool:
                if other[key] is not member:
                    return False
            elif kind is int and member < 2 and type(other[key]) is bool:
                return False
        return True
    if kind is list:
        for item, counterpart in zip(one, other):  # noqa: B905 - equal lists are equally long
            kind = type(item)
            if kind is str or kind is Number:
                continue
            if kind is dict or kind is list:
                if not same_truths(item, counterpart):
                    return False
            elif kind is bool:
                if counterpart is not item:
                    return False
            elif kind is int and item < 2 and type(counterpart) is bool:
                return False
        return True
    return (kind is bool) is (type(other) is bool)


def match_items(before: list[Value], after: list[Value], *, identity_keys: Sequence[str]) -> Matching:
    """Give who is who in two lists; `identity_keys` are tried first, in their order."""
    if not before or not after:
        return Matching([])
    ends = _common_ends(before, after)
    identified = _by_identity(before, after, identity_keys)
    if identified is None:
        matching = _by_content(before, after, ends)
    else:
        identity = identified[0]
        matching = _settled(*identified, ends)
        if identity in identity_keys and identity not in _NAMING:
            return matching
    _pair_edited(before, after, matching)
    return matching


def _common_ends(before: list[Value], after: list[Value]) -> tuple[int, int]:
    """Give how many items are the same at the start, and how many of the others at the end; found in C."""
    shorter = min(len(before), len(after))
    start = next(compress(count(), map(ne, before, after)), shorter)
    end = min(next(compress(count(), map(ne, reversed(before), reversed(after))), shorter), shorter - start)
    return (
        start if same_truths(before[:start], after[:start]) else 0,
        end if same_truths(before[len(before) - end :], after[len(after) - end :]) else 0,
    )


def _token(value: Value) -> Hashable:
    """Give something hashable that is equal exactly for the same JSON value."""
    if type(value) is str:
        return value
    if type(value) is int:
        return 0, canonical_integer(value)
    if type(value) is Number:
        return 0, value.canonical
    if value is None or type(value) is bool:
        return 1, value
    return canonical_bytes(value)


def _tokens(items: list[Value], known: dict[frozenset[str], list[Value]]) -> list[Hashable]:
    """Give the items' tokens; an object or a list is told by its texts first, since a canonical form is dear.

    `known` holds, under their texts, the objects and lists that were met before.
    """
    tokens: list[Hashable] = []
    for item in items:
        if not isinstance(item, (dict, list)):
            tokens.append(_token(item))
            continue
        texts: set[str] = set()
        _collect_texts(item, texts)
        namesakes = known.setdefault(frozenset(texts), [])
        for namesake in namesakes:
            if item == namesake:
                tokens.append(id(namesake))
                break
        else:
            if len(namesakes) < _MOST_NAMESAKES:
                namesakes.append(item)
                tokens.append(id(item))
            else:
                tokens.append(_token(item))
    return tokens


def _collect_texts(value: dict[str, Value] | list[Value], texts: set[str]) -> None:
    for member in value.values() if type(value) is dict else value:
        kind = type(member)
        if kind is str:
            texts.add(member)  # type: ignore[arg-type]  # text, as `kind` says
        elif kind is dict or kind is list:
            _collect_texts(member, texts)  # type: ignore[arg-type]  # an object or a list


def _by_identity(
    before: list[Value], after: list[Value], identity_keys: Sequence[str]
) -> tuple[str, list[Hashable], list[Hashable]] | None:
    """Find the member that tells the items apart: the first that also finds an item again, else the first."""
    if type(before[0]) is not dict or set(map(type, before)) != {dict} or set(map(type, after)) != {dict}:
        return None
    before_objects, after_objects = cast("list[dict[str, Value]]", before), cast("list[dict[str, Value]]", after)
    first = None
    others = [key for key in after_objects[0] if key not in identity_keys]
    for key in (*identity_keys, *others):
        before_tokens = unique_tokens(before_objects, key, text_only=key not in identity_keys)
        if before_tokens is None:
            continue
        after_tokens = unique_tokens(after_objects, key, text_only=key not in identity_keys)
        if after_tokens is None:
            continue
        if not set(before_tokens).isdisjoint(after_tokens):
            return key, before_tokens, after_tokens
        first = first or (key, before_tokens, after_tokens)
    return first


def unique_tokens(items: list[dict[str, Value]], key: str, *, text_only: bool) -> list[Hashable] | None:
    """Give what each item has at a key, where all have a text or a number there and no two the same; else None."""
    if key not in items[0] or (len(items) > 1 and items[0][key] == items[1].get(key)):
        return None
    found: list[Hashable] = [item.get(key) for item in items]  # type: ignore[misc]  # looked at below
    kinds = set(map(type, found))
    if kinds != {str}:
        if text_only or not kinds <= {str, int, Number}:
            return None
        found = [_token(value) for value in found]  # type: ignore[arg-type]
    return found if len(set(found)) == len(found) else None


def _settled(
    identity: str, before_tokens: list[Hashable], after_tokens: list[Hashable], ends: tuple[int, int]
) -> Matching:
    """Tell staying from moved items where each token is unique."""
    start, end = ends
    places = {before_tokens[i]: i for i in range(start, len(before_tokens) - end)}
    pairs = [(places[token], j) for j in range(start, len(after_tokens) - end) if (token := after_tokens[j]) in places]
    staying = longest_increasing([i for i, _ in pairs])
    if len(staying) == len(pairs):
        return Matching(pairs, {}, identity, ends)
    stays = [pairs[position] for position in staying]
    kept = set(staying)
    moves = {j: i for position, (i, j) in enumerate(pairs) if position not in kept}
    return Matching(stays, moves, identity, ends)


def _by_content(before: list[Value], after: list[Value], ends: tuple[int, int]) -> Matching:
    """Match equal items: a longest common subsequence between the ends, then what moved.

    Deep inside two items a 1 may still stand where the other has true: whoever walks the pairs sees that.
    """
    start, end = ends
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    known: dict[frozenset[str], list[Value]] = {}
    common = _few_edits(old, new)
    if common is None:
        common = common_subsequence(_tokens(old, known), _tokens(new, known))
    staying_before, staying_after = {i for i, _ in common}, {j for _, j in common}
    gone = [i for i in range(len(old)) if i not in staying_before]
    come = [j for j in range(len(new)) if j not in staying_after]
    free: dict[Hashable, list[int]] = {}
    for i, token in zip(reversed(gone), _tokens([old[i] for i in reversed(gone)], known), strict=True):
        free.setdefault(token, []).append(i)
    moves = {
        start + j: start + free[token].pop()
        for j, token in zip(come, _tokens([new[j] for j in come], known), strict=True)
        if free.get(token)
    }
    return Matching([(start + i, start + j) for i, j in common], moves, None, ends)


def _few_edits(before: list[Value], after: list[Value]) -> list[tuple[int, int]] | None:
    """Give a longest common subsequence as pairs of indexes where few items differ, else None (Myers, 1986).

    It takes a look at each item and one for each two edits, so the number of edits is bounded by the items' root.
    """
    if not before or not after:
        return []
    if bool in set(map(type, before)) | set(map(type, after)):
        return None  # Python takes true for 1
    most = 2 * math.isqrt(len(before) + len(after))
    reached = {1: 0}
    history: list[dict[int, int]] = []
    for edits in range(most):
        history.append(reached.copy())
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (diagonal != edits and reached[diagonal - 1] < reached[diagonal + 1])
            i = reached[diagonal + 1] if down else reached[diagonal - 1] + 1
            j = i - diagonal
            while i < len(before) and j < len(after) and before[i] == after[j]:
                i, j = i + 1, j + 1
            reached[diagonal] = i
            if i >= len(before) and j >= len(after):
                return _walked_back(history, i, j)
    return None


def _walked_back(history: list[dict[int, int]], i: int, j: int) -> list[tuple[int, int]]:
    pairs = []
    for edits in range(len(history) - 1, -1, -1):
        reached, diagonal = history[edits], i - j
        down = diagonal == -edits or (diagonal != edits and reached[diagonal - 1] < reached[diagonal + 1])
        origin = reached[diagonal + 1] if down else reached[diagonal - 1]
        while i > (origin if down else origin + 1):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        i, j = origin, origin - (diagonal + 1 if down else diagonal - 1)
    pairs.reverse()
    return pairs


def common_subsequence(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Give a longest common subsequence as pairs of indexes (Hunt and Szymanski, 1977)."""
    places: dict[Hashable, list[int]] = {}
    for j, token in enumerate(after):
        places.setdefault(token, []).append(j)
    if sum(len(places.get(token, ())) for token in before) > _MOST_MATCHES:
        # Very many repetitions: the first is the first, the second the second.
        used = dict.fromkeys(places, 0)
        pairs = []
        for i, token in enumerate(before):
            if token in used and used[token] < len(places[token]):
                pairs.append((i, places[token][used[token]]))
                used[token] += 1
    else:
        # Falling order within one item, so that a strictly rising run takes at most one match of it.
        pairs = [(i, j) for i, token in enumerate(before) for j in reversed(places.get(token, ()))]
    return [pairs[position] for position in longest_increasing([j for _, j in pairs])]


def longest_increasing(numbers: Sequence[int]) -> list[int]:
    """Give the positions of a longest strictly increasing subsequence."""
    if all(map(lt, numbers, numbers[1:])):
        return list(range(len(numbers)))
    ends: list[int] = []
    end_positions: list[int] = []
    previous: list[int] = []
    for position, number in enumerate(numbers):
        length = bisect_left(ends, number)
        previous.append(end_positions[length - 1] if length else -1)
        if length == len(ends):
            ends.append(number)
            end_positions.append(position)
        else:
            ends[length] = number
            end_positions[length] = position
    chosen = []
    position = end_positions[-1] if end_positions else -1
    while position >= 0:
        chosen.append(position)
        position = previous[position]
    chosen.reverse()
    return chosen


def _pair_edited(before: list[Value], after: list[Value], matching: Matching) -> None:
    """Add pairs of unmatched items that stand in the same gap and are alike: they were edited, not replaced."""
    moved_away = set(matching.moves.values())
    pairs = []
    start, end = matching.ends
    next_before = next_after = start
    for i, j in (*matching.stays, (len(before) - end, len(after) - end)):
        if i > next_before and j > next_after:
            gone = [index for index in range(next_before, i) if index not in moved_away]
            arrived = [index for index in range(next_after, j) if index not in matching.moves]
            if gone and arrived:
                pairs += _alike_pairs(before, after, gone, arrived)
        next_before, next_after = i + 1, j + 1
    if pairs:
        matching.stays = sorted([*matching.stays, *pairs])


def _alike_pairs(before: list[Value], after: list[Value], gone: list[int], arrived: list[int]) -> list[tuple[int, int]]:
    """Give the pairs, in order on both sides, that are most alike in sum."""
    if len(gone) * len(arrived) > _MOST_PAIRINGS:
        return [(i, j) for i, j in zip(gone, arrived, strict=False) if _likeness(before[i], after[j]) >= _ALIKE]
    # best[x][y]: the highest sum of likeness for the items from x and from y on.
    best = [[0.0] * (len(arrived) + 1) for _ in range(len(gone) + 1)]
    taken = [[False] * len(arrived) for _ in gone]
    for x in range(len(gone) - 1, -1, -1):
        for y in range(len(arrived) - 1, -1, -1):
            apart = max(best[x + 1][y], best[x][y + 1])
            likeness = _likeness(before[gone[x]], after[arrived[y]])
            together = best[x + 1][y + 1] + likeness
            taken[x][y] = likeness >= _ALIKE and together >= apart
            best[x][y] = together if taken[x][y] else apart
    pairs = []
    x = y = 0
    while x < len(gone) and y < len(arrived):
        if taken[x][y]:
            pairs.append((gone[x], arrived[y]))
            x, y = x + 1, y + 1
        elif best[x + 1][y] >= best[x][y + 1]:
            x += 1
        else:
            y += 1
    return pairs


def _likeness(one: Value, other: Value) -> float:
    """Give how alike two items are, from 0 to 1; the same members or any two scalars reach a third."""
    if isinstance(one, dict) and isinstance(other, dict):
        if not one and not other:
            return 1.0
        common = one.keys() & other.keys()
        equal = sum(same(one[key], other[key]) for key in common)
        return (2 * equal + len(common)) / (3 * max(len(one), len(other)))
    if isinstance(one, list) and isinstance(other, list):
        return _ALIKE
    if isinstance(one, str) and isinstance(other, str):
        return _ALIKE + (1 - _ALIKE) * _shared_ends(one, other)
    return _ALIKE if not isinstance(one, (dict, list)) and not isinstance(other, (dict, list)) else 0.0


def _shared_ends(one: str, other: str) -> float:
    shorter = min(len(one), len(other), 200)
    start = 0
    while start < shorter and one[start] == other[start]:
        start += 1
    end = 0
    while end < shorter - start and one[-1 - end] == other[-1 - end]:
        end += 1
    return (start + end) / max(len(one), len(other), 1)
