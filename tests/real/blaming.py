"""Hold a blame against the files, by the standard library alone, and against the patches, by the marks they carry."""

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

from tenants.documents import DEFAULT_IDENTITY_KEYS, Field, Value, compare, patch_of, patched

MISSING: Final = object()
IN_A_LIST: Final = object()


def wrongly_blamed(fields: Iterable[Field], versions: Sequence[Any]) -> list[str]:
    """Give the pointers of fields that another version is to blame for, as read by `json`.

    Only what lies in no list is judged: there the same place is the same field, and nobody has to say who is who.
    """
    wrong = []
    for field in fields:
        tokens = [token.replace("~1", "/").replace("~0", "~") for token in field.path.split("/")[1:]]
        shown = [_at(value, tokens) for value in versions]
        if any(value is IN_A_LIST for value in shown):
            continue
        texts = [value if value is MISSING else json.dumps(value, sort_keys=True) for value in shown]
        since = len(texts) - 1
        while since and texts[since - 1] == texts[-1]:
            since -= 1
        if field.told.since != since:
            wrong.append(field.path)
    return wrong


def _at(value: Any, tokens: Sequence[str]) -> Any:
    for token in tokens:
        if isinstance(value, list):
            return IN_A_LIST
        if not isinstance(value, dict) or token not in value:
            return MISSING
        value = value[token]
    return value


def marked(value: Value, version: int) -> Value:
    """Give the value with the version in place of each scalar, and of each empty object and list a mark that stays."""
    if isinstance(value, dict):
        return {key: marked(member, version) for key, member in value.items()}
    if isinstance(value, list):
        return [marked(item, version) for item in value]
    return version


def carried(versions: Sequence[Value], *, identity_keys: Sequence[str] = DEFAULT_IDENTITY_KEYS) -> Value:
    """Give the last document with the number of the version that wrote it in place of each scalar, from 0.

    The other road to a blame: the JSON Patch between two neighbours carries such marks as it carries values, so what a
    patch does not touch keeps its mark, also where it moves.
    """
    marks = marked(versions[0], 0)
    for number, (before, after) in enumerate(pairwise(versions), start=1):
        patch = patch_of(compare(before, after, identity_keys=identity_keys))
        carrying: list[Value] = [
            {**operation, "value": marked(operation["value"], number)} if "value" in operation else operation
            for operation in patch
            if isinstance(operation, dict)
        ]
        marks = patched(marks, carrying)
    return marks


def scalars_of(value: Value, path: str = "") -> dict[str, Value]:
    """Give each scalar under its pointer."""
    if isinstance(value, dict):
        return {
            place: found
            for key, member in value.items()
            for place, found in scalars_of(member, f"{path}/{key.replace('~', '~0').replace('/', '~1')}").items()
        }
    if isinstance(value, list):
        return {
            place: found
            for number, item in enumerate(value)
            for place, found in scalars_of(item, f"{path}/{number}").items()
        }
    return {path: value}
