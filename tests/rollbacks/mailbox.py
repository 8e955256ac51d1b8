"""A mail server on a real socket that speaks enough SMTP (RFC 5321) to take mail, and may be told to refuse it."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import EmailMessage


class Mailbox:
    """What was delivered, and how the next mails are answered."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.mails: list[tuple[list[str], EmailMessage]] = []
        """The receivers of the envelope, and the mail."""
        self.refusals: list[str] = []
        """Of the next mails, the answer to their content, such as `451 Try again later`; then all are taken."""


class _Conversation(socketserver.StreamRequestHandler):
    mailbox: Mailbox

    def handle(self) -> None:
        self._say("220 mailbox.test ESMTP")
        receivers: list[str] = []
        while line := self.rfile.readline().decode().strip():
            word = line.upper().split(":")[0].split(" ")[0]
            if word == "DATA":
                self._say("354 End with a dot")
                self._say(self._answer(receivers, self._content()))
                continue
            if word == "RCPT":
                receivers.append(line.partition("<")[2].partition(">")[0])
            self._say("221 Bye" if word == "QUIT" else "250 OK")

    def _answer(self, receivers: list[str], content: bytes) -> str:
        if self.mailbox.refusals:
            return self.mailbox.refusals.pop(0)
        self.mailbox.mails.append((receivers, message_from_bytes(content, policy=policy.default)))
        return "250 Taken"

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def _content(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)


@contextmanager
def receiving_mail() -> Iterator[Mailbox]:
    """Serve a mailbox while inside."""

    class Conversation(_Conversation):
        """A conversation with this one."""

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation)
    mailbox = Conversation.mailbox = Mailbox(str(server.server_address[0]), int(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield mailbox
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
