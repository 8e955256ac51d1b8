"""A database that a runner outside pytest makes for itself and throws away at its end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, connections

from console import embedded
from tenants import aside


@contextmanager
def scratch_database(word: str) -> Iterator[None]:
    """Point the default connection at a new, migrated database named after the runner's `word` and this process."""
    embedded.ensure_running()
    name = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{word}_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        # A session that the work left open, such as the one of the shared budget, must not keep the database alive.
        aside.close()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connections.close_all()
        connection.creation.destroy_test_db(name, verbosity=0)
