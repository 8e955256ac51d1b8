"""Check that requirements.lock says what pyproject.toml asks for, and holds no address: `python -m tests.lock`."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parent.parent
LOCK = CHECKOUT / "requirements.lock"
ADDRESS = re.compile(r"[a-z+]+://\S+|--(extra-)?index-url|--find-links|^(-i|-f) ", re.MULTILINE)
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
MAKE = [
    *("pip", "compile", "pyproject.toml", "--group", "dev", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate", "--quiet", "-o"),
]


def faults(lock: str) -> list[str]:
    """Return a sentence for everything that may not stand in a lock file."""
    found = [
        f"requirements.lock holds an address or an index option: {match.group(0).strip()}"
        for match in ADDRESS.finditer(lock)
    ]
    entries = re.findall(r"^([A-Za-z0-9._-]+)==\S+[^\n]*\n((?:    --hash=\S+[^\n]*\n?)*)", lock, re.MULTILINE)
    found += [
        f"requirements.lock has no hash for {name}." for name, hashes in entries if "--hash=sha256:" not in hashes
    ]
    if not entries:
        found.append("requirements.lock names no package.")
    return found


def outside_bounds(lock: str, project: str) -> list[str]:
    """Return a sentence for every direct dependency that is not locked, or locked outside its bounds."""
    locked = {canonicalize_name(name): version for name, version in LOCKED.findall(lock)}
    asked = tomllib.loads(project)
    found = []
    for line in [*asked["project"]["dependencies"], *asked["dependency-groups"]["dev"]]:
        wanted = Requirement(line)
        version = locked.get(canonicalize_name(wanted.name))
        if version is None:
            found.append(f"requirements.lock has no {wanted.name}, which pyproject.toml asks for. Run make lock.")
        elif version not in wanted.specifier:
            found.append(
                f"requirements.lock has {wanted.name} {version}, pyproject.toml asks for {line}. Run make lock."
            )
    return found


def compiled_anew() -> str | None:
    """Return the lock file as it follows from pyproject.toml and the locked versions; None where no index answers."""
    uv = shutil.which("uv", path=sysconfig.get_path("scripts")) or shutil.which("uv") or "uv"
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "requirements.lock"
        # With uv's own certificates, then with the machine's, as make setup does.
        for more in ({}, {"UV_NATIVE_TLS": "1", "UV_SYSTEM_CERTS": "1"}):
            shutil.copyfile(LOCK, again)
            made = subprocess.run(
                [uv, *MAKE, str(again)], cwd=CHECKOUT, env={**os.environ, **more}, capture_output=True, check=False
            )
            if made.returncode == 0:
                return again.read_text()
    return None


def main() -> int:
    """Print what is wrong and return the exit code."""
    lock = LOCK.read_text()
    found = faults(lock) + outside_bounds(lock, (CHECKOUT / "pyproject.toml").read_text())
    if not found:
        again = compiled_anew()
        if again is None:
            sys.stderr.write("No package index answered: only the direct dependencies of the lock file were checked.\n")
        elif again != lock:
            found.append("requirements.lock does not follow from pyproject.toml. Run make lock and commit the result.")
    for sentence in found:
        sys.stderr.write(f"{sentence}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
