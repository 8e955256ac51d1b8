"""Measure the difference on real histories beside its peers: `python -m tests.bench.real_histories [FOLDER]`.

Every pair of neighbours of each history, and its first and last version, is compared, and the patch must give exactly
the other side. Figures are for the whole history: seconds of the processor as a multiple of `json.loads` of the same
documents, and the changes told. Nobody knows the true number here; ours is proved to be enough by the patch.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tenants.documents import InvalidDocument, compare, digest, load, patch_of, patched
from tests.bench import pages
from tests.bench.differences import CHECKOUT, ENVIRONMENT, PEERS, missing_peers, seconds_of_children

if TYPE_CHECKING:
    from collections.abc import Sequence

REAL: Final = CHECKOUT.parent / "shared" / "real"
OURS: Final = "ours"
TITLE: Final = "Real histories"


@dataclass
class History:
    """One real history: its readable versions, and what was measured on it."""

    name: str
    versions: list[bytes]
    parsing: float = 0
    """Seconds for `json.loads` of both sides of every pair."""
    exact: int = 0
    """Patches that gave exactly the other side."""
    told: dict[str, tuple[float, int] | str] = field(default_factory=dict)
    """For each tool its seconds as a multiple of parsing, and the changes; or why there are none."""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The neighbours, and first and last where they are none."""
        places = list(pairwise(range(len(self.versions))))
        return [*places, (0, len(self.versions) - 1)] if len(self.versions) > 2 else places


