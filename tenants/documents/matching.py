"""Which item of a list before is which item of the list after.

Items are told apart by a member that names them where there is one (`id`, `key`, `name` …, or any member whose text is
unique in both lists); another id is another thing. Lists of scalars and of items without a name are matched by their
longest common subsequence; what is left over and equal has moved, and what is left over at the same place and alike has
been edited. Of the matched items a longest increasing run stays, so the fewest possible are called moved.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from operator import lt
from typing import TYPE_CHECKING, Final

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

_ALIKE: Final = 1 / 3


@dataclass(slots=True)
class Matching:
    """Say which items stay in order (`stays`, pairs of indexes) and which moved (`moves`, after index to before index).

    Indexes in neither are removed or added. `identity` is the member that told the items apart, if one did.
    """

    stays: list[tuple[int, int]]
    moves: dict[int, int] = field(default_factory=dict)
    identity: str | None = None

    def in_order(self, before_length: int, after_length: int) -> Iterator[tuple[int | None, int | None]]:
        """Give the indexes in the order of the merged list: pairs that stay, (i, None) gone, (None, j) arrived."""
        return merged_order(self.stays, before_length, after_length)


def merged_order(
    stays: Sequence[tuple[int, int]], before_length: int, after_length: int
) -> Iterator[tuple[int | None, int | None]]:
    """Give the indexes in merged order; between two items that stay, those that went come before those that came."""
    next_before = next_after = 0
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
    # Python compares and prints whole trees in C, many times faster than a walk in Python; but it takes True for 1,
    # and what it prints differs also by the order of keys. Between the two answers lies little to walk through.
    return one is other or (one == other and (repr(one) == repr(other) or _same_types(one, other)))


def _same_types(one: Value, other: Value) -> bool:
    """Tell whether two values that Python calls equal have a boolean for each boolean."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_same_types(member, other[key]) for key, member in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return all(map(_same_types, one, other))
    return isinstance(one, bool) == isinstance(other, bool)


def is_number(value: object) -> bool:
    """Tell whether a value is a JSON number."""
    return type(value) is int or type(value) is Number


def match_items(before: list[Value], after: list[Value], *, identity_keys: Sequence[str]) -> Matching:
    """Give who is who in two lists; `identity_keys` are tried first, in their order."""
    if not before or not after:
        return Matching([])
    identified = _by_identity(before, after, identity_keys)
    if identified is None:
        matching = _by_content(before, after)
    else:
        identity, before_tokens, after_tokens = identified
        if before_tokens == after_tokens:
            return Matching([(index, index) for index in range(len(before))], identity=identity)
        matching = _settled(before_tokens, after_tokens, identity)
        if identity in identity_keys and identity not in _NAMING:
            return matching
    _pair_edited(before, after, matching)
    return matching


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


def _by_identity(
    before: list[Value], after: list[Value], identity_keys: Sequence[str]
) -> tuple[str, list[Hashable], list[Hashable]] | None:
    """Find the member that tells the items apart: the first that also finds an item again, else the first."""
    before_objects = [item for item in before if type(item) is dict]
    after_objects = [item for item in after if type(item) is dict]
    if len(before_objects) != len(before) or len(after_objects) != len(after):
        return None
    first = None
    others = [key for key in after_objects[0] if key not in identity_keys]
    for key in (*identity_keys, *others):
        before_tokens = _unique_tokens(before_objects, key, text_only=key not in identity_keys)
        if before_tokens is None:
            continue
        after_tokens = _unique_tokens(after_objects, key, text_only=key not in identity_keys)
        if after_tokens is None:
            continue
        if not set(before_tokens).isdisjoint(after_tokens):
            return key, before_tokens, after_tokens
        first = first or (key, before_tokens, after_tokens)
    return first


def _unique_tokens(items: list[dict[str, Value]], key: str, *, text_only: bool) -> list[Hashable] | None:
    found: list[Hashable] = []
    for item in items:
        value = item.get(key)
        if type(value) is str:
            found.append(value)
        elif is_number(value) and not text_only:
            found.append(_token(value))
        else:
            return None
    return found if len(set(found)) == len(found) else None


def _settled(before_tokens: list[Hashable], after_tokens: list[Hashable], identity: str) -> Matching:
    """Tell staying from moved items where each token is unique."""
    places = {token: index for index, token in enumerate(before_tokens)}
    pairs = [(places[token], j) for j, token in enumerate(after_tokens) if token in places]
    staying = _longest_increasing([i for i, _ in pairs])
    stays = [pairs[position] for position in staying]
    kept = set(staying)
    moves = {j: i for position, (i, j) in enumerate(pairs) if position not in kept}
    return Matching(stays, moves, identity)


def _by_content(before: list[Value], after: list[Value]) -> Matching:
    """Match equal items: the same ends first, then the longest common subsequence, then what moved."""
    start, shorter = 0, min(len(before), len(after))
    while start < shorter and same(before[start], after[start]):
        start += 1
    end = 0
    while end < shorter - start and same(before[-1 - end], after[-1 - end]):
        end += 1
    before_tokens = [_token(item) for item in before[start : len(before) - end]]
    after_tokens = [_token(item) for item in after[start : len(after) - end]]
    middle = common_subsequence(before_tokens, after_tokens)
    stays = [(index, index) for index in range(start)]
    stays += [(start + i, start + j) for i, j in middle]
    stays += [(len(before) - back, len(after) - back) for back in range(end, 0, -1)]

    staying_before, staying_after = {i for i, _ in middle}, {j for _, j in middle}
    free: dict[Hashable, list[int]] = {}
    for i in range(len(before_tokens) - 1, -1, -1):
        if i not in staying_before:
            free.setdefault(before_tokens[i], []).append(start + i)
    moves = {}
    for j, token in enumerate(after_tokens):
        if j not in staying_after and free.get(token):
            moves[start + j] = free[token].pop()
    return Matching(stays, moves)


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
    return [pairs[position] for position in _longest_increasing([j for _, j in pairs])]


def _longest_increasing(numbers: Sequence[int]) -> list[int]:
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
    next_before = next_after = 0
    for i, j in (*matching.stays, (len(before), len(after))):
        if i > next_before and j > next_after:
            gone = [index for index in range(next_before, i) if index not in moved_away]
            arrived = [index for index in range(next_after, j) if index not in matching.moves]
            if gone and arrived:
                pairs += _alike_pairs(before, after, gone, arrived)
        next_before, next_after = i + 1, j + 1
    if pairs:
        matching.stays = sorted(matching.stays + pairs)


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
