"""The pages of signing in: django-allauth's own, with our looks and an entry in the trails for each thing that is done.

A change and its entry are one transaction. What was refused is recorded where the refusal is answered.
"""

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from allauth.account import views as account_views
from allauth.account.internal import flows
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.base import views as factor_views
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as code_views
from allauth.mfa.totp import views as app_views
from allauth.mfa.webauthn import views as passkey_views
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from allauth.usersessions.internal.flows.sessions import end_sessions
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from console.signing_in import keeping, requirement
from console.signing_in.adapters import AccountAdapter, may_come_in, single_sign_on_again
from tenants import sign_ins, step_up

if TYPE_CHECKING:
    from django import forms

logger = logging.getLogger(__name__)

ALGORITHMS: Final = frozenset(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)) | {"EdDSA"}
"""Signatures of a key pair alone: nobody but the provider can make one."""


class OfConsole:
    """Give the page what every page of the console has: its title, and the navigation of who is signed in."""

    title = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the admin site's context; what the view itself says stands."""
        found: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        request: HttpRequest = self.request  # type: ignore[attr-defined]
        return {**admin.site.each_context(request), "title": self.title, **found}


class SignIn(OfConsole, account_views.LoginView):  # type: ignore[misc]
    """Username and password, a passkey, or the identity provider."""

    title = "Log in"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Sign out who no longer may come in, instead of leading them in a ring."""
        if request.user.is_authenticated and not may_come_in(request.user):
            AccountAdapter(request).logout(request)
            messages.error(request, "You were logged out: your account may no longer open this console.")
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the identity provider, where there is one."""
        providers = AccountAdapter(self.request).single_sign_on(next_url=self.get_next_url() or "")
        return {**super().get_context_data(**kwargs), "single_sign_on": providers}


class PasskeySignIn(passkey_views.LoginWebAuthnView):  # type: ignore[misc]
    """Sign in with a passkey alone, which is something one has and a finger or a PIN."""

    def form_invalid(self, form: "forms.Form") -> HttpResponse:  # noqa: ARG002 - the library's hook
        """Say that it was refused; nobody is named, because nobody has proved to be anybody."""
        messages.error(self.request, "This passkey was not recognised. Nothing was done. Log in with your password.")
        return HttpResponseRedirect(reverse("account_login"))


class SecondFactor(OfConsole, factor_views.AuthenticateView):  # type: ignore[misc]
    """The second step of signing in."""

    title = "Second factor"

    def form_invalid(self, form: "forms.Form") -> HttpResponse:
        """Record a code or a passkey that was not right."""
        user = self.stage.login.user
        sign_ins.record_refused_sign_in(
            user.get_username(), factors=["password", "totp" if "code" in form.fields else "webauthn"], why=_why(form)
        )
        answer: HttpResponse = super().form_invalid(form)
        return answer


class _Again(OfConsole):
    """Being asked again who one is."""

    title = "Confirm that it is you"
    factor = ""

    def form_valid(self, form: "forms.Form") -> HttpResponse:
        """Go back to the page under a new key of the session, with an entry that it was proved."""
        request: HttpRequest = self.request  # type: ignore[attr-defined]
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
            before = request.session.session_key
            request.session.cycle_key()
            UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)
            sign_ins.record_step_up(request.user, factors=[self.factor])
        return answer

    def form_invalid(self, form: "forms.Form") -> HttpResponse:
        """Show the page again, with an entry that it was not."""
        request: HttpRequest = self.request  # type: ignore[attr-defined]
        sign_ins.record_refused_step_up(request.user, factors=[self.factor], why=_why(form))
        answer: HttpResponse = self.render_to_response(self.get_context_data(form=form))  # type: ignore[attr-defined]
        return answer


class PasswordAgain(_Again, account_views.ReauthenticateView):  # type: ignore[misc]
    """Ask for the password again."""

    factor = "password"

    def form_invalid(self, form: "forms.Form") -> HttpResponse:
        """Show the page again; the adapter, which looked at the password, has recorded it."""
        return self.render_to_response(self.get_context_data(form=form))  # type: ignore[no-any-return]


class CodeAgain(_Again, factor_views.ReauthenticateView):  # type: ignore[misc]
    """Ask for a code of the app, or a recovery code."""

    factor = "totp"


class PasskeyAgain(_Again, passkey_views.ReauthenticateWebAuthnView):  # type: ignore[misc]
    """Ask for the passkey."""

    factor = "webauthn"


