"""A document put together from two others and the state that both came from: a three-way merge that guesses nothing.

    base    what both started from
    live    what stands now; later work is the difference base -> live
    other   what one change would make of the base; that change is the difference base -> other

What only the change touched is taken from `other`, what only later work touched stays as on live, and where both
touched one place differently that is an overlap, said with all three sides. To take a part of the way from live to a
version, live itself is the base: then nothing can overlap, and what is taken is a choice.

Items of lists are found by what names them (`places`). One that comes back stands right behind the item that it stood
behind; where later work has put others there, that is said for items with a key, and an overlap for texts and numbers.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from tenants.documents.difference import MISSING, Change, Missing, merged_keys
from tenants.documents.labels import label, visible
from tenants.documents.matching import longest_increasing, same
from tenants.documents.places import (
    LEFT,
    TAKEN,
    Choice,
    Grain,
    Item,
    Names,
    Place,
    Step,
    names_of,
)
from tenants.documents.pointers import step
from tenants.documents.splicing import Spelled, spelled
from tenants.documents.strict import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tenants.documents.values import Value


@dataclass(frozen=True, slots=True)
class Side:
    """One version of a document: its value, in the form in which versions are compared, and its bytes."""

    value: Value
    raw: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """One difference that can be taken or left by itself; of an item that was moved, its order is one."""

    place: Place
    change: Change


@dataclass(frozen=True, slots=True)
class Overlap:
    """A place that the change and later work touched differently; `order`: only the order of a list's items."""

    place: Place
    trail: tuple[str, ...]
    base: Value | Missing
    live: Value | Missing
    other: Value | Missing
    order: bool = False


@dataclass(frozen=True, slots=True)
class PutBack:
    """An item that came back where later work had put others: right behind `behind`, at the front where that is empty.

    `trail` is the list in words.
    """

    trail: tuple[str, ...]
    item: str
    behind: str
    before: str
    """What follows it, and was not there when it was."""


@dataclass(frozen=True, slots=True)
class Composed:
    """What came of it; where there are overlaps, these places are as on live."""

    raw: bytes
    overlaps: tuple[Overlap, ...] = ()
    put_back: tuple[PutBack, ...] = ()


def composed(*, base: Side, live: Side, other: Side, grain: Grain, choice: Choice | None = None) -> Composed:
    """Give live with what a choice takes of the change base -> other.

    Raises InvalidDocument where the result is larger than any document that is accepted.
    """
    sides = [_Node(side.value, spelled(side.raw)) for side in (base, live, other)]
    merge = _Merge(grain, choice or Choice())
    raw = merge.root(*sides).encode()
    load(raw)
    return Composed(raw, tuple(merge.overlaps), tuple(merge.put_back))


def parts(before: Value, after: Value, *, grain: Grain) -> list[Part]:
    """Give each difference that can be taken or left by itself, in the order of the document after.

    The items of a list that nothing tells apart are one part, the list.
    """
    return list(_parts(before, after, _Where((), (), "", ""), grain))


# --- parts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Where:
    """A place in both documents: named, in words, and as a JSON Pointer into each."""

    place: Place
    trail: tuple[str, ...]
    before: str
    after: str

    def member(self, key: str) -> _Where:
        down = step(key)
        return _Where((*self.place, key), (*self.trail, visible(key)), self.before + down, self.after + down)

    def item(self, name: Step, item: Value, i: int, j: int) -> _Where:
        trail = _item_trail(self.trail, name, item, j)
        return _Where((*self.place, name), trail, f"{self.before}/{i}", f"{self.after}/{j}")


def _item_trail(trail: tuple[str, ...], name: Step, item: Value, index: int) -> tuple[str, ...]:
    identity = name.key if isinstance(name, Item) else None
    return (*trail, label(item, index, identity=identity)) if isinstance(item, (dict, list)) else trail


def _parts(before: Value, after: Value, where: _Where, grain: Grain) -> Iterator[Part]:
    if same(before, after) or grain.is_volatile(where.place):
        return
    if grain.goes_into(where.place):
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _parts_of_objects(before, after, where, grain)
            return
        if isinstance(before, list) and isinstance(after, list):
            names = names_of([before, after], grain=grain)
            if names is not None:
                yield from _parts_of_lists(before, after, where, grain, names)
                return
    yield Part(where.place, _change("changed", where, before, after))


def _parts_of_objects(before: dict[str, Value], after: dict[str, Value], where: _Where, grain: Grain) -> Iterator[Part]:
    for key, _, _ in merged_keys(before, after):
        if not where.place and grain.roots is not None and key not in grain.roots:
            continue
        below = where.member(key)
        old, new = grain.member(before, key, at=where.place), grain.member(after, key, at=where.place)
        if isinstance(old, Missing) and isinstance(new, Missing):
            continue
        if isinstance(old, Missing) or isinstance(new, Missing):
            if not grain.is_volatile(below.place):
                kind = "added" if isinstance(old, Missing) else "removed"
                yield Part(below.place, _change(kind, below, old, new))
        else:
            yield from _parts(old, new, below, grain)


