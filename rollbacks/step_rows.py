"""The steps of a rollback as pages and the terminal list them: what each does, how it is guarded, and how it stands."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from rollbacks import facts
from rollbacks.models import Attempt, Rollback, Send, Step
from rollbacks.plans import PlannedStep, StepKind
from rollbacks.procedures import NO_DRAFT
from rollbacks.showing import LEVELS, bytes_in_words
from rollbacks.states import PENDING, State
from rollbacks.verdicts import Verdict

_STANDING: Final = {
    Verdict.VERIFIED: ("ok", "stands", "verified"),
    Verdict.REACHED: ("ok", "stands", "reached; who did it is not proven"),
    Verdict.OVERWRITTEN: ("warn", "overwritten", "it landed, and somebody changed it since"),
    Verdict.DIVERGENT: ("no", "alarm", "it left something else than was planned"),
    Verdict.CONFLICT: ("no", "not done", "somebody else was there first"),
    Verdict.NOT_APPLIED: ("no", "not done", "nothing of it landed"),
    Verdict.INDETERMINATE: ("warn", "unknown", "nobody can say whether it landed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step: its standing (ok, now, wait, no, warn) and what to say of it."""

    number: int
    title: str
    standing: str
    word: str
    """In one or two words: stands, under way, not begun …"""
    detail: str
    level: str
    level_name: str
    request: str
    numbers: str
    """From which version of what it acts on to which; empty where it has none."""
    draft: bool
    """Whether it acts on a draft, so that what is live does not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is known of one step that was begun, ready for the table of evidence."""

    step: Step
    attempt: Attempt
    sends: list[Send]
    before_etag: str
    after_version: str
    after_etag: str
    after_digest: str
    found: list[tuple[str, str]]

    @property
    def before_digest(self) -> str:
        """The digest of what stood before; empty where nothing did."""
        return "" if self.step.base_digest == NO_DRAFT else self.step.base_digest


def in_steps(steps: Iterable[Step | PlannedStep]) -> bool:
    """Say whether a plan is more than one plain write, so that a page lists its steps."""
    kinds = [str(step.kind) for step in steps]
    return bool(kinds) and kinds != [StepKind.WRITE]


def planned_rows(steps: Iterable[PlannedStep]) -> list[StepRow]:
    """Give the rows of a plan that nobody has asked for yet."""
    return [_row(number, step, "wait", "", "") for number, step in enumerate(steps, start=1)]


def rows_of(rollback: Rollback) -> list[StepRow]:
    """Give the rows of a stored rollback, each as it stands; none for a plain write."""
    steps = list(rollback.steps.select_related("attempt"))
    if not in_steps(steps):
        return []
    return [_row(step.number, facts.planned(step), *_stands(rollback, step)) for step in steps]


def _row(number: int, step: PlannedStep, standing: str, word: str, detail: str) -> StepRow:
    return StepRow(
        number=number,
        title=step.title,
        standing=standing,
        word=word,
        detail=detail,
        level=step.guard_level,
        level_name=LEVELS[step.guard_level][0],
        request=f"{step.method} {step.path}",
        numbers=_numbers(step),
        draft=bool(step.observed_path),
    )


def _numbers(step: PlannedStep) -> str:
    if step.base.version is None or step.body.expected_version is None:
        return ""
    return f"v{step.base.version} becomes v{step.body.expected_version}"


def _stands(rollback: Rollback, step: Step) -> tuple[str, str, str]:
    attempt: Attempt | None = getattr(step, "attempt", None)
    if attempt is None:
        ended = rollback.state not in {*PENDING, State.APPLYING, State.UNKNOWN}
        return "wait", "not begun" if ended or rollback.attempts.exists() else "", ""
    if attempt.state == Attempt.State.OPEN:
        if rollback.state == State.UNKNOWN:
            return "warn", "open", "the console keeps reading"
        return "now", "under way", ""
    standing, word, detail = _STANDING[Verdict(attempt.verdict)]
    if attempt.evidence.get("presumed"):
        return "warn", "not done", "presumed by a person"
    closed = "" if attempt.closed_at is None else f"{attempt.closed_at:%H:%M:%S} UTC"
    return standing, word, " · ".join(part for part in (detail, closed) if part)


def part_of(step: Step, attempt: Attempt, found: list[tuple[str, str]]) -> Part:
    """Give what is known of a step that was begun: what stood before, what was sent, and what was read back."""
    live: dict[str, Any] = attempt.evidence.get("live") or {}
    back = attempt.read_back
    shown = live.get("version") if back is None else back.version
    return Part(
        step=step,
        attempt=attempt,
        sends=list(attempt.sends.all()),
        before_etag=bytes_in_words(step.base_etag),
        after_version="" if shown is None or step.base_version is None else str(shown),
        after_etag=str(live.get("etag") or "") if back is None else back.etag_text,
        after_digest=str(live.get("digest") or "") if back is None else back.digest,
        found=found,
    )
