"""The wire below the console's HTTP client: a socket in memory, so that requests and urllib3 run as they are, too.

Everything of `tenants.remote` down to the connection is the real thing here: its retries, its headers, how it reads an
answer. At the far end stands a gateway that packs whatever it is told may come packed, and then marks the ETag as its
own, as common ones do; behind it the history's platform and its faults.
"""

import gzip
import io
from collections.abc import Callable, Mapping
from typing import Any, Final

from tenants.remote import Answer, ConnectionLost, Limits, TimedOut, Unreachable
from tenants.remote.limits import LIMITS
from tests.torture.stage import here

Carry = Callable[..., Answer]
"""Carries one request to the platform and gives the answer, or raises what came instead."""

_END_OF_HEAD: Final = b"\r\n\r\n"


class Socket:
    """One connection: takes the bytes of a request, and gives those of its answer."""

    def __init__(self, base: str, carry: Carry, limits: Limits = LIMITS) -> None:
        self._base, self._carry, self._limits = base, carry, limits
        self._taken = bytearray()

    def settimeout(self, seconds: float | None) -> None:
        """Take a deadline; on the virtual clock the history keeps it."""

    def setsockopt(self, *_: Any) -> None:
        """Take an option."""

    def sendall(self, data: bytes) -> None:
        """Take bytes of the request."""
        self._taken += data

    def close(self) -> None:
        """End."""

    def makefile(self, *_: Any, **__: Any) -> io.RawIOBase:
        """Give the stream of the answer."""
        return _Answering(self)

    def answer(self) -> bytes:
        """Carry the request that was taken, and give its answer's bytes; raises as a socket does."""
        head, _, body = bytes(self._taken).partition(_END_OF_HEAD)
        self._taken.clear()
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.title(): value for name, value in (line.split(": ", 1) for line in lines)}
        try:
            answer = self._carry(method, self._base + path, headers=headers, body=body, limits=self._limits)
        except TimedOut as error:
            raise TimeoutError(error.sentence) from error
        except (ConnectionLost, Unreachable) as error:
            raise ConnectionResetError(error.sentence) from error
        return _bytes_of(answer, headers)


class _Answering(io.RawIOBase):
    """The answer, which is asked for when its first byte is read."""

    def __init__(self, socket: Socket) -> None:
        super().__init__()
        self._socket: Socket | None = socket
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._socket is not None:
            socket, self._socket = self._socket, None
            self._left = socket.answer()
        taken, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def _bytes_of(answer: Answer, headers: Mapping[str, str]) -> bytes:
    body, etag = answer.body, answer.etag
    lines = {
        "Content-Type": answer.content_type,
        "ININ-Correlation-Id": answer.correlation_id,
        "Connection": "close",
    }
    # What people did before, they did without this gateway.
    if "gzip" in headers.get("Accept-Encoding", "") and here() is not None:
        body = gzip.compress(body, mtime=0)
        lines["Content-Encoding"] = "gzip"
        etag = None if etag is None else etag[:-1] + b'-gzip"'
    if etag is not None:
        lines["ETag"] = etag.decode("latin-1")
    if answer.retry_after is not None:
        lines["Retry-After"] = str(answer.retry_after)
    lines["Content-Length"] = str(len(body))
    head = [f"HTTP/1.1 {answer.status} Simulated", *(f"{name}: {value}" for name, value in lines.items())]
    return "\r\n".join(head).encode("latin-1") + _END_OF_HEAD + body
