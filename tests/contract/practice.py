"""The practice platform as a process of its own, and its controls over HTTP; standard library only."""

import json
import os
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Practice:
    """A running practice platform: where it is, its clients, and what can be told to it and asked of it."""

    url: str
    credentials: dict[str, dict[str, str]]

    def tell(self, control: str, **told: Any) -> Any:
        """POST to a control and return what it answers."""
        request = urllib.request.Request(  # noqa: S310 - a process on this machine
            f"{self.url}/practice/{control}", json.dumps(told).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.load(answer)

    def ask(self, control: str) -> Any:
        """GET a control."""
        with urllib.request.urlopen(f"{self.url}/practice/{control}", timeout=20) as answer:  # noqa: S310
            return json.load(answer)

    def requests(self, method: str | None = None, path: str = "") -> list[dict[str, Any]]:
        """Return the recent requests of one method whose path holds `path`, oldest first."""
        return [one for one in self.ask("requests") if method in (None, one["method"]) and path in one["path"]]

    def writes(self, object_id: str) -> list[dict[str, Any]]:
        """Return the accepted writes of one object, oldest first."""
        return list(self.ask(f"writes?object={object_id}"))

    def fault(self, kind: str, **told: Any) -> None:
        """Let something go wrong."""
        self.tell("faults", kind=kind, **told)

    def calm(self) -> None:
        """Take back every fault, permission, division and switch that a test may have changed."""
        self.tell("faults/clear")
        for slug in self.credentials:
            self.tell("permissions", organization=slug, reset=True)
            self.tell("divisions", organization=slug, reset=True)
            self.tell("switches", organization=slug, propagation_seconds=0.0)


@contextmanager
def running() -> Iterator[Practice]:
    """Give a practice platform on a free port, with fresh organizations; it ends with the block."""
    with tempfile.TemporaryDirectory() as data:
        command = [os.environ["PRACTICE_PYTHON"], "manage.py", "practice", "--port", "0", "--data", data]
        environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        with subprocess.Popen(command, cwd=CHECKOUT, env=environ, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            try:
                assert first.startswith("Practice platform on http://127.0.0.1:"), (first, process.poll())
                credentials = json.loads((Path(data) / "credentials.json").read_text())
                yield Practice(first.split()[3], credentials)
            finally:
                process.terminate()
                process.wait(timeout=20)
