"""Work out what each version changed, and keep it: read once, in order, each version against the one before it.

A round of the worker does it for what is new; a page that needs it goes on for a moment by itself, so what is shown
never waits for the round, and a huge history makes no page wait. The versions that were worked out are known by their
order: where a version came in between (an imported history) or was dropped (retention), the configuration is done anew.

The only lock is that of the configuration's own row here, and nobody waits for it.
"""

import hashlib
import itertools
import json
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from django.db import transaction
from django.db.models import Count, F, Max, QuerySet
from django.db.models.functions import Coalesce

from tenants import archive
from tenants.archive import UnusableContent
from tenants.documents import Blame, Missing, compare, outline, split, to_text, visible
from tenants.documents.labels import shortened
from tenants.documents.terms import folded, terms_of, text_of
from tenants.indices import ConfigIndex, PastValue, VersionChanges
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import catalogue, secrets

if TYPE_CHECKING:
    from tenants.documents import Change, Difference, Field, Touch, Value
    from tenants.resource_types.definition import ResourceType

RULES: Final = 1
"""Counted up whenever the same versions would be worked out otherwise."""
BATCH: Final = 1000
READ_AT_ONCE: Final = 50
BYTES_AT_ONCE: Final = 8 * 1024 * 1024
LONGEST_TEXT: Final = 20_000
"""In characters, of one value that is gone; beyond it the rest is not kept here and not found."""
LONGEST_PLACES: Final = 50_000
MOST_WORDS: Final = 900_000
"""Bytes of the terms of one configuration; PostgreSQL keeps up to 1,048,575."""
TOP: Final = 3
SEPARATOR: Final = " › "


class Kept(NamedTuple):
    """One version in the order of its configuration."""

    pk: int
    document: str
    size: int
    at: datetime
    """When it was written, else first seen."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a configuration is worked out."""

    done: int
    total: int

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.done >= self.total


def in_order(config: TrackedConfig) -> list[Kept]:
    """Give all versions of a configuration, oldest first, as its timeline has them."""
    ordered = config.snapshots.order_by("version", "captured_at", "pk")
    when = Coalesce("written_at", "captured_at")
    return [Kept(*row) for row in ordered.values_list("pk", "document_id", "document__size", when)]


def due(configs: QuerySet[TrackedConfig]) -> QuerySet[TrackedConfig]:
    """Give those of some configurations that have versions which are not worked out yet."""
    profiles = [profile_of(rtype) for rtype in catalogue.all_types()]
    seen = configs.filter(resource_type__in=[rtype.name for rtype in catalogue.all_types()])
    counted = seen.order_by().annotate(seen=Count("snapshots"), newest=Max("snapshots__pk")).filter(seen__gt=0)
    return counted.exclude(
        index__done=F("seen"), index__newest_pk=F("newest"), index__profile__in=profiles, index__versions=F("seen")
    )


def profile_of(rtype: "ResourceType") -> str:
    """Name the rules by which the versions of a type are compared."""
    rules = json.dumps([rtype.identity_keys, sorted(rtype.set_apart), sorted(rtype.secret)])
    return f"{RULES}:{hashlib.sha256(rules.encode()).hexdigest()[:16]}"


def catch_up(config: TrackedConfig, *, seconds: float | None = None, largest: int | None = None) -> Standing:
    """Work out the versions that are new, for so many seconds at most; say how far that went.

    Where somebody else is at it, nothing is done. `largest` leaves a history with a larger document, in bytes, alone.
    A type that the catalogue does not have cannot be compared, so nothing of it is worked out.
    """
    order = in_order(config)
    try:
        rtype = catalogue.get(config.resource_type)
    except catalogue.UnknownType:
        return Standing(0, len(order))
    known = ConfigIndex.objects.filter(pk=config.pk).defer("words", "blame").first()
    usable = _usable(known, order, rtype)
    if usable >= len(order) or (largest is not None and max(one.size for one in order) > largest):
        return Standing(usable, len(order))
    if known is None:
        ConfigIndex.objects.bulk_create([ConfigIndex(config=config)], ignore_conflicts=True)
    ends = None if seconds is None else time.monotonic() + seconds
    with transaction.atomic():
        row = ConfigIndex.objects.select_for_update(skip_locked=True).defer("words").filter(pk=config.pk).first()
        if row is None:
            return Standing(usable, len(order))
        return _Work(config, rtype, row, order).go_on(ends)


