"""The one place where the state of a rollback changes; every change in one transaction with its entry in the trail.

Locks are always taken in the order config, rollback, tenant, attempt, head of the trail, and without the key (FOR NO
KEY UPDATE): PostgreSQL checks an entry's references to config and rollback only at its COMMIT, when its writer holds
the head already, and a stronger lock on those rows would close the ring. A move is a conditional UPDATE that repeats
what was read, so whoever comes second changes nothing and is told so.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from rollbacks import (
    approving,
    audit,
    confirming,
    emergencies,
    explaining,
    facts,
    guards,
    last_checks,
    one_object,
    propagation,
    queueing,
    schedules,
    stepping,
    telling,
    voiding,
)
from rollbacks.leases import Lease, LeaseLost
from rollbacks.models import Approval, Attempt, BrokenGlass, Confirmation, Rollback, Schedule, Send
from rollbacks.moving import move as _move
from rollbacks.plans import PlannedStep
from rollbacks.states import PENDING, IllegalMove, State, check_begin, check_move
from rollbacks.verdicts import Verdict
from tenants.models import Snapshot

_OUTCOME_OF_STATE: dict[State, str] = {
    State.APPLYING: "ok",
    State.APPLIED: "ok",
    State.FAILED: "failed",
    State.CONFLICT: "conflict",
    State.UNKNOWN: "unknown",
    State.REFUSED: "refused",
}


class RunRefused(Exception):
    """A guard refused the run at the last moment; nothing was sent."""

    def __init__(self, checks: Sequence[guards.Check]) -> None:
        self.checks = [check for check in checks if check.refuses]
        super().__init__(" ".join(check.message for check in self.checks))


def lock(rollback: Rollback) -> Rollback:
    """Give a rollback under its lock, for the caller's transaction."""
    rows = Rollback.objects.select_for_update(of=("self",), no_key=True).select_related("tenant", "config__tenant")
    return rows.get(pk=rollback.pk)


def open_request(rollback: Rollback, steps: Sequence[PlannedStep], *, checks: Sequence[guards.Check]) -> Rollback:
    """Store a new request, awaiting approval or, where none is needed, approved."""
    return _store(
        rollback, State.AWAITING_APPROVAL if rollback.approvals_needed else State.APPROVED, steps, checks=checks
    )


def open_undo(
    confirmation: Confirmation, undo: Rollback, steps: Sequence[PlannedStep], *, checks: Sequence[guards.Check]
) -> bool:
    """Store the undo that a countdown demands, queued; False, with nothing changed, where it has ended already.

    Its approval is that of the rollback that it takes back, which T1 asks for once more.
    """
    with transaction.atomic():
        if not confirming.lock_counting(confirmation):
            return False
        _store(undo, State.APPROVED, steps, checks=checks)
        confirming.hand_to(confirmation, undo)
    return True


def _store(
    rollback: Rollback, state: State, steps: Sequence[PlannedStep], *, checks: Sequence[guards.Check]
) -> Rollback:
    with transaction.atomic():
        rollback.state = state
        rollback.state_changed_at = rollback.requested_at
        rollback.save(force_insert=True)
        stepping.freeze(rollback, steps)
        audit.append(
            "rollback.requested",
            tenant=rollback.tenant,
            actor=rollback.requester,
            config=rollback.config,
            rollback=rollback,
            details={
                "reason": rollback.reason,
                "ticket": rollback.ticket,
                "approvals_needed": rollback.approvals_needed,
                **({"succeeds": str(rollback.succeeds_id)} if rollback.succeeds_id else {}),
                **({"account": rollback.asked_by_account} if rollback.asked_by_account else {}),
                **facts.plan_facts(rollback),
                "checks": [{"guard": c.guard, "standing": c.standing} for c in checks],
            },
        )
        if rollback.approvals_needed:
            telling.approval_wanted(rollback)
    return rollback


