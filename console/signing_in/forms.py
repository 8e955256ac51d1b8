"""The forms that ask for a password or set up an app.

A password is taken as it was typed: a space at an end belongs to it.
"""

from typing import Any

from allauth.account.forms import LoginForm, ReauthenticateForm
from allauth.core import context
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY, generate_totp_secret
from allauth.mfa.utils import decrypt, encrypt

from tenants.sealing import CannotUnseal


class SignInForm(LoginForm):  # type: ignore[misc]
    """Username and password; nothing to remember, and no link to a page that mails passwords."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        username, password = self.fields["login"].widget.attrs, self.fields["password"].widget.attrs
        for attrs in (username, password):
            attrs.pop("placeholder", None)
        username |= {"autofocus": True, "autocapitalize": "none", "spellcheck": "false"}
        self.fields["password"].help_text = ""
        self.fields["password"].strip = False

    def add_prefix(self, field_name: str) -> str:
        """Call the name what browsers and password managers know it by."""
        name: str = super().add_prefix("username" if field_name == "login" else field_name)
        return name


class PasswordAgainForm(ReauthenticateForm):  # type: ignore[misc]
    """The password of who is signed in already."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].strip = False
        self.fields["password"].widget.attrs |= {"autofocus": True}
        self.fields["password"].widget.attrs.pop("placeholder", None)


class SetUpAppForm(ActivateTOTPForm):  # type: ignore[misc]
    """The first code of an app that is being set up; until it is right, its secret waits in the session, sealed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        session = context.request.session
        sealed = session.get(SECRET_SESSION_KEY)
        super().__init__(*args, **kwargs)  # takes what the session holds, or puts a new secret there
        if self.is_bound and sealed:
            try:
                self.secret = decrypt(sealed)
            except CannotUnseal:
                # Its key was replaced meanwhile, or it is another person's: no code fits, and the page shows a new one.
                self.secret = generate_totp_secret()
        session[SECRET_SESSION_KEY] = encrypt(self.secret)