def _parts_of_lists(
    before: list[Value], after: list[Value], where: _Where, grain: Grain, names: Names
) -> Iterator[Part]:
    was, now = names.lists
    found, now_called = {name: i for i, name in enumerate(was)}, set(now)
    pairs = {j: found[name] for j, name in enumerate(now) if name in found}
    staying = _staying(list(pairs.values()))
    gone = deque(i for i in range(len(was)) if was[i] not in now_called)
    for j, item in enumerate(after):
        i = pairs.get(j)
        if i is None:
            below = where.item(now[j], item, j, j)
            yield Part(below.place, _change("added", below, MISSING, item, to_index=j))
            continue
        while gone and gone[0] < i:
            yield _removed_item(before, gone.popleft(), where, was)
        below = where.item(now[j], item, i, j)
        if i not in staying:
            moved = _change("moved", below, before[i], item, from_index=i, to_index=j)
            yield Part((*where.place, _order_of(now[j])), moved)
        yield from _parts(before[i], item, below, grain)
    for i in gone:
        yield _removed_item(before, i, where, was)


def _removed_item(before: list[Value], i: int, where: _Where, was: Sequence[Step]) -> Part:
    below = where.item(was[i], before[i], i, i)
    return Part(below.place, _change("removed", below, before[i], MISSING, from_index=i))


def _change(
    kind: str,
    where: _Where,
    before: Value | Missing,
    after: Value | Missing,
    *,
    from_index: int | None = None,
    to_index: int | None = None,
) -> Change:
    return Change(
        kind=kind,  # type: ignore[arg-type]  # one of the four
        path=where.before if kind == "removed" else where.after,
        before_path=None if kind == "added" else where.before,
        trail=where.trail,
        before=before,
        after=after,
        from_index=from_index,
        to_index=to_index,
    )


def _order_of(name: Step) -> Step:
    return Item(name.key, name.text, order=True) if isinstance(name, Item) else name


def _staying(indexes: Sequence[int]) -> set[int]:
    """Give as many of the indexes as possible that rise in their order: the others have moved."""
    return {indexes[position] for position in longest_increasing(indexes)}


# --- the merge -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Node:
    """A value and how it is spelled."""

    value: Value
    spelled: Spelled


_Sides: TypeAlias = "tuple[_Node | None, _Node | None, _Node | None]"


