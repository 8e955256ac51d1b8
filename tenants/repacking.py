"""Documents put into chains later, and taken out of them: what stays reads back exactly, at every moment.

Whoever drops a document first packs anew what leans on it, against the nearest place below that stays, and proves that
it reads back; all of it in one transaction, with the rows of the whole chain locked. The database would refuse
anything else: (chain, leans_on) is a foreign key. What cannot be proved ends the transaction with UnusableContent.

Order of locks: documents by chain and place, after the configs' rows and before the trail.
"""

import hashlib
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from django.db import IntegrityError, connection, transaction

from tenants import chains, hashes
from tenants.chains import COLUMNS, Link, UnusableContent
from tenants.documents import packing
from tenants.models import Document

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What dropping documents did."""

    documents: int = 0
    repacked: int = 0


def drop(documents: Collection[str]) -> Dropped:
    """Delete those of the documents that no version shows any more, inside the caller's transaction.

    Raises UnusableContent where something that stays could not be proved; the caller's transaction must end then.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("Documents are dropped in the transaction that drops their versions.")
    if not documents:
        return Dropped()
    rows = _locked(documents)
    gone = _shown_by_nobody({row.sha256 for row in rows} & set(documents))
    repacked = 0
    for chain in {row.chain for row in rows if row.chain is not None}:
        links = {row.place: row for row in rows if row.chain == chain and row.place is not None}
        repacked += _pack_around(links, {place for place, row in links.items() if row.sha256 in gone})
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tenants_document WHERE sha256 = ANY(%s)", (chains.keys(gone),))
    return Dropped(documents=len(gone), repacked=repacked)


def _locked(documents: Collection[str]) -> list[Link]:
    """Lock the documents and all of their chains, and give what stands there then."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT chain FROM tenants_document WHERE sha256 = ANY(%s) AND chain IS NOT NULL GROUP BY chain",
            (chains.keys(documents),),
        )
        numbers = [number for (number,) in cursor.fetchall()]
        told = (chains.keys(documents), numbers)
        cursor.execute(
            "SELECT 1 FROM tenants_document WHERE sha256 = ANY(%s) OR chain = ANY(%s) "
            "ORDER BY chain NULLS FIRST, place, sha256 FOR UPDATE",
            told,
        )
        # A second look: whoever held a lock before may have put another document behind the last place.
        cursor.execute(
            f"SELECT {COLUMNS} FROM tenants_document WHERE sha256 = ANY(%s) OR chain = ANY(%s)",  # noqa: S608
            told,
        )
        rows = chains.links(cursor.fetchall())
    moved = {row.chain for row in rows if row.chain is not None} - set(numbers)
    if moved:
        raise UnusableContent("Somebody has just packed documents that were to be dropped. Nothing was; try again.")
    return rows


def _shown_by_nobody(documents: Collection[str]) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sha256 FROM tenants_document AS document WHERE sha256 = ANY(%s) "
            "AND NOT EXISTS (SELECT 1 FROM tenants_snapshot WHERE document_id = document.sha256)",
            (chains.keys(documents),),
        )
        return {hashes.shown(sha256) for (sha256,) in cursor.fetchall()}


def _pack_around(links: Mapping[int, Link], gone: Collection[int]) -> int:
    """Pack anew, in one chain, every document that stays and leans on one that goes; give how many."""
    bases: dict[int, int | None] = {}
    orphans: dict[int, int] = {}
    for place, row in sorted(links.items()):
        if place in gone or row.leans_on not in gone:
            continue
        root, base = place, row.leans_on
        while base is not None and base in gone:
            root, base = base, links[base].leans_on
        if base is None:  # the first of those whose anchor goes is the anchor of the others
            base = orphans.get(root)
            orphans.setdefault(root, place)
        bases[place] = base
    if not bases:
        return 0
    needed = set(bases) | {base for base in bases.values() if base is not None}
    raws = chains.read_links(links, needed)
    for place, base in bases.items():
        row, raw = links[place], raws[place]
        content = raws[base] if base is not None else None
        body, leaning = chains.smaller(raw, content) if content is not None else (packing.pack(raw), False)
        prove(body, raw, row.sha256, base=content if leaning else None)
        Document.objects.filter(pk=row.sha256).update(body=body, leans_on=base if leaning else None)
    return len(bases)


def prove(body: bytes, raw: bytes, sha256: str, *, base: bytes | None) -> None:
    """Raise UnusableContent unless the body unpacks to these bytes, and they are those of the SHA-256."""
    if packing.unpack(body, size=len(raw), base=base) != raw or hashlib.sha256(raw).hexdigest() != sha256:
        raise UnusableContent(f"Document {sha256[:12]} does not read back after it was packed. Nothing was changed.")


def take_in(document: str, *, after: str | None) -> bool:
    """Put a document that is not packed into a chain, behind the one it is most like; tell whether that was done.

    Raises UnusableContent where its bytes are not those that came.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT 1 FROM tenants_document WHERE sha256 = %s AND chain IS NULL FOR UPDATE SKIP LOCKED",
                    (hashes.stored(document),),
                )
                if cursor.fetchone() is None:
                    return False
            raw = chains.read(document)
            body, base = chains.packed(raw, chains.bases_of(after) if after is not None else [])
            content = chains.read(base.sha256) if base is not None else None
            prove(body, raw, document, base=content)
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE tenants_document SET body = %s, chain = coalesce(%s, nextval('tenants_document_chain')), "
                    "place = %s, leans_on = %s WHERE sha256 = %s",
                    (body, *chains.place_behind(base), hashes.stored(document)),
                )
    except IntegrityError:  # somebody has just taken that place: another time
        return False
    return True


def take_in_some(*, seconds: float) -> int:
    """Put documents that are not packed into chains, config by config, for a while; give how many were."""
    ends, taken = time.monotonic() + seconds, 0
    left_out: set[str] = set()
    while time.monotonic() < ends:
        with connection.cursor() as cursor:
            cursor.execute(_CONFIG_WITH_OLD, (chains.keys(left_out),))
            found = cursor.fetchone()
            if found is None:
                break
            cursor.execute(_OLD_OF_CONFIG, found)
            rows = cursor.fetchall()
        for key, key_before in rows:
            document, before = hashes.shown(key), None if key_before is None else hashes.shown(key_before)
            try:
                done = take_in(document, after=before)
            except UnusableContent as error:
                logger.warning("A document stays as it is. %s", error)
                done = False
            taken += done
            if not done:
                left_out.add(document)
            if time.monotonic() > ends:
                break
    return taken


_CONFIG_WITH_OLD: Final = """
SELECT config_id FROM tenants_document AS document JOIN tenants_snapshot ON document_id = document.sha256
WHERE document.chain IS NULL AND document.sha256 <> ALL(%s) LIMIT 1
"""
_OLD_OF_CONFIG: Final = """
SELECT document_id, before FROM (
    SELECT document_id, lag(document_id) OVER (ORDER BY version, captured_at, id) AS before
    FROM tenants_snapshot WHERE config_id = %s
) AS versions JOIN tenants_document ON sha256 = document_id WHERE chain IS NULL
"""
