"""How far a run is, told from the rows alone, so that it survives a reload, a restart and a change of worker."""

from dataclasses import dataclass
from typing import Final

from rollbacks import facts, propagation, step_rows
from rollbacks.models import Attempt, AuditEntry, PropagationWatch, Rollback, Send, Step
from rollbacks.refusals import waiting_sentence
from rollbacks.showing import bytes_in_words
from rollbacks.states import RUNNING, State
from rollbacks.step_rows import StepRow
from rollbacks.verdicts import MAX_LOCKED, MAX_SENDS, SendOutcome, tries_left

OK: Final = "ok"
NOW: Final = "now"
STILL: Final = "wait"
NO: Final = "no"
WARN: Final = "warn"

_OUTCOMES: Final = {
    SendOutcome.UNDER_WAY: "no answer yet",
    SendOutcome.APPLIED: "accepted",
    SendOutcome.REFUSED: "refused for good",
    SendOutcome.UNAUTHORIZED: "the token was not accepted",
    SendOutcome.NOT_SENT: "no connection could be made, nothing was sent",
    SendOutcome.LOST_RACE: "answered that live had moved",
    SendOutcome.LOCKED: "the object was locked",
    SendOutcome.RATE_LIMITED: "asked to wait",
    SendOutcome.UNKNOWN: "no clear answer",
}
_NO_ANSWER: Final = frozenset({SendOutcome.NOT_SENT, SendOutcome.UNKNOWN, SendOutcome.UNDER_WAY})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list: how it stands (ok, now, wait, no, warn), what it says, and the evidence beside it."""

    standing: str
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A run as a list of lines; `running` says that a page should look again by itself."""

    lines: tuple[Line, ...]
    running: bool
    done: int
    total: int
    steps: tuple[StepRow, ...] = ()
    """Every step as it stands, where there are several; `lines` then tell of the one that was begun last."""

    @property
    def current(self) -> StepRow | None:
        """The step that the lines tell of."""
        begun = [row for row in self.steps if row.word and row.word != "not begun"]
        return begun[-1] if begun else None

    @property
    def sentence(self) -> str:
        """What is happening now, for a screen reader that is told of every change."""
        return next((line.text for line in self.lines if line.standing == NOW), self.lines[-1].text)


def is_running(rollback: Rollback) -> bool:
    """Say whether a page that shows the rollback should look again by itself."""
    return rollback.state in RUNNING or (rollback.state == State.APPROVED and rollback.run_requested_at is not None)


def progress_of(rollback: Rollback) -> Progress | None:
    """Tell a run from its rows; None when nobody has asked for one yet."""
    attempts = Attempt.objects.filter(rollback=rollback).select_related("read_back", "step")
    attempt = attempts.order_by("-step__number").first()
    running = is_running(rollback)
    rows = step_rows.rows_of(rollback)
    if attempt is None:
        if not running:
            return None
        lines = [
            Line(OK, "Run asked for", f"by {rollback.run_requester}"),
            Line(NOW, "Looking at live and checking every guard again"),
            Line(STILL, "Record the intent"),
            Line(STILL, _sending_words(rollback, rollback.steps.first())),
            Line(STILL, "Read back"),
            Line(STILL, "Record the verdict"),
        ]
        return _progress(lines, running=True, rows=rows)
    entries = {
        entry.action: entry
        for entry in AuditEntry.objects.filter(rollback=rollback, attempt=attempt).only("action", "seq").order_by("seq")
    }
    sends = list(attempt.sends.all())
    closed = attempt.state == Attempt.State.CLOSED
    lines = [
        Line(OK, "Every guard holds on a fresh look at live", _base_words(attempt.step)),
        Line(OK, "Intent recorded", f"entry #{entries['write.intent'].seq}" if "write.intent" in entries else ""),
        *_send_lines(rollback, attempt, sends, closed=closed),
        _reading_line(attempt, sends, closed=closed),
        _verdict_line(rollback, attempt, entries.get("write.outcome")),
        *_routing_lines(rollback),
    ]
    if attempt.step.number > 1:
        lines[0] = Line(OK, f"Step {attempt.step.number - 1} stands")
    return _progress(lines, running=running, rows=rows)


def _progress(lines: list[Line], *, running: bool, rows: list[StepRow]) -> Progress:
    done = sum(line.standing in {OK, NO, WARN} for line in lines)
    before = len(lines) * (sum(bool(row.word) and row.word != "not begun" for row in rows) - 1) if rows else 0
    total = len(lines) * max(1, len(rows))
    return Progress(lines=tuple(lines), running=running, done=max(0, before) + done, total=total, steps=tuple(rows))


