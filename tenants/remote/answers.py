"""What came back: exact bytes and the few header fields that matter."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from tenants.documents import InvalidDocument, Limits, load

_LONGEST_TEXT: Final = 2000
_WORD_LIMITS: Final = Limits(size=1024 * 1024)
"""A word on why not is short; what is longer is a page, and says nothing that is understood."""
_LONGEST_PARAM: Final = 300
_MOST_PARAMS: Final = 30
# PostgreSQL holds no NUL, and control characters have no place on a page or in a log line.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete answer of the platform, whatever its status."""

    status: int
    body: bytes
    """Exactly as received."""
    etag: bytes | None
    """The field value exactly as received, quotes and weakness mark included; None where there was not exactly one."""
    correlation_id: str
    """The platform's name for the request (`ININ-Correlation-Id`); empty where it gave none."""
    elapsed_ms: int
    received_at: datetime
    content_type: str
    retry_after: float | None = None
    """Seconds, from `Retry-After` in either of its forms (RFC 9110 section 10.2.3)."""
    server_date: datetime | None = None
    """The `Date` of the answer, by which clocks are compared."""

    @property
    def not_modified(self) -> bool:
        """Whether what was known is still so (304)."""
        return self.status == 304

    @property
    def ok(self) -> bool:
        """Whether the platform says that it did what was asked (2xx)."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The platform's word on why not; each part is empty where the answer does not have it."""

    code: str
    message: str
    params: Mapping[str, str] = field(default_factory=dict)
    """`messageParams`, and what `entityName`, `entityId` and the first of `details` name besides."""


def error_body(answer: Answer) -> ErrorBody:
    """Give code and message of an error's body.

    Three shapes are known (PLATFORM.md): `code` and `message`; the token endpoint's `error` and `description`; SCIM's
    `scimType` and `detail`. Anything else, a gateway's page too, has neither.
    """
    shown = parsed(answer.body)
    if not isinstance(shown, dict):
        return ErrorBody("", "")
    code = _first_text(shown, "code", "error", "scimType")
    message = _first_text(shown, "message", "description", "error_description", "detail")
    return ErrorBody(code[:200], message, _params(shown))


def _params(shown: dict[str, Any]) -> dict[str, str]:
    """Give the short texts by which an error's body names things; a nested value names nothing."""
    details = shown.get("details")
    first = details[0] if isinstance(details, list) and details else None
    named = {
        **(first if isinstance(first, dict) else {}),
        **{key: shown[key] for key in ("entityName", "entityId") if key in shown},
        **(params if isinstance(params := shown.get("messageParams"), dict) else {}),
    }
    texts = {str(key)[:80]: value for key, value in named.items() if isinstance(value, str | int) and value != ""}
    return {key: clean_text(str(value))[:_LONGEST_PARAM] for key, value in list(texts.items())[:_MOST_PARAMS]}


def parsed(body: bytes) -> Any:
    """Give the value of a JSON body that strict reading accepts, or None; for errors and tokens, never for objects.

    As strict as for a configuration: of two members `code` nobody can say which one the platform meant.
    """
    try:
        return load(body, limits=_WORD_LIMITS)
    except InvalidDocument:
        return None


def _first_text(shown: dict[str, Any], *keys: str) -> str:
    return next((clean_text(shown[key]) for key in keys if isinstance(shown.get(key), str) and shown[key]), "")


def clean_text(text: str) -> str:
    """Give a stranger's text fit for a page, a log line and the database: no control characters, not endless."""
    text = _CONTROL.sub(" ", text).encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def retry_after_seconds(value: str | None, *, now: datetime) -> float | None:
    """Give the seconds that a `Retry-After` asks for, never negative; None where it says nothing that can be read."""
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", value, re.ASCII):
        seconds = float(value)
    else:
        moment = http_date(value)
        if moment is None:
            return None
        seconds = (moment - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def http_date(value: str | None) -> datetime | None:
    """Give the moment of an HTTP date (RFC 9110 section 5.6.7), or None."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
