"""Void by itself: when the plan of a request, or an approval of it, holds no more, as far as the database can tell.

Live is looked at by captures, sweeps and surveys; whatever they see moves the config's `live`, and a plan that was made
on another state is void from then on, whether anybody runs it or not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from rollbacks import approving, audit, confirming, facts, moving, schedules, telling
from rollbacks.models import Approval, Rollback, Schedule
from rollbacks.states import PENDING, State
from rollbacks.verdicts import Verdict
from tenants.models import TrackedConfig
from tenants.resource_types import catalogue

VOID: Final = "The plan is void:"
"""How the explanation of a request begins that ended by itself."""
_RUNNING: Final[ContextVar[UUID | None]] = ContextVar("running", default=None)


@contextmanager
def left_to_its_run(rollback: Rollback) -> Iterator[None]:
    """Leave one rollback to its own last survey while inside: that ends it with everything that it has found."""
    reset = _RUNNING.set(rollback.pk)
    try:
        yield
    finally:
        _RUNNING.reset(reset)


def void_planned_on(config: TrackedConfig) -> None:
    """Void the pending rollbacks of an object that no run is about to judge; inside the caller's transaction.

    All of them are locked before the first entry: the head of the trail is locked last.
    """
    pending = Rollback.objects.filter(
        config=config, state__in=[state.value for state in PENDING], run_requested_at__isnull=True
    )
    locked = pending.order_by("pk").select_for_update(of=("self",), no_key=True)
    for rollback in [one for one in locked if one.pk != _RUNNING.get()]:
        void(rollback)


def why_moved(rollback: Rollback) -> str:
    """Say who moved live since the plan was made; empty while it is, as far as anybody has seen, the plan's base."""
    if rollback.config.presence == TrackedConfig.Presence.VANISHED:
        return f"the object is gone from the platform. {rollback.config.presence_detail}"
    live = rollback.config.live
    if live is None or live.pk == rollback.base_id:
        return ""
    same_version = rollback.base_version is None or live.version == rollback.base_version
    if same_version and live.digest == rollback.base_digest and _same_etag(rollback):
        return ""
    who = live.author_name or live.author_id or "somebody whom the platform does not name"
    if not same_version:
        return f"live is version {live.version} by now, written by {who}, and not version {rollback.base_version}."
    what = "the content of live" if live.digest != rollback.base_digest else "the ETag of live"
    return f"{what} is another one by now, written by {who}."


def why_other_plan(rollback: Rollback) -> str:
    """Say what of the plan is not what was signed: a stored step, or the rules of its type; empty while all is."""
    try:
        rtype = catalogue.get(rollback.config.resource_type)
    except catalogue.UnknownType:
        return f"the type {rollback.config.resource_type} is not known any more."
    if rtype.profile != rollback.type_profile:
        return "the rules of its type are other ones by now."
    if facts.is_altered(rollback):
        if facts.signs_no_parts(rollback):
            return "it is for chosen parts, and was made before plans signed which ones."
        return "what is stored is not what was planned: its digest is another. Have the database checked."
    return ""


def void(rollback: Rollback) -> Rollback:
    """End a request whose plan holds no more, and void the approvals that count no more; nothing where all hold.

    Live moved, or the plan: it ends. Whoever asked may not ask any more: it ends. An approval counts no more
    (`approving`), or the tenant asks for more of them: what was approved waits for approval again.
    """
    with transaction.atomic():
        locked = (
            Rollback.objects.select_for_update(of=("self",), no_key=True)
            .select_related("tenant", "config__live", "requested_by")
            .get(pk=rollback.pk)
        )
        if locked.state not in PENDING:
            return locked
        moved = why_moved(locked) if locked.run_requested_at is None else ""
        others = list(filter(None, [why_other_plan(locked), approving.why_asker_may_not(locked)]))
        if moved or others:
            return _end_void(locked, " ".join(filter(None, [moved, *others])), moved=bool(moved))
        void_approvals(locked)
    return locked


def holds_no_more(rollback: Rollback) -> bool:
    """Say whether `void` would change anything, without a lock."""
    moved = rollback.run_requested_at is None and bool(why_moved(rollback))
    return (
        moved
        or bool(why_other_plan(rollback) or approving.why_asker_may_not(rollback))
        or bool(approving.voided_by_now(rollback))
        or (
            approving.needed(rollback) > rollback.approvals_needed
            and rollback.glass_id is None
            and not confirming.is_undo(rollback)
        )
    )


