"""docs/PERFORMANCE.md: parts that runs write, each under its own heading; the others stay as they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

HEAD: Final = """\
# Performance

Written by `make bench`, part by part, from real runs; nothing here is typed by hand. Another machine has other figures,
so most are ratios to something that was measured beside them in the same run.
"""


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
