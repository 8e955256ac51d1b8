"""A receiver of checkpoints, on real HTTP, that may be told to refuse, to fail or to say nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """What was posted, and how the next posts are answered."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.lines: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        """Of the next answers; 0 closes the connection without one. Then everything is taken with 204."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve a receiver while inside."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.statuses.pop(0) if receiver.statuses else 204
            if status == 0:
                self.close_connection = True
                return
            receiver.headers.append(dict(self.headers.items()))
            if status < 300:
                receiver.lines.append(body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/checkpoints?team=audit")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
