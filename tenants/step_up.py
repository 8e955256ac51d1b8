"""Has the person at the browser proved a moment ago who they are? If not: the page that asks again, and comes back.

Called before what must not be done by whoever finds an open browser, such as an approval:

    answer = step_up.required(request)
    if answer is not None:
        return answer

What counts is a second factor, or the password of a person who has set none up. A sign-in counts like being asked
again, for as long. The page that asks leads back to the page, and the person presses once more: nothing is done by
itself after a redirect. What was typed waits in the session: `typed` gives it to the page that is drawn again.
"""

import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.http import HttpRequest, HttpResponse

TYPED: Final = "step_up_typed"
TYPED_SECONDS: Final = 15 * 60
MOST_TYPED: Final = 20_000
"""Characters that are kept over the way to the page that asks; the session is a row of the database."""

_NEVER_KEPT: Final = ("csrfmiddlewaretoken", "password", "secret", "code", "credential")

FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""What a person can set up; recovery codes stand in for these, and are none by themselves."""


def required(request: "HttpRequest") -> "HttpResponse | None":
    """Give the answer that leads to the page that asks again, or None when the person has proved it a moment ago.

    Raises PermissionDenied for a person who has nothing that could be asked for.
    """
    if proved(request):
        return None
    methods = get_adapter(request).get_reauthentication_methods(request.user)
    if not methods:
        message = (
            "This needs you to confirm who you are, and you have neither a password nor a second factor here. "
            "Nothing was done. Set up a second factor on the page of your sign-in."
        )
        raise PermissionDenied(message)
    back = _way_back(request)
    _keep_typed(request, back)
    url = methods[0]["url"]
    return HttpResponseRedirect(f"{url}{'&' if '?' in url else '?'}{urlencode({'next': back})}")


def proved(request: "HttpRequest") -> bool:
    """Tell whether the person behind this session proved who they are within the last CONSOLE_STEP_UP_MINUTES."""
    if not request.user.is_authenticated:
        return False
    since = time.time() - settings.CONSOLE_STEP_UP_MINUTES * 60
    records = [one for one in get_authentication_records(request, request.user) if _at(one) > since]
    if has_second_factor(request.user):
        return any(one.get("method") == "mfa" for one in records)
    return bool(records)


def has_second_factor(user: "AbstractBaseUser | AnonymousUser") -> bool:
    """Tell whether the person has set up an authenticator app or a passkey."""
    found: bool = Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists()
    return found


def typed(request: "HttpRequest") -> dict[str, str]:
    """Give once, by the names of the fields, what the person had typed on this page before they were asked.

    Empty where nothing was, where it was on another page, or longer ago than a quarter of an hour.
    """
    kept: dict[str, Any] | None = request.session.get(TYPED)
    if kept is None or kept.get("path") != request.get_full_path() or kept.get("user") != request.user.pk:
        return {}
    del request.session[TYPED]
    fields: dict[str, str] = kept["fields"]
    return fields if time.time() - kept["at"] < TYPED_SECONDS else {}


def _at(record: dict[str, Any]) -> float:
    """Give when the person proved it: for a sign-in elsewhere, when the provider last asked."""
    if record.get("method") == "socialaccount":
        return float(record.get("asked_at", 0.0))
    return float(record["at"])


def _way_back(request: "HttpRequest") -> str:
    """Give the address of the page on which the person was; of a form that is the page that showed it."""
    if request.method in {"GET", "HEAD"}:
        return request.get_full_path()
    came_from = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure()):
        parts = urlsplit(came_from)
        return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    return request.get_full_path()


def _keep_typed(request: "HttpRequest", back: str) -> None:
    if request.method != "POST":
        return
    fields = {
        name: value
        for name, value in request.POST.items()
        if isinstance(value, str) and not any(word in name.lower() for word in _NEVER_KEPT)
    }
    if sum(len(name) + len(value) for name, value in fields.items()) <= MOST_TYPED:
        kept = {"path": back, "user": request.user.pk, "at": time.time(), "fields": fields}
        request.session[TYPED] = kept
