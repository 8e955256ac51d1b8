"""The forms that ask for a password. What is typed is taken as it is: a space at an end belongs to it."""

from typing import Any

from allauth.account.forms import LoginForm, ReauthenticateForm


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
