"""Exact bytes in and out of the rows of documents, each content once, each packed against the version before it.

    place 0 <── 1 <── 2 <── … <── 19     20 <── 21 <── … <── 39     40 <── …     199: full, the next one begins a chain
          └───────────────────────────────┘└─────────────────────────┘             of its own

A document leans on an earlier place of its own chain, on any of them: two configurations may share content and go on
from it. The anchor, and whatever is too unlike the version before it, is packed by itself. Every `STRIDE` places one
leans that far back where it is like that, so that a read takes some steps for the strides and some behind the last of
them, and never more than `Document.LONGEST_CHAIN`; one query brings all that it needs. Outside a chain a body is the
bytes as they came; such rows are older than the chains (`repacking` takes them in).

The SHA-256 of the exact bytes is the key, and every read proves what it gives against it. Two workers never take one
place: the second finds it taken and takes the next. What a new document leans on is locked (FOR KEY SHARE) until the
writer's transaction ends, so that nobody drops or moves it meanwhile.
"""

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction

from tenants import hashes
from tenants.documents import packing
from tenants.models import Document

_LIKE_ENOUGH: Final = 0.8
"""Leaning on another document must save at least a fifth of what packing by itself takes."""
_WORTH_A_LOOK: Final = 4
"""Whoever leans and has become so many times smaller is not packed by itself to compare."""
_TRIES: Final = 5
STRIDE: Final = 20
"""A version so many places back costs some hundred bytes; every one of these saves a read as many steps."""


class UnusableContent(Exception):
    """The bytes that came cannot be kept or used as a version of the object; the message says why, in a sentence."""


@dataclass(frozen=True, slots=True)
class Link:
    """The row of one document."""

    sha256: str
    body: bytes
    size: int
    chain: int | None
    place: int | None
    leans_on: int | None


COLUMNS: Final = "sha256, body, size, chain, place, leans_on"


def links(rows: Iterable[tuple[Any, ...]]) -> list[Link]:
    """Give rows of these columns as links."""
    return [Link(hashes.shown(row[0]), *row[1:]) for row in rows]


def keys(documents: Iterable[str]) -> list[bytes]:
    """Give the keys of documents as the database has them."""
    return [hashes.stored(sha256) for sha256 in documents]


def keep(raw: bytes, *, after: str | None = None) -> Document:
    """Give the document with exactly these bytes, stored now unless it already is.

    `after` is the SHA-256 of the document that they are most like: the version before. The document stays until the
    caller's transaction ends, whoever drops documents meanwhile.
    """
    raw = bytes(raw)
    sha256 = hashlib.sha256(raw).hexdigest()
    with transaction.atomic(savepoint=False):  # nothing below fails half-way, and a savepoint is two journeys
        if after is not None and (kept := _insert_behind(sha256, raw, after)) is not None:
            _recent.put(sha256, raw, kept.place)
            return kept
        for attempt in range(_TRIES):
            kept = _kept(sha256)
            if kept is None:
                crowded = attempt == _TRIES - 1  # others take every place of that chain: now a chain of its own
                kept = _insert(sha256, raw, [] if after is None or crowded else bases_of(after))
            if kept is not None:
                _recent.put(sha256, raw, kept.place)
                return kept
    raise UnusableContent(f"Document {sha256[:12]} was not kept: somebody stores and drops it all the time. Try again.")


def read(sha256: str) -> bytes:
    """Give the exact bytes of a document with one query, proved; raises UnusableContent when they were changed."""
    return _with_place(sha256)[0]


def _with_place(sha256: str) -> tuple[bytes, int | None]:
    with connection.cursor() as cursor:
        cursor.execute(_CHAIN_OF_ONE, [hashes.stored(sha256)])
        found_rows = cursor.fetchall()
    if (raw := _straight(found_rows, sha256)) is not None:
        return raw, found_rows[0][4]
    rows = links(found_rows)
    found = _unpacked(rows, {sha256}).get(sha256)
    if found is None:
        raise UnusableContent(f"There is no document {sha256[:12]} in the database. Restore it from a backup.")
    if isinstance(found, UnusableContent):
        raise found
    return found, rows[0].place


