"""Which version last changed each field of a document, told from the differences of all neighbours before it.

Versions are counted from 0 in their order. A change inside an item is not lost when the item moves: items are followed
as `difference` matches them, so a moved item keeps what is known of its fields and says which version moved it. A field
that came back to an old value is the newer version's: somebody wrote it again.

What is kept is a tree with a node only where something changed since everything above it came, whatever the size of the
document; what has no node of its own is as old as the nearest one above. So a version costs its own difference and
nothing more, and of a difference only its `outline` is needed, which holds no value and can be kept.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, cast

from tenants.documents.difference import compare
from tenants.documents.labels import label, visible
from tenants.documents.lines import BRACKETS, Line, block, key_text
from tenants.documents.matching import DEFAULT_IDENTITY_KEYS
from tenants.documents.pointers import NotFound, index_of, split, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tenants.documents.difference import Change, Difference
    from tenants.documents.values import Value

Touch: TypeAlias = "tuple[str, str] | tuple[str, str, int] | tuple[str, str, int, int]"
"""One change without its values: a sign, a pointer into the document after, and where items went and came.

`~ POINTER` changed, `+ POINTER` added and `- POINTER` removed are members of objects (or the whole document);
`a LIST TO` arrived, `r LIST FROM` removed and `m LIST FROM TO` moved are items of the list at the pointer.
"""


_SHORT: Final = 200
"""Lines: what has no more of them is printed in one go, where one version wrote all of it."""

_HIGH_UP: Final = 2


class Told(NamedTuple):
    """Say who is to blame for one place.

    `since` is the version that gave it its value (an object or a list: that brought it, whatever changed inside it
    later), `moved` a later one that last moved an item that holds it, `lost` the one that last took something out of
    this object or list.
    """

    since: int
    moved: int | None = None
    lost: int | None = None


class Field(NamedTuple):
    """Hold one field: a scalar, or an empty object or list; `trail` is its place in words."""

    path: str
    trail: tuple[str, ...]
    value: Value
    told: Told


class BlamedLine(NamedTuple):
    """Hold one printed line (`lines.pretty`) and who is to blame for it."""

    line: Line
    told: Told


@dataclass(slots=True)
class _Node:
    """What is known of one place; what `inside` does not name is as old as the place."""

    since: int
    moved: int | None = None
    lost: int | None = None
    inside: dict[str, _Node] = field(default_factory=dict)


def outline(difference: Difference) -> list[Touch]:
    """Give what `Blame.take` needs of a difference: one touch for each change, in its order, without any value."""
    return [_touch(change) for change in difference.changes]


def _touch(change: Change) -> Touch:
    if change.from_index is not None and change.to_index is not None:
        return "m", change.within, change.from_index, change.to_index
    if change.from_index is not None:
        return "r", change.within, change.from_index
    if change.to_index is not None:
        return "a", change.within, change.to_index
    if change.kind == "removed":
        return "-", change.within + change.path[change.path.rindex("/") :]
    return "+" if change.kind == "added" else "~", change.path


class Blame:
    """Follow one document through its versions; it begins with everything being the first one's."""

    def __init__(self, first: int = 0) -> None:
        self._root = _Node(first)

    def take(self, version: int, touches: Iterable[Touch]) -> None:
        """Let a later version have made these changes; the touches are those of its difference to the one before."""
        lists: dict[str, list[Touch]] = {}
        members: list[Touch] = []
        for touch in touches:
            if len(touch) > 2:
                lists.setdefault(touch[1], []).append(touch)
            else:
                members.append(touch)
        # From the outside in: a pointer leads through lists that are in their new order already.
        for within in sorted(lists, key=lambda pointer: pointer.count("/")):
            _rearrange(self._node(split(within)), lists[within], version)
        for sign, path, *_ in members:
            tokens = split(path)
            if not tokens:
                self._root = _Node(version)
                continue
            above = self._node(tokens[:-1])
            if sign == "-":
                above.inside.pop(tokens[-1], None)
                above.lost = version
            else:
                above.inside[tokens[-1]] = _Node(version)

    def fields(self, value: Value, *, under: str = "") -> Iterator[Field]:
        """Give each field of the newest version taken, which is `value`, in its order; `under` names a part of it.

        Raises `pointers.NotFound` where nothing stands there.
        """
        node: _Node | None = self._root
        since, moved, path = self._root.since, self._root.moved, ""
        trail: tuple[str, ...] = ()
        here = value
        for token in split(under):
            words, here = _down(here, token, under)
            trail = (*trail, *words)
            path += step(token)
            node = None if node is None else node.inside.get(token)
            if node is not None:
                since, moved = node.since, _newest(moved, node.moved)
        yield from _fields(here, node, since, moved, path, trail)

    def lines(self, value: Value, *, first: int = 1, most: int | None = None) -> list[BlamedLine]:
        """Give printed lines of the newest version taken, which is `value`, each with who is to blame for it.

        Those are `most` lines from the line `first` on, counted from 1; what lies outside is counted, not printed.
        """
        printing = _Printing(first, sys.maxsize if most is None else first + most - 1)
        _print(value, self._root, self._root.since, None, printing, 0, "")
        return printing.found

    def to_json(self) -> Value:
        """Give what is known in a form that JSON can hold, for `from_json`."""
        return _as_json(self._root)

    @classmethod
    def from_json(cls, kept: Value) -> Blame:
        """Give what `to_json` gave, ready to take the next version."""
        blame = cls()
        blame._root = _from_json(kept)
        return blame

    def _node(self, tokens: Sequence[str]) -> _Node:
        """Give the node of an object or a list, made where nothing changed in it before."""
        node = self._root
        for token in tokens:
            below = node.inside.get(token)
            if below is None:
                below = node.inside[token] = _Node(node.since)
            node = below
        return node


