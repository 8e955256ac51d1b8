"""The page of one rollback in every state: decide, run, watch, read the verdict, undo.

The difference on it is the frozen one, from the base that was planned on to the target: what the approver signs, not
what a live that has moved since would make of it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from rollbacks import (
    actions,
    approving,
    attestations,
    banners,
    differences,
    dossier,
    exceptional,
    explaining,
    freeze_actions,
    progress,
    propagation,
    schedule_actions,
    schedules,
    showing,
    since,
    step_rows,
    timing,
    waiting,
)
from rollbacks.models import Approval, Attempt, AuditEntry, PropagationWatch, Rollback
from rollbacks.states import PENDING, State
from tenants import access, archive, refused_access, step_up
from tenants.access import Role
from tenants.remote import RemoteError
from tenants.resource_types import catalogue
from tenants.sealing import CannotUnseal

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SHOWN_ENTRIES: Final = 30


class DecisionForm(forms.Form):
    """A word on a plan: the digest that was looked at, a comment, and whether to run at once."""

    plan_digest = forms.CharField(max_length=64)
    comment = forms.CharField(required=False, max_length=2000)
    run = forms.BooleanField(required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What this person may do with this rollback now, and why not where that is asked for."""

    decide: bool
    not_decide: str
    run: bool
    cancel: bool
    close: bool
    undo: bool
    plan_again: bool


def row(request: HttpRequest, pk: object) -> Rollback | None:
    """Give a rollback of one of the user's tenants with what its page shows; None for anything else."""
    return (
        Rollback.objects.filter(tenant__in=access.tenants_of(request.user), pk=pk)
        .select_related(
            "tenant",
            "config__tenant",
            "target__document",
            "base__document",
            "requested_by",
            "undoes",
            "reverts",
            "succeeds",
        )
        .defer("target__document__body", "base__document__body")
        .first()
    )


def answer(request: HttpRequest, rollback: Rollback) -> HttpResponse:
    """Show the page, or do what one of its buttons says and show what came of it."""
    if request.method == "POST":
        return _do(request, rollback)
    return _page(request, rollback, typed=step_up.typed(request))


def status(request: HttpRequest, rollback: Rollback) -> JsonResponse:
    """Give where the rollback stands, for the script that watches it, with the list of the run as the page shows it."""
    told = progress.progress_of(rollback)
    html = render_to_string("rollbacks/progress.html", {"progress": told}, request) if told is not None else ""
    response = JsonResponse(
        {
            "state": rollback.state,
            "mark": mark_of(rollback),
            "running": progress.is_running(rollback),
            "sentence": told.sentence if told is not None else "",
            "html": html,
        }
    )
    response["Cache-Control"] = "no-store, private"
    return response


def mark_of(rollback: Rollback) -> str:
    """Give a word that changes whenever the page has to be shown anew as a whole."""
    decided = Approval.objects.filter(rollback=rollback, voided_at__isnull=True).count()
    queued = "queued" if rollback.run_requested_at is not None else "idle"
    watch = propagation.watch_of(rollback)
    waits = schedules.open_of(rollback)
    routing = watch.state if watch else ""
    told = f"{rollback.state}-{queued}-{decided}-{rollback.verdict}-{routing}{exceptional.counted(rollback)}"
    return told if waits is None else f"{told}-{waits.pk}"


def with_problem(request: HttpRequest, rollback: Rollback, problem: str) -> HttpResponse:
    """Answer with the page and the sentence that says what could not be done; 409."""
    return _page(request, rollback, problem=problem, status=409)


def _do(request: HttpRequest, rollback: Rollback) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # the admin site lets only people who are signed in this far
    what = request.POST.get("do", "")
    if what == "approve" and allowed_for(user, rollback, None).decide:
        # Whoever may not approve is told so, and not asked who they are.
        first = step_up.required(request)
        if first is not None:
            return first
    try:
        said = _DOINGS[what](request.POST, rollback, user) if what in _DOINGS else None
    except (actions.NotAllowed, PermissionDenied) as error:
        status = 409
        if isinstance(error, PermissionDenied):
            status = 403
            refused_access.record(error, user=user, tried=f"{what} a rollback", path=request.path)
        rollback.refresh_from_db()
        return _page(request, rollback, problem=str(error), typed=request.POST, status=status)
    if said is None:
        return _page(request, rollback, problem="The form asked for nothing that this page knows.", status=400)
    messages.success(request, said)
    shown = rollback
    if what == "again":
        shown = rollback.succeeded_by.order_by("-requested_at")[0]
    return HttpResponseRedirect(reverse("admin:rollbacks_rollback_change", args=(shown.pk,)))


