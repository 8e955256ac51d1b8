"""What somebody with all rights in the database changes is named exactly, and shown by what the sinks hold."""

from pathlib import Path

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from rollbacks import checkpointing, checkpoints, sinks, tasks, verifying
from rollbacks.management.commands.audit import Bar
from rollbacks.models import AuditEntry, AuditHead, Checkpoint, SinkState
from tenants.models import Tenant
from tenants.terminal import Progress
from tests.bench import trails
from tests.rollbacks.trail_world import SEED, append, as_owner, make_bank, rechain
from tests.tenants.running import run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.CONSOLE_CHECKPOINT_KEY = SEED
    settings.CONSOLE_CHECKPOINT_FOLDER = tmp_path / "sink"
    return tmp_path / "sink"


@pytest.fixture
def bank() -> Tenant:
    """Give a bank of nine entries; outside checkpoints cover three and seven of them."""
    bank = make_bank()
    for count in (3, 4):
        append(bank, count)
        tasks.seal_trail()
    append(bank, 2)
    return bank


def sql(statement: str, *parameters: object) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)  # type: ignore[arg-type]


def findings(tenant: Tenant) -> list[tuple[int, str]]:
    return [(found.seq, found.kind) for found in verifying.verify(tenant).findings]


def test_a_trail_that_holds_is_covered_up_to_the_last_checkpoint(bank: Tenant) -> None:
    found = verifying.verify(bank)
    assert found.holds
    assert (found.entries, found.covered, found.uncovered, found.checkpoints) == (9, 7, 2, 2)
    tasks.seal_trail()
    assert verifying.verify(bank).uncovered == 0


def test_nothing_of_the_database_is_believed_about_checkpoints(bank: Tenant, folder: Path) -> None:
    sinks.Folder(folder).file_of(bank).unlink()
    with as_owner():
        SinkState.objects.all().delete()
    assert Checkpoint.objects.count() == 2
    found = verifying.verify(bank)
    assert (found.holds, found.covered) == (True, 0)


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ("UPDATE rollbacks_auditentry SET payload = payload || ' '::bytea WHERE seq = 4", (4, "payload")),
        ("UPDATE rollbacks_auditentry SET hash = sha256(hash) WHERE seq = 4", (4, "hash")),
        ("UPDATE rollbacks_auditentry SET previous_hash = sha256(hash) WHERE seq = 4", (4, "previous_hash")),
        ("DELETE FROM rollbacks_auditentry WHERE seq = 4", (4, "gap")),
        ("DELETE FROM rollbacks_auditentry WHERE seq BETWEEN 4 AND 6", (4, "gap")),
        ("UPDATE rollbacks_auditentry SET actor = 'mallory' WHERE seq = 4", (4, "columns")),
        ("UPDATE rollbacks_auditentry SET outcome = 'failed' WHERE seq = 4", (4, "columns")),
        ("UPDATE rollbacks_auditentry SET at = at - interval '1 us' WHERE seq = 4", (4, "columns")),
        ("UPDATE rollbacks_auditentry SET id = gen_random_uuid() WHERE seq = 4", (4, "columns")),
        ("DELETE FROM rollbacks_auditentry WHERE seq = 9", (9, "head")),
        ("UPDATE rollbacks_audithead SET hash = sha256(hash)", (9, "head")),
        ("UPDATE rollbacks_audithead SET seq = 8", (9, "head")),
    ],
)
def test_the_entry_and_the_part_of_it_are_named(bank: Tenant, statement: str, first: tuple[int, str]) -> None:
    sql(statement)
    assert findings(bank)[0] == first
    ran = run("audit", "verify", "northwind", "--json")
    assert ran.code == 1
    assert (ran.document[0]["broken_at"], ran.document[0]["findings"][0]["kind"]) == first


def test_which_columns_were_altered_is_said(bank: Tenant) -> None:
    sql("UPDATE rollbacks_auditentry SET actor = 'mallory', action = 'write.outcome' WHERE seq = 4")
    broken = verifying.verify(bank).broken
    assert broken is not None
    assert broken.message == "Entry 4 was altered: action, actor differ from its payload."