class MySignIn(OfConsole, factor_views.IndexView):  # type: ignore[misc]
    """What a person signs in with, and where they are signed in."""

    title = "Your sign-in"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the sessions, the identity provider, and whether a second factor is wanted."""
        found: dict[str, Any] = super().get_context_data(**kwargs)
        request: HttpRequest = self.request
        mine = UserSession.objects.purge_and_list(request.user)
        return {
            **found,
            "sessions": sorted(mine, key=lambda one: one.created_at, reverse=True),
            "others": sum(not one.is_current() for one in mine),
            "known_as": SocialAccount.objects.filter(user_id=request.user.pk),
            "needs_second_factor": requirement.is_missing(request),
            "passkeys_possible": not request.get_host().startswith(("127.", "[")),
        }


class SetUpApp(OfConsole, app_views.ActivateTOTPView):  # type: ignore[misc]
    """Set up an authenticator app."""

    title = "Set up an authenticator app"

    def form_valid(self, form: "forms.Form") -> HttpResponse:
        """Keep it, with its entry, and the recovery codes that come with the first factor."""
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            _record_added(self.request, "totp", codes=self.did_generate_recovery_codes)
        return answer


class RemoveApp(OfConsole, app_views.DeactivateTOTPView):  # type: ignore[misc]
    """Remove the authenticator app."""

    title = "Remove the authenticator app"

    def form_valid(self, form: "forms.Form") -> HttpResponse:
        """Remove it, with its entry."""
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            sign_ins.record_factor("removed", self.request.user, kind="totp")
        return answer


class AddPasskey(OfConsole, passkey_views.AddWebAuthnView):  # type: ignore[misc]
    """Add a passkey."""

    title = "Add a passkey"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Keep the form of a refused attempt, with what was wrong; the library would show an empty one."""
        return {**super().get_context_data(**kwargs), **kwargs}

    def form_valid(self, form: "forms.Form") -> HttpResponse:
        """Keep it, with its entry."""
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            name = form.cleaned_data["name"]
            _record_added(self.request, "webauthn", name=name, codes=self.did_generate_recovery_codes)
        return answer


class RenamePasskey(OfConsole, passkey_views.EditWebAuthnView):  # type: ignore[misc]
    """Call a passkey by another name."""

    title = "Rename a passkey"

    def get_success_url(self) -> str:
        """Go back to the page of all of it."""
        return reverse("mfa_index")

    def form_valid(self, form: "forms.Form") -> HttpResponse:
        """Rename it, with its entry."""
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            sign_ins.record_factor("renamed", self.request.user, kind="webauthn", name=form.cleaned_data["name"])
        return answer


class RemovePasskey(OfConsole, passkey_views.RemoveWebAuthnView):  # type: ignore[misc]
    """Remove a passkey."""

    title = "Remove a passkey"

    def get_success_url(self) -> str:
        """Go back to the page of all of it."""
        return reverse("mfa_index")

    def form_valid(self, form: "forms.Form") -> HttpResponse:
        """Remove it, with its entry."""
        name = self.get_object().wrap().name
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            sign_ins.record_factor("removed", self.request.user, kind="webauthn", name=name)
        return answer


class RecoveryCodes(OfConsole, code_views.ViewRecoveryCodesView):  # type: ignore[misc]
    """Show recovery codes once."""

    title = "Recovery codes"


class NewRecoveryCodes(OfConsole, code_views.GenerateRecoveryCodesView):  # type: ignore[misc]
    """Make new recovery codes; the old ones are void."""

    title = "New recovery codes"

    def form_valid(self, form: "forms.Form") -> HttpResponse:
        """Make them, with their entry."""
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            sign_ins.record_factor("replaced", self.request.user, kind="recovery_codes")
        return answer


