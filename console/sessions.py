"""When a session ends: after a time in which nobody did anything, and at the latest after a working day.

Both ends are kept in the session and judged by the server. What a page's script asks for by itself, to show how far
something is, is nobody's doing and keeps no session alive.
"""

import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from tenants import sign_ins

BEGAN: Final = "began_at"
SEEN: Final = "seen_at"
SEEN_EVERY: Final = 60
"""Seconds between two notes that somebody is there, so that not every page writes a row."""


def begin(request: HttpRequest) -> None:
    """Let both times of the session begin now."""
    request.session[BEGAN] = request.session[SEEN] = int(time.time())


class SessionEnds:
    """Sign out whose session has come to one of its ends, with an entry in the trails, before any page is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, as one of nobody where the session is over."""
        if request.user.is_authenticated:
            now = int(time.time())
            if BEGAN not in request.session:
                begin(request)
            why = why_over(request, now=now)
            if why:
                user = request.user
                with transaction.atomic():
                    logout(request)
                    sign_ins.record_sign_out(user, why=why)
                messages.warning(request, f"You were logged out: {why}. Nothing was done. Log in to go on.")
            elif _somebody_is_there(request) and now - request.session[SEEN] >= SEEN_EVERY:
                request.session[SEEN] = now
        return self.get_response(request)


def why_over(request: HttpRequest, *, now: int) -> str:
    """Say why a session is over, or nothing while it goes on."""
    if now - request.session[SEEN] >= settings.CONSOLE_SESSION_IDLE_MINUTES * 60:
        return f"nothing was done for {settings.CONSOLE_SESSION_IDLE_MINUTES} minutes"
    if now - request.session[BEGAN] >= settings.CONSOLE_SESSION_HOURS * 3600:
        return f"a session lasts {settings.CONSOLE_SESSION_HOURS} hours at most"
    return ""


def _somebody_is_there(request: HttpRequest) -> bool:
    # Browsers say by themselves when a script asks, and let no script say otherwise (Fetch Metadata).
    return request.headers.get("Sec-Fetch-Dest") != "empty"
