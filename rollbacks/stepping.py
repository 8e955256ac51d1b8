"""From one step of a rollback to the next: the attempt of a step, opened with its intent in the trail."""

from datetime import timedelta

from django.utils import timezone

from rollbacks import audit, facts, plans
from rollbacks.leases import Lease
from rollbacks.models import Attempt, Rollback, Step
from tenants.models import TrackedConfig
from tenants.resource_types import catalogue


def open_attempt(
    rollback: Rollback, step: Step, config: TrackedConfig, *, lease: Lease, horizon_seconds: float, actor: str
) -> Attempt:
    """Open the attempt of a step with its guard, and append "write.intent", in the caller's transaction (T1)."""
    now = timezone.now()
    attempt = Attempt.objects.create(
        rollback=rollback,
        step=step,
        config=config,
        if_match=_if_match(step),
        body_sha256=step.body_sha256,
        opened_at=now,
        driver=lease.driver,
        driven_until=now + timedelta(seconds=lease.seconds),
        horizon_at=now + timedelta(seconds=horizon_seconds),
    )
    audit.append(
        "write.intent",
        tenant=rollback.tenant,
        actor=actor,
        config=config,
        rollback=rollback,
        attempt=attempt,
        details={
            **facts.write_facts(rollback, step),
            "if_match": facts.etag_text(attempt.if_match),
            "requested_by": rollback.requester,
            "approved_by": facts.approvers_of(rollback),
            "reason": rollback.reason,
            "ticket": rollback.ticket,
        },
    )
    return attempt


def _if_match(step: Step) -> bytes | None:
    if step.kind != plans.StepKind.WRITE:
        return None
    return plans.if_match_of(catalogue.get(step.resource_type), facts.bytes_or_none(step.base_etag))
