"""Carry a rollback out: survey once more, T1, then drive the attempt; recovery drives the very same way.

What refuses before T1 is recorded on the rollback and in the trail, and nothing is sent.
"""

import time
from datetime import timedelta
from uuid import UUID

import structlog
from django.db.models import Q
from django.utils import timezone

from rollbacks import audit, driving, facts, guards, leases, one_object, queueing, surveys, transitions, voiding
from rollbacks.models import Attempt, Rollback
from rollbacks.states import IllegalMove, State
from tenants import connections
from tenants.remote import Platform, Purpose, RemoteError, RemoteUnknown
from tenants.sealing import CannotUnseal

log = structlog.get_logger(__name__)


def apply(
    rollback_id: UUID,
    *,
    platform: Platform | None = None,
    pace: driving.Pace = driving.PACE,
    sleep: driving.Sleep = time.sleep,
) -> Rollback:
    """Carry an approved rollback out, or go on with one that is under way; give it as it then stands.

    Sends nothing unless every guard holds on a fresh look at live. What refuses is recorded on the rollback and in the
    trail.
    """
    rollback = driving.load(rollback_id)
    attempt = Attempt.objects.filter(rollback=rollback, state=Attempt.State.OPEN).first()
    if attempt is not None:
        driving.drive(attempt.pk, platform=platform, pace=pace, sleep=sleep)
        return driving.load(rollback_id)
    if rollback.state != State.APPROVED:
        return rollback
    if rollback.expires_at <= timezone.now():
        return _expire(rollback)
    actor = rollback.run_requester or audit.CONSOLE
    turn = queueing.turn_sentence(rollback) if rollback.run_requested_at is not None else None
    if turn is not None:
        return transitions.refuse_run(rollback, [guards.wait_turn(turn)], actor=actor)
    try:
        platform = platform or connections.connect(rollback.tenant, purpose=Purpose.ROLLBACK)
        with voiding.left_to_its_run(rollback):
            survey = surveys.take_survey(
                rollback.config,
                rollback.target,
                platform=platform,
                planned=rollback,
                only=rollback.only,
                keep=rollback.keep,
                reverts=rollback.reverts,
                despite=rollback.despite_label,
                confirm_minutes=rollback.confirm_minutes,
            )
    except (RemoteError, CannotUnseal) as error:
        check = guards.Check("live_readable", "Live can be read", guards.Standing.REFUSES, str(error))
        if isinstance(error, RemoteUnknown):
            check = guards.only_for_now(check)
        return transitions.refuse_run(rollback, [check], actor=actor)
    checks = [*survey.checks, _plan_still_holds(rollback, survey)]
    if any(check.refuses for check in checks):
        return transitions.refuse_run(rollback, checks, actor=actor)
    lease = leases.Lease(driving.driver_name(), pace.lease)
    try:
        attempt = transitions.begin_attempt(
            rollback, lease=lease, horizon_seconds=driving.horizon_of(survey.rtype, pace), actor=actor
        )
    except transitions.RunRefused as refused:
        # Where somebody else was quicker since the survey, the turn is theirs.
        turn = one_object.open_attempt_on_any(rollback.config, survey.steps)
        lost = [guards.wait_turn(turn) if turn and one.guard == "in_flight" else one for one in refused.checks]
        return transitions.refuse_run(rollback, lost, actor=actor)
    except IllegalMove:
        # Somebody else has begun, cancelled or ended it; the row says what.
        return driving.load(rollback_id)
    driving.drive(attempt.pk, platform=platform, pace=pace, sleep=sleep)
    return driving.load(rollback_id)


def _expire(rollback: Rollback) -> Rollback:
    """End a request whose time is over, as the schedule would a little later."""
    try:
        transitions.expire(rollback)
    except IllegalMove:
        # Somebody else has cancelled or ended it; the row says what.
        log.info("rollback.moved_before_it_expired", rollback=str(rollback.pk))
    return driving.load(rollback.pk)


def recover(
    *,
    pace: driving.Pace = driving.PACE,
    sleep: driving.Sleep = time.sleep,
    everything: bool = False,
    tenant_id: UUID | None = None,
) -> list[Attempt]:
    """Drive every open attempt that is due and that nobody drives; with `everything`, also those due later.

    With `tenant_id` those of one tenant.

    Gives those that could be driven; one that could not is in the log, stays open and is tried again.
    """
    now = timezone.now()
    opened = Attempt.objects.filter(state=Attempt.State.OPEN).order_by("opened_at")
    if tenant_id is not None:
        opened = opened.filter(rollback__tenant_id=tenant_id)
    if not everything:
        opened = opened.filter(Q(look_again_at__isnull=True) | Q(look_again_at__lte=now))
    free = []
    for attempt in opened:
        if attempt.driven_until is not None and attempt.driven_until >= now:
            if not driving.is_dead(attempt.driver):
                continue
            leases.end_lease_of(attempt, driver=attempt.driver)
        free.append(attempt)
    driven = []
    for attempt in free:
        try:
            driven.append(driving.drive(attempt.pk, pace=pace, sleep=sleep))
        except Exception:
            # One attempt that cannot be driven (a secret that no key opens) must not keep the others from their end.
            log.exception("attempt.not_driven", attempt=str(attempt.pk))
            later = timezone.now() + timedelta(seconds=pace.longest_wait)
            leases.postpone_attempt(attempt, driver=driving.driver_name(), look_again_at=later)
    return driven


def _plan_still_holds(rollback: Rollback, survey: surveys.Survey) -> guards.Check:
    """Compare what was signed with what is stored and with what would be sent now, byte for byte."""
    same_rules = rollback.type_profile == survey.rtype.profile
    if same_rules and facts.is_altered(rollback):
        return guards.refuse_other_rules() if facts.signs_no_parts(rollback) else guards.refuse_altered_plan()
    if survey.live is not None and survey.guard_level != rollback.guard_level:
        return guards.check_guard_level(planned=rollback.guard_level, now=survey.guard_level, why=survey.proof.sentence)
    if survey.live is not None and survey.plan_digest != rollback.plan_digest and not survey.refusals:
        what = _what_changed(rollback, survey) if same_rules else "the rules of its type changed"
        return guards.check_live_unchanged(
            seen=rollback.plan_digest,
            now=survey.plan_digest,
            moved=f"the plan made from it now is another one, because {what}.",
        )
    return guards.check_live_unchanged(seen="", now="", moved="")


def _what_changed(rollback: Rollback, survey: surveys.Survey) -> str:
    """Say which step of the plan would be another one now."""
    now = {(step.kind, step.resource_type, step.object_id): step for step in survey.steps}
    for step in rollback.steps.all():
        planned = facts.planned(step)
        fresh = now.pop((planned.kind, planned.resource_type, planned.object_id), None)
        which = f"step {step.number} ({step.title[0].lower()}{step.title[1:]})"
        if fresh is None:
            return f"{which} is not to be done any more"
        if fresh.base != planned.base:
            return f"what {which} writes has changed since"
    if now:
        return "there is more to do by now"
    return "a member that is taken from live changed"
