"""`audit verify` proves the trail and `audit export` hands it over, whole or not at all."""

import csv
import hashlib
import io
import json
import stat
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from rollbacks import audit, exporting, verifying
from rollbacks.management.commands.audit import moment
from rollbacks.models import AuditEntry, AuditHead
from tenants.access import Role
from tenants.models import Tenant
from tests import world as making
from tests.rollbacks.conftest import REASON, Desk
from tests.tenants.running import run, run_process
from tests.world import World

pytestmark = pytest.mark.django_db

GENESIS = "00" * 32


def append(tenant: Tenant, *, actor: str = "alice", **details: object) -> AuditEntry:
    with transaction.atomic():
        return audit.append("rollback.requested", tenant=tenant, actor=actor, details=details)


def make_bank(slug: str = "northwind") -> Tenant:
    return Tenant.objects.create(
        slug=slug, name="Northwind Bank", region="mypurecloud.de", client_id="c", client_secret_sealed=b"s"
    )


@pytest.fixture
def bank(db: None) -> Tenant:
    """Give a bank with three entries."""
    bank = make_bank()
    for number in (40, 41, 42):
        append(bank, reason=f"Retention rules misfire, «v{number}»")
    return bank


def alter(entry: AuditEntry, payload: bytes) -> None:
    """Change an entry as only the owner of the database could: with the triggers taken away."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE rollbacks_auditentry SET payload = %s WHERE id = %s", [payload, entry.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_verify_says_of_each_tenant_that_its_chain_holds(bank: Tenant) -> None:
    append(make_bank("halden"))
    ran = run("audit", "verify", "--json")
    assert ran.code == 0
    whole: dict[str, Any] = {"holds": True, "broken_at": None, "message": None, "findings": []}
    whole |= {"covered": 0, "covered_at": None, "checkpoints": 0}
    assert ran.document == [{"tenant": "halden", "entries": 1, **whole}, {"tenant": "northwind", "entries": 3, **whole}]
    one = run("audit", "verify", "northwind")
    assert (one.code, one.out) == (
        0,
        "northwind: 3 entries, the chain holds. No checkpoint from outside the database covers any of it.\n",
    )


def test_verify_finds_an_altered_entry_and_is_exit_code_1(bank: Tenant) -> None:
    second = AuditEntry.objects.get(tenant=bank, seq=2)
    alter(second, bytes(second.payload).replace("«v41»".encode(), "«v40»".encode()))
    ran = run("audit", "verify", "northwind", "--json")
    assert ran.code == 1
    (found,) = ran.document
    assert (found["holds"], found["broken_at"], found["entries"]) == (False, 2, 3)
    assert found["message"] in run("audit", "verify").out


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_verify_as_a_process_prints_one_document_wherever_json_stands(database_url: str) -> None:
    append(make_bank())
    for words in (("verify", "--json"), ("--json", "verify")):
        ran = run_process("audit", *words, database_url=database_url)
        assert (ran.code, [one["holds"] for one in ran.document]) == (0, [True]), ran.err


def test_a_tenant_that_nobody_knows_is_wrong_use(bank: Tenant, tmp_path: Path) -> None:
    for words in (("verify", "northwnd"), ("export", "northwnd", "--output", str(tmp_path / "trail"))):
        ran = run("audit", *words, "--json")
        assert ran.code == 2
        assert "Did you mean northwind?" in ran.document["error"]
    assert list(tmp_path.iterdir()) == []


def test_an_export_can_be_verified_from_the_file_alone(bank: Tenant, tmp_path: Path) -> None:
    file = tmp_path / "trail.jsonl"
    ran = run("audit", "export", "northwind", "--output", str(file), "--json")
    assert ran.code == 0
    assert ran.document == {"tenant": "northwind", "entries": 3, "output": str(file), "format": "jsonl"}
    previous = GENESIS
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        told = json.loads(line)
        payload = line[len(b'{"payload":') : line.rindex(b',"previous_hash"')]
        link = b"\0" + bytes.fromhex(previous) + hashlib.sha256(payload).digest()
        assert told["payload"]["seq"] == number
        assert told["previous_hash"] == previous
        assert told["hash"] == hashlib.sha256(link).hexdigest()
        previous = told["hash"]
    assert number == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    taken = AuditEntry.objects.filter(tenant=bank).latest("seq")
    assert (taken.action, taken.seq) == ("audit.exported", 4)
    assert verifying.verify(bank).holds


def test_an_export_of_a_span_has_its_first_moment_and_not_its_last(bank: Tenant, tmp_path: Path) -> None:
    _first, second, third = AuditEntry.objects.filter(tenant=bank).order_by("seq")
    file = tmp_path / "trail.jsonl"
    since, until = second.at.isoformat(), third.at.isoformat()
    ran = run("audit", "export", "northwind", "--output", str(file), "--since", since, "--until", until)
    assert (ran.code, ran.out) == (0, f"1 entries of northwind written to {file}.\n")
    assert json.loads(file.read_text())["payload"]["id"] == str(second.pk)


@pytest.mark.parametrize("name", ["=SUM(A1)", "+41446681800", "-2+3", "@SUM", "\t=1", "＝1"])
def test_no_cell_of_a_csv_is_a_formula(bank: Tenant, tmp_path: Path, name: str) -> None:
    append(bank, actor=name, reason='=HYPERLINK("http://example.net","open")')
    file = tmp_path / "trail.csv"
    assert run("audit", "export", "northwind", "--output", str(file), "--format", "csv").code == 0
    head, *rows = csv.reader(io.StringIO(file.read_text(encoding="utf-8"), newline=""))
    assert head == list(exporting.COLUMNS)
    assert len(rows) == 4
    assert rows[-1][head.index("actor")] == (f"'{name}" if name[0] != "\t" else "\\u0009=1")
    assert json.loads(rows[-1][head.index("details")])["reason"].startswith("=HYPERLINK")
    assert not [cell for row in rows for cell in row if cell[:1] in set("=+-@\t\r＝＋－＠")]


@pytest.mark.django_db(transaction=True)
def test_the_name_of_a_real_person_cannot_run_as_a_formula(desk: Desk, tmp_path: Path) -> None:
    plus = User.objects.create_user("+41alice")
    making.give_roles(plus, desk.world.northwind, Role.OPERATOR)
    words = ("--to", str(desk.good_version), "--reason", REASON, "--as", "+41alice")
    assert run("rollback", "northwind", "agentassist.config:cfg-1", *words).code == 0
    file = tmp_path / "trail.csv"
    assert run("audit", "export", "northwind", "--output", str(file), "--format", "csv").code == 0
    assert ',"\'+41alice",' in file.read_text(encoding="utf-8")


def entries() -> list[tuple[int, str]]:
    return list(AuditEntry.objects.order_by("seq").values_list("seq", "action"))


def test_a_place_that_cannot_be_written_leaves_no_file_and_no_entry(bank: Tenant, tmp_path: Path) -> None:
    before = entries()
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "folder", tmp_path / "nowhere" / "trail.csv", tmp_path):
        ran = run("audit", "export", "northwind", "--output", str(place), "--json")
        assert ran.code == 2
        assert "Nothing was exported." in ran.document["error"]
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]
    assert entries() == before


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_that_breaks_off_leaves_the_file_before_it_as_it_was(bank: Tenant, tmp_path: Path, form: str) -> None:
    file = tmp_path / "trail"
    file.write_text("last month's trail")
    third = AuditEntry.objects.get(tenant=bank, seq=3)
    alter(third, b"\xff no text at all")
    before = entries()
    with pytest.raises(UnicodeDecodeError):
        run("audit", "export", "northwind", "--output", str(file), "--format", form)
    assert file.read_text() == "last month's trail"
    assert [one.name for one in tmp_path.iterdir()] == ["trail"]
    assert entries() == before


def test_no_entry_no_export(bank: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    AuditHead.objects.filter(tenant=bank).update(seq=1)  # the next number is taken: the append must fail
    with pytest.raises(Exception, match="audit_seq_once_a_tenant"), transaction.atomic():
        run("audit", "export", "northwind", "--output", str(tmp_path / "trail.jsonl"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_a_moment_that_is_none_is_wrong_use(tmp_path: Path, database_url: str) -> None:
    words = ("audit", "export", "northwind", "--output", str(tmp_path / "trail"), "--since", "yesterday")
    ran = run_process(*words, database_url=database_url)
    assert (ran.code, ran.raw) == (2, b"")
    assert "'yesterday' is no ISO 8601 date or time" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--output", "-"), "An export needs a file"),
        (("--output", "trail.jsonl", "--since", "2026-11-22", "--until", "2026-11-01"), "Nothing can lie between"),
    ],
)
def test_an_export_that_cannot_be_meant_writes_no_file_and_no_entry(
    bank: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("audit", "export", "northwind", *words, "--json")
    assert ran.code == 2
    assert sentence in ran.document["error"]
    assert "Nothing was exported." in ran.document["error"]
    assert list(tmp_path.iterdir()) == []
    assert AuditEntry.objects.count() == 3


@pytest.mark.parametrize("word", ["2026-13-01", "22:47", ""])
def test_a_word_that_is_no_moment_is_refused_by_name(word: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"^{word!r} is no ISO 8601"):
        moment(word)


def test_a_date_alone_is_its_first_moment_in_utc(world: World, tmp_path: Path) -> None:
    file = tmp_path / "trail.jsonl"
    assert run("audit", "export", "northwind", "--output", str(file), "--since", "2199-01-01").code == 0
    assert file.read_bytes() == b""
    assert run("audit", "export", "northwind", "--output", str(file), "--until", "2199-01-01").code == 0
    assert len(file.read_bytes().splitlines()) == AuditEntry.objects.filter(tenant=world.northwind).count() - 1
