"""Runs of pytest side by side: together they run each test once, and what fails in one of them fails all."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_two_runs_share_the_files_so_that_each_test_runs_once(tmp_path: Path) -> None:
    claims, tests, ran = tmp_path / "claims", tmp_path / "tests", tmp_path / "ran"
    claims.mkdir()
    tests.mkdir()
    for number in range(6):
        lines = [f"def test_{letter}(): open({str(ran)!r}, 'a').write('{number}{letter} ')" for letter in "ab"]
        (tests / f"test_{number}.py").write_text("\n".join([*lines, f"def test_c(): assert {number} != 5", ""]))
    command = [sys.executable, "-m", "pytest", "-p", "tests.claiming", "-p", "no:django", "-c", os.devnull]
    runs = [
        subprocess.Popen(
            [*command, "--rootdir", str(tests), str(tests)],
            cwd=CHECKOUT,
            env={**os.environ, "TESTS_CLAIMS": str(claims)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [run.communicate(timeout=60)[0] for run in runs]
    assert sorted(ran.read_text().split()) == [f"{number}{letter}" for number in range(6) for letter in "ab"], said
    assert sum(int(count) for one in said for count in re.findall(r"(\d+) passed", one)) == 17, said
    assert sorted(run.returncode for run in runs) == [0, 1], said
