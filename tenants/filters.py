"""The filters of the lists: each offers only what the user may see, and asks the database one small question."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet

from tenants import access, drift
from tenants.models import Membership, TrackedConfig
from tenants.resource_types import catalogue

if TYPE_CHECKING:
    from django.http import HttpRequest

Choices = list[tuple[str, str]]


class TenantFilter(admin.SimpleListFilter):
    """By tenant, of the user's own."""

    title = "tenant"
    parameter_name = "tenant"

    def lookups(self, request: "HttpRequest", model_admin: "admin.ModelAdmin[Any]") -> Choices:
        """Give the short name and the name of each tenant that the user may see."""
        return list(access.tenants_of(request.user).values_list("slug", "name"))

    def queryset(self, request: "HttpRequest", queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows of the chosen tenant."""
        return queryset.filter(tenant__slug=self.value()) if self.value() else queryset


class TypeFilter(admin.SimpleListFilter):
    """By resource type."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: "HttpRequest", model_admin: "admin.ModelAdmin[Any]") -> Choices:
        """Give the types of which the user may see an object."""
        titles = {rtype.name: rtype.title for rtype in catalogue.all_types()}
        names = access.configs_of(request.user).order_by("resource_type").values_list("resource_type", flat=True)
        return [(name, titles.get(name, name)) for name in names.distinct()]

    def queryset(self, request: "HttpRequest", queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the objects of the chosen type."""
        return queryset.filter(resource_type=self.value()) if self.value() else queryset


class DriftFilter(admin.SimpleListFilter):
    """By whether live is what was accepted."""

    title = "drift"
    parameter_name = "drift"

    def lookups(self, request: "HttpRequest", model_admin: "admin.ModelAdmin[Any]") -> Choices:
        """Give the two answers."""
        return [("yes", "drifted"), ("no", "as accepted")]

    def queryset(self, request: "HttpRequest", queryset: QuerySet[TrackedConfig]) -> QuerySet[TrackedConfig]:
        """Keep what has drifted, or what is live as it was accepted."""
        if self.value() == "yes":
            return drift.drifted(queryset)
        if self.value() == "no":
            known = queryset.filter(live__isnull=False, baseline__isnull=False)
            return known.exclude(pk__in=drift.drifted(TrackedConfig.objects.all()).values("pk"))
        return queryset


class PresenceFilter(admin.SimpleListFilter):
    """By whether the platform still shows the object."""

    title = "presence"
    parameter_name = "presence"

    def lookups(self, request: "HttpRequest", model_admin: "admin.ModelAdmin[Any]") -> Choices:
        """Give the states, and the two bad ones together."""
        return [*TrackedConfig.Presence.choices, ("absent", "vanished or cannot be read")]

    def queryset(self, request: "HttpRequest", queryset: QuerySet[TrackedConfig]) -> QuerySet[TrackedConfig]:
        """Keep the objects in the chosen state."""
        if self.value() == "absent":
            return queryset.filter(presence__in=(TrackedConfig.Presence.VANISHED, TrackedConfig.Presence.UNREADABLE))
        return queryset.filter(presence=self.value()) if self.value() else queryset


class RoleFilter(admin.SimpleListFilter):
    """By role."""

    title = "role"
    parameter_name = "role"

    def lookups(self, request: "HttpRequest", model_admin: "admin.ModelAdmin[Any]") -> Choices:
        """Give the roles."""
        return [(role.value, role.value) for role in Membership.Role]

    def queryset(self, request: "HttpRequest", queryset: QuerySet[Membership]) -> QuerySet[Membership]:
        """Keep the memberships in the chosen role."""
        return queryset.filter(role=self.value()) if self.value() else queryset