def decide(
    rollback: Rollback,
    *,
    approver: User,
    decision: Approval.Decision,
    plan_digest: str,
    comment: str,
    account: str = "",
) -> Rollback:
    """Record one person's word; the last approval needed moves the rollback, a rejection cancels it.

    `account` is that of the terminal where it is given. Raises IntegrityError for a second word of the same person.
    """
    with transaction.atomic():
        locked = lock(rollback)
        approved = decision == Approval.Decision.APPROVED
        check_move(State(locked.state), State.APPROVED if approved else State.CANCELLED)
        Approval.objects.create(
            rollback=locked,
            approver=approver,
            decision=decision,
            plan_digest=plan_digest,
            comment=comment,
            decided_at=timezone.now(),
            given_at_account=account,
            circumstances=approving.circumstances_of(locked),
        )
        needed = approving.needed(locked)
        given = facts.approvals_given(locked)
        if not approved:
            _move(locked, State.CANCELLED, explanation=f"{approver.get_username()} rejected it: {comment}")
        elif given >= needed:
            _move(locked, State.APPROVED, approvals_needed=needed, explanation="")
        if not approved or given >= needed:
            telling.decided(locked, by=approver, approved=approved, comment=comment)
        audit.append(
            f"rollback.{decision}",
            tenant=locked.tenant,
            actor=approver.get_username(),
            outcome="ok" if approved else "refused",
            config=locked.config,
            rollback=locked,
            details={
                "plan_digest": plan_digest,
                "comment": comment,
                "approvals": f"{given} of {needed}",
                **({"account": account} if account else {}),
            },
        )
    return locked


def cancel(rollback: Rollback, *, actor: str) -> Rollback:
    """Take a request back before anything was sent."""
    return _end_unsent(
        rollback,
        State.CANCELLED,
        actor=actor,
        action="rollback.cancelled",
        explanation=f"{actor} cancelled it. Nothing was sent.",
    )


def expire(rollback: Rollback) -> Rollback:
    """End a request that nobody carried out in time."""
    return _end_unsent(
        rollback,
        State.EXPIRED,
        actor=audit.CONSOLE,
        action="rollback.expired",
        explanation="It was not carried out in time. Nothing was sent. Plan it again on the live state of now.",
    )


def _end_unsent(rollback: Rollback, after: State, *, actor: str, action: str, explanation: str) -> Rollback:
    with transaction.atomic():
        locked = lock(rollback)
        _move(locked, after, explanation=explanation, run_requested_at=None)
        schedules.end_open(locked, Schedule.End.VOID)
        audit.append(action, tenant=locked.tenant, actor=actor, config=locked.config, rollback=locked)
    return locked


def request_run(
    rollback: Rollback, *, actor: str, schedule: Schedule | None = None, glass: BrokenGlass | None = None
) -> Rollback:
    """Queue an approved rollback, or one whose approvals a broken glass stands for; the row is the queue.

    With `schedule` because its time has come, unless somebody has cancelled that meanwhile; without, any that is open
    is replaced by running it now.
    """
    with transaction.atomic():
        locked = lock(rollback)
        check_begin(State(locked.state))
        if schedule is None:
            schedules.end_open(locked, Schedule.End.REPLACED)
        elif not schedules.end_open(locked, Schedule.End.RUN, only=schedule):
            return locked
        if locked.run_requested_at is None:
            locked.run_requested_at = timezone.now()
            locked.run_requester = actor
            locked.run_again_at, locked.run_tries = None, 0
            locked.refusals = []
            locked.explanation = ""
            # What nobody has approved stays bound to the glass that was broken for it, whoever asks for its run.
            locked.glass = glass or locked.glass
            changed = ["run_requested_at", "run_requester", "run_again_at", "run_tries", "refusals", "explanation"]
            locked.save(update_fields=[*changed, "glass"])
            audit.append(
                "rollback.run_requested",
                tenant=locked.tenant,
                actor=actor,
                config=locked.config,
                rollback=locked,
                details={
                    **({} if schedule is None else {"schedule": schedules.facts_of(schedule)}),
                    **({} if glass is None else {"break_glass": emergencies.facts_of(glass)}),
                },
            )
    return locked


