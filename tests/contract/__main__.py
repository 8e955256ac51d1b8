"""Install the vendor's SDK, start the practice platform, and let the one talk to the other: `python -m tests.contract`.

Exit 0 when everything passed, or when no package index is reachable and --required was not said, as CI does.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.contract.installing import NotInstalled, install

CHECKOUT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run the contract tests; arguments that are not ours go to pytest, such as -k publish."""
    parser = argparse.ArgumentParser(prog="make contract", description="Check against the vendor's Python SDK.")
    parser.add_argument("--required", action="store_true", help="fail, do not skip, where the SDK cannot be installed")
    parser.add_argument("--environment", type=Path, default=CHECKOUT / ".venv-contract", help="where the SDK goes")
    options, more = parser.parse_known_args()
    try:
        python = install(options.environment)
    except NotInstalled as error:
        if options.required or error.reachable:
            sys.stderr.write(f"Failed: the vendor's SDK could not be installed, so nothing was checked. {error}\n")
            return 1
        sys.stderr.write(
            f"Skipped: the vendor's SDK could not be installed, so nothing was checked. {error}\n"
            "It needs a package index; everything else works without.\n"
        )
        return 0
    with tempfile.TemporaryDirectory() as home:  # the SDK reads ~/.genesyscloudpython/config
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "DJANGO_"))}
        environ |= {"HOME": home, "PRACTICE_PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": ""}
        here = str(Path(__file__).parent)
        command = [str(python), "-m", "pytest", "-c", f"{here}/sdk.ini", "--rootdir", here, f"--confcutdir={here}"]
        return subprocess.run([*command, here, *more], cwd=CHECKOUT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
