"""What a rollback is to make of live: a version whole, some of it, or live without what one version changed.

Pure: bytes and a type's rules come in. What is taken are differences, named by places (`documents.places`); only
what a rollback of the type writes takes part, everything else stays as it is on live.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tenants.documents import (
    LEFT,
    TAKEN,
    Choice,
    Composed,
    Grain,
    InvalidPointer,
    NotAPart,
    Overlap,
    Part,
    Place,
    PutBack,
    Side,
    Value,
    composed,
    load,
    locate,
    parts,
    place_text,
    split,
)
from tenants.resource_types import ResourceType, secrets, written


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody chose of a way back."""

    only: tuple[str, ...] = ()
    """Places: take just these; empty for all."""
    keep: tuple[str, ...] = ()
    """Places: leave these as they are on live."""
    undone: bytes | None = None
    """The version whose own change is taken back, where it is only that; the target is the version before it."""

    @property
    def is_whole(self) -> bool:
        """Whether it is simply the target."""
        return not (self.only or self.keep or self.undone is not None)


class NotComposable(Exception):
    """What was named cannot be restored, or kept, by itself; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What live is to become. Where something overlaps, nothing may be sent."""

    raw: bytes
    overlaps: tuple[Overlap, ...] = ()
    put_back: tuple[PutBack, ...] = ()
    only: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    """The places that were chosen, items by what names them."""
    idle: tuple[str, ...] = ()
    """Places to keep at which nothing would have changed."""
    choice: Choice = field(default_factory=Choice)

    def leaves(self, place: Place) -> bool:
        """Tell whether a difference at a place is left as it is on live."""
        return self.choice.at(place) == LEFT


def grain_of(rtype: ResourceType) -> Grain:
    """Give how finely objects of a type can be taken apart."""
    shown = {rule.shown_in for rule in rtype.written_as}
    return Grain(
        identity_keys=rtype.identity_keys,
        roots=rtype.content,
        whole=frozenset(shown | set(rtype.secret)),
        volatile=rtype.nested_volatile,
        null_is_absent=rtype.null_clears,
    )


def wanted(rtype: ResourceType, *, target: bytes, live: bytes, wish: Wish) -> Wanted:
    """Give what live is to become.

    Raises NotComposable for a place that is malformed, leads to nothing that is written, or is none that can be taken
    by itself; nor is it guessed which item of a list was meant by an index that means two things.
    """
    if wish.is_whole:
        return Wanted(raw=target)
    here, there = _side(rtype, live), _side(rtype, target)
    base = here if wish.undone is None else _side(rtype, wish.undone)
    grain = grain_of(rtype)
    ways = [(base, here, there)] if base is here else [(base, here, there), (here, here, there)]
    only = [_place(rtype, pointer, ways, grain, verb="restored") for pointer in wish.only]
    keep = [_place(rtype, pointer, ways, grain, verb="kept") for pointer in wish.keep]
    choice = Choice(only=only, keep=keep)
    found: Composed = composed(base=base, live=here, other=there, grain=grain, choice=choice)
    return Wanted(
        raw=found.raw,
        overlaps=found.overlaps,
        put_back=found.put_back,
        only=tuple(dict.fromkeys(map(place_text, only))),
        keep=tuple(dict.fromkeys(map(place_text, keep))),
        choice=choice,
        idle=tuple(place_text(place) for place in keep if not _changes(place, base.value, there.value, grain)),
    )


def parts_between(rtype: ResourceType, before: dict[str, Value], after: dict[str, Value]) -> list[Part]:
    """Give each difference between two versions that can be taken or left, with words in place of secrets."""
    old, new = secrets.hidden_pair(rtype, written.comparable(rtype, before), written.comparable(rtype, after))
    return parts(old, new, grain=grain_of(rtype))


def shortest(places: Sequence[Place], every: Sequence[Part]) -> list[Place]:
    """Give fewer places that mean the same: where all that differs inside something is named, that thing."""
    named = set(places)
    left = [part.place for part in every if part.place not in named]
    spared = {place[:depth] for place in left for depth in range(len(place) + 1)}
    found: dict[Place, None] = {}
    for place in places:
        depth = next((depth for depth in range(1, len(place)) if place[:depth] not in spared), len(place))
        found[place[:depth]] = None
    return list(found)


def place_texts(places: Sequence[Place]) -> list[str]:
    """Give places as people write them."""
    return [place_text(place) for place in places]


def sentence_of(told: PutBack) -> str:
    """Say where an item was put back that has other neighbours now."""
    where = f"right behind “{told.behind}”" if told.behind else "at the front"
    follows = f"; “{told.before}”, which is there now, follows it" if told.before else ""
    return f"In {' › '.join(told.trail)}, “{told.item}” goes {where}, as it stood before{follows}."


def _side(rtype: ResourceType, raw: bytes) -> Side:
    value = load(raw)
    return Side(written.comparable(rtype, value) if isinstance(value, dict) else value, raw)


def _place(
    rtype: ResourceType, pointer: str, ways: Sequence[tuple[Side, Side, Side]], grain: Grain, *, verb: str
) -> Place:
    """Give the place that a pointer names on the way of the change, else on the way from live to the target."""
    why: Exception | None = None
    try:
        root = next(iter(split(pointer)), None)
        writes = {*rtype.writable, *(rule.shown_in for rule in rtype.written_as)}
        if verb == "kept":
            writes |= rtype.content
        if root is None:
            raise NotComposable(f"The whole document cannot be {verb} by itself: name a member of it.")
        if root not in writes:
            raise NotComposable(f"{pointer} is not in a member that can be written ({', '.join(rtype.writable)}).")
        for base, live, other in ways:
            try:
                return locate(pointer, base=base.value, live=live.value, other=other.value, grain=grain)
            except NotAPart as error:
                why = why or error
    except InvalidPointer as error:
        why = error
    raise NotComposable(f"{pointer} cannot be {verb} by itself: {why}") from why


def _changes(place: Place, base: Value, other: Value, grain: Grain) -> bool:
    choice = Choice(only=[place])
    return any(choice.at(part.place) == TAKEN for part in parts(base, other, grain=grain))
