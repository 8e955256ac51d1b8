"""What the rollback commands share: the JSON document of CONTRACT.md, the exit codes, and the words for people."""

import re
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError

from rollbacks import (
    applying,
    approving,
    audit,
    collateral,
    confirming,
    differences,
    driving,
    emergencies,
    explaining,
    facts,
    freezing,
    propagation,
    schedules,
    step_rows,
    surveys,
    waiting,
)
from rollbacks.actions import NotAllowed, RequestRefused
from rollbacks.models import Attempt, Rollback, Send, Step
from rollbacks.states import State
from tenants import access, archive
from tenants.access import Role
from tenants.documents import Missing, to_text, visible
from tenants.resource_types import catalogue
from tenants.terminal import ExitCode, Stopped, TerminalCommand, WrongUse
from tenants.terminal import find_user as find_user  # noqa: PLC0414 - the commands here take it with the rest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

    from rollbacks.guards import Check
    from rollbacks.plans import Body, PlannedStep
    from rollbacks.step_rows import StepRow
    from rollbacks.surveys import Survey
    from tenants.documents import Difference, Value
    from tenants.models import Snapshot

SHOWN_LATER: Final = 20
"""Places of one later version that people are shown."""
LONGEST_SIDE: Final = 200
"""Characters of one side of an overlap that people are shown."""

_EXIT_OF_STATE: dict[State, ExitCode] = {
    State.AWAITING_APPROVAL: ExitCode.DONE,
    State.APPROVED: ExitCode.DONE,
    State.APPLIED: ExitCode.DONE,
    State.CONFLICT: ExitCode.CONFLICT,
    State.APPLYING: ExitCode.OPEN,
    State.UNKNOWN: ExitCode.OPEN,
    State.REFUSED: ExitCode.REFUSED_BY_PLATFORM,
    State.FAILED: ExitCode.ERROR,
    State.CANCELLED: ExitCode.REFUSED,
    State.EXPIRED: ExitCode.REFUSED,
}


def exit_code_of(rollback: Rollback) -> ExitCode:
    """Give the exit code of CONTRACT.md for where a rollback stands."""
    if rollback.state == State.APPROVED and rollback.refusals:
        return ExitCode.REFUSED if rollback.run_requested_at is None else ExitCode.OPEN
    return _EXIT_OF_STATE[State(rollback.state)]


def find_rollback(word: str) -> Rollback:
    """Give the rollback whose id begins with `word` (at least 6 characters); raises WrongUse."""
    rollbacks = Rollback.objects.select_related("tenant", "config__tenant", "target__document", "base", "reverts")
    try:
        return rollbacks.get(pk=UUID(word))
    except (ValueError, ValidationError):
        pass
    except Rollback.DoesNotExist:
        raise WrongUse(f"There is no rollback {word}. Nothing was done.") from None
    digits = word.replace("-", "").lower()
    found = list(_between(rollbacks, digits)[:2]) if re.fullmatch("[0-9a-f]{6,31}", digits) else []
    if len(found) != 1:
        problem = "fits several rollbacks" if found else "is no rollback's id"
        raise WrongUse(f"{word!r} {problem}. Give the id that `rollback` printed. Nothing was done.")
    return found[0]


def _between(rollbacks: "QuerySet[Rollback]", digits: str) -> "QuerySet[Rollback]":
    """Give the rollbacks whose ids begin with these digits, by the index of the primary key."""
    return rollbacks.filter(pk__gte=UUID(digits.ljust(32, "0")), pk__lte=UUID(digits.ljust(32, "f")))


