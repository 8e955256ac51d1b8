"""What differs between two documents, said as an administrator would say it.

A change is an added, removed, changed or moved place, never a line of text. The order of keys in an object means
nothing; the order of a list does, and `matching` says which item is which. Numbers are compared by value, so a new
spelling of the same number is no change.

What is equal costs almost nothing: Python compares whole branches in C, and only those with a change in them are
walked. Pointers and words are put together on the way down, once for each branch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tenants.documents.labels import label, visible
from tenants.documents.matching import DEFAULT_IDENTITY_KEYS, match_items, same, same_truths
from tenants.documents.patterns import ANY
from tenants.documents.pointers import split, step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from tenants.documents.values import Value

Kind: TypeAlias = Literal["added", "removed", "changed", "moved"]
KINDS: Final[tuple[Kind, ...]] = ("changed", "added", "removed", "moved")


class Missing(Enum):
    """The type of `MISSING`, which stands where a change has no value on one side."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Change:
    """Say one difference.

    `path` is a JSON Pointer into the document after (for "removed" into the one before), `before_path` one into the
    document before (for "added" None). `trail` is the same place in words, the names of list items instead of their
    numbers. `before` and `after` are the values, MISSING where there is none. An item of a list that was removed,
    added or moved carries its positions before and after, counted from 0; edits inside a moved item are changes of
    their own. `volatile` marks fields that move by themselves. `within` points, in the document after, to the object
    or list around the place; at the root it is empty, as `path` is.
    """

    kind: Kind
    path: str
    before_path: str | None
    trail: tuple[str, ...]
    before: Value | Missing
    after: Value | Missing
    from_index: int | None = None
    to_index: int | None = None
    volatile: bool = False
    within: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """Hold every change between two documents, in document order."""

    changes: tuple[Change, ...]

    @property
    def equal(self) -> bool:
        """True where the two documents hold the same configuration, volatile fields included."""
        return not self.changes

    @property
    def significant(self) -> tuple[Change, ...]:
        """The changes outside volatile fields."""
        return tuple(change for change in self.changes if not change.volatile)

    @property
    def counts(self) -> dict[Kind, int]:
        """How many changes there are of each kind, all four kinds named."""
        counted = dict.fromkeys(KINDS, 0)
        for change in self.changes:
            counted[change.kind] += 1
        return counted

    def to_json(self) -> list[Value]:
        """Give the `changes` of `diff --json` (CONTRACT.md); print them with `to_text`, which spells numbers exactly.

        An absent side is null (`kind` tells it from a null value); a moved item also says where it came `from`.
        """
        return [_as_json(change) for change in self.changes]


def compare(
    before: Value,
    after: Value,
    *,
    identity_keys: Sequence[str] = DEFAULT_IDENTITY_KEYS,
    volatile: Collection[str] = (),
) -> Difference:
    """Give what differs between two documents.

    `identity_keys` are the members that may tell list items apart, the first that is unique in both lists counts.
    `volatile` names root members (`version`) or JSON Pointers (`/metadata/version`, `/lines/*/status` with any item)
    whose changes are flagged.
    """
    walk = _Walk(tuple(identity_keys), flagged_places(tuple(volatile)))
    walk.visit(before, after, _ROOT)
    return Difference(tuple(walk.changes))


def merged_keys(before: dict[str, Value], after: dict[str, Value]) -> Iterator[tuple[str, bool, bool]]:
    """Give each key with whether it is before and after: in the order after, removed keys where they had been."""
    if before.keys() <= after.keys():
        for key in after:
            yield key, key in before, True
        return
    following: dict[str | None, list[str]] = {}
    anchor = None
    for key in before:
        if key in after:
            anchor = key
        else:
            following.setdefault(anchor, []).append(key)
    for gone in following.get(None, ()):
        yield gone, True, False
    for key in after:
        yield key, key in before, True
        for gone in following.get(key, ()):
            yield gone, True, False


def _as_json(change: Change) -> Value:
    entry: dict[str, Value] = {
        "path": change.path,
        "kind": change.kind,
        "before": None if isinstance(change.before, Missing) else change.before,
        "after": None if isinstance(change.after, Missing) else change.after,
    }
    if change.kind == "moved":
        entry["from"] = change.before_path
    return entry


