"""Find a text in every version of a tenant: where it stood, since when, and which version took it away.

What is gone is a row each (`PastValue`), found by its terms. What is still there is found by the terms of the newest
version of each configuration, which is then opened and looked through: so nothing has to be kept of the many values
that never change. Secrets and what the platform sets by itself are in neither.
"""

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from django.contrib.postgres.search import SearchQueryField
from django.db.models import BooleanField, F, Func, Q, Value
from django.db.models.functions import Cast

from tenants import archive, indexing, origins
from tenants.archive import UnusableContent
from tenants.documents import Blame
from tenants.documents.terms import LONGEST_TERM, asked_terms, folded, holds
from tenants.indices import ConfigIndex, PastValue, VersionChanges
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import catalogue, secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from django.db.models import QuerySet

    from tenants.models import Tenant
    from tenants.origins import Origin

MOST_HITS: Final = 100
"""Of either kind; whoever gets more asks more precisely."""
MOST_ROWS: Final = 5000
"""So many rows that hold all the terms are looked at for the words as they were typed."""
LONGEST_QUESTION: Final = 200
AT_ONCE: Final = 20
_NEVER_ESCAPED: Final = re.compile(r'[^"\\/\x00-\x1f]*')
"""Characters that JSON (RFC 8259 section 7) writes as themselves, or else as `\\u` and four digits."""


class NothingToFind(ValueError):
    """What was typed has no word in it; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One value that holds the text, from the version that brought it to the one that took it away."""

    config: TrackedConfig
    path: str
    """JSON Pointer into the last version that has it."""
    trail: str
    text: str
    since: Snapshot
    first_seen: bool
    """Whether it stood in the first version that was seen, so that it may be older."""
    last: Snapshot
    """The last version that has it."""
    gone_in: Snapshot | None
    """The version that took it away; None where it is still there."""
    became: str = ""
    origin: "Origin | None" = None
    """The rollback that took it away, or brought it where it is still there, where it was us."""

    @property
    def from_word(self) -> str:
        """How the compare page names the side before the change that is shown."""
        return _word(self.last, self.gone_in)

    @property
    def to_word(self) -> str:
        """How it names the side after it."""
        return "" if self.gone_in is None else _word(self.gone_in, self.last)


@dataclass(slots=True, kw_only=True)
class Found:
    """What a search found."""

    gone: list[Hit] = field(default_factory=list)
    """The latest first."""
    live: list[Hit] = field(default_factory=list)
    more_gone: bool = False
    more_live: bool = False
    waiting: int = 0
    """How many configurations have versions that are not searched yet."""


def search(tenant: "Tenant", wanted: str, *, type_name: str = "", most: int = MOST_HITS) -> Found:
    """Give where a text stands and stood in a tenant's configurations; the caller says who may see the tenant.

    A word is found from its beginning, several of them as they were typed; case means nothing. Raises NothingToFind.
    """
    wanted = wanted.strip()[:LONGEST_QUESTION]
    terms = asked_terms(wanted)
    if not terms:
        raise NothingToFind(
            f"{wanted!r} has no word and no number in it, so nothing can be found by it. Type what the value says."
        )
    configs = TrackedConfig.objects.filter(tenant=tenant)
    if type_name:
        configs = configs.filter(resource_type=type_name)
    query = _matches(terms)
    found = Found(waiting=indexing.due(configs).count())
    _find_gone(found, PastValue.objects.filter(query, config__in=configs), wanted, most)
    _find_live(found, ConfigIndex.objects.filter(Q(query) | Q(all_words=False), config__in=configs), wanted, most)
    return found


def catch_up(tenant: "Tenant", *, seconds: float | None, largest: int | None = None) -> None:
    """Work out versions of a tenant that are not searched yet, for so long at most."""
    ends = None if seconds is None else time.monotonic() + seconds
    for config in indexing.due(TrackedConfig.objects.filter(tenant=tenant)):
        left = None if ends is None else ends - time.monotonic()
        if left is not None and left <= 0:
            return
        indexing.catch_up(config, seconds=left, largest=largest)


def _matches(terms: "Sequence[str]") -> Func:
    # Each as the beginning of a term; without `to_tsquery`, whose parser would cut words in its own way.
    text = " & ".join(f"{indexing.quoted(term[:LONGEST_TERM])}:*" for term in terms)
    asked = Cast(Value(text), SearchQueryField())
    return Func(F("words"), asked, template="(%(expressions)s)", arg_joiner=" @@ ", output_field=BooleanField())


