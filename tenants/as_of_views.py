"""The address under which a tenant answers what was live at a moment; the admin of tenants has it."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from tenants.as_of_page import ZONES, as_of_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from django.contrib.admin import AdminSite
    from django.db.models.options import Options


class AsOfViews:
    """What was live at a moment in a whole tenant, and what differed between two."""

    if TYPE_CHECKING:
        admin_site: AdminSite
        opts: Options[Any]

        def row(self, request: HttpRequest, pk: object) -> Any:
            """Give one of the user's own rows, or answer 404."""

    def as_of_urls(self, view: "Callable[..., Any]") -> list[URLPattern]:
        """Give the address; `view` guards it."""
        return [path("<uuid:pk>/as-of/", view(self.as_of_view), name="tenants_tenant_as_of")]

    def as_of_view(self, request: HttpRequest, pk: "UUID") -> HttpResponse:
        """Answer with the page."""
        tenant = self.row(request, pk)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{tenant.name} as of",
            "opts": self.opts,
            "tenant": tenant,
            "zones": ZONES,
            "page": as_of_page(tenant.configs.all(), request.GET),
        }
        return TemplateResponse(request, "tenants/as_of.html", context)
