"""Write the parts of docs/ that are made from the product itself: `python -m tests.docs`.

For docs/FIRST_MINUTES.md it makes an installation of its own in a temporary folder, with a database, a worker and a
practice platform, and runs the commands there.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import django

CHECKOUT = Path(__file__).resolve().parent.parent.parent
WORKER_SECONDS = 60


def main() -> None:
    """Write both pages."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from console.practice.server import PracticeServer  # noqa: PLC0415 - the settings come first
    from tests.docs import first_minutes, types_table  # noqa: PLC0415

    (CHECKOUT / "docs" / "TYPES.md").write_text(types_table.text(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, PracticeServer() as practice:
        own = {key: value for key, value in os.environ.items() if not key.startswith("CONSOLE_")}
        environment = {key: value for key, value in own.items() if key not in _NOT_THEIRS} | {
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "CONSOLE_DATA_DIR": folder,
            "CONSOLE_ALLOW_CUSTOM_HOSTS": "on",
            "DEBUG": "on",
        }

        def run(words: list[str], stdin: str) -> str:
            done = subprocess.run(
                [sys.executable, "manage.py", *words],
                cwd=CHECKOUT,
                env=environment,
                input=stdin,
                capture_output=True,
                text=True,
            )
            if done.returncode not in (0, 6):
                sys.exit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}")
            return done.stdout

        run(["migrate", "--verbosity", "0"], "")
        command = [sys.executable, "-m", "celery", "-A", "console", "worker", "-P", "threads", "-B"]
        worker = subprocess.Popen(
            command, cwd=CHECKOUT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            doctor = _doctor(environment)
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait()
        # The worker is gone by now: it would look at what is tracked while the command does, and be waited for.
        page = first_minutes.text(practice, run, first_minutes.steady(doctor))
    (CHECKOUT / "docs" / "FIRST_MINUTES.md").write_text(page, encoding="utf-8")


_NOT_THEIRS = ("DATABASE_URL", "CELERY_BROKER_URL", "SECRET_KEY", "CONSOLE_SECRET_KEYS", "ALLOWED_HOSTS")


def _doctor(environment: dict[str, str]) -> str:
    """Give what the doctor says once the worker answers."""
    ends = time.monotonic() + WORKER_SECONDS
    while True:
        done = subprocess.run(
            [sys.executable, "manage.py", "doctor"], cwd=CHECKOUT, env=environment, capture_output=True, text=True
        )
        if done.returncode == 0:
            return done.stdout
        if time.monotonic() > ends:
            sys.exit(f"The installation does not get well: {done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
