"""Runs of pytest side by side: together they run each test once, and what fails in one of them fails all."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

FILE = """
import os, pytest, time

@pytest.mark.parametrize("letter", "ab")
def test_one(letter):
    print("said by {number}")
    open({ran!r}, "a").write(f"{number}{{letter}}:{{os.getpid()}} ")
    end = time.monotonic() + 120  # until each of three runs has begun with a test
    while len({{one.split(":")[1] for one in open({ran!r}).read().split()}}) < 3 and time.monotonic() < end:
        time.sleep(0.02)

def test_other():
    print("said by {number}")
    assert {number} != 5, "five"
"""


@pytest.mark.slow
def test_the_runs_share_all_tests_so_that_each_runs_once(tmp_path: Path) -> None:
    folder, tests, ran = tmp_path / "folder", tmp_path / "tests", tmp_path / "ran"
    folder.mkdir()
    tests.mkdir()
    for number in range(6):
        (tests / f"test_{number}.py").write_text(FILE.format(number=number, ran=str(ran)))
    command = [sys.executable, "-m", "pytest", "-p", "tests.claiming", "-p", "no:django", "-c", os.devnull]
    done = subprocess.run(
        [*command, "--rootdir", str(tests), str(tests)],
        cwd=CHECKOUT,
        env={**os.environ, "TESTS_RUNS": "3", "TESTS_FOLDER": str(folder)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    said = [done.stdout, *((folder / f"run-{number}").read_text() for number in (2, 3))]
    tests_ran = dict(one.split(":") for one in ran.read_text().split())
    assert sorted(tests_ran) == [f"{number}{letter}" for number in range(6) for letter in "ab"], said
    assert len(ran.read_text().split()) == 12, said
    assert len(set(tests_ran.values())) == 3, said
    assert sum(int(count) for one in said for count in re.findall(r"(\d+) passed", one)) == 17, said
    assert sum("AssertionError: five" in one for one in said) == 1, said
    assert sum(one.count("\nsaid by 5\n") for one in said) == 1, "each shows what its own failed test has printed"
    assert "\nsaid by 4\n" not in "".join(said)
    assert done.returncode == 1, said
