"""Where people say which version is good and which bad, and look for the first bad one."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from tenants import access, actions, comparing, labelling
from tenants.access import Role
from tenants.bisect_page import bisect_page, bisects_page
from tenants.bisecting import Said
from tenants.chronicle import Bisection
from tenants.models import Snapshot, TrackedConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from django.contrib.admin import AdminSite
    from django.db.models.options import Options

LONGEST_REASON = 2000


class JudgingViews:
    """Label a version, withdraw its label, and search for the first bad version."""

    if TYPE_CHECKING:
        admin_site: AdminSite
        opts: Options[Any]

        def row(self, request: HttpRequest, pk: object) -> Any:
            """Give one of the user's own rows, or answer 404."""

    def judging_urls(self, view: "Callable[..., Any]") -> list[URLPattern]:
        """Give the addresses; `view` guards each of them."""
        name = "tenants_trackedconfig"
        return [
            path("<uuid:pk>/versions/<int:snapshot_pk>/label/", view(self.label_view), name=f"{name}_label"),
            path("<uuid:pk>/bisect/", view(self.bisects_view), name=f"{name}_bisects"),
            path("<uuid:pk>/bisect/<uuid:search_pk>/", view(self.bisect_view), name=f"{name}_bisect"),
        ]

    @method_decorator(require_POST)
    def label_view(self, request: HttpRequest, pk: "UUID", snapshot_pk: int) -> HttpResponse:
        """Label a version known good or bad, or withdraw the label that it bears."""
        config: TrackedConfig = self.row(request, pk)
        snapshot: Snapshot = get_object_or_404(config.snapshots.all(), pk=snapshot_pk)
        snapshot.config = config
        try:
            messages.success(request, _label(request, snapshot))
        except actions.NotPossible as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:tenants_trackedconfig_version", args=[config.pk, snapshot.pk]))

    def bisects_view(self, request: HttpRequest, pk: "UUID") -> HttpResponse:
        """Answer with the searches of a configuration, or start one."""
        config: TrackedConfig = self.row(request, pk)
        if request.method == "POST":
            try:
                good, bad = (comparing.find(config, _named(request, name)) for name in ("good", "bad"))
                started = actions.start_bisection(config, good, bad, acting_user=_user(request))
            except (actions.NotPossible, comparing.NoSuchVersion) as error:
                messages.error(request, str(error))
                return HttpResponseRedirect(reverse("admin:tenants_trackedconfig_bisects", args=[config.pk]))
            return HttpResponseRedirect(reverse("admin:tenants_trackedconfig_bisect", args=[config.pk, started.pk]))
        context = {**self._judging_context(request, config), "page": bisects_page(config)}
        return TemplateResponse(request, "tenants/bisects.html", {**context, "title": f"Which change broke {config}?"})

    def bisect_view(self, request: HttpRequest, pk: "UUID", search_pk: "UUID") -> HttpResponse:
        """Answer with one search, or keep an answer to it."""
        config: TrackedConfig = self.row(request, pk)
        kept = Bisection.objects.select_related("good", "bad", "config__tenant").filter(config=config)
        bisection: Bisection = get_object_or_404(kept, pk=search_pk)
        if request.method == "POST":
            try:
                messages.success(request, _answer(request, bisection))
            except actions.NotPossible as error:
                messages.error(request, str(error))
            return HttpResponseRedirect(request.path)
        context = {**self._judging_context(request, config), "page": bisect_page(bisection), "bisection": bisection}
        return TemplateResponse(request, "tenants/bisect.html", {**context, "title": f"Which change broke {config}?"})

    def _judging_context(self, request: HttpRequest, config: TrackedConfig) -> dict[str, Any]:
        roles = access.roles_in(request.user, config.tenant)
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "config": config,
            "tenant": config.tenant,
            "may_judge": bool(roles & {Role.OPERATOR, Role.APPROVER}),
            "may_roll_back": Role.OPERATOR in roles,
        }


def _named(request: HttpRequest, name: str) -> str:
    """Give the version that the form names by its number, else the one that was chosen from the list."""
    return request.POST.get(f"{name}_number", "").strip() or request.POST.get(name, "")


def _answer(request: HttpRequest, bisection: Bisection) -> str:
    """Keep what the form says of a version and give the sentence about it; raises NotPossible."""
    word, key = request.POST.get("answer", ""), request.POST.get("version", "")
    if word not in set(Said) or not (key.isascii() and key.isdigit() and len(key) < 19):
        raise actions.NotPossible("Say good or bad, or skip the version. Nothing was kept.")
    snapshot = Snapshot.objects.filter(config=bisection.config, pk=int(key)).first()
    if snapshot is None:
        raise actions.NotPossible("There is no such version of this configuration. Nothing was kept.")
    now = actions.answer_bisection(
        bisection, snapshot, Said(word), note=request.POST.get("note", ""), acting_user=_user(request)
    )
    kept = f"Version {snapshot.version} is {'skipped' if word == Said.SKIP else word}."
    return f"{kept} The first bad one is version {now.first_bad.version}." if now.first_bad is not None else kept


def _label(request: HttpRequest, snapshot: "Snapshot") -> str:
    """Do what the form asks for and give the sentence about it; raises NotPossible."""
    word, reason = request.POST.get("label", ""), request.POST.get("reason", "")[:LONGEST_REASON]
    if word in set(labelling.Word.values):
        label = actions.label_version(snapshot, labelling.Word(word), reason=reason, acting_user=_user(request))
        return f"v{snapshot.version} is labelled {label.get_word_display()}."
    if word != "withdraw":
        raise actions.NotPossible("Choose known good or bad. Nothing was changed.")
    standing = labelling.standing().filter(snapshot=snapshot).select_related("snapshot__config__tenant").first()
    if standing is None:
        raise actions.NotPossible(f"v{snapshot.version} bears no label any more. Nothing was changed.")
    actions.withdraw_label(standing, reason=reason, acting_user=_user(request))
    return f"v{snapshot.version} is no longer labelled {standing.get_word_display()}."


def _user(request: HttpRequest) -> Any:
    """Give the user: behind `admin_view` there always is one."""
    assert isinstance(request.user, get_user_model())  # noqa: S101 - admin_view lets nobody else in
    return request.user