def _decision(typed: QueryDict) -> dict[str, Any]:
    form = DecisionForm(typed)
    if not form.is_valid():
        problem = " ".join(str(error) for errors in form.errors.values() for error in errors)
        raise actions.NotAllowed(f"{problem} Nothing was changed.")
    return form.cleaned_data


def _approve(typed: QueryDict, rollback: Rollback, user: "User") -> str:
    told = _decision(typed)
    if _decided_already(rollback, user, Approval.Decision.APPROVED):
        return "You have already approved this request."
    decided = actions.approve_rollback(
        rollback, acting_user=user, plan_digest=told["plan_digest"], comment=told["comment"]
    )
    if decided.state != State.APPROVED:
        missing = decided.approvals_needed - len(waiting.approvers_of(decided).given)
        return f"You approved this plan. {missing} more approval{'' if missing == 1 else 's'} needed; nothing was sent."
    if not told["run"]:
        return "You approved this plan. Nothing was sent; it can be run until it expires."
    actions.run_rollback(decided, acting_user=user)
    return "You approved this plan, and it was handed to the workers."


def _reject(typed: QueryDict, rollback: Rollback, user: "User") -> str:
    told = _decision(typed)
    if not _decided_already(rollback, user, Approval.Decision.REJECTED):
        actions.reject_rollback(rollback, acting_user=user, plan_digest=told["plan_digest"], comment=told["comment"])
    return "You rejected this plan. Nothing was sent."


def _cancel(_typed: QueryDict, rollback: Rollback, user: "User") -> str:
    if rollback.state != State.CANCELLED:
        actions.cancel_rollback(rollback, acting_user=user)
    return "The request was cancelled. Nothing was sent."


def _run(_typed: QueryDict, rollback: Rollback, user: "User") -> str:
    if rollback.state == State.APPROVED and rollback.run_requested_at is None:
        actions.run_rollback(rollback, acting_user=user)
        return "The rollback was handed to the workers."
    if progress.is_running(rollback):
        return "The rollback is running already; it was not started twice."
    if rollback.state not in PENDING:
        return "The rollback has already come to its end; it was not started again."
    actions.run_rollback(rollback, acting_user=user)
    return "The rollback was handed to the workers."


def _schedule(typed: QueryDict, rollback: Rollback, user: "User") -> str:
    at, zone = schedule_actions.read_time(typed.get("at", "")[:40], typed.get("zone", "")[:64])
    made = schedule_actions.schedule_run(rollback, at=at, zone=zone, acting_user=user)
    return f"Scheduled. {schedules.sentence(made)} Nothing was sent."


def _when_open(typed: QueryDict, rollback: Rollback, user: "User") -> str:
    zone = schedule_actions.read_zone(typed.get("zone", "")[:64])
    made = schedule_actions.schedule_run(rollback, at=None, zone=zone, acting_user=user)
    return f"Scheduled. {schedules.sentence(made)} Nothing was sent."


def _unschedule(_typed: QueryDict, rollback: Rollback, user: "User") -> str:
    schedule_actions.cancel_schedule(rollback, acting_user=user)
    return "The schedule was cancelled. The rollback stays approved; nothing was sent."


def _override(typed: QueryDict, rollback: Rollback, user: "User") -> str:
    freeze_actions.override_freeze(rollback, reason=typed.get("reason", ""), acting_user=user)
    return "You overrode the freeze for exactly this plan. Nothing was sent; every other guard still holds."


def _close(typed: QueryDict, rollback: Rollback, user: "User") -> str:
    actions.close_presumed(rollback, acting_user=user, reason=typed.get("comment", ""))
    return "The attempt was closed as presumed not applied, on your word. The console stops reading."


