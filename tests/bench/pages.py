"""docs/PERFORMANCE.md: parts that runs write, each under its own heading; the others stay as they are."""

from __future__ import annotations

import os
import platform
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

HEAD: Final = """\
# Performance

Written by `make bench`, part by part, from real runs; nothing here is typed by hand. Another machine has other figures,
so most are ratios to something that was measured beside them in the same run.
"""


def waits(rows: list[tuple[str, str, str, str, str]], *, rounds: int, load: float) -> str:
    """Give the part about pages, as Markdown, from the rows of `measuring.table`."""
    return "\n".join(
        [
            (
                f"Milliseconds from request to answer, {rounds} times each, and what was sent packed. *Work* is time of"
                " the processor in this process, the least of all times; ratios are those of work, since others were at"
                " work on this machine too."
            ),
            "",
            "| what | best | median | work | note |",
            "|---|--:|--:|--:|---|",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
            f"Measured with Python {platform.python_version()} on {os.cpu_count()} cores, load {load:.1f} before.",
            "",
            "To repeat: `make bench`, or only this: `.venv/bin/python -m tests.bench`.",
        ]
    )


def write(page: Path, title: str, text: str) -> None:
    """Put a part on the page, in place of the one with the same title."""
    part = f"## {title}\n\n{text.strip()}\n"
    before = page.read_text(encoding="utf-8") if page.exists() else HEAD
    parts = re.split(r"(?m)^(?=## )", before)
    for place, other in enumerate(parts):
        if other.startswith(f"## {title}\n"):
            parts[place] = part
            break
    else:
        parts.append(part)
    page.write_text("\n".join(one.rstrip("\n") + "\n" for one in parts), encoding="utf-8")
