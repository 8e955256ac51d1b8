"""The pages of people: who may log in. What they may see is decided by memberships."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User

from tenants import access

if TYPE_CHECKING:
    from django.http import HttpRequest

    _Base = UserAdmin[User]
else:
    _Base = UserAdmin  # it takes no type argument at run time

admin.site.unregister(User)
admin.site.unregister(Group)  # model permissions play no part here (`tenants.access`)


@admin.register(User)
class PeopleAdmin(_Base):
    """Users, for platform owners only; nobody is deleted, because the trail names them."""

    list_display = ("username", "first_name", "last_name", "email", "is_active", "is_superuser", "last_login")
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
                "A superuser is a platform owner: sees every tenant and holds every role.",
            },
        ),
    )
    readonly_fields = ("last_login",)

    @property
    def media(self) -> forms.Media:
        """Load no script: the pages are links and forms."""
        return forms.Media()

    def has_module_permission(self, request: "HttpRequest") -> bool:
        """Let platform owners in."""
        return access.owns_platform(request.user)

    def has_view_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        """Let platform owners look."""
        return access.owns_platform(request.user)

    def has_add_permission(self, request: "HttpRequest") -> bool:
        """Let platform owners add people."""
        return access.owns_platform(request.user)

    def has_change_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        """Let platform owners change people."""
        return access.owns_platform(request.user)

    def has_delete_permission(self, request: "HttpRequest", obj: Any = None) -> bool:
        """Say no: a person who left is made inactive."""
        return False
