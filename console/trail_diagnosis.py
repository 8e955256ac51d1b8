"""Look at what makes the trail a proof: the database's own refusals, the role, the key, and the sinks outside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import connection

from console.findings import Finding
from rollbacks import checkpointing, checkpoints, sinks
from tenants.models import Tenant
from tenants.remote import bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIGGERS: Final = (
    ("rollbacks_auditentry", "audit_entry_append_only"),
    ("rollbacks_auditentry", "audit_entry_no_truncate"),
    ("rollbacks_checkpoint", "checkpoint_append_only"),
    ("rollbacks_checkpoint", "checkpoint_no_truncate"),
)
TABLES: Final = ("rollbacks_auditentry", "rollbacks_checkpoint")


def findings() -> Iterator[Finding]:
    """Give what was found about the trail; the database answers and has its tables."""
    yield _append_only()
    yield _role()
    yield _key()
    if settings.CONSOLE_CHECKPOINT_KEY is not None:
        yield _sinks()
        if settings.CONSOLE_CHECKPOINT_S3:
            yield _bucket()
        yield _coverage()


def _append_only() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal AND relname = ANY(%s)"
            " AND pg_table_is_visible(pg_class.oid)",
            [list(TABLES)],
        )
        there = set(cursor.fetchall())
    missing = [name for table, name in TRIGGERS if (table, name) not in there]
    if missing:
        return Finding(
            "append-only",
            "broken",
            f"The database does not refuse changes of the trail: {', '.join(missing)} is missing or switched off.",
            "Find out who did that, run audit verify, and ALTER TABLE … ENABLE TRIGGER (or migrate anew).",
        )
    return Finding(
        "append-only", "works", "The database refuses UPDATE, DELETE and TRUNCATE on entries and checkpoints."
    )


def _role() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, bool_or(pg_has_role(current_user, relowner, 'MEMBER')),"
            " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),"
            " bool_or(has_table_privilege(current_user, pg_class.oid, 'UPDATE, DELETE, TRUNCATE'))"
            " FROM pg_class WHERE relname = ANY(%s) AND pg_table_is_visible(oid)",
            [list(TABLES)],
        )
        role, owns, superuser, may_change = cursor.fetchone()
    if settings.EMBEDDED_CLUSTER is not None:
        return Finding(
            "database role",
            "works",
            "The embedded database belongs to the console itself, as it should on one's own machine; "
            "docs/TRAIL.md has the two roles of production.",
        )
    if owns or superuser:
        why = "is a superuser" if superuser else "owns the trail"
        return Finding(
            "database role",
            "look",
            f"The console runs as {role}, who {why}: that role could switch the refusals off.",
            "Run it as a role that does not own the tables: docs/roles.sql.",
        )
    if may_change:
        return Finding(
            "database role",
            "look",
            f"{role} may UPDATE, DELETE or TRUNCATE the trail; the triggers refuse it, but no right is needed at all.",
            "Take those rights away: docs/roles.sql.",
        )
    return Finding("database role", "works", f"{role} may only add to the trail and read it.")


def _key() -> Finding:
    if settings.CONSOLE_CHECKPOINT_KEY is None:
        return Finding(
            "checkpoint key",
            "look",
            "The trail is chained but not signed: whoever owns the database could rewrite all of it unnoticed.",
            "Set CONSOLE_CHECKPOINT_KEY and a sink outside the database: docs/TRAIL.md.",
        )
    public = checkpoints.public_key_of(settings.CONSOLE_CHECKPOINT_KEY)
    return Finding(
        "checkpoint key", "works", f"Checkpoints are signed for the public key {checkpoints.key_id_of(public)}."
    )


def _sinks() -> Finding:
    names = [sink.name for sink in sinks.configured()]
    down = list(checkpointing.failing())
    if down:
        first = down[0]
        return Finding(
            "checkpoint sinks",
            "broken",
            f"{len({state.sink for state in down})} of {len(names)} do not take checkpoints; the {first.sink} since "
            f"{first.failing_since:%Y-%m-%d %H:%M} UTC: {first.problem}",
            "Put it right; what it lacks is kept, and given again by itself.",
        )
    folder = settings.CONSOLE_CHECKPOINT_FOLDER
    lagging = checkpointing.lagging().filter(sink__in=names).count()
    waits = f" {lagging} of their files wait for the newest." if lagging else " They have all there is."
    if len(names) == 1 and folder is not None and Path(settings.DATA_DIR) in Path(folder).parents:
        return Finding(
            "checkpoint sinks",
            "look",
            f"Checkpoints go to {folder} only, which is this machine's own data folder.{waits}",
            "Name a mounted share or a webhook that this machine's owner cannot rewrite: docs/TRAIL.md.",
        )
    return Finding("checkpoint sinks", "works", f"Checkpoints go to the {' and the '.join(names)}.{waits}")


def _bucket() -> Finding:
    store = sinks.bucket_of_settings()
    try:
        store.check()
    except bucket.BucketDown as down:
        remedy = (
            "Set right the address, the region and the keys of CONSOLE_CHECKPOINT_S3: docs/TRAIL.md."
            if bucket.is_installed()
            else f"Install it: {bucket.INSTALL}"
        )
        return Finding("checkpoint bucket", "broken", f"The bucket {store.url} cannot be used: {down}", remedy)
    if not store.retention_days:
        return Finding(
            "checkpoint bucket",
            "works",
            f"{store.url} answers. Objects are written once; whether they can be deleted is up to the bucket itself.",
        )
    return Finding(
        "checkpoint bucket", "works", f"{store.url} answers. Objects are locked for {store.retention_days} days."
    )


def _coverage() -> Finding:
    said = [one for one in checkpointing.worries(Tenant.objects.all()) if one.startswith("Entries")]
    if said:
        more = f" ({len(said) - 1} more tenants likewise.)" if len(said) > 1 else ""
        return Finding("checkpoints", "broken", said[0] + more, "Run a worker with its schedule, or: audit checkpoint")
    return Finding("checkpoints", "works", "Every entry is covered within minutes.")
