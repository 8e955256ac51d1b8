"""Which versions the records of writes name by their number, so that retention never drops them (`tenants.retention`).

What refers to a version by its row is protected by that. Here is what only names it: what a rollback rested on and
expected, what an answer or a watch of routing showed, and every entry of the trail that says more of a version than
that it was seen.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from django.db.models import F, Q

from rollbacks.models import Attempt, AuditEntry, PropagationWatch, Rollback, Send

if TYPE_CHECKING:
    from uuid import UUID

SIGHTINGS: Final = ("config.first_seen", "config.changed", "config.tracked", "config.versions_dropped")
"""Actions that only record that something was seen, or went: they are whole without the version."""
_LONGEST_NUMBER: Final = 18


def versions_of_writes(configs: "Collection[UUID]") -> "Iterator[tuple[UUID, int]]":
    """Give each version of the configs that a rollback, a send or a watch names by its number."""
    columns = [
        (Rollback.objects.filter(config__in=configs), "config_id", ("base_version", "expected_version")),
        (Send.objects.filter(attempt__config__in=configs), "attempt__config_id", ("answered_version",)),
        (PropagationWatch.objects.filter(config__in=configs), "config_id", ("version", "overtaken_by")),
    ]
    for rows, config, names in columns:
        for row in rows.values_list(config, *names):
            yield from ((row[0], number) for number in row[1:] if number is not None)
    for attempt in Attempt.objects.filter(config__in=configs).values_list("config_id", "evidence"):
        yield from ((attempt[0], number) for number in _numbers(attempt[1]))


def versions_in_the_trail(configs: "Collection[UUID]") -> "Iterator[tuple[UUID, int]]":
    """Give each version of the configs that an entry of the trail is about."""
    entries = AuditEntry.objects.filter(Q(config__in=configs) | Q(rollback__config__in=configs))
    named = entries.exclude(action__in=SIGHTINGS).annotate(of=F("config_id"), instead=F("rollback__config_id"))
    for of, instead, payload in named.values_list("of", "instead", "payload").iterator(chunk_size=1000):
        details = json.loads(bytes(payload)).get("details")
        yield from ((of or instead, number) for number in _numbers(details))


def _numbers(value: object, *, named: bool = False) -> Iterator[int]:
    """Give every number that stands under a member whose name speaks of a version."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _numbers(inner, named="version" in str(name).lower())
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner, named=named)
    elif named and not isinstance(value, bool) and isinstance(value, int | str):
        text = str(value).removeprefix("v")
        if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER:
            yield int(text)
