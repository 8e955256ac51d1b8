"""What the compare page fetches while somebody looks at it: unfolded rows, one place, and where a text stands.

The page itself does not need them: every link on it works without a script.
"""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path

from tenants import comparing
from tenants.compare_page import one_place, some_finds, some_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID


class CompareViews:
    """Answer with pieces of the compare page."""

    if TYPE_CHECKING:

        def row(self, request: HttpRequest, pk: object) -> Any:
            """Give one of the user's own rows, or answer 404."""

    def compare_urls(self, view: "Callable[..., Any]") -> list[URLPattern]:
        """Give the addresses; `view` guards each of them."""
        name = "tenants_trackedconfig_compare"
        return [
            path("<uuid:pk>/compare/rows/", view(self.rows_view), name=f"{name}_rows"),
            path("<uuid:pk>/compare/place/", view(self.place_view), name=f"{name}_place"),
            path("<uuid:pk>/compare/found/", view(self.found_view), name=f"{name}_found"),
        ]

    def rows_view(self, request: HttpRequest, pk: "UUID") -> HttpResponse:
        """Answer with the rows of a gap."""
        config = self.row(request, pk)
        try:
            return HttpResponse(some_rows(config, request.GET))
        except (comparing.NoSuchVersion, comparing.NotComparable) as error:
            return _refused(error)

    def place_view(self, request: HttpRequest, pk: "UUID") -> HttpResponse:
        """Answer with what one row shows."""
        config = self.row(request, pk)
        try:
            place = one_place(config, request.GET)
        except (comparing.NoSuchVersion, comparing.NotComparable) as error:
            return _refused(error)
        return render(request, "tenants/compare_place.html", {"place": place, "config": config})

    def found_view(self, request: HttpRequest, pk: "UUID") -> HttpResponse:
        """Answer with where a text stands."""
        config = self.row(request, pk)
        try:
            found = some_finds(config, request.GET)
        except (comparing.NoSuchVersion, comparing.NotComparable) as error:
            return _refused(error)
        return render(request, "tenants/compare_found.html", {"found": found, "config": config})


def _refused(error: Exception) -> HttpResponse:
    return HttpResponse(str(error), status=404, content_type="text/plain; charset=utf-8")