def refuse_run(rollback: Rollback, checks: Sequence[guards.Check], *, actor: str) -> Rollback:
    """Record that guards refused the run before anything was sent.

    When live has moved the plan is void and the rollback ends in conflict; when the guard level is another one, its
    approvals are void and it is cancelled. Otherwise it stays approved, so that it can run once the obstacle (a freeze,
    a missing permission) is gone; and queued, too, where all that refuses does so only for now (a platform out of
    reach, a stale read, another attempt on the object), or where it is the undo of what nobody has kept. Changes
    nothing when somebody else has begun or ended the rollback meanwhile: what this survey saw may be that very write.
    """
    refusing = [check for check in checks if check.refuses]
    explanation = " ".join(check.message for check in refusing)
    moved = any(check.guard == "live_unchanged" for check in refusing)
    with transaction.atomic():
        locked = lock(rollback)
        if locked.state != State.APPROVED:
            return locked
        void = moved or any(check.guard == "guard_level" for check in refusing)
        # What nobody kept is undone as soon as whatever stands in the way is gone; no person waits to run it again.
        waits = all(check.for_now for check in refusing) or (not void and confirming.is_undo(locked))
        if locked.run_requested_at is not None and waits:
            return queueing.postpone_run(locked, refusing, actor=actor)
        fields: dict[str, object] = {
            "refusals": [check.to_json() for check in refusing],
            "explanation": explanation,
            "run_requested_at": None,
            "run_again_at": None,
        }
        if moved:
            _move(locked, State.CONFLICT, verdict=Verdict.CONFLICT, **fields)
            telling.plan_void(locked, explanation)
        elif any(check.guard == "guard_level" for check in refusing):
            _move(locked, State.CANCELLED, **fields)
            telling.plan_void(locked, explanation)
        elif locked.glass_id is not None and any(check.guard == "approvals" for check in refusing):
            _move(locked, State.AWAITING_APPROVAL, **fields, glass=None)
        else:
            Rollback.objects.filter(pk=locked.pk).update(**fields)
            locked.refresh_from_db()
        audit.append(
            "write.not_sent",
            tenant=locked.tenant,
            actor=actor,
            outcome="conflict" if moved else "refused",
            config=locked.config,
            rollback=locked,
            details={"refusals": locked.refusals, **facts.plan_facts(locked)},
        )
        if locked.state == State.APPROVED and any(check.guard == "approvals" and not check.holds for check in checks):
            voiding.void_approvals(locked)
    return locked


def begin_attempt(rollback: Rollback, *, lease: Lease, horizon_seconds: float, actor: str) -> Attempt:
    """Make the intent durable (T1): the attempt OPEN with its guard, and "write.intent" in the trail.

    Under the lock of the config's row everything that the database alone knows is checked again. Raises RunRefused,
    with nothing changed, when a guard refuses; IllegalMove when the rollback is no longer approved.
    """
    with transaction.atomic():
        steps = stepping.planned_steps(rollback)
        same = one_object.lock_every_address(rollback.config, steps)
        config = next(one for one in same if one.pk == rollback.config_id)
        locked = lock(rollback)
        check_begin(State(locked.state))
        now = timezone.now()
        if locked.expires_at <= now:
            raise IllegalMove(State.EXPIRED, State.APPLYING)
        checks = last_checks.before_attempt(locked, config, same=same, steps=steps)
        if any(check.refuses for check in checks):
            raise RunRefused(checks)
        _move(locked, State.APPLYING, refusals=[], explanation="", run_requested_at=None)
        emergencies.use(locked, actor=actor)
        return stepping.open_attempt(
            locked, locked.steps.get(number=1), config, lease=lease, horizon_seconds=horizon_seconds, actor=actor
        )


def begin_send(
    attempt: Attempt, *, lease: Lease, horizon_seconds: float, race_window_ms: int | None, client_id: str = ""
) -> Send:
    """Make durable that the bytes may leave now; raise LeaseLost or RunRefused, and nothing leaves then."""
    with transaction.atomic():
        refusing = last_checks.before_send(attempt)
        if refusing is not None:
            raise RunRefused([refusing])
        now = timezone.now()
        held = Attempt.objects.filter(
            pk=attempt.pk, state=Attempt.State.OPEN, driver=lease.driver, driven_until__gt=now
        )
        ours = held.update(
            driven_until=now + timedelta(seconds=lease.seconds),
            horizon_at=now + timedelta(seconds=horizon_seconds),
            race_window_ms=race_window_ms,
        )
        if ours == 0:
            raise LeaseLost
        number = Send.objects.filter(attempt=attempt).count() + 1
        send = Send.objects.create(attempt=attempt, number=number, begun_at=now, client_id=client_id)
        if number > 1:
            rollback = Rollback.objects.select_related("tenant", "config").get(pk=attempt.rollback_id)
            audit.append(
                "write.resend",
                tenant=rollback.tenant,
                actor=audit.CONSOLE,
                config=rollback.config,
                rollback=rollback,
                attempt=attempt,
                details={
                    "send": number,
                    "if_match": facts.etag_text(attempt.if_match),
                    "body_sha256": attempt.body_sha256,
                },
            )
    return send


def end_send(send: Send, *, horizon_seconds: float, race_window_ms: int | None, **fields: object) -> None:
    """Complete a send with its answer; the horizon of stale reads counts from here."""
    with transaction.atomic():
        now = timezone.now()
        Send.objects.filter(pk=send.pk).update(ended_at=now, **fields)
        Attempt.objects.filter(pk=send.attempt_id, state=Attempt.State.OPEN).update(
            horizon_at=now + timedelta(seconds=horizon_seconds), race_window_ms=race_window_ms
        )


