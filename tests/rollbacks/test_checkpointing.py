"""Checkpoints are made of what follows from the one before, and reach every sink, also one that was down."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from rollbacks import audit, checkpointing, checkpoints, merkle, sinks, tasks
from rollbacks.models import AuditEntry, Checkpoint, SinkState
from tenants.models import Tenant
from tests.rollbacks.receiving import Receiver, receiving
from tests.rollbacks.trail_world import SEED, append, as_owner, make_bank, rechain

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.CONSOLE_CHECKPOINT_KEY = SEED
    settings.CONSOLE_CHECKPOINT_FOLDER = tmp_path / "share" / "checkpoints"
    return tmp_path / "share" / "checkpoints"


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    with receiving() as receiver:
        settings.CONSOLE_CHECKPOINT_WEBHOOK = receiver.url
        settings.CONSOLE_CHECKPOINT_WEBHOOK_TOKEN = "s3cret-of-the-receiver"
        yield receiver


@pytest.fixture
def bank() -> Tenant:
    return make_bank()


def lines_of(folder: Path, tenant: Tenant) -> list[bytes]:
    return sinks.Folder(folder).file_of(tenant).read_bytes().splitlines()


def soon() -> None:
    """Let every pause be over."""
    SinkState.objects.update(next_try_at=timezone.now())


def made(tenant: Tenant) -> Checkpoint:
    checkpoint = checkpointing.make(tenant)
    assert checkpoint is not None
    return checkpoint


def test_a_checkpoint_covers_all_entries_and_names_the_one_before(bank: Tenant) -> None:
    append(bank, 5)
    first = checkpoints.read(bytes(made(bank).line))
    append(bank, 3)
    second = checkpoints.read(bytes(made(bank).line))
    leaves = [bytes(leaf) for leaf in AuditEntry.objects.order_by("seq").values_list("hash", flat=True)]
    tree = merkle.Tree(leaves)
    assert (first.statement.number, first.statement.size, first.statement.previous) == (1, 5, None)
    assert (second.statement.number, second.statement.size, second.statement.previous) == (2, 8, first.digest)
    assert (first.statement.root, second.statement.root) == (tree.root(5), tree.root(8))
    assert second.statement.head == leaves[7]
    assert second.statement.tenant_id == str(bank.pk)
    assert checkpointing.make(bank) is None, "there is nothing new"


def test_a_long_way_is_made_in_bounded_steps(bank: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpointing, "AT_ONCE", 4)
    append(bank, 10)
    assert [made(bank).size, made(bank).size, made(bank).size] == [4, 8, 10]
    assert checkpointing.make(bank) is None


def test_without_a_key_nothing_is_signed(bank: Tenant, settings: Settings) -> None:
    settings.CONSOLE_CHECKPOINT_KEY = None
    append(bank)
    tasks.seal_trail()
    assert not Checkpoint.objects.exists()


def test_two_workers_make_one_checkpoint(bank: Tenant) -> None:
    append(bank, 2)
    first = made(bank)
    with as_owner():
        Checkpoint.objects.all().delete()
        rival = Checkpoint(tenant=bank, number=1, size=2, peaks=bytes(first.peaks), line=first.line, at=first.at)
        rival.save()
    twin = Checkpoint.objects.get()
    assert checkpointing.make(bank) is None
    assert Checkpoint.objects.get() == twin


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE rollbacks_auditentry SET payload = payload || ' '::bytea WHERE seq = 4", "Entry 4 was altered"),
        ("DELETE FROM rollbacks_auditentry WHERE seq = 4", "Entry 4 is missing"),
        ("UPDATE rollbacks_checkpoint SET peaks = decode(repeat('00', 64), 'hex')", "altered in the database"),
        ("UPDATE rollbacks_checkpoint SET size = 5", "altered in the database"),
        ("UPDATE rollbacks_checkpoint SET line = 'nothing'", "cannot be read"),
    ],
)
def test_what_does_not_follow_from_the_last_checkpoint_is_never_signed(
    bank: Tenant, statement: str, words: str
) -> None:
    append(bank, 3)
    assert made(bank).size == 3
    append(bank, 2)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(statement)
    other = make_bank("halden", "Halden & Moor")
    append(other)
    with pytest.raises(checkpointing.NotSigned, match=words):
        checkpointing.make(bank)
    assert [one.tenant for one in checkpointing.make_due()] == [other], "one trail does not keep the others from it"
    assert Checkpoint.objects.filter(tenant=bank).count() == 1


def test_a_past_that_was_computed_anew_is_not_signed_again(bank: Tenant) -> None:
    append(bank, 4)
    made(bank)
    append(bank)
    with as_owner():
        rechain(bank, 2)
        AuditEntry.objects.filter(seq=2).update(payload=b"{}")
        rechain(bank, 2)
    with pytest.raises(checkpointing.NotSigned, match=r"Entry 5 does not follow|names another previous hash"):
        checkpointing.make(bank)


def test_after_a_change_of_keys_the_old_public_key_has_to_be_known(bank: Tenant, settings: Settings) -> None:
    append(bank)
    made(bank)
    settings.CONSOLE_CHECKPOINT_KEY = b"n" * 32
    append(bank)
    with pytest.raises(checkpointing.NotSigned, match="CONSOLE_CHECKPOINT_PUBLIC_KEYS"):
        checkpointing.make(bank)
    settings.CONSOLE_CHECKPOINT_PUBLIC_KEYS = [checkpoints.public_key_of(SEED)]
    assert made(bank).number == 2


@pytest.mark.parametrize("statement", ["UPDATE {} SET size = 9", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_database_refuses_to_change_a_checkpoint(bank: Tenant, statement: str) -> None:
    append(bank)
    made(bank)
    connection.check_constraints()
    with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format("rollbacks_checkpoint"))


def test_both_sinks_have_every_line_in_order_and_none_twice(bank: Tenant, folder: Path, receiver: Receiver) -> None:
    other = make_bank("halden", "Halden & Moor")
    for tenant in (bank, other, bank, bank):
        append(tenant)
        tasks.seal_trail()
    tasks.seal_trail()
    kept = [bytes(one.line) for one in Checkpoint.objects.filter(tenant=bank)]
    assert len(kept) == 3
    assert lines_of(folder, bank) == kept
    assert [line for line in receiver.lines if b'"northwind"' in line] == kept
    assert lines_of(folder, other) == [bytes(Checkpoint.objects.get(tenant=other).line)]
    assert receiver.headers[0]["Authorization"] == "Bearer s3cret-of-the-receiver"
    assert receiver.headers[0]["Idempotency-Key"].strip('"') == checkpoints.read(receiver.lines[0]).digest.hex()
    assert not checkpointing.lagging().exists()
    assert not checkpointing.failing().exists()


def test_a_receiver_that_is_down_is_shown_and_caught_up_with(bank: Tenant, folder: Path, receiver: Receiver) -> None:
    receiver.statuses = [503, 0, 404]
    append(bank)
    for problem in ("answered 503", "no complete answer", "answered 404"):
        tasks.seal_trail()
        (state,) = checkpointing.failing()
        assert problem in state.problem
        assert "s3cret" not in state.problem + state.sink
        assert "team=audit" not in state.sink
        tasks.seal_trail()
        assert SinkState.objects.get(pk=state.pk).failures == state.failures, "it is left alone for a while"
        append(bank)
        soon()
    assert receiver.lines == []
    assert state.failures == 3
    began = state.failing_since
    tasks.seal_trail()
    kept = [bytes(one.line) for one in Checkpoint.objects.filter(tenant=bank)]
    assert receiver.lines == kept == lines_of(folder, bank), "the folder was never kept from its lines"
    state.refresh_from_db()
    assert (state.failures, state.failing_since, state.problem) == (0, None, "")
    assert began is not None


def test_a_receiver_that_is_down_is_asked_once_a_round_and_not_once_for_each_tenant(
    bank: Tenant, folder: Path, receiver: Receiver
) -> None:
    tenants = [bank, *(make_bank(f"branch-{number}") for number in range(3))]
    for tenant in tenants:
        append(tenant)
    receiver.statuses = [503, 503]
    tasks.seal_trail()
    assert len(receiver.headers) == 1
    assert all(lines_of(folder, tenant) for tenant in tenants), "another sink is not kept from its lines"
    tasks.seal_trail()
    assert len(receiver.headers) == 2
    soon()
    tasks.seal_trail()
    assert len(receiver.lines) == len(tenants)


def test_a_folder_that_is_no_folder_is_told_with_its_name(bank: Tenant, folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("in the way")
    append(bank)
    tasks.seal_trail()
    (state,) = checkpointing.failing()
    assert str(folder) in state.problem
    folder.unlink()
    soon()
    tasks.seal_trail()
    assert len(lines_of(folder, bank)) == 1


def test_half_a_line_is_written_again_behind_it(bank: Tenant, folder: Path) -> None:
    append(bank)
    tasks.seal_trail()
    append(bank)
    made(bank)
    whole = bytes(Checkpoint.objects.get(number=2).line)
    file = sinks.Folder(folder).file_of(bank)
    with file.open("ab") as opened:
        opened.write(whole[:100])
    soon()
    tasks.seal_trail()
    assert lines_of(folder, bank) == [bytes(Checkpoint.objects.get(number=1).line), whole[:100], whole]


def test_lines_that_the_file_has_already_are_not_written_twice(bank: Tenant, folder: Path) -> None:
    append(bank)
    tasks.seal_trail()
    SinkState.objects.update(delivered=0)  # as when the worker died before its commit
    append(bank)
    tasks.seal_trail()
    assert [json.loads(line)["checkpoint"]["number"] for line in lines_of(folder, bank)] == [1, 2]


def test_a_database_that_was_set_back_does_not_write_a_second_history(bank: Tenant, folder: Path) -> None:
    append(bank, 2)
    tasks.seal_trail()
    before = lines_of(folder, bank)
    with as_owner():
        Checkpoint.objects.all().delete()
        SinkState.objects.all().delete()
        AuditEntry.objects.filter(seq=2).delete()
        rechain(bank, 1)
    append(bank)
    tasks.seal_trail()
    assert "set back" in checkpointing.failing().get().problem
    assert lines_of(folder, bank) == before


def test_a_line_names_no_more_of_an_entry_than_its_hash(bank: Tenant, folder: Path) -> None:
    append(bank, actor="alice", reason="A secret matter")
    tasks.seal_trail()
    (line,) = lines_of(folder, bank)
    assert b"secret matter" not in line
    assert b"alice" not in line
    assert audit.timestamp(Checkpoint.objects.get().at).encode() in line