def describe(rollback: Rollback) -> dict[str, Any]:
    """Give the document that `rollback --json` and `apply --json` print (CONTRACT.md)."""
    steps = list(rollback.steps.select_related("attempt"))
    attempts = list(rollback.attempts.prefetch_related("sends"))
    try:
        changes: list[Any] = differences.difference_of(rollback).to_json()
    except archive.UnusableContent:
        changes = []
    rollback.config.refresh_from_db(fields=["live"])
    return {
        "id": str(rollback.pk),
        "state": rollback.state,
        "verdict": rollback.verdict or None,
        "guard": rollback.guard_level,
        "base": {
            "version": rollback.base_version,
            "etag": facts.etag_text(rollback.base_etag),
            "digest": rollback.base_digest,
        },
        "target": {"version": rollback.target.version, "digest": rollback.target_digest},
        "composition": facts.composition_of(rollback) or None,
        "sent_version": _sent_version(steps),
        "live": _describe_live(rollback.config.live),
        "plan_digest": rollback.plan_digest,
        "refusals": rollback.refusals,
        "refusal": facts.refusal_json(facts.last_refusal(attempts[-1])) if attempts else None,
        "changes": changes,
        "steps": [_describe_step(step.number, facts.planned(step), step) for step in steps],
        "later": _describe_later(rollback),
        "overlaps": [],
        "despite_label": rollback.despite_label or None,
        "notes": rollback.notes,
        "attempts": [_describe_attempt(attempt) for attempt in attempts],
        "confirmation": _describe_confirmation(rollback),
        "propagation": _describe_propagation(rollback),
        "freeze": _describe_freeze(freezing.freeze_of(rollback), rollback),
        "schedule": None if (schedule := schedules.open_of(rollback)) is None else schedules.facts_of(schedule),
        "requested_by": rollback.requester,
        "approved_by": facts.approvers_of(rollback),
        "break_glass": emergencies.facts_for(rollback),
        "approved_with": confirming.approved_with(rollback),
        "approvals_needed": rollback.approvals_needed,
        "may_approve": [person.get_username() for person in approving.who_may(rollback)],
        "succeeds": None if rollback.succeeds_id is None else str(rollback.succeeds_id),
        "expires_at": audit.timestamp(rollback.expires_at),
        "ticket": rollback.ticket or None,
    }


def describe_plan(survey: "Survey", *, requester: str) -> dict[str, Any]:
    """Give the same document for a plan that was not stored: a dry run, or one that guards refused."""
    live = survey.live
    return {
        "id": None,
        "state": "refused" if survey.refusals else "planned",
        "verdict": None,
        "guard": survey.guard_level,
        "base": None
        if live is None
        else {
            "version": live.base.version,
            "etag": facts.etag_text(live.base.etag),
            "digest": live.base.digest,
        },
        "target": {"version": survey.target.version, "digest": survey.target_digest},
        "composition": surveys.composition(survey) or None,
        "sent_version": _sent_version([step.body for step in survey.steps]),
        "live": _describe_live(None if live is None else live.snapshot),
        "plan_digest": survey.plan_digest or None,
        "refusals": [check.to_json() for check in survey.refusals],
        "refusal": None,
        "changes": [] if survey.difference is None else survey.difference.to_json(),
        "steps": [_describe_step(number, step) for number, step in enumerate(survey.steps, start=1)],
        "later": [later.to_json() for later in surveys.later_work(survey)],
        "overlaps": [told.to_json() for told in survey.overlaps],
        "despite_label": survey.despite_label or None,
        "notes": list(survey.notes),
        "attempts": [],
        "confirmation": None
        if survey.confirm_minutes is None
        else {"state": "planned", "minutes": survey.confirm_minutes},
        "propagation": None,
        "freeze": _describe_freeze(freezing.freeze_of_plan(survey.config, survey.steps)),
        "schedule": None,
        "requested_by": requester,
        "approved_by": [],
        "break_glass": None,
        "approved_with": None,
        "approvals_needed": survey.config.tenant.approvals_needed,
        "may_approve": [
            person.get_username() for person in access.people_with_role(survey.config.tenant, Role.APPROVER)
        ],
        "succeeds": None,
        "expires_at": None,
        "ticket": None,
    }


def _describe_freeze(freeze: freezing.Freeze, rollback: Rollback | None = None) -> dict[str, Any]:
    override = None if rollback is None else freezing.override_of(rollback, freeze)
    return {
        "open": freeze.standing.open,
        "until": None if freeze.until is None else audit.timestamp(freeze.until),
        "message": freeze.closed_sentence(),
        "override": None if override is None else freezing.override_facts(override),
    }


def _describe_later(rollback: Rollback) -> list[dict[str, Any]]:
    """Give the same of a stored one, as it was when it was planned."""
    if rollback.reverts is not None:
        return []
    try:
        found = collateral.of_way_back(
            rollback.config,
            catalogue.get(rollback.config.resource_type),
            target=rollback.target,
            live=rollback.base,
            kept=differences.wanted_of(rollback).leaves,
        )
    except (archive.UnusableContent, catalogue.UnknownType):
        return []
    return [later.to_json() for later in found]


