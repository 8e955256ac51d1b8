"""Folders of versions become assist configurations, byte for byte, invalid ones included."""

import json
from pathlib import Path

import pytest

from console.practice.history import HistoryUnreadable
from console.practice.server import PracticeServer
from tests.console.practice_world import NOW, calling

REAL = Path(__file__).parents[3] / "shared" / "real"
VERSIONS = {
    "v0001.json": b'{\r\n\t"rate": 1.0,\r\n\t"name": "Gr\xc3\xbc\xc3\x9fe"\r\n}\r\n',
    "v0002.json": b'{"rate":1.50,"rate":2}',
    "v0003.invalid.json": b'{"rate": }',
    "v0004.invalid.json": b"",
    "v0010.json": b'{"rate": 3}\n',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    history = tmp_path / "billing-rules"
    history.mkdir()
    for name, content in VERSIONS.items():
        (history / name).write_bytes(content)
    about = [
        {"file": "v0001.json", "date": "2024-03-01", "subject": "First rates"},
        {"file": "v0002.json", "date": "2024-03-01", "subject": "Raise the rate"},
    ]
    (history / "meta.json").write_text(json.dumps({"versions": about}))
    return history


@pytest.mark.parametrize("whole", [True, False], ids=["a folder of folders", "one folder"])
def test_each_file_is_one_version_with_its_exact_bytes(folder: Path, whole: bool) -> None:
    with (
        PracticeServer(now=NOW, history_dir=folder.parent if whole else folder) as platform,
        calling(platform, "archive") as archive,
    ):
        path = "/api/v2/agentassist/configs/billing-rules"
        listed = archive.get(path + "/versions").json()["entities"]
        assert [one["version"] for one in listed] == [5, 4, 3, 2, 1]
        assert [one["name"] for one in listed[-2:]] == ["Raise the rate", "First rates"]
        assert listed[-1]["dateModified"] == "2024-03-01T00:00:00.000Z" < listed[-2]["dateModified"]
        for number, content in enumerate(VERSIONS.values(), start=1):
            served = archive.get(f"{path}/versions/{number}").content
            assert b'"content":' + content + b',"trafficPercent":100' in served
        assert archive.get(path).json()["content"] == {"rate": 3}


def test_an_invalid_version_makes_the_whole_answer_invalid(folder: Path) -> None:
    with PracticeServer(now=NOW, history_dir=folder) as platform, calling(platform, "archive") as archive:
        answer = archive.get("/api/v2/agentassist/configs/billing-rules/versions/3")
        assert answer.status_code == 200
        with pytest.raises(ValueError, match="Expecting value"):
            json.loads(answer.content)


def test_a_rollback_keeps_the_old_files_bytes_line_ends_and_all(folder: Path) -> None:
    path = "/api/v2/agentassist/configs/billing-rules"
    with PracticeServer(now=NOW, history_dir=folder) as platform, calling(platform, "archive") as archive:
        old = archive.get(path + "/versions/1").content
        etag = archive.get(path).headers["ETag"]
        written = archive.put(path, old.replace(b'"version":1,', b'"version":6,'), if_match=etag)
        assert written.status_code == 200
        assert b'"content":' + VERSIONS["v0001.json"] + b',"trafficPercent"' in archive.get(path).content


def test_a_history_is_kept_with_what_was_written_to_it(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    path = "/api/v2/agentassist/configs/billing-rules"
    with PracticeServer(now=NOW, history_dir=folder, data_dir=data) as platform:
        platform.foreign_write(path)
    (folder.parent / "late").mkdir()
    (folder.parent / "late" / "v0001.json").write_bytes(b"{}")
    with (
        PracticeServer(now=NOW, history_dir=folder.parent, data_dir=data) as platform,
        calling(platform, "archive") as archive,
    ):
        assert archive.get(path).json()["version"] == 6
        assert archive.get("/api/v2/agentassist/configs/late").json()["version"] == 1
        assert b'"content":' + VERSIONS["v0003.invalid.json"] in archive.get(path + "/versions/3").content
    with PracticeServer(now=NOW, data_dir=data) as platform, calling(platform) as bank:
        assert "archive" not in platform.credentials
        assert bank.get("/api/v2/agentassist/configs/cfg-1").status_code == 200


def test_a_folder_without_versions_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(HistoryUnreadable, match="holds versions"):
        PracticeServer(history_dir=tmp_path)
    with pytest.raises(HistoryUnreadable, match="is no folder"):
        PracticeServer(history_dir=tmp_path / "missing")
    (tmp_path / "v0001.json").write_text("{}")
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(HistoryUnreadable, match="cannot be read"):
        PracticeServer(history_dir=tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real histories are not beside this checkout")
def test_every_real_history_is_served_byte_for_byte() -> None:
    compared = 0
    with PracticeServer(now=NOW, history_dir=REAL) as platform, calling(platform, "archive") as archive:
        for folder in sorted(path for path in REAL.iterdir() if (path / "meta.json").exists()):
            files = sorted(folder.glob("v*.json"))
            listed = archive.get(f"/api/v2/agentassist/configs/{folder.name}/versions").json()
            assert listed["total"] == len(files)
            for number in {1, (len(files) + 1) // 2, len(files)}:
                served = archive.get(f"/api/v2/agentassist/configs/{folder.name}/versions/{number}").content
                assert b'"content":' + files[number - 1].read_bytes() + b',"trafficPercent":100' in served
                compared += 1
    assert compared >= 60
