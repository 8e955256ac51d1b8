"""The one place that appends to the trail.

An entry is appended inside the transaction of the change it records: no entry, no change, and no change without its
entry. The tenant's head row is locked last and serialises appends, so the sequence has no gap and the chain no fork.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from django.db import connection

from rollbacks import chain
from rollbacks.models import Attempt, AuditEntry, Rollback
from tenants import trail
from tenants.models import Tenant, TrackedConfig

CONSOLE = "console"
"""The actor of what no person asked for at that moment: sweeps, recovery, expiry."""


class AppendedOutsideTransaction(RuntimeError):
    """An entry was about to be written apart from the change it records."""


class AnotherEntryKept(RuntimeError):
    """The database answered for another entry than the one that it was given; the transaction must not commit."""


def append(
    action: str,
    *,
    tenant: Tenant,
    actor: str,
    outcome: str = "ok",
    config: TrackedConfig | None = None,
    rollback: Rollback | None = None,
    attempt: Attempt | None = None,
    details: Mapping[str, object] | None = None,
) -> AuditEntry:
    """Append one entry to the tenant's chain, inside the caller's transaction.

    `action` is `thing.happening`, `outcome` one of ok, refused, conflict, failed, unknown. Raises
    AppendedOutsideTransaction when there is no transaction: the entry must stand or fall with the change. Raises
    AnotherEntryKept, which must end the transaction, when the hash that the database kept is not that of these fields.
    """
    if not connection.in_atomic_block:
        raise AppendedOutsideTransaction(f"{action} must be appended in the transaction of the change it records.")
    pk = uuid4()
    before_at, before_seq, after_seq = chain.payload_around(
        {
            "id": str(pk),
            "tenant": {"id": str(tenant.pk), "slug": tenant.slug},
            "action": action,
            "outcome": outcome,
            "actor": actor,
            "object": None if config is None else config.address,
            "rollback": _text_of(rollback),
            "attempt": _text_of(attempt),
            "from": dict(trail.source()),
            "details": details or {},
        }
    )
    named = (_key_of(config), _key_of(rollback), _key_of(attempt))
    with connection.cursor() as cursor:
        told = (tenant.pk, pk, action, outcome, actor, *named, before_at, before_seq, after_seq)
        cursor.execute(_APPEND, told)
        seq, moment, previous, own = cursor.fetchone()
    at = datetime.fromisoformat(moment)
    payload = before_at + timestamp(at).encode() + before_seq + b"%d" % seq + after_seq
    if own != chain.link(previous, payload):
        raise AnotherEntryKept(
            f"{tenant.slug}: the database kept entry {seq} ({action}) otherwise than it was told to. Nothing was "
            "changed and nothing recorded. Migrate the database, then find out who altered append_to_trail in it."
        )
    row = (pk, tenant.pk, seq, at, action, outcome, actor, *named, payload, previous, own)
    return AuditEntry.from_db(connection.alias, _COLUMNS, row)


_COLUMNS: Final = (
    *("id", "tenant_id", "seq", "at", "action", "outcome", "actor", "config_id", "rollback_id", "attempt_id"),
    *("payload", "previous_hash", "hash"),
)

# One call: while one appends, others wait, so that each journey to the database would count for all of them. The
# function (migration 0009) keeps its plans in the session, which no statement of this length would behind a pooler.
_APPEND: Final = """
SELECT new_seq, new_at::text, new_previous, new_hash
FROM append_to_trail(%s::uuid, %s::uuid, %s, %s, %s, %s::uuid, %s::uuid, %s::uuid, %s::bytea, %s::bytea, %s::bytea)
"""


def timestamp(at: datetime) -> str:
    """Give a moment as RFC 3339 in UTC with microseconds, as payloads carry it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def payload_of(entry: AuditEntry) -> dict[str, object]:
    """Give the fields of an entry as they were hashed."""
    fields: dict[str, object] = json.loads(bytes(entry.payload))
    return fields


def line_of(entry: AuditEntry) -> bytes:
    """Give an entry as one line of JSON, the payload byte for byte as it was hashed, without a line end."""
    hashes = f'"previous_hash":"{bytes(entry.previous_hash).hex()}","hash":"{bytes(entry.hash).hex()}"'
    return b'{"payload":' + bytes(entry.payload) + b"," + hashes.encode() + b"}"


def _key_of(row: TrackedConfig | Rollback | Attempt | None) -> UUID | None:
    return None if row is None else row.pk


def _text_of(row: Rollback | Attempt | None) -> str | None:
    return None if row is None else str(row.pk)
