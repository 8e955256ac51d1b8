"""Do the worst to the console's promises, with seeds, and print what came of it: `python -m tests.torture`."""

import argparse
import logging
import os
import sys

import django


def main() -> int:
    """Run on a database that is made for it and thrown away; 1 where anything was missed."""
    parser = argparse.ArgumentParser(
        prog="make torture", description="Tamper with trails as the database's owner could."
    )
    parser.add_argument("--rounds", type=int, default=10_000, help="how many attacks (default 10,000)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    logging.disable(logging.WARNING)
    from tests.scratch_database import scratch_database  # noqa: PLC0415 - after the settings are read
    from tests.torture import tampering  # noqa: PLC0415

    with scratch_database("torture"):
        counts = tampering.run(options.seed, options.rounds, tell=_tell(options.rounds))
    sys.stdout.write(f"{tampering.report(counts, first=options.seed, rounds=options.rounds)}\n")
    return 1 if any(one.missed for one in counts.values()) else 0


def _tell(rounds: int):  # type: ignore[no-untyped-def]  # a line of progress, on a terminal only
    def tell(done: int) -> None:
        if sys.stderr.isatty() and done % 50 == 0:
            sys.stderr.write(f"\r{done:,} of {rounds:,}\x1b[K" if done < rounds else "\r\x1b[K")
            sys.stderr.flush()

    return tell


if __name__ == "__main__":
    sys.exit(main())
