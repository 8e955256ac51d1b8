"""Judge what undoing one version left, by the files and the standard library alone.

    before   the version before the one that is undone     after   the one that is undone     live   the last one

Where only the undone version changed something, `before` must stand; where only later versions did, `live`; where both
did the same, that. Where all three differ and nothing was said to overlap, it can only be a list, in which each item
must be told: by one member that is different in each of its items, or by what it holds.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.real.judging import same

MISSING: Any = object()


def faults(before: Any, after: Any, live: Any, made: Any, *, place: str = "") -> Iterator[str]:
    """Give each place at which something else was made than what can only be right."""
    if equal(before, after):
        right = live
    elif equal(after, live):
        right = before
    elif equal(before, live):
        right = live
    elif all(isinstance(side, dict) for side in (before, after, live, made)):
        for key in dict.fromkeys((*before, *after, *live, *made)):
            old, undone, now, new = (side.get(key, MISSING) for side in (before, after, live, made))
            yield from faults(old, undone, now, new, place=f"{place}/{key}")
        return
    elif all(isinstance(side, list) for side in (before, after, live, made)):
        if not told_by_a_member(before, after, live, made) and not told_by_content(before, after, live, made):
            yield f"{place}: the items of the list are not those that can only be right"
        return
    else:
        yield f"{place}: both changed it, and nothing was said to overlap"
        return
    if not equal(made, right):
        yield f"{place}: it is not as on the one side that changed it"


def told_by_a_member(before: list[Any], after: list[Any], live: list[Any], made: list[Any]) -> bool:
    """Say whether, by some member that names each item once, each item by itself is right, and live's order is kept."""
    lists = (before, after, live, made)
    for names in names_by_members(*lists):
        known = [dict(zip(named, one, strict=True)) for named, one in zip(names, lists, strict=True)]
        every = dict.fromkeys(name for named in names for name in named)
        if not any(
            fault for name in every for fault in faults(*(found.get(name, MISSING) for found in known))
        ) and in_order(*names):
            return True
    return same_places(*lists)


def names_by_members(*lists: list[Any]) -> Iterator[list[list[str]]]:
    """Give, for each member that is another one in each item of a list, what it is in the items of each list."""
    items = [item for one in lists for item in one]
    if not items or not all(isinstance(item, dict) for item in items):
        return
    for key in items[0]:
        names = [[str(item.get(key)) for item in one] for one in lists]
        if all(key in item for item in items) and all(len(set(one)) == len(one) for one in names):
            yield names


def same_places(before: list[Any], after: list[Any], live: list[Any], made: list[Any]) -> bool:
    """Say whether all have as many items, and each by its index is right."""
    if len({len(before), len(after), len(live), len(made)}) != 1:
        return False
    return not any(fault for sides in zip(before, after, live, made, strict=True) for fault in faults(*sides))


def told_by_content(before: list[Any], after: list[Any], live: list[Any], made: list[Any]) -> bool:
    """Say whether there are as many of each item as on live, and those that the undone version took away or brought."""
    texts = [list(map(spelled, one)) for one in (before, after, live, made)]
    counts = [Counter(one) for one in texts]
    expected = Counter(counts[2])
    expected.update(counts[0])
    expected.subtract(counts[1])
    once = {text for text in texts[3] if all(one[text] == 1 for one in counts)}
    ordered = in_order(*([text for text in one if text in once] for one in texts))
    ordered = ordered and all(in_order(*names) for names in names_by_members(before, after, live, made))
    return ordered and +expected == +counts[3] and all(count >= 0 for count in expected.values())


def in_order(before: list[str], after: list[str], live: list[str], made: list[str]) -> bool:
    """Say whether what no side put elsewhere stands in one order: live's, or where the undo moves, the one before."""
    common = set(before) & set(after) & set(live) & set(made)
    orders = [[name for name in one if name in common] for one in (before, after, live, made)]
    if orders[0] == orders[1]:
        return orders[3] == orders[2]
    return orders[3] == orders[0] if orders[1] == orders[2] else orders[3] in (orders[0], orders[2])


def equal(one: Any, other: Any) -> bool:
    """Say whether two sides are the same JSON, or both are not there."""
    return one is other if one is MISSING or other is MISSING else same(one, other)


def spelled(value: Any) -> str:
    """Give one text for each value: what is equal has one text."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{spelled(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spelled, value)) + "]"
    if isinstance(value, (bool, str)) or value is None:
        return repr(value)
    return str(value.normalize()) if hasattr(value, "normalize") else str(value)
