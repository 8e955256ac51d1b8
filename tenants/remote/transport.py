"""One exchange over a socket: bytes out, bytes in, bounded in time and size, never repeated.

`requests` and urllib3 leave gaps that matter here, and each is closed where it opens:

- their deadlines run between two bytes, so a server that drips can hold a worker for ever: each receive here has what
  is left of the exchange's own deadline;
- a session's `send` reads the body of a redirect to its end, and reads the environment: the adapter is asked directly;
- they do not tell whether anything was sent when a connection fails: the connection marks its first byte here;
- a write on a connection that the server has closed while it was idle dies with its answer unknown: a write has a new
  connection of its own.
"""

import contextlib
import contextvars
import http.client
import io
import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.retry import Retry

from tenants.remote.answers import Answer, clean_text, http_date, retry_after_seconds
from tenants.remote.errors import (
    ConnectionLost,
    RemoteUnknown,
    TimedOut,
    TooLarge,
    TooLate,
    UnexpectedAnswer,
    Unreachable,
)
from tenants.remote.limits import Limits

_CHUNK: Final = 64 * 1024
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NEVER: Final = Retry(
    total=0, connect=0, read=False, redirect=False, status=0, other=0, respect_retry_after_header=False
)


@dataclass(slots=True)
class _Exchange:
    """What the connection needs to know of the exchange that it serves, and what it reports."""

    deadline: float
    silence: float
    sent: bool = False
    leave_by: float | None = None
    """The first byte leaves no later than then."""
    asked: str = ""
    heads: list[http.client.HTTPResponse] = field(default_factory=list)
    """The answers whose heads were read, by now or in part."""

    def left(self) -> float:
        """The seconds that the next receive may take; raise TimeoutError when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            message = "the exchange's deadline has passed"
            raise TimeoutError(message)
        return min(left, self.silence)

    def close(self) -> None:
        """Let go of the sockets: urllib3 forgets an answer whose head it does not understand."""
        for head in self.heads:
            head.close()


_CURRENT: contextvars.ContextVar[_Exchange | None] = contextvars.ContextVar("exchange", default=None)


class _Receiving(io.RawIOBase):
    """A socket's bytes, each receive bounded by the exchange's deadline."""

    def __init__(self, sock: socket.socket, exchange: _Exchange) -> None:
        super().__init__()
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._exchange.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer whose head and body are both received under the exchange's deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        exchange = _CURRENT.get()
        if exchange is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_Receiving(sock, exchange))
            exchange.heads.append(self)


def _mark_sent() -> None:
    exchange = _CURRENT.get()
    if exchange is None:
        return
    if not exchange.sent and exchange.leave_by is not None and time.monotonic() > exchange.leave_by:
        raise TooLate(exchange.asked)
    exchange.sent = True


class _Plain(HTTPConnection):
    response_class = _Response

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _mark_sent()
        super().send(data)


class _Tls(HTTPSConnection):
    response_class = _Response

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _mark_sent()
        super().send(data)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


class _Adapter(HTTPAdapter):
    def __init__(self) -> None:
        super().__init__(pool_connections=8, pool_maxsize=1, max_retries=_NEVER)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


def _new_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.mount("https://", _Adapter())
    session.mount("http://", _Adapter())
    return session


class _Sessions(threading.local):
    """The session of each thread, made when it is first asked for."""

    session: requests.Session | None = None
    process: int = 0


_SESSIONS: Final = _Sessions()


def _thread_session() -> requests.Session:
    # A forked child must not speak on its parent's sockets.
    if _SESSIONS.session is None or _SESSIONS.process != os.getpid():
        _SESSIONS.session, _SESSIONS.process = _new_session(), os.getpid()
    return _SESSIONS.session


def close_idle_connections() -> None:
    """Close the connections that this thread keeps open for its next read."""
    if _SESSIONS.session is not None:
        _SESSIONS.session.close()
        _SESSIONS.session = None


@contextlib.contextmanager
def _session(*, own: bool) -> Iterator[requests.Session]:
    if not own:
        yield _thread_session()
        return
    session = _new_session()
    try:
        yield session
    finally:
        session.close()


def exchange(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    limits: Limits,
    own_connection: bool,
    leave_within: float | None = None,
) -> Answer:
    """Send one request exactly once and give the complete answer, whatever its status.

    `leave_within` bounds the seconds until its first byte leaves: who was held up for longer sends nothing (`TooLate`).
    Raises `Unreachable` (nothing was sent), `TimedOut`, `ConnectionLost` (half an answer too), and for an answer that
    cannot be read `TooLarge` or `UnexpectedAnswer`.
    """
    started = time.monotonic()
    leave_by = None if leave_within is None else started + leave_within
    asked = f"{method} {_shown(url)}"
    state = _Exchange(started + limits.total_seconds, limits.read_seconds, leave_by=leave_by, asked=asked)
    reset = _CURRENT.set(state)
    try:
        prepared = requests.Request(method, url, headers=dict(headers), data=body).prepare()
        # As it was quoted by the caller: requests would unquote and quote it again.
        prepared.url = url
        with _session(own=own_connection) as session:
            adapter = session.get_adapter(url)
            response = adapter.send(
                prepared, stream=True, timeout=(limits.connect_seconds, limits.read_seconds), verify=True, proxies={}
            )
            try:
                return _received(response, started=started, limits=limits, asked=asked)
            finally:
                response.close()
    except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        raise _unknown(error, method=method, url=url, state=state, limits=limits) from error
    finally:
        state.close()
        _CURRENT.reset(reset)


def _received(response: requests.Response, *, started: float, limits: Limits, asked: str) -> Answer:
    raw = response.raw
    headers = raw.headers
    correlation_id = clean_text(headers.get("ININ-Correlation-Id", ""))[:100]
    announced = headers.get("Content-Length", "").strip()
    if announced and ("Transfer-Encoding" in headers or not (announced.isascii() and announced.isdecimal())):
        # RFC 9112 section 6.3: no end or two of them, as in an attempt to smuggle a second answer past a gateway.
        message = (
            f"The answer to {asked} does not say clearly where it ends (Content-Length: {clean_text(announced)[:40]}), "
            "so it was not used. A gateway in between may be at fault."
        )
        raise UnexpectedAnswer(message, status=response.status_code, correlation_id=correlation_id)
    too_large = TooLarge(
        f"The answer to {asked} is longer than the {limits.answer_bytes:,} bytes that are read, so it was not used.",
        status=response.status_code,
        correlation_id=correlation_id,
    )
    if announced and (len(announced) > 20 or int(announced) > limits.answer_bytes):
        raise too_large
    body = bytearray()
    while chunk := raw.read(_CHUNK, decode_content=False):
        body += chunk
        if len(body) > limits.answer_bytes:
            raise too_large
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if body and encoding not in ("", "identity"):
        message = (
            f"The answer to {asked} came encoded as {clean_text(encoding)!r} although plain bytes were asked for, so "
            "it was not used. A gateway in between may be at fault."
        )
        raise UnexpectedAnswer(message, status=response.status_code, correlation_id=correlation_id)
    now = datetime.now(UTC)
    etags = headers.getlist("ETag")
    return Answer(
        status=response.status_code,
        body=bytes(body),
        etag=_field_value(etags[0]) if len(etags) == 1 else None,
        correlation_id=correlation_id,
        elapsed_ms=round((time.monotonic() - started) * 1000),
        received_at=now,
        content_type=clean_text(headers.get("Content-Type", "")),
        retry_after=retry_after_seconds(headers.get("Retry-After"), now=now),
        server_date=http_date(headers.get("Date")),
    )


def _field_value(value: str) -> bytes | None:
    """Give the exact bytes of a field value (Latin-1, without the optional white space around it), or None.

    One that holds a control character is none (RFC 9110 section 5.5): evidence with a NUL could never be stored.
    """
    value = value.strip(" \t")
    return value.encode("latin-1") if value and not _CONTROL.search(value) else None


def _unknown(error: Exception, *, method: str, url: str, state: _Exchange, limits: Limits) -> RemoteUnknown:
    host = url.split("/")[2]
    causes = list(_causes(error))
    if not state.sent:
        return Unreachable(
            f"{host} could not be reached ({_reason(causes)}), so nothing was sent. "
            "Check the tenant's region and the network, then try again.",
            sent=False,
        )
    asked = f"{method} {_shown(url)}"
    next_step = (
        "Reading changes nothing; try again later."
        if method == "GET"
        else "Whether it took effect is not known, and it was not sent again; read the object to see."
    )
    if any(isinstance(cause, TimeoutError | urllib3.exceptions.TimeoutError) for cause in causes):
        seconds = f"{min(limits.total_seconds, limits.read_seconds):g}"
        whole = f"{limits.total_seconds:g}"
        within = f"within {whole} seconds" if time.monotonic() >= state.deadline else f"for {seconds} seconds"
        return TimedOut(f"{host} did not complete its answer to {asked} {within}. {next_step}")
    return ConnectionLost(f"The connection to {host} broke before its answer to {asked} was complete. {next_step}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and everything that it wraps, in whichever of three ways it was wrapped."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        waiting += [part for part in (*one.args, getattr(one, "reason", None)) if isinstance(part, BaseException)]


def _reason(causes: list[BaseException]) -> str:
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return "its name is not known"
        if isinstance(cause, urllib3.exceptions.SSLError):
            return "no trusted connection could be made"
        if isinstance(cause, ConnectionRefusedError):
            return "it refuses connections"
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return "it did not answer in time"
    return "no connection could be made"


def _shown(url: str) -> str:
    """Give the path of an address for a sentence, without its query."""
    return "/" + url.split("/", 3)[-1].partition("?")[0]
