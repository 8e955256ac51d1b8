"""Every write that a person triggers: who may, what changes, and what the trail says of it.

Positional is what is acted on; `acting_user` has no default. None stands for the console's own terminal, where nobody
is signed in: whoever can run its commands owns it, and the trail names the account of the machine.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from rollbacks import (
    approving,
    audit,
    confirming,
    driving,
    explaining,
    frozen,
    guards,
    leases,
    probing,
    surveys,
    transitions,
    voiding,
)
from rollbacks.models import Approval, Attempt, Confirmation, GuardProbe, Rollback
from rollbacks.states import PENDING, IllegalMove, State
from rollbacks.surveys import Survey
from rollbacks.tasks import apply_rollback_soon
from rollbacks.verdicts import Verdict
from tenants import access, connections, tickets, trail
from tenants.access import Role
from tenants.models import Snapshot, Tenant, TrackedConfig
from tenants.remote import Platform

LIFETIME = timedelta(hours=24)
"""How long a request may wait for its approvals and its run."""

SHORTEST_REASON = 10
"""In characters; a reason is what the supervisor reads next morning."""


AGAIN = frozenset({State.CONFLICT, State.REFUSED, State.EXPIRED, State.CANCELLED, State.FAILED})
"""Where a rollback may be planned again: at an end without the effect that was asked for."""

LONGEST_TICKET = tickets.LONGEST_TICKET
"""In characters."""


class RequestRefused(Exception):
    """Guards refused a request; nothing was sent, and no rollback was stored."""

    def __init__(self, refusals: list[guards.Check], survey: Survey) -> None:
        self.refusals = refusals
        self.survey = survey
        super().__init__(" ".join(check.message for check in refusals))


class NotAllowed(Exception):
    """What was asked for is against a rule of the console; the message says which, and nothing was changed."""


class OwnRequest(NotAllowed, access.Refused):
    """Somebody tried to decide on what they have asked for themselves."""


def plan_rollback(
    config: TrackedConfig,
    target: Snapshot,
    *,
    acting_user: User | None,
    only: Sequence[str] = (),
    keep: Sequence[str] = (),
    reverts: Snapshot | None = None,
    despite: str = "",
    confirm_minutes: int | None = None,
    later: bool = False,
    platform: Platform | None = None,
) -> Survey:
    """Look at live and give what a rollback to `target` would send, and how every guard stands; writes nothing remote.

    `only` restores just these places, `keep` leaves these as they are on live. With `reverts` just what that version
    changed is taken back; the target is then the version `before` it. With `confirm_minutes` it is undone unless
    somebody keeps it within so many minutes.
    Raises NotAllowed for minutes out of bounds, PermissionDenied without any role in the tenant, and RemoteError when
    not even a connection can be set up.
    """
    _require(acting_user, config)
    check_confirm_minutes(confirm_minutes)
    platform = platform or connections.connect(config.tenant)
    return surveys.take_survey(
        config,
        target,
        platform=platform,
        only=only,
        keep=keep,
        reverts=reverts,
        despite=despite.strip(),
        confirm_minutes=confirm_minutes,
        later=later,
    )


def request_rollback(
    config: TrackedConfig,
    target: Snapshot,
    *,
    reason: str,
    ticket: str = "",
    acting_user: User | None,
    expected_plan_digest: str | None = None,
    undoes: Rollback | None = None,
    only: Sequence[str] = (),
    keep: Sequence[str] = (),
    reverts: Snapshot | None = None,
    despite: str = "",
    confirm_name: str = "",
    succeeds: Rollback | None = None,
    confirm_minutes: int | None = None,
    later: bool = False,
    platform: Platform | None = None,
) -> Rollback:
    """Plan on live as it is now and store the frozen plan as a request.

    `confirm_name` is the object's name as the person typed it, which a tenant in production asks for; `succeeds` is the
    request whose place it takes. With `expected_plan_digest` the plan must still be the one that the person looked at.
    `despite` is why it goes back to what is labelled bad, `confirm_minutes` after which it is undone unless somebody
    keeps it: both are signed with the plan. With `later` a freeze window does not refuse the request, only its run.
    Raises RequestRefused with every guard that refuses (an entry in the trail says so), NotAllowed for a reason that
    says nothing, a ticket that the tenant does not know as one, a name that was not typed and minutes out of bounds,
    PermissionDenied without the operator's role.
    """
    _require(acting_user, config, Role.OPERATOR)
    reason, ticket = check_reason(reason), check_ticket(ticket, config.tenant)
    check_name(confirm_name, config)
    despite = check_reason(despite) if despite.strip() else ""
    check_confirm_minutes(confirm_minutes)
    platform = platform or connections.connect(config.tenant)
    survey = surveys.take_survey(
        config,
        target,
        platform=platform,
        only=only,
        keep=keep,
        reverts=reverts,
        despite=despite,
        confirm_minutes=confirm_minutes,
        later=later,
    )
    checks = list(survey.checks)
    if expected_plan_digest and survey.plan_digest != expected_plan_digest and survey.live is not None:
        checks.append(
            guards.check_live_unchanged(
                seen=expected_plan_digest,
                now=survey.plan_digest,
                moved=f"live is now version {survey.live.snapshot.version}, "
                f"written by {survey.live.snapshot.author_name or 'somebody'}.",
            )
        )
    refusals = [check for check in checks if check.refuses]
    live = survey.live
    if refusals or live is None or not survey.steps:
        _record_refused_request(
            config,
            actor=trail.actor_name(acting_user),
            reason=reason,
            target_version=target.version,
            checks=checks,
        )
        raise RequestRefused(refusals, survey)
    now = timezone.now()
    rollback = frozen.of_survey(
        survey,
        live,
        undoes=undoes,
        succeeds=succeeds,
        reverts=None if survey.wanted is None else reverts,
        reason=reason,
        ticket=ticket,
        requested_by=acting_user,
        requester=trail.actor_name(acting_user),
        asked_by_account=trail.machine_account() if acting_user is None else trail.account_at_terminal(),
        requested_at=now,
        expires_at=now + LIFETIME,
        approvals_needed=config.tenant.approvals_needed,
    )
    return transitions.open_request(rollback, survey.steps, checks=checks)


def _record_refused_request(
    config: TrackedConfig, *, actor: str, reason: str, target_version: int, checks: Sequence[guards.Check]
) -> None:
    """Append that a request was refused by its guards, all of them named; no rollback comes of it."""
    with transaction.atomic():
        audit.append(
            "rollback.refused",
            tenant=config.tenant,
            actor=actor,
            outcome="refused",
            config=config,
            details={
                "reason": reason,
                "target_version": target_version,
                "refusals": [check.to_json() for check in checks if check.refuses],
            },
        )


def before(version: Snapshot) -> Snapshot | None:
    """Give the version seen before one, to which taking back its change leads; None where it is the first."""
    earlier = Snapshot.objects.filter(config=version.config_id, version__lt=version.version)
    return earlier.select_related("document").order_by("-version", "-captured_at", "-pk").first()


def approve_rollback(rollback: Rollback, *, acting_user: User, plan_digest: str, comment: str = "") -> Rollback:
    """Approve exactly the plan with this digest.

    Raises NotAllowed for one's own request, for a second word by the same person, for another plan than the one seen
    and for a request that no longer waits; PermissionDenied without the approver's role.
    """
    return _decide(
        rollback, Approval.Decision.APPROVED, acting_user=acting_user, plan_digest=plan_digest, comment=comment
    )


def reject_rollback(rollback: Rollback, *, acting_user: User, plan_digest: str, comment: str) -> Rollback:
    """Reject the plan, with a reason, which cancels the request; raises as `approve_rollback` does."""
    if not comment.strip():
        raise NotAllowed(
            "A rejection needs a reason, so that the person who asked knows what to do. Nothing was changed."
        )
    return _decide(
        rollback, Approval.Decision.REJECTED, acting_user=acting_user, plan_digest=plan_digest, comment=comment
    )


def _decide(
    rollback: Rollback, decision: Approval.Decision, *, acting_user: User, plan_digest: str, comment: str
) -> Rollback:
    _require(acting_user, rollback.config, Role.APPROVER)
    account = trail.account_at_terminal()
    if approving.is_asker(rollback, acting_user, account=account):
        own = rollback.requested_by_id == acting_user.pk
        at = "" if own else f" and decides here from the account {account}" if account else " at the terminal"
        raise OwnRequest(
            f"{acting_user.get_username()} asked for this rollback{at}, so somebody else must decide on it. "
            "Nothing was changed.",
            user=acting_user,
            tenant=rollback.tenant,
            needed=["another approver"],
        )
    if plan_digest != rollback.plan_digest:
        raise NotAllowed(
            "The plan that you looked at is not the plan of this request. Nothing was changed; look again."
        )
    if rollback.expires_at <= timezone.now():
        raise NotAllowed("This request has expired. Nothing was changed; ask for a new one on the live state of now.")
    waited = rollback.state == State.AWAITING_APPROVAL
    now = voiding.void(rollback)
    if waited and now.state not in PENDING and now.explanation.startswith(voiding.VOID):
        raise NotAllowed(f"{now.explanation} Your decision was not recorded; plan it again on the live state of now.")
    try:
        return transitions.decide(
            rollback,
            approver=acting_user,
            decision=decision,
            plan_digest=plan_digest,
            comment=comment.strip(),
            account=account,
        )
    except IntegrityError as error:
        raise NotAllowed(
            f"{acting_user.get_username()} has already decided on this request. Nothing was changed."
        ) from error
    except IllegalMove as error:
        raise NotAllowed(f"{error} Nothing was changed.") from error


def plan_again(
    rollback: Rollback, *, acting_user: User | None, confirm_name: str = "", platform: Platform | None = None
) -> Rollback:
    """Ask for the same once more on the live state of now, in the place of a request that ended without effect.

    Whoever had approved is asked only for what is different since then. Raises NotAllowed while the earlier request is
    not at its end, or has a successor that waits, and whatever `request_rollback` raises.
    """
    _require(acting_user, rollback.config, Role.OPERATOR)
    if rollback.state not in AGAIN:
        raise NotAllowed(
            f"This rollback is {rollback.get_state_display()}, so nothing takes its place. Nothing was requested."
        )
    waiting = rollback.succeeded_by.filter(state__in=[state.value for state in PENDING]).first()
    if waiting is not None:
        raise NotAllowed(f"It was planned again already, by {waiting.requester}. No second request was made.")
    return request_rollback(
        rollback.config,
        rollback.target,
        reason=rollback.reason,
        ticket=rollback.ticket,
        acting_user=acting_user,
        undoes=rollback.undoes,
        only=rollback.only,
        keep=rollback.keep,
        reverts=rollback.reverts,
        despite=rollback.despite_label,
        confirm_minutes=rollback.confirm_minutes,
        confirm_name=confirm_name,
        succeeds=rollback,
        platform=platform,
    )


def cancel_rollback(rollback: Rollback, *, acting_user: User | None) -> Rollback:
    """Take a request back before anything was sent; raises NotAllowed once it is too late."""
    _require(acting_user, rollback.config, Role.OPERATOR, Role.APPROVER)
    try:
        return transitions.cancel(rollback, actor=trail.actor_name(acting_user))
    except IllegalMove as error:
        raise NotAllowed(f"{error} Nothing was changed.") from error


def run_rollback(rollback: Rollback, *, acting_user: User | None) -> Rollback:
    """Queue an approved rollback for the workers; the row is the queue, the message only rings the bell."""
    _require(acting_user, rollback.config, Role.OPERATOR, Role.APPROVER)
    with transaction.atomic():
        try:
            queued = transitions.request_run(rollback, actor=trail.actor_name(acting_user))
        except IllegalMove as error:
            raise NotAllowed(f"{error} Nothing was sent.") from error
        transaction.on_commit(lambda: apply_rollback_soon(queued.pk))
    return queued


def keep_rollback(rollback: Rollback, *, acting_user: User | None) -> Confirmation:
    """Keep what a rollback left, so that it is not undone; whoever may ask for a rollback or approve one may keep it.

    Raises NotAllowed where nothing counts down any more; PermissionDenied without the role of operator or approver.
    """
    _require(acting_user, rollback.config, Role.OPERATOR, Role.APPROVER)
    try:
        return confirming.keep(rollback, keeper=acting_user, actor=trail.actor_name(acting_user))
    except confirming.TooLate as error:
        raise NotAllowed(str(error)) from error


def close_presumed(rollback: Rollback, *, acting_user: User, reason: str) -> Rollback:
    """Close an attempt whose outcome stays open, on one person's word, recorded as *presumed* not applied.

    The last resort of PROTOCOL.md ("a person closes it"): only for an outcome that is unknown after the horizon.
    """
    _require(acting_user, rollback.config, Role.APPROVER)
    reason = check_reason(reason)
    attempt = Attempt.objects.filter(rollback=rollback, state=Attempt.State.OPEN).first()
    if attempt is None or rollback.state != State.UNKNOWN:
        raise NotAllowed(
            "Only an attempt whose outcome is still unknown can be closed by a person. Nothing was changed."
        )
    if not leases.claim_attempt(attempt, lease=leases.Lease(f"person:{acting_user.pk}", 60)):
        raise NotAllowed(
            "A worker is driving this attempt at this moment and may be sending it again. Nothing was changed; look at "
            "the outcome in a minute."
        )
    transitions.close_attempt(
        attempt,
        verdict=Verdict.NOT_APPLIED,
        evidence={"presumed": True, "because": f"{acting_user.get_username()} presumed it: {reason}"},
        explanation=explaining.explain_presumed(attempt.step, acting_user.get_username(), reason),
        read_back=None,
        sends=None,
        actor=acting_user.get_username(),
    )
    rollback.refresh_from_db()
    return rollback


def probe_guard(
    config: TrackedConfig,
    *,
    acting_user: User | None,
    platform: Platform | None = None,
    pace: driving.Pace = driving.PACE,
) -> GuardProbe:
    """Prove whether the platform checks the guard of the object's type, by writes that it must refuse.

    Raises `probing.NotProbed` with everything that refuses, nothing sent; PermissionDenied without the operator's role.
    """
    _require(acting_user, config, Role.OPERATOR)
    return probing.probe(config, acting_user=acting_user, platform=platform, pace=pace)


def pending_of(config: TrackedConfig) -> list[Rollback]:
    """Give the requests on an object that wait for a person, newest first."""
    return list(Rollback.objects.filter(config=config, state__in=list(PENDING)).select_related("target", "reverts"))


def check_reason(reason: str) -> str:
    """Give a reason without the space around it; raises NotAllowed for one that says nothing."""
    reason = reason.strip()
    if len(reason) < SHORTEST_REASON:
        raise NotAllowed(
            f"A reason needs at least {SHORTEST_REASON} characters; this one has {len(reason)}. "
            "Nothing was sent. Say what went wrong, for whoever reads the record tomorrow."
        )
    return reason


def name_to_type(config: TrackedConfig) -> str:
    """Give the name that has to be typed before a rollback of this object is asked for; empty outside production."""
    if config.tenant.environment != Tenant.Environment.PRODUCTION:
        return ""
    name = " ".join(str(config).split())
    # What cannot be seen cannot be typed.
    return name if name.isprintable() else config.object_id


def check_name(typed: str, config: TrackedConfig) -> None:
    """Return where the object's name was typed, or need not be; raises NotAllowed."""
    wanted = name_to_type(config)
    if " ".join(typed.split()) != wanted and wanted:
        was = f"what was typed is “{typed.strip()}”" if typed.strip() else "nothing was typed"
        raise NotAllowed(
            f"{config.tenant.name} is in production, so the name of the object has to be typed: “{wanted}”; {was}. "
            "Nothing was sent and nothing was requested."
        )


