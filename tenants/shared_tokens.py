"""One access token for all workers of an OAuth client: sealed at rest, fetched by one of them, forgotten by all.

The platform limits requests by token, and a token is a secret that is good for hours: so there is one. Whoever finds
none that is fresh claims its fetch; the others wait for what comes of it, an error too. A claim ends by itself, so a
worker that dies in the fetch holds the others up for some seconds only. Forgetting gives the token a new number, which
every worker learns with its next request (`Admission.token_generation`), before it sends.
"""

import hashlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from django.db import DatabaseError

from tenants import aside, sealing
from tenants.remote import errors
from tenants.remote.errors import RemoteError
from tenants.remote.tokens import Token

if TYPE_CHECKING:
    from tenants.models import Tenant

logger = logging.getLogger(__name__)

TOKEN_FIELD: Final = "access_token"  # noqa: S105 - the field's name
CLAIM_SECONDS: Final = 10
"""After so long a fetch that never told its end counts as lost, and somebody else fetches."""
LONGEST_WAIT_SECONDS: Final = 35.0
"""For the fetch of another worker; then this one fetches a token of its own."""
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.25
# Classes that an error of another worker may come back as.
_SHARED_ERRORS: Final = {
    kind.__name__: kind
    for kind in (
        errors.CredentialsRefused,
        errors.TokenUnusable,
        errors.Unreachable,
        errors.TimedOut,
        errors.ConnectionLost,
        errors.RateLimited,
        errors.RemoteUnavailable,
    )
}

_LOOK: Final = """
SELECT token_sealed, token_fingerprint, token_generation, fetch_failures, fetch_failure,
    fetching_until > clock_timestamp() AS claimed,
    extract(epoch FROM token_fresh_until - clock_timestamp())::float8 AS fresh_seconds,
    token_sealed IS NOT NULL AND token_of = %(of)s AND token_fresh_until > clock_timestamp() AS usable
FROM tenants_oauthclient WHERE tenant_id = %(tenant)s AND client_id = %(client)s"""
_MAKE: Final = """
INSERT INTO tenants_oauthclient (tenant_id, client_id) VALUES (%(tenant)s, %(client)s)
ON CONFLICT (tenant_id, client_id) DO NOTHING RETURNING id"""
_CLAIM: Final = """
UPDATE tenants_oauthclient
SET fetcher = %(fetcher)s, fetching_until = clock_timestamp() + make_interval(secs => %(claim)s)
WHERE tenant_id = %(tenant)s AND client_id = %(client)s
    AND (fetching_until IS NULL OR fetching_until <= clock_timestamp())
    AND NOT COALESCE(token_sealed IS NOT NULL AND token_of = %(of)s AND token_fresh_until > clock_timestamp(), FALSE)
RETURNING token_generation"""
_KEEP: Final = """
UPDATE tenants_oauthclient
SET token_sealed = %(sealed)s, token_fingerprint = %(fingerprint)s, token_of = %(of)s,
    token_fresh_until = clock_timestamp() + make_interval(secs => %(fresh)s),
    token_generation = token_generation + 1, fetching_until = NULL, fetcher = '', fetch_failure = NULL
WHERE tenant_id = %(tenant)s AND client_id = %(client)s AND fetcher = %(fetcher)s
RETURNING token_generation"""
_FAILED: Final = """
UPDATE tenants_oauthclient
SET fetching_until = NULL, fetcher = '', fetch_failures = fetch_failures + 1, fetch_failure = %(failure)s::jsonb
WHERE tenant_id = %(tenant)s AND client_id = %(client)s AND fetcher = %(fetcher)s
RETURNING id"""
_FORGET: Final = """
UPDATE tenants_oauthclient
SET token_sealed = NULL, token_fingerprint = '', token_generation = token_generation + 1
WHERE tenant_id = %(tenant)s AND client_id = %(client)s AND token_fingerprint = %(fingerprint)s
RETURNING id"""


