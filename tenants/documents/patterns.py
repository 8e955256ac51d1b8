"""JSON Pointers in which `*` stands for any item of a list or any member of an object: `/members/*/id`.

They name places in documents of one type, whatever their lists hold; a pointer without `*` names its own place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tenants.documents.pointers import index_of, join, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tenants.documents.values import Value

ANY: Final = "*"


def found(value: Value, pattern: str) -> Iterator[tuple[str, Value]]:
    """Give `(JSON Pointer, value)` of every place that a pattern names and that there is, in the document's order."""
    yield from _found(value, split(pattern), ())


def without(value: Mapping[str, Value], patterns: Iterable[str]) -> dict[str, Value]:
    """Give an object without what stands at these patterns; what was given stays as it is."""
    left: Value = dict(value)
    for pattern in patterns:
        left = _without(left, split(pattern))
    return left if isinstance(left, dict) else {}


def _found(value: Value, tokens: tuple[str, ...], above: tuple[str, ...]) -> Iterator[tuple[str, Value]]:
    if not tokens:
        yield join(above), value
        return
    for token, below in _below(value, tokens[0]):
        yield from _found(below, tokens[1:], (*above, token))


def _below(value: Value, token: str) -> list[tuple[str, Value]]:
    if isinstance(value, dict):
        return list(value.items()) if token == ANY else [(token, value[token])] if token in value else []
    if isinstance(value, list):
        if token == ANY:
            return [(str(place), item) for place, item in enumerate(value)]
        index = index_of(token)
        return [(token, value[index])] if index is not None and index < len(value) else []
    return []


def _without(value: Value, tokens: tuple[str, ...]) -> Value:
    here = dict(_below(value, tokens[0]))
    if not here:
        return value
    if len(tokens) == 1:
        if isinstance(value, dict):
            return {key: member for key, member in value.items() if key not in here}
        return (
            [item for place, item in enumerate(value) if str(place) not in here] if isinstance(value, list) else value
        )
    if isinstance(value, dict):
        return {key: _without(member, tokens[1:]) if key in here else member for key, member in value.items()}
    if isinstance(value, list):
        return [_without(item, tokens[1:]) if str(place) in here else item for place, item in enumerate(value)]
    return value
