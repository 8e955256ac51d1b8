"""Tell what came of the proofs: on the terminal, and in docs/RELIABILITY.md, which only these runs write.

What each proof last came to stands in docs/reliability.json; the page is made from all of them, so that one proof can
be repeated without the others.
"""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.torture.proofs import PROOFS, Proof, Report, Scale, Table

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
_BEGINNING: Final = """\
# How reliable it is

Written by `make torture ARGS=--record`, not by hand. Each section is the newest run of one proof of
[the guarded write](PROTOCOL.md) or of [the trail](TRAIL.md): what was tried, how often, and what was found.
"""
_EVERYWHERE: Final = ("a live organization of the platform: everything here ran against practice or simulated ones",)


def to_text(proof: Proof, report: Report, *, seconds: float) -> str:
    """Give a report for the terminal."""
    lines = [f"== {proof.title} ({seconds:,.0f} s)", report.tried]
    for table in report.tables:
        lines += ["", table.title, *_columns(table)]
    lines += ["", *(f"BROKEN: {one}" for one in report.broken)]
    lines.append(report.bound if not report.broken else f"{len(report.broken)} promises were broken.")
    return "\n".join(lines)


def _columns(table: Table) -> list[str]:
    rows = [[_told(cell) for cell in row] for row in (table.head, *table.rows)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(table.head))]
    return [
        "  " + "  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    ]


def _told(cell: str | int) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell


def record(proof: Proof, report: Report, *, scale: Scale, first_seed: int, seconds: float, docs: Path = DOCS) -> None:
    """Keep a report as the newest of its proof, and write the page anew."""
    kept = docs / "reliability.json"
    known: dict[str, Any] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    known[proof.name] = {
        "at": datetime.now(UTC).date().isoformat(),
        "scale": scale,
        "first_seed": first_seed,
        "seconds": round(seconds),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "report": report.to_json(),
    }
    kept.write_text(json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    (docs / "RELIABILITY.md").write_text(page(known), "utf-8")
    sys.stderr.write(f"Recorded in {docs.name}/RELIABILITY.md.\n")


def page(known: dict[str, Any]) -> str:
    """Give docs/RELIABILITY.md from what is kept of each proof."""
    parts = [_BEGINNING]
    not_tried = list(_EVERYWHERE)
    for proof in PROOFS:
        if proof.name not in known:
            not_tried.append(f"“{proof.title}” has not been recorded yet")
            continue
        run, report = known[proof.name], known[proof.name]["report"]
        tables = (f"{table['title']}:\n\n" + "\n".join(_markdown(table)) for table in report["tables"])
        said = [f"## {proof.title}", report["tried"], *tables]
        found = (
            "\n".join(f"- **Broken:** {one}" for one in report["broken"])
            or f"**Nothing was broken.** {report['bound']}"
        )
        said.append(found)
        said.append(
            f"Run on {run['at']}, scale “{run['scale']}”, first seed {run['first_seed']}, {run['seconds']:,} s on "
            f"{run['machine']}, load {run['load']}. Repeat: `{report['repeat'] or _command(proof, run['scale'])}`"
        )
        parts.append("\n\n".join(said) + "\n")
        not_tried += [one for one in report["not_tried"] if one not in not_tried]
    parts.append("## What was not tried\n\n" + "\n".join(f"- {one}" for one in not_tried) + "\n")
    return "\n".join(parts)


def _command(proof: Proof, scale: str) -> str:
    return f"make torture PROOF={proof.name}" + ("" if scale == Scale.ROUND else f" SCALE={scale}")


def _markdown(table: dict[str, Any]) -> list[str]:
    rows = [[_told(cell) for cell in row] for row in table["rows"]]
    ruler = ["---", *("---:" for _ in table["head"][1:])]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in [table["head"], ruler, *rows]]