@lru_cache(maxsize=256)
def flagged_places(names: tuple[str, ...]) -> re.Pattern[str] | None:
    """Give what matches the pointers of all places that are named, and of what is inside them; None for no place."""
    pointers = {
        "".join("/[^/]*" if token == ANY else re.escape(step(token)) for token in tokens)
        for tokens in (split(name) if name.startswith("/") else (name,) for name in names)
    }
    return re.compile(f"(?:{'|'.join(sorted(pointers))})(?:/|$)") if pointers else None


# Where the walk stands: the pointer before, the pointer after, and the trail.
_Place: TypeAlias = tuple[str, str, tuple[str, ...]]
_ROOT: Final[_Place] = ("", "", ())


class _Walk:
    """Walks two documents side by side, down every branch that has a change in it, and collects the changes."""

    def __init__(self, identity_keys: tuple[str, ...], volatile: re.Pattern[str] | None) -> None:
        self.changes: list[Change] = []
        self._identity_keys = identity_keys
        self._volatile = volatile

    def visit(self, before: Value, after: Value, place: _Place, within: str = "") -> None:
        """Take two values that stand at the same place."""
        if isinstance(before, dict) and isinstance(after, dict):
            self._objects(before, after, place)
        elif isinstance(before, list) and isinstance(after, list):
            self._lists(before, after, place)
        elif not same(before, after):
            self._record("changed", place, within, before, after)

    def _objects(self, before: dict[str, Value], after: dict[str, Value], above: _Place) -> None:
        if before.keys() == after.keys():
            for key, new in after.items():
                old = before[key]
                if not (old == new and (type(new) is str or same_truths(old, new))):
                    self.visit(old, new, _member(above, key), above[1])
            return
        for key, is_before, is_after in merged_keys(before, after):
            if not is_before:
                self._record("added", _member(above, key), above[1], MISSING, after[key])
            elif not is_after:
                self._record("removed", _member(above, key), above[1], before[key], MISSING)
            elif not same(before[key], after[key]):
                self.visit(before[key], after[key], _member(above, key), above[1])

    def _lists(self, before: list[Value], after: list[Value], above: _Place) -> None:
        matching = match_items(before, after, identity_keys=self._identity_keys)
        within, identity = above[1], matching.identity
        moved_away = set(matching.moves.values())
        for i, j in matching.in_order(len(before), len(after)):
            if j is None:
                if i is not None and i not in moved_away:
                    place = _item(above, i, i, before[i], identity)
                    self._record("removed", place, within, before[i], MISSING, from_index=i)
                continue
            new = after[j]
            origin = matching.moves.get(j) if i is None else i
            if origin is None:
                self._record("added", _item(above, j, j, new, identity), within, MISSING, new, to_index=j)
                continue
            old = before[origin]
            is_same = old == new and (type(new) is str or same_truths(old, new))
            if is_same and i is not None:
                continue
            place = _item(above, origin, j, new, identity)
            if i is None:
                self._record("moved", place, within, old, new, from_index=origin, to_index=j)
            if not is_same:
                self.visit(old, new, place, within)

    def _record(
        self,
        kind: Kind,
        place: _Place,
        within: str,
        before: Value | Missing,
        after: Value | Missing,
        *,
        from_index: int | None = None,
        to_index: int | None = None,
    ) -> None:
        was, path, trail = place
        self.changes.append(
            Change(
                kind=kind,
                path=was if kind == "removed" else path,
                before_path=None if kind == "added" else was,
                trail=trail,
                before=before,
                after=after,
                from_index=from_index,
                to_index=to_index,
                volatile=self._volatile is not None and self._volatile.match(path) is not None,
                within=within,
            )
        )


def _member(above: _Place, key: str) -> _Place:
    was, path, trail = above
    down = step(key)
    return was + down, path + down, (*trail, visible(key))


def _item(above: _Place, i: int, j: int, item: Value, identity: str | None) -> _Place:
    was, path, trail = above
    # A scalar is its own name: the list is word enough, the value stands beside it.
    named = (*trail, label(item, j, identity=identity)) if isinstance(item, (dict, list)) else trail
    return f"{was}/{i}", f"{path}/{j}", named
