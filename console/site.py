"""The admin site that every page of the console belongs to: its name, its navigation and its first page.

A page is named in the navigation once somebody has registered it, and only to a user who may open it.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse

from console.overview import overview
from rollbacks.waiting import waiting_for
from tenants import sign_ins, step_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """One line of the navigation before anybody asked for it."""

    label: str
    icon: str
    url_name: str
    model: str
    """`app_label.model_name` of the registered model that decides who may enter; empty for everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the navigation on one page."""

    label: str
    icon: str
    url: str
    current: bool
    count: int = 0
    """How many things wait there for this user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Lines of the navigation that stand together."""

    label: str
    items: tuple[Item, ...]


ENTRANCES: Final[tuple[tuple[str, tuple[Entrance, ...]], ...]] = (
    (
        "Operate",
        (
            Entrance(label="Overview", icon="home", url_name="admin:index", model=""),
            Entrance(
                label="Tenants", icon="building", url_name="admin:tenants_tenant_changelist", model="tenants.tenant"
            ),
            Entrance(
                label="Configurations",
                icon="cube",
                url_name="admin:tenants_trackedconfig_changelist",
                model="tenants.trackedconfig",
            ),
            Entrance(
                label="Resource types",
                icon="shield",
                url_name="admin:tenants_trackedconfig_types",
                model="tenants.trackedconfig",
            ),
            Entrance(
                label="Rollbacks",
                icon="rollback",
                url_name="admin:rollbacks_rollback_changelist",
                model="rollbacks.rollback",
            ),
            Entrance(
                label="Freeze windows",
                icon="clock",
                url_name="admin:rollbacks_freezewindow_changelist",
                model="rollbacks.freezewindow",
            ),
            Entrance(
                label="Audit trail",
                icon="audit",
                url_name="admin:rollbacks_auditentry_changelist",
                model="rollbacks.auditentry",
            ),
        ),
    ),
    (
        "Access",
        (
            Entrance(label="Users", icon="user", url_name="admin:auth_user_changelist", model="auth.user"),
            Entrance(
                label="Memberships",
                icon="users",
                url_name="admin:tenants_membership_changelist",
                model="tenants.membership",
            ),
            Entrance(label="Groups", icon="users", url_name="admin:auth_group_changelist", model="auth.group"),
            Entrance(
                label="Roles of groups",
                icon="users",
                url_name="admin:tenants_grouprole_changelist",
                model="tenants.grouprole",
            ),
            Entrance(
                label="Roles by claims",
                icon="shield",
                url_name="admin:tenants_claimrole_changelist",
                model="tenants.claimrole",
            ),
        ),
    ),
)


class ConsoleAdminSite(admin.AdminSite):
    """Django's admin site under the console's name, with a navigation of its own."""

    site_title = "Config Vault"
    site_header = "Config Vault"
    index_title = "Overview"
    site_url = None
    enable_nav_sidebar = False
    empty_value_display = "–"

    def navigation(self, request: HttpRequest) -> list[Group]:
        """Give the groups of lines that this user may follow, the one of this page marked."""
        groups = []
        for label, entrances in ENTRANCES:
            items = tuple(item for entrance in entrances if (item := self._item(entrance, request)) is not None)
            if items:
                groups.append(Group(label=label, items=items))
        return groups

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Answer with the overview of everything that the user may see."""
        context = {
            **self.each_context(request),
            "title": self.index_title,
            "overview": overview(request.user),
            **(extra_context or {}),
        }
        request.current_app = self.name
        return TemplateResponse(request, "admin/index.html", context)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Sign out, and let the trails of the person's tenants say so."""
        user = request.user
        with transaction.atomic():
            answer = super().logout(request, extra_context)
            if user.is_authenticated:
                sign_ins.record_sign_out(user)
        return answer

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Let a person set another password; all their other sessions end with the old one, and the trails say so."""
        asks = step_up.required(request)
        if asks is not None:
            return asks
        with transaction.atomic():
            answer = super().password_change(request, extra_context)
            if request.method == "POST" and answer.status_code == HTTPStatus.FOUND:
                person = User.objects.get(username=request.user.get_username())
                sign_ins.record_change(person, detail={"password": "changed"}, acting_user=person)
        return answer

    def _item(self, entrance: Entrance, request: HttpRequest) -> Item | None:
        if entrance.model and not self._may_open(entrance.model, request):
            return None
        try:
            url = reverse(entrance.url_name)
        except NoReverseMatch:
            return None
        current = url == self._current(request)
        count = waiting_for(request.user).count() if entrance.model == "rollbacks.rollback" else 0
        return Item(label=entrance.label, icon=entrance.icon, url=url, current=current, count=count)

    def _current(self, request: HttpRequest) -> str:
        """Give the address in the navigation that leads nearest to this page; the overview's leads to itself alone."""
        found = ""
        for entrance in (entrance for _, entrances in ENTRANCES for entrance in entrances):
            try:
                url = reverse(entrance.url_name)
            except NoReverseMatch:
                continue
            here = request.path.startswith(url) if entrance.model else request.path == url
            found = url if here and len(url) > len(found) else found
        return found

    def _may_open(self, model: str, request: HttpRequest) -> bool:
        for registered, model_admin in self._registry.items():
            if registered._meta.label_lower == model:  # noqa: SLF001 - Django's documented way to a model's names
                return model_admin.has_module_permission(request)
        return False