def ask_for_approvals(rollback: Rollback) -> Rollback:
    """Let a request that needed no approval wait for those that its tenant asks for by now."""
    with transaction.atomic():
        locked = (
            Rollback.objects.select_for_update(of=("self",), no_key=True)
            .select_related("tenant", "config", "requested_by")
            .get(pk=rollback.pk)
        )
        if locked.state != State.APPROVED or locked.approvals_needed:
            return locked
        locked.approvals_needed = locked.tenant.approvals_needed
        _wait_again(locked, f"{locked.tenant.name} asks for {locked.approvals_needed} approvals by now.")
    return locked


def _end_void(locked: Rollback, why: str, *, moved: bool) -> Rollback:
    fields: dict[str, object] = {
        "explanation": f"{VOID} {why} Nothing was sent.",
        "run_requested_at": None,
        "run_again_at": None,
    }
    if moved:
        moving.move(locked, State.CONFLICT, verdict=Verdict.CONFLICT, **fields)
    else:
        moving.move(locked, State.CANCELLED, **fields)
    schedules.end_open(locked, Schedule.End.VOID)
    audit.append(
        "rollback.voided",
        tenant=locked.tenant,
        actor=audit.CONSOLE,
        outcome="conflict" if moved else "refused",
        config=locked.config,
        rollback=locked,
        details={"because": why, "approved_by": facts.approvers_of(locked), **facts.plan_facts(locked)},
    )
    telling.plan_void(locked, why)
    return locked


def void_approvals(locked: Rollback) -> None:
    """Void what counts no more, and let the rollback wait for approval again where too few are left."""
    void = approving.voided_by_now(locked)
    for approval in Approval.objects.filter(pk__in=void).select_related("approver"):
        Approval.objects.filter(pk=approval.pk).update(voided_at=timezone.now(), void_because=void[approval.pk])
        audit.append(
            "approval.voided",
            tenant=locked.tenant,
            actor=audit.CONSOLE,
            outcome="refused",
            config=locked.config,
            rollback=locked,
            details={
                "approver": approval.approver.get_username(),
                "because": void[approval.pk],
                "plan_digest": locked.plan_digest,
            },
        )
    if locked.glass_id is not None or confirming.is_undo(locked):
        return  # it is carried out without approvals of its own: under broken glass, or by another rollback's
    needed, given = approving.needed(locked), facts.approvals_given(locked)
    more = needed > locked.approvals_needed
    if not void and not more:
        return
    by_now = [f"{locked.tenant.name} asks for {needed} approvals by now."] if more else []
    why = " ".join([*void.values(), *by_now])
    if locked.state == State.APPROVED and given < needed:
        locked.approvals_needed = needed
        _wait_again(locked, why)
        return
    if more:
        Rollback.objects.filter(pk=locked.pk).update(approvals_needed=needed)
        locked.refresh_from_db()
    if locked.state == State.AWAITING_APPROVAL:
        telling.approval_wanted(locked, because=why)


def _wait_again(locked: Rollback, why: str) -> None:
    """Let what was approved wait for approval again; nothing is sent before."""
    schedules.end_open(locked, Schedule.End.VOID)
    moving.move(
        locked,
        State.AWAITING_APPROVAL,
        approvals_needed=locked.approvals_needed,
        explanation=f"It waits for approval again: {why} Nothing was sent.",
        run_requested_at=None,
        run_again_at=None,
    )
    audit.append(
        "rollback.waits_again",
        tenant=locked.tenant,
        actor=audit.CONSOLE,
        outcome="refused",
        config=locked.config,
        rollback=locked,
        details={
            "because": why,
            "approvals": f"{facts.approvals_given(locked)} of {locked.approvals_needed}",
            "plan_digest": locked.plan_digest,
        },
    )
    telling.approval_wanted(locked, because=why)


def _same_etag(rollback: Rollback) -> bool:
    live = rollback.config.live
    return live is None or facts.bytes_or_none(live.etag) == facts.bytes_or_none(rollback.base_etag)
