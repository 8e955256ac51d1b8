"""Hand the trail over: every entry of a tenant as JSON lines or CSV, and an entry that says who took it."""

import csv
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from django.db import transaction

from rollbacks import audit
from rollbacks.models import AuditEntry
from tenants.models import Tenant

COLUMNS = (
    "seq",
    "at",
    "action",
    "outcome",
    "actor",
    "object",
    "rollback",
    "attempt",
    "details",
    "previous_hash",
    "hash",
)


_RUNS_AS_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
"""First letters, full-width ones included, that make a spreadsheet run a cell (OWASP, "CSV Injection")."""


def export(
    tenant: Tenant, target: Path, *, form: str, since: datetime | None, until: datetime | None, actor: str
) -> int:
    """Write the tenant's entries, oldest first, to a file and give their number; the file appears whole or not at all.

    `form` is jsonl (the hashed payload, its hash and the one before) or csv (cells that a spreadsheet would run as a
    formula are prefixed with an apostrophe). The export itself is an entry. Raises OSError when the file cannot be
    written.
    """
    entries = AuditEntry.objects.filter(tenant=tenant).order_by("seq")
    if since is not None:
        entries = entries.filter(at__gte=since)
    if until is not None:
        entries = entries.filter(at__lt=until)
    with NamedTemporaryFile("w", encoding="utf-8", newline="", dir=target.parent, delete=False) as file:
        try:
            count = _write(file, entries.iterator(chunk_size=500), form=form)
            file.flush()
            os.fsync(file.fileno())
            with transaction.atomic():
                audit.append(
                    "audit.exported",
                    tenant=tenant,
                    actor=actor,
                    details={
                        "format": form,
                        "entries": count,
                        "since": None if since is None else audit.timestamp(since),
                        "until": None if until is None else audit.timestamp(until),
                    },
                )
                # Before the commit: without the file there is no entry, and what fails here takes the entry with it.
                Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return count


def _write(file: "IO[str]", entries: Iterator[AuditEntry], *, form: str) -> int:
    count = 0
    table = csv.writer(file) if form == "csv" else None
    if table is not None:
        table.writerow(COLUMNS)
    for entry in entries:
        count += 1
        if table is not None:
            table.writerow([_cell(value) for value in _columns(entry)])
            continue
        payload = bytes(entry.payload).decode()
        hashes = f'"previous_hash":"{bytes(entry.previous_hash).hex()}","hash":"{bytes(entry.hash).hex()}"'
        file.write(f'{{"payload":{payload},{hashes}}}\n')
    return count


def _columns(entry: AuditEntry) -> Iterator[str]:
    fields = audit.payload_of(entry)
    for column in COLUMNS[:-2]:
        value = fields[column]
        yield json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else "" if value is None else str(value)
    yield bytes(entry.previous_hash).hex()
    yield bytes(entry.hash).hex()


def _cell(text: str) -> str:
    """Keep a spreadsheet from running a cell as a formula."""
    return f"'{text}" if text[:1] in _RUNS_AS_FORMULA else text