def _base_words(step: Step) -> str:
    version = "" if step.base_version is None else f"v{step.base_version}"
    etag = bytes_in_words(step.base_etag)
    return " · ".join(part for part in (version, f"ETag {etag}" if etag else "") if part)


def _sending_words(rollback: Rollback, step: Step | None) -> str:
    if step is not None and step.kind != Step.Kind.WRITE:
        return step.title
    guard = {"A": " with If-Match", "B": " with its version number"}.get(rollback.guard_level, "")
    return f"Send the content of v{rollback.target.version}{guard}"


def outcome_words(outcome: str, *, closed: bool) -> str:
    """Say how a send was answered; where the attempt has ended, nobody waits for an answer any more."""
    known = SendOutcome(outcome) if outcome else SendOutcome.UNDER_WAY
    return "no answer was recorded" if closed and known is SendOutcome.UNDER_WAY else _OUTCOMES[known]


def _send_lines(rollback: Rollback, attempt: Attempt, sends: list[Send], *, closed: bool) -> list[Line]:
    if not sends:
        if closed:
            return [Line(NO, "Nothing was sent")]
        return [Line(NOW, _sending_words(rollback, attempt.step))]
    lines = []
    most = MAX_LOCKED if any(send.outcome == SendOutcome.LOCKED for send in sends) else MAX_SENDS
    for send in sends:
        outcome = SendOutcome(send.outcome) if send.outcome else SendOutcome.UNDER_WAY
        waiting = outcome is SendOutcome.UNDER_WAY and not closed and send is sends[-1]
        standing = NOW if waiting else OK if outcome is SendOutcome.APPLIED else WARN
        if outcome is SendOutcome.REFUSED:
            standing = NO
        status = str(send.status) if send.status is not None else ""
        took = "" if send.ended_at is None else f"{(send.ended_at - send.begun_at).total_seconds() * 1000:.0f} ms"
        words = outcome_words(send.outcome, closed=closed)
        told = facts.refusal_of(send)
        kind = told.title if told is not None and told.tells_more else send.code
        detail = " · ".join(part for part in (status, words, kind, took) if part)
        lines.append(Line(standing, f"Sent as request {send.number} of at most {most}", detail))
    last = sends[-1]
    if not closed and last.retry_at is not None and last.ended_at is not None and last.outcome != SendOutcome.APPLIED:
        wait = max(0.0, (last.retry_at - last.ended_at).total_seconds())
        left = tries_left([SendOutcome(send.outcome or SendOutcome.UNDER_WAY) for send in sends])
        lines.append(Line(NOW, waiting_sentence(seconds=wait, sent=len(sends), left=left)))
    return lines


def _reading_line(attempt: Attempt, sends: list[Send], *, closed: bool) -> Line:
    if closed:
        back = attempt.read_back
        if back is None and attempt.evidence.get("live"):
            shown = attempt.evidence["live"].get("version")
            return Line(OK, "Read back", "" if shown is None else f"v{shown}")
        if back is None:
            return Line(WARN, "Live could not be read back")
        etag = bytes_in_words(back.etag)
        return Line(OK, "Read back", " · ".join(filter(None, (f"v{back.version}", f"ETag {etag}" if etag else ""))))
    last = sends[-1] if sends else None
    if last is None or not last.outcome or last.retry_at is not None:
        return Line(STILL, "Read back")
    return Line(NOW, "Reading back until the object shows what happened")


def _verdict_line(rollback: Rollback, attempt: Attempt, entry: AuditEntry | None) -> Line:
    if attempt.state != Attempt.State.CLOSED:
        if rollback.state == State.UNKNOWN:
            return Line(WARN, "No verdict yet", "the console keeps reading")
        return Line(STILL, "Record the verdict")
    standing = {State.APPLIED: OK, State.FAILED: NO, State.CONFLICT: WARN}.get(State(rollback.state), WARN)
    number = f" · entry #{entry.seq}" if entry is not None else ""
    return Line(standing, "Verdict recorded", f"{attempt.verdict.replace('_', ' ')}{number}")


_STANDING_OF_WATCH: Final = {PropagationWatch.State.WATCHING: NOW, PropagationWatch.State.SEEN: OK}


def _routing_lines(rollback: Rollback) -> list[Line]:
    """Tell whether routing has followed; nothing for a type where that cannot be asked."""
    watch = propagation.watch_of(rollback)
    if watch is None:
        return []
    told = propagation.told(watch)
    return [Line(_STANDING_OF_WATCH.get(PropagationWatch.State(watch.state), WARN), told.words, told.detail)]
