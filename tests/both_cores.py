"""Run the tests as two pytest runs side by side, one for each core: `python -m tests.both_cores [PYTEST ARGUMENTS]`.

With arguments it is one plain run of pytest with these. The first half is most of what waits for browsers and workers,
the second all the rest, so that a new folder of tests is never forgotten. Each run has a database of its own
(`tests/conftest.py`).
"""

import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def first_half() -> list[str]:
    """Give the folders and files of the first run, weighed so that both take about as long."""
    rollbacks = sorted((CHECKOUT / "tests" / "rollbacks").glob("test_*.py"))
    files = [str(file.relative_to(CHECKOUT)) for file in rollbacks if not file.match("test_[st]*.py")]
    return ["tests/browser", "tests/real", *files]


def main() -> int:
    """Run both halves, print the second as it goes and the first when it is done; return the worse exit code."""
    pytest = [sys.executable, "-m", "pytest"]
    if sys.argv[1:]:
        return subprocess.run([*pytest, *sys.argv[1:]], cwd=CHECKOUT).returncode
    half = first_half()
    rest = [f"--ignore={path}" for path in half]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        with subprocess.Popen([*pytest, *half], cwd=CHECKOUT, stdout=said, stderr=subprocess.STDOUT) as first:
            second = subprocess.run([*pytest, *rest], cwd=CHECKOUT).returncode
            first.wait()
        said.seek(0)
        sys.stdout.write(f"\nAnd meanwhile tests/browser, tests/real and most of tests/rollbacks:\n\n{said.read()}")
    return max(first.returncode, second)


if __name__ == "__main__":
    sys.exit(main())
