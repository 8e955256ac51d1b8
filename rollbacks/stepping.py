"""From one step of a rollback to the next: frozen with the plan, begun in their order, never without the one before.

A step is begun only when the one before it is *verified* or *reached*, which demands that it left exactly what the plan
says, and nobody has changed it since. Anything else ends the rollback where it stands, and its explanation says which
steps stand. Nothing here changes a rollback's state; `transitions` does, in the same transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from rollbacks import audit, confirming, emergencies, facts, guards, plans
from rollbacks.leases import Lease
from rollbacks.models import Attempt, Rollback, Step
from rollbacks.plans import PlannedStep
from rollbacks.states import State
from rollbacks.verdicts import Verdict
from tenants import drift
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import catalogue

STANDS = (Verdict.VERIFIED, Verdict.REACHED)
"""The verdicts after which the effect of a step stands."""

STATE_OF_VERDICT: dict[Verdict, State] = {
    Verdict.VERIFIED: State.APPLIED,
    Verdict.REACHED: State.APPLIED,
    Verdict.OVERWRITTEN: State.APPLIED,
    Verdict.DIVERGENT: State.FAILED,
    Verdict.CONFLICT: State.CONFLICT,
    Verdict.INDETERMINATE: State.UNKNOWN,
    Verdict.NOT_APPLIED: State.REFUSED,
}


@dataclass(frozen=True, slots=True)
class GoingOn:
    """Who drives the next step, and for how long its reads may be stale."""

    lease: Lease
    horizon_of: Callable[[Step], float]
    """In seconds."""


def freeze(rollback: Rollback, steps: Sequence[PlannedStep]) -> None:
    """Store the steps of a plan, in their order."""
    Step.objects.bulk_create(
        Step(
            rollback=rollback,
            number=number,
            kind=step.kind,
            title=step.title,
            resource_type=step.resource_type,
            object_id=step.object_id,
            observed_path=step.observed_path,
            method=step.method,
            path=step.path,
            body=step.body.raw,
            body_sha256=step.body.sha256,
            guard_level=step.guard_level,
            base_version=step.base.version,
            base_etag=step.base.etag,
            base_digest=step.base.digest,
            target_digest=step.target_digest,
            sent_version=step.body.sent_version,
            expected_version=step.body.expected_version,
        )
        for number, step in enumerate(steps, start=1)
    )


def planned_steps(rollback: Rollback) -> list[PlannedStep]:
    """Give the stored steps as the plan that they were."""
    return [facts.planned(step) for step in rollback.steps.all()]


def following(step: Step, verdict: Verdict, evidence: Mapping[str, object]) -> Step | None:
    """Give the step that may be begun after this verdict; None for the last step, and where nothing may go on."""
    if verdict not in STANDS or "overwritten_by" in evidence:
        return None
    return Step.objects.filter(rollback=step.rollback_id, number=step.number + 1).first()


def stood_before(step: Step) -> frozenset[str]:
    """Give the digests that stood before the earlier steps on what this one acts on."""
    same = Step.objects.filter(
        rollback=step.rollback_id,
        number__lt=step.number,
        resource_type=step.resource_type,
        object_id=step.object_id,
        observed_path=step.observed_path,
    )
    return frozenset(same.values_list("base_digest", flat=True)) - {step.base_digest}


def drafts_before(step: Step) -> frozenset[str]:
    """Give the digests that stood before the earlier steps on the draft that this one publishes."""
    drafts = Step.objects.filter(rollback=step.rollback_id, number__lt=step.number).exclude(observed_path="")
    return frozenset(drafts.values_list("base_digest", flat=True)) - {step.target_digest}


def end_of(attempt: Attempt) -> tuple[State, Verdict]:
    """Give how a rollback ends with this closed attempt, after which nothing goes on: its state and its verdict.

    It has failed, *carried out in part*, when an earlier step had an effect or a later one is missing; what nobody can
    tell stays *unknown*. It is verified only where every step is.
    """
    verdict = Verdict(attempt.verdict)
    state = STATE_OF_VERDICT[verdict]
    earlier = Attempt.objects.filter(rollback=attempt.rollback_id, verdict__in=STANDS).exclude(pk=attempt.pk)
    later = Step.objects.filter(rollback=attempt.rollback_id, number__gt=attempt.step.number)
    if state is State.APPLIED and later.exists():
        return State.FAILED, Verdict.OVERWRITTEN
    if verdict is Verdict.VERIFIED and earlier.filter(verdict=Verdict.REACHED).exists():
        return state, Verdict.REACHED
    if state is State.APPLIED:
        return state, verdict
    if state is not State.UNKNOWN and earlier.exists():
        return State.FAILED, verdict
    return state, verdict


def check_still_signed(attempt: Attempt) -> guards.Check:
    """Refuse where what is stored is no longer what was signed, or the type's rules are others by now."""
    rollback = Rollback.objects.select_related("tenant", "config").get(pk=attempt.rollback_id)
    same_rules = catalogue.get(rollback.config.resource_type).profile == rollback.type_profile
    if same_rules and facts.is_altered(rollback):
        return guards.refuse_other_rules() if facts.signs_no_parts(rollback) else guards.refuse_altered_plan()
    if not same_rules and not attempt.sends.exists():
        return guards.refuse_other_rules()
    return guards.check_live_unchanged(seen="", now="", moved="")


def lock_configs(attempt: Attempt, read_back: Snapshot | None) -> None:
    """Lock the rows of the objects whose baseline a verdict may move, always in the same order."""
    keys = {attempt.config_id, *([] if read_back is None else [read_back.config_id])}
    list(TrackedConfig.objects.filter(pk__in=keys).order_by("pk").select_for_update(of=("self",), no_key=True))


def move_baselines(attempt: Attempt, rollback: Rollback) -> None:
    """Make what this step put there the right version: of another object at once, of the rollback's own at its end."""
    back = attempt.read_back
    if back is not None and attempt.verdict in STANDS and back.config_id != rollback.config_id:
        drift.set_baseline(back.config, back)
    if rollback.state != State.APPLIED or rollback.verdict not in STANDS:
        return
    own = Attempt.objects.filter(rollback=rollback, read_back__config=rollback.config_id, verdict__in=STANDS)
    last = own.select_related("read_back").order_by("-step__number").first()
    if last is not None and last.read_back is not None:
        drift.set_baseline(rollback.config, last.read_back)
    elif rollback.base_digest == rollback.target_digest:
        # An earlier rollback made it live, and this one did what was left of that.
        drift.set_baseline(rollback.config, rollback.base)


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
            "break_glass": emergencies.facts_for(rollback),
            "approved_with": confirming.approved_with(rollback),
            "reason": rollback.reason,
            "ticket": rollback.ticket,
        },
    )
    return attempt


def _if_match(step: Step) -> bytes | None:
    if step.kind != plans.StepKind.WRITE:
        return None
    return plans.if_match_of(catalogue.get(step.resource_type), facts.bytes_or_none(step.base_etag))