def read_all(documents: Collection[str]) -> "dict[str, bytes | UnusableContent]":
    """Give the exact bytes of each document, or why they cannot be used; one query, and each link is unpacked once.

    A document that does not exist is left out.
    """
    if not documents:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_CHAINS_OF_SOME, [keys(documents)] * 2)
        rows = links(cursor.fetchall())
    return _unpacked(rows, set(documents))


def _straight(rows: list[tuple[Any, ...]], sha256: str) -> bytes | None:
    """Unpack one document, whose row comes first and its anchor's last, as PostgreSQL walks; None where that fails.

    Why it does, or another order of rows, is for `_unpacked`.
    """
    if not rows or rows[0][3] is None or rows[-1][5] is not None:
        return None
    raw = None
    try:
        for _key, body, size, _chain, _place, _leans_on in reversed(rows):
            raw = packing.unpack(bytes(body), size=size, base=raw)
    except packing.Damaged:
        return None
    return raw if raw is not None and _is(raw, sha256) else None


_BELOW: Final = ", ".join(f"below.{name.strip()}" for name in COLUMNS.split(","))
_CHAIN_OF_ONE: Final = f"""
WITH RECURSIVE link AS (
    SELECT {COLUMNS} FROM tenants_document WHERE sha256 = %s
    UNION ALL
    SELECT {_BELOW} FROM link JOIN tenants_document AS below
      ON below.chain = link.chain AND below.place = link.leans_on
)
SELECT {COLUMNS} FROM link
"""  # noqa: S608 - names of columns
_CHAINS_OF_SOME: Final = f"""
WITH ends AS (
    SELECT chain, max(place) AS place FROM tenants_document
    WHERE sha256 = ANY(%s) AND chain IS NOT NULL GROUP BY chain
)
SELECT {", ".join(f"link.{name.strip()}" for name in COLUMNS.split(","))}
FROM ends JOIN tenants_document AS link ON link.chain = ends.chain AND link.place <= ends.place
UNION ALL
SELECT {COLUMNS} FROM tenants_document WHERE sha256 = ANY(%s) AND chain IS NULL
"""  # noqa: S608 - names of columns


# --- unpacking -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Damage:
    sha256: str
    why: str


def _unpacked(rows: Iterable[Link], wanted: set[str]) -> "dict[str, bytes | UnusableContent]":
    """Unpack the wanted documents of these rows, which hold all that they lean on."""
    found: dict[str, bytes | UnusableContent] = {}
    chains: dict[int, dict[int, Link]] = {}
    for row in rows:
        if row.chain is not None and row.place is not None:
            chains.setdefault(row.chain, {})[row.place] = row
        elif row.sha256 in wanted:
            body = bytes(row.body)
            found[row.sha256] = body if _is(body, row.sha256) else _unusable(row.sha256, _Damage(row.sha256, ""))
    for links in chains.values():
        places = {place for place, row in links.items() if row.sha256 in wanted}
        for place, unpacked in _unpack_links(links, places).items():
            sha256 = links[place].sha256
            found[sha256] = unpacked if isinstance(unpacked, bytes) else _unusable(sha256, unpacked)
    return found


def read_links(links: Mapping[int, Link], wanted: Collection[int]) -> dict[int, bytes]:
    """Give the exact bytes of these places of one chain, proved; raises UnusableContent where one cannot be used."""
    found = {}
    for place, unpacked in _unpack_links(links, wanted).items():
        if not isinstance(unpacked, bytes):
            raise _unusable(links[place].sha256, unpacked)
        found[place] = unpacked
    return found


def _unpack_links(links: Mapping[int, Link], wanted: Collection[int]) -> "dict[int, bytes | _Damage]":
    """Unpack the wanted places of one chain, proved; each link once, held only while others lean on it."""
    found = _walk(links, wanted, prove_all=False)
    if any(isinstance(one, _Damage) for one in found.values()):
        found = _walk(links, wanted, prove_all=True)  # now the first link that is wrong is named
    return found