def _sent_version(numbered: "Sequence[Step | Body]") -> int | None:
    """Give the version number that the last body carries which carries one."""
    return next((one.sent_version for one in reversed(numbered) if one.sent_version is not None), None)


def _describe_step(number: int, planned: "PlannedStep", stored: Step | None = None) -> dict[str, Any]:
    attempt: Attempt | None = None if stored is None else getattr(stored, "attempt", None)
    return {
        "number": number,
        "kind": planned.kind,
        "title": planned.title,
        "request": f"{planned.method} {planned.path}",
        "guard": planned.guard_level,
        "base": {
            "version": planned.base.version,
            "etag": facts.etag_text(planned.base.etag),
            "digest": planned.base.digest,
        },
        "target_digest": planned.target_digest,
        "sent_version": planned.body.sent_version,
        "expected_version": planned.body.expected_version,
        "body_sha256": planned.body.sha256,
        "state": "planned" if attempt is None else attempt.state,
        "verdict": None if attempt is None else attempt.verdict or None,
    }


def _describe_live(snapshot: "Snapshot | None") -> dict[str, Any] | None:
    if snapshot is None:
        return None
    return {"version": snapshot.version, "etag": snapshot.etag_text or None, "digest": snapshot.digest}


def _describe_confirmation(rollback: Rollback) -> dict[str, Any] | None:
    found = confirming.confirmation_of(rollback)
    if found is not None:
        return confirming.facts_of(found)
    if rollback.confirm_minutes is None:
        return None
    return {"state": "none" if confirming.has_ended(rollback) else "planned", "minutes": rollback.confirm_minutes}


def _describe_propagation(rollback: Rollback) -> dict[str, Any] | None:
    watch = propagation.watch_of(rollback)
    return None if watch is None else propagation.facts_of(watch)


def _describe_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "if_match": facts.etag_text(attempt.if_match),
        "sends": [_describe_send(send) for send in attempt.sends.all()],
        "verdict": attempt.verdict or None,
        "evidence": attempt.evidence,
        "assumes": explaining.explain_assumed(attempt.evidence) or None,
    }


def _describe_send(send: Send) -> dict[str, Any]:
    return {
        "status": send.status,
        "code": send.code or None,
        "correlation_id": send.correlation_id or None,
        "refusal": facts.refusal_json(facts.refusal_of(send)),
    }


