"""The page on which a rollback is planned and asked for: what will change on live, every guard, and the reason.

A GET looks at live and writes nothing to the platform. A POST asks for exactly the plan that was shown; when live has
moved or a guard refuses, the page comes back on the state of now with everything that the person typed.
"""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.datastructures import MultiValueDict

from rollbacks import actions, choosing_parts, confirming, guards, showing, step_rows, surveys, waiting
from rollbacks.models import Rollback
from rollbacks.states import PENDING
from tenants import access, archive
from tenants.access import Role
from tenants.models import Snapshot, TrackedConfig
from tenants.remote import RemoteError
from tenants.resource_types import secrets
from tenants.sealing import CannotUnseal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User

    from rollbacks.surveys import Survey
    from tenants.documents import Value


LONGEST_DESPITE: Final = 500
"""In characters: it stands in the address of the page, so that the plan that is shown is the one that is signed."""


class ReasonForm(forms.Form):
    """Why a rollback is asked for, and the digest of the plan that the person looked at."""

    reason = forms.CharField(
        max_length=2000,
        min_length=actions.SHORTEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3, "aria-describedby": "reason-help"}),
        error_messages={
            "required": "Say why, for whoever reads the record tomorrow. Nothing was sent.",
            "min_length": "A reason needs at least %(limit_value)d characters; this one has %(show_value)d. "
            "Nothing was sent.",
            "max_length": "A reason may have %(limit_value)d characters; this one has %(show_value)d. "
            "Nothing was sent.",
        },
    )
    ticket = forms.CharField(
        max_length=100,
        required=False,
        error_messages={
            "max_length": "A ticket may have %(limit_value)d characters; this one has %(show_value)d. Nothing was sent."
        },
    )
    plan_digest = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    confirm_name = forms.CharField(
        max_length=400,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "aria-describedby": "name-help"}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the address of the page asks for."""

    config: TrackedConfig
    target: Snapshot
    undoes: Rollback | None
    again: Rollback | None
    """An earlier request whose reason is offered again."""
    only: tuple[str, ...]
    """Places: restore just these; empty for all of it."""
    keep: tuple[str, ...]
    """Places: leave these as they are on live."""
    reverts: Snapshot | None
    """The version whose own change alone is taken back."""
    despite: str
    """Why it goes back to what is labelled bad; empty until somebody confirms that."""
    confirm_minutes: int | None
    """Undo it unless somebody keeps it within so many minutes; None for not."""
    later: bool
    """Whether it is asked for while a freeze window is on, to run once none is."""


def answer(request: HttpRequest, config_id: UUID, target_id: int) -> HttpResponse:
    """Show the plan, or ask for it; another tenant's config or version answers 404."""
    return _answer(request, _asked(request, config_id, target_id))


def answer_undo(request: HttpRequest, config_id: UUID, version_id: int) -> HttpResponse:
    """Show the plan that takes back just what one version changed, or ask for it; 404 where that is not known."""
    version = _version(_config(request, config_id), version_id)
    target = actions.before(version)
    if target is None:
        raise Http404(f"v{version.version} is the first version that was seen, so what it changed is not known.")
    return _answer(request, _asked(request, config_id, target.pk, reverts=version))


def _answer(request: HttpRequest, asked: Asked) -> HttpResponse:
    confirms = request.POST.get("do") == "confirm"
    if request.method == "POST" and not confirms:
        return _choose(request, asked) if request.POST.get("do") == "choose" else _ask(request, asked)
    first = {"reason": asked.again.reason, "ticket": asked.again.ticket} if asked.again is not None else {}
    return _page(request, asked, ReasonForm(initial=first))


def _config(request: HttpRequest, config_id: UUID) -> TrackedConfig:
    config = access.configs_of(request.user).select_related("tenant", "live").filter(pk=config_id).first()
    if config is None:
        raise Http404("There is no such configuration.")
    return config


def _version(config: TrackedConfig, version_id: int) -> Snapshot:
    found = config.snapshots.select_related("document").defer("document__body").filter(pk=version_id).first()
    if found is None:
        raise Http404("There is no such version of this configuration.")
    return found


def _asked(request: HttpRequest, config_id: UUID, target_id: int, *, reverts: Snapshot | None = None) -> Asked:
    config = _config(request, config_id)
    # What was ticked is in the form once there is one: not all of it may have found room in the address.
    typed = request.POST if "chosen" in request.POST else request.GET
    return Asked(
        config=config,
        target=_version(config, target_id),
        undoes=_earlier(request, config, "undoes"),
        again=_earlier(request, config, "again"),
        only=tuple(pointer for pointer in request.GET.getlist("only") if pointer),
        keep=tuple(dict.fromkeys(place for place in typed.getlist("keep") if place)),
        reverts=reverts,
        # Never from an address: a link that somebody follows confirms nothing, and no log of addresses keeps the words.
        despite=_confirmed(request.POST.get("despite", "")),
        confirm_minutes=_minutes(request.GET.get("confirm", "")),
        later=request.GET.get("later") == "1",
    )


