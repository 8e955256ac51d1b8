"""What an entry says of a plan, a send and a snapshot, and who has approved: facts read from rows, nothing changed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rollbacks import approving, audit, emergencies
from rollbacks.models import Approval, Attempt, Rollback, Send, Step
from rollbacks.plans import Base, Body, PlannedStep, StepKind, plan_digest
from rollbacks.refusals import Told
from rollbacks.verdicts import SendOutcome
from tenants.documents import Value
from tenants.models import Snapshot
from tenants.resource_types import Kind

_SETTLED: Final = frozenset({SendOutcome.REFUSED, SendOutcome.UNAUTHORIZED})
"""What proves that this copy changed nothing."""


def approvals_given(rollback: Rollback) -> int:
    """Count the approvals of this very plan that count now (`approving`)."""
    return len(approving.counted(rollback))


def approvers_of(rollback: Rollback) -> list[str]:
    """Name everybody who approved this very plan."""
    approvals = rollback.approvals.filter(
        decision=Approval.Decision.APPROVED, plan_digest=rollback.plan_digest, voided_at__isnull=True
    )
    return [approval.approver.get_username() for approval in approvals.select_related("approver")]


def etag_text(etag: bytes | memoryview | None) -> str | None:
    """Give header bytes as text; they are Latin-1 (RFC 9110 section 5.5)."""
    return None if etag is None else bytes(etag).decode("latin-1")


def refusal_of(send: Send | None) -> Told | None:
    """Give a send's refusal; None where the answer was none, or there was no answer."""
    if send is None or not send.refusal_kind:
        return None
    return Told(Kind(send.refusal_kind), send.refusal_name, send.outcome in _SETTLED)


def refusal_in_entry(send: Mapping[str, Any]) -> Told | None:
    """Give the same from what `send_facts` wrote; None for an entry from before kinds were told."""
    told = send.get("refusal")
    if not isinstance(told, dict) or told.get("kind") not in set(Kind):
        return None
    return Told(Kind(told["kind"]), str(told.get("name", "")), send.get("outcome") in _SETTLED)


def last_refusal(attempt: Attempt) -> Told | None:
    """Give what the platform said to the latest send of an attempt, if it was a no."""
    return refusal_of(Send.objects.filter(attempt=attempt).order_by("number").last())


def refusal_json(told: Told | None) -> dict[str, str] | None:
    """Give CONTRACT.md's `refusal`."""
    return None if told is None else told.to_json()


def send_facts(send: Send) -> dict[str, object]:
    """Give what an entry says of one send."""
    return {
        "number": send.number,
        "begun_at": audit.timestamp(send.begun_at),
        "ended_at": None if send.ended_at is None else audit.timestamp(send.ended_at),
        "status": send.status,
        "code": send.code,
        "message": send.message,
        "outcome": send.outcome or SendOutcome.UNDER_WAY,
        "refusal": refusal_json(refusal_of(send)),
        "correlation_id": send.correlation_id,
        "answered_version": send.answered_version,
        "answered_etag": etag_text(send.answered_etag),
    }


def snapshot_facts(snapshot: Snapshot | None) -> dict[str, object] | None:
    """Give what an entry says of a state that was read; None for none."""
    if snapshot is None:
        return None
    return {
        "version": snapshot.version,
        "etag": etag_text(snapshot.etag),
        "digest": snapshot.digest,
        "author": snapshot.author_name,
        "correlation_id": snapshot.correlation_id,
    }


def plan_facts(rollback: Rollback) -> dict[str, object]:
    """Give what an entry says of a frozen plan: everything that an approval signs, and the numbers inside.

    One that is a single write reads as that write does; one of several names each of its steps.
    """
    steps = list(rollback.steps.all())
    plan = {
        "base": {
            "version": rollback.base_version,
            "etag": etag_text(rollback.base_etag),
            "digest": rollback.base_digest,
        },
        "target": {"version": rollback.target.version, "digest": rollback.target_digest},
        "expected_version": rollback.expected_version,
        "guard_level": rollback.guard_level,
        "plan_digest": rollback.plan_digest,
    }
    if rollback.is_composed:
        plan["composition"] = composition_of(rollback)
    if rollback.despite_label:
        plan["despite_label"] = rollback.despite_label
    if rollback.glass is not None:
        plan["break_glass"] = emergencies.facts_of(rollback.glass)
    if rollback.confirm_minutes is not None:
        plan["confirm_minutes"] = rollback.confirm_minutes
    if len(steps) == 1:
        return {**plan, **_request_facts(steps[0])}
    return {**plan, "steps": [{**step_name(step, of=len(steps)), **_guard_facts(step)} for step in steps]}


