"""What a password must not be, beside what Django's own validators refuse."""

import re
from typing import TYPE_CHECKING, Final

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from tenants.models import Tenant

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

WORDS: Final = ("config vault", "configvault", "genesys", "purecloud", "rollback", "contact center", "contact centre")
"""Of this product; the names of the tenants count as well."""

LEFT_AT_LEAST: Final = 8
"""Characters that a password must have beside these words, so that it may hold one and not be one."""

LONGEST_DRESSED_UP: Final = 60
"""In characters; what is longer holds more than a common password."""


class NotOfThisPlace:
    """Refuse a password that is little more than a word of this product or the name of a tenant."""

    def validate(self, password: str, user: "AbstractBaseUser | None" = None) -> None:  # noqa: ARG002 - Django's hook
        """Raise ValidationError where too little is left without these words."""
        names = [name for pair in Tenant.objects.values_list("slug", "name") for name in pair]
        left = _plain(password)
        for word in sorted(filter(None, map(_plain, (*WORDS, *names))), key=len, reverse=True):
            left = left.replace(word, "")
        if len(left) < LEFT_AT_LEAST and left != _plain(password):
            message = (
                "This password is little more than a name that people here know. Choose words that nobody expects."
            )
            raise ValidationError(message, code="password_of_this_place")

    def get_help_text(self) -> str:
        """Say what is wanted."""
        return "Not the name of this product or of a tenant with a few characters more."


class NotACommonOneDressedUp:
    """Refuse a common password with digits or marks at its ends, or said twice: few common ones are long enough."""

    def __init__(self) -> None:
        self._common = CommonPasswordValidator()

    def validate(self, password: str, user: "AbstractBaseUser | None" = None) -> None:  # noqa: ARG002 - Django's hook
        """Raise ValidationError where nothing but a common password is left without what is at its ends."""
        if len(password) > LONGEST_DRESSED_UP:
            return
        core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", password.casefold())
        said_once = re.sub(r"^(.{3,}?)\1+$", r"\1", core)
        if core and {core, said_once} & self._common.passwords:
            message = "This is a common password with something at its ends, or said twice. Choose words of your own."
            raise ValidationError(message, code="password_dressed_up")

    def get_help_text(self) -> str:
        """Say what is wanted."""
        return "Not a common password with digits or marks at its ends."


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())
