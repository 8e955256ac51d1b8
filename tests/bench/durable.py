"""A console on a PostgreSQL of its own, durable as in production (fsync on), for what is measured beside its peers."""

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django

_KEY = "dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGU="


@contextlib.contextmanager
def database() -> Iterator[Path]:
    """Set Django up on a migrated database of its own, and give its folder; both are thrown away afterwards.

    Nothing of the console may have been imported before.
    """
    # A short path: it holds a socket.
    with tempfile.TemporaryDirectory(prefix="vault-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.environ.update(
            DJANGO_SETTINGS_MODULE="console.settings",
            CONSOLE_DATA_DIR=name,
            SECRET_KEY="only for measuring " * 3,
            CONSOLE_SECRET_KEYS=_KEY,
            CONSOLE_CHECKPOINT_KEY=_KEY,
            ALLOWED_HOSTS="127.0.0.1",
        )
        for unwanted in ("DATABASE_URL", "DATABASE_URL_FILE", "DEBUG"):
            os.environ.pop(unwanted, None)
        django.setup()
        logging.disable(logging.WARNING)
        from django.core.management import call_command  # noqa: PLC0415 - after the settings are read
        from django.db import connections  # noqa: PLC0415

        from console import embedded  # noqa: PLC0415

        embedded.ensure_running()
        call_command("migrate", verbosity=0)
        try:
            yield folder
        finally:
            connections.close_all()
            embedded.Cluster(folder).leave()
