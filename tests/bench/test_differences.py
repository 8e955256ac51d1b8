"""The bench of the difference: the truth that it is held against, the pairs, and the part of the page it writes."""

from pathlib import Path

import pytest

from tests.bench import differences, pages
from tests.bench.documents import Case, cases

SMALL = {"5 KB": 5_000, "40 KB": 40_000}


def test_ours_tells_the_true_changes_of_every_pair_and_its_patch_gives_the_other() -> None:
    names = []
    for case in cases(SMALL):
        measured = differences.measure(case, rounds=1, seconds=0)
        told = measured.told[differences.OURS]
        assert (told[1], case.truth >= 1) == (case.truth, True), case.name
        size = next((SMALL[name] for name in SMALL if case.name.startswith(name)), len(case.before))
        assert 0.85 < len(case.before) / size < 1.15, case.name
        names.append(case.name)
    assert len(set(names)) == len(names) == 14


def test_a_change_that_is_not_told_ends_the_bench() -> None:
    case = next(cases(SMALL))
    hidden = Case(case.name, case.before, case.before, case.kinds)
    with pytest.raises(AssertionError, match="the truth is"):
        differences.measure(hidden, rounds=1, seconds=0)


def test_a_part_of_the_page_takes_the_place_of_its_former_self_and_leaves_the_others(tmp_path: Path) -> None:
    page = tmp_path / "PERFORMANCE.md"
    pages.write(page, "The trail", "slow")
    pages.write(page, "The difference", "old\n\n| a |\n|---|")
    pages.write(page, "The trail", "fast")
    pages.write(page, "The difference", "new")
    text = page.read_text()
    assert text.startswith("# Performance\n")
    assert text.endswith("## The trail\n\nfast\n\n## The difference\n\nnew\n")
    assert text.count("## ") == 2


def test_a_peer_that_failed_or_took_too_long_stands_in_the_table_with_its_reason() -> None:
    measured = differences.measure(next(cases(SMALL)), rounds=1, seconds=0)
    measured.told |= {"jsondiff": "stopped after 20 s", "git diff --no-index": (31.4, 2)}
    text = differences.section([measured], ["Skipped: jsondiffpatch, since there is no Node here."], load=0.5)
    row = next(line for line in text.splitlines() if line.startswith("| 5 KB"))
    assert "| stopped after 20 s | 31 · 2 |" in row
    assert "Skipped: jsondiffpatch" in text
    assert "make bench" in text
