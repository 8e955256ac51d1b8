"""docs/SECURITY.md names a test for all that it calls met, each test is there, and no requirement is left out."""

import collections
import json
import re
from pathlib import Path

import pytest
from django.conf import settings

PAGE = Path(settings.BASE_DIR) / "docs" / "SECURITY.md"
CORPUS = Path(settings.BASE_DIR).parent / "shared" / "corpora" / "ASVS-5.0.0" / "asvs_5.0.0_en.flat.json"
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([a-z ]+) \| (.+) \| (?:`([^`]+)`|–) \|$", re.MULTILINE)
APART = re.compile(r"^- ((?:\d+\.\d+\.\d+(?:, )?)+): ", re.MULTILINE)
STANDINGS = ("met", "partly", "not met", "untested", "operator")


def rows() -> list[tuple[str, str, str, str]]:
    return ROW.findall(PAGE.read_text(encoding="utf-8"))


def does_not_apply() -> list[str]:
    return [one for line in APART.findall(PAGE.read_text(encoding="utf-8")) for one in line.split(", ")]


def test_every_test_that_is_named_is_there_and_nothing_is_called_met_without_one() -> None:
    named = [test for _, _, _, test in rows() if test]
    assert len(named) > 100
    for test in set(named):
        path, _, name = test.partition("::")
        file = Path(settings.BASE_DIR) / path
        assert file.exists(), test
        assert re.search(rf"^(?:async )?def {re.escape(name)}\(", file.read_text(encoding="utf-8"), re.MULTILINE), test
    for number, standing, how, test in rows():
        assert standing in STANDINGS, number
        assert test or standing != "met", number
        assert how != "–" or standing == "met", f"{number} says no reason"


def test_the_figures_below_are_those_of_the_rows() -> None:
    counted = collections.Counter(standing for _, standing, _, _ in rows())
    told = ", ".join(f"{counted[one]} {one}" for one in STANDINGS)
    assert f"Together: {told}, {len(does_not_apply())} do not apply." in PAGE.read_text(encoding="utf-8")


def test_every_requirement_of_the_two_levels_is_answered_once() -> None:
    if not CORPUS.exists():
        pytest.skip(f"{CORPUS} is not here, so the list of requirements was not compared.")
    asked = [one["req_id"][1:] for one in json.loads(CORPUS.read_text())["requirements"] if one["L"] in {"1", "2"}]
    answered = [number for number, _, _, _ in rows()] + does_not_apply()
    assert sorted(answered) == sorted(asked)