def _minutes(text: str) -> int | None:
    """Give the minutes that were typed where they are within the bounds; the page says so where they are not."""
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 5):
        return None
    try:
        actions.check_confirm_minutes(int(text))
    except actions.NotAllowed:
        return None
    return int(text)


def _confirmed(despite: str) -> str:
    """Give what was typed where it says something, as the request itself would demand."""
    try:
        return actions.check_reason(despite[:LONGEST_DESPITE])
    except actions.NotAllowed:
        return ""


def _earlier(request: HttpRequest, config: TrackedConfig, name: str) -> Rollback | None:
    text = request.POST.get(name) or request.GET.get(name)
    if not text:
        return None
    try:
        key = UUID(text)
    except ValueError as error:
        raise Http404("There is no such rollback.") from error
    found = Rollback.objects.filter(pk=key, config=config).select_related("target", "base").first()
    if found is None:
        raise Http404("There is no such rollback of this configuration.")
    return found


def _choose(request: HttpRequest, asked: Asked) -> HttpResponse:
    """Show the plan anew with what was ticked; where the address has room for it, under an address that says so.

    Not where going back to bad content was confirmed: no address says that.
    """
    keep = list(asked.keep)
    button = request.POST.get("of", "")
    if button or len(keep) > choosing_parts.FEW:
        user: User = request.user  # type: ignore[assignment]  # as below
        try:
            survey = actions.plan_rollback(asked.config, asked.target, acting_user=user, reverts=asked.reverts)
            keep = choosing_parts.ticked(keep, surveys.later_work(survey), button=button)
        except (RemoteError, CannotUnseal) as error:
            return _page(request, asked, ReasonForm(), problem=str(error), status=502)
    asked = replace(asked, keep=tuple(keep))
    query = [(name, value) for name, value in request.GET.items() if name in {"undoes", "again", "confirm", "later"}]
    query += [("only", place) for place in asked.only] + [("keep", place) for place in asked.keep]
    address = f"{request.path}?{urlencode(query)}" if query else request.path
    if len(address) <= choosing_parts.LONGEST_ADDRESS and not asked.despite:
        return HttpResponseRedirect(f"{address}#later")
    return _page(request, asked, ReasonForm())


def _ask(request: HttpRequest, asked: Asked) -> HttpResponse:
    form = ReasonForm(request.POST)
    user: User = request.user  # type: ignore[assignment]  # the admin site lets only people who are signed in this far
    if not form.is_valid():
        return _page(request, asked, form, status=422)
    digest = form.cleaned_data["plan_digest"]
    with _one_after_another(f"{user.pk} {digest}"):
        earlier = _already_asked(asked, digest, user)
        if earlier is not None:
            messages.info(request, "You have already asked for exactly this; no second request was made.")
            return _to(earlier)
        try:
            rollback = actions.request_rollback(
                asked.config,
                asked.target,
                reason=form.cleaned_data["reason"],
                ticket=form.cleaned_data["ticket"],
                acting_user=user,
                expected_plan_digest=digest or None,
                undoes=asked.undoes,
                only=asked.only,
                keep=asked.keep,
                reverts=asked.reverts,
                despite=asked.despite,
                confirm_name=form.cleaned_data["confirm_name"],
                succeeds=asked.again,
                confirm_minutes=asked.confirm_minutes,
                later=asked.later,
            )
        except actions.RequestRefused as refused:
            return _page(request, asked, form, refusals=refused.refusals, status=409)
        except actions.NotAllowed as error:
            form.add_error(None, str(error))
            return _page(request, asked, form, status=409)
        except (RemoteError, CannotUnseal) as error:
            return _page(request, asked, form, problem=str(error), status=502)
    if rollback.approvals_needed:
        said = "The rollback was requested. Nothing is sent before somebody else has approved exactly this plan."
        too_few = waiting.approvers_of(rollback).too_few
        if too_few:
            messages.warning(request, too_few)
    else:
        said = "The rollback was requested. No approval is needed in this tenant; nothing is sent before it is run."
    messages.success(request, said)
    return _to(rollback)


def _to(rollback: Rollback) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:rollbacks_rollback_change", args=(rollback.pk,)))


@contextmanager
def _one_after_another(what: str) -> "Iterator[None]":
    """Let one request after another through for the same words: a form that was clicked twice arrives twice at once.

    A lock of the session and not of a transaction, because the platform is asked meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [what])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [what])


def _already_asked(asked: Asked, digest: str, user: "User") -> Rollback | None:
    """Find the same person's open request for the same plan: a form that was sent twice makes one request."""
    if not digest:
        return None
    return Rollback.objects.filter(
        config=asked.config, plan_digest=digest, requested_by=user, state__in=[state.value for state in PENDING]
    ).first()


