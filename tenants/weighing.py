"""How much room the archive takes, beside what it holds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from tenants import archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenants.archive import UnusableContent
    from tenants.models import Snapshot, Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What is held, and what it takes; all sizes in bytes."""

    versions: int
    documents: int
    raw: int
    """Of all versions as they came, each counted as often as it was seen."""
    stored: int
    """Of the bodies as they are stored, each content once."""
    chains: int
    not_packed: int
    """Documents from before the chains that are not in one yet."""
    on_disk: int | None
    """Of the whole table with its indexes; None for one tenant, since content is shared between them."""

    @property
    def times_smaller(self) -> float:
        """How many times smaller the bodies are than the versions."""
        return self.raw / self.stored if self.stored else 1.0


def weigh(tenant: "Tenant | None" = None) -> Weight:
    """Weigh the archive, or the part of it that a tenant's versions show; a document of several counts for each."""
    whose = (
        "JOIN tenants_trackedconfig AS config ON config.id = config_id WHERE config.tenant_id = %s" if tenant else ""
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH seen AS (SELECT document_id, count(*) AS times FROM tenants_snapshot {whose} GROUP BY document_id)
            SELECT coalesce(sum(times), 0), count(*), coalesce(sum(times * size), 0),
                   coalesce(sum(octet_length(body)), 0), count(DISTINCT chain), count(*) FILTER (WHERE chain IS NULL),
                   pg_total_relation_size('tenants_document')
            FROM seen JOIN tenants_document ON sha256 = document_id
            """,  # noqa: S608 - the two words above
            [tenant.pk] if tenant else [],
        )
        row = [int(number) for number in cursor.fetchone()]
    names = ("versions", "documents", "raw", "stored", "chains", "not_packed")
    return Weight(**dict(zip(names, row, strict=False)), on_disk=None if tenant else row[-1])


def unreadable(tenant: "Tenant") -> "Iterator[tuple[Snapshot, UnusableContent]]":
    """Read every version of a tenant back, each proved against its SHA-256, and give those that cannot be used."""
    for config in tenant.configs.order_by("resource_type", "object_id"):
        snapshots = list(config.snapshots.order_by("version", "captured_at", "pk").select_related("config"))
        for start in range(0, len(snapshots), 50):
            some = snapshots[start : start + 50]
            found = archive.bytes_of_all(one.document_id for one in some)
            for snapshot in some:
                content = found[snapshot.document_id]
                if not isinstance(content, bytes):
                    yield snapshot, content
