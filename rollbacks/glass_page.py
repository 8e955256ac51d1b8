"""The pages of broken glass: break it on one object, see one and what was done under it, review it, see all.

Before the glass is broken the session has to prove itself again (`tenants.step_up`).
"""

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from rollbacks import actions, breaking_glass, emergencies, showing
from rollbacks.models import AuditEntry, BrokenGlass, Rollback
from tenants import access, refused_access, step_up

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from tenants.models import TrackedConfig

SHOWN: Final = 50


class BreakForm(forms.Form):
    """Why the approvals are skipped, on which object, and for how long."""

    reason = forms.CharField(
        max_length=2000,
        min_length=actions.SHORTEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3, "aria-describedby": "reason-help"}),
        error_messages={
            "required": "Say why it cannot wait for an approval. Nothing was changed.",
            "min_length": "A reason needs at least %(limit_value)d characters; this one has %(show_value)d. "
            "Nothing was changed.",
        },
    )
    typed_name = forms.CharField(
        max_length=500,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "aria-describedby": "name-help"}),
        error_messages={"required": "Type the name of the object. Nothing was changed."},
    )
    minutes = forms.IntegerField(
        min_value=emergencies.SHORTEST,
        max_value=emergencies.LONGEST,
        initial=emergencies.DEFAULT_MINUTES,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"),
            f"Give {emergencies.SHORTEST} to {emergencies.LONGEST} minutes. Nothing was changed.",
        ),
    )


def answer_break(request: HttpRequest, config_id: UUID) -> HttpResponse:
    """Show what breaking the glass on an object means, or break it; another tenant's object answers 404."""
    config = access.configs_of(request.user).select_related("tenant", "live").filter(pk=config_id).first()
    if config is None:
        raise Http404("There is no such configuration.")
    rollback = _rollback(request, config)
    if request.method == "POST":
        return _break(request, config, rollback)
    # What was typed before the session had to prove itself again is still there.
    return _break_page(request, config, rollback, BreakForm(initial=step_up.typed(request)))


def _rollback(request: HttpRequest, config: "TrackedConfig") -> Rollback | None:
    """Give the request from whose page somebody came, to lead back there."""
    text = request.GET.get("rollback", "")
    try:
        return Rollback.objects.filter(pk=UUID(text), config=config).select_related("target").first()
    except ValueError:
        return None


def _break(request: HttpRequest, config: "TrackedConfig", rollback: Rollback | None) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # the admin site lets only people who are signed in this far
    form = BreakForm(request.POST)
    try:
        access.require(user, config.tenant, *access.BREAKS_GLASS)
    except access.Refused as refused:
        refused_access.record(refused, user=user, tried="break the glass", path=request.path)
        return _break_page(request, config, rollback, form, problem=str(refused), status=403)
    if not form.is_valid():
        return _break_page(request, config, rollback, form, status=422)
    asked = step_up.required(request)
    if asked is not None:
        return asked
    try:
        glass = breaking_glass.break_glass(config, acting_user=user, **form.cleaned_data)
    except actions.NotAllowed as error:
        return _break_page(request, config, rollback, form, problem=str(error), status=409)
    messages.warning(
        request,
        f"You broke the glass on {config} until {glass.until:%H:%M} UTC. Those who are skipped were told, and somebody "
        "else has to review it.",
    )
    return HttpResponseRedirect(_address(glass) if rollback is None else _address_of(rollback))


def _break_page(
    request: HttpRequest,
    config: "TrackedConfig",
    rollback: Rollback | None,
    form: BreakForm,
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # as above
    owed = BrokenGlass.objects.filter(tenant=config.tenant, settled_at__isnull=True).select_related("config").first()
    skipped = access.people_with_role(config.tenant, *emergencies.SETTLES).exclude(pk=user.pk)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"Break the glass on {config}",
        "config": config,
        "tenant": config.tenant,
        "rollback": rollback,
        "form": form,
        "problem": problem,
        "may_break": access.may(user, config.tenant, *access.BREAKS_GLASS),
        "owed": owed,
        "mine": owed is not None and owed.broken_by_id == user.pk and emergencies.is_open(owed),
        "name": breaking_glass.name_of(config),
        "skipped": showing.names_in_words([showing.name_of(one) for one in skipped], word="and"),
        "longest": emergencies.LONGEST,
        "shortest": emergencies.SHORTEST,
        "shortest_reason": actions.SHORTEST_REASON,
    }
    response = TemplateResponse(request, "rollbacks/break_glass.html", context)
    response.status_code = status
    return response


