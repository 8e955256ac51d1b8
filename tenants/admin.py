"""The pages of tenants and configurations: they parse, check, call an action and answer."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from tenants import (
    access,
    actions,
    comparing,
    labelling,
    pacing,
    reach,
    retention,
    role_pages,  # noqa: F401 - it registers the pages of roles
    version_pages,
)
from tenants.access import Role
from tenants.as_of_page import ZONES, one_as_of
from tenants.as_of_views import AsOfViews
from tenants.capture import Outcome
from tenants.compare_page import compare_page
from tenants.compare_views import CompareViews
from tenants.configuration import configuration, type_of
from tenants.everything_views import EverythingViews
from tenants.filters import DriftFilter, PresenceFilter, TenantFilter, TypeFilter
from tenants.forms import AdministratorForm, TenantForm, TrackChoiceForm
from tenants.gutter import gutter
from tenants.judging_views import JudgingViews
from tenants.models import Snapshot, Tenant, TrackedConfig
from tenants.object_paths import InvalidObjectId
from tenants.remote.errors import RemoteError
from tenants.resource_types import catalogue
from tenants.scoping import ScopedAdmin, administers_any
from tenants.search_page import search_page
from tenants.track_page import chosen_ids, track_page
from tenants.types_page import types_page

if TYPE_CHECKING:
    from uuid import UUID

    from django.forms import ModelForm


@admin.register(Tenant)
class TenantAdmin(AsOfViews, ScopedAdmin):
    """Organizations: everybody with a role sees theirs, platform owners add and edit them."""

    tenant_path = "pk"
    form = TenantForm
    list_display = ("name", "slug", "region")
    search_fields = ("name", "slug", "organization_id")
    search_help_text = "Name, short name or organization"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        """Count the configurations and the drifted ones in the same query."""
        different = Q(configs__live__isnull=False, configs__baseline__isnull=False) & ~Q(
            configs__live__digest=F("configs__baseline__digest")
        )
        tenants: QuerySet[Tenant] = super().get_queryset(request).defer("client_secret_sealed")
        return tenants.annotate(config_count=Count("configs"), drift_count=Count("configs", filter=different))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let platform owners add tenants."""
        return access.owns_platform(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let platform owners edit tenants, and administrators their own."""
        if obj is None:
            return administers_any(request)
        return isinstance(obj, Tenant) and access.may(request.user, obj, *access.ADMINISTERS)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """Give a tenant's administrators the form of what is theirs to set."""
        if not access.owns_platform(request.user):
            kwargs["form"] = AdministratorForm
        return super().get_form(request, obj, change, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        """Add the form beside the page of facts, and the switch that freezes."""
        view = self.admin_site.admin_view
        return [
            path("<uuid:pk>/edit/", view(self.edit_view), name="tenants_tenant_edit"),
            path("<uuid:pk>/freeze/", view(self.freeze_view), name="tenants_tenant_freeze"),
            *self.as_of_urls(view),
            path("<uuid:pk>/search/", view(self.search_view), name="tenants_tenant_search"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Answer with the page of one tenant: facts, members, what is tracked."""
        tenant = self.row(request, object_id)
        roles = access.roles_in(request.user, tenant)
        context = {
            **self.admin_site.each_context(request),
            "title": tenant.name,
            "tenant": tenant,
            "opts": self.opts,
            "reach": reach.standing_of(tenant),
            "retention": retention.rule_of(tenant),
            "look_minutes": round(pacing.pace_of(tenant).look_every.total_seconds() / 60),
            "may_edit": self.has_change_permission(request, tenant),
            "may_freeze": not roles.isdisjoint(access.FREEZES),
            "may_track": Role.OPERATOR in roles,
            "members": access.held_in(tenant),
            "may_grant": access.may_grant(request.user, tenant),
            "types": tenant.configs.values("resource_type").annotate(count=Count("pk")).order_by("resource_type"),
        }
        return TemplateResponse(request, "tenants/tenant.html", context)

    def search_view(self, request: HttpRequest, pk: "UUID") -> HttpResponse:
        """Answer with where a text stands, or once stood, in the tenant's configurations."""
        tenant = self.row(request, pk)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Search the values of {tenant.name}",
            "opts": self.opts,
            "tenant": tenant,
            "page": search_page(tenant, request.GET),
        }
        return TemplateResponse(request, "tenants/search.html", context)

    def edit_view(self, request: HttpRequest, pk: "UUID") -> HttpResponse:
        """Answer with Django's form of the tenant."""
        access.require(request.user, self.row(request, pk), *access.ADMINISTERS)
        return super().change_view(request, str(pk))

    @method_decorator(require_POST)
    def freeze_view(self, request: HttpRequest, pk: "UUID") -> HttpResponse:
        """Freeze the tenant with a reason, or end it."""
        tenant = self.row(request, pk)
        try:
            if request.POST.get("frozen") == "yes":
                actions.freeze(tenant, reason=request.POST.get("reason", ""), acting_user=_user(request))
                messages.success(request, f"{tenant.name} is frozen: no rollback is carried out there.")
            else:
                actions.unfreeze(tenant, acting_user=_user(request))
                messages.success(request, f"{tenant.name} is no longer frozen.")
        except actions.NotPossible as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:tenants_tenant_change", args=[pk]))

    def save_model(self, request: HttpRequest, obj: Tenant, form: "ModelForm[Tenant]", change: Any) -> None:
        """Hand what was filled in to the action; the page itself saves nothing."""
        values = {name: form.cleaned_data[name] for name in form.cleaned_data if name != "client_secret"}
        secret = form.cleaned_data.get("client_secret", "")
        if change:
            actions.change_tenant(obj, client_secret=secret, acting_user=_user(request))
        else:
            obj.pk = actions.add_tenant(**values, client_secret=secret, acting_user=_user(request)).pk

    def log_addition(self, request: HttpRequest, obj: Tenant, message: Any) -> None:  # type: ignore[override]  # no row
        """Keep no second log: the trail is the record."""

    def log_change(self, request: HttpRequest, obj: Tenant, message: Any) -> None:  # type: ignore[override]  # no row
        """Keep no second log: the trail is the record."""

    def response_post_save_add(self, request: HttpRequest, obj: Tenant) -> HttpResponseRedirect:
        """Go on to the page of the new tenant."""
        return HttpResponseRedirect(reverse("admin:tenants_tenant_change", args=[obj.pk]))

    response_post_save_change = response_post_save_add


@admin.register(TrackedConfig)
class TrackedConfigAdmin(CompareViews, EverythingViews, JudgingViews, ScopedAdmin):
    """Configurations: the list, the page of each with its timeline, versions and comparisons."""

    list_display = ("name", "tenant", "resource_type", "live", "looked_at", "changed_at")
    list_filter = (TenantFilter, TypeFilter, DriftFilter, PresenceFilter)
    search_fields = ("name", "object_id", "tenant__name")
    search_help_text = "Name, object id or tenant"
    ordering = ("tenant__name", "resource_type", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrackedConfig]:
        """Read what every page of a config shows with it."""
        return super().get_queryset(request).select_related("tenant", "live", "baseline")

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of versions and comparisons, and what can be done from them."""
        view = self.admin_site.admin_view
        name = "tenants_trackedconfig"
        return [
            path("track/", view(self.track_view), name=f"{name}_track"),
            *self.everything_urls(view),
            path("types/", view(self.types_view), name=f"{name}_types"),
            path("<uuid:pk>/compare/", view(self.compare_view), name=f"{name}_compare"),
            *self.compare_urls(view),
            path("<uuid:pk>/look/", view(self.look_view), name=f"{name}_look"),
            path("<uuid:pk>/versions/<int:snapshot_pk>/", view(self.version_view), name=f"{name}_version"),
            path("<uuid:pk>/versions/<int:snapshot_pk>/bytes/", view(self.bytes_view), name=f"{name}_bytes"),
            *self.judging_urls(view),
            path("<uuid:pk>/versions/<int:snapshot_pk>/accept/", view(self.accept_view), name=f"{name}_accept"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Answer with the list, and the way to track more where the user may."""
        context = {"may_track": access.tenants_with_role(request.user, Role.OPERATOR).exists(), **(extra_context or {})}
        return super().changelist_view(request, context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Answer with the page of one config: facts and timeline."""
        config = self.row(request, object_id)
        roles = access.roles_in(request.user, config.tenant)
        context = {
            **self.admin_site.each_context(request),
            "title": str(config),
            "opts": self.opts,
            "config": config,
            "tenant": config.tenant,
            "configuration": configuration(config, page_number=request.GET.get("page", "1"), query=request.GET),
            "may_accept": bool(roles & {Role.OPERATOR, Role.APPROVER}),
            "may_roll_back": Role.OPERATOR in roles,
            "as_of": one_as_of(config, request.GET),
            "zones": ZONES,
        }
        return TemplateResponse(request, "tenants/configuration.html", context)

    def compare_view(self, request: HttpRequest, pk: "UUID") -> HttpResponse:
        """Answer with two versions side by side or unified."""
        config = self.row(request, pk)
        roles = access.roles_in(request.user, config.tenant)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Compare {config}",
            "opts": self.opts,
            "config": config,
            "tenant": config.tenant,
            "may_roll_back": Role.OPERATOR in roles,
            "page": compare_page(config, request.GET),
        }
        return TemplateResponse(request, "tenants/compare.html", context)

    def version_view(self, request: HttpRequest, pk: "UUID", snapshot_pk: int) -> HttpResponse:
        """Answer with one version: its facts and its content, laid out."""
        config = self.row(request, pk)
        snapshot = self._snapshot(config, snapshot_pk)
        roles = access.roles_in(request.user, config.tenant)
        blames = request.GET.get("blame") != "no"
        named = gutter(snapshot, line=request.GET.get("line", "1")) if blames else None
        context = {
            **self.admin_site.each_context(request),
            "title": f"{config}, v{snapshot.version}",
            "gutter": named,
            "opts": self.opts,
            "config": config,
            "tenant": config.tenant,
            "snapshot": snapshot,
            "rtype": type_of(config),
            "before": comparing.before_of(snapshot),
            "content": None if named and named.blocks else version_pages.laid_out(snapshot, type_of(config)),
            "labels": labelling.of_snapshot(snapshot),
            "beside": labelling.beside(snapshot),
            "may_accept": bool(roles & {Role.OPERATOR, Role.APPROVER}),
            "may_roll_back": Role.OPERATOR in roles,
        }
        return TemplateResponse(request, "tenants/version.html", context)

    def bytes_view(self, request: HttpRequest, pk: "UUID", snapshot_pk: int) -> HttpResponse:
        """Answer with the exact bytes of a version as a file to keep."""
        config = self.row(request, pk)
        return version_pages.download(config, self._snapshot(config, snapshot_pk), type_of(config))

    @method_decorator(require_POST)
    def look_view(self, request: HttpRequest, pk: "UUID") -> HttpResponse:
        """Look at live now, and say what was seen."""
        config = self.row(request, pk)
        try:
            look, imported = actions.capture_now(config, acting_user=_user(request))
        except RemoteError as error:
            messages.error(request, f"{config} was not looked at. {error.sentence}")
        else:
            _tell_look(request, config, look.outcome, look.detail)
            if imported.imported:
                messages.info(request, f"{imported.imported} earlier versions came from the platform's own history.")
            for version, reason in imported.refused[:3]:
                messages.warning(request, f"Version {version} of the platform's history was not kept. {reason}")
        return HttpResponseRedirect(_back(request, config))

    @method_decorator(require_POST)
    def accept_view(self, request: HttpRequest, pk: "UUID", snapshot_pk: int) -> HttpResponse:
        """Accept a version as right: it becomes the baseline."""
        config = self.row(request, pk)
        snapshot = self._snapshot(config, snapshot_pk)
        try:
            actions.accept_version(config, snapshot, acting_user=_user(request))
        except actions.NotPossible as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"v{snapshot.version} is now what counts as right for {config}.")
        return HttpResponseRedirect(_back(request, config))

    def track_view(self, request: HttpRequest) -> HttpResponse:
        """Choose a tenant, a type and objects, and start keeping their history."""
        if not access.tenants_with_role(request.user, Role.OPERATOR).exists():
            raise PermissionDenied("Tracking objects needs the role operator in a tenant, and you hold it in none.")
        if request.method == "POST":
            return self._track(request)
        context = {
            **self.admin_site.each_context(request),
            "title": "Track configurations",
            "opts": self.opts,
            "page": track_page(request.GET, user=request.user),
        }
        return TemplateResponse(request, "tenants/track.html", context)

    def types_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the catalogue, which is no tenant's: how writes are guarded, and what is not taken back."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Resource types",
            "opts": self.opts,
            "page": types_page(request.GET),
        }
        return TemplateResponse(request, "tenants/types.html", context)

    def _track(self, request: HttpRequest) -> HttpResponse:
        form = TrackChoiceForm(request.POST, user=request.user)
        again = reverse("admin:tenants_trackedconfig_track")
        if not form.is_valid():
            messages.error(request, "Choose a tenant and a type first. Nothing was tracked.")
            return HttpResponseRedirect(again)
        tenant, rtype = form.cleaned_data["tenant"], catalogue.get(form.cleaned_data["type"])
        again = f"{again}?{urlencode({'tenant': tenant.slug, 'type': rtype.name})}"
        ids = chosen_ids(request.POST.getlist("object_id"), request.POST.get("object_ids", ""))
        if not ids:
            messages.error(request, "No object was chosen. Nothing was tracked.")
            return HttpResponseRedirect(again)
        try:
            tracking = actions.track_configs(tenant, rtype, ids, acting_user=_user(request))
        except InvalidObjectId as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(again)
        added, already = len(tracking.added), len(tracking.already)
        told = f"{added} object{'' if added == 1 else 's'} of {tenant.name} will be looked at within the next minutes."
        if already:
            told += f" {already} had been tracked before."
        messages.success(request, told)
        if len(tracking.added) == 1:
            return HttpResponseRedirect(reverse("admin:tenants_trackedconfig_change", args=[tracking.added[0].pk]))
        wanted = urlencode({"tenant": tenant.slug, "type": rtype.name})
        return HttpResponseRedirect(f"{reverse('admin:tenants_trackedconfig_changelist')}?{wanted}")

    def _snapshot(self, config: TrackedConfig, pk: int) -> Snapshot:
        found: Snapshot = get_object_or_404(config.snapshots.select_related("document").defer("document__body"), pk=pk)
        return found


def _tell_look(request: HttpRequest, config: TrackedConfig, outcome: Outcome, detail: str) -> None:
    live = f"v{config.live.version}" if config.live is not None else "nothing"
    if outcome is Outcome.UNCHANGED:
        messages.success(request, f"Looked just now: live is still {live}.")
    elif outcome in {Outcome.FIRST, Outcome.CHANGED}:
        messages.success(request, f"Looked just now: live is {live}, which had not been seen before.")
    else:
        messages.warning(request, detail or f"The look at {config} ended as {outcome}.")


def _back(request: HttpRequest, config: TrackedConfig) -> str:
    """Give the page of this config that the form was on."""
    home = reverse("admin:tenants_trackedconfig_change", args=[config.pk])
    compare = reverse("admin:tenants_trackedconfig_compare", args=[config.pk])
    wanted = request.POST.get("next", "")
    return wanted if wanted.startswith(f"{compare}?") else home


def _user(request: HttpRequest) -> Any:
    """Give the user: behind `admin_view` there always is one."""
    assert isinstance(request.user, get_user_model())  # noqa: S101 - admin_view lets nobody else in
    return request.user
