"""The trail is appended with the change it records, without gap or fork, and the database refuses to rewrite it."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import rfc8785
from django.db import IntegrityError, connection, transaction

from rollbacks import audit, chain, verifying
from rollbacks.models import AuditEntry, AuditHead
from tenants import trail
from tenants.models import Tenant


def make_tenant(slug: str = "northwind", name: str = "Northwind Bank") -> Tenant:
    return Tenant.objects.create(
        slug=slug, name=name, region="mypurecloud.de", client_id="c", client_secret_sealed=b"s"
    )


@pytest.fixture
def bank(db: None) -> Tenant:
    return make_tenant()


def append(tenant: Tenant, **fields: object) -> AuditEntry:
    with transaction.atomic():
        return audit.append("write.intent", tenant=tenant, actor="alice", details=fields)


def test_entries_follow_one_another_from_one_and_the_chain_holds(bank: Tenant) -> None:
    entries = [append(bank, version=version) for version in range(41, 46)]
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert [bytes(entry.previous_hash) for entry in entries[1:]] == [entry.hash for entry in entries[:-1]]
    found = verifying.verify(bank)
    assert found.holds
    assert found.entries == 5


def test_what_is_stored_is_canonical_and_what_was_handed_over_is_in_it(bank: Tenant) -> None:
    odd = {"zeta": 1.5, "Öl": "a\x00b\u2028", "big": 2**60, "nested": [{"b": None, "a": True}], "": -0.0}
    with transaction.atomic(), trail.acting_from("web", address="10.0.4.7"):
        entry = audit.append("write.intent", tenant=bank, actor="Zoë «op»", outcome="failed", details=odd)
    stored = bytes(AuditEntry.objects.get(pk=entry.pk).payload)
    told = json.loads(stored)
    assert rfc8785.dumps(told) == stored
    assert told["details"] == {**odd, "big": str(2**60), "": 0}
    assert told["from"] == {"host": socket.gethostname(), "part": "web", "address": "10.0.4.7"}
    assert told["seq"] == 1
    assert told["at"] == audit.timestamp(entry.at)
    assert chain.link(chain.GENESIS, stored) == entry.hash


def test_the_entry_that_is_given_back_is_the_row(bank: Tenant) -> None:
    given = append(bank)
    kept = AuditEntry.objects.get(pk=given.pk)
    for column in ("seq", "at", "action", "outcome", "actor", "tenant_id", "config_id", "rollback_id", "attempt_id"):
        assert getattr(given, column) == getattr(kept, column), column
    assert (bytes(kept.payload), bytes(kept.previous_hash), bytes(kept.hash)) == (
        given.payload,
        given.previous_hash,
        given.hash,
    )


def test_a_payload_cannot_name_its_own_moment_or_number() -> None:
    for name in ("at", "seq"):
        with pytest.raises(ValueError, match="the database's to give"):
            chain.payload_around({"action": "write.intent", "tenant": {}, name: 1})


def test_an_entry_that_is_appended_while_the_chain_is_walked_breaks_nothing(
    bank: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(bank)
    walk = verifying._batches

    def busy(*args: Any) -> Any:
        append(bank)
        return walk(*args)

    monkeypatch.setattr(verifying, "_batches", busy)
    assert verifying.verify(bank).holds
    assert AuditHead.objects.get(tenant=bank).seq == 2


def test_an_entry_beyond_the_head_is_found(bank: Tenant) -> None:
    first = append(bank)
    append(bank)
    AuditHead.objects.filter(tenant=bank).update(seq=1, hash=first.hash)
    assert verifying.verify(bank).broken is not None


def test_each_tenant_has_a_chain_of_its_own(bank: Tenant) -> None:
    other = make_tenant("halden", "Halden & Moor")
    append(bank)
    append(other)
    assert append(bank).seq == 2
    assert verifying.verify(bank).holds
    assert verifying.verify(other).holds


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_a_transaction_is_refused() -> None:
    bank = make_tenant()
    with pytest.raises(audit.AppendedOutsideTransaction):
        audit.append("write.intent", tenant=bank, actor="alice")
    assert not AuditEntry.objects.exists()


def test_an_entry_falls_with_the_change_it_records(bank: Tenant) -> None:
    with transaction.atomic():
        audit.append("write.intent", tenant=bank, actor="alice")
        transaction.set_rollback(True)
    assert append(bank).seq == 1
    assert verifying.verify(bank).holds


@pytest.mark.django_db(transaction=True)
def test_sixteen_threads_leave_no_gap_and_no_fork() -> None:
    bank = make_tenant()

    def work(number: int) -> None:
        try:
            append(bank, number=number)
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(64)))
    assert list(AuditEntry.objects.filter(tenant=bank).order_by("seq").values_list("seq", flat=True)) == list(
        range(1, 65)
    )
    assert verifying.verify(bank).holds


def test_an_entry_that_the_database_keeps_otherwise_than_it_was_told_ends_the_transaction(bank: Tenant) -> None:
    append(bank)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('append_to_trail'::regproc)")
        honest = cursor.fetchone()[0]
        cursor.execute(honest.replace("payload := before_at", "payload := substr(before_at, 1, 20) || before_at"))
        with pytest.raises(audit.AnotherEntryKept, match="northwind: the database kept entry 2"):
            append(bank)
        cursor.execute(honest)
    assert append(bank).seq == 2
    assert verifying.verify(bank).holds


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rollbacks_auditentry SET actor = 'mallory'",
        "DELETE FROM rollbacks_auditentry",
        "TRUNCATE rollbacks_auditentry CASCADE",
    ],
)
def test_the_database_refuses_to_change_the_past(bank: Tenant, statement: str) -> None:
    append(bank)
    connection.check_constraints()
    with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert verifying.verify(bank).holds


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE rollbacks_auditentry SET actor = 'mallory' WHERE seq = 2", "actor differ"),
        ("UPDATE rollbacks_auditentry SET payload = payload || ' '::bytea WHERE seq = 2", "Entry 2 was altered"),
        ("DELETE FROM rollbacks_auditentry WHERE seq = 2", "Entry 2 is missing"),
        ("DELETE FROM rollbacks_auditentry WHERE seq = 3", "missing at the end"),
    ],
)
def test_what_an_owner_of_the_database_changes_anyway_is_found(bank: Tenant, statement: str, words: str) -> None:
    for _ in range(3):
        append(bank)
    connection.check_constraints()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rollbacks_auditentry DISABLE TRIGGER audit_entry_append_only")
        cursor.execute(statement)
        connection.check_constraints()
        cursor.execute("ALTER TABLE rollbacks_auditentry ENABLE TRIGGER audit_entry_append_only")
    found = verifying.verify(bank)
    assert found.broken is not None
    assert words in found.broken.message


def test_the_head_of_an_untouched_tenant_is_the_genesis(bank: Tenant) -> None:
    assert verifying.verify(bank).entries == 0
    assert not AuditHead.objects.exists()
