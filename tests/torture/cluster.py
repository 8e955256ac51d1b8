"""Real servers and workers for the proofs that kill them: a durable PostgreSQL, a Redis, and Celery's own processes.

Each is a process of its own in a session of its own, so that a signal to its group hits everything of it and nothing
else, as the kernel's or a machine's sudden end would.
"""

import contextlib
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil
import redis
from kombu import Connection

from console import embedded

CHECKOUT: Final = Path(__file__).resolve().parents[2]
STARTS_WITHIN: Final = 60.0
MISSING_REDIS: Final = "There is no redis-server on this machine, so nothing was tried. Install Redis, then repeat it."


def until(condition: Callable[[], object], what: str, *, seconds: float = STARTS_WITHIN, every: float = 0.05) -> None:
    """Return once something holds; raise TimeoutError, saying what was waited for, where it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            message = f"{what} did not happen within {seconds:.0f} seconds."
            raise TimeoutError(message)
        time.sleep(every)


class Database:
    """A PostgreSQL that waits for the disk as in production, and that can be killed like one that loses its power."""

    def __init__(self, folder: Path, *, connections: int) -> None:
        self._cluster = embedded.Cluster(folder, durable=True, connections=connections)
        self.url = self._cluster.url()
        self.parameters = self._cluster.parameters()

    def start(self) -> None:
        """Have it running, recovered from its last end."""
        self._cluster.start()

    def kill(self) -> None:
        """End the server and all of its sessions with SIGKILL, at once."""
        number = self._cluster.pid()
        assert number is not None, "The database does not run."
        server = psutil.Process(number)
        everybody = [server, *server.children(recursive=True)]
        for one in everybody:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._cluster.leave()


class Broker:
    """A Redis on a free port of this machine that keeps nothing on disk, so that its death loses every message."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def why_not() -> str:
        """Say why there can be none here; empty where there can."""
        return "" if shutil.which("redis-server") else MISSING_REDIS

    def url(self, number: int = 0) -> str:
        """Give the CELERY_BROKER_URL of one of its databases."""
        return f"redis://127.0.0.1:{self.port}/{number}"

    def start(self) -> None:
        """Have it answering."""
        program = shutil.which("redis-server")
        assert program is not None, MISSING_REDIS
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._answers, "That Redis answers", seconds=20)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), contextlib.closing(redis.Redis(port=self.port)) as client:
            return bool(client.ping())
        return False

    def kill(self) -> None:
        """End it with SIGKILL; every message is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    stop = kill


@dataclasses.dataclass
class Process:
    """One worker or schedule, with everything that it forks."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    start_again: Callable[[], "Process"]
    """Start another one in its place, as a supervisor does."""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """End all of it with SIGKILL."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def kill_children(self) -> None:
        """End what it has forked with SIGKILL, as the kernel does for want of memory; it lives on itself."""
        for one in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None


class Machines:
    """The servers, and whatever runs beside them; all of it ends with the context."""

    def __init__(self, folder: Path, *, database_url: str, broker: Broker | None, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self._broker = broker
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "DATABASE_URL": database_url,
            "CONSOLE_DATA_DIR": str(folder / "console"),
            **self._where(0),
            **settings,
        }
        self._processes: list[Process] = []

    def _where(self, number: int) -> dict[str, str]:
        return {} if self._broker is None else {"CELERY_BROKER_URL": self._broker.url(number)}

    def kill_broker(self) -> None:
        """End the broker with SIGKILL."""
        assert self._broker is not None
        self._broker.kill()

    def start_broker(self) -> None:
        """Have the broker back, without a message."""
        assert self._broker is not None
        self._broker.start()

    @contextlib.contextmanager
    def bell(self, number: int) -> Iterator[Connection | None]:
        """Give a connection to one of the broker's databases; None where messages are files that only workers know."""
        if self._broker is None:
            yield None
            return
        with Connection(self._broker.url(number)) as bell:
            yield bell

    def run(self, name: str, command: Sequence[str], *, broker: int = 0, **environment: str) -> Process:
        """Start a Python module with its arguments, on one of the broker's databases."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=CHECKOUT,
                env={**self.environment, **self._where(broker), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = Process(name, process, log, lambda: self.run(name, command, broker=broker, **environment))
        self._processes.append(started)
        return started

    def worker(self, name: str, *arguments: str) -> Process:
        """Start a worker as production does."""
        command = ["celery", "-A", "console", "worker", "-n", f"{name}@%h", "--loglevel", "warning", *arguments]
        return self.run(name, command)

    def schedule(self) -> Process:
        """Start the schedule as production does."""
        return self.run("beat", ["celery", "-A", "console", "beat", "--loglevel", "warning"])

    def end(self) -> None:
        """End everything that was started here."""
        for process in self._processes:
            process.kill()


@contextlib.contextmanager
def machines(folder: Path, *, database_url: str, broker: Broker | None = None, **settings: str) -> Iterator[Machines]:
    """Give a place to run workers in, and end them all at the end."""
    (folder / "console").mkdir(exist_ok=True)
    running = Machines(folder, database_url=database_url, broker=broker, settings=settings)
    try:
        yield running
    finally:
        running.end()
