"""The doctor says how far the trail proves itself: the database's refusals, the role, the key and the sinks."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from console import trail_diagnosis
from rollbacks import audit, checkpointing, tasks, verifying
from rollbacks.models import AuditEntry
from tenants.models import Membership, Tenant
from tests.rollbacks.receiving import receiving
from tests.rollbacks.trail_world import SEED, append, as_owner, make_bank
from tests.world import People

pytestmark = pytest.mark.django_db

ROLES = Path(project.BASE_DIR) / "docs" / "roles.sql"


@pytest.fixture
def bank(settings: Settings, tmp_path: Path) -> Tenant:
    settings.CONSOLE_CHECKPOINT_KEY = SEED
    settings.CONSOLE_CHECKPOINT_FOLDER = tmp_path / "share"
    bank = make_bank()
    append(bank, 2)
    tasks.seal_trail()
    return bank


def found(name: str) -> tuple[str, str]:
    (one,) = [each for each in trail_diagnosis.findings() if each.name == name]
    return one.state, f"{one.message} {one.remedy}"


def test_a_trail_that_is_signed_elsewhere_works(bank: Tenant) -> None:
    assert {one.name: one.state for one in trail_diagnosis.findings()} == {
        "append-only": "works",
        "database role": "works" if project.EMBEDDED_CLUSTER else "look",
        "checkpoint key": "works",
        "checkpoint sinks": "works",
        "checkpoints": "works",
    }


def test_without_a_key_the_doctor_says_what_that_means(bank: Tenant, settings: Settings) -> None:
    settings.CONSOLE_CHECKPOINT_KEY = None
    state, words = found("checkpoint key")
    assert (state, "whoever owns the database could rewrite" in words) == ("look", True)


def test_a_folder_on_the_same_disk_is_worth_a_look(bank: Tenant, settings: Settings) -> None:
    settings.CONSOLE_CHECKPOINT_FOLDER = Path(settings.DATA_DIR) / "checkpoints"
    assert found("checkpoint sinks")[0] == "look"


def test_a_sink_that_is_down_is_broken_by_name_there_and_on_the_overview(
    bank: Tenant, settings: Settings, people: People
) -> None:
    with receiving() as receiver:
        settings.CONSOLE_CHECKPOINT_WEBHOOK = receiver.url
        receiver.statuses = [503]
        tasks.seal_trail()
    state, words = found("checkpoint sinks")
    assert (state, "answered 503" in words) == ("broken", True)
    client = Client()
    client.force_login(people.carol)
    assert b"has taken no checkpoints" not in client.get("/").content, "she has no role there"
    Membership.objects.create(user=people.carol, tenant=bank, role="auditor")
    assert b"has taken no checkpoints of Northwind Bank" in client.get("/").content


def test_entries_that_nothing_covers_are_told_with_the_reason(bank: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    append(bank)
    assert found("checkpoints")[0] == "works", "seconds are no reason to worry"
    monkeypatch.setattr(checkpointing, "COVERED_WITHIN", timedelta(0))
    assert AuditEntry.objects.latest("seq").at <= timezone.now()
    state, words = found("checkpoints")
    assert (state, "no worker signs" in words) == ("broken", True)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("UPDATE rollbacks_checkpoint SET size = 1")
    assert "was altered in the database" in found("checkpoints")[1]


def test_a_trigger_that_was_switched_off_is_found(bank: Tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE rollbacks_auditentry DISABLE TRIGGER audit_entry_append_only")
    state, words = found("append-only")
    assert (state, "audit_entry_append_only" in words) == ("broken", True)


def second_half() -> str:
    return ROLES.read_text().partition("-- Second half")[2].partition("\n")[2].replace("vault_console", "vault_trial")


@pytest.mark.django_db(transaction=True)
def test_the_documented_role_may_append_and_read_and_nothing_else(settings: Settings) -> None:
    bank = make_bank()
    append(bank)
    settings.EMBEDDED_CLUSTER = None
    assert found("database role")[0] == "look"
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE vault_trial; GRANT USAGE ON SCHEMA public TO vault_trial")
        try:
            cursor.execute(second_half())
            cursor.execute("SET ROLE vault_trial")
            assert found("database role") == ("works", "vault_trial may only add to the trail and read it. ")
            with transaction.atomic():
                audit.append("write.intent", tenant=bank, actor="alice")
            assert verifying.verify(bank).entries == 2
            for statement in (
                "UPDATE rollbacks_auditentry SET actor = 'mallory'",
                "DELETE FROM rollbacks_auditentry",
                "TRUNCATE rollbacks_auditentry CASCADE",
                "ALTER TABLE rollbacks_auditentry DISABLE TRIGGER USER",
                "DELETE FROM rollbacks_checkpoint",
                "DELETE FROM rollbacks_audithead",
                "SET session_replication_role = replica",
                "DELETE FROM django_migrations",
            ):
                with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
                    cursor.execute(statement)
            cursor.execute("RESET ROLE; GRANT UPDATE ON rollbacks_auditentry TO vault_trial; SET ROLE vault_trial")
            assert "no right is needed" in found("database role")[1]
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP OWNED BY vault_trial; DROP ROLE vault_trial")