def mark_overdue(attempt: Attempt, *, verdict: Verdict | None, why: str) -> None:
    """Show that the outcome is still open after the horizon; the attempt stays open and is looked at again."""
    with transaction.atomic():
        rollback = (
            Rollback.objects.select_for_update(of=("self",), no_key=True)
            .select_related("tenant", "config")
            .get(pk=attempt.rollback_id)
        )
        if rollback.state != State.APPLYING:
            return
        _move(rollback, State.UNKNOWN, verdict=verdict or "", explanation=why)
        audit.append(
            "write.overdue",
            tenant=rollback.tenant,
            actor=audit.CONSOLE,
            outcome="unknown",
            config=rollback.config,
            rollback=rollback,
            attempt=attempt,
            details={"verdict": verdict or "", "why": why},
        )


def close_attempt(
    attempt: Attempt,
    *,
    verdict: Verdict,
    evidence: Mapping[str, object],
    explanation: str,
    read_back: Snapshot | None,
    sends: int | None,
    actor: str,
    going_on: stepping.GoingOn | None = None,
) -> bool:
    """Record the verdict (T2); False, with nothing changed, when somebody else has closed the attempt or sent again.

    `sends` is how many the verdict rests on, None for a person's word: one that was reached before another driver has
    sent says nothing of that send.

    Where the step stands, another one follows and `going_on` says who drives it, the next attempt is opened in the same
    transaction (its T1): there is no moment between two steps in which nobody would find the rollback. Otherwise the
    rollback ends.
    """
    with transaction.atomic():
        stepping.lock_configs(attempt, read_back)
        rollback = (
            Rollback.objects.select_for_update(of=("self",), no_key=True)
            .select_related("tenant", "config")
            .get(pk=attempt.rollback_id)
        )
        if sends is not None and _sends_of_locked(attempt) != sends:
            return False
        closed = Attempt.objects.filter(pk=attempt.pk, state=Attempt.State.OPEN).update(
            state=Attempt.State.CLOSED,
            verdict=verdict,
            evidence=dict(evidence),
            read_back=read_back,
            closed_at=timezone.now(),
            driver="",
            driven_until=None,
        )
        if closed == 0:
            return False
        attempt.refresh_from_db()
        step = attempt.step
        following = stepping.following(step, verdict, evidence) if going_on is not None else None
        if following is None:
            state, shown = stepping.end_of(attempt)
            _move(rollback, state, verdict=shown, explanation=explanation)
        else:
            state = State.APPLYING
            if rollback.state == State.UNKNOWN:
                _move(rollback, state, verdict="", explanation="")
        stepping.move_baselines(attempt, rollback)
        audit.append(
            "write.outcome",
            tenant=rollback.tenant,
            actor=actor,
            outcome=_OUTCOME_OF_STATE[state],
            config=rollback.config,
            rollback=rollback,
            attempt=attempt,
            details={
                **facts.write_facts(rollback, step),
                "verdict": verdict,
                "evidence": dict(evidence),
                "assumes": explaining.explain_assumed(evidence) or None,
                "if_match": facts.etag_text(attempt.if_match),
                "sends": [facts.send_facts(send) for send in attempt.sends.all()],
                "refusal": facts.refusal_json(facts.last_refusal(attempt)),
                "after": facts.snapshot_facts(read_back),
                "race_window_ms": attempt.race_window_ms,
                "requested_by": rollback.requester,
                "approved_by": facts.approvers_of(rollback),
                "break_glass": emergencies.facts_for(rollback),
                "approved_with": confirming.approved_with(rollback),
            },
        )
        if state is State.APPLIED and verdict in stepping.STANDS:
            propagation.begin(rollback, version=rollback.expected_version, counts_from=attempt.opened_at)
        if following is None:
            confirming.begin(rollback, attempt)
        if following is not None and going_on is not None:
            stepping.open_attempt(
                rollback,
                following,
                attempt.config,
                lease=going_on.lease,
                horizon_seconds=going_on.horizon_of(following),
                actor=actor,
            )
    return True


def _sends_of_locked(attempt: Attempt) -> int:
    """Count the sends under the lock of the attempt, which `begin_send` takes too."""
    Attempt.objects.select_for_update(no_key=True).get(pk=attempt.pk)
    return Send.objects.filter(attempt=attempt).count()


def pending_past(moment: datetime) -> Sequence[Rollback]:
    """Give the requests whose time is over and that nobody has carried out."""
    return list(
        Rollback.objects.filter(state__in=[state.value for state in PENDING], expires_at__lte=moment).select_related(
            "tenant"
        )
    )