def blame(versions: Iterable[Value], *, identity_keys: Sequence[str] = DEFAULT_IDENTITY_KEYS) -> Blame:
    """Give the blame of the last of some versions, oldest first; it costs one difference for each pair of neighbours.

    Raises ValueError where there is no version.
    """
    found: Blame | None = None
    before: Value = None
    for number, value in enumerate(versions):
        if found is None:
            found = Blame()
        else:
            found.take(number, outline(compare(before, value, identity_keys=identity_keys)))
        before = value
    if found is None:
        message = "Without a version there is nobody to blame."
        raise ValueError(message)
    return found


def _rearrange(node: _Node, touches: Sequence[Touch], version: int) -> None:
    """Bring what is known of a list's items to their new places."""
    gone = {touch[2] for touch in touches if touch[0] == "r"}  # type: ignore[misc]  # as the sign says
    came = [touch[2] for touch in touches if touch[0] == "a"]  # type: ignore[misc]
    moves: dict[int, int] = {touch[2]: touch[3] for touch in touches if touch[0] == "m"}  # type: ignore[misc]
    leaving = sorted([*gone, *moves])
    # Of the items that stay, so many stand before each arrival.
    staying = [goal - earlier for earlier, goal in enumerate(sorted([*came, *moves.values()]))]
    inside: dict[str, _Node] = {}
    for token, child in node.inside.items():
        index = int(token)
        if index in gone or index in moves:
            continue
        rank = index - bisect_left(leaving, index)
        inside[str(rank + bisect_right(staying, rank))] = child
    for origin, goal in moves.items():
        moved = node.inside.get(str(origin)) or _Node(node.since)
        moved.moved = version
        inside[str(goal)] = moved
    for goal in came:
        inside[str(goal)] = _Node(version)
    node.inside = inside
    if gone:
        node.lost = version


def _newest(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)


def _later(moved: int | None, since: int) -> int | None:
    """Give the version that moved an item, where that was after the place got its value."""
    return moved if moved is not None and moved > since else None


def _told(node: _Node | None, since: int, moved: int | None, *, empty: bool) -> Told:
    lost = None if node is None else node.lost
    if empty and lost is not None:
        return Told(max(since, lost), _later(moved, max(since, lost)), lost)
    return Told(since, _later(moved, since), lost)


def _down(here: Value, token: str, pointer: str) -> tuple[tuple[str, ...], Value]:
    if isinstance(here, dict) and token in here:
        return (visible(token),), here[token]
    index = index_of(token) if isinstance(here, list) else None
    if isinstance(here, list) and index is not None and index < len(here):
        return _item_words(here[index], index), here[index]
    message = f"The document has nothing at {pointer!r}: {token!r} is not there."
    raise NotFound(message)


