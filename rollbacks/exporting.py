"""Hand the trail over: entries as JSON lines or CSV, and an entry in each trail that says who took how much of it.

Both forms can be verified: each line holds the payload byte for byte as it was hashed, the hash before it and its own.
Rows are read through a server-side cursor and written one by one, so a million of them need no more memory than ten.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.db.models import Count

from rollbacks import audit, files
from rollbacks.models import AuditEntry
from tenants.models import Tenant

if TYPE_CHECKING:
    from django.db.models import QuerySet

FORMS: Final = ("jsonl", "csv")
CONTENT_TYPES: Final = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
COLUMNS: Final = (
    "tenant",
    "seq",
    "at",
    "action",
    "outcome",
    "actor",
    "from",
    "object",
    "rollback",
    "attempt",
    "details",
    "previous_hash",
    "hash",
    "payload",
)
_ROWS: Final = 500
_RUNS_AS_FORMULA: Final = frozenset("=+-@|%＝＋－＠−–")
"""First letters, full-width ones included, that make a spreadsheet run a cell (OWASP, "CSV Injection")."""
_BEFORE_A_FORMULA: Final = " '\"’;,\u00a0\u3000"
_UNSEEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""What steers a terminal, ends a line, or turns the order of what is read: shown as JSON would spell it."""


def export(
    tenant: Tenant,
    target: Path,
    *,
    form: str,
    since: datetime | None,
    until: datetime | None,
    actor: str,
    only: Mapping[str, str] | None = None,
) -> int:
    """Write the tenant's entries, oldest first, to a file and give their number; the file appears whole or not at all.

    `form` is jsonl or csv; `only` narrows to an action, an outcome or an actor. The export itself is an entry. Raises
    OSError when the file cannot be written.
    """
    wanted = {name: value for name, value in (only or {}).items() if value}
    entries = AuditEntry.objects.filter(tenant=tenant, **wanted)
    if since is not None:
        entries = entries.filter(at__gte=since)
    if until is not None:
        entries = entries.filter(at__lt=until)
    filters = {
        **wanted,
        "since": None if since is None else audit.timestamp(since),
        "until": None if until is None else audit.timestamp(until),
    }
    count = 0
    # The file takes its place before the commit: without it there is no entry, and what fails takes the entry with it.
    with transaction.atomic(), files.appearing(target) as file:
        for line in lines_of(entries, form=form):
            file.write(line)
            count += 1
        count -= form == "csv"
        _record(tenant, form=form, count=count, filters=filters, actor=actor)
    return count


def stream(entries: "QuerySet[AuditEntry]", *, form: str, filters: Mapping[str, object], actor: str) -> Iterator[bytes]:
    """Give the lines of entries that may be of several tenants, for an answer; each of their trails says so first.

    Entries that come later are not in it, those that record the taking neither.
    """
    counts = entries.order_by("tenant").values_list("tenant").annotate(count=Count("pk"))
    frozen = list(counts)
    newest = AuditEntry.objects.order_by("-at").values_list("at", flat=True).first()
    with transaction.atomic():
        for tenant in Tenant.objects.filter(pk__in=[pk for pk, _ in frozen]).order_by("pk"):
            _record(tenant, form=form, count=dict(frozen)[tenant.pk], filters=filters, actor=actor)
    if newest is not None:
        entries = entries.filter(at__lte=newest)
    return lines_of(entries, form=form)


def _record(tenant: Tenant, *, form: str, count: int, filters: Mapping[str, object], actor: str) -> None:
    audit.append(
        "audit.exported",
        tenant=tenant,
        actor=actor,
        details={"format": form, "entries": count, **filters},
    )


def lines_of(entries: "QuerySet[AuditEntry]", *, form: str) -> Iterator[bytes]:
    """Give each entry as a line with its end, tenant by tenant and oldest first; CSV begins with a line of names."""
    rows = entries.order_by("tenant_id", "seq").only("payload", "previous_hash", "hash").select_related(None)
    if form == "csv":
        yield _csv_line(COLUMNS)
    for entry in rows.iterator(chunk_size=_ROWS):
        payload = bytes(entry.payload).decode()  # what is no text was altered: nothing is handed over as if it were
        if form == "csv":
            yield _csv_line(_columns(entry, payload))
        else:
            yield audit.line_of(entry) + b"\n"


def _columns(entry: AuditEntry, payload: str) -> Iterator[str]:
    fields = json.loads(payload)
    fields["tenant"] = fields["tenant"]["slug"]
    for column in COLUMNS[:-3]:
        value = fields.get(column)
        yield json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else "" if value is None else str(value)
    yield bytes(entry.previous_hash).hex()
    yield bytes(entry.hash).hex()
    yield payload


def _csv_line(cells: "Iterator[str] | tuple[str, ...]") -> bytes:
    held = io.StringIO()
    # Every cell in quotes, so that another separator than ours cannot begin a new one inside.
    csv.writer(held, quoting=csv.QUOTE_ALL).writerow([_cell(cell) for cell in cells])
    return held.getvalue().encode("utf-8", "backslashreplace")


def _cell(text: str) -> str:
    """Keep a spreadsheet from running a cell as a formula, and a terminal from obeying it."""
    shown = _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return f"'{shown}" if shown.lstrip(_BEFORE_A_FORMULA)[:1] in _RUNS_AS_FORMULA else shown
