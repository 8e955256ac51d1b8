"""Run the tests as two pytest runs side by side, one for each core: `python -m tests.both_cores [PYTEST ARGUMENTS]`.

With arguments it is one plain run of pytest with these. The first half is what waits for browsers and workers, the
second all the rest, so that a new folder of tests is never forgotten. Each run has a database of its own
(`tests/conftest.py`).
"""

import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
FIRST_HALF = ("tests/browser", "tests/rollbacks", "tests/real")


def main() -> int:
    """Run both halves, print the second as it goes and the first when it is done; return the worse exit code."""
    pytest = [sys.executable, "-m", "pytest"]
    if sys.argv[1:]:
        return subprocess.run([*pytest, *sys.argv[1:]], cwd=CHECKOUT).returncode
    rest = [f"--ignore={folder}" for folder in FIRST_HALF]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        with subprocess.Popen([*pytest, *FIRST_HALF], cwd=CHECKOUT, stdout=said, stderr=subprocess.STDOUT) as first:
            second = subprocess.run([*pytest, *rest], cwd=CHECKOUT).returncode
            first.wait()
        said.seek(0)
        sys.stdout.write(f"\nAnd meanwhile {', '.join(FIRST_HALF)}:\n\n{said.read()}")
    return max(first.returncode, second)


if __name__ == "__main__":
    sys.exit(main())
