"""Run the tests as runs of pytest side by side, two for each core: `python -m tests.side_by_side [PYTEST ARGUMENTS]`.

With `--slow` in front it runs those that take too long for every day, and no others; with `--explore SEED` the
properties alone, on ten times the inputs and on others with each seed. With arguments of pytest it is one plain run of
pytest with these. Much of the time a test waits for a browser, a worker or the database, so two runs keep one core
busy. They collect once and share the tests among them as they go (`tests/claiming.py`), and each has a database of its
own (`tests/conftest.py`).
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
RUNS = min(8, 2 * (os.cpu_count() or 1))


def main() -> int:
    """Run them, print the first as it goes and the others when they are done; return the worst exit code."""
    pytest = [sys.executable, "-m", "pytest"]
    mode, *arguments = sys.argv[1:] or [""]
    if mode == "--explore":
        [seed] = arguments
        which = ["-m", "hypothesis", "--hypothesis-profile=explore", f"--hypothesis-seed={seed}"]
        arguments = []
    elif mode == "--slow":
        which = ["-m", "slow"]
    else:
        which, arguments = ["-m", "not slow"], sys.argv[1:]
    if arguments:
        return subprocess.run([*pytest, *(which if mode == "--slow" else []), *arguments], cwd=CHECKOUT).returncode
    with tempfile.TemporaryDirectory(prefix="tests-") as folder:
        # `make torture` runs the ones that play histories for minutes.
        command = [*pytest, "-p", "tests.claiming", "--ignore=tests/torture", *which]
        environment = {**os.environ, "TESTS_RUNS": str(RUNS), "TESTS_FOLDER": folder}
        code = subprocess.run(command, cwd=CHECKOUT, env=environment).returncode
        for number in range(2, RUNS + 1):
            said = Path(folder) / f"run-{number}"
            if said.exists():
                sys.stdout.write(f"\nAnd meanwhile, run {number} of {RUNS}:\n\n{said.read_text('utf-8')}")
    return code


if __name__ == "__main__":
    sys.exit(main())