@dataclass(slots=True)
class _Merge:
    """Walks down the three versions, and notes what overlaps."""

    grain: Grain
    choice: Choice
    overlaps: list[Overlap] = field(default_factory=list)
    put_back: list[PutBack] = field(default_factory=list)

    def root(self, base: _Node, live: _Node, other: _Node) -> str:
        """Give the text of the whole document."""
        return self._visit((base, live, other), (), ()) or ""

    def _visit(self, sides: _Sides, place: Place, trail: tuple[str, ...]) -> str | None:
        """Give the text of what is to stand at a place; None for nothing."""
        base, live, other = sides
        standing = self.choice.at(place)
        if standing == LEFT or _same(base, other) or (place and self.grain.is_volatile(place)):
            return _text(live)
        if standing == TAKEN and place and not self.grain.volatile and _same(base, live):
            return _text(other)
        if base is not None and live is not None and other is not None and self.grain.goes_into(place):
            values = base.value, live.value, other.value
            if all(isinstance(value, dict) for value in values):
                return self._objects((base, live, other), place, trail)
            if all(isinstance(value, list) for value in values):
                names = names_of([value for value in values if isinstance(value, list)], grain=self.grain)
                if names is not None:
                    return self._lists((base, live, other), place, trail, names)
        if _same(live, other):
            return _text(live)
        if standing == TAKEN and _same(base, live):
            return _text(other)
        self.overlaps.append(_overlap(sides, place, trail))
        return _text(live)

    def _objects(self, sides: tuple[_Node, _Node, _Node], place: Place, trail: tuple[str, ...]) -> str:
        below = [self._members(side, place) for side in sides]
        replaced, added, gone = {}, {}, []
        for key in dict.fromkeys((*below[1], *below[2], *below[0])):
            base, live, other = (members.get(key) for members in below)
            text = self._visit((base, live, other), (*place, key), (*trail, visible(key)))
            if live is None:
                if text is not None:
                    added[key] = text
            elif text is None:
                gone.append(key)
            elif text != str(live.spelled):
                replaced[key] = text
        on_live = sides[1]
        # What is as good as absent here may still stand there as null.
        if isinstance(on_live.value, dict):
            for key in [key for key in added if key in on_live.value]:
                replaced[key] = added.pop(key)
        return on_live.spelled.with_members(replaced, gone=gone, added=added)

    def _members(self, side: _Node, place: Place) -> dict[str, _Node]:
        members = side.spelled.members()
        value = side.value if isinstance(side.value, dict) else {}
        return {
            key: _Node(member, members[key])
            for key in value
            if (place or self.grain.roots is None or key in self.grain.roots)
            and not isinstance(member := self.grain.member(value, key, at=place), Missing)
        }

    def _lists(self, sides: tuple[_Node, _Node, _Node], place: Place, trail: tuple[str, ...], names: Names) -> str:
        base, live, other = (_items(side, called) for side, called in zip(sides, names.lists, strict=True))
        was, now, then = names.lists
        index = {name: position for position, name in enumerate(now)}
        places = {name: position for called in names.lists for position, name in enumerate(called)}
        texts: dict[Step, str] = {}
        coming: set[Step] = set()
        for name in dict.fromkeys((*now, *then, *was)):
            there = base.get(name), live.get(name), other.get(name)
            shown = next(one.value for one in there[::-1] if one is not None)
            text = self._visit(there, (*place, name), _item_trail(trail, name, shown, places[name]))
            if text is not None:
                texts[name] = text
                if name not in live:
                    coming.add(name)
        moving = self._moving(names, texts, place)
        if moving and not _rises([index[name] for name in was if name in index and name in other]):
            if not _rises([index[name] for name in then if name in index and name in base]):
                self.overlaps.append(_overlap(sides, place, trail, order=True))
                return sides[1].spelled.with_items([(index[name], str(live[name].spelled)) for name in now])
            moving = set()  # later work has brought them into that order already
        staying = [name for name in now if name in texts and name not in moving]
        behind = _behind(staying, then, coming | moving)
        if not self._told(behind, staying, sides, place, trail, names):
            return sides[1].spelled.with_items([(index[name], str(live[name].spelled)) for name in now])
        ordered = [*behind.get(None, ())]
        for name in staying:
            ordered += [name, *behind.get(name, ())]
        return sides[1].spelled.with_items([(index.get(name), texts[name]) for name in ordered])

    def _moving(self, names: Names, texts: Mapping[Step, str], place: Place) -> set[Step]:
        """Give the items that the change puts elsewhere, where that is taken."""
        was, now, then = names.lists
        found = {name: position for position, name in enumerate(was)}
        pairs = [found[name] for name in then if name in found]
        staying = _staying(pairs)
        return {
            was[position]
            for position in pairs
            if position not in staying
            and was[position] in texts
            and was[position] in now
            and self.choice.at((*place, _order_of(was[position]))) == TAKEN
        }

    def _told(
        self,
        behind: Mapping[Step | None, Sequence[Step]],
        staying: Sequence[Step],
        sides: tuple[_Node, _Node, _Node],
        place: Place,
        trail: tuple[str, ...],
        names: Names,
    ) -> bool:
        """Note what has other neighbours than there; False where nobody can tell where such an item goes."""
        then = names.lists[2]
        place_then = {name: position for position, name in enumerate(then)}
        position = {name: number for number, name in enumerate(staying)}
        items = {
            name: item
            for side, called in zip(sides, names.lists, strict=True)
            for name, item in zip(called, side.value if isinstance(side.value, list) else (), strict=False)
        }
        for anchor, coming in behind.items():
            following = next((name for name in then[place_then[coming[-1]] + 1 :] if name in position), None)
            next_here = 0 if anchor is None else position[anchor] + 1
            if next_here == (len(staying) if following is None else position[following]):
                continue
            between = staying[next_here] if next_here < len(staying) else None
            if not isinstance(coming[0], Item) or not coming[0].is_thing:
                self.overlaps.append(_overlap(sides, place, trail, order=True))
                return False
            words = ["" if one is None else label(items[one], 0, identity=coming[0].key) for one in (anchor, between)]
            for name in coming[-1:]:
                last = label(items[name], 0, identity=coming[0].key)
                self.put_back.append(PutBack(trail, last, words[0], words[1]))
        return True


def _behind(staying: Sequence[Step], then: Sequence[Step], coming: Iterable[Step]) -> dict[Step | None, list[Step]]:
    """Give behind which of the staying items the others come, in the order that they have there."""
    stays, comes = set(staying), set(coming)
    behind: dict[Step | None, list[Step]] = {}
    anchor: Step | None = None
    for name in then:
        if name in comes:
            behind.setdefault(anchor, []).append(name)
        elif name in stays:
            anchor = name
    return behind


def _items(side: _Node, names: Sequence[Step]) -> dict[Step, _Node]:
    values = side.value if isinstance(side.value, list) else []
    return {
        name: _Node(value, spelling) for name, value, spelling in zip(names, values, side.spelled.items(), strict=True)
    }


def _rises(numbers: Sequence[int]) -> bool:
    return all(one < other for one, other in pairwise(numbers))


def _overlap(sides: _Sides, place: Place, trail: tuple[str, ...], *, order: bool = False) -> Overlap:
    base, live, other = (MISSING if side is None else side.value for side in sides)
    return Overlap(place, trail, base, live, other, order)


def _same(one: _Node | None, other: _Node | None) -> bool:
    if one is None or other is None:
        return one is other
    return same(one.value, other.value)


def _text(side: _Node | None) -> str | None:
    return None if side is None else str(side.spelled)
