"""The pages of people and of groups: who may log in. What they may see is decided by their roles in tenants."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import Http404

from console.templatetags.console import moment
from tenants import access, entitling, sign_ins
from tenants.role_pages import GroupForm

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    _Base = UserAdmin[User]
    _GroupBase = admin.ModelAdmin[Group]
else:
    _Base = UserAdmin  # it takes no type argument at run time
    _GroupBase = admin.ModelAdmin

for _model in [one for one in admin.site._registry if one.__module__.startswith("allauth.")]:  # noqa: SLF001
    # Keys of sessions, second factors, a provider's secret: `console.signing_in` changes them, with an entry.
    admin.site.unregister(_model)
admin.site.unregister(User)
admin.site.unregister(Group)


class OwnersOnly:
    """Pages for platform owners only, without a script."""

    @property
    def media(self) -> forms.Media:
        """Load no script: the pages are links and forms."""
        return forms.Media()

    def get_queryset(self, request: "HttpRequest") -> "QuerySet[Any]":
        """Give the rows to platform owners; for others there are none, so no answer tells that a number is taken."""
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        return rows if access.owns_platform(request.user) else rows.none()

    def _get_obj_does_not_exist_redirect(self, request: "HttpRequest", opts: Any, object_id: str) -> NoReturn:
        # Django would redirect to the overview with a message.
        raise Http404(f"There is no such {opts.verbose_name}.")

    def has_module_permission(self, request: "HttpRequest") -> bool:
        """Let platform owners in."""
        return access.owns_platform(request.user)

    def has_view_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        """Let platform owners look."""
        return access.owns_platform(request.user)

    def has_add_permission(self, request: "HttpRequest") -> bool:
        """Let platform owners add."""
        return access.owns_platform(request.user)

    def has_change_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        """Let platform owners change."""
        return access.owns_platform(request.user)


@admin.register(User)
class PeopleAdmin(OwnersOnly, _Base):
    """Users, for platform owners only; nobody is deleted, because the trail names them."""

    list_display = ("username", "first_name", "last_name", "email", "logs_in", "owns_platform", "last_seen")
    list_filter = ("is_active", "is_superuser")
    filter_horizontal = ()
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    actions = None
    search_help_text = "Name or e-mail"
    fieldsets: ClassVar = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        (
            "Access",
            {
                "fields": ("is_active", "is_staff", "is_superuser"),
                "description": "Staff may log in; memberships say which tenants they see. "
                "A superuser is a platform owner: sees every tenant and holds every role. "
                "Who lost a second factor: manage.py sign_in reset USER --as OWNER.",
            },
        ),
    )
    readonly_fields = ("last_login",)
    _ACCESS: ClassVar = frozenset({"username", "is_active", "is_staff", "is_superuser"})

    @admin.display(description="May log in", ordering="is_active")
    def logs_in(self, person: User) -> str:
        """Say whether the person may log in."""
        return "yes" if person.is_active and person.is_staff else "no"

    @admin.display(description="Platform owner", ordering="is_superuser")
    def owns_platform(self, person: User) -> str:
        """Say whether the person owns the platform."""
        return "yes" if person.is_superuser else "–"

    @admin.display(description="Last login (UTC)", ordering="last_login")
    def last_seen(self, person: User) -> str:
        """Say when the person has logged in last."""
        return moment(person.last_login)

    def save_model(self, request: "HttpRequest", obj: User, form: Any, change: Any) -> None:
        """Save the person; what was changed about their access is in the trails of the tenants that they see."""
        told = {name: form.cleaned_data[name] for name in form.changed_data if name in self._ACCESS}
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            if told:
                sign_ins.record_change(obj, detail=told, acting_user=request.user)

    def user_change_password(self, request: "HttpRequest", id: str, form_url: str = "") -> "HttpResponse":  # noqa: A002 - Django's name
        """Set another password; that it was set, and by whom, is in the same trails."""
        with transaction.atomic():
            answer = super().user_change_password(request, id, form_url)
            if request.method == "POST" and answer.status_code == HTTPStatus.FOUND:
                person = User.objects.get(pk=id)
                sign_ins.record_change(person, detail={"password": "set"}, acting_user=request.user)
        return answer

    def has_delete_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        """Say no: a person who left is made inactive."""
        return False


@admin.register(Group)
class GroupAdmin(OwnersOnly, _GroupBase):
    """Groups of people, for platform owners only: model permissions play no part, tenants give them roles."""

    form = GroupForm
    fields = ("name", "people")
    list_display = ("name",)
    search_fields = ("name",)
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    actions = None

    def save_model(self, request: "HttpRequest", obj: Group, form: Any, change: Any) -> None:
        """Hand the group to the action; who came and who left is in the trails of its tenants."""
        assert isinstance(request.user, User)  # noqa: S101 - admin_view lets nobody else in
        entitling.keep_group(obj, form.cleaned_data["people"], acting_user=request.user)

    def has_delete_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        """Say no: a group that is no longer needed loses its people and its roles, and the trail names it."""
        return False
