"""Places in several versions of one document at once, items of lists by what names them and never by their index.

    /content/rules/id=refund/minConfidence     a member of the item whose `id` is "refund"
    /content/tags/=tier-2                      an item of a list of different texts or numbers is its own name
    /content/rules/order:id=refund             where that item stands in its list, and nothing of what it holds
    /content/steps/3                           by index, where each version has the same items at the same indexes
    /content/steps/sha256=3fa9c1d20b77         by what it holds, where no two items of a list hold the same

The items of any other list cannot be told apart for certain: it is taken whole, or not at all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from tenants.documents.canonical import canonical_bytes, digest
from tenants.documents.difference import MISSING, Missing, flagged_places
from tenants.documents.matching import DEFAULT_IDENTITY_KEYS, match_items, unique_tokens
from tenants.documents.pointers import index_of, split, step
from tenants.documents.spelling import to_text

if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Iterator, Sequence

    from tenants.documents.values import Value


_CONTENT: Final = "sha256"
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list by the member that names it, or by itself where `key` is empty; `order`: where it stands."""

    key: str
    text: str
    order: bool = False

    @property
    def is_thing(self) -> bool:
        """Whether it stays the same item when what it holds is changed."""
        return self.key not in {"", _CONTENT}

    def __str__(self) -> str:
        return f"{'order:' if self.order else ''}{self.key}={self.text}"


@dataclass(frozen=True, slots=True)
class Index:
    """An item of a list whose items stand at the same indexes in every version."""

    number: int

    def __str__(self) -> str:
        return str(self.number)


Step: TypeAlias = str | Item | Index
Place: TypeAlias = tuple[Step, ...]


