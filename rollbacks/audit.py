"""The one place that appends to the trail.

An entry is appended inside the transaction of the change it records: no entry, no change, and no change without its
entry. The tenant's head row is locked last and serialises appends, so the sequence has no gap and the chain no fork.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from django.db import connection

from rollbacks import chain
from rollbacks.models import Attempt, AuditEntry, Rollback
from tenants import trail
from tenants.models import Tenant, TrackedConfig

if TYPE_CHECKING:
    from uuid import UUID

CONSOLE = "console"
"""The actor of what no person asked for at that moment: sweeps, recovery, expiry."""


class AppendedOutsideTransaction(RuntimeError):
    """An entry was about to be written apart from the change it records."""


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
    AppendedOutsideTransaction when there is no transaction: the entry must stand or fall with the change.
    """
    if not connection.in_atomic_block:
        raise AppendedOutsideTransaction(f"{action} must be appended in the transaction of the change it records.")
    entry = AuditEntry(
        tenant=tenant, action=action, outcome=outcome, actor=actor, config=config, rollback=rollback, attempt=attempt
    )
    before_at, before_seq, after_seq = chain.payload_around(
        {
            "id": str(entry.pk),
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
    told: dict[str, Any] = {
        "id": entry.pk,
        "tenant": tenant.pk,
        "action": action,
        "outcome": outcome,
        "actor": actor,
        "config": entry.config_id,
        "rollback": entry.rollback_id,
        "attempt": entry.attempt_id,
        "before_at": before_at,
        "before_seq": before_seq,
        "after_seq": after_seq,
    }
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, told)
        row = cursor.fetchone()
        if row is None:
            # The tenant's first entry ever: only now is there a head to lock.
            cursor.execute(_FIRST_HEAD, {"tenant": tenant.pk, "genesis": chain.GENESIS})
            cursor.execute(_APPEND, told)
            row = cursor.fetchone()
    entry.seq, entry.at, entry.payload, entry.previous_hash, entry.hash = row
    entry._state.adding, entry._state.db = False, connection.alias  # noqa: SLF001 - Django's word for "it is a row"
    return entry


_FIRST_HEAD: Final = """
INSERT INTO rollbacks_audithead (tenant_id, seq, hash) VALUES (%(tenant)s, 0, %(genesis)s) ON CONFLICT DO NOTHING
"""

# One statement: while one appends, others wait, so that each journey to the database would count for all of them. The
# moment is taken behind the lock, by the database's clock, so that later entries bear later moments whoever wrote them.
_APPEND: Final = """
WITH head AS (
    SELECT seq + 1 AS seq, hash AS previous FROM rollbacks_audithead WHERE tenant_id = %(tenant)s FOR NO KEY UPDATE
), stamped AS MATERIALIZED (
    SELECT seq, previous, clock_timestamp() AS at FROM head
), written AS MATERIALIZED (
    SELECT seq, previous, at,
        %(before_at)s::bytea
        || convert_to(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8')
        || %(before_seq)s::bytea || convert_to(seq::text, 'UTF8') || %(after_seq)s::bytea AS payload
    FROM stamped
), entry AS (
    INSERT INTO rollbacks_auditentry (
        id, tenant_id, seq, at, action, outcome, actor, config_id, rollback_id, attempt_id, payload, previous_hash, hash
    )
    SELECT %(id)s, %(tenant)s, seq, at, %(action)s, %(outcome)s, %(actor)s, %(config)s, %(rollback)s, %(attempt)s,
        payload, previous, sha256('\\x00'::bytea || previous || sha256(payload))
    FROM written
    RETURNING seq, at, payload, previous_hash, hash
), moved AS (
    UPDATE rollbacks_audithead AS head SET seq = entry.seq, hash = entry.hash
    FROM entry WHERE head.tenant_id = %(tenant)s
)
SELECT seq, at, payload, previous_hash, hash FROM entry
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


def record_for_tenants(
    action: str,
    *,
    tenant: Tenant,
    actor: str,
    outcome: str = "ok",
    config: TrackedConfig | None = None,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Append what the app of tenants reports through its port (`tenants.trail`)."""
    append(action, tenant=tenant, actor=actor, outcome=outcome, config=config, details=detail)


def _text_of(row: Rollback | Attempt | None) -> str | None:
    key: UUID | None = None if row is None else row.pk
    return None if key is None else str(key)
