"""What every answer says to the browser about what it may do with it, and which requests are not read.

The Content-Security-Policy allows our own files and nothing else: no inline script or style, no evaluation, no frame,
no foreign host. A page that needs more is a page to be changed, so no view may loosen it.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import structlog
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.cache import patch_cache_control

from tenants import refused_access, trail
from tenants.models import Tenant
from tenants.scoping import ScopedAdmin

log = structlog.get_logger(__name__)

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
PERMISSIONS_POLICY: Final = (
    ", ".join(
        f"{feature}=()"
        for feature in (
            "accelerometer",
            "camera",
            "display-capture",
            "geolocation",
            "gyroscope",
            "microphone",
            "usb",
        )
    )
    + ", publickey-credentials-create=(self), publickey-credentials-get=(self)"
)


class SecurityHeaders:
    """Give every answer the strict policy, and keep answers out of caches unless a view said otherwise.

    Static files served by a middleware in front of this one keep their own caching.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request and dress the answer."""
        response = self.get_response(request)
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response["Permissions-Policy"] = PERMISSIONS_POLICY
        response.setdefault("Referrer-Policy", "same-origin")
        response.setdefault("X-Content-Type-Options", "nosniff")
        response.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if not response.has_header("Cache-Control") or "no-cache" in response["Cache-Control"]:
            # Tenants' data: neither a proxy nor the browser's disk is a place for it.
            patch_cache_control(response, no_store=True, private=True)
        return response


class ActingFromBrowser:
    """Let what a request records say that a browser asked, and from which address.

    What a proxy claims of the address is recorded as its claim; only the peer's own is certain.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        told = {"address": request.META.get("REMOTE_ADDR", "")}
        claimed = request.headers.get("X-Forwarded-For", "")
        if claimed:
            told["forwarded_for"] = claimed[:200]
        with trail.acting_from("web", **told):
            return self.get_response(request)


class RefusedAccess:
    """Record what a signed-in person was refused: in the trails that it concerns, or, for what is not there, the log.

    The 403 that a view answers itself is recorded by that view.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, and log what was not found."""
        response = self.get_response(request)
        if response.status_code == HTTPStatus.NOT_FOUND and request.user.is_authenticated:
            # Of a stranger's row and of a missing one this is all there is: nobody can tell one from the other.
            told = {"actor": request.user.get_username(), "method": request.method, "path": request.path[:300]}
            log.info("access.not_found", **told, **trail.source())
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Record a refusal; the answer to it stays Django's."""
        if isinstance(exception, PermissionDenied) and request.user.is_authenticated:
            match = request.resolver_match
            tried = f"{request.method} {match.view_name if match is not None else ''}"
            found = _tenant_of_page(request)
            refused_access.record(exception, user=request.user, tried=tried, path=request.path, tenants=found)


def _tenant_of_page(request: HttpRequest) -> list[Tenant] | None:
    """Give the tenant of the row that one of Django's own pages was asked for; None where it names no row."""
    match = request.resolver_match
    pages = getattr(match.func, "model_admin", None) if match is not None else None
    if match is None or not isinstance(pages, ScopedAdmin) or "object_id" not in match.kwargs:
        return None
    row = pages.get_object(request, unquote(match.kwargs["object_id"]))
    if row is None:
        return []
    return [row if isinstance(row, Tenant) else row.tenant]


class NoNul:
    """Refuse a request with a NUL in its address or its form: the database cannot hold one, and nobody types one.

    The console reads forms and nothing else: a body of another kind, JSON too, reaches no view as values.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, or raise what becomes the page "not understood"."""
        given = [request.path, *_texts(request.GET)]
        if request.method == "POST":
            given += _texts(request.POST)
        if any("\0" in text for text in given):
            raise SuspiciousOperation("A NUL stood in the address or the form; nothing was changed.")
        return self.get_response(request)


def _texts(fields: QueryDict) -> list[str]:
    return [text for name, values in fields.lists() for text in (name, *map(str, values))]