def _walk(links: Mapping[int, Link], wanted: Collection[int], *, prove_all: bool) -> "dict[int, bytes | _Damage]":
    needed: set[int] = set()
    for place in wanted:
        step: int | None = place
        while step is not None and step not in needed:
            needed.add(step)
            step = links[step].leans_on if step in links else None
    waiting = Counter(links[place].leans_on for place in needed if place in links)
    known: dict[int, bytes | _Damage] = {}
    found: dict[int, bytes | _Damage] = {}
    for place in sorted(needed):
        known[place] = one = _link(links, place, known, prove=prove_all or place in wanted)
        if place in wanted:
            found[place] = one
        base = links[place].leans_on if place in links else None
        if base is not None:
            waiting[base] -= 1
            if not waiting[base]:
                del known[base]
    return found


def _link(
    links: Mapping[int, Link], place: int, known: "Mapping[int, bytes | _Damage]", *, prove: bool
) -> "bytes | _Damage":
    row = links.get(place)
    if row is None:
        return _Damage("", f"the chain has nothing at its place {place}")
    base = known.get(row.leans_on) if row.leans_on is not None else None
    if isinstance(base, _Damage):
        return base
    try:
        raw = packing.unpack(bytes(row.body), size=row.size, base=base)
    except packing.Damaged as damaged:
        return _Damage(row.sha256, str(damaged))
    return raw if not prove or _is(raw, row.sha256) else _Damage(row.sha256, "")


def _is(raw: bytes, sha256: str) -> bool:
    return hashlib.sha256(raw).hexdigest() == sha256


def _unusable(sha256: str, damage: _Damage) -> UnusableContent:
    why = damage.why or "their SHA-256 is another"
    if damage.sha256 and damage.sha256 != sha256:
        return UnusableContent(
            f"The stored bytes of document {sha256[:12]} lean on document {damage.sha256[:12]}, whose bytes are not "
            f"the ones that came: {why}. They are not used; restore the database from a backup."
        )
    return UnusableContent(
        f"The stored bytes of document {sha256[:12]} are not the ones that came: {why}. They are not used; restore "
        f"the database from a backup."
    )


# --- packing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Base:
    """What a new document may lean on, and the free place behind its chain."""

    sha256: str
    chain: int
    place: int
    free: int


def packed(raw: bytes, bases: "Iterable[Base]") -> tuple[bytes, Base | None]:
    """Pack the bytes against the first base that is worth it; give the body, and what it leans on."""
    for base in bases:
        content = _recent.get(base.sha256)
        try:
            body, leaning = smaller(raw, content[0] if content is not None else read(base.sha256))
        except UnusableContent:  # what is new must be kept whatever befell the old
            continue
        if leaning:
            return body, base
    return packing.pack(raw), None


def smaller(raw: bytes, content: bytes) -> tuple[bytes, bool]:
    """Pack the bytes against other content where that is worth it; give the body, and whether it leans on that."""
    body = packing.pack(raw, base=content)
    if len(body) * _WORTH_A_LOOK > len(raw):
        alone = packing.pack(raw)
        if len(body) > len(alone) * _LIKE_ENOUGH:
            return alone, False
    return body, True


def bases_of(sha256: str) -> list[Base]:
    """Give what may be leaned on behind this document, the best first, and lock it; none where its chain is full.

    Where the free place is that of a stride, first comes the document so far back.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BASES, (hashes.stored(sha256), STRIDE, STRIDE))
        rows = cursor.fetchall()
    bases = [Base(hashes.shown(key), chain, place, free) for key, chain, place, free in rows]
    return sorted(bases, key=lambda base: base.place != base.free - STRIDE) if _is_room(bases) else []


def _is_room(bases: list[Base]) -> bool:
    return all(base.free < Document.LONGEST_CHAIN for base in bases)


_BASES: Final = """
WITH named AS (
    SELECT chain, place, (SELECT max(place) + 1 FROM tenants_document WHERE chain = link.chain) AS free
    FROM tenants_document AS link WHERE sha256 = %s AND chain IS NOT NULL
)
SELECT base.sha256, base.chain, base.place, named.free
FROM named JOIN tenants_document AS base ON base.chain = named.chain
 AND (base.place = named.place OR (named.free %% %s = 0 AND base.place = named.free - %s))
