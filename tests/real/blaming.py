"""Hold a blame against the files by the standard library alone: the version after which a field stayed the same."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tenants.documents import Field

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