def check_confirm_minutes(minutes: int | None) -> None:
    """Return for minutes within the bounds, or none; raises NotAllowed."""
    if minutes is not None and not confirming.SHORTEST <= minutes <= confirming.LONGEST:
        raise NotAllowed(
            f"A rollback can be undone by itself after {confirming.SHORTEST} to {confirming.LONGEST} minutes; this "
            f"says {minutes}. Nothing was sent."
        )


def check_ticket(ticket: str, tenant: Tenant) -> str:
    """Give a ticket without the space around it; raises NotAllowed for one that the tenant does not know as one."""
    ticket = ticket.strip()
    if len(ticket) > LONGEST_TICKET:
        raise NotAllowed(
            f"A ticket has at most {LONGEST_TICKET} characters; this one has {len(ticket)}. Nothing was sent. "
            "Give its number; the reason takes the rest."
        )
    if not tickets.matches(tenant.ticket_pattern, ticket):
        was = f"“{ticket}” is none" if ticket else "there is none"
        raise NotAllowed(
            f"Every request in {tenant.name} needs a ticket that looks like {tenant.ticket_pattern}; {was}. Nothing "
            "was sent and nothing was requested."
        )
    return ticket


def _require(acting_user: User | None, config: TrackedConfig, *roles: Role) -> None:
    if acting_user is None:
        return
    if not acting_user.is_active:
        raise PermissionDenied(f"{acting_user.get_username()} is not active. Nothing was done.")
    access.require(acting_user, config.tenant, *roles)