ORDER BY base.place FOR KEY SHARE OF base
"""
_SHOWN: Final = ("sha256", "size", "chain", "place", "leans_on")


def _kept(sha256: str) -> Document | None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(_SHOWN)} FROM tenants_document WHERE sha256 = %s FOR KEY SHARE",  # noqa: S608
            (hashes.stored(sha256),),
        )
        return _document(cursor.fetchone())


def _document(row: "tuple[Any, ...] | None") -> Document | None:
    return None if row is None else Document.from_db(connection.alias, _SHOWN, (hashes.shown(row[0]), *row[1:]))


def _insert(sha256: str, raw: bytes, bases: list[Base]) -> Document | None:
    """Insert a document; None where somebody else has just kept it, or has taken its place in the chain."""
    body, base = packed(raw, bases)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, (hashes.stored(sha256), body, len(raw), *place_behind(base)))
        return _document(cursor.fetchone())


def place_behind(base: Base | None) -> tuple[int | None, int, int | None]:
    """Give the chain, the place and what is leaned on of whoever comes next; the chain is None for one of its own."""
    return (base.chain, base.free, base.place) if base is not None else (None, 0, None)


_INSERT: Final = f"""
INSERT INTO tenants_document (sha256, body, size, chain, place, leans_on)
VALUES (%s, %s, %s, coalesce(%s, nextval('tenants_document_chain')), %s, %s)
ON CONFLICT DO NOTHING RETURNING {", ".join(_SHOWN)}
"""  # noqa: S608 - names of columns


def _insert_behind(sha256: str, raw: bytes, after: str) -> Document | None:
    """Insert a document right behind the one before, with one statement; None where that is not all there is to do."""
    try:
        content, place = _recent.get(after) or _with_place(after)
    except UnusableContent:
        return None
    if place is None or (place + 1) % STRIDE == 0 or place + 1 >= Document.LONGEST_CHAIN:
        return None
    body, leaning = smaller(raw, content)
    if not leaning:
        return None
    told = (hashes.stored(after), hashes.stored(sha256), body, len(raw), Document.LONGEST_CHAIN)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_BEHIND, told)
        return _document(cursor.fetchone())


_INSERT_BEHIND: Final = f"""
WITH base AS (
    SELECT chain, place, (SELECT max(place) + 1 FROM tenants_document WHERE chain = link.chain) AS free
    FROM tenants_document AS link WHERE sha256 = %s AND chain IS NOT NULL FOR KEY SHARE OF link
)
INSERT INTO tenants_document (sha256, body, size, chain, place, leans_on)
SELECT %s, %s, %s, chain, free, place FROM base WHERE free < %s
ON CONFLICT DO NOTHING RETURNING {", ".join(_SHOWN)}
"""  # noqa: S608 - names of columns


class _Recent:
    """The bytes that this process kept last, so that the next version need not unpack a chain, and their places.

    Bytes under their SHA-256 never change, so they cannot be out of date. A place may be: it only tells what is worth
    trying first, and the database decides.
    """

    LARGEST: Final = 1024 * 1024
    LIMIT: Final = 16 * 1024 * 1024

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[bytes, int | None]] = OrderedDict()
        self._size = 0

    def get(self, sha256: str) -> tuple[bytes, int | None] | None:
        with self._lock:
            found = self._held.get(sha256)
            if found is not None:
                self._held.move_to_end(sha256)
            return found

    def put(self, sha256: str, raw: bytes, place: int | None) -> None:
        if len(raw) > self.LARGEST:
            return
        with self._lock:
            if sha256 not in self._held:
                self._size += len(raw)
            self._held[sha256] = raw, place
            self._held.move_to_end(sha256)
            while self._size > self.LIMIT:
                self._size -= len(self._held.popitem(last=False)[1][0])

    def forget(self, sha256: str) -> None:
        with self._lock:
            found = self._held.pop(sha256, None)
            self._size -= len(found[0]) if found is not None else 0

    def clear(self) -> None:
        with self._lock:
            self._held.clear()
            self._size = 0


_recent = _Recent()