def _usable(row: ConfigIndex | None, order: Sequence[Kept], rtype: "ResourceType") -> int:
    """Give how many of the first versions are worked out already, by the rules of today."""
    if row is None or not row.done or row.done > len(order) or row.profile != profile_of(rtype):
        return 0
    return row.done if row.chain == _chain(order[: row.done]) else 0


def _chain(order: Iterable[Kept]) -> str:
    return hashlib.sha256(",".join(str(one.pk) for one in order).encode()).hexdigest()


class _Work:
    """One configuration, being worked out by whoever holds its row."""

    def __init__(self, config: TrackedConfig, rtype: "ResourceType", row: ConfigIndex, order: Sequence[Kept]) -> None:
        self.config = config
        self.rtype = rtype
        self.row = row
        self.order = order
        self.blame: Blame | None = None
        self.last: int | None = None
        """The position of the last version that could be read."""
        self.value: dict[str, Value] = {}
        self.changes: list[VersionChanges] = []
        self.past: list[PastValue] = []

    def go_on(self, ends: float | None) -> Standing:
        done = _usable(self.row, self.order, self.rtype)
        if done:
            self._take_up(done)
        else:
            VersionChanges.objects.filter(config=self.config).delete()
            PastValue.objects.filter(config=self.config).delete()
        begun = done
        for position, raw in self._bodies(done):
            if ends is not None and position > begun and time.monotonic() > ends:
                break
            self._take(position, raw)
            done = position + 1
            if len(self.past) + len(self.changes) >= BATCH:
                self._write()
        self._write()
        self._close(done)
        return Standing(done, len(self.order))

    def _take_up(self, done: int) -> None:
        """Go on where an earlier round ended."""
        last = next((n for n, one in enumerate(self.order[:done]) if one.pk == self.row.last_id), None)
        if last is not None:
            self.last = last
            self.value = archive.value_of(_snapshot(self.order[last]))
            self.blame = Blame.from_json(unpacked(bytes(self.row.blame)))

    def _bodies(self, done: int) -> "Iterator[tuple[int, bytes | UnusableContent]]":
        """Give the bytes of each version that is left to do, a few at a time with one query."""
        waiting = list(enumerate(self.order))[done:]
        while waiting:
            size, number = 0, 0
            while number < min(READ_AT_ONCE, len(waiting)) and (not number or size < BYTES_AT_ONCE):
                size += waiting[number][1].size
                number += 1
            taken, waiting = waiting[:number], waiting[number:]
            bodies = archive.bytes_of_all(kept.document for _, kept in taken)
            yield from ((position, bodies[kept.document]) for position, kept in taken)

    def _take(self, position: int, raw: bytes | UnusableContent) -> None:
        kept = self.order[position]
        row = VersionChanges(snapshot_id=kept.pk, config=self.config, position=position)
        self.changes.append(row)
        try:
            if isinstance(raw, UnusableContent):
                raise raw
            value = archive.value_from(raw)
        except UnusableContent as error:
            row.problem = str(error)
            return
        if self.blame is None or self.last is None:
            self.blame = Blame(position)
        else:
            old, new = secrets.hidden_pair(self.rtype, self.value, value)
            difference = compare(old, new, identity_keys=self.rtype.identity_keys, volatile=self.rtype.set_apart)
            row.before_id = self.order[self.last].pk
            _describe(row, difference)
            self.past += self._gone(row, old, difference)
            touches = outline(difference)
            row.outline = packed([list(touch) for touch in touches])
            self.blame.take(position, touches)
        self.value, self.last = value, position

    def _gone(self, row: VersionChanges, old: "Value", difference: "Difference") -> Iterator[PastValue]:
        """Give each value that this version took away, with the version that had brought it."""
        assert self.blame is not None  # noqa: S101 - there is a version before
        assert row.before_id is not None  # noqa: S101
        for change in difference.changes:
            if change.volatile or change.kind in {"added", "moved"} or change.before_path is None:
                continue
            for field in self.blame.fields(old, under=change.before_path):
                text = searched_text(self.rtype, field)
                if text:
                    yield PastValue(
                        config=self.config,
                        since_id=self.order[field.told.since].pk,
                        gone_in_id=row.snapshot_id,
                        gone_at=self.order[row.position].at,
                        before_id=row.before_id,
                        path=field.path,
                        trail=SEPARATOR.join(field.trail),
                        text=text[:LONGEST_TEXT],
                        became=_became(change),
                        words=as_vector(terms_of(text[:LONGEST_TEXT]))[0],
                    )

    def _write(self) -> None:
        VersionChanges.objects.bulk_create(self.changes, batch_size=BATCH)
        PastValue.objects.bulk_create(self.past, batch_size=BATCH)
        self.changes, self.past = [], []

    def _close(self, done: int) -> None:
        row = self.row
        row.done, row.chain = done, _chain(self.order[:done])
        row.versions, row.newest_pk = len(self.order), max((one.pk for one in self.order), default=0)
        row.profile = profile_of(self.rtype)
        terms: set[str] = set()
        if self.blame is not None and self.last is not None:
            row.last_id = self.order[self.last].pk
            row.blame = packed(self.blame.to_json())
            for field in self.blame.fields(self.value):
                text = searched_text(self.rtype, field)
                if text:
                    terms |= terms_of(text)
        row.words, row.all_words = as_vector(terms)
        row.save()


