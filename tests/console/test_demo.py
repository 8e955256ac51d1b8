"""`make demo`: one command starts everything, whatever was killed before, and Ctrl-C stops all of it."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from console import embedded, supervising
from console.management.commands.demo import read_port
from console.supervising import MARK, Part, PartFailed

CHECKOUT = Path(settings.BASE_DIR)
READY_SECONDS = 180


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Demo:
    """A demo of a data folder and two ports, that may be started again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.practice_port = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.output = folder.parent / "output"

    def environment(self) -> dict[str, str]:
        """Return the environment of somebody who has cloned the repository and set nothing."""
        ours = {*os.environ} & {"DATABASE_URL", "SECRET_KEY", "CONSOLE_SECRET_KEYS", "ALLOWED_HOSTS", "DEBUG"}
        kept = {name: value for name, value in os.environ.items() if name not in ours}
        return {**kept, "DJANGO_SETTINGS_MODULE": "console.settings", "CONSOLE_DATA_DIR": str(self.folder)}

    def start(self, *, port: int | None = None) -> subprocess.Popen[bytes]:
        ports = ["--port", str(port or self.port), "--practice-port", str(self.practice_port)]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", *ports],
                cwd=CHECKOUT,
                env=self.environment(),
                stdout=output,
                stderr=output,
            )
        return self.process

    def until(self, sentence: str) -> str:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            said = self.output.read_text()
            if re.search(sentence, said):
                return said
            assert self.process is not None
            assert self.process.poll() is None, f"the demo ended:\n{said}"
            time.sleep(0.1)
        raise AssertionError(f"{sentence!r} was not said:\n{self.output.read_text()}")

    def ends(self, number: int) -> tuple[int, str]:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(90), self.output.read_text()

    def pids(self) -> dict[str, int]:
        return {file.stem: int(file.read_text()) for file in (self.folder / "demo").glob("*.pid")}

    def status(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/login/")
            return connection.getresponse().status
        finally:
            connection.close()

    def left(self) -> list[psutil.Process]:
        """Return what still runs of this demo."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get(MARK) == str(self.folder / "demo") or str(self.folder) in " ".join(
                    process.cmdline()
                )
            except psutil.Error:
                continue
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found


@pytest.fixture
def demo() -> Iterator[Demo]:
    place = Path(tempfile.mkdtemp(prefix="console-demo-"))
    place.chmod(0o711)
    demo = Demo(place / "var")
    yield demo
    if demo.process is not None and demo.process.poll() is None:
        demo.process.terminate()
        demo.process.wait(90)
    supervising.stop_left_behind(demo.folder / "demo")
    cluster = embedded.Cluster(demo.folder)
    if cluster.pid() is not None:
        cluster.start()
        cluster.leave()
    shutil.rmtree(place)


@pytest.mark.slow
def test_everything_starts_survives_a_kill_of_each_part_and_stops_together(demo: Demo) -> None:
    demo.start()
    said = demo.until("ready after")
    assert f"http://127.0.0.1:{demo.port}" in said
    assert demo.status() == 200
    keys = (demo.folder / "environment").read_text()

    asked = [sys.executable, "manage.py", "doctor", "--json"]
    doctor = subprocess.run(asked, cwd=CHECKOUT, env=demo.environment(), capture_output=True, text=True, timeout=120)
    assert doctor.returncode == 0, doctor.stdout
    assert {check["name"]: check["state"] for check in json.loads(doctor.stdout)["checks"]}["worker"] == "works"

    # Parts that fall are started again, and the database with them.
    for name, pid in demo.pids().items():
        os.kill(pid, signal.SIGKILL)
        demo.until(f"The {name.replace('-', ' ')} ended unexpectedly .killed by SIGKILL")
    server = embedded.Cluster(demo.folder).pid()
    assert server is not None
    os.kill(server, signal.SIGKILL)
    demo.until("The database ended unexpectedly")

    # The command itself is killed, and all parts and the database after it: the next start comes up.
    assert demo.process is not None
    demo.process.kill()
    demo.process.wait()
    assert demo.left(), "its parts were left behind"
    server = embedded.Cluster(demo.folder).pid()
    if server is not None:
        os.kill(server, signal.SIGKILL)
    demo.start()
    said = demo.until("ready after")
    assert "Stopped the worker that an earlier demo had left behind." in said
    assert demo.status() == 200
    assert (demo.folder / "environment").read_text() == keys, "a second start keeps the keys"

    # Ctrl-C ends all of it without a word too many.
    code, said = demo.ends(signal.SIGINT)
    assert code == 0
    assert "Traceback" not in said
    assert said.rstrip().endswith("Stopped all of it (Ctrl-C). The next make demo goes on from here.")
    assert demo.left() == []
    assert demo.pids() == {}


def test_a_busy_port_is_refused_by_number_before_anything_starts(demo: Demo) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        busy = other.getsockname()[1]
        code = demo.start(port=busy).wait(READY_SECONDS)
    said = demo.output.read_text()
    assert code == 2
    assert said.startswith(f"Port {busy} ")
    assert f"make demo PORT={busy + 10}" in said
    assert "Traceback" not in said
    assert not (demo.folder / "postgres").exists()
    assert demo.left() == []


def part(folder: Path, code: str) -> Part:
    return Part(
        name="worker",
        command=[sys.executable, "-c", code],
        answers=lambda: False,
        log=folder / "worker.log",
        pid_file=folder / "demo" / "worker.pid",
        environment={},
        folder=folder,
    )


@pytest.mark.parametrize("word", ["http", "0", "65536", "-1", "８０"])
def test_a_port_that_is_none_is_refused_by_its_value(word: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"^'{word}' is no port"):
        read_port(word)


def test_a_part_that_does_not_come_up_is_named_with_its_last_words(tmp_path: Path) -> None:
    worker = part(tmp_path, "raise SystemExit('the broker is made of paper')")
    worker.start()
    with pytest.raises(PartFailed, match=r"(?s)The worker ended while it started \(exit code 1\).*made of paper"):
        worker.wait_until_it_answers(seconds=READY_SECONDS, stopped=lambda: False)
    worker.stop()


def test_a_part_that_falls_again_and_again_is_given_up(tmp_path: Path) -> None:
    worker = part(tmp_path, "pass")
    assert [worker.may_start_again() for _ in range(supervising.FALLS + 1)] == [True] * supervising.FALLS + [False]


def test_stopping_a_part_ends_what_it_started(tmp_path: Path) -> None:
    worker = part(tmp_path, "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid); time.sleep(60)")
    worker.start()
    lines: list[str] = []
    while len(lines) < 2:
        lines = worker.log.read_text().splitlines()
        time.sleep(0.05)
    child = psutil.Process(int(lines[1]))
    worker.stop()
    gone, _ = psutil.wait_procs([child], timeout=60)
    assert gone or child.status() == psutil.STATUS_ZOMBIE


def test_a_stranger_with_a_number_from_an_old_file_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        (tmp_path / "worker.pid").write_text(f"{stranger.pid}\n")
        assert supervising.stop_left_behind(tmp_path) == []
        assert stranger.poll() is None
        stranger.kill()
    assert list(tmp_path.glob("*.pid")) == []