def _again(typed: QueryDict, rollback: Rollback, user: "User") -> str:
    try:
        successor = actions.plan_again(rollback, acting_user=user, confirm_name=typed.get("confirm_name", ""))
    except actions.RequestRefused as refused:
        raise actions.NotAllowed(f"It could not be planned again. {refused}") from refused
    except (RemoteError, CannotUnseal) as error:
        raise actions.NotAllowed(f"It could not be planned again. {error} Nothing was requested.") from error
    return f"It was planned again on the new live, v{successor.base.version}."


_DOINGS: Final = {
    "approve": _approve,
    "reject": _reject,
    "cancel": _cancel,
    "run": _run,
    "schedule": _schedule,
    "when_open": _when_open,
    "unschedule": _unschedule,
    "override": _override,
    "close": _close,
    "again": _again,
    **exceptional.DOINGS,
}


def _decided_already(rollback: Rollback, user: "User", decision: Approval.Decision) -> bool:
    given = Approval.objects.filter(rollback=rollback, approver=user, decision=decision)
    return given.filter(voided_at__isnull=True).exists()


def _page(
    request: HttpRequest, rollback: Rollback, *, problem: str = "", typed: Any = None, status: int = 200
) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # as above
    attempts = list(
        Attempt.objects.filter(rollback=rollback).select_related("read_back__document", "step").order_by("step__number")
    )
    attempt = attempts[-1] if attempts else None
    allowed = allowed_for(user, rollback, attempt)
    running = progress.is_running(rollback)
    watch = propagation.watch_of(rollback)
    routing_watched = watch is not None and watch.state == PropagationWatch.State.WATCHING
    approvals = list(rollback.approvals.select_related("approver"))
    difference, difference_problem = _frozen_difference(rollback)
    when = timing.timing_of(rollback, user)
    waits_for = [showing.name_of(one) for one in waiting.approvers_for(rollback)]
    approvers = waiting.approvers_of(rollback)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"Roll back {rollback.config}",
        "rollback": rollback,
        "config": rollback.config,
        "attempt": attempt,
        "writes": list(rollback.steps.select_related("attempt")),
        "parts": [step_rows.part_of(one.step, one, evidence_of(one)) for one in attempts],
        "steps": exceptional.steps_of(rollback, _steps(rollback)),
        "banner": banners.banner_of(rollback, attempt),
        "progress": progress.progress_of(rollback),
        "running": running,
        "watching": running
        or routing_watched
        or (when is not None and when.schedule is not None)
        or exceptional.is_under_way(rollback)
        or (rollback.state in PENDING and not allowed.decide),
        **exceptional.context_of(rollback, user),
        "routing": propagation.told(watch) if watch is not None else None,
        "look_every": 1000 if running else 5000,
        "mark": mark_of(rollback),
        "allowed": allowed,
        "timing": when,
        "problem": problem,
        "typed": typed or {},
        "approvals": approvals,
        "approvers": approvers,
        "since": since.since_approval(rollback, user) if rollback.state in PENDING else None,
        "succeeded_by": list(rollback.succeeded_by.select_related("base", "target", "reverts")),
        "name_to_type": actions.name_to_type(rollback.config),
        "waits_for": showing.names_in_words(waits_for),
        "rows": difference,
        "now_head": f"{'Now' if rollback.state in {*PENDING, State.APPLYING} else 'Before'} (v{rollback.base.version})",
        "after_head": "After" if rollback.is_composed else f"After (v{rollback.target.version})",
        "difference_problem": difference_problem,
        "requester": showing.requester_of(rollback),
        "may_take_evidence": access.may(user, rollback.tenant, Role.AUDITOR, Role.APPROVER, Role.OPERATOR),
        "level": showing.LEVELS[rollback.guard_level],
        "step_rows": step_rows.rows_of(rollback),
        "approved_by": showing.names_in_words(
            [
                showing.name_of(one.approver)
                for one in approvals
                if one.decision == Approval.Decision.APPROVED and one.voided_at is None
            ],
            word="and",
        ),
        "entries": list(AuditEntry.objects.filter(rollback=rollback).defer("payload").order_by("seq")[:SHOWN_ENTRIES]),
        "dossier": dossier.dossier_of(rollback),
        "attestations": attestations.of_writes(rollback),
        "undone_by": list(rollback.undone_by.select_related("base", "target")),
    }
    response = TemplateResponse(request, "rollbacks/rollback.html", context)
    response.status_code = status
    return response


