"""Applies the changes of a difference, to prove that all are there and at the right place."""

from __future__ import annotations

import copy
from typing import Any

from tenants.documents import Difference, Missing, Value, split


def apply_changes(before: Value, difference: Difference) -> Value:
    """Give the document after: first what went is taken out, then what came is put in, in the order given."""
    # Any: the places are walked by tokens whose kind only the document knows.
    root: list[Any] = [copy.deepcopy(before)]
    carried: dict[str, Any] = {}
    leaving = []
    for change in difference.changes:
        if change.kind in ("removed", "moved"):
            assert change.before_path is not None
            leaving.append((_tokens(root, change.before_path), change))
    # From the last place to the first, the inner before the outer: no index shifts under another.
    ordered = sorted(leaving, key=lambda pair: [(str(type(t)), t) for t in pair[0]], reverse=True)
    for tokens, change in ordered:
        parent = _at(root, tokens[:-1])
        taken = parent.pop(tokens[-1])
        if change.kind == "moved":
            carried[change.path] = taken
    for change in difference.changes:
        if change.kind == "removed":
            continue
        tokens = _tokens(root, change.path)
        parent, place = _at(root, tokens[:-1]), tokens[-1]
        new = copy.deepcopy(carried[change.path] if change.kind == "moved" else change.after)
        assert not isinstance(new, Missing)
        if isinstance(parent, list) and change.kind in ("added", "moved"):
            assert place <= len(parent)
            parent.insert(place, new)
        else:
            if change.kind == "added":
                assert place not in parent
            parent[place] = new
    result: Value = root[0]
    return result


def _tokens(root: list[Any], pointer: str) -> list[Any]:
    tokens: list[Any] = [0]
    here: Any = root[0]
    for position, name in enumerate(names := split(pointer)):
        token = int(name) if isinstance(here, list) else name
        tokens.append(token)
        if position < len(names) - 1:
            here = here[token]
    return tokens


def _at(root: list[Any], tokens: list[Any]) -> Any:
    here: Any = root
    for token in tokens:
        here = here[token]
    return here
