"""Run the console's commands as people and their scripts do, and keep what they print."""

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command

from console.practice.server import PracticeServer

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ("northwind", "agentassist.config:cfg-1")
"""What commands call the bank's tracked config."""


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        """What it printed, as text."""
        return self.raw.decode("utf-8")

    @property
    def document(self) -> Any:
        """The one JSON document that it printed."""
        return json.loads(self.raw)


def run(*words: str) -> Ran:
    """Run a command in this process."""
    raw = io.BytesIO()
    out, err = io.TextIOWrapper(raw, encoding="utf-8", newline="\n"), io.StringIO()
    code = 0
    try:
        call_command(*words, stdout=out, stderr=err)
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    except SystemExit as error:
        code = int(error.code or 0)
    out.flush()
    return Ran(code, raw.getvalue(), err.getvalue())


def run_process(*words: str, database_url: str, stdin: str = "", **environment: str) -> Ran:
    """Run a command as a process of its own on the tests' database."""
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": database_url,
            "PYTHONUNBUFFERED": "1",
            **environment,
        },
        input=stdin.encode(),
        capture_output=True,
        timeout=180,
    )
    return Ran(done.returncode, done.stdout, done.stderr.decode())


def add_words(practice: PracticeServer, secret_file: Path, *more: str) -> list[str]:
    """Give the words that add the bank."""
    one = practice.credentials["northwind"]
    where = ["--api-url", practice.url, "--login-url", practice.url]
    known = ["--name", "Northwind Bank", "--client-id", one.client_id, "--client-secret-file", str(secret_file)]
    return ["tenant", "add", "northwind", *where, *known, *more]


class Terminal(io.StringIO):
    """A text stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True
