"""What a round found, as a table for people and as one JSON document."""

import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Weighed:
    """One history in the archive and in git; all sizes in bytes."""

    name: str
    versions: int
    raw: int
    ours: int
    git: dict[str, int] = field(default_factory=dict)
    """Empty where there is no git."""


@dataclass
class Report:
    """Counts, times, what was refused and why, and everything that is not as it must be."""

    folder: str
    counts: Counter[str] = field(default_factory=Counter)
    times: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    refused: list[dict[str, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    weighed: list[Weighed] = field(default_factory=list)
    seconds: float = 0.0

    @contextmanager
    def timed(self, step: str, what: str) -> Iterator[None]:
        """Take the time of one step on one thing."""
        began = time.perf_counter()
        yield
        self.times.setdefault(step, []).append(((time.perf_counter() - began) * 1000, what))

    def refuse(self, what: str, *, step: str, kind: str, sentence: str) -> None:
        """Note what was rightly refused: a file that is no JSON, a way back that changes nothing."""
        self.refused.append({"what": what, "step": step, "kind": kind, "reason": sentence})

    def check(self, holds: bool, what: str) -> bool:
        """Note a failure unless something holds, and give whether it does."""
        if not holds:
            self.failures.append(what)
        return holds

    def to_json(self) -> dict[str, Any]:
        """Give the one document of `--json`; times are in milliseconds."""
        return {
            "folder": self.folder,
            "passed": not self.failures,
            "seconds": round(self.seconds, 1),
            "counts": dict(self.counts),
            "times": {step: _figures(taken) for step, taken in self.times.items()},
            "archive": [asdict(one) for one in self.weighed],
            "refused": self.refused,
            "failures": self.failures,
        }

    def to_text(self) -> str:
        """Give the table."""
        lines = [f"Real configurations in {self.folder}, {self.seconds:.0f} s", ""]
        lines += [f"  {count:>8,}  {what}" for what, count in self.counts.items()]
        lines += ["", f"  {'step':<34}{'times':>7}{'median ms':>11}{'slowest ms':>12}  slowest was"]
        for step, taken in self.times.items():
            figures = _figures(taken)
            lines.append(
                f"  {step:<34}{figures['times']:>7}{figures['median']:>11.1f}{figures['slowest']:>12.1f}"
                f"  {figures['slowest_was']}"
            )
        lines += ["", *_archive_lines(self.weighed)]
        kinds = Counter((one["step"], one["kind"]) for one in self.refused)
        lines += ["", f"Refused, and rightly so: {len(self.refused)}"]
        for (step, kind), count in kinds.items():
            lines.append(f"  {count:>3}  {step}: {kind}")
            alike = [one for one in self.refused if (one["step"], one["kind"]) == (step, kind)]
            lines += [f"       {one['what']}: {one['reason']}" for one in alike[:3]]
            if len(alike) > 3:
                lines.append(f"       … and {len(alike) - 3} more (--json lists all)")
        lines += ["", f"Failures: {len(self.failures)}", *(f"  {failure}" for failure in self.failures)]
        return "\n".join(lines)


def _archive_lines(weighed: list[Weighed]) -> list[str]:
    """Give the sizes of every history beside git's, the largest first, and those of all together."""
    gits = list(dict.fromkeys(name for one in weighed for name in one.git))
    whole = Weighed("all together", 0, 0, 0, Counter())
    for one in weighed:
        whole.versions, whole.raw, whole.ours = (
            whole.versions + one.versions,
            whole.raw + one.raw,
            whole.ours + one.ours,
        )
        whole.git = {name: whole.git.get(name, 0) + one.git.get(name, 0) for name in gits}
    heads = ["as they came", "archive", *gits]
    lines = [f"  {'in bytes':<34}{'versions':>9}" + "".join(f"{head:>16}" for head in heads)]
    for one in [*sorted(weighed, key=lambda each: -each.raw), whole]:
        sizes = [one.raw, one.ours, *(one.git.get(name, 0) for name in gits)]
        lines.append(f"  {one.name:<34}{one.versions:>9}" + "".join(f"{size:>16,}" for size in sizes))
    return lines


def _figures(taken: list[tuple[float, str]]) -> dict[str, Any]:
    slowest, what = max(taken)
    return {
        "times": len(taken),
        "median": round(statistics.median(one for one, _ in taken), 1),
        "slowest": round(slowest, 1),
        "slowest_was": what,
    }