class RollbackCommand(TerminalCommand):
    """A command about one rollback: refusals and broken rules end as one sentence and their exit code."""

    pace = driving.PACE

    @abstractmethod
    def guarded(self, **options: Any) -> ExitCode:
        """Do the command's work."""

    def run(self, **options: Any) -> ExitCode:
        """Run and turn what the rules refuse into exit code 3."""
        try:
            return self.guarded(**options)
        except NotAllowed as refused:
            raise Stopped(str(refused), ExitCode.REFUSED) from refused
        except RequestRefused as refused:
            raise Stopped(str(refused), ExitCode.REFUSED) from refused

    def carry_out(self, rollback: Rollback) -> Rollback:
        """Carry an approved rollback out in this process; where a worker was quicker, watch what it does.

        Waits no longer than a driver of its own would: what is open then is left to the sweep.
        """
        patient_until = time.monotonic() + self.pace.patience
        rollback = applying.apply(rollback.pk, pace=self.pace)
        while rollback.state == State.APPLYING and time.monotonic() < patient_until:
            time.sleep(self.pace.first_wait)
            rollback = applying.apply(rollback.pk, pace=self.pace)
        return rollback

    def show(self, rollback: Rollback) -> ExitCode:
        """Print where a rollback stands, and give its exit code."""
        if self.as_json:
            self.print_json(describe(rollback))
            return exit_code_of(rollback)
        verdict = f", {rollback.verdict.replace('_', ' ')}" if rollback.verdict else ""
        self.tell(f"Rollback {rollback.pk} of {rollback.config.address} {rollback.goal}")
        self.tell(f"  state    {rollback.get_state_display()}{verdict}")
        self.tell(f"  guard    {rollback.guard_level}")
        for sentence in filter(None, [emergencies.sentence_for(rollback)]):
            self.tell(f"  {sentence}")
        rows = step_rows.rows_of(rollback)
        self.show_steps(rows, rollback.notes)
        for attempt in rollback.attempts.select_related("step"):
            for send in attempt.sends.all():
                if rows:
                    self.tell(f"  step {attempt.step.number}")
                self.tell(
                    f"  send {send.number}   {send.status or 'no answer'} {send.code} {send.correlation_id}".rstrip()
                )
                told = facts.refusal_of(send)
                if told is not None:
                    self.tell(f"           {told.title}")
        if rollback.explanation:
            self.tell(f"  {rollback.explanation}")
        watch = propagation.watch_of(rollback)
        if watch is not None:
            routing = propagation.told(watch)
            self.tell(f"  routing  {routing.words}{f': {routing.detail}' if routing.detail else ''}")
        for sentence in [*_countdown(rollback), *_next_steps(rollback)]:
            self.tell(f"  {sentence}")
        return exit_code_of(rollback)

    def show_steps(self, rows: "Sequence[StepRow]", notes: "Sequence[str]") -> None:
        """Print the steps of a type that takes several, each with its guard level and how it stands, and the notes."""
        for row in rows:
            stands = ": ".join(part for part in (row.word, row.detail) if part)
            self.tell(f"  step {row.number}   [{row.level}] {row.title}{f' ({stands})' if stands else ''}")
        for note in notes:
            self.tell(f"           {note}")

    def show_changes(self, difference: "Difference") -> None:
        """Print each change with its path, readable without colour."""
        signs = {"added": "+", "removed": "-", "changed": "~", "moved": ">"}
        for change in difference.changes:
            if not change.volatile:
                self.tell(self.paint(f"  {signs[change.kind]} {change.kind:8} {' › '.join(change.trail)}", change.kind))

    def show_later(self, survey: "Survey") -> None:
        """Print what later work a way back undoes, and what of it is kept, by version, author and ticket."""
        for later in surveys.later_work(survey):
            whose = "no version is known to have made" if later.author is None else later.author.words
            kept = f", {later.kept} kept" if later.kept else ""
            self.tell(f"  would also undo {len(later.undone) - later.kept} of {whose}{kept}")
            for one in later.undone[:SHOWN_LATER]:
                self.tell(f"    {'keeps ' if one.kept else 'undoes'} {visible(one.place)}")
            if len(later.undone) > SHOWN_LATER:
                self.tell(f"    and {len(later.undone) - SHOWN_LATER} more (--json lists all)")
        for told in survey.overlaps:
            self.tell(f"  overlap {visible(told.place)}")
            undone = None if survey.reverts is None else survey.reverts.version
            sides = [("before", told.overlap.other), (f"v{undone}", told.overlap.base), ("live", told.overlap.live)]
            for name, side in sides[0 if undone is not None else 2 :]:
                self.tell(f"    {name:8} {_on_a_line(side)}")

    def show_checks(self, checks: "Sequence[Check]") -> None:
        """Print every guard and how it stands."""
        signs = {"holds": "ok", "refuses": "NO", "warns": "??", "pending": ".."}
        for check in checks:
            self.tell(f"  [{signs[check.standing]}] {check.title}: {check.message}")


def _on_a_line(side: "Value | Missing") -> str:
    if isinstance(side, Missing):
        return "nothing"
    text = visible(to_text(side))
    return text if len(text) <= LONGEST_SIDE else f"{text[: LONGEST_SIDE - 1]}…"


def _countdown(rollback: Rollback) -> list[str]:
    counts = confirming.confirmation_of(rollback)
    if counts is None:
        return []
    stands = confirming.told(counts)
    return [f"{stands.headline} {stands.sentence}"]


def _next_steps(rollback: Rollback) -> list[str]:
    if rollback.state == State.AWAITING_APPROVAL:
        approvers = waiting.approvers_of(rollback)
        missing = approvers.needed - len(approvers.given)
        waits = f"Waits for {missing} approval(s): manage.py approve {rollback.pk} --as USER"
        return [waits, approvers.sentence, *([approvers.too_few] if approvers.too_few else [])]
    schedule = schedules.open_of(rollback)
    if schedule is not None:
        return [schedules.sentence(schedule)]
    if rollback.state == State.APPROVED and not rollback.refusals:
        return [f"Ready: manage.py apply {rollback.pk}"]
    if rollback.state in {State.APPLYING, State.UNKNOWN} and rollback.attempts.filter(state="open").exists():
        return ["The outcome is still open; the console keeps reading, or: manage.py recover"]
    if rollback.state == State.APPLIED and confirming.is_counting(rollback):
        return [f"Keep it: manage.py confirm {rollback.pk} --as USER"]
    return []
