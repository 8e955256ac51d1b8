"""`manage.py practice` as a process of its own: it starts, says where, survives kill -9 and refuses in one sentence."""

import ast
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]
CONFIG = "/api/v2/agentassist/configs/cfg-1"


def command(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DEBUG": "on", "DJANGO_SETTINGS_MODULE": "tests.settings"}
    return subprocess.Popen(
        [sys.executable, "manage.py", "practice", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with command("--port", "0", *arguments) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        try:
            assert first.startswith("Practice platform on http://127.0.0.1:"), (first, process.poll())
            yield process, first.split()[3]
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=120)


@pytest.mark.slow
def test_what_was_accepted_survives_kill_9_of_the_process(tmp_path: Path) -> None:
    with running("--data", str(tmp_path)) as (process, url):
        written = requests.post(url + "/practice/foreign-write", json={"object": CONFIG}, timeout=120)
        assert written.json()["version"] == 43
        # A change of a few bytes fits into any buffer: only what was flushed is still there after SIGKILL.
        requests.post(url + "/practice/switches", json={"organization": "lamna", "gzip": True}, timeout=120)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=120)
    with running("--data", str(tmp_path)) as (process, url):
        [write] = requests.get(url + "/practice/writes?object=cfg-1", timeout=120).json()
        assert write["version"] == 43
        told = requests.get(url + "/practice/organizations", timeout=120).json()
        assert [one["switches"]["gzip"] for one in told] == [False, False, True]
        one = json.loads((tmp_path / "credentials.json").read_text())["northwind"]
        token = requests.post(
            url + "/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(one["client_id"], one["client_secret"]),
            timeout=60,
        ).json()["access_token"]
        live = requests.get(url + CONFIG, headers={"Authorization": "Bearer " + token}, timeout=120)
        assert live.json()["version"] == 43


@pytest.mark.slow
def test_a_terminated_process_ends_in_order() -> None:
    with running() as (process, _):
        process.terminate()
        out, err = process.communicate(timeout=120)
        assert (process.returncode, "stopped" in out, err) == (0, True, "")


@pytest.mark.slow
def test_a_busy_port_is_one_clear_sentence_and_exit_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        out, err = (refused := command("--port", str(port))).communicate(timeout=120)
        assert (refused.returncode, out) == (2, "")
        assert err.startswith(f"Port {port} of 127.0.0.1 cannot be used")
        assert err.count("\n") == 1


@pytest.mark.slow
def test_a_history_that_is_not_there_is_refused_the_same_way(tmp_path: Path) -> None:
    out, err = (refused := command("--port", "0", "--history", str(tmp_path / "none"))).communicate(timeout=120)
    assert (refused.returncode, out, err.count("\n")) == (2, "", 1)
    assert "is no folder" in err


def test_the_platform_imports_nothing_but_the_standard_library_and_itself() -> None:
    for path in (ROOT / "console" / "practice").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                own = name.startswith("console.practice")
                assert own or name.split(".")[0] in sys.stdlib_module_names, (path.name, name)
