"""Who may write, approve or administer has a second factor, where the operator requires it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from tenants import access, step_up

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

LOOKING: Final = (access.Role.VIEWER, access.Role.AUDITOR)
"""Roles that change nothing."""

OPEN_TO_ALL: Final = frozenset({"logout", "password_change", "password_change_done", "jsi18n"})
"""Names of the admin's pages that need no second factor; all of console.signing_in need none."""


class SecondFactorRequired:
    """Lead a person without a second factor, who needs one, to the page that sets one up, from every other page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        """Answer with the way to the page, or let the view answer."""
        if not is_missing(request):
            return None
        match = request.resolver_match
        if match is None or match.app_name != "admin" or match.url_name in OPEN_TO_ALL:
            return None
        return HttpResponseRedirect(reverse("mfa_index"))


def is_missing(request: HttpRequest) -> bool:
    """Tell whether the person at the browser needs a second factor and has neither set one up nor proved one."""
    if not settings.CONSOLE_REQUIRE_SECOND_FACTOR or not request.user.is_authenticated:
        return False
    if not needs_one(request.user) or step_up.has_second_factor(request.user):
        return False
    return not any(one.get("second_factor") for one in get_authentication_records(request, request.user))


def needs_one(user: "AbstractBaseUser | AnonymousUser") -> bool:
    """Tell whether a person has any role that changes something, in any tenant, of their own or by a group."""
    changing = [role for role in access.Role if role not in LOOKING]
    return access.owns_platform(user) or access.tenants_with_role(user, *changing).exists()