def _item_words(item: Value, index: int) -> tuple[str, ...]:
    # As in a difference: a scalar is its own name.
    return (label(item, index),) if isinstance(item, (dict, list)) else ()


def _fields(
    value: Value, node: _Node | None, since: int, moved: int | None, path: str, trail: tuple[str, ...]
) -> Iterator[Field]:
    """Walk down a value; `node` is its own one, if it has any, and `since` and `moved` are known of it already."""
    if not isinstance(value, (dict, list)) or not value:
        yield Field(path, trail, value, _told(node, since, moved, empty=isinstance(value, (dict, list))))
        return
    for token, words, member in _members(value):
        below = None if node is None else node.inside.get(token)
        if below is None:
            yield from _fields(member, None, since, moved, path + step(token), (*trail, *words))
        else:
            yield from _fields(
                member, below, below.since, _newest(moved, below.moved), path + step(token), (*trail, *words)
            )


def _members(value: dict[str, Value] | list[Value]) -> Iterator[tuple[str, tuple[str, ...], Value]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield key, (visible(key),), member
    else:
        for index, item in enumerate(value):
            yield str(index), _item_words(item, index), item


def height(value: Value) -> int:
    """Give how many lines a value is printed on."""
    if isinstance(value, dict) and value:
        return 2 + sum(map(height, value.values()))
    if isinstance(value, list) and value:
        return 2 + sum(map(height, value))
    return 1


@dataclass(slots=True)
class _Printing:
    """The lines that are wanted, and the number of the next one."""

    first: int
    last: int
    found: list[BlamedLine] = field(default_factory=list)
    number: int = 1

    def put(self, line: Line, told: Told) -> None:
        """Take the next line, if it is wanted."""
        if self.first <= self.number <= self.last:
            self.found.append(BlamedLine(line, told))
        self.number += 1

    def passes(self, value: Value, indent: int) -> bool:
        """Pass a value by whose lines are all outside of what is wanted, and tell whether that was so."""
        if self.number > self.last:
            return True  # and nobody asks for a number any more
        # What is high up holds nearly all, so it is walked: counting it would be done again inside it.
        if self.number >= self.first or indent < _HIGH_UP:
            return False
        lines = height(value)
        if self.number + lines <= self.first:
            self.number += lines
            return True
        return False


def _print(
    value: Value, node: _Node | None, since: int, moved: int | None, printing: _Printing, indent: int, key: str
) -> None:
    """Print as `lines.pretty` does: what has no node of its own and is not long is printed in one go."""
    if printing.passes(value, indent):
        return
    empty = not value and isinstance(value, (dict, list))
    told = _told(node, since, moved, empty=empty)
    plain = node is None or not (node.inside or node.lost is not None)
    if (
        not isinstance(value, (dict, list))
        or empty
        or (plain and indent >= _HIGH_UP and len(value) <= _SHORT and height(value) <= _SHORT)
    ):
        for line in block(value, number=printing.number, indent=indent, key=key):
            printing.put(line, told)
        return
    opening, closing = BRACKETS[type(value)]
    printing.put(Line(printing.number, indent, key, (opening,)), told)
    for token, _words, member in _members(value):
        below = None if node is None else node.inside.get(token)
        _print(
            member,
            below,
            since if below is None else below.since,
            moved if below is None else _newest(moved, below.moved),
            printing,
            indent + 1,
            key_text(token) if isinstance(value, dict) else "",
        )
    printing.put(Line(printing.number, indent, "", (closing,)), told._replace(lost=None))


def _as_json(node: _Node) -> Value:
    """Give `[since, moved, lost, {token: node}]`, without what is empty at its end."""
    whole: list[Value] = [node.since, node.moved, node.lost]
    if node.inside:
        return [*whole, {token: _as_json(child) for token, child in node.inside.items()}]
    while whole[-1] is None:
        whole.pop()
    return whole


def _from_json(kept: Value) -> _Node:
    assert isinstance(kept, list)  # noqa: S101 - what `to_json` gave
    since, moved, lost, *inside = (*kept, None, None)[: max(3, len(kept))]
    node = _Node(cast("int", since), cast("int | None", moved), cast("int | None", lost))
    for members in inside:
        node.inside = {token: _from_json(child) for token, child in cast("dict[str, Value]", members).items()}
    return node
