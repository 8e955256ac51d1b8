"""A round on a small folder: what is in order passes, what is rightly refused is listed, and anything else fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.real.judging import same
from tests.real.taking import take

GREETING = b'{\r\n\t"greeting": "Gr\xc3\xbc\xc3\x9fe aus der Leitstelle",\r\n\t"threshold": 0.70\r\n}\r\n'
RESPELLED = b'{"threshold":7e-1,"greeting":"Gr\\u00fc\\u00dfe aus der Leitstelle"}'


def write(folder: Path, *versions: bytes) -> None:
    folder.mkdir()
    for number, raw in enumerate(versions, start=1):
        (folder / f"v{number:04}.json").write_bytes(raw)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_round_proves_the_bytes_and_the_way_back_and_lists_what_is_rightly_refused(tmp_path: Path) -> None:
    write(
        tmp_path / "claims-assist",
        GREETING,
        b'{"greeting": ',
        RESPELLED,
        b'{"threshold": 1.5, "rules": [{"id": "r-1", "cooldown": 12345678901234567890}]}\n',
        b'{"threshold": 2, "rules": []}',
    )
    write(tmp_path / "lone-queue", b'{"name": "Billing EMEA"}')
    report = take(tmp_path)
    assert report.failures == []
    assert report.counts["versions"] == 6
    assert report.counts["versions shown byte for byte"] == 5
    assert report.counts["versions read back from the archive exactly"] == 6
    assert report.counts["of them after every third was dropped"] == 3
    assert [(one.name, one.versions) for one in report.weighed] == [("claims-assist", 5), ("lone-queue", 1)]
    assert all(0 < one.ours < one.raw * 2 for one in report.weighed)
    # Three pairs of neighbours, and the first with the last both ways.
    assert report.counts["pairs compared"] == report.counts["patches that give exactly the other side"] == 5
    assert report.counts["pairs that differ in spelling only"] == 1
    # v1, v3 and v4; v3 says what v1 says, so live has that already.
    assert report.counts["rollbacks after which live has the file's bytes"] == 2
    # Of v3, v4 and v5: each leaves exactly the rest, or it is said who changed the same since.
    undone = report.counts["undone versions that leave exactly the rest"]
    assert undone + report.counts["undone versions that later work overlaps, said by whom"] == 3
    assert undone >= 1
    assert [(one["what"], one["kind"]) for one in report.refused] == [
        ("claims-assist v2", "the file is no JSON"),
        ("claims-assist v3", "live has this content already"),
        ("lone-queue v1", "live has this content already"),
    ]
    assert "Failures: 0" in report.to_text()
    assert json.loads(json.dumps(report.to_json()))["passed"] is True


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_file_that_the_standard_library_reads_and_the_console_does_not_fails_the_round(tmp_path: Path) -> None:
    write(tmp_path / "claims-assist", b'{"greeting": "\\ud83d"}', b'{"greeting": "Welcome"}')
    report = take(tmp_path)
    assert report.to_json()["passed"] is False
    [failure] = report.failures
    assert failure.startswith("claims-assist v1 was not imported: The document was not accepted")


def test_a_folder_that_is_not_there_is_said_to_be_skipped(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.real", str(tmp_path / "real")],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "Skipped" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, True, False),
        ([1, {"a": 2}], [1.0, {"a": 2}], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([], {}, False),
    ],
)
def test_sameness_of_json_is_not_sameness_of_python(one: object, other: object, equal: bool) -> None:
    assert same(one, other) is equal
