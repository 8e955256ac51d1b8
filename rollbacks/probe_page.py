"""The page on which a guard is probed: what a probe does, what stands in its way, and what earlier ones showed."""

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from rollbacks import actions, driving, probes, probing, proofs, showing
from rollbacks.models import GuardProbe
from tenants import access, refused_access
from tenants.access import Role
from tenants.models import TrackedConfig
from tenants.remote import RemoteError
from tenants.resource_types import Guard, catalogue
from tenants.sealing import CannotUnseal

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

SHOWN: Final = 50
PACE: Final = driving.Pace(patience=8.0)
"""Somebody waits for the page."""


def answer(request: HttpRequest, config_id: UUID) -> HttpResponse:
    """Explain the probe, or carry it out; another tenant's object answers 404."""
    config = access.configs_of(request.user).select_related("tenant", "live").filter(pk=config_id).first()
    if config is None:
        raise Http404("There is no such configuration.")
    try:
        catalogue.get(config.resource_type)
    except catalogue.UnknownType as error:
        raise Http404(str(error)) from error
    return _probe(request, config) if request.method == "POST" else _page(request, config)


def _probe(request: HttpRequest, config: TrackedConfig) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # the admin site lets only people who are signed in this far
    try:
        access.require(user, config.tenant, Role.OPERATOR)
    except access.Refused as refused:
        refused_access.record(refused, user=user, tried="probe a guard", path=request.path)
        return _page(request, config, problem="Probing needs the role operator in this tenant.", status=403)
    if request.POST.get("confirm") != "yes":
        return _page(request, config, problem="Tick the box to say that you have read what a probe does.", status=422)
    try:
        done = actions.probe_guard(config, acting_user=user, pace=PACE)
    except probing.NotProbed as refused:
        return _page(request, config, problem=str(refused), status=409)
    except (RemoteError, CannotUnseal) as error:
        return _page(request, config, problem=str(error), status=502)
    tell = messages.success if done.result == GuardProbe.Result.ENFORCED else messages.warning
    tell(request, done.explanation)
    return HttpResponseRedirect(reverse("admin:rollbacks_guardprobe_of_config", args=(config.pk,)))


def _page(request: HttpRequest, config: TrackedConfig, *, problem: str = "", status: int = 200) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]  # as above
    rtype = catalogue.get(config.resource_type)
    etag = bytes(config.live.etag) if config.live is not None and config.live.etag is not None else None
    proof = proofs.proof_of(config.tenant, rtype)
    refusing = [check for check in probing.standing_checks(config) if check.refuses]
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"Probe the guard: {rtype.title}",
        "config": config,
        "tenant": config.tenant,
        "rtype": rtype,
        "proof": proof,
        "level": showing.LEVELS[proof.usual_level],
        "why_never": probes.why_never(rtype),
        "parts": probes.parts_of(rtype, etag),
        "by_etag": rtype.guard is Guard.ETAG,
        "refusing": refusing,
        "problem": problem,
        "may_probe": access.may(user, config.tenant, Role.OPERATOR),
        "probes": _of_type(config),
    }
    response = TemplateResponse(request, "rollbacks/probe.html", context)
    response.status_code = status
    return response


def _of_type(config: TrackedConfig) -> "QuerySet[GuardProbe]":
    found = GuardProbe.objects.filter(tenant=config.tenant, resource_type=config.resource_type)
    return found.select_related("config", "tenant").order_by("-begun_at")[:SHOWN]


def everything(request: HttpRequest) -> HttpResponse:
    """Answer with the latest probes of the user's own tenants, whatever their type."""
    found = GuardProbe.objects.filter(tenant__in=access.tenants_of(request.user)).select_related("config", "tenant")
    context = {
        **admin.site.each_context(request),
        "title": "Probes of guards",
        "probes": found.order_by("-begun_at")[:SHOWN],
        "shown": SHOWN,
        "with_tenant": True,
    }
    return TemplateResponse(request, "rollbacks/probes.html", context)