def _find_gone(found: Found, rows: "QuerySet[PastValue]", wanted: str, most: int) -> None:
    kept: list[PastValue] = []
    ordered = rows.order_by("-gone_at", "config_id", "-pk").defer("words")
    for row in ordered[:MOST_ROWS].iterator(chunk_size=most * 2):
        if holds(row.text, wanted):
            if len(kept) == most:
                found.more_gone = True
                break
            kept.append(row)
    snapshots = Snapshot.objects.in_bulk({pk for row in kept for pk in (row.since_id, row.gone_in_id, row.before_id)})
    configs = TrackedConfig.objects.in_bulk({row.config_id for row in kept})
    firsts = _firsts(row.since_id for row in kept)
    ours = origins.origins_of(row.gone_in_id for row in kept)
    found.gone = [
        Hit(
            config=configs[row.config_id],
            path=row.path,
            trail=row.trail,
            text=row.text,
            since=snapshots[row.since_id],
            first_seen=row.since_id in firsts,
            last=snapshots[row.before_id],
            gone_in=snapshots[row.gone_in_id],
            became=row.became,
            origin=ours.get(row.gone_in_id),
        )
        for row in kept
        if {row.since_id, row.gone_in_id, row.before_id} <= snapshots.keys()
    ]


def _find_live(found: Found, rows: "QuerySet[ConfigIndex]", wanted: str, most: int) -> None:
    candidates = list(
        rows.exclude(last=None).select_related("config", "last").defer("words").order_by("config__name", "config_id")
    )
    hits: list[tuple[ConfigIndex, str, tuple[str, ...], str, int]] = []
    for start in range(0, len(candidates), AT_ONCE):
        taken = candidates[start : start + AT_ONCE]
        bodies = archive.bytes_of_all(row.last.document_id for row in taken if row.last is not None)
        for row in taken:
            if row.last is not None and len(hits) <= most:
                hits += _in_newest(row, bodies[row.last.document_id], wanted)
        if len(hits) > most:
            break
    found.more_live = len(hits) > most
    found.live = list(_live_hits(hits[:most]))


def _in_newest(
    row: ConfigIndex, raw: bytes | UnusableContent, wanted: str
) -> "Iterator[tuple[ConfigIndex, str, tuple[str, ...], str, int]]":
    """Give each field of a configuration's newest version that holds the text, and the place of who wrote it."""
    if isinstance(raw, UnusableContent) or not _may_hold(raw, wanted):
        return
    rtype = catalogue.get(row.config.resource_type)
    value = secrets.hidden(rtype, archive.value_from(raw))
    for one in Blame.from_json(indexing.unpacked(bytes(row.blame))).fields(value):
        text = indexing.searched_text(rtype, one)
        if text and holds(text, wanted):
            yield row, one.path, one.trail, text, one.told.since


def _may_hold(raw: bytes, wanted: str) -> bool:
    """Tell whether a value in a document can hold the text, without reading the document.

    All that stands in a value stands in the bytes, unless it was written as an escape.
    """
    if b"\\u" in raw or not _NEVER_ESCAPED.fullmatch(wanted):
        return True
    return folded(wanted) in folded(raw.decode("utf-8", "replace"))


def _live_hits(hits: "Sequence[tuple[ConfigIndex, str, tuple[str, ...], str, int]]") -> "Iterator[Hit]":
    asked = Q()
    for row, _path, _trail, _text, since in hits:
        asked |= Q(config_id=row.pk, position=since)
    writers: Mapping[tuple[object, int], VersionChanges] = {}
    if hits:
        rows = VersionChanges.objects.filter(asked).select_related("snapshot").defer("outline", "places")
        writers = {(one.config_id, one.position): one for one in rows}
    ours = origins.origins_of(one.snapshot_id for one in writers.values())
    for row, path, trail, text, since in hits:
        writer = writers.get((row.pk, since))
        if writer is not None and row.last is not None:
            yield Hit(
                config=row.config,
                path=path,
                trail=indexing.SEPARATOR.join(trail),
                text=text,
                since=writer.snapshot,
                first_seen=writer.before_id is None,
                last=row.last,
                gone_in=None,
                origin=ours.get(writer.snapshot_id),
            )


def _firsts(snapshots: "Iterable[int]") -> set[int]:
    """Give those of some versions that are the first that were seen."""
    rows = VersionChanges.objects.filter(snapshot_id__in=set(snapshots), before=None)
    return set(rows.values_list("snapshot_id", flat=True))


def _word(snapshot: Snapshot, beside: Snapshot | None) -> str:
    """Name a version as addresses do: by its row where its number has shown two contents."""
    doubled = beside is not None and beside.version == snapshot.version
    return f"id:{snapshot.pk}" if doubled else str(snapshot.version)
