"""A small S3-compatible store on real HTTP that believes no request: it computes each signature itself.

What it knows is written from the published rules of Signature Version 4 (AWS General Reference, "Create a signed AWS
API request") and of the four requests that it answers: it shares no code with the library that asks.
"""

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

REGION: Final = "eu-central-1"
KEY_ID: Final = "AKIAEXAMPLE"
SECRET: Final = "only a test's key/of 40+ characters=="
PAGE: Final = 300
"""So few names stand on one page of a list."""


class Stored:
    """What the store holds, and how it is told to behave."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.objects: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.statuses: list[int] = []
        """Of the next answers, whatever is asked; 0 closes the connection without one."""


def signature_of(method: str, target: str, headers: dict[str, str], body: bytes, *, secret: str) -> str:
    """Give the signature that a request must bear, from the names in its own Authorization header."""
    told = dict(part.strip().split("=", 1) for part in headers["authorization"].partition(" ")[2].split(","))
    _, day, region, service, _ = told["Credential"].split("/")
    parts = urlsplit(target)
    query = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(parts.query, True))
    signed = told["SignedHeaders"].split(";")
    canonical = "\n".join(
        (
            method,
            quote(unquote(parts.path), safe="/-_.~"),
            "&".join(f"{k}={v}" for k, v in query),
            *(f"{name}:{' '.join(headers[name].split())}" for name in signed),
            "",
            ";".join(signed),
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for word in (day, REGION, "s3", "aws4_request", text):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return key.hex()


class _Handler(BaseHTTPRequestHandler):
    stored: Stored
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer an object, or a page of names."""
        if self._refused(b""):
            return
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, True))
        if "list-type" in query:
            self._list(query)
        elif (name := unquote(parts.path)) in self.stored.objects:
            self._answer(200, self.stored.objects[name])
        else:
            self._error(404, "NoSuchKey")

    def do_PUT(self) -> None:
        """Keep an object, where there is none."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._refused(body):
            return
        name = unquote(self.path)
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        if self.headers["If-None-Match"] == "*" and name in self.stored.objects:
            self._error(412, "PreconditionFailed")
        elif self.headers["Content-MD5"] != md5:
            self._error(400, "BadDigest")
        else:
            self.stored.objects[name] = body
            self.stored.headers[name] = {key.lower(): value for key, value in self.headers.items()}
            self._answer(200, b"")

    def _refused(self, body: bytes) -> bool:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.stored.asked.append((self.command, self.path))
        status = self.stored.statuses.pop(0) if self.stored.statuses else 200
        if status == 0:
            self.close_connection = True
        elif status != 200:
            self._error(status, "SlowDown")
        elif headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
            self._error(400, "XAmzContentSHA256Mismatch")
        elif f"Credential={KEY_ID}/" not in headers["authorization"]:
            self._error(403, "InvalidAccessKeyId")
        elif not headers["authorization"].endswith(
            f"Signature={signature_of(self.command, self.path, headers, body, secret=SECRET)}"
        ):
            self._error(403, "SignatureDoesNotMatch")
        else:
            return False
        return True

    def _list(self, query: dict[str, str]) -> None:
        bucket = urlsplit(self.path).path.rstrip("/") + "/"
        after = query.get("continuation-token") or query.get("start-after", "")
        names = sorted(name.removeprefix(bucket) for name in self.stored.objects if name.startswith(bucket))
        found = [name for name in names if name.startswith(query.get("prefix", "")) and name > after]
        page = found[: min(PAGE, int(query.get("max-keys", PAGE)))]
        more = len(page) < len(found)
        told = "".join(f"<Contents><Key>{escape(name)}</Key></Contents>" for name in page)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        self._answer(
            200,
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{told}{token}</ListBucketResult>".encode(),
        )

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>Said by the store.</Message></Error>".encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@contextmanager
def storing() -> Iterator[Stored]:
    """Serve a store while inside."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    stored = Stored(f"http://127.0.0.1:{server.server_address[1]}/audit-vault/console-1")
    handler.stored = stored  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stored
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
