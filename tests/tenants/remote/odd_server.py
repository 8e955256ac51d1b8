"""A server that speaks raw bytes, for what no decent server does; it counts everything that reaches it."""

import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

TOKEN = json.dumps({"access_token": "token-1", "token_type": "bearer", "expires_in": 3600}).encode()

Talk = Callable[["Conversation"], None]


def http(status: str, body: bytes = b"{}", *headers: bytes, length: bool = True) -> bytes:
    """Give the bytes of an answer; without `length` the body ends with the connection."""
    lines = [b"HTTP/1.1 " + status.encode(), *headers]
    if not any(line.lower().startswith(b"content-type:") for line in headers):
        lines.append(b"Content-Type: application/json")
    if length:
        lines.append(b"Content-Length: " + str(len(body)).encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@dataclass
class Conversation:
    """One request that came, and the connection it came on."""

    connection: socket.socket
    number: int
    """Counted from 1 over all connections; the token endpoint is not counted."""
    head: bytes
    body: bytes
    stopping: threading.Event

    @property
    def line(self) -> bytes:
        """The request line without the protocol."""
        return self.head.split(b"\r\n")[0].removesuffix(b" HTTP/1.1")

    def header(self, name: str) -> bytes | None:
        """Give the exact bytes of a header's value."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b": ")
            if key.lower() == name.lower().encode():
                return value
        return None

    def say(self, raw: bytes) -> None:
        """Send bytes as they are."""
        with contextlib.suppress(OSError):
            self.connection.sendall(raw)

    def drip(self, raw: bytes, *, pause: float) -> None:
        """Send bytes one by one until they end, the other side goes away or the test ends."""
        with contextlib.suppress(OSError):
            for place in range(len(raw)):
                self.connection.sendall(raw[place : place + 1])
                if self.stopping.wait(pause):
                    return

    def reset(self) -> None:
        """End the connection at once, with a RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Wakes the thread that may be reading from it, without a word to the other side.
        self.connection.shutdown(socket.SHUT_RD)
        os.close(self.connection.detach())

    def hang_up(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


@dataclass
class OddServer:
    """A context manager that listens on this machine and answers each request by a function."""

    talk: Talk
    token_answer: bytes = field(default_factory=lambda: http("200 OK", TOKEN))
    conversations: list[Conversation] = field(default_factory=list)
    greeting: bytes = b""
    """What is said on each connection before anything was asked."""
    token_requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join()

    @property
    def lines(self) -> list[bytes]:
        """The request lines that came."""
        return [one.line for one in self.conversations]

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection.makefile("rb") as incoming:
            connection.sendall(self.greeting)
            for head, body in _requests(incoming.readline, incoming.read):
                if head.startswith(b"POST /oauth/token"):
                    self.token_requests.append(head)
                    connection.sendall(self.token_answer)
                    continue
                with self._lock:
                    number = len(self.conversations) + 1
                    one = Conversation(connection, number, head, body, self._stopping)
                    self.conversations.append(one)
                self.talk(one)


def _requests(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> Iterator[tuple[bytes, bytes]]:
    while True:
        lines = []
        while (line := readline()) not in (b"\r\n", b""):
            lines.append(line.rstrip(b"\r\n"))
        if not lines:
            return
        sizes = [int(line.partition(b":")[2]) for line in lines if line.lower().startswith(b"content-length:")]
        yield b"\r\n".join(lines), read(sizes[0]) if sizes else b""
