"""Take real configurations through everything: `python -m tests.real ../shared/real`; exit 1 when anything is wrong."""

import argparse
import json
import logging
import os
import sys
from pathlib import Path

import django


def main() -> int:
    """Run one round on a database that is made for it and thrown away."""
    parser = argparse.ArgumentParser(prog="make real", description="Take real configurations through the protocol.")
    parser.add_argument("folder", type=Path, help="a folder of histories, each of them v0001.json …")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document on stdout")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.stderr.write(f"Skipped: {options.folder} is not here, so there is nothing real to try.\n")
        if options.as_json:
            print(json.dumps({"folder": str(options.folder), "skipped": True}))  # noqa: T201
        return 0

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    logging.disable(logging.INFO)
    from console.practice.history import HistoryUnreadable  # noqa: PLC0415 - after the settings are read
    from tests.real.taking import take  # noqa: PLC0415
    from tests.scratch_database import scratch_database  # noqa: PLC0415

    def tell(sentence: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[2K{sentence}")
            sys.stderr.flush()

    try:
        with scratch_database("real"):
            report = take(options.folder, tell=tell)
    except HistoryUnreadable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    finally:
        tell("")
    if options.as_json:
        print(json.dumps(report.to_json(), ensure_ascii=False, indent=2))  # noqa: T201
    else:
        print(report.to_text())  # noqa: T201
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
