"""The arrows of the house, as contracts of import-linter in pyproject.toml."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

CHECKOUT = Path(settings.BASE_DIR)
LINTER = Path(sys.executable).parent / "lint-imports"


def lint(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINTER, "--no-cache"], cwd=checkout, capture_output=True, text=True, timeout=120)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the code that may be spoiled."""
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    for package in ("console", "rollbacks", "tenants"):
        shutil.copytree(CHECKOUT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "static"))
    return tmp_path


def test_nobody_imports_against_the_arrows() -> None:
    ended = lint(CHECKOUT)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("app", ["tenants", "rollbacks"])
def test_a_module_without_a_place_fails(copy: Path, app: str) -> None:
    (copy / app / "miscellany.py").write_text('"""Nobody has said where this belongs."""\n')
    ended = lint(copy)
    assert ended.returncode == 1
    assert "miscellany" in ended.stdout


@pytest.mark.parametrize(
    ("place", "line", "contract"),
    [
        ("tenants/archive.py", "from rollbacks import models", "nothing points up BROKEN"),
        ("rollbacks/audit.py", "from console import settings", "nothing points up BROKEN"),
        (
            "rollbacks/verdicts.py",
            "from django.db import models",
            "Decisions are pure: no database, no HTTP, no queue BROKEN",
        ),
        ("rollbacks/actions.py", "from tenants import admin", "Nobody imports an admin BROKEN"),
        ("rollbacks/models/requests.py", "import requests", "Only tenants.remote speaks HTTP BROKEN"),
        (
            "console/practice/assist.py",
            "from tenants import documents",
            "shares no code with the client and the catalogue BROKEN",
        ),
    ],
)
def test_an_import_against_an_arrow_fails_by_name(copy: Path, place: str, line: str, contract: str) -> None:
    module = copy / place
    module.write_text(f"{module.read_text()}\n{line}\n")
    ended = lint(copy)
    assert ended.returncode == 1
    assert contract in ended.stdout