class NotAPart(LookupError):
    """What was named cannot be taken or left by itself; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Grain:
    """How finely documents of one type can be taken apart."""

    identity_keys: tuple[str, ...] = DEFAULT_IDENTITY_KEYS
    roots: frozenset[str] | None = None
    """The root members that are looked at; None for all."""
    whole: frozenset[str] = frozenset()
    """Root members that are taken whole or not at all."""
    volatile: tuple[str, ...] = ()
    """What moves by itself, as `compare` takes it; it is never taken."""
    null_is_absent: bool = False
    """Whether a root member that is null is as good as none."""

    def is_volatile(self, place: Place) -> bool:
        """Tell whether a place moves by itself."""
        pattern: re.Pattern[str] | None = flagged_places(self.volatile)
        return pattern is not None and pattern.match(place_text(place)) is not None

    def member(self, value: dict[str, Value], key: str, *, at: Place) -> Value | Missing:
        """Give a member of an object, MISSING where there is none."""
        if key not in value or (not at and self.null_is_absent and value[key] is None):
            return MISSING
        return value[key]

    def goes_into(self, place: Place) -> bool:
        """Tell whether what stands at a place may be taken in parts."""
        return len(place) != 1 or place[0] not in self.whole


def place_text(place: Place) -> str:
    """Give a place as people write it: a JSON Pointer whose tokens for items are names."""
    return "".join([step(str(one)) for one in place])


class Touched:
    """The places that one change touched, asked whether another place may be one of them, or in or around one.

    Where the items of a list were told apart by another member there, or by none, nobody can tell: then it may.
    """

    def __init__(self, places: Collection[Place]) -> None:
        self._places = frozenset(places)
        self._around = frozenset(_above(places))
        self._kinds: dict[Place, str] = {}
        for place in places:
            for depth, one in enumerate(place):
                if not isinstance(one, str):
                    self._kinds[place[:depth]] = _kind(one)

    def may_be(self, place: Place) -> bool:
        """Tell whether a place may be touched."""
        if place in self._around or any(place[:depth] in self._places for depth in range(len(place) + 1)):
            return True
        last = place[-1] if place else None
        if isinstance(last, Item) and (*place[:-1], Item(last.key, last.text, order=not last.order)) in self._places:
            return True
        return any(
            self._kinds.get(place[:depth], _kind(one)) != _kind(one)
            for depth, one in enumerate(place)
            if not isinstance(one, str)
        )

    def in_the_list_of(self, place: Place) -> int:
        """Give how deep in a place the innermost list stands of which something was touched; 0 for none."""
        depths = [depth for depth, one in enumerate(place) if not isinstance(one, str)]
        return next((depth for depth in reversed(depths) if place[:depth] in self._around), 0)


def _kind(one: Step) -> str:
    return one.key if isinstance(one, Item) else "an index"


@dataclass(frozen=True, slots=True)
class Names:
    """What the items of lists are called: for each list one step for each item, the same step for the same item."""

    lists: tuple[tuple[Step, ...], ...]
    others: dict[str, Step] = field(default_factory=dict)
    """Other words that mean an item: the name that a renamed one has on another side."""


def names_of(lists: Sequence[list[Value]], *, grain: Grain) -> Names | None:
    """Give names to the items of versions of one list, the first of which is the base; None where nothing tells them.

    An item that was renamed has the name that it bears in the base.
    """
    filled = [items for items in lists if items]
    kinds = {type(item) for items in filled for item in items}
    if kinds == {dict}:
        return _by_key(lists, filled, grain) or _by_index(lists, grain) or _by_content(lists)
    if kinds & {dict, list}:
        return _by_index(lists, grain) or _by_content(lists)
    return _by_index(lists, grain) or _by_themselves(lists)


def _by_themselves(lists: Sequence[list[Value]]) -> Names | None:
    named = tuple(tuple(Item("", _text(item)) for item in items) for items in lists)
    by_value = tuple(tuple(canonical_bytes(item) for item in items) for items in lists)
    # The text "1" and the number 1 have one name and are two things.
    told = len(
        {pair for names, values in zip(named, by_value, strict=True) for pair in zip(names, values, strict=True)}
    )
    if told != len({name for names in named for name in names}):
        return None
    if any(len(set(names)) != len(names) for names in named) or _may_be_edited(named):
        return None
    return Names(named)


def _by_key(lists: Sequence[list[Value]], filled: list[list[Value]], grain: Grain) -> Names | None:
    key = _telling(filled, grain)
    if key is None:
        return None
    own = [[Item(key, _text(item[key])) for item in items if isinstance(item, dict)] for items in lists]
    if any(max(Counter(names).values(), default=1) > 1 for names in own):
        return None
    base, known = lists[0], set(own[0])
    others: dict[str, Step] = {}
    named: list[tuple[Step, ...]] = [tuple(own[0])]
    for items, names in zip(lists[1:], own[1:], strict=True):
        called: list[Step] = list(names)
        if base and items and items is not base:
            matching = match_items(base, items, identity_keys=grain.identity_keys)
            for i, j in matching.stays if matching.identity == key else ():
                if own[0][i] != names[j] and own[0][i] not in names and names[j] not in known:
                    called[j] = own[0][i]
                    others[str(names[j])] = own[0][i]
        named.append(tuple(called))
    return Names(tuple(named), others)


def _telling(filled: list[list[Value]], grain: Grain) -> str | None:
    """Find the member that tells the items of all lists apart: the first that finds an item again, else the first."""
    objects = [[item for item in items if isinstance(item, dict)] for items in filled]
    first = None
    # Two words are taken: an item by itself, and by what it holds.
    spoken_for = {*grain.identity_keys, "", _CONTENT}
    for key in (*grain.identity_keys, *(key for key in objects[-1][0] if key not in spoken_for)):
        tokens = [unique_tokens(items, key, text_only=key not in grain.identity_keys) for items in objects]
        sets = [set(one) for one in tokens if one is not None]
        if len(sets) < len(objects):
            continue
        if len(sets) == 1 or any(not one.isdisjoint(other) for one in sets for other in sets if one is not other):
            return key
        first = first or key
    return first


def _by_index(lists: Sequence[list[Value]], grain: Grain) -> Names | None:
    length = len(lists[0])
    if not length or any(len(items) != length for items in lists):
        return None
    for items in lists[1:]:
        matching = match_items(lists[0], items, identity_keys=grain.identity_keys)
        staying = len(matching.stays) + sum(matching.ends)
        if matching.moves or staying != length or any(i != j for i, j in matching.stays):
            return None
    return Names(tuple(tuple(Index(number) for number in range(length)) for _ in lists))


def _by_content(lists: Sequence[list[Value]]) -> Names | None:
    named = tuple(tuple(Item(_CONTENT, digest(item)[:_DIGITS]) for item in items) for items in lists)
    if any(len(set(names)) != len(names) for names in named) or _may_be_edited(named):
        return None
    return Names(named)


def _may_be_edited(named: Sequence[Sequence[Item]]) -> bool:
    """Tell whether an item that two versions lack may be one that either has: without a name nobody can tell."""
    base, *others = (set(names) for names in named)
    lacking = base.difference(*others)
    return len(others) > 1 and bool(lacking) and any(other - base for other in others)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else canonical_bytes(value).decode()


# --- what somebody typed ---------------------------------------------------------------------------------------------


def locate(pointer: str, *, base: Value, live: Value, other: Value, grain: Grain) -> Place:
    """Give the place that a pointer names where live and the other document can be told apart.

    An index is taken where it means the same item on live and there. Raises NotAPart with a sentence, InvalidPointer.
    """
    place: Place = ()
    sides: list[Value | Missing] = [base, live, other]
    for token in split(pointer):
        there = [side for side in sides if not isinstance(side, Missing)]
        shown = place_text(place) or "The document"
        if any(isinstance(side, Missing) for side in sides[1:]):
            raise NotAPart(f"{shown} is only on one side, so it can be taken only whole.")
        if not grain.goes_into(place):
            raise NotAPart(f"{shown} can be taken only whole.")
        if all(isinstance(side, dict) for side in there):
            sides = [_member(side, token, place, grain) for side in sides]
            found: Step = token
        elif all(isinstance(side, list) for side in there):
            found, sides = _item(sides, token, shown, grain)
        else:
            raise NotAPart(f"{shown} is no object or list on each side, so it can be taken only whole.")
        if all(isinstance(side, Missing) for side in sides):
            raise NotAPart(f"{token!r} is not there.")
        place = (*place, found)
    return place


def _member(side: Value | Missing, key: str, place: Place, grain: Grain) -> Value | Missing:
    return grain.member(side, key, at=place) if isinstance(side, dict) else MISSING


def _item(sides: Sequence[Value | Missing], token: str, shown: str, grain: Grain) -> tuple[Step, list[Value | Missing]]:
    base, live, other = (side if isinstance(side, list) else [] for side in sides)
    names = names_of([base, live, other], grain=grain)
    if names is None:
        raise NotAPart(f"Nothing tells the items of {shown} apart, so the list can be taken only whole.")
    word = token.removeprefix("order:")
    called = {str(name): name for steps in names.lists for name in steps}
    name = called.get(word) or names.others.get(word) or _at_index(token, names, shown)
    found: list[Value | Missing] = [
        items[steps.index(name)] if name in steps else MISSING
        for items, steps in zip((base, live, other), names.lists, strict=True)
    ]
    if token.startswith("order:") and isinstance(name, Item):
        return Item(name.key, name.text, order=True), found
    return name, found


def _at_index(token: str, names: Names, shown: str) -> Step:
    index = index_of(token)
    on_live, there = (steps[index] if index is not None and index < len(steps) else None for steps in names.lists[1:])
    found = on_live if on_live is not None else there
    if found is None:
        raise NotAPart(f"{token!r} is not there.")
    if on_live is not None and there is not None and on_live != there:
        here = f"{shown}/{token}"
        raise NotAPart(
            f"{here} is {_named(there)} there and {_named(on_live)} on live. Name the item instead: "
            f"{shown}{step(str(there))} or {shown}{step(str(on_live))}."
        )
    return found


def _named(name: Step) -> str:
    if not isinstance(name, Item):
        return f"item {name}"
    return f"{name.key} {to_text(name.text)}" if name.key else to_text(name.text)


# --- what somebody chose ---------------------------------------------------------------------------------------------

TAKEN: Final = "taken"
LEFT: Final = "left"
IN_PART: Final = "in part"


class Choice:
    """What of a difference is taken: everything, or only some places, and not what is to be kept."""

    def __init__(self, *, only: Collection[Place] = (), keep: Collection[Place] = ()) -> None:
        self._only, self._keep = frozenset(only), frozenset(keep)
        self._above_only = frozenset(_above(self._only))
        self._above_keep = frozenset(_above(self._keep))

    def at(self, place: Place) -> str:
        """Say whether all at a place is taken, all of it left as it is, or some of it each."""
        covering = list(_covering(place))
        if any(one in self._keep for one in covering):
            return LEFT
        asked = not self._only or any(one in self._only for one in covering)
        if not asked:
            return IN_PART if place in self._above_only else LEFT
        return IN_PART if place in self._above_keep else TAKEN


def _covering(place: Place) -> Iterator[Place]:
    for depth in range(len(place) + 1):
        yield place[:depth]
    last = place[-1] if place else None
    if isinstance(last, Item) and last.order:
        yield (*place[:-1], Item(last.key, last.text))


def _above(places: Collection[Place]) -> Iterator[Place]:
    for place in places:
        for depth in range(len(place)):
            yield place[:depth]
