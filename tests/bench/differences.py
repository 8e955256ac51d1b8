"""Measure the difference beside its peers: `python -m tests.bench.differences`; writes its part of docs/PERFORMANCE.md.

Every figure is a ratio to `json.loads` of the same two documents, taken in turn with ours in the same run: the least
that anybody must do before comparing. All are seconds of the processor, so that a busy machine says nearly the same.
What ours tells is held against the truth, which the maker of the documents knows, and its patch must give exactly the
other document; a peer's count stands beside its time as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tenants.documents import compare, digest, load, patch_of, patched, side_by_side
from tests.bench import pages
from tests.bench.documents import Case, cases
from tests.contract.installing import NotInstalled, install

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKOUT: Final = Path(__file__).resolve().parents[2]
PEERS: Final = CHECKOUT / "tests" / "bench" / "peers"
ENVIRONMENT: Final = CHECKOUT / ".venv-peers"
PYTHON_PEERS: Final = {
    "jsonpatch": "jsonpatch",
    "dictdiffer": "dictdiffer",
    "deepdiff": "deepdiff",
    "deepdiff, told of `id`": "deepdiff_told",
    "jsondiff": "jsondiff",
    "difflib, lines": "difflib",
}
OURS: Final = "ours"


@dataclass
class Measured:
    """What was measured on one pair: for each tool its time as a multiple of parsing, and the changes it told."""

    case: Case
    parsing: float
    """Seconds for `json.loads` of both."""
    rows: float = 0
    patch: float = 0
    told: dict[str, tuple[float, int] | str] = field(default_factory=dict)
    """Ratio and count, or why there is none."""


def main() -> int:
    """Measure all pairs, print them, and write the page."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure the difference beside its peers.")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is done (default 7); the best counts")
    parser.add_argument("--longest", type=float, default=20, help="seconds that a peer may take (default 20)")
    parser.add_argument("--only", default="", metavar="WORD", help="only pairs with this word in their name; no page")
    parser.add_argument("--page", type=Path, default=CHECKOUT / "docs" / "PERFORMANCE.md")
    options = parser.parse_args()
    load_before = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    peers, missing = _peers(options.rounds)
    found = []
    for case in cases():
        if options.only in case.name:
            measured = measure(case, rounds=options.rounds)
            _beside(measured, peers, longest=options.longest)
            _tell(measured)
            found.append(measured)
    for sentence in missing:
        sys.stdout.write(f"{sentence}\n")
    if not options.only:
        pages.write(options.page, "The difference between two documents", section(found, missing, load=load_before))
    return 0


def measure(case: Case, *, rounds: int, seconds: float = 0.25) -> Measured:
    """Measure ours, in turn with parsing; raises AssertionError where a change is missed or invented."""
    before, after = load(case.before), load(case.after)
    steps: dict[str, Callable[[], object]] = {
        "parsing": lambda: (json.loads(case.before), json.loads(case.after)),
        OURS: lambda: compare(before, after),
    }
    best = _best(steps, rounds=rounds, seconds=seconds)
    difference = compare(before, after)
    counts = {kind: number for kind, number in difference.counts.items() if number}
    expected = {kind: number for kind, number in case.kinds.items() if number}
    assert counts == expected, f"{case.name}: {counts} was told, and the truth is {expected}"
    patch = patch_of(difference)
    assert digest(patched(before, patch)) == digest(after), f"{case.name}: the patch gives another document"
    more = _best(
        {"patch": lambda: patch_of(difference), "rows": lambda: side_by_side(before, after, difference)},
        rounds=min(rounds, 3),
        seconds=0,
    )
    measured = Measured(case, best["parsing"], more["rows"] / best["parsing"], more["patch"] / best["parsing"])
    measured.told[OURS] = (best[OURS] / best["parsing"], len(difference.changes))
    return measured


def _best(steps: dict[str, Callable[[], object]], *, rounds: int, seconds: float) -> dict[str, float]:
    """Do the steps in turn, each at least so many rounds and about so many seconds; give the best seconds."""
    best = dict.fromkeys(steps, float("inf"))
    began, number = time.perf_counter(), 0
    while number < rounds or (number < 100 * rounds and time.perf_counter() - began < seconds * len(steps)):
        number += 1
        for name, step in steps.items():
            start = time.process_time()
            step()
            best[name] = min(best[name], time.process_time() - start)
    return best


def _peers(rounds: int) -> tuple[dict[str, Callable[[Path, Path], list[str]]], list[str]]:
    """Give how each peer that is there is run on two files, and a sentence for each that is not."""
    commands: dict[str, Callable[[Path, Path], list[str]]] = {}
    missing: list[str] = []
    try:
        python = install(ENVIRONMENT, requirements=PEERS / "requirements.txt")
    except NotInstalled as why:
        missing.append(f"Skipped: the peers in Python cannot be installed ({why}).")
    else:
        for name, word in PYTHON_PEERS.items():
            commands[name] = lambda before, after, word=word: [  # type: ignore[misc]  # a default, to bind it now
                str(python), str(PEERS / "differ.py"), word, str(before), str(after), str(rounds)
            ]  # fmt: skip
    if shutil.which("git"):
        commands["git diff --no-index"] = lambda before, after: [
            *("git", "diff", "--no-index", "--no-color", "-U0", str(before), str(after))
        ]
    else:
        missing.append("Skipped: there is no git here.")
    node = _node()
    if isinstance(node, Path):
        commands["jsondiffpatch, told of `id`"] = lambda before, after: [
            "node", str(node / "differ.mjs"), str(before), str(after), str(rounds)
        ]  # fmt: skip
    else:
        missing.append(node)
    return commands, missing


