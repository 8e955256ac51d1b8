"""What differs between two documents, said as an administrator would say it.

A change is an added, removed, changed or moved place, never a line of text. The order of keys in an object means
nothing; the order of a list does, and `matching` says which item is which. Numbers are compared by value, so a new
spelling of the same number is no change.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tenants.documents.labels import label, visible
from tenants.documents.matching import DEFAULT_IDENTITY_KEYS, match_items, same
from tenants.documents.patterns import ANY
from tenants.documents.pointers import join, split

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
    numbers. `before` and `after` are the values, MISSING where there is none. A moved item carries the two positions,
    counted from 0; edits inside it are changes of their own. `volatile` marks fields that move by themselves.
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
    walk = _Walk(identity_keys, volatile)
    walk.visit(before, after)
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


def _begins(tokens: Sequence[str | int], prefix: tuple[str, ...]) -> bool:
    return len(tokens) >= len(prefix) and all(
        wanted in (ANY, str(token)) for token, wanted in zip(tokens, prefix, strict=False)
    )


# One step down: the token before, the token after, and for a list item the item and the member that names it.
_Step: TypeAlias = "tuple[str | int, str | int, Value, str | None]"


class _Walk:
    """Walks two documents side by side and collects the changes; knows at each moment where it is."""

    def __init__(self, identity_keys: Sequence[str], volatile: Collection[str]) -> None:
        self.changes: list[Change] = []
        self._identity_keys = tuple(identity_keys)
        self._volatile = {split(name) if name.startswith("/") else (name,) for name in volatile}
        self._steps: list[_Step] = []

    def visit(self, before: Value, after: Value) -> None:
        """Compare two values that stand at the same place."""
        if same(before, after):
            return
        if isinstance(before, dict) and isinstance(after, dict):
            self._objects(before, after)
        elif isinstance(before, list) and isinstance(after, list):
            self._lists(before, after)
        else:
            self._record("changed", before, after)

    def _objects(self, before: dict[str, Value], after: dict[str, Value]) -> None:
        if before.keys() == after.keys():
            for key, new in after.items():
                old = before[key]
                # Most members are scalars that did not change: spare them the step down.
                if type(old) is type(new) and not isinstance(new, (dict, list)) and old == new:
                    continue
                self._steps.append((key, key, None, None))
                self.visit(old, new)
                self._steps.pop()
            return
        for key, is_before, is_after in merged_keys(before, after):
            self._steps.append((key, key, None, None))
            if not is_before:
                self._record("added", MISSING, after[key])
            elif not is_after:
                self._record("removed", before[key], MISSING)
            else:
                self.visit(before[key], after[key])
            self._steps.pop()

    def _lists(self, before: list[Value], after: list[Value]) -> None:
        matching = match_items(before, after, identity_keys=self._identity_keys)
        moved_away = set(matching.moves.values())
        for i, j in matching.in_order(len(before), len(after)):
            if i is not None and j is not None and same(before[i], after[j]):
                continue
            if j is None:
                assert i is not None  # noqa: S101 - one of the two is always given
                if i not in moved_away:
                    self._steps.append((i, i, before[i], matching.identity))
                    self._record("removed", before[i], MISSING)
                    self._steps.pop()
                continue
            moved = i is None and j in matching.moves
            came_from = matching.moves[j] if moved else i
            if came_from is None:
                self._steps.append((j, j, after[j], matching.identity))
                self._record("added", MISSING, after[j])
            else:
                self._steps.append((came_from, j, after[j], matching.identity))
                if moved:
                    self._record("moved", before[came_from], after[j], from_index=came_from, to_index=j)
                self.visit(before[came_from], after[j])
            self._steps.pop()

    def _record(
        self,
        kind: Kind,
        before: Value | Missing,
        after: Value | Missing,
        *,
        from_index: int | None = None,
        to_index: int | None = None,
    ) -> None:
        before_path = join(step[0] for step in self._steps)
        tokens = [step[1] for step in self._steps]
        self.changes.append(
            Change(
                kind=kind,
                path=before_path if kind == "removed" else join(tokens),
                before_path=None if kind == "added" else before_path,
                trail=tuple(self._words()),
                before=before,
                after=after,
                from_index=from_index,
                to_index=to_index,
                volatile=any(_begins(tokens, prefix) for prefix in self._volatile),
            )
        )

    def _words(self) -> Iterator[str]:
        for _, token, item, identity in self._steps:
            if isinstance(token, str):
                yield visible(token)
            elif isinstance(item, (dict, list)):
                # A scalar is its own name: the list is word enough, the value stands beside it.
                yield label(item, token, identity=identity)
