"""Carry the platform over real HTTP/1.1: keep-alive connections, one thread each, every answer in one send."""

import contextlib
import gzip
import socket
import struct
import threading
import uuid
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from console.practice.answers import Answer, Refusal, Request
from console.practice.dispatch import Platform

LARGEST_BODY = 8 * 1024 * 1024
_DRAINED = 64 * 1024 * 1024  # a body up to this size is read to its end so that the 413 arrives
_RESET = struct.pack("ii", 1, 0)


class PortBusy(Exception):
    """Something else listens on the port."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "practice"
    sys_version = ""
    disable_nagle_algorithm = True
    server: "_Server"

    def _serve(self) -> None:
        correlation_id = str(uuid.uuid4())
        try:
            body = self._body()
        except Refusal as refusal:
            self.close_connection = True
            answer = refusal.answer(correlation_id)
            answer.headers["ININ-Correlation-Id"] = correlation_id
            self._send(answer, gzipped=False)
            return
        target = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=unquote(target.path) or "/",
            query=dict(parse_qsl(target.query, keep_blank_values=True)),
            headers=dict(self.headers.items()),
            body=body,
            remote=str(self.client_address[0]),
            correlation_id=correlation_id,
        )
        answer = self.server.platform.handle(request)
        wanted = (request.header("Accept-Encoding") or "").lower()
        switched = request.organization is not None and request.organization.switches.gzip
        self._send(answer, gzipped=switched and "gzip" in wanted)

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve  # noqa: N815 - http.server's

    def _body(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "length.required", "Send the body with a Content-Length.")
        text = self.headers.get("Content-Length", "0")
        if not (text.isascii() and text.isdigit()):
            raise Refusal(HTTPStatus.BAD_REQUEST, "bad.request", "The Content-Length is no number.")
        length = int(text)
        if length > LARGEST_BODY:
            left = min(length, _DRAINED)
            while left > 0 and (chunk := self.rfile.read(min(left, 1 << 16))):
                left -= len(chunk)
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "request.entity.too.large",
                f"The request body has {length} bytes; at most {LARGEST_BODY} are accepted.",
                params={"bytes": str(length), "limit": str(LARGEST_BODY)},
            )
        return self.rfile.read(length) if length else b""

    def _send(self, answer: Answer, *, gzipped: bool) -> None:
        if answer.cut == "reset":
            self._reset()
            return
        body = answer.body
        headers = {"Content-Type": answer.content_type, **answer.headers}
        if gzipped and body:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        bodiless = answer.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        if bodiless:
            headers.pop("Content-Type")
        else:
            headers["Content-Length"] = str(len(body))
        if self.close_connection:
            headers["Connection"] = "close"
        phrase = HTTPStatus(answer.status).phrase
        head = [f"HTTP/1.1 {answer.status} {phrase}", f"Date: {self.date_time_string()}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        data = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace")
        if not bodiless and self.command != "HEAD":
            data += body[: len(body) // 2] if answer.cut == "half" else body
        self.wfile.write(data)
        if answer.cut == "half":
            self._reset(gently=True)

    def _reset(self, *, gently: bool = False) -> None:
        """Break the connection: with a RST at once, or after what was sent has left."""
        self.close_connection = True
        if not gently:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.server.broken.add(self.connection)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing: `GET /practice/requests` is the log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], platform: Platform) -> None:
        self.platform = platform
        self.broken: set[socket.socket] = set()
        self._open: dict[socket.socket, threading.Thread] = {}
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(target=self._work, args=(request, client_address), daemon=True)
        self._open[request] = thread
        thread.start()

    def _work(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # the other side went away in the middle of an answer: its affair
        finally:
            self.shutdown_request(request)
            self._open.pop(request, None)

    def shutdown_request(self, request: Any) -> None:
        if request in self.broken:
            self.broken.discard(request)
            request.close()  # without the orderly end, so that the kernel sends the RST
        else:
            super().shutdown_request(request)

    def end_connections(self) -> None:
        """End every open connection and wait for its thread."""
        for connection, thread in list(self._open.items()):
            with contextlib.suppress(OSError):  # it has ended by itself
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)


@dataclass(frozen=True)
class Credentials:
    """What a tenant needs to reach one organization."""

    organization_id: str
    organization_name: str
    client_id: str
    client_secret: str


class PracticeServer:
    """The practice platform on a port of this machine; a context manager that serves on a thread.

    `credentials` maps an organization's slug to its `Credentials`. `port` 0 takes any free one. Without
    `data_dir` everything is gone at the end. `now` fixes the moment that the organizations' history ends at.

    Raises `PortBusy`, `DataInUse`, `JournalDamaged`, `HistoryUnreadable`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        data_dir: Path | None = None,
        history_dir: Path | None = None,
        now: datetime | None = None,
    ) -> None:
        """Bind the port and found or restore the organizations; nothing is answered before `start` or `serve`."""
        self.platform = Platform(data_dir=data_dir, history_dir=history_dir, now=now)
        try:
            self._server = _Server((host, port), self.platform)
        except (OSError, OverflowError) as error:
            self.platform.close()
            raise PortBusy(f"Port {port} of {host} cannot be used ({error}); nothing was started.") from error
        self.host = host
        self.port: int = self._server.server_address[1]
        self.url = f"http://{host}:{self.port}"
        self.credentials = {
            slug: Credentials(one.id, one.name, one.client.id, one.client.secret)
            for slug, one in self.platform.store.organizations.items()
        }
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Serve on a thread of this process."""
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def serve(self) -> None:
        """Serve until `KeyboardInterrupt` or a signal's exception ends it, then close."""
        try:
            self._server.serve_forever(poll_interval=0.1)
        finally:
            self._close()

    def stop(self) -> None:
        """Stop serving and close every connection, thread and file."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._close()

    def _close(self) -> None:
        self.platform.stopping.set()
        self._server.server_close()
        self._server.end_connections()
        self.platform.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # The controls, for tests in the same process; over HTTP they are under /practice/.

    def add_fault(self, kind: str, **rule: Any) -> dict[str, Any]:
        """Add a fault rule as `POST /practice/faults` does and return it."""
        return self.platform.control.add_fault({"kind": kind, **rule})

    def clear_faults(self) -> None:
        """Remove every fault rule."""
        self.platform.faults.clear()

    def foreign_write(self, path: str, **how: Any) -> dict[str, Any]:
        """Let somebody else write an object as `POST /practice/foreign-write` does; return the logged write."""
        return self.platform.control.foreign_write({"object": path, **how})

    def set_switches(self, organization: str, **switches: Any) -> dict[str, Any]:
        """Change switches of an organization as `POST /practice/switches` does; return all of them."""
        return self.platform.control.set_switches({"organization": organization, **switches})

    def set_divisions(self, organization: str, **told: Any) -> dict[str, Any]:
        """Take divisions from an organization's client or give them back as `POST /practice/divisions` does."""
        return self.platform.control.set_divisions({"organization": organization, **told})

    def writes(self, object_id: str | None = None) -> list[dict[str, Any]]:
        """Return the log of accepted writes, oldest first, of one object if its id is given."""
        with self.platform.store.lock:
            return [one for one in self.platform.store.writes if object_id in (None, one["object"])]

    def requests(self) -> list[dict[str, Any]]:
        """Return the log of recent requests, oldest first."""
        with self.platform.store.lock:
            return list(self.platform.requests)
