"""The pages of who holds which role where: memberships, the roles of groups, and the roles that claims give.

They parse, check and call an action; what a person may grant, and to whom, stands in `access`.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.http import HttpRequest

from tenants import access, actions, entitling
from tenants.access import Role
from tenants.filters import RoleFilter, TenantFilter
from tenants.granting import ClaimRole, GroupRole
from tenants.models import Membership
from tenants.scoping import ScopedAdmin, administers_any

if TYPE_CHECKING:
    from django.forms import ModelForm

    _GroupForm = forms.ModelForm[Group]
else:
    _GroupForm = forms.ModelForm  # it takes no type argument at run time


class _Grants(ScopedAdmin):
    """Rows that are granted and revoked as a whole: the trail is their only log."""

    list_filter = (TenantFilter, RoleFilter)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]  # no row
        """Keep no second log: the trail is the record."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]  # no rows
        """Keep no second log: the trail is the record."""


@admin.register(Membership)
class MembershipAdmin(_Grants):
    """Who holds which role where: everybody sees those of their tenants, those who administer them grant and revoke."""

    list_display = ("user", "tenant", "role", "origin")
    search_fields = ("user__username", "user__first_name", "user__last_name", "tenant__name")
    search_help_text = "User or tenant"
    fields = ("user", "tenant", "role")
    list_select_related: ClassVar = ("user", "tenant")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let platform owners grant roles, and administrators in their tenants."""
        return administers_any(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let the same people revoke them; what came from claims goes with the next sign-in only."""
        if obj is None:
            return self.has_add_permission(request)
        return (
            isinstance(obj, Membership)
            and obj.origin == Membership.Origin.HAND
            and access.may_grant(request.user, obj.tenant)
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show on the page of a membership also where it came from; the person's own page is the platform owners'."""
        who = "user" if access.owns_platform(request.user) else "person"
        return self.fields if obj is None else (who, "tenant", "role", "origin", "created_at")

    @admin.display(description="user")
    def person(self, obj: Membership) -> str:
        """Name whoever holds the role."""
        return str(obj.user)

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        """Let an administrator type a user's name: a list of people would show them those of other tenants."""
        if db_field.name == "user" and not access.owns_platform(request.user):
            return forms.ModelChoiceField(
                queryset=User.objects.filter(is_active=True),
                to_field_name="username",
                widget=forms.TextInput(attrs={"autocomplete": "off", "maxlength": 150}),
                label="User name",
                help_text="As the person signs in, to the letter. You cannot grant a role to yourself.",
                error_messages={"invalid_choice": "Nobody signs in under this name. Nothing was granted."},
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the tenants in which roles may be granted."""
        if db_field.name == "tenant":
            kwargs["queryset"] = access.tenants_with_role(request.user, *access.ADMINISTERS)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Membership, form: "ModelForm[Membership]", change: Any) -> None:
        """Hand the grant to the action."""
        granted = actions.grant_role(obj.user, obj.tenant, Role(obj.role), acting_user=_user(request))
        obj.pk = granted.pk

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        """Hand the revocation to the action."""
        actions.revoke_role(obj, acting_user=_user(request))


class _ByPlatformOwners(_Grants):
    """Shown to those who administer the tenant; platform owners set them up."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Give the rows of the tenants that the user administers."""
        administered = access.tenants_with_role(request.user, *access.ADMINISTERS)
        return super().get_queryset(request).filter(tenant__in=administered).select_related("tenant")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Let in who administers any tenant."""
        return access.may_enter(request.user) and administers_any(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let a user look at the rows of the tenants that they administer."""
        return self.has_module_permission(request) and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let platform owners add one."""
        return access.owns_platform(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let platform owners take one away."""
        return access.owns_platform(request.user)


@admin.register(GroupRole)
class GroupRoleAdmin(_ByPlatformOwners):
    """Which role everybody in a group holds in a tenant."""

    list_display = ("group", "tenant", "role")
    search_fields = ("group__name", "tenant__name")
    search_help_text = "Group or tenant"
    fields = ("group", "tenant", "role")
    list_select_related: ClassVar = ("group", "tenant")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Lead to the group's own page those alone who may open it."""
        whose = "group" if access.owns_platform(request.user) else "whose"
        return self.fields if obj is None else (whose, "tenant", "role")

    @admin.display(description="group")
    def whose(self, obj: GroupRole) -> str:
        """Name the group."""
        return str(obj.group)

    def save_model(self, request: HttpRequest, obj: GroupRole, form: "ModelForm[GroupRole]", change: Any) -> None:
        """Hand the grant to the action."""
        given = entitling.give_group_role(obj.group, obj.tenant, Role(obj.role), acting_user=_user(request))
        obj.pk = given.pk

    def delete_model(self, request: HttpRequest, obj: GroupRole) -> None:
        """Hand the revocation to the action."""
        entitling.take_group_role(obj, acting_user=_user(request))


@admin.register(ClaimRole)
class ClaimRoleAdmin(_ByPlatformOwners):
    """Which role a claim of the identity provider gives in a tenant, from each sign-in to the next."""

    list_display = ("claim", "value", "tenant", "role")
    search_fields = ("claim", "value", "tenant__name")
    search_help_text = "Claim, value or tenant"
    fields = ("claim", "value", "tenant", "role")

    def save_model(self, request: HttpRequest, obj: ClaimRole, form: "ModelForm[ClaimRole]", change: Any) -> None:
        """Hand the rule to the action."""
        user = _user(request)
        obj.pk = entitling.add_claim_role(obj.claim, obj.value, obj.tenant, Role(obj.role), acting_user=user).pk

    def delete_model(self, request: HttpRequest, obj: ClaimRole) -> None:
        """Hand the removal to the action."""
        entitling.remove_claim_role(obj, acting_user=_user(request))


class GroupForm(_GroupForm):
    """A group's name and its people."""

    people = forms.ModelMultipleChoiceField(
        queryset=User.objects.order_by("username"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="They hold the roles that the group was given in tenants.",
    )

    class Meta:
        model = Group
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.fields["people"].initial = self.instance.user_set.all()


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - admin_view lets nobody else in
    return request.user
