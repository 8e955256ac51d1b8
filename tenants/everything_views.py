"""The addresses under which everything of an organization is taken in; the admin of configurations has them."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from tenants import access, actions
from tenants.access import Role
from tenants.everything_page import LINES_SHOWN, everything_page
from tenants.models import Onboarding

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from django.contrib.admin import AdminSite
    from django.db.models.options import Options


class EverythingViews:
    """Ask what is there, choose, watch, and read the report."""

    if TYPE_CHECKING:
        admin_site: AdminSite
        opts: Options[Any]

    def everything_urls(self, view: "Callable[..., Any]") -> list[URLPattern]:
        """Give the addresses; `view` guards each of them."""
        name = "tenants_everything"
        return [
            path("everything/", view(self.ask_view), name=f"{name}_ask"),
            path("everything/<uuid:pk>/", view(self.everything_view), name=name),
            path("everything/<uuid:pk>/status/", view(self.everything_status_view), name=f"{name}_status"),
        ]

    @method_decorator(require_POST)
    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """Begin to find out what an organization has, and go to the page that shows it."""
        user = _user(request)
        slug = request.POST.get("tenant", "")
        tenant = access.tenants_of(user).filter(slug=slug).first()
        if tenant is None and slug:
            raise Http404("There is no such tenant.")
        if tenant is None:
            messages.error(request, "Choose a tenant in which you are operator. Nothing was asked.")
            return HttpResponseRedirect(reverse("admin:tenants_trackedconfig_track"))
        access.require(user, tenant, Role.OPERATOR)
        onboarding = actions.ask_for_everything(tenant, acting_user=user)
        return HttpResponseRedirect(reverse("admin:tenants_everything", args=[onboarding.pk]))

    def everything_view(self, request: HttpRequest, pk: "UUID") -> HttpResponse:
        """Answer with the page of one request, or do what was asked for on it."""
        onboarding = _row(request, pk)
        if request.method == "POST":
            return _act(request, onboarding)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Everything in {onboarding.tenant.name}",
            "opts": self.opts,
            "tenant": onboarding.tenant,
            "onboarding": onboarding,
            "page": everything_page(onboarding),
            "lines_shown": LINES_SHOWN,
        }
        return TemplateResponse(request, "tenants/everything.html", context)

    def everything_status_view(self, request: HttpRequest, pk: "UUID") -> JsonResponse:
        """Answer with how far it is, for the page that is watching."""
        page = everything_page(_row(request, pk), with_report=False)
        html = render_to_string("tenants/everything_progress.html", {"page": page, "onboarding": page.onboarding})
        return JsonResponse({"mark": page.mark, "html": html, "sentence": page.sentence})


def _act(request: HttpRequest, onboarding: Onboarding) -> HttpResponse:
    here = reverse("admin:tenants_everything", args=[onboarding.pk])
    try:
        match request.POST.get("do"):
            case "choose":
                actions.choose_types(onboarding, request.POST.getlist("type"), acting_user=_user(request))
            case "cancel":
                actions.cancel_onboarding(onboarding, acting_user=_user(request))
                messages.info(request, "Cancelled. What was tracked stays tracked.")
    except actions.NotPossible as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(here)


def _row(request: HttpRequest, pk: "UUID") -> Onboarding:
    """Give the row to operators of its tenant; others of the tenant are refused, and for strangers it is not there."""
    rows = Onboarding.objects.select_related("tenant", "asked_by").filter(tenant__in=access.tenants_of(request.user))
    row: Onboarding = get_object_or_404(rows, pk=pk)
    access.require(request.user, row.tenant, Role.OPERATOR)
    return row


def _user(request: HttpRequest) -> Any:
    """Give the user: behind `admin_view` there always is one."""
    assert isinstance(request.user, get_user_model())  # noqa: S101 - admin_view lets nobody else in
    return request.user
