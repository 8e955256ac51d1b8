"""The rules of signing in, where django-allauth asks for them.

Only people of the console's staff who are active come in, whatever they sign in with, and nobody learns from an answer
whether an account exists. A sign-in that cannot be recorded in the trails does not happen.
"""

from typing import TYPE_CHECKING, Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY, get_authentication_records
from allauth.account.internal.stagekit import clear_login
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, _build_apps_from_settings
from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from console import sessions
from console.signing_in import keeping
from tenants import access, claims, sealing, sign_ins, step_up

if TYPE_CHECKING:
    from allauth.socialaccount.models import SocialLogin
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

REFUSED: Final = (
    "The username or the password is wrong, or this account may not log in. Nothing was done. Try again, or ask a "
    "platform owner."
)
TOO_MANY: Final = "There were too many wrong attempts, so this one was not looked at. Wait a few minutes and try again."


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Let in who may come in, and tell the trails."""

    error_messages: Final = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": REFUSED,
        "too_many_login_attempts": TOO_MANY,
        "rate_limited": TOO_MANY,
        "incorrect_password": "This is not your password. Nothing was done. Try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - the library's hook
        """Say no: a platform owner adds people."""
        return False

    def add_message(self, request: HttpRequest, level: int, *args: Any, message: Any = None, **kwargs: Any) -> None:
        """Show what went wrong; the library's remarks about what went well are said by our pages."""
        if message is not None and level >= messages.ERROR:
            super().add_message(request, level, *args, message=message, **kwargs)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse what comes too often from one address or for one account, and record that it was refused."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            self._record_refusal(request, credentials, why="too many attempts")
            raise

    def authenticate(self, request: HttpRequest, **credentials: Any) -> "AbstractBaseUser | None":
        """Give whom a name and a password belong to, if they may come in; what is refused is recorded."""
        user: User | None = super().authenticate(request, **credentials)
        if user is not None and not may_come_in(user):
            self.authentication_failed(request, **credentials)
            return None
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record a wrong password, or the right one of somebody who may not come in."""
        self._record_refusal(request, credentials, why="")

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        """Refuse who may not come in whatever they signed in with; keep what the identity provider said of how."""
        if not may_come_in(user):
            clear_login(request)
            factors = factors_of(request, user)
            sign_ins.record_refused_sign_in(user.get_username(), factors=factors, why="may not log in")
            messages.error(request, REFUSED)
            return HttpResponseRedirect(reverse("account_login"))
        facts = getattr(request, "sso_facts", None)
        if facts:
            records = get_authentication_records(request, user)
            request.session[AUTHENTICATION_METHODS_SESSION_KEY] = [*records[:-1], {**records[-1], **facts}]
        answer: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return answer

    def login(self, request: HttpRequest, user: Any) -> None:
        """Begin the session; it, its entries and the roles that the identity provider gives are one transaction."""
        factors = factors_of(request, user)
        with transaction.atomic():
            super().login(request, user)
            sessions.begin(request)
            sign_ins.record_sign_in(user, factors=factors)
            if "sso" in factors:
                account = SocialAccount.objects.get(provider=keeping.PROVIDER, user_id=user.pk)
                claims.apply(user, account.extra_data.get("id_token") or {})

    def logout(self, request: HttpRequest) -> None:
        """End the session, and record it."""
        user = request.user
        with transaction.atomic():
            super().logout(request)
            if user.is_authenticated:
                sign_ins.record_sign_out(user)

    def is_reauthentication_required(self, *, app: str, **_: Any) -> bool:  # noqa: ARG002 - the library's hook
        """Ask again before anything about sign-in is changed, unless it was proved a moment ago."""
        return not step_up.proved(context.request)

    def get_reauthentication_methods(self, user: "AbstractBaseUser | AnonymousUser") -> list[dict[str, Any]]:
        """Give the ways to prove oneself again: a second factor, or the password of who has set none up."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if not user.is_authenticated:
            return []
        strong = [one for one in methods if one["id"] != "reauthenticate"]
        if strong and step_up.has_second_factor(user):
            return strong
        plain = [one for one in methods if one["id"] == "reauthenticate"]
        return plain or single_sign_on_again(context.request)

    def single_sign_on(self, *, next_url: str) -> list[dict[str, str]]:
        """Give the identity provider's name and the address that leads to it and back; none where there is none."""
        providers = SingleSignOnAdapter(self.request).list_providers(self.request)
        more = {"next": next_url} if next_url else {}
        return [{"name": one.name, "url": one.get_login_url(self.request, **more)} for one in providers]

    @staticmethod
    def _record_refusal(request: HttpRequest, credentials: dict[str, Any], *, why: str) -> None:
        name = str(credentials.get("username", ""))
        if request.user.is_authenticated:
            sign_ins.record_refused_step_up(request.user, factors=["password"], why=why)
        else:
            sign_ins.record_refused_sign_in(name, why=why)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Keep second factors sealed: each opens only for the person whose it is."""

    error_messages: Final = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code is not right, or it was used already. Nothing was done. Take the next one.",
    }

    def encrypt(self, text: str) -> str:
        """Give a secret sealed for the person who sets it up."""
        return sealing.seal_for_person(text, user_id=_whose(), field=sealing.FACTOR_FIELD)

    def decrypt(self, encrypted_text: str) -> str:
        """Give the secret of the person who signs in or proves themselves."""
        return sealing.unseal_for_person(encrypted_text, user_id=_whose(), field=sealing.FACTOR_FIELD)

    def _get_site_name(self) -> str:
        return "Config Vault"


class SingleSignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Let the identity provider vouch for people who are known here by its own name for them, and for nobody else."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: "SocialLogin") -> bool:  # noqa: ARG002
        """Say no: whom the provider knows and the console does not, a platform owner adds."""
        return False

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[Any]:  # noqa: ARG002
        """Give the provider of the settings; a row of the database makes none."""
        found = _build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in found.values() for app in apps]

    def pre_social_login(self, request: HttpRequest, sociallogin: "SocialLogin") -> None:
        """Note when and how the provider asked the person, which decides what the sign-in is worth here."""
        told = sociallogin.account.extra_data.get("id_token") or {}
        asked_at = told.get("auth_time")
        said = told.get("amr")
        methods = said if isinstance(said, list) else []
        request.sso_facts = {  # type: ignore[attr-defined]
            "asked_at": float(asked_at) if isinstance(asked_at, int | float) else 0.0,
            "second_factor": "mfa" in methods,
        }


def may_come_in(user: Any) -> bool:
    """Tell whether the console's pages open for somebody at all."""
    return access.may_enter(user)