def searched_text(rtype: "ResourceType", field: "Field") -> str | None:
    """Give the text by which a field is found; None for a secret and what the platform sets, for true and null."""
    root = split(field.path)[:1]
    if root and (root[0] in rtype.secret or root[0] in rtype.set_by_platform):
        return None
    return text_of(field.value)


def as_vector(terms: Iterable[str]) -> tuple[str, bool]:
    """Give terms as PostgreSQL reads a `tsvector`, and whether all of them are in it."""
    size = 0
    lexemes: list[str] = []
    for term in terms:
        size += len(term.encode()) + 1
        if size > MOST_WORDS:
            return " ".join(lexemes), False
        lexemes.append(quoted(term))
    return " ".join(lexemes), True


def quoted(term: str) -> str:
    """Give a term as a lexeme in a `tsvector` or a `tsquery`."""
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"


def packed(value: "Value") -> bytes:
    """Give a value as the bytes that are kept of it."""
    return zlib.compress(to_text(value).encode(), 1)


def unpacked(kept: bytes) -> "Value":
    """Give the value again; it is one of ours, so it is not read strictly."""
    found: Value = json.loads(zlib.decompress(kept))
    return found


def touches_of(row: VersionChanges) -> "list[Touch]":
    """Give the outline of what a version changed."""
    if not row.outline:
        return []
    found: list[Touch] = json.loads(zlib.decompress(bytes(row.outline)))
    return found


def _snapshot(kept: Kept) -> Snapshot:
    return Snapshot(pk=kept.pk, document_id=kept.document)


def _describe(row: VersionChanges, difference: "Difference") -> None:
    """Say in a row how large a difference is and what it touches."""
    significant = difference.significant
    row.apart = len(difference.changes) - len(significant)
    for kind, number in Counter(change.kind for change in significant).items():
        setattr(row, kind, number)
    groups = Counter(change.trail[:-1] or change.trail for change in significant)
    alone = {change.trail[:-1] or change.trail: change.trail for change in significant}
    row.top = [
        {"where": SEPARATOR.join(group if count > 1 else alone[group]) or "the whole document", "count": count}
        for group, count in groups.most_common(TOP)
    ]
    lines = itertools.chain.from_iterable((folded(SEPARATOR.join(change.trail)), change.path) for change in significant)
    row.places = "\n".join(["", *dict.fromkeys(lines), ""])[:LONGEST_PLACES]


def _became(change: "Change") -> str:
    """Give what stands in place of a value, on one line; empty where the value stood inside something that is gone."""
    if isinstance(change.after, Missing) or isinstance(change.before, dict | list):
        return ""
    return shortened(visible(to_text(change.after)), longest=200)
