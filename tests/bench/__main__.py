"""Print the table of measurements: `python -m tests.bench --rounds 3`."""

import argparse
import importlib
import logging
import os
import pkgutil
import sys
from pathlib import Path

import django


def main() -> int:
    """Run every measurement on a database that is made for it and thrown away."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure what a person waits for.")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is done (default 3)")
    parser.add_argument("--only", default="", metavar="WORD", help="only measurements with this word in their name")
    parser.add_argument("--page", type=Path, default=Path(__file__).resolve().parents[2] / "docs" / "PERFORMANCE.md")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds is {options.rounds}; at least 1 round is needed to measure anything")

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    logging.disable(logging.INFO)
    from tests import bench  # noqa: PLC0415 - after the settings are read
    from tests.bench import measuring, pages  # noqa: PLC0415
    from tests.scratch_database import scratch_database  # noqa: PLC0415

    load = os.getloadavg()[0]
    with scratch_database("bench"), measuring.AT_THE_END:
        for module in pkgutil.iter_modules(bench.__path__):
            if module.name.startswith("measures_"):
                importlib.import_module(f"tests.bench.{module.name}")
        chosen = measuring.chosen(options.only)
        figures: dict[str, measuring.Figures] = {}
        for number, measurement in enumerate(chosen, start=1):
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{number}/{len(chosen)} {measurement.name[:70]:<70}")
                sys.stderr.flush()
            figures[measurement.name] = measuring.run(measurement, rounds=options.rounds)
        if sys.stderr.isatty():
            sys.stderr.write("\r" + " " * 80 + "\r")
        rows = [figures[one.name].row(figures.get(one.against)) for one in chosen]
        sys.stdout.write(f"{measuring.table(rows)}\n")
        if not options.only:
            pages.write(options.page, "What a person waits for", pages.waits(rows, rounds=options.rounds, load=load))
    return 0


if __name__ == "__main__":
    sys.exit(main())
