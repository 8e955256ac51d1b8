"""The pages of rollbacks and of the audit trail: they parse, check, call an action and answer; they never save a model.

Rows are those of the user's own tenants; another tenant's row answers 404. Nobody adds, changes or deletes a row here:
what people do are the actions of `rollbacks.actions`, each a POST.
"""

from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from rollbacks import (
    dossier,
    entry_page,
    evidence,
    freeze_page,
    glass_page,
    listing,
    plan_page,
    probe_page,
    rollback_page,
)
from rollbacks.models import AuditEntry, BrokenGlass, FreezeWindow, GuardProbe, Rollback
from tenants import access
from tenants.access import Role
from tenants.scoping import ScopedAdmin

_READ = ("GET", "HEAD")


def _own_rollback(request: HttpRequest, pk: object) -> Rollback:
    try:
        found = rollback_page.row(request, UUID(str(pk)))
    except ValueError:
        found = None
    if found is None:
        raise Http404("There is no such rollback.")
    return found


@admin.register(Rollback)
class RollbackAdmin(ScopedAdmin):
    """The list of rollbacks, the plan, and the page of one rollback."""

    def get_urls(self) -> list[URLPattern]:
        """Give the pages of rollbacks; none of Django's own that add, change or delete."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.list_view), name="rollbacks_rollback_changelist"),
            path(
                "plan/<uuid:config_id>/<int:target_id>/",
                view(self.plan_view),
                name="rollbacks_rollback_plan",
            ),
            path("undo/<uuid:config_id>/<int:version_id>/", view(self.undo_view), name="rollbacks_rollback_undo"),
            path("<str:object_id>/change/", view(self.page_view), name="rollbacks_rollback_change"),
            path("<str:object_id>/evidence/", view(self.evidence_view), name="rollbacks_rollback_evidence"),
            path("<str:object_id>/body/<int:number>/", view(self.body_view), name="rollbacks_rollback_body"),
            path("<str:object_id>/status/", view(self.status_view), name="rollbacks_rollback_status"),
        ]

    def list_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the list."""
        return listing.rollbacks(request) if request.method in _READ else HttpResponseNotAllowed(_READ)

    def plan_view(self, request: HttpRequest, config_id: UUID, target_id: int) -> HttpResponse:
        """Answer with the plan, or ask for it."""
        if request.method not in {*_READ, "POST"}:
            return HttpResponseNotAllowed((*_READ, "POST"))
        return plan_page.answer(request, config_id, target_id)

    def undo_view(self, request: HttpRequest, config_id: UUID, version_id: int) -> HttpResponse:
        """Answer with the plan that takes back what one version changed, or ask for it."""
        if request.method not in {*_READ, "POST"}:
            return HttpResponseNotAllowed((*_READ, "POST"))
        return plan_page.answer_undo(request, config_id, version_id)

    def page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer with the page of one rollback, or do what its buttons say."""
        if request.method not in {*_READ, "POST"}:
            return HttpResponseNotAllowed((*_READ, "POST"))
        return rollback_page.answer(request, _own_rollback(request, object_id))

    @method_decorator(require_POST)
    def evidence_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer with the rollback's evidence pack; who took it is in the trail."""
        rollback = _own_rollback(request, object_id)
        access.require(request.user, rollback.tenant, Role.AUDITOR, Role.APPROVER, Role.OPERATOR)
        try:
            content = evidence.pack_bytes(rollback, actor=request.user.get_username())
        except evidence.NotSigned as why:
            return rollback_page.with_problem(request, rollback, evidence.refusal(rollback, why))
        answer = HttpResponse(content, content_type="application/zip")
        answer["Content-Disposition"] = f'attachment; filename="evidence-{rollback.tenant.slug}-{rollback.pk}.zip"'
        return answer

    def body_view(self, request: HttpRequest, object_id: str, number: int) -> HttpResponse:
        """Answer with the exact bytes of one step as a file, with words in place of secrets."""
        if request.method not in _READ:
            return HttpResponseNotAllowed(_READ)
        rollback = _own_rollback(request, object_id)
        step = rollback.steps.filter(number=number).first()
        raw = None if step is None else dossier.shown_body(step)
        if raw is None:
            raise Http404("There is no such step, or it may hold a secret and is not given out.")
        answer = HttpResponse(raw, content_type="application/json")
        answer["Content-Disposition"] = f'attachment; filename="body-{rollback.pk}-{number}.json"'
        return answer

    def status_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer with where a rollback stands, as JSON."""
        if request.method not in _READ:
            return HttpResponseNotAllowed(_READ)
        return rollback_page.status(request, _own_rollback(request, object_id))


@admin.register(GuardProbe)
class GuardProbeAdmin(ScopedAdmin):
    """The probes of guards: all of them, and those of one object's type with the button that makes another."""

    def get_urls(self) -> list[URLPattern]:
        """Give the pages of probes; none of Django's own that add, change or delete."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.list_view), name="rollbacks_guardprobe_changelist"),
            path("of/<uuid:config_id>/", view(self.page_view), name="rollbacks_guardprobe_of_config"),
        ]

    def list_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with every probe of the user's own tenants."""
        return probe_page.everything(request) if request.method in _READ else HttpResponseNotAllowed(_READ)

    def page_view(self, request: HttpRequest, config_id: UUID) -> HttpResponse:
        """Answer with what a probe of one object does and what the earlier ones showed, or probe."""
        if request.method not in {*_READ, "POST"}:
            return HttpResponseNotAllowed((*_READ, "POST"))
        return probe_page.answer(request, config_id)


