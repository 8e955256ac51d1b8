"""With a data folder nothing that was answered for is lost, and nothing half-written counts."""

import json
import stat
from pathlib import Path

import pytest

from console.practice.journal import DataInUse, JournalDamaged
from console.practice.server import PracticeServer
from tests.console.practice_world import CONFIG, NOW, calling


def write_once(folder: Path) -> tuple[bytes, str]:
    """Write one version through HTTP; return the live answer's bytes and ETag."""
    with PracticeServer(data_dir=folder, now=NOW) as platform, calling(platform) as bank:
        body, etag = bank.next_write(trafficPercent=50)
        assert bank.put(CONFIG, body, if_match=etag).status_code == 200
        live = bank.get(CONFIG)
        return live.content, live.headers["ETag"]


def test_an_accepted_write_and_its_log_survive_the_process(tmp_path: Path) -> None:
    content, etag = write_once(tmp_path)
    with PracticeServer(data_dir=tmp_path) as platform, calling(platform) as bank:
        live = bank.get(CONFIG)
        assert (live.content, live.headers["ETag"]) == (content, etag)
        [write] = platform.writes("cfg-1")
        assert (write["sequence"], write["version"]) == (1, 43)
        assert bank.get(CONFIG + "/versions").json()["total"] == 43
        platform.foreign_write(CONFIG)
        assert [one["sequence"] for one in platform.writes()] == [1, 2]


def test_permissions_switches_and_deletions_survive_too(tmp_path: Path) -> None:
    with PracticeServer(data_dir=tmp_path, now=NOW) as platform:
        platform.set_switches("northwind", unknown_keys="drop")
        platform.platform.control.set_permissions({"organization": "northwind", "remove": ["routing:queue:edit"]})
        platform.platform.control.delete({"object": "/api/v2/agentassist/configs/cfg-2"})
    with PracticeServer(data_dir=tmp_path) as platform, calling(platform) as bank:
        told = platform.platform.control.organizations()[0]
        assert told["switches"]["unknown_keys"] == "drop"
        assert "routing:queue:edit" not in told["permissions"]
        assert bank.get("/api/v2/agentassist/configs/cfg-2").status_code == 404
        assert bank.get("/api/v2/agentassist/configs").json()["total"] == 2


def test_a_torn_last_line_is_cut_off_and_the_next_write_follows_cleanly(tmp_path: Path) -> None:
    content, _ = write_once(tmp_path)
    journal = tmp_path / "journal.jsonl"
    whole = journal.read_bytes()
    last = whole.splitlines()[-1]
    journal.write_bytes(whole + last[: len(last) // 2])
    with PracticeServer(data_dir=tmp_path) as platform, calling(platform) as bank:
        assert bank.get(CONFIG).content == content
        assert journal.read_bytes() == whole
        platform.foreign_write(CONFIG)
    with PracticeServer(data_dir=tmp_path) as platform:
        assert [one["version"] for one in platform.writes("cfg-1")] == [43, 44]


def test_a_write_torn_out_of_the_journal_never_happened(tmp_path: Path) -> None:
    write_once(tmp_path)
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-10])
    with PracticeServer(data_dir=tmp_path) as platform, calling(platform) as bank:
        assert bank.get(CONFIG).json()["version"] == 42
        assert platform.writes() == []


@pytest.mark.parametrize("line", [b"not json", b'{"kind":"commit","organization":"northwind"}', b'{"kind":"x"}'])
def test_damage_that_no_crash_explains_is_refused_with_a_sentence(tmp_path: Path, line: bytes) -> None:
    write_once(tmp_path)
    journal = tmp_path / "journal.jsonl"
    lines = journal.read_bytes().splitlines()
    journal.write_bytes(b"\n".join([lines[0], line, *lines[1:]]) + b"\n")
    with pytest.raises(JournalDamaged, match="nothing was started"):
        PracticeServer(data_dir=tmp_path)


def test_a_first_start_that_was_killed_half_way_begins_again(tmp_path: Path) -> None:
    (tmp_path / "journal.draft").write_bytes(b'{"kind":"obj')
    with PracticeServer(data_dir=tmp_path, now=NOW) as platform, calling(platform) as bank:
        assert bank.get(CONFIG).json()["version"] == 42


def test_secrets_are_made_once_kept_for_the_owner_only_and_stay_the_same(tmp_path: Path) -> None:
    with PracticeServer(data_dir=tmp_path, now=NOW) as platform:
        first = platform.credentials
    kept = tmp_path / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    told = json.loads(kept.read_text())
    assert told["northwind"]["client_secret"] == first["northwind"].client_secret
    assert len({one.client_secret for one in first.values()}) == 3
    with PracticeServer(data_dir=tmp_path) as platform:
        assert platform.credentials == first
    with PracticeServer(now=NOW) as elsewhere:
        assert elsewhere.credentials["northwind"].client_secret != first["northwind"].client_secret


def test_two_platforms_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        PracticeServer(data_dir=tmp_path, now=NOW),
        pytest.raises(DataInUse, match="nothing was started"),
    ):
        PracticeServer(data_dir=tmp_path)
