"""The bench of real histories: which versions it takes, what it proves of each pair, and the table that it writes."""

from pathlib import Path

import pytest

from tests.bench import real_histories
from tests.bench.real_histories import History


def put(folder: Path, name: str, *versions: bytes) -> None:
    (folder / name).mkdir()
    for number, raw in enumerate(versions, start=1):
        (folder / name / f"v{number:04}.json").write_bytes(raw)


def test_every_pair_is_compared_and_its_patch_gives_the_other_side(tmp_path: Path) -> None:
    put(
        tmp_path,
        "queues",
        b'{"wait": 8}',
        b"{,}",
        b'{"wait": 9, "on": true}',
        b'{"wait": 8}',
        b'{"wait": 8, "on": null}',
    )
    put(tmp_path, "alone", b"{}")
    (history,) = real_histories.histories(tmp_path)
    assert (history.name, len(history.versions)) == ("queues", 4)
    real_histories.measure(history)
    assert history.pairs == [(0, 1), (1, 2), (2, 3), (0, 3)]
    assert (history.exact, history.told[real_histories.OURS][1]) == (4, 2 + 2 + 1 + 1)
    history.told |= {"git diff": (31.4, 7), "deepdiff": "stopped after 20 s"}
    text = real_histories.section([history], ["Skipped: there is no Node here."], load=0.5)
    assert "4 pairs, and in all of them our patch gave exactly the other side" in text
    row = next(line for line in text.splitlines() if line.startswith("| queues | 4 | 4 | 23 |"))
    assert row.endswith("| 31 · 7 | stopped after 20 s |")
    assert "Skipped: there is no Node here." in text


def test_a_patch_that_gives_anything_else_ends_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_histories, "patch_of", lambda _difference: [])
    with pytest.raises(AssertionError, match="the patch of 1 to 2 gives another"):
        real_histories.measure(History("queues", [b'{"wait": 8}', b'{"wait": 9}']))


def test_where_there_are_no_real_histories_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", str(tmp_path / "nothing"), "--page", str(tmp_path / "page.md")])
    assert real_histories.main() == 0
    assert capsys.readouterr().out.startswith("Skipped: ")
    assert not (tmp_path / "page.md").exists()