def main() -> int:
    """Measure all histories, print them, and write the part of the page."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure the difference on real histories.")
    parser.add_argument("folder", nargs="?", type=Path, default=REAL, help="a folder of histories, each v0001.json …")
    parser.add_argument("--longest", type=float, default=20, help="seconds that a peer may take for one history")
    parser.add_argument("--only", default="", metavar="WORD", help="only histories with this word; no page")
    parser.add_argument("--page", type=Path, default=CHECKOUT / "docs" / "PERFORMANCE.md")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.stdout.write(f"Skipped: {options.folder} is not here, so there is no real history to measure.\n")
        return 0
    load_before = os.getloadavg()[0]
    missing = missing_peers()
    found = []
    for history in histories(options.folder):
        if options.only in history.name:
            measure(history)
            beside(history, longest=options.longest)
            sys.stdout.write(f"{_line(history)}\n")
            sys.stdout.flush()
            found.append(history)
    if not options.only:
        pages.write(options.page, TITLE, section(found, missing, load=load_before))
    return 0


def histories(folder: Path) -> list[History]:
    """Give the histories of a folder that have two readable versions or more."""
    found = []
    for place in sorted(folder.iterdir()):
        versions = []
        for file in sorted(place.glob("v*.json")) if place.is_dir() else ():
            raw = file.read_bytes()
            try:
                load(raw)
            except InvalidDocument:
                continue
            versions.append(raw)
        if len(versions) > 1:
            found.append(History(place.name, versions))
    return found


def measure(history: History) -> None:
    """Measure ours on every pair; raises AssertionError where a patch gives anything but the other side."""
    values = [load(raw) for raw in history.versions]
    seconds, told = 0.0, 0
    for one, other in history.pairs:
        history.parsing += _best(lambda: (json.loads(history.versions[one]), json.loads(history.versions[other])))  # noqa: B023 - called at once
        seconds += _best(lambda: compare(values[one], values[other]))  # noqa: B023 - called at once
        difference = compare(values[one], values[other])
        given = digest(patched(values[one], patch_of(difference)))
        assert given == digest(values[other]), f"{history.name}: the patch of {one + 1} to {other + 1} gives another"
        told += len(difference.changes)
        history.exact += 1
    history.told[OURS] = (seconds / history.parsing, told)


def _best(step: Any, rounds: int = 3) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        step()
        best = min(best, time.process_time() - began)
    return best


def beside(history: History, *, longest: float) -> None:
    """Measure the peers on the same pairs, each in a process of its own that is stopped when it takes too long."""
    with tempfile.TemporaryDirectory(prefix="vault-bench-") as folder:
        paths = []
        for number, raw in enumerate(history.versions, start=1):
            paths.append(Path(folder) / f"v{number:04}.json")
            paths[-1].write_text(json.dumps(json.loads(raw), indent=1, ensure_ascii=False))
        pairs = [(str(paths[one]), str(paths[other])) for one, other in history.pairs]
        history.told["git diff"] = _git(pairs, history.parsing)
        listed = Path(folder) / "pairs.json"
        listed.write_text(json.dumps(pairs))
        python = ENVIRONMENT / "bin" / "python"
        commands: dict[str, Sequence[str]] = {}
        if (ENVIRONMENT / "node" / "differ.mjs").exists():
            commands["jsondiffpatch"] = ("node", str(ENVIRONMENT / "node" / "histories.mjs"), str(listed))
        if python.exists():
            commands["deepdiff"] = (str(python), str(PEERS / "histories.py"), str(listed))
        for name, command in commands.items():
            try:
                done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=longest)
            except subprocess.TimeoutExpired:
                history.told[name] = f"stopped after {longest:g} s"
                continue
            if done.returncode:
                history.told[name] = f"failed: {done.stderr.strip().splitlines()[-1][:80]}"
            else:
                answer = json.loads(done.stdout)
                history.told[name] = (answer["seconds"] / history.parsing, answer["changes"])


def _git(pairs: Sequence[tuple[str, str]], parsing: float) -> tuple[float, int]:
    began, places = seconds_of_children(), 0
    for one, other in pairs:
        done = subprocess.run(
            ["git", "diff", "--no-index", "--no-color", "-U0", one, other], capture_output=True, text=True, check=False
        )
        places += len(re.findall(r"^@@ ", done.stdout, re.MULTILINE))
    return (seconds_of_children() - began) / parsing, places


def _line(history: History) -> str:
    told = "  ".join(f"{name} {_cell(what)}" for name, what in history.told.items())
    return f"{history.name:<32}{len(history.versions):>4} versions {history.exact:>4} pairs  {told}"


def _cell(what: tuple[float, int] | str) -> str:
    if isinstance(what, str):
        return what
    ratio, told = what
    return f"{ratio:.2f} · {told:,}" if ratio < 10 else f"{ratio:,.0f} · {told:,}"


def section(found: list[History], missing: list[str], *, load: float) -> str:
    """Give the part of the page, as Markdown."""
    names = list(dict.fromkeys(name for history in found for name in history.told))
    pairs = sum(history.exact for history in found)
    lines = [
        (
            f"{len(found)} configurations that nobody here wrote, {sum(len(one.versions) for one in found):,} readable"
            f" versions. Every pair of neighbours, and first and last, was compared: {pairs:,} pairs, and in all of"
            " them our patch gave exactly the other side. Each figure is the time of the processor for the whole"
            " history as a multiple of `json.loads` of the same pairs; behind it stand the changes told."
        ),
        "",
        "| history | versions | pairs | newest, bytes | " + " | ".join(names) + " |",
        "|---|--:|--:|--:|" + "--:|" * len(names),
    ]
    for history in found:
        cells = " | ".join(_cell(history.told.get(name, "–")) for name in names)
        lines.append(
            f"| {history.name} | {len(history.versions)} | {history.exact} | {len(history.versions[-1]):,} | {cells} |"
        )
    lines += [
        "",
        (
            "git is timed with a process for each pair and tells places where printed lines differ; jsondiffpatch is"
            " told of `id`; deepdiff compares as it does by itself."
        ),
        "",
        f"Measured with Python {platform.python_version()} on {os.cpu_count()} cores, load {load:.1f} before.",
    ]
    if missing:
        lines += ["", *missing]
    lines += ["", "To repeat: `make bench`, or only this: `.venv/bin/python -m tests.bench.real_histories`."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
