"""Everyday tests of `make contract` itself: what is pinned, and what is said where the SDK cannot be had."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.contract.installing import REQUIREMENTS
from tests.lock import ADDRESS

CHECKOUT = Path(__file__).resolve().parents[2]
# A port that nothing listens on, for uv and for pip; caches and a machine's own settings would hide that.
NO_INDEX = {
    "UV_INDEX_URL": "http://127.0.0.1:9/simple",
    "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
    "UV_NO_CONFIG": "1",
    "UV_NO_CACHE": "1",
    "UV_HTTP_RETRIES": "0",
    "UV_FIND_LINKS": "",
    "UV_EXTRA_INDEX_URL": "",
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_FIND_LINKS": "",
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_NO_CACHE_DIR": "1",
    "PIP_RETRIES": "0",
}


def test_the_sdk_and_all_that_it_brings_are_pinned_with_hashes_and_without_addresses() -> None:
    told = REQUIREMENTS.read_text()
    assert "purecloudplatformclientv2==269.0.0 \\\n    --hash=sha256:" in told
    entries = re.findall(r"^([A-Za-z0-9._-]+)==\S+[^\n]*\\\n((?:    --hash=sha256:\S+[^\n]*\n?)+)", told, re.MULTILINE)
    assert len(entries) == len([line for line in told.splitlines() if line and not line.startswith(" ")]) >= 5
    assert ADDRESS.findall(told) == []


def test_the_sdk_is_no_dependency_of_the_product() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    named = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    assert not [one for one in named if "purecloud" in one.lower()]
    assert "purecloud" not in (CHECKOUT / "requirements.lock").read_text().lower()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [([], 0, "Skipped"), (["--required"], 1, "Failed")],
    ids=["on one's own machine", "in continuous integration"],
)
def test_where_no_index_is_reachable_it_says_so_and_only_ci_fails(
    tmp_path: Path, arguments: list[str], code: int, word: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract", "--environment", str(tmp_path / "sdk"), *arguments],
        cwd=CHECKOUT,
        env={**os.environ, **NO_INDEX},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(f"{word}: the vendor's SDK could not be installed, so nothing was checked.")
    assert "passed" not in done.stdout
    assert not (tmp_path / "sdk" / ".ready").exists()
