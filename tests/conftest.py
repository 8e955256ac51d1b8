"""What every test can rely on: a real PostgreSQL, started for the first test that asks for a database."""

import fcntl
import hashlib
import pickle
from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import hypothesis
import pytest
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib.auth import user_logged_in
from django.contrib.auth.models import User
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from pytest_django import DjangoDbBlocker
from pytest_django.plugin import blocking_manager_key

from console import embedded, sessions
from console.practice import dispatch, organizations
from console.practice.server import PracticeServer
from console.practice.state import Organization
from rollbacks import inquiries, propagation
from tenants import aside, blaming, configuration, search_page
from tests import world as making

CHECKOUT = Path(__file__).resolve().parent.parent

# The same examples every day, so that a run fails for what was changed and not by chance: `make explore` finds others.
# A busy machine is no failure, nor is the first run that builds the tables of characters.
hypothesis.settings.register_profile(
    "everyday", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "explore", hypothesis.settings.get_profile("everyday"), derandomize=False, max_examples=1000, print_blob=True
)
hypothesis.settings.load_profile("everyday")

# So many runs of one checkout may use the database at the same time.
RUNS_AT_ONCE = 16

KEPT = {"django_content_type", "auth_permission"}
"""Tables whose rows are the same for all tests."""


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
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
            if settings.EMBEDDED_CLUSTER is not None:
                with django_db_blocker.unblock():
                    default["TEST"]["TEMPLATE"] = _migrated_template(folder, connections["default"])
            yield
            return
    pytest.exit(f"{RUNS_AT_ONCE} test runs already use {folder}; wait until one of them has ended.", returncode=2)


def _migrated_template(folder: Path, connection: BaseDatabaseWrapper) -> str:
    """Name a database with today's tables, made by the first run that wants it: to copy it takes no time at all."""
    tables = hashlib.sha256((CHECKOUT / "requirements.lock").read_bytes())
    for migration in sorted(CHECKOUT.glob("*/migrations/*.py")):
        tables.update(migration.read_bytes())
    template, half_made = f"migrated_{tables.hexdigest()[:16]}", "migrated_half"
    with (folder / "migrated.lock").open("ab") as lock:
        # The next run waits here, and finds it made.
        fcntl.flock(lock, fcntl.LOCK_EX)
        with connection._nodb_cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, 'migrated_')")
            there = [name for (name,) in cursor.fetchall()]
            if template in there:
                return template
            for older in there:
                cursor.execute(f"DROP DATABASE {older}")
        own, told = connection.settings_dict["NAME"], connection.settings_dict["TEST"]["NAME"]
        connection.settings_dict["TEST"]["NAME"] = half_made
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        connection.close()
        connection.settings_dict["NAME"], connection.settings_dict["TEST"]["NAME"] = own, told
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {half_made} RENAME TO {template}")
    return template


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


def _deletion_of_everything(cursor: CursorWrapper) -> str:
    tables = set(connections["default"].introspection.django_table_names(only_existing=True, include_views=False))
    deletions = [f"DELETE FROM {table}" for table in sorted((tables | {"console_cache"}) - KEPT)]  # noqa: S608 - names of our own tables
    cursor.execute("SELECT has_parameter_privilege('session_replication_role', 'SET')")
    if cursor.fetchone()[0]:
        # Without triggers there is no look for what still points to a row, and all of it goes.
        return "; ".join(["BEGIN", "SET LOCAL session_replication_role = replica", *deletions, "COMMIT"])
    cursor.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
    guarded = [table for (table,) in cursor.fetchall()]
    return "; ".join(
        [
            "BEGIN",
            # As only its owner can, the clean-up passes the triggers that keep the trail append-only.
            *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in guarded),
            *deletions,
            "SET CONSTRAINTS ALL IMMEDIATE",
            *(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in guarded),
            "COMMIT",
        ]
    )


@pytest.fixture(scope="session", autouse=True)
def _empty_the_tables_between_tests() -> Iterator[None]:
    """Delete what a test has committed, which is little, instead of making 150 empty files and all permissions anew."""
    statements: list[str] = []

    def delete_all(_: TransactionTestCase) -> None:
        with connections["default"].cursor() as cursor:
            if not statements:
                statements.append(_deletion_of_everything(cursor))
            cursor.execute(statements[0])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", delete_all)
        yield


_USED_ASIDE = pytest.StashKey[list[bool]]()


@pytest.fixture(scope="session", autouse=True)
def _note_what_is_written_aside(pytestconfig: pytest.Config) -> Iterator[None]:
    """Note whether a test has used the connection aside, whose rows no end of a test's transaction takes back."""
    used = pytestconfig.stash[_USED_ASIDE] = []
    opened = aside._Aside.opened

    def noted(asked: aside._Aside) -> BaseDatabaseWrapper:
        used.append(True)
        return opened(asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aside._Aside, "opened", noted)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Delete what a test has committed aside, once its own transaction is over and holds no lock on it any more.

    A later practice platform may listen where an earlier one did, and then a spent budget would be its own.
    """
    yield
    used = item.config.stash.get(_USED_ASIDE, [])
    # Where the work had a database of its own, the connection went with it.
    if used and aside._ASIDE.connection is not None:
        with item.config.stash[blocking_manager_key].unblock():
            aside.row(
                "WITH budgets AS (DELETE FROM tenants_requestbudget) DELETE FROM tenants_oauthclient RETURNING id",
                {},
            )
    used.clear()


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


@pytest.fixture(scope="session", autouse=True)
def _found_the_organizations_once_a_minute() -> Iterator[None]:
    """Give each practice platform a copy of organizations that were just founded: most of its start is their past."""
    founded: dict[datetime, bytes] = {}

    def just_founded(now: datetime) -> list[Organization]:
        kept = next((at for at in founded if timedelta(0) <= now - at < timedelta(minutes=1)), None)
        if kept is None or kept.date() != now.date():
            founded.clear()
            kept = now
            founded[kept] = pickle.dumps(organizations.found_organizations(now))
        copied: list[Organization] = pickle.loads(founded[kept])  # noqa: S301 - written right here
        return copied

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "found_organizations", just_founded)
        yield


@pytest.fixture(scope="session", autouse=True)
def _a_page_takes_its_time() -> Iterator[None]:
    """Let pages and sweeps finish: what they leave to the next one after a second would depend on the machine."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (blaming, "SECONDS_OF_A_PAGE"),
            (configuration, "SECONDS_OF_A_PAGE"),
            (search_page, "SECONDS"),
            (inquiries, "SWEEP_SECONDS"),
            (propagation, "SWEEP_SECONDS"),
        ):
            patch.setattr(module, name, 600.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def _force_login_stands_for_a_password_typed_a_moment_ago() -> Iterator[None]:
    """Give a session of `force_login` what a real sign-in leaves in it; a test that wants another past writes it."""

    def note(request: HttpRequest, user: User, **_: object) -> None:
        if not get_authentication_records(request, user):
            record_authentication(request, user, "password")
            sessions.begin(request)

    user_logged_in.connect(note, dispatch_uid="tests.force_login")
    yield
    user_logged_in.disconnect(dispatch_uid="tests.force_login")


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
