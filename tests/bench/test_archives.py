"""The bench of the archive: the histories that everybody keeps, and what its part of the page says."""

from difflib import SequenceMatcher
from itertools import pairwise

from tests.bench import archives
from tests.bench.archives import AGGRESSIVE, COLD, NAMES, OURS, PLAIN, Kept, Run, Size
from tests.bench.histories import rounds


def test_histories_are_the_same_each_time_and_each_version_differs_a_little() -> None:
    made = list(rounds(3, 6, size=3_000))
    assert made == list(rounds(3, 6, size=3_000))
    assert len({raw for raws in made for raw in raws}) == 18
    for before, after in pairwise(made):
        for old, new in zip(before, after, strict=True):
            same = sum(block.size for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks())
            assert 0.75 < same / len(new) < 1
            assert 2_500 < len(new) < 4_500


def test_the_page_says_of_each_aim_whether_it_is_reached() -> None:
    run = Run(Size(2, 10, 1, 5), raw=400_000)
    run.kept = {
        OURS: Kept(8_000, [0.004], [0.001], content=4_000),
        COLD: Kept(None, [0.006], []),
        PLAIN: Kept(500_000, [0.005], [0.0004]),
        NAMES["full"]: Kept(420_000, [0.0055], [0.0008]),
        AGGRESSIVE: Kept(10_000, [], [0.001], packing=130, content=6_000),
    }
    text = archives.section(run)
    assert "| this archive | 400 | 200 | 4.00 | 1.00 | none |" in text
    assert "| git, repack --aggressive | 500 | 300 | – | 1.00 | 130 s |" in text
    assert "Fewer bytes than `git repack --aggressive`, at once: 0.80 of them" in text
    assert "- A write: 0.80 of a plain row's." in text
    assert "- A write, nothing in memory: 1.20 of a plain row's, which is NOT within 1." in text
    assert "- A read: 2.50 of a plain row's, which is NOT within 2." in text
    assert "100 times smaller than they came" in text
    assert COLD not in text