def answer(request: HttpRequest, glass_id: UUID) -> HttpResponse:
    """Show one broken glass, or do what one of its buttons says; another tenant's answers 404."""
    glass = _own(request).filter(pk=glass_id).first()
    if glass is None:
        raise Http404("There is no such broken glass.")
    if request.method != "POST":
        return _page(request, glass)
    user: User = request.user  # type: ignore[assignment]  # as above
    what = request.POST.get("do", "")
    try:
        match what:
            case "end":
                breaking_glass.end_glass(glass, acting_user=user)
                said = "The glass is closed. Rollbacks need their approvals again."
            case "justified" | "not_justified":
                verdict = BrokenGlass.Verdict(what)
                breaking_glass.settle_review(
                    glass, acting_user=user, verdict=verdict, comment=request.POST.get("comment", "")
                )
                said = f"You settled the review: {verdict.label}."
            case _:
                return _page(request, glass, problem="The form asked for nothing that this page knows.", status=400)
    except (actions.NotAllowed, PermissionDenied) as error:
        status = 409
        if isinstance(error, PermissionDenied):
            status = 403
            refused_access.record(error, user=user, tried=f"{what} of a broken glass", path=request.path)
        glass.refresh_from_db()
        return _page(request, glass, problem=str(error), status=status)
    messages.success(request, said)
    return HttpResponseRedirect(_address(glass))


def _page(request: HttpRequest, glass: BrokenGlass, *, problem: str = "", status: int = 200) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # as above
    opened = emergencies.is_open(glass)
    reviews = access.may(user, glass.tenant, *emergencies.SETTLES)
    own = glass.broken_by_id == user.pk
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"{glass.breaker} broke the glass on {glass.config}",
        "glass": glass,
        "config": glass.config,
        "problem": problem,
        "open": opened,
        "overdue": emergencies.is_overdue(glass),
        "may_end": opened and (own or reviews),
        "may_settle": glass.settled_at is None and not opened and reviews and not own,
        "own": own,
        "comment": request.POST.get("comment", ""),
        "rollbacks": list(Rollback.objects.filter(glass=glass).select_related("target", "config", "reverts")),
        "entries": list(
            AuditEntry.objects.filter(
                tenant=glass.tenant, config=glass.config, action__regex="^(glass|review)\\.", at__gte=glass.broken_at
            )
            .defer("payload")
            .order_by("seq")[:SHOWN]
        ),
    }
    response = TemplateResponse(request, "rollbacks/broken_glass.html", context)
    response.status_code = status
    return response


def everything(request: HttpRequest) -> HttpResponse:
    """Answer with the latest broken glasses of the user's own tenants."""
    context = {
        **admin.site.each_context(request),
        "title": "Broken glass",
        "glasses": [(one, emergencies.is_open(one), emergencies.is_overdue(one)) for one in _own(request)[:SHOWN]],
        "shown": SHOWN,
    }
    return TemplateResponse(request, "rollbacks/broken_glasses.html", context)


def _own(request: HttpRequest) -> Any:
    found = BrokenGlass.objects.filter(tenant__in=access.tenants_of(request.user))
    return found.select_related("tenant", "config__tenant", "broken_by", "settled_by").order_by("-broken_at")


def _address(glass: BrokenGlass) -> str:
    return reverse("admin:rollbacks_brokenglass_change", args=(glass.pk,))


def _address_of(rollback: Rollback) -> str:
    return reverse("admin:rollbacks_rollback_change", args=(rollback.pk,))
