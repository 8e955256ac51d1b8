"""Do the worst to the console's promises and print what came of it: `python -m tests.torture [PROOF …]`."""

import argparse
import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Final

import django

from tests.torture import reliability
from tests.torture.proofs import PROOFS, Proof, Report, Scale


def main() -> int:
    """Do the proofs that were named, or all; 1 where any promise was broken."""
    parser = argparse.ArgumentParser(prog="make torture", description="Do the worst to the console's promises.")
    names = [proof.name for proof in PROOFS]
    parser.add_argument(
        "proofs",
        nargs="*",
        metavar="PROOF",
        help=f"which (default: those of a round, or all of a release): {', '.join(names)}",
    )
    parser.add_argument(
        "--scale", type=Scale, choices=list(Scale), default=Scale.ROUND, help="how much (default round)"
    )
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--seeds", type=int, help="how many histories the simulation plays, however long it takes")
    parser.add_argument(
        "--minutes", type=float, help="begin no proof later than this, and wait for none 5 minutes more"
    )
    parser.add_argument("--history", type=int, metavar="SEED", help="play this one history of the simulation, print it")
    parser.add_argument("--record", action="store_true", help="write docs/RELIABILITY.md with what came of it")
    options = parser.parse_args()
    if unknown := sorted(set(options.proofs) - set(names)):
        parser.error(f"there is no proof called {unknown[0]}; there are {', '.join(names)}")
    # Servers and workers that were started end with whoever started them, whatever ends that.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    logging.disable(logging.CRITICAL)
    if options.history is not None:
        return _history(options.history)
    wanted = [
        proof
        for proof in sorted(PROOFS, key=lambda one: one.name in ("mutants", "schedules"))
        if proof.name in options.proofs or (not options.proofs and (proof.in_a_round or options.scale is Scale.RELEASE))
    ]
    deadline = time.monotonic() + options.minutes * 60 if options.minutes else None
    beside = [proof for proof in wanted if proof.beside_others and len(wanted) > 1]
    with contextlib.ExitStack() as running:
        others = [(proof, running.enter_context(_started(proof, sys.argv[1:]))) for proof in beside]
        failed = _do([proof for proof in wanted if proof not in beside], options, deadline=deadline)
        for proof, other in others:
            try:
                said, _ = other.communicate(
                    timeout=None if deadline is None else max(1.0, deadline + GRACE - time.monotonic())
                )
            except subprocess.TimeoutExpired:
                _say(f"== {proof.title}: not finished, for want of time.\n\n")
                continue
            _say(said)
            failed = failed or other.returncode != 0
    return 1 if failed else 0


GRACE: Final = 300.0
"""In seconds: so long after the deadline a proof that is done beside the others may still end."""


def _say(words: str) -> None:
    sys.stdout.write(words)
    sys.stdout.flush()


@contextlib.contextmanager
def _started(proof: Proof, arguments: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Do a proof in a process of its own, which ends no later than this one."""
    options = [one for one in arguments if one not in {other.name for other in PROOFS}]
    command = [sys.executable, "-m", "tests.torture", proof.name, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()


def _do(proofs: Sequence[Proof], options: argparse.Namespace, *, deadline: float | None) -> bool:
    """Do these proofs one after the other and say what came of each; true where any promise was broken."""
    failed = False
    for proof in proofs:
        if deadline is not None and time.monotonic() > deadline:
            _say(f"== {proof.title}: not begun, for want of time.\n\n")
            continue
        began = time.perf_counter()
        report = _prove(proof, options.scale, options.seed, seeds=options.seeds)
        seconds = time.perf_counter() - began
        _say(f"{reliability.to_text(proof, report, seconds=seconds)}\n\n")
        if options.record:
            reliability.record(proof, report, scale=options.scale, first_seed=options.seed, seconds=seconds)
        failed = failed or bool(report.broken)
    return failed


def _prove(proof: Proof, scale: Scale, first_seed: int, *, seeds: int | None) -> Report:
    from tests.scratch_database import scratch_database  # noqa: PLC0415 - after the settings are read

    with scratch_database("torture") if proof.on_scratch_database else contextlib.nullcontext():
        if seeds and proof.name == "simulation":
            from tests.torture import simulation  # noqa: PLC0415

            return simulation.prove(scale, first_seed, _tell, seeds=seeds)
        return proof.prove(scale, first_seed, _tell)


def _history(seed: int) -> int:
    from tests.scratch_database import scratch_database  # noqa: PLC0415 - after the settings are read
    from tests.torture import simulation, stage  # noqa: PLC0415

    with scratch_database("torture"):
        outcome = simulation.play(seed)
        stage.dismiss()
    sys.stdout.write("\n".join([*outcome.lines, outcome.digest, ""]))
    return 1 if outcome.broken else 0


def _tell(words: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{words}\x1b[K")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