def _page(
    request: HttpRequest,
    asked: Asked,
    form: ReasonForm,
    *,
    refusals: list[guards.Check] | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # as above
    config, target = asked.config, asked.target
    survey: Survey | None = None
    try:
        survey = actions.plan_rollback(
            config,
            target,
            acting_user=user,
            only=asked.only,
            keep=asked.keep,
            reverts=asked.reverts,
            despite=asked.despite,
            confirm_minutes=asked.confirm_minutes,
            later=asked.later,
        )
    except (RemoteError, CannotUnseal) as error:
        problem = problem or str(error)
    may_ask = access.may(user, config.tenant, Role.OPERATOR)
    refused = bool(problem) or survey is None or bool(survey.refusals)
    title = f"Undo the rollback of {config}" if asked.undoes is not None else f"Roll back {config}"
    if asked.reverts is not None:
        title = f"Undo only v{asked.reverts.version} of {config}"
    overlaps = choosing_parts.overlap_rows(survey.overlaps) if survey is not None else []
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": title,
        "config": config,
        "target": target,
        "undoes": asked.undoes,
        "only": asked.only,
        "keep": asked.keep,
        "reverts": asked.reverts,
        "taken_back": choosing_parts.version_words(asked.reverts, target) if asked.reverts is not None else "",
        "later": choosing_parts.groups(surveys.later_work(survey)) if survey is not None and not asked.only else [],
        "overlaps": overlaps,
        "target_name": f"v{target.version}" if asked.reverts is None else f"Before v{asked.reverts.version}",
        "target_heading": "Goes back to" if asked.reverts is None else f"Before v{asked.reverts.version}",
        "again": asked.again,
        "survey": survey,
        "step_rows": step_rows.planned_rows(survey.steps) if survey and step_rows.in_steps(survey.steps) else [],
        "live": survey.live if survey is not None else None,
        "problem": problem,
        "moved": _moved(refusals),
        "passed": _passed(refusals, survey),
        "refused": refused,
        "refusing": list(survey.refusals) if survey is not None else [],
        "confirm_later": _only(survey, "freeze") and may_ask,
        "later_address": _with_later(request),
        "confirm_label": _only(survey, "label") and may_ask,
        "despite": survey.despite_label if survey is not None else "",
        "name_to_type": actions.name_to_type(config),
        "asked_despite": request.POST.get("despite", ""),
        "shortest_reason": actions.SHORTEST_REASON,
        "confirm_minutes": asked.confirm_minutes,
        "asked_confirm": request.GET.get("confirm", ""),
        "confirm_bounds": (confirming.SHORTEST, confirming.LONGEST),
        "kept_for_confirm": [
            *((name, value) for name, value in request.GET.items() if name in {"undoes", "again"}),
            *(("only", place) for place in asked.only),
            *(("keep", place) for place in asked.keep),
        ],
        "rows": showing.change_rows(survey.difference.changes) if survey and survey.difference else [],
        "now_head": f"Now (v{survey.live.snapshot.version})" if survey and survey.live else "Now",
        "after_head": "After" if survey and surveys.composition(survey) else f"After (v{target.version})",
        "counts": _counts(survey),
        "kept": _kept(survey),
        "level": showing.LEVELS[survey.guard_level] if survey is not None else None,
        "steps": showing.steps(2 if not form.is_bound else 3, failed=refused),
        "form": form,
        "digest": survey.plan_digest if survey is not None else "",
        "may_ask": may_ask,
        "approvers": waiting.approvers_in(config.tenant, asker=user),
        "pending": actions.pending_of(config),
        "running": _running(config),
    }
    response = TemplateResponse(request, "rollbacks/plan.html", context)
    response.status_code = status
    return response


def _only(survey: "Survey | None", guard: str) -> bool:
    return survey is not None and [check.guard for check in survey.refusals] == [guard]


def _with_later(request: HttpRequest) -> str:
    query = request.GET.copy()
    query["later"] = "1"
    return f"{request.path}?{query.urlencode()}"


def _moved(refusals: list[guards.Check] | None) -> str:
    """Give the sentence about a live that moved while the person was reading; it is gone from the fresh survey."""
    return next((check.message for check in refusals or () if check.guard == "live_unchanged"), "")


def _passed(refusals: list[guards.Check] | None, survey: "Survey | None") -> list[str]:
    """Give what refused the request and stands in the way no more, such as a write that has ended since."""
    still = {check.guard for check in survey.refusals} if survey is not None else set()
    return [check.message for check in refusals or () if check.guard not in {*still, "live_unchanged"}]


def _counts(survey: "Survey | None") -> list[tuple[str, int]]:
    if survey is None or survey.difference is None:
        return []
    counted = MultiValueDict[str, int]()
    for change in survey.difference.significant:
        counted.appendlist(change.kind, 1)
    return [(kind, len(found)) for kind, found in counted.lists()]


def _kept(survey: "Survey | None") -> list[showing.Kept]:
    if survey is None or survey.live is None:
        return []
    old: dict[str, Value] | None
    try:
        old = archive.value_of(survey.target)
    except archive.UnusableContent:
        old = None
    now = secrets.hidden(survey.rtype, survey.live.value)
    then = None if old is None else secrets.hidden(survey.rtype, old, beside=survey.live.value)
    return showing.kept_rows(survey.kept_from_live, now, then)


def _running(config: TrackedConfig) -> Rollback | None:
    return Rollback.objects.filter(config=config, attempts__state="open").select_related("target").first()
