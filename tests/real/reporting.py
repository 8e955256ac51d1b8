"""What a round found, as a table for people and as one JSON document."""

import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """Counts, times, what was refused and why, and everything that is not as it must be."""

    folder: str
    counts: Counter[str] = field(default_factory=Counter)
    times: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    refused: list[dict[str, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
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


def _figures(taken: list[tuple[float, str]]) -> dict[str, Any]:
    slowest, what = max(taken)
    return {
        "times": len(taken),
        "median": round(statistics.median(one for one, _ in taken), 1),
        "slowest": round(slowest, 1),
        "slowest_was": what,
    }
