"""What a report of an error may show: where it happened, and nothing of what stood there.

Django's page with DEBUG shows every local variable of every frame, among them a client secret that was just opened and
what a person typed. Here it shows the lines of code, and of the request only what cannot be a secret.
"""

import re
from typing import TYPE_CHECKING, Any

from django.views.debug import SafeExceptionReporterFilter

if TYPE_CHECKING:
    from django.http import HttpRequest


class NothingSecret(SafeExceptionReporterFilter):
    """Leave out variables, forms and cookies; hide settings whose name or address may hold a secret."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|HTTP_COOKIE|CREDENTIAL|SESSION|CSRF|URL|DSN|DATABASES|WEBHOOK|APPS",
        flags=re.IGNORECASE,
    )

    def is_active(self, request: "HttpRequest | None") -> bool:  # noqa: ARG002 - Django's hook
        """Say yes: with DEBUG too."""
        return True

    def get_post_parameters(self, request: "HttpRequest | None") -> dict[str, Any]:
        """Name the fields of the form without what was typed into them."""
        return {} if request is None else dict.fromkeys(request.POST, self.cleansed_substitute)

    def get_safe_cookies(self, request: "HttpRequest | None") -> dict[str, Any]:
        """Name the cookies without what is in them."""
        return {} if request is None else dict.fromkeys(request.COOKIES, self.cleansed_substitute)

    def get_traceback_frame_variables(self, request: "HttpRequest | None", tb_frame: Any) -> Any:  # noqa: ARG002
        """Show none."""
        return {}.items()
