"""JSON Patch, RFC 6902: a difference as a patch, and any patch applied.

The patch of a difference has one operation for each change, and each stands on what those before it have left. Lists
are put in order from the outside in: what went is taken out from the back, then what came or moved is put in from the
front, each right behind the item that it follows. Then every other change is made at its place in the document after.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, cast

from tenants.documents.matching import same
from tenants.documents.pointers import InvalidPointer, index_of, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tenants.documents.difference import Change, Difference
    from tenants.documents.values import Value


class PatchRefused(ValueError):
    """Say which operation of a patch cannot be done and why; nothing of the patch is applied."""

    def __init__(self, number: int, reason: str) -> None:
        self.number = number
        self.reason = reason
        super().__init__(f"Operation {number} of the patch cannot be done: {reason}. Nothing was changed.")


def patch_of(difference: Difference) -> list[Value]:
    """Give the JSON Patch that makes the document after out of the one before: one operation for each change.

    What it makes is the same JSON value; keys keep the order, and equal numbers the spelling, of the document before.
    """
    lists: dict[str, list[Change]] = {}
    others: list[Value] = []
    for change in difference.changes:
        if change.from_index is not None or change.to_index is not None:
            lists.setdefault(change.within, []).append(change)
        elif change.kind == "removed":
            others.append({"op": "remove", "path": change.within + change.path[change.path.rindex("/") :]})
        else:
            op = "add" if change.kind == "added" else "replace"
            others.append({"op": op, "path": change.path, "value": cast("Value", change.after)})
    ordered: list[Value] = []
    for within in sorted(lists, key=lambda pointer: pointer.count("/")):
        ordered += _in_order(within, lists[within])
    return ordered + others


def _in_order(within: str, changes: Sequence[Change]) -> Iterator[Value]:
    """Give the operations that bring the items of one list into order.

    Items that stay are never named in the changes, but all the others are, so counting those tells where they are.
    """
    gone = sorted(change.from_index for change in changes if change.kind == "removed" and change.from_index is not None)
    for index in reversed(gone):
        yield {"op": "remove", "path": f"{within}/{index}"}
    arriving = sorted((change.to_index, change) for change in changes if change.to_index is not None)
    # Of the items that stay, so many stand before each arrival.
    staying = [goal - earlier for earlier, (goal, _) in enumerate(arriving)]
    # What has yet to move, by its position before, and the position after of the next item that stays behind it.
    waiting = sorted(change.from_index for _, change in arriving if change.from_index is not None)
    ranks = {index: index - bisect_left(gone, index) - earlier for earlier, index in enumerate(waiting)}
    nexts = [rank + bisect_right(staying, rank) for rank in ranks.values()]
    for arrived, (goal, change) in enumerate(arriving):
        if change.from_index is None:
            path = f"{within}/{goal + bisect_left(nexts, goal)}"
            yield {"op": "add", "path": path, "value": cast("Value", change.after)}
            continue
        place, rank = bisect_left(waiting, change.from_index), ranks[change.from_index]
        origin = place + rank + min(arrived, bisect_right(staying, rank))
        del waiting[place], nexts[place]
        yield {
            "op": "move",
            "from": f"{within}/{origin}",
            "path": f"{within}/{goal + bisect_left(nexts, goal)}",
        }


def patched(document: Value, patch: Value) -> Value:
    """Give what a JSON Patch makes of a document; what was given stays as it is, and unchanged parts are shared.

    Raises `PatchRefused` where the patch is none (RFC 6902 section 3 and 4), names a place that is not there, or one of
    its tests fails; numbers are compared exactly. Members that no operation knows are ignored, as section 4 says.
    """
    if not isinstance(patch, list):
        raise PatchRefused(1, "a patch is a list of operations")
    patching = _Patching(document)
    for number, operation in enumerate(patch, start=1):
        try:
            patching.do(operation)
        except (_CannotError, InvalidPointer) as error:
            raise PatchRefused(number, str(error).rstrip(".")) from None
    return patching.root


class _CannotError(Exception):
    """An operation cannot be done; the message is a clause."""


class _Patching:
    """A document on its way through a patch. A container is copied before it is first written to, and only then."""

    def __init__(self, document: Value) -> None:
        self.root = document
        self._ours: dict[int, Value] = {}

    def do(self, operation: Value) -> None:
        """Do one operation; raises _CannotError."""
        if not isinstance(operation, dict):
            raise _CannotError("it is no object")
        op, path = operation.get("op"), _text(operation, "path")
        if op == "remove":
            self._remove(split(path))
        elif op in {"move", "copy"}:
            self._bring(_text(operation, "from"), path, takes=op == "move")
        elif op in {"add", "replace", "test"}:
            if "value" not in operation:
                raise _CannotError(f"{op!r} needs a member `value`")
            value = operation["value"]
            if op != "add":
                here = self._at(split(path))
                if op == "test" and not same(here, value):
                    raise _CannotError(f"the document has another value at {path!r}")
            if op != "test":
                self._put(split(path), value, instead=op == "replace")
        else:
            raise _CannotError("its `op` is none of add, remove, replace, move, copy and test")

    def _bring(self, origin: str, path: str, *, takes: bool) -> None:
        if takes and path.startswith(f"{origin}/"):
            raise _CannotError(f"{origin!r} cannot be moved into itself")
        value = self._at(split(origin))
        if takes:
            self._remove(split(origin))
        else:
            # Two places from now on: neither may be written to through the other.
            self._ours.clear()
        self._put(split(path), value, instead=False)

    def _at(self, tokens: Sequence[str]) -> Value:
        here = self.root
        for token in tokens:
            here = _below(here, token)
        return here

    def _own(self, tokens: Sequence[str]) -> dict[str, Value] | list[Value]:
        """Give the container at a place, for writing."""
        here = self._copied(self.root)
        self.root = here
        for token in tokens:
            below = self._copied(_below(here, token))
            if isinstance(here, dict):
                here[token] = below
            else:
                here[_index(token, len(here))] = below
            here = below
        return here

    def _copied(self, value: Value) -> dict[str, Value] | list[Value]:
        if not isinstance(value, (dict, list)):
            raise _CannotError("its path leads through a value that holds nothing")
        if id(value) in self._ours:
            return value
        ours = value.copy()
        self._ours[id(ours)] = ours
        return ours

    def _put(self, tokens: Sequence[str], value: Value, *, instead: bool) -> None:
        if not tokens:
            self.root = value
            return
        parent, last = self._own(tokens[:-1]), tokens[-1]
        if isinstance(parent, dict):
            parent[last] = value
        elif instead:
            parent[_index(last, len(parent))] = value
        else:
            parent.insert(len(parent) if last == "-" else _index(last, len(parent) + 1), value)

    def _remove(self, tokens: Sequence[str]) -> None:
        if not tokens:
            self.root = None
            return
        self._at(tokens)
        parent = self._own(tokens[:-1])
        if isinstance(parent, dict):
            del parent[tokens[-1]]
        else:
            del parent[_index(tokens[-1], len(parent))]


def _text(operation: dict[str, Value], name: str) -> str:
    value = operation.get(name)
    if not isinstance(value, str):
        raise _CannotError(f"its `{name}` is no JSON Pointer")
    return value


def _below(here: Value, token: str) -> Value:
    if isinstance(here, list):
        return here[_index(token, len(here))]
    if not isinstance(here, dict) or token not in here:
        raise _CannotError(f"the document has nothing at {token!r}")
    return here[token]


def _index(token: str, length: int) -> int:
    index = index_of(token)
    if index is None or index >= length:
        raise _CannotError(f"the document has nothing at {token!r}")
    return index
