"""The trail as a file: what the page shows, in bounded memory, safe in a spreadsheet, and verifiable by itself."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client

from rollbacks import audit, exporting, verifying
from rollbacks.models import AuditEntry
from tenants.access import Role
from tenants.models import Tenant
from tests.bench import trails
from tests.rollbacks.page_reading import browser_of, send
from tests.rollbacks.trail_world import append, make_bank
from tests.tenants.documents.corpora import corpus
from tests.tenants.running import ROOT, run
from tests.world import People, give_roles

pytestmark = pytest.mark.django_db

EXPORT = "/rollbacks/auditentry/export/"


@pytest.fixture
def bank() -> Tenant:
    bank = make_bank()
    append(bank, 3, reason="Retention rules misfire")
    append(bank, 2, actor="bob")
    return bank


@pytest.fixture
def carol(people: People, bank: Tenant) -> Client:
    give_roles(people.carol, bank, Role.AUDITOR)
    return browser_of(people.carol)


def taken(client: Client, query: str = "", form: str = "jsonl") -> bytes:
    answer = send(client, f"{EXPORT}{query}", {"format": form})
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def payloads(content: bytes) -> list[dict[str, object]]:
    return [json.loads(line)["payload"] for line in content.splitlines()]


def test_the_page_hands_over_what_it_shows_and_the_trail_says_so(bank: Tenant, carol: Client) -> None:
    assert "JSON lines" in carol.get("/rollbacks/auditentry/").content.decode()
    assert [one["seq"] for one in payloads(taken(carol))] == [1, 2, 3, 4, 5]
    assert [one["seq"] for one in payloads(taken(carol, "?actor=bob"))] == [4, 5]
    told = AuditEntry.objects.filter(action="audit.exported").order_by("seq")
    assert [audit.payload_of(one)["details"] for one in told] == [
        {"format": "jsonl", "entries": 5, "filters": {}},
        {"format": "jsonl", "entries": 2, "filters": {"actor": "bob"}},
    ]
    assert [one.actor for one in told] == ["carol", "carol"]
    assert verifying.verify(bank).holds


def test_only_an_auditor_takes_it_and_only_of_their_tenants(bank: Tenant, carol: Client, people: People) -> None:
    other = make_bank("halden", "Halden & Moor")
    append(other)
    give_roles(people.carol, other, Role.VIEWER)
    assert {one["tenant"]["slug"] for one in payloads(taken(carol))} == {"northwind"}  # type: ignore[index]
    assert send(carol, f"{EXPORT}?tenant=halden", {"format": "csv"}).status_code == 403
    give_roles(people.alice, bank, Role.OPERATOR)
    alice = browser_of(people.alice)
    assert "JSON lines" not in alice.get("/rollbacks/auditentry/").content.decode()
    assert send(alice, EXPORT, {"format": "jsonl"}).status_code == 403
    assert AuditEntry.objects.filter(action="audit.exported").count() == 1
    assert not AuditEntry.objects.filter(action="audit.exported", tenant=other).exists()


def test_a_form_that_is_none_and_filters_that_cannot_be_read_export_nothing(bank: Tenant, carol: Client) -> None:
    assert carol.get(EXPORT).status_code == 405
    for query, form in (("", "xls"), ("", ""), ("?since=yesterday", "csv")):
        answer = send(carol, f"{EXPORT}{query}", {"format": form})
        assert (answer.status_code, b"Nothing was exported" in answer.content) == (400, True)
    assert not AuditEntry.objects.filter(action="audit.exported").exists()


def rows_of(content: bytes) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(io.StringIO(content.decode(), newline=""))


def test_a_csv_holds_its_proof_line_by_line(bank: Tenant, carol: Client) -> None:
    previous = bytes(32)
    for row in rows_of(taken(carol, form="csv")):
        digest = hashlib.sha256(row["payload"].encode()).digest()
        assert bytes.fromhex(row["previous_hash"]) == previous
        previous = hashlib.sha256(b"\0" + previous + digest).digest()
        assert row["hash"] == previous.hex()
        told = json.loads(row["payload"])
        assert (row["tenant"], row["actor"], row["seq"]) == ("northwind", told["actor"], str(told["seq"]))
        assert json.loads(row["from"])["part"] == "process"
    assert previous == bytes(AuditEntry.objects.get(seq=5).hash)


def leads() -> list[str]:
    told = json.loads(corpus("corpora", "own", "csv_formula_leads.json").read_text())
    return [*told["asvs_v1_2_10"], *told["own_extra"]]


def test_no_lead_character_of_the_corpus_runs_in_a_spreadsheet() -> None:
    for lead in leads():
        cell = exporting._cell(f"{lead}cmd|' /C calc'!A0")
        assert cell[0] in "'\\", (lead, cell)


def test_nothing_unseen_reaches_the_file(bank: Tenant, carol: Client) -> None:
    odd = "a\x1b[2Jb\x7f\x85\u202egnp.exe\u2028\r\n=1+1"
    with transaction.atomic():
        audit.append("write.intent", tenant=bank, actor=odd, details={"nul": "\x00", "odd": odd})
    content = taken(carol, form="csv")
    (row,) = [row for row in rows_of(content) if row["seq"] == "6"]
    assert row["actor"] == "a\\u001b[2Jb\\u007f\\u0085\\u202egnp.exe\\u2028\\u000d\\u000a=1+1"
    naked = content.decode().replace("\r\n", "")
    assert not [letter for letter in naked if ord(letter) < 0x20 or letter in "\x7f\x85"]
    told = payloads(taken(carol))[-2]
    assert told["details"] == {"nul": "\x00", "odd": odd}, "the payload itself is what was hashed"


def test_the_command_narrows_as_the_page_does(bank: Tenant, tmp_path: Path) -> None:
    file = tmp_path / "trail.jsonl"
    words = ("audit", "export", "northwind", "--output", str(file))
    assert run(*words, "--actor", "bob").code == 0
    assert [one["seq"] for one in payloads(file.read_bytes())] == [4, 5]
    assert run(*words, "--action", "audit.exported", "--outcome", "ok").code == 0
    assert [one["seq"] for one in payloads(file.read_bytes())] == [6]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_forty_times_the_rows_take_no_more_memory(database_url: str, tmp_path: Path, form: str) -> None:
    few, many = trails.make_tenant("few"), trails.make_tenant("many")
    trails.fill(few, 500)
    trails.fill(many, 20_000)
    peaks = {}
    for tenant, count in ((few, 500), (many, 20_000)):
        file = tmp_path / f"{tenant.slug}.{form}"
        process = subprocess.Popen(
            [sys.executable, "manage.py", "audit", "export", tenant.slug, "--output", str(file), "--format", form],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database_url},
            stdout=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        with file.open("rb") as opened:
            assert sum(1 for _ in opened) == count + (form == "csv")
        peaks[tenant.slug] = used.ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    assert file.stat().st_size > 12 * 2**20, "held as a whole it would show"
    assert (peaks["many"] - peaks["few"]) * unit < 6 * 2**20
