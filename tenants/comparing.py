"""Two versions of one configuration side by side: which ones, what differs, and how a page says it.

A side is named by a word, as the terminal does: a version number (`41` or `v41`), `live` (what live was when it was
last seen), `baseline`, a label (`known-good`, `bad`), or `id:N` where one version number has shown two contents.
Documents never change, so what a summary said once is kept in memory by the SHA-256 of its two documents.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from tenants import archive, labelling
from tenants.archive import UnusableContent
from tenants.documents import MISSING, Change, Difference, compare, to_text, visible
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import catalogue, secrets

if TYPE_CHECKING:
    from tenants.documents import Missing, Value
    from tenants.resource_types.definition import ResourceType

SIGNS: Final = {"added": "+", "removed": "−", "changed": "~", "moved": "⇅"}
SHORTEST_CUT: Final = 72
FIRST_CHANGES: Final = 3
LARGEST_COMPARED: Final = 8 * 1024 * 1024
"""In bytes, for each side: beyond it a page says so and offers the bytes instead."""
LARGEST_SUMMARISED: Final = 2 * 1024 * 1024
"""In bytes, for each side: a list of versions compares many pairs, so it leaves larger ones to their own page."""

Pair: TypeAlias = "tuple[Snapshot, Snapshot, str]"


class NoSuchVersion(LookupError):
    """The word names no version of this configuration; the message is a sentence that says what would."""


class NotComparable(Exception):
    """The two versions cannot be compared; the message says which one is the reason, and what can be done instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortChange:
    """One change in words: what, where, before and after, each cut to a line."""

    kind: str
    sign: str
    trail: tuple[str, ...]
    where: str
    before: str
    after: str
    note: str
    volatile: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The first few changes of a comparison and how many more there are; volatile ones do not count."""

    first: tuple[ShortChange, ...]
    count: int

    @property
    def more(self) -> int:
        """How many changes there are beyond the first few."""
        return self.count - len(self.first)


def find(config: TrackedConfig, word: str) -> Snapshot:
    """Give the version that a word names; raises NoSuchVersion.

    Of several contents under one number it is the one seen last.
    """
    word = word.strip()
    snapshots = config.snapshots.select_related("document").defer("document__body")
    if word in {"live", "baseline"}:
        pk = config.live_id if word == "live" else config.baseline_id
        if pk is None:
            reason = "has not been seen yet" if word == "live" else "has not been chosen"
            raise NoSuchVersion(f"The {word} state of {config} {reason}, so there is nothing to compare with.")
        return snapshots.get(pk=pk)
    if word in labelling.NAMES:
        named = labelling.newest(config, labelling.NAMES[word])
        if named is None:
            raise NoSuchVersion(f"No version of {config} is labelled {labelling.NAMES[word].label}.")
        return snapshots.get(pk=named.pk)
    number = word.removeprefix("id:").removeprefix("v")
    if number.isascii() and number.isdigit() and len(number) < 19:
        wanted = {"pk": int(number)} if word.startswith("id:") else {"version": int(number)}
        found = snapshots.filter(**wanted).order_by("-captured_at", "-pk").first()
        if found is not None:
            return found
    raise NoSuchVersion(
        f"{word[:40]!r} is no version of {config} that was ever seen here. Choose one of the list, or live, "
        f"baseline, known-good or bad."
    )


def fixed_word(snapshot: Snapshot) -> str:
    """Give the word that names this very version for good: its number, or `id:N` where the number is not its alone."""
    same_number = Snapshot.objects.filter(config_id=snapshot.config_id, version=snapshot.version)
    return f"id:{snapshot.pk}" if same_number.exclude(pk=snapshot.pk).exists() else str(snapshot.version)


def before_of(snapshot: Snapshot) -> Snapshot | None:
    """Give the version seen before this one; None for the first."""
    return (
        Snapshot.objects.filter(config_id=snapshot.config_id, version__lt=snapshot.version)
        .order_by("-version", "-captured_at", "-pk")
        .first()
    )


def difference(before: Snapshot, after: Snapshot, type_name: str) -> "tuple[Difference, tuple[Value, Value]]":
    """Give what differs between two versions, what the server manages flagged as volatile, and their two values.

    The values are shared: read them and never change them; words stand in place of secrets. Raises NotComparable.
    """
    for snapshot in (before, after):
        if snapshot.document.size > LARGEST_COMPARED:
            raise NotComparable(
                f"v{snapshot.version} has {snapshot.document.size:,} bytes; pages compare up to {LARGEST_COMPARED:,}. "
                f"Download both versions and compare them there."
            )
    values = []
    for snapshot in (before, after):
        try:
            # Of large ones the layout is kept (`layouts`), not each side as well.
            large = snapshot.document.size > LARGEST_SUMMARISED
            values.append(archive.value_from(archive.bytes_of(snapshot)) if large else archive.value_of(snapshot))
        except UnusableContent as error:
            raise NotComparable(f"v{snapshot.version} cannot be read, so nothing is compared. {error}") from error
    try:
        rtype = catalogue.get(type_name)
    except catalogue.UnknownType as error:
        raise NotComparable(str(error)) from error
    old, new = secrets.hidden_pair(rtype, values[0], values[1])
    return _compared(old, new, rtype), (old, new)


def by_itself(rtype: "ResourceType") -> frozenset[str]:
    """Give the members, and places inside others, that a rollback does not write: they are shown, muted and apart."""
    return rtype.set_apart


def _compared(before: "Value", after: "Value", rtype: "ResourceType") -> Difference:
    return compare(before, after, identity_keys=rtype.identity_keys, volatile=by_itself(rtype))


class _Summaries:
    """Summaries of pairs of documents, made once in a process: the oldest go when there are too many."""

    LIMIT: Final = 2000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, str], Summary | None] = {}

    def of(self, pairs: Sequence[Pair]) -> list[Summary | None]:
        """Give a summary of each pair, reading the documents of those not known yet with one query."""
        keys = [(before.document_id, after.document_id, name) for before, after, name in pairs]
        found = {key: self._known[key] for key in keys if key in self._known}
        wanted = {
            key
            for key, (before, after, _name) in zip(keys, pairs, strict=True)
            if key not in found and max(before.document.size, after.document.size) <= LARGEST_SUMMARISED
        }
        if wanted:
            shas = {sha for key in wanted for sha in key[:2]}
            bodies = archive.bytes_of_all(shas)
            made = {key: _summarised(bodies[key[0]], bodies[key[1]], key[2]) for key in wanted}
            found |= made
            with self._lock:
                self._known |= made
                for key in list(self._known)[: max(0, len(self._known) - self.LIMIT)]:
                    del self._known[key]
        return [found.get(key) for key in keys]


def _summarised(before: bytes | UnusableContent, after: bytes | UnusableContent, type_name: str) -> Summary | None:
    if isinstance(before, UnusableContent) or isinstance(after, UnusableContent):
        return None
    try:
        rtype = catalogue.get(type_name)
        old, new = secrets.hidden_pair(rtype, archive.value_from(before), archive.value_from(after))
        changes = _compared(old, new, rtype).significant
    except (UnusableContent, catalogue.UnknownType):
        return None
    return Summary(first=tuple(short(change) for change in changes[:FIRST_CHANGES]), count=len(changes))


_summaries = _Summaries()


def summaries(pairs: Sequence[Pair]) -> list[Summary | None]:
    """Give a summary of each pair of versions, None for one that cannot be compared; one query at most.

    The snapshots come with their `document`, whose body may be deferred.
    """
    return _summaries.of(pairs)


def short(change: Change) -> ShortChange:
    """Say one change in a line."""
    moved = change.kind == "moved" and change.from_index is not None and change.to_index is not None
    return ShortChange(
        kind=change.kind,
        sign=SIGNS[change.kind],
        trail=change.trail,
        where=" › ".join(change.trail) or "the whole document",
        before="" if change.kind in {"moved", "added"} else cut(change.before),
        after="" if change.kind in {"moved", "removed"} else cut(change.after),
        note=f"moved from #{change.from_index + 1} to #{change.to_index + 1}"
        if moved and change.from_index is not None and change.to_index is not None
        else "",
        volatile=change.volatile,
    )


def cut(value: "Value | Missing", *, longest: int = SHORTEST_CUT) -> str:
    """Give a value on one line, what hides made visible, cut in the middle of nowhere with an ellipsis."""
    if value is MISSING:
        return ""
    if isinstance(value, dict):
        name = next((value[key] for key in ("name", "title", "id") if isinstance(value.get(key), str)), None)
        return f"{{{len(value)} members}}" if name is None else f"{{{cut(name)}, {len(value)} members}}"
    if isinstance(value, list) and len(value) > 3:
        return f"[{len(value)} items]"
    text = visible(to_text(value))
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
