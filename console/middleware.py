"""What every answer says to the browser about what it may do with it, and which requests are not read.

The Content-Security-Policy allows our own files and nothing else: no inline script or style, no evaluation, no frame,
no foreign host. A page that needs more is a page to be changed, so no view may loosen it.
"""

from collections.abc import Callable
from typing import Final

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.cache import patch_cache_control

from tenants import trail

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
PERMISSIONS_POLICY: Final = ", ".join(
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
