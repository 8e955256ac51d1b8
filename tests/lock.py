"""Check that requirements.lock says what pyproject.toml asks for, and holds no address: `python -m tests.lock`."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
LOCK = CHECKOUT / "requirements.lock"
ADDRESS = re.compile(r"[a-z+]+://\S+|--(extra-)?index-url|--find-links|^(-i|-f) ", re.MULTILINE)
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


def is_current() -> bool:
    """Return whether compiling anew, from the versions that are locked, changes nothing."""
    uv = shutil.which("uv", path=sysconfig.get_path("scripts")) or shutil.which("uv") or "uv"
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "requirements.lock"
        shutil.copyfile(LOCK, again)
        subprocess.run([uv, *MAKE, str(again)], cwd=CHECKOUT, check=True)
        return again.read_text() == LOCK.read_text()


def main() -> int:
    """Print what is wrong and return the exit code."""
    found = faults(LOCK.read_text())
    if not found and not is_current():
        found.append("requirements.lock does not follow from pyproject.toml. Run make lock and commit the result.")
    for sentence in found:
        sys.stderr.write(f"{sentence}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
