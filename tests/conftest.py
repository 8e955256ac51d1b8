"""What every test can rely on: a real PostgreSQL, started for the first test that asks for a database."""

import fcntl
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management.color import Style
from django.db import connections
from django.db.backends.postgresql.operations import DatabaseOperations
from pytest_django import DjangoDbBlocker

from console import embedded
from console.practice.server import PracticeServer
from tenants import aside
from tests import world as making

# So many runs of one checkout may use the database at the same time.
RUNS_AT_ONCE = 16

NO_TRUNCATE = (
    ("rollbacks_auditentry", "audit_entry_no_truncate"),
    ("rollbacks_checkpoint", "checkpoint_no_truncate"),
)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    """Start PostgreSQL and give this run a database of its own, so that two runs do not meet."""
    folder = Path(settings.DATA_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    embedded.ensure_running()
    for number in range(1, RUNS_AT_ONCE + 1):
        with (folder / f"run-{number}.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            default = connections["default"].settings_dict
            default["TEST"]["NAME"] = f"test_{default['NAME']}_{number}"
            yield
            return
    pytest.exit(f"{RUNS_AT_ONCE} test runs already use {folder}; wait until one of them has ended.", returncode=2)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """End what still looks at this run's database, such as a killed worker's session, before it is dropped."""
    yield
    aside.close()
    with django_db_blocker.unblock(), connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session", autouse=True)
def _empty_the_trail_between_tests() -> Iterator[None]:
    """Let the tests' own clean-up pass the trigger that refuses TRUNCATE, as only the owner of the table can."""
    flush = DatabaseOperations.sql_flush

    def flush_trail_too(
        self: DatabaseOperations,
        style: Style,
        tables: Sequence[str],
        *,
        reset_sequences: bool = False,
        allow_cascade: bool = False,
    ) -> list[str]:
        truncate = flush(self, style, tables, reset_sequences=reset_sequences, allow_cascade=allow_cascade)
        guarded = [(table, trigger) for table, trigger in NO_TRUNCATE if table in tables]
        alter = "ALTER TABLE {} {} TRIGGER {}"
        return [
            *(alter.format(table, "DISABLE", trigger) for table, trigger in guarded),
            *truncate,
            *(alter.format(table, "ENABLE", trigger) for table, trigger in guarded),
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", flush_trail_too)
        yield


@pytest.fixture(scope="session")
def database_url(django_db_setup: None) -> str:
    """Return a DATABASE_URL of this run's database, for processes that a test starts."""
    default = connections["default"].settings_dict
    cluster: embedded.Cluster | None = settings.EMBEDDED_CLUSTER
    if cluster is not None:
        return cluster.url(default["NAME"])
    host, port = default["HOST"].replace("/", "%2F"), default["PORT"]
    password = f":{default['PASSWORD']}" if default["PASSWORD"] else ""
    return f"postgres://{default['USER']}{password}@{host}{f':{port}' if port else ''}/{default['NAME']}"


@pytest.fixture
def practice() -> Iterator[PracticeServer]:
    """Serve a fresh practice platform for one test."""
    with PracticeServer() as server:
        yield server


@pytest.fixture
def people(db: None) -> making.People:
    """Give Alice, Bob and Carol."""
    return making.make_people()


@pytest.fixture
def world(practice: PracticeServer, people: making.People) -> making.World:
    """Give the whole world: people, practice platform, tenants, and `cfg-1` of the bank with its history."""
    return making.make_world(practice, people)
