"""A bank with a trail, and what an owner of the database can do to it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from rollbacks import audit, chain
from rollbacks.models import AuditEntry, AuditHead
from tenants.models import Tenant

SEED = b"only a test's key, 32 bytes long"


def make_bank(slug: str = "northwind", name: str = "Northwind Bank") -> Tenant:
    """Make a tenant."""
    return Tenant.objects.create(
        slug=slug, name=name, region="mypurecloud.de", client_id="c", client_secret_sealed=b"s"
    )


def append(tenant: Tenant, count: int = 1, *, actor: str = "alice", **details: object) -> AuditEntry:
    """Append entries as the product does, each in a transaction of its own, and give the last."""
    for number in range(count):
        with transaction.atomic():
            entry = audit.append("write.intent", tenant=tenant, actor=actor, details={"number": number, **details})
    return entry


@contextmanager
def as_owner() -> Iterator[None]:
    """Take the triggers away, as only the owner of the table can."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE rollbacks_auditentry DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE rollbacks_checkpoint DISABLE TRIGGER USER")
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rollbacks_auditentry ENABLE TRIGGER USER")
        cursor.execute("ALTER TABLE rollbacks_checkpoint ENABLE TRIGGER USER")


def rechain(tenant: Tenant, first: int) -> None:
    """Compute every link anew from an entry on, and the head: what an owner of the database would do."""
    before = AuditEntry.objects.filter(tenant=tenant, seq=first - 1).first()
    previous = bytes(before.hash) if before is not None else chain.GENESIS
    entries = list(AuditEntry.objects.filter(tenant=tenant, seq__gte=first).order_by("seq"))
    links = []
    for entry in entries:
        own = chain.link(previous, bytes(entry.payload))
        links.append((previous, own, entry.pk))
        previous = own
    with connection.cursor() as cursor:
        # Out of each other's way first: no two entries of a tenant may name the same previous hash.
        cursor.execute(
            "UPDATE rollbacks_auditentry SET previous_hash = sha256(id::text::bytea)"
            " WHERE tenant_id = %s AND seq >= %s",
            [tenant.pk, first],
        )
        cursor.executemany("UPDATE rollbacks_auditentry SET previous_hash = %s, hash = %s WHERE id = %s", links)
    AuditHead.objects.filter(tenant=tenant).update(hash=previous, seq=entries[-1].seq if entries else first - 1)
