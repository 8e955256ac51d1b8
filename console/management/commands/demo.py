"""Start all of it on this machine: PostgreSQL, practice platform, worker with its schedule, console."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import io
import os
import signal
import socket
import sys
import time
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError

from console import embedded
from console.celery import app
from console.supervising import Part, PartFailed, stop_left_behind

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator
    from types import FrameType

HERE = "127.0.0.1"
READY_SECONDS = 60
WATCH_SECONDS = 0.3


class StopAsked(Exception):
    """Somebody asked to stop in the middle of something long that may be left at any point."""


class Command(BaseCommand):
    help = "Start the console, its worker, its database and a practice platform on this machine; Ctrl-C stops them."
    # The database is not there yet.
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django declares it for the instance

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=read_port, default=8000, help="port of the console (default 8000)")
        parser.add_argument(
            "--practice-port", type=read_port, default=8001, help="port of the practice platform (default 8001)"
        )

    def handle(self, *, port: int, practice_port: int, **_: Any) -> None:
        try:
            self._run(port, practice_port)
        except CommandError as refused:
            # Without the name of a class in front of the sentence.
            sys.stderr.write(f"{refused}\n")
            raise SystemExit(refused.returncode) from None

    def _run(self, port: int, practice_port: int) -> None:
        if port == practice_port:
            raise CommandError(
                f"The console and the practice platform cannot both have port {port}. Nothing was started. "
                f"Choose two: make demo PORT={port} PRACTICE_PORT={port + 1}",
                returncode=2,
            )
        self.began = time.monotonic()
        self.stopped_by: str | None = None
        self.may_be_left = False
        self.logins = io.StringIO()
        self.folder = Path(settings.DATA_DIR) / "demo"
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        with self._alone(), self._until_a_signal():
            for name in stop_left_behind(self.folder):
                self._say(f"Stopped the {name} that an earlier demo had left behind.")
            self._refuse_busy_ports(port, practice_port)
            parts = self._parts(port, practice_port)
            try:
                self._start(parts, port, practice_port)
                self._watch(parts)
            except (PartFailed, embedded.DatabaseUnavailable) as problem:
                raise CommandError(f"{problem}\nEverything was stopped; what was stored is kept.") from None
            finally:
                for part in reversed(parts):
                    part.stop()
                if settings.EMBEDDED_CLUSTER is not None:
                    settings.EMBEDDED_CLUSTER.leave()
            self._say(f"\nStopped all of it ({self.stopped_by}). The next make demo goes on from here.")

    def _parts(self, port: int, practice_port: int) -> list[Part]:
        """Return the parts in the order of their start."""
        python, manage = sys.executable, str(settings.BASE_DIR / "manage.py")
        practice_data = Path(settings.DATA_DIR) / "practice"
        commands: list[tuple[str, list[str], Any]] = []
        if "practice" in get_commands():
            command = [python, manage, "practice", "--port", str(practice_port), "--data", str(practice_data)]
            commands.append(("practice platform", command, lambda: _listens(practice_port)))
        worker = ["-m", "celery", "-A", "console", "worker", "-P", "threads", "-c", "8", "-B", "--loglevel", "INFO"]
        quiet = ["--without-gossip", "--without-mingle"]
        commands.append(("worker", [python, *worker, *quiet], _worker_answers))
        commands.append(
            (
                "console",
                [python, "-m", "gunicorn", "console.wsgi", "--bind", f"{HERE}:{port}"],
                lambda: _serves_pages(port),
            )
        )
        return [
            Part(
                name=name,
                command=command,
                answers=answers,
                log=Path(settings.DATA_DIR) / "log" / f"{name.replace(' ', '-')}.log",
                pid_file=self.folder / f"{name.replace(' ', '-')}.pid",
                # Two demos of two folders on one machine are two workers.
                environment={"DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"]},
                folder=settings.BASE_DIR,
            )
            for name, command, answers in commands
        ]

    def _start(self, parts: list[Part], port: int, practice_port: int) -> None:
        for part in parts:
            if part.name == "practice platform":
                part.start()
        embedded.ensure_running()
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        for part in parts:
            if part.name != "practice platform":
                part.start()
        for part in parts:
            part.wait_until_it_answers(seconds=READY_SECONDS, stopped=self._asked_to_stop)
            if part.name == "practice platform" and not self._asked_to_stop():
                self._fill(practice_port)
        if self._asked_to_stop():
            return
        self._say(f"Config Vault is ready after {time.monotonic() - self.began:.1f} s:  http://{HERE}:{port}")
        self._say(self.logins.getvalue().rstrip())
        self._say(f"The log of each part is in {Path(settings.DATA_DIR) / 'log'}. Ctrl-C stops all of it.")

    def _fill(self, practice_port: int) -> None:
        """Fill the practice organizations where that command is there; what it tells, the logins, is kept for later."""
        if "seed_demo" not in get_commands():
            return
        with contextlib.suppress(StopAsked):
            self.may_be_left = True
            call_command("seed_demo", practice_url=f"http://{HERE}:{practice_port}", stdout=self.logins)
        self.may_be_left = False

    def _watch(self, parts: list[Part]) -> None:
        """Return when a signal asks for it; raise PartFailed where a part falls again and again."""
        cluster = settings.EMBEDDED_CLUSTER
        while not self._asked_to_stop():
            if cluster is not None and cluster.pid() is None:
                self._say("The database ended unexpectedly. It is started again; nothing committed is lost.")
                cluster.start()
            for part in parts:
                if part.runs() or self._asked_to_stop():
                    continue
                what = f"The {part.name} ended unexpectedly ({part.how_it_ended()})."
                if not part.may_start_again():
                    raise PartFailed(f"{what} It fell too often to be started again.\n{part.last_words()}")
                self._say(f"{what} It is started again.\n{part.last_words()}")
                part.stop()
                part.start()
            time.sleep(WATCH_SECONDS)

    def _refuse_busy_ports(self, port: int, practice_port: int) -> None:
        for number, whose, option in (
            (port, "console", "PORT"),
            (practice_port, "practice platform", "PRACTICE_PORT"),
        ):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                # As the server does: a port that was left a moment ago is free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HERE, number))
                    probe.listen()
                except OSError as problem:
                    raise CommandError(
                        f"Port {number} for the {whose} cannot be used ({problem.strerror}); another program has it. "
                        f"Nothing was started. Choose another one: make demo {option}={number + 10}",
                        returncode=2,
                    ) from None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the data folder: two demos of one folder would stop each other's parts."""
        with (self.folder / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise CommandError(
                    f"A demo already runs in {settings.DATA_DIR} (process {lock.read().strip() or 'unknown'}). "
                    "Nothing was started. Stop it first, or set CONSOLE_DATA_DIR to another folder.",
                    returncode=2,
                ) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    @contextlib.contextmanager
    def _until_a_signal(self) -> Iterator[None]:
        """Note the first signal that asks to stop, instead of ending in the middle of something."""

        def note(number: int, _: FrameType | None) -> None:
            self.stopped_by = {signal.SIGINT: "Ctrl-C"}.get(signal.Signals(number), signal.Signals(number).name)
            if self.may_be_left:
                self.may_be_left = False
                raise StopAsked

        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked_to_stop(self) -> bool:
        return self.stopped_by is not None

    def _say(self, sentence: str) -> None:
        # The terminal may be gone when everything is stopped because of that.
        with contextlib.suppress(OSError):
            self.stdout.write(sentence)
            self.stdout.flush()


def read_port(text: str) -> int:
    """Give the number of a port; raises ArgumentTypeError with a sentence."""
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 65535:
        raise ArgumentTypeError(f"{text!r} is no port: that is a number from 1 to 65535. Nothing was started.")
    return int(text)


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HERE, port), timeout=1).close()
    except OSError:
        return False
    return True


def _serves_pages(port: int) -> bool:
    connection = http.client.HTTPConnection(HERE, port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _worker_answers() -> bool:
    return bool(app.control.ping(timeout=0.3))
