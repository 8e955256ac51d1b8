"""What a password must not be, beside what Django's own validators refuse."""

import re
from typing import TYPE_CHECKING, Final

from django.core.exceptions import ValidationError

from tenants.models import Tenant

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

WORDS: Final = ("config vault", "configvault", "genesys", "purecloud", "rollback", "contact center", "contact centre")
"""Of this product; the names of the tenants count as well."""

LEFT_AT_LEAST: Final = 8
"""Characters that a password must have beside these words, so that it may hold one and not be one."""


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


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())