class SharedToken:
    """The token of one tenant's OAuth client, shared by all workers."""

    def __init__(self, tenant: "Tenant", *, sleep: Callable[[float], object] = time.sleep) -> None:
        self._tenant = tenant
        self._sleep = sleep

    def token(self, fetch: Callable[[], Token]) -> Token:
        """Give the token that all share, fetched by one of them where there is none; raises what the fetch raises.

        Without the database, and without a key to seal it, a token of this process's own is fetched.
        """
        until = time.monotonic() + LONGEST_WAIT_SECONDS
        pause = _FIRST_PAUSE
        failures: int | None = None
        while time.monotonic() < until:
            try:
                shown = self._row(_LOOK) or (self._row(_MAKE) and self._row(_LOOK))
            except DatabaseError:
                logger.exception("The token of %s could not be looked up; another one is fetched.", self._tenant.slug)
                return fetch()
            if not shown:
                return fetch()
            if shown["usable"]:
                kept = self._opened(shown)
                if kept is not None:
                    return kept
                continue
            if failures is not None and shown["fetch_failures"] > failures:
                raise _failure_of(shown["fetch_failure"])
            failures = shown["fetch_failures"]
            fetcher = _fetcher()
            if not shown["claimed"] and self._row(_CLAIM, fetcher=fetcher, claim=CLAIM_SECONDS) is not None:
                return self._fetched(fetch, fetcher=fetcher)
            self._sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        return fetch()

    def forget(self, text: str) -> None:
        """Make all workers forget this token, if it is still the one that they share; never raises."""
        try:
            self._row(_FORGET, fingerprint=_fingerprint(text))
        except DatabaseError:
            logger.exception("The token of %s could not be forgotten by all workers.", self._tenant.slug)

    def _opened(self, shown: Mapping[str, Any]) -> Token | None:
        try:
            text = sealing.unseal(shown["token_sealed"], tenant_id=self._tenant.pk, field=TOKEN_FIELD)
        except sealing.CannotUnseal as error:
            logger.warning("%s Another token is fetched.", error)
            self._row(_FORGET, fingerprint=shown["token_fingerprint"])
            return None
        seconds = shown["fresh_seconds"]
        return Token(text, seconds, generation=shown["token_generation"], fresh_seconds=seconds)

    def _fetched(self, fetch: Callable[[], Token], *, fetcher: str) -> Token:
        try:
            token = fetch()
        except BaseException as error:
            self._tell_failure(error, fetcher=fetcher)
            raise
        try:
            sealed = sealing.seal(token.text, tenant_id=self._tenant.pk, field=TOKEN_FIELD)
            kept = self._row(
                _KEEP,
                fetcher=fetcher,
                sealed=sealed,
                fingerprint=_fingerprint(token.text),
                fresh=token.fresh_for,
            )
        except (DatabaseError, sealing.CannotSeal) as error:
            logger.warning("The token of %s is not shared: %s", self._tenant.slug, error)
            return token
        generation = None if kept is None else kept["token_generation"]
        return Token(token.text, token.lifetime_seconds, generation=generation)

    def _tell_failure(self, error: BaseException, *, fetcher: str) -> None:
        shown: dict[str, object] = {"kind": type(error).__name__}
        if isinstance(error, RemoteError):
            shown |= {
                "sentence": error.sentence,
                "status": error.status,
                "code": error.code,
                "correlation_id": error.correlation_id,
                "retry_after": error.retry_after,
            }
        try:
            self._row(_FAILED, fetcher=fetcher, failure=json.dumps(shown))
        except DatabaseError:
            logger.exception("That no token of %s could be had was not told to the other workers.", self._tenant.slug)

    def _row(self, sql: str, **parameters: object) -> Mapping[str, Any] | None:
        known = {"tenant": self._tenant.pk, "client": self._tenant.client_id, "of": self._of()}
        return aside.row(sql, {**known, **parameters})

    def _of(self) -> str:
        """Give what changes when the token would be for another host or by another secret, and tells nothing of it."""
        secret = hashlib.sha256(bytes(self._tenant.client_secret_sealed)).hexdigest()
        return hashlib.sha256(json.dumps([self._tenant.login_base, secret]).encode()).hexdigest()


def _failure_of(kept: str | None) -> RemoteError:
    """Give the error that another worker met when it fetched the token."""
    shown: dict[str, Any] = json.loads(kept) if kept else {}
    kind = _SHARED_ERRORS.get(shown.get("kind", ""), errors.RemoteUnavailable)
    return kind(
        shown.get("sentence") or "No access token could be had: the worker that fetched it was stopped.",
        status=shown.get("status"),
        code=shown.get("code", ""),
        correlation_id=shown.get("correlation_id", ""),
        retry_after=shown.get("retry_after"),
        sent=False,
    )


def _fetcher() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}:{time.monotonic_ns()}"[-120:]


def _fingerprint(text: str) -> str:
    """Give what tells two tokens apart and tells nothing about either."""
    return hashlib.sha256(b"config-vault token\x00" + text.encode()).hexdigest()