class CheckedProvider(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """The identity provider, whose word is taken only where its own signature stands under it."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """Give what the provider says of itself; refuse it where it calls itself by another name than ours for it."""
        config: dict[str, Any] = super().openid_config
        configured = self.get_provider().app.settings["server_url"].partition("/.well-known/")[0]
        if str(config.get("issuer", "")).rstrip("/") != configured.rstrip("/"):
            message = f"The identity provider calls itself {config.get('issuer')!r}; CONSOLE_OIDC_ISSUER is another."
            raise OAuth2Error(message)
        return config

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        # The library skips the signature of a token that came over the direct way; ours is looked at all the same.
        self.did_fetch_access_token = False
        try:
            if jwt.get_unverified_header(id_token).get("alg") not in ALGORITHMS:
                message = "The identity provider's token is signed in a way that is not accepted here."
                raise OAuth2Error(message)
            claims: dict[str, Any] = super()._decode_id_token(app, id_token)
        except (KeyError, TypeError, ValueError, jwt.PyJWTError) as problem:
            # A header without a key's name, or with an algorithm that is not the key's.
            message = "The identity provider's token cannot be read."
            raise OAuth2Error(message) from problem
        if not constant_time_compare(str(claims.get("nonce")), _nonce_of(self.request.GET.get("state", ""))):
            message = "The identity provider's token was made for another sign-in."
            raise OAuth2Error(message)
        return claims


@require_GET
def single_sign_on(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Begin a sign-in with the identity provider, and nothing else: nobody connects accounts by themselves."""
    if request.GET.get("process", "login") != "login":
        raise Http404
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        # Another site's picture or link begins no session here; the person does, on our page.
        return HttpResponseRedirect(reverse("account_login"))
    try:
        # Before anybody is sent there: does it call itself what the operator calls it?
        _ = CheckedProvider(request, provider_id).openid_config if provider_id == keeping.PROVIDER else None
    except (OSError, OAuth2Error, SocialApp.DoesNotExist) as problem:
        return _provider_failed(request, problem)
    answer = _at_provider(OAuth2LoginView, request, provider_id)
    there = answer.get("Location", "")
    [state] = parse_qs(urlsplit(there).query).get("state", [""])
    if state:
        answer["Location"] = f"{there}&{urlencode({'nonce': _nonce_of(state)})}"
    return answer


@require_GET
@never_cache
def single_sign_on_done(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Take the identity provider's answer."""
    return _at_provider(OAuth2CallbackView, request, provider_id)


@require_GET
def single_sign_on_cancelled(request: HttpRequest) -> HttpResponse:
    """Answer whom the identity provider sent back without vouching for them."""
    return render(request, "socialaccount/authentication_error.html", status=HTTPStatus.UNAUTHORIZED)


@login_required
@require_POST
def sign_out_elsewhere(request: HttpRequest) -> HttpResponse:
    """End every session of this person but this one."""
    answer = step_up.required(request)
    if answer is not None:
        return answer
    with transaction.atomic():
        others = [one for one in UserSession.objects.purge_and_list(request.user) if not one.is_current()]
        end_sessions(request, others)
        if others:
            sign_ins.record_ended_sessions(request.user, count=len(others))
    words = "1 other session was" if len(others) == 1 else f"{len(others)} other sessions were"
    messages.success(request, f"{words} ended.")
    return HttpResponseRedirect(reverse("mfa_index"))


@require_POST
def sign_out_of_half_way(request: HttpRequest) -> HttpResponse:
    """Leave a sign-in whose second step was not made."""
    flows.logout.logout(request, show_message=False)
    return HttpResponseRedirect(reverse("account_login"))


def too_many(request: HttpRequest) -> HttpResponse:
    """Answer what came too often."""
    return render(request, "429.html", status=HTTPStatus.TOO_MANY_REQUESTS)


def _at_provider(view: Any, request: HttpRequest, provider_id: str) -> HttpResponseBase:
    if not single_sign_on_again(request) or provider_id != keeping.PROVIDER:
        raise Http404
    try:
        answer: HttpResponseBase = view.adapter_view(CheckedProvider(request, provider_id))(request)
    except (OSError, OAuth2Error) as problem:
        return _provider_failed(request, problem)
    return answer


def _nonce_of(state: str) -> str:
    """Give the nonce (OpenID Connect Core 1.0, section 3.1.2.1) of a sign-in by the state that this browser holds."""
    return salted_hmac("console.signing_in.nonce", state, algorithm="sha256").hexdigest()


def _provider_failed(request: HttpRequest, problem: Exception) -> HttpResponse:
    if isinstance(problem, SocialApp.DoesNotExist):
        raise Http404
    logger.warning("The identity provider did not answer as it should: %s", " ".join(str(problem).split()))
    return render(request, "socialaccount/authentication_error.html", status=HTTPStatus.BAD_GATEWAY)


def _record_added(request: HttpRequest, kind: str, *, name: str = "", codes: bool) -> None:
    # Whoever sets it up has just used it.
    record_authentication(request, request.user, "mfa", type=kind, reauthenticated=True)
    sign_ins.record_factor("added", request.user, kind=kind, name=name)
    if codes:
        sign_ins.record_factor("added", request.user, kind=str(Authenticator.Type.RECOVERY_CODES))


def _why(form: "forms.Form") -> str:
    codes = {error.code for errors in form.errors.as_data().values() for error in errors}
    return "too many attempts" if "too_many_login_attempts" in codes else ""