@pytest.mark.parametrize("actor", ['Zoë "Ω" \\ op', "a\tb\nc\x01\x7f\u2028", "😀/<script>", "'; DROP TABLE x; --"])
def test_the_columns_of_any_name_are_spelled_as_the_payload_spells_them(bank: Tenant, actor: str) -> None:
    append(bank, actor=actor)
    assert verifying.verify(bank).holds


def test_several_places_are_all_told(bank: Tenant) -> None:
    sql("UPDATE rollbacks_auditentry SET payload = '{}' WHERE seq IN (2, 6)")
    assert findings(bank) == [(2, "payload"), (6, "payload")]


def test_a_long_trail_is_read_in_parts_and_each_entry_is_named_as_in_a_short_one() -> None:
    long = make_bank("halden", "Halden & Moor")
    trails.fill(long, 650)
    assert verifying.verify(long).holds
    sql("UPDATE rollbacks_auditentry SET hash = sha256(hash) WHERE seq IN (200, 400, 650) AND tenant_id = %s", long.pk)
    assert [one for one in findings(long) if one[1] != "previous_hash"] == [
        *((200, "hash"), (400, "hash"), (650, "payload"), (650, "head"))
    ]
    sql("UPDATE rollbacks_auditentry SET actor = 'mallory' WHERE seq BETWEEN 210 AND 640 AND tenant_id = %s", long.pk)
    found = verifying.verify(long)
    assert [(one.seq, one.kind) for one in found.findings[2:]] == [(210 + n, "columns") for n in range(18)]
    assert found.findings[2].message == "Entry 210 was altered: actor differ from its payload."
    assert verifying.verify(make_bank()).holds, "the connection is free again"


def test_a_past_computed_anew_is_shown_by_the_first_checkpoint_that_covers_it(bank: Tenant) -> None:
    with as_owner():
        entry = AuditEntry.objects.get(seq=5)
        AuditEntry.objects.filter(seq=5).update(payload=bytes(entry.payload).replace(b'"number":1', b'"number":8'))
        rechain(bank, 5)
    found = verifying.verify(bank)
    assert [(one.seq, one.kind) for one in found.findings] == [(4, "root")]
    assert "one or more of entries 4 to 7 is not what it was" in found.findings[0].message
    assert found.covered == 3
    told = run("audit", "verify").out
    assert "THE TRAIL DOES NOT HOLD" in told
    assert "covers entries 1 to 3; the last 6 rest on the database alone" in told


def test_what_no_checkpoint_covers_can_be_rewritten_and_the_command_says_how_much_that_is(bank: Tenant) -> None:
    with as_owner():
        entry = AuditEntry.objects.get(seq=9)
        AuditEntry.objects.filter(seq=9).update(payload=bytes(entry.payload).replace(b'"number":1', b'"number":8'))
        rechain(bank, 9)
    ran = run("audit", "verify", "northwind")
    assert ran.code == 0
    assert "covers entries 1 to 7; the last 2 rest on the database alone" in ran.out


def test_a_tail_that_was_cut_off_with_its_head_is_missed_by_the_checkpoint(bank: Tenant) -> None:
    with as_owner():
        AuditEntry.objects.filter(seq__gt=5).delete()
        rechain(bank, 6)
        AuditHead.objects.update(seq=5, hash=AuditEntry.objects.get(seq=5).hash)
    found = verifying.verify(bank)
    assert [(one.seq, one.kind) for one in found.findings] == [(6, "root")]
    assert "covers 7 entries, but the trail ends at 5" in found.findings[0].message


def test_a_tenant_that_vanished_from_the_database_is_missed_by_the_sink(bank: Tenant, folder: Path) -> None:
    other = make_bank("halden", "Halden & Moor")
    append(other)
    tasks.seal_trail()
    with as_owner():
        SinkState.objects.filter(tenant=other).delete()
        Checkpoint.objects.filter(tenant=other).delete()
        AuditEntry.objects.filter(tenant=other).delete()
        AuditHead.objects.filter(tenant=other).delete()
        other.delete()
    ran = run("audit", "verify")
    assert ran.code == 1
    assert "halden: a checkpoint of" in ran.err
    assert run("audit", "verify", "northwind").code == 0