def composition(*, only: Sequence[str], keep: Sequence[str], reverts: Snapshot | None) -> dict[str, Value]:
    """Give what a plan signs of what somebody chose of the way back; nothing where it is the whole target."""
    if not (only or keep or reverts is not None):
        return {}
    undone: Value = None if reverts is None else {"version": reverts.version, "digest": reverts.digest}
    return {"only": list(only), "keep": list(keep), "undone": undone}


def composition_of(rollback: Rollback) -> dict[str, Value]:
    """Give what a stored plan signs of what somebody chose."""
    return composition(only=rollback.only, keep=rollback.keep, reverts=rollback.reverts)


def write_facts(rollback: Rollback, step: Step) -> dict[str, object]:
    """Give what an entry says of one write: which step of how many it is, its request, its guard and what it leaves."""
    return {
        "step": step_name(step, of=rollback.steps.count()),
        **_guard_facts(step),
        "target": {"version": rollback.target.version, "digest": step.target_digest},
        "plan_digest": rollback.plan_digest,
    }


def step_name(step: Step, *, of: int) -> dict[str, object]:
    """Give which step it is, of how many, and what it does."""
    return {"number": step.number, "of": of, "kind": step.kind, "title": step.title}


def _guard_facts(step: Step) -> dict[str, object]:
    return {
        **_request_facts(step),
        "base": {"version": step.base_version, "etag": etag_text(step.base_etag), "digest": step.base_digest},
        "target_digest": step.target_digest,
        "expected_version": step.expected_version,
        "guard_level": step.guard_level,
    }


def _request_facts(step: Step) -> dict[str, object]:
    return {
        "request": f"{step.method} {step.path}",
        "sent_version": step.sent_version,
        "body_sha256": step.body_sha256,
    }


def planned(step: Step) -> PlannedStep:
    """Give a stored step as the plan that it was."""
    return PlannedStep(
        kind=StepKind(step.kind),
        title=step.title,
        resource_type=step.resource_type,
        object_id=step.object_id,
        observed_path=step.observed_path,
        method=step.method,
        path=step.path,
        body=Body(bytes(step.body), step.sent_version, step.expected_version),
        guard_level=step.guard_level,
        base=Base(step.base_version, bytes_or_none(step.base_etag), step.base_digest),
        target_digest=step.target_digest,
    )


def frozen_digest(rollback: Rollback, *, composition: "Mapping[str, Value] | None" = None) -> str:
    """Give the digest of the plan as it is stored now; another one than was signed tells of altered rows.

    `composition` stands in for what is stored of it.
    """
    return plan_digest(
        tenant=str(rollback.tenant_id),
        resource_type=rollback.config.resource_type,
        object_id=rollback.config.object_id,
        base=Base(rollback.base_version, bytes_or_none(rollback.base_etag), rollback.base_digest),
        target_digest=rollback.target_digest,
        steps=[planned(step) for step in rollback.steps.all()],
        profile=rollback.type_profile,
        despite_label=rollback.despite_label,
        composition=composition_of(rollback) if composition is None else composition,
        confirm_minutes=rollback.confirm_minutes,
    )


def signs_no_parts(rollback: Rollback) -> bool:
    """Say whether the plan is a request for parts from before plans signed which parts: then it is planned anew."""
    parts_alone = bool(rollback.only) and not rollback.keep and rollback.reverts_id is None
    return parts_alone and frozen_digest(rollback, composition={}) == rollback.plan_digest


def is_altered(rollback: Rollback) -> bool:
    """Say whether a stored step is no longer the one that was approved: its bytes, its request or its guard."""
    steps = list(rollback.steps.all())
    return frozen_digest(rollback) != rollback.plan_digest or any(
        planned(step).body.sha256 != step.body_sha256 for step in steps
    )


def bytes_or_none(stored: bytes | memoryview | None) -> bytes | None:
    """Give what a nullable binary column holds."""
    return None if stored is None else bytes(stored)
