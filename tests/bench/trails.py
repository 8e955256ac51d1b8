"""Long trails for measuring: entries as the product appends them, chained here and copied in at once."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction

from rollbacks import chain
from rollbacks.models import AuditEntry, AuditHead
from tenants.models import Tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = ("id", "tenant_id", "seq", "at", "action", "outcome", "actor", "payload", "previous_hash", "hash")


def make_tenant(slug: str) -> Tenant:
    """Make a tenant of nobody's platform."""
    return Tenant.objects.create(
        slug=slug, name=slug.title(), region="mypurecloud.de", client_id="bench", client_secret_sealed=b"sealed"
    )


def fill(tenant: Tenant, count: int) -> None:
    """Copy `count` linked entries into an empty trail; each payload has the members and the size of a real one."""
    last = b""
    with transaction.atomic(), connection.cursor() as cursor:
        names = ", ".join(COLUMNS)
        with cursor.copy(f"COPY {AuditEntry._meta.db_table} ({names}) FROM STDIN") as copy:
            for row in _rows(tenant, count):
                copy.write_row(row)
                last = row[-1]  # type: ignore[assignment]
        AuditHead.objects.create(tenant=tenant, seq=count, hash=last)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE rollbacks_auditentry")


def _rows(tenant: Tenant, count: int) -> Iterator[tuple[object, ...]]:
    parts = chain.payload_around(
        {
            "id": "IDENTITY",
            "tenant": {"id": str(tenant.pk), "slug": tenant.slug},
            "action": "write.resend",
            "outcome": "ok",
            "actor": "console",
            "object": None,
            "rollback": None,
            "attempt": None,
            "from": {"host": "console-worker-1", "part": "worker"},
            "details": {
                "send": 2,
                "if_match": '"41-9f3c2b7a"',
                "body_sha256": hashlib.sha256(b"body").hexdigest(),
                "base": {"version": 41, "etag": '"41-9f3c2b7a"', "digest": hashlib.sha256(b"base").hexdigest()},
            },
        }
    )
    before_at, before_seq, after_seq = parts
    began = datetime(2026, 1, 1, tzinfo=UTC)
    previous = chain.GENESIS
    for seq in range(1, count + 1):
        at = began + timedelta(milliseconds=20 * seq)
        pk = uuid.uuid4()
        stamp = at.isoformat(timespec="microseconds").replace("+00:00", "Z").encode()
        payload = before_at + stamp + before_seq.replace(b"IDENTITY", str(pk).encode()) + b"%d" % seq + after_seq
        own = chain.link(previous, payload)
        yield pk, tenant.pk, seq, at, "write.resend", "ok", "console", payload, previous, own
        previous = own