def factors_of(request: HttpRequest, user: Any) -> list[str]:
    """Name with what the person has signed in in this session, in this order: password, totp, webauthn, sso."""
    named = {"socialaccount": "sso"}
    told = [
        str(one.get("type") or named.get(one["method"], one["method"]))
        for one in get_authentication_records(request, user)
        if not one.get("reauthenticated")
    ]
    return list(dict.fromkeys(told))


def single_sign_on_again(request: HttpRequest) -> list[dict[str, Any]]:
    """Give the way of a person whom only the identity provider can ask: it is told to ask, not to remember."""
    providers = SingleSignOnAdapter(request).list_providers(request)
    return [
        {
            "id": f"sso:{provider.app.provider_id}",
            "description": f"Sign in again with {provider.name}",
            "url": provider.get_login_url(request, process="login", auth_params="prompt=login&max_age=0"),
        }
        for provider in providers
    ]


def _whose() -> int:
    """Give the id of the person at the browser: signed in, or past the password and asked for the second factor."""
    request = context.request
    if request is not None and request.user.is_authenticated:
        return int(request.user.pk)
    stage = getattr(request, "_login_stage", None)
    if stage is None or stage.login.user is None:
        message = "A second factor is opened only for the person at the browser; there is none. Nothing was opened."
        raise PermissionDenied(message)
    return int(stage.login.user.pk)