def allowed_for(user: "User", rollback: Rollback, attempt: Attempt | None) -> Allowed:
    """Say what this person may do with this rollback now."""
    roles = access.roles_in(user, rollback.tenant)
    acts = bool(roles & {Role.OPERATOR, Role.APPROVER})
    pending = rollback.state in PENDING
    waits = rollback.state == State.AWAITING_APPROVAL
    queued = rollback.run_requested_at is not None
    ended = rollback.state in actions.AGAIN
    not_decide = _why_not_decide(user, rollback, roles) if waits else ""
    return Allowed(
        decide=waits and not not_decide,
        not_decide=not_decide,
        run=rollback.state == State.APPROVED and not queued and acts,
        cancel=pending and acts,
        close=rollback.state == State.UNKNOWN
        and attempt is not None
        and attempt.state == Attempt.State.OPEN
        and Role.APPROVER in roles,
        undo=rollback.state == State.APPLIED and Role.OPERATOR in roles,
        plan_again=ended and Role.OPERATOR in roles,
    )


def _why_not_decide(user: "User", rollback: Rollback, roles: frozenset[Role]) -> str:
    if rollback.requested_by_id == user.pk:
        return "You asked for this rollback, so somebody else must decide on it."
    if Role.APPROVER not in roles:
        return "You may look at this request; deciding on it needs the role approver in this tenant."
    if approving.is_asker(rollback, user):
        return "This rollback was asked for from the account of the machine that bears your name."
    if rollback.approvals.filter(approver=user, voided_at__isnull=True).exists():
        return "You have decided on this request; each person's word counts once."
    if rollback.expires_at <= timezone.now():
        return "This request has expired, so nobody can decide on it any more."
    return ""


def _steps(rollback: Rollback) -> list[showing.Step]:
    match rollback.state:
        case State.AWAITING_APPROVAL:
            return showing.steps(4)
        case State.APPROVED | State.APPLYING:
            return showing.steps(5)
        case State.CANCELLED | State.EXPIRED:
            approved = rollback.approvals.filter(decision=Approval.Decision.APPROVED, voided_at__isnull=True).count()
            stopped_at = 5 if approved >= rollback.approvals_needed else 4
            return showing.steps(stopped_at, failed=True)
        case State.APPLIED:
            return showing.steps(6, finished=True)
        case State.UNKNOWN:
            return showing.steps(6)
        case _:
            return showing.steps(6, failed=True)


def evidence_of(attempt: Attempt) -> list[tuple[str, str]]:
    """Give what a verdict rests on, in words."""
    if attempt.state != Attempt.State.CLOSED:
        return []
    found: dict[str, Any] = attempt.evidence
    facts = []
    if found.get("nothing_sent"):
        facts.append(("Sent", "nothing: what it writes was not what the plan says before the first send"))
    if found.get("confirmed_by") == "answer":
        expected = attempt.step.expected_version
        numbered = f" that carries version {expected}" if expected is not None else ""
        facts.append(("Answer", f"a success{numbered}"))
    if "author_is_us" in found:
        ours = bool(found["author_is_us"])
        facts.append(
            ("Author", "the platform names our OAuth client" if ours else "the platform names another author than us")
        )
    if found.get("overwritten_by"):
        facts.append(("Overwritten by", f"v{found['overwritten_by']}"))
    if found.get("vanished"):
        facts.append(("Object", "the platform says that it does not exist any more"))
    said = ("Alarm", str(found.get("alarm", "")).replace("_", " ")), ("Because", str(found.get("because", "")))
    facts += [(name, words) for name, words in (*said, ("Assumed", explaining.explain_assumed(found))) if words]
    if attempt.race_window_ms is not None:
        facts.append(("Race window", _race_window(attempt)))
    return facts


def _race_window(attempt: Attempt) -> str:
    window = f"{attempt.race_window_ms} ms from comparing live"
    if attempt.sends.exclude(status=None).exists():
        return f"{window} to the answer of the write"
    return f"{window} to the end of the wait for an answer; the write may have landed later"


def _frozen_difference(rollback: Rollback) -> tuple[list[showing.ChangeRow], str]:
    try:
        difference = differences.difference_of(rollback)
    except (archive.UnusableContent, catalogue.UnknownType) as error:
        return [], f"The difference cannot be shown. {error}"
    return showing.change_rows(difference.changes), ""