def missing_peers() -> list[str]:
    """Install the peers; give a sentence for each that cannot be here."""
    return _peers(1)[1]


def _node() -> Path | str:
    """Install jsondiffpatch as it is locked; give the folder, or a sentence that says why not."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "Skipped: jsondiffpatch, since there is no Node here."
    folder = ENVIRONMENT / "node"
    folder.mkdir(parents=True, exist_ok=True)
    locked = (PEERS / "package-lock.json").read_bytes()
    for name in ("package.json", "package-lock.json", "differ.mjs", "histories.mjs"):
        shutil.copyfile(PEERS / name, folder / name)
    ready = folder / ".ready"
    if not ready.exists() or ready.read_bytes() != locked:
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        if done.returncode:
            return f"Skipped: jsondiffpatch cannot be installed ({' '.join(done.stderr.split())[-200:]})."
        ready.write_bytes(locked)
    return folder


def _beside(measured: Measured, peers: dict[str, Callable[[Path, Path], list[str]]], *, longest: float) -> None:
    """Measure every peer on the same pair, each in a process of its own that is stopped when it takes too long."""
    with tempfile.TemporaryDirectory(prefix="vault-bench-") as folder:
        plain, lines = [], []
        for name, raw in (("before", measured.case.before), ("after", measured.case.after)):
            plain.append(Path(folder) / f"{name}.json")
            plain[-1].write_bytes(raw)
            lines.append(Path(folder) / f"{name}.lines.json")
            lines[-1].write_text(json.dumps(json.loads(raw), indent=1, ensure_ascii=False))
        for name, command in peers.items():
            is_git = name.startswith("git")
            began = seconds_of_children()
            try:
                done = subprocess.run(
                    command(*(lines if is_git else plain)), capture_output=True, text=True, check=False, timeout=longest
                )
            except subprocess.TimeoutExpired:
                measured.told[name] = f"stopped after {longest:g} s"
                continue
            seconds = seconds_of_children() - began
            if is_git:
                places = len(re.findall(r"^@@ ", done.stdout, re.MULTILINE))
                measured.told[name] = (seconds / measured.parsing, places)
            elif done.returncode:
                measured.told[name] = f"failed: {done.stderr.strip().splitlines()[-1][:80]}"
            else:
                answer = json.loads(done.stdout)
                measured.told[name] = (answer["seconds"] / measured.parsing, answer["changes"])


def seconds_of_children() -> float:
    """Give the seconds of the processor that finished child processes took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tell(measured: Measured) -> None:
    sys.stdout.write(f"{measured.case.name}: {measured.case.truth:,} true, parsing {measured.parsing * 1000:.2f} ms\n")
    for name, what in measured.told.items():
        said = what if isinstance(what, str) else f"{what[0]:>10,.2f} × parsing {what[1]:>8,} told"
        sys.stdout.write(f"    {name:<28}{said}\n")
    sys.stdout.write(f"    {'our patch':<28}{measured.patch:>10,.2f} × parsing\n")
    sys.stdout.write(f"    {'our rows':<28}{measured.rows:>10,.2f} × parsing\n")
    sys.stdout.flush()


def section(found: list[Measured], missing: list[str], *, load: float) -> str:
    """Give the part of the page, as Markdown."""
    names = list(dict.fromkeys(name for measured in found for name in measured.told))
    slowest = max(what[0] for measured in found if not isinstance(what := measured.told[OURS], str))
    lines = [
        (
            "Each figure is time of the processor as a multiple of `json.loads` of both documents, the least that"
            " anybody must do first; behind it is the number of changes told. *True* is what the maker of the documents"
            f" changed. Ours was right in all {len(found)} pairs, its patch gave exactly the other document, it took"
            f" at most {slowest:.2f} of parsing."
        ),
        "",
        "| documents | true | " + " | ".join(names) + " | our patch | our rows |",
        "|---|--:|" + "--:|" * (len(names) + 2),
    ]
    for measured in found:
        cells = [_cell(measured.told.get(name, "–")) for name in names]
        lines.append(
            f"| {measured.case.name} | {measured.case.truth:,} | {' | '.join(cells)} |"
            f" {measured.patch:.2f} | {measured.rows:.2f} |"
        )
    lines += [
        "",
        (
            "Peers see values that the standard library has read; ours are read strictly, numbers exact. git is timed"
            " with its process and, like difflib, tells places where printed lines differ, not changes. *Our rows* are"
            " those of the compare page, *our patch* is RFC 6902."
        ),
        "",
        f"Measured with Python {platform.python_version()} on {os.cpu_count()} cores, load {load:.1f} before.",
    ]
    if missing:
        lines += ["", *missing]
    lines += ["", "To repeat: `make bench`, or only this: `.venv/bin/python -m tests.bench.differences`."]
    return "\n".join(lines)


def _cell(what: tuple[float, int] | str) -> str:
    if isinstance(what, str):
        return what
    ratio, told = what
    return f"{ratio:.2f} · {told:,}" if ratio < 10 else f"{ratio:,.0f} · {told:,}"


if __name__ == "__main__":
    sys.exit(main())