def test_a_line_that_nobody_known_has_signed_is_a_finding(bank: Tenant, folder: Path, tmp_path: Path) -> None:
    statement = checkpoints.read(bytes(Checkpoint.objects.get(number=2).line)).statement
    forged = tmp_path / "brought.jsonl"
    forged.write_bytes(checkpoints.sign(statement, b"m" * 32).line + b"\n")
    ran = run("audit", "verify", "--checkpoints", str(forged), "--json")
    assert ran.code == 1
    assert "bears no signature" in ran.document[0]["message"]
    forged.write_bytes(b"anything\n")
    assert run("audit", "verify", "--checkpoints", str(forged)).code == 1
    assert run("audit", "verify").code == 0


def test_half_a_line_is_no_finding_and_a_line_twice_is_none_either(bank: Tenant, folder: Path, tmp_path: Path) -> None:
    kept = sinks.Folder(folder).file_of(bank)
    lines = kept.read_bytes().splitlines()
    kept.write_bytes(lines[0] + b"\n" + lines[1][:70] + b"\n" + lines[1] + b"\n" + lines[1] + b"\n")
    found = verifying.verify(bank)
    assert (found.holds, found.checkpoints, found.covered) == (True, 2, 7)


def test_checkpoints_that_somebody_else_kept_are_brought_along(bank: Tenant, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "from-the-receiver"
    elsewhere.mkdir()
    (elsewhere / f"their{sinks.ENDING}").write_bytes(bytes(Checkpoint.objects.get(number=1).line) + b"\n")
    sinks.Folder(folder).file_of(bank).unlink()
    with as_owner():
        SinkState.objects.all().delete()
    (document,) = run("audit", "verify", "--checkpoints", str(elsewhere), "--json").document
    assert (document["holds"], document["covered"], document["checkpoints"]) == (True, 3, 1)
    missing = run("audit", "verify", "--checkpoints", str(tmp_path / "nowhere"))
    assert (missing.code, "Nothing was verified" in missing.err) == (2, True)


def test_lines_that_were_removed_from_the_folder_are_missed(bank: Tenant, folder: Path) -> None:
    file = sinks.Folder(folder).file_of(bank)
    file.write_bytes(file.read_bytes().splitlines()[0] + b"\n")
    found = verifying.verify(bank)
    assert [one.kind for one in found.findings] == ["checkpoint"]
    assert "lines were removed there" in found.findings[0].message


def test_two_histories_under_one_number_are_found(bank: Tenant, folder: Path) -> None:
    first = checkpoints.read(bytes(Checkpoint.objects.get(number=2).line)).statement
    twin = checkpoints.Statement(
        tenant_id=first.tenant_id,
        tenant=first.tenant,
        number=2,
        size=7,
        root=first.root,
        head=first.head,
        at="2026-11-22T05:00:00.000000Z",
        previous=None,
    )
    with sinks.Folder(folder).file_of(bank).open("ab") as file:
        file.write(checkpoints.sign(twin, SEED).line + b"\n")
    assert findings(bank) == [(7, "root")]


def test_a_file_that_cannot_be_read_is_a_finding(bank: Tenant, folder: Path) -> None:
    (folder / f"odd{sinks.ENDING}").mkdir()
    ran = run("audit", "verify")
    assert ran.code == 1
    assert f"{folder} cannot be read" in ran.err


def test_checkpoint_and_key_are_commands(settings: Settings) -> None:
    bank = make_bank()
    append(bank, 2)
    ran = run("audit", "checkpoint", "--json")
    assert (ran.code, ran.document) == (0, {"made": 1, "taken": 1, "refused": [], "down": []})
    assert run("audit", "key").out.strip() == checkpoints.public_key_of(SEED).hex()
    assert run("audit", "key", "--json").document["id"] in checkpointing.public_keys()
    settings.CONSOLE_CHECKPOINT_KEY = None
    assert run("audit", "checkpoint").code == run("audit", "key").code == 2


def test_a_bar_tells_how_far_the_walk_has_come(bank: Tenant) -> None:
    said: list[str] = []

    class Line(Progress):
        def say(self, sentence: str) -> None:
            said.append(sentence)

    verifying.verify(bank, progress=Bar("northwind", Line(None, shown=True)))
    assert said == [f"northwind [{'#' * 30}] 9 of 9 entries"]
    Bar("northwind", Line(None, shown=True))(400_000, 1_200_000)
    assert said[-1] == f"northwind [{'#' * 10}{'.' * 20}] 400,000 of 1,200,000 entries"