@admin.register(FreezeWindow)
class FreezeWindowAdmin(ScopedAdmin):
    """The freeze windows: a calendar of the next days, and the forms that add and end one."""

    def get_urls(self) -> list[URLPattern]:
        """Give the pages of freeze windows; none of Django's own that add, change or delete."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.list_view), name="rollbacks_freezewindow_changelist"),
            path("<uuid:pk>/end/", view(self.end_view), name="rollbacks_freezewindow_end"),
        ]

    def list_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the calendar, or add a window."""
        if request.method not in {*_READ, "POST"}:
            return HttpResponseNotAllowed((*_READ, "POST"))
        return freeze_page.answer(request)

    @method_decorator(require_POST)
    def end_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """End a window."""
        return freeze_page.end(request, pk)


@admin.register(BrokenGlass)
class BrokenGlassAdmin(ScopedAdmin):
    """Broken glass: all of it, one with its review, and the page on which it is broken on one object."""

    def get_urls(self) -> list[URLPattern]:
        """Give the pages of broken glass; none of Django's own that add, change or delete."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.list_view), name="rollbacks_brokenglass_changelist"),
            path("of/<uuid:config_id>/", view(self.break_view), name="rollbacks_brokenglass_of_config"),
            path("<uuid:glass_id>/change/", view(self.page_view), name="rollbacks_brokenglass_change"),
        ]

    def list_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with every broken glass of the user's own tenants."""
        return glass_page.everything(request) if request.method in _READ else HttpResponseNotAllowed(_READ)

    def break_view(self, request: HttpRequest, config_id: UUID) -> HttpResponse:
        """Answer with what breaking the glass on an object means, or break it."""
        if request.method not in {*_READ, "POST"}:
            return HttpResponseNotAllowed((*_READ, "POST"))
        return glass_page.answer_break(request, config_id)

    def page_view(self, request: HttpRequest, glass_id: UUID) -> HttpResponse:
        """Answer with one broken glass, or do what its buttons say."""
        if request.method not in {*_READ, "POST"}:
            return HttpResponseNotAllowed((*_READ, "POST"))
        return glass_page.answer(request, glass_id)


@admin.register(AuditEntry)
class AuditEntryAdmin(ScopedAdmin):
    """The audit trail and the page of one entry; read-only for everybody."""

    def get_urls(self) -> list[URLPattern]:
        """Give the pages of the trail; none of Django's own that add, change or delete."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.list_view), name="rollbacks_auditentry_changelist"),
            path("export/", view(self.export_view), name="rollbacks_auditentry_export"),
            path("<str:object_id>/change/", view(self.page_view), name="rollbacks_auditentry_change"),
        ]

    def list_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the trail."""
        return listing.entries(request) if request.method in _READ else HttpResponseNotAllowed(_READ)

    @method_decorator(require_POST)
    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with what the list shows, as a file; who took it is in the trail."""
        return listing.export(request)

    def page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer with one entry; a POST proves the tenant's chain as well and changes nothing."""
        if request.method not in {*_READ, "POST"}:
            return HttpResponseNotAllowed((*_READ, "POST"))
        try:
            key = UUID(object_id)
        except ValueError as error:
            raise Http404("There is no such entry.") from error
        entry = (
            AuditEntry.objects.filter(tenant__in=access.tenants_of(request.user), pk=key)
            .select_related("tenant", "config", "rollback__target")
            .first()
        )
        if entry is None:
            raise Http404("There is no such entry.")
        return entry_page.answer(request, entry)
