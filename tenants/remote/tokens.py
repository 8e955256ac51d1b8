"""Access tokens: one for each OAuth client in this process, fetched by one thread, renewed before it ends.

A token is a secret: it is in no repr, no log line and no error.
"""

import copy
import re
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from tenants.documents import Number
from tenants.remote.answers import Answer, error_body, parsed
from tenants.remote.errors import CredentialsRefused, RemoteError, TokenUnusable

# RFC 6750 section 2.1, b64token: what may stand after "Bearer".
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_LONGEST_MARGIN: Final = 60.0
_LONGEST_NUMBER: Final = 30
_LONGEST_TOKEN: Final = 16 * 1024
"""A header of every request holds it, and servers take no longer ones."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and for how long it lives from the moment it was asked for."""

    text: str = field(repr=False)
    lifetime_seconds: float
    generation: int | None = None
    """Its number among those that all workers share; None where it is this process's own."""
    fresh_seconds: float | None = None
    """For how long it is still used, where another worker fetched it."""

    @property
    def fresh_for(self) -> float:
        """The seconds during which it is used: renewed a minute, at most a tenth of its life, before it ends."""
        if self.fresh_seconds is not None:
            return self.fresh_seconds
        return self.lifetime_seconds - min(_LONGEST_MARGIN, self.lifetime_seconds / 10)


def token_in(answer: Answer, *, client_id: str) -> Token:
    """Give the token in a 200 of the token endpoint; raise `TokenUnusable` where there is none."""
    shown = parsed(answer.body)
    text = shown.get("access_token") if isinstance(shown, dict) else None
    kind = shown.get("token_type", "bearer") if isinstance(shown, dict) else None
    lifetime = _seconds(shown.get("expires_in")) if isinstance(shown, dict) else 0.0
    usable = (
        isinstance(text, str)
        and len(text) <= _LONGEST_TOKEN
        and _TOKEN.fullmatch(text) is not None
        and isinstance(kind, str)
        and kind.lower() == "bearer"
        and 0 < lifetime < 10**9
    )
    if not usable:
        message = (
            f"The token endpoint answered the OAuth client {client_id} with something that is no token, so nothing "
            "else was sent. Check the tenant's region and addresses."
        )
        raise TokenUnusable(message, status=answer.status, correlation_id=answer.correlation_id, sent=False)
    return Token(str(text), lifetime)


def _seconds(told: object) -> float:
    """Give a number of JSON in seconds; 0 for what is none or is beyond every token's life."""
    if isinstance(told, bool) or not isinstance(told, int | Number) or len(str(told)) > _LONGEST_NUMBER:
        return 0.0
    return float(str(told))


def credentials_refused(answer: Answer, *, client_id: str) -> CredentialsRefused:
    """Give the error for a token endpoint's 400, 401 or 403 (PLATFORM.md, "Access")."""
    said = error_body(answer)
    reason = said.message or said.code or f"status {answer.status}"
    message = (
        f"The platform did not accept the OAuth client {client_id} ({reason}), so nothing else was sent. "
        "Check the tenant's client id, its secret and its region."
    )
    return CredentialsRefused(
        message,
        status=answer.status,
        code=said.code,
        remote_message=said.message,
        correlation_id=answer.correlation_id,
        sent=False,
    )


class _Flight:
    """One fetch under way, and what came of it."""

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.token: str | None = None
        self.error: RemoteError | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    text: str = field(repr=False)
    until: float
    generation: int | None


class TokenCache:
    """Tokens by key; threads that want the same one at the same time share one fetch, its error too."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.start_anew()

    def start_anew(self) -> None:
        """Forget everything; in a forked child too, where a lock may be held by a thread that is not there."""
        self._lock = threading.Lock()
        self._tokens: dict[Hashable, _Kept] = {}
        self._flights: dict[Hashable, _Flight] = {}

    def get(self, key: Hashable, fetch: Callable[[], Token], *, generation: int | None = None) -> str:
        """Give the token of a key, fetched where there is none that is fresh; raise what the fetch raises.

        `generation` is the number of the token that all workers share by now: one with another number is forgotten.
        """
        with self._lock:
            known = self._tokens.get(key)
            if known is not None and self._clock() < known.until and generation in (None, known.generation):
                return known.text
            flight = self._flights.get(key)
            ours = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight()
        if ours:
            return self._fetch(key, flight, fetch)
        flight.landed.wait()
        if flight.token is not None:
            return flight.token
        if flight.error is not None:
            # A copy: one exception raised in two threads would mix their tracebacks.
            raise copy.copy(flight.error)
        return self.get(key, fetch, generation=generation)

    def _fetch(self, key: Hashable, flight: _Flight, fetch: Callable[[], Token]) -> str:
        asked_at = self._clock()
        try:
            token = fetch()
        except RemoteError as error:
            flight.error = error
            raise
        else:
            flight.token = token.text
            with self._lock:
                self._tokens[key] = _Kept(token.text, asked_at + token.fresh_for, token.generation)
            return token.text
        finally:
            with self._lock:
                self._flights.pop(key, None)
            flight.landed.set()

    def forget(self, key: Hashable, token: str | None = None) -> None:
        """Drop the token of a key; given one that was refused, only if it is still that one."""
        with self._lock:
            known = self._tokens.get(key)
            if known is not None and token in (None, known.text):
                del self._tokens[key]
