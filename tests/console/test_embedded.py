"""The PostgreSQL that the console brings along: real, durable, and up again after anything was killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from django.conf import settings
from django.db import connection

from console.embedded import DATABASE, Cluster, DatabaseUnavailable

CHECKOUT = Path(settings.BASE_DIR)
# Starts the cluster of a folder, says so, and stays until its input ends.
USER = """
import sys
from pathlib import Path
from console.embedded import Cluster
cluster = Cluster(Path(sys.argv[1]), durable=False)
cluster.start()
print(cluster.pid(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that another user may pass through, as pytest's own may not."""
    place = Path(tempfile.mkdtemp(prefix="console-"))
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def cluster(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder / "data", durable=False)
    yield cluster
    cluster.leave()


@pytest.fixture
def durable(folder: Path) -> Iterator[Cluster]:
    """Return a cluster as the console has it, not as the tests do."""
    cluster = Cluster(folder / "durable")
    yield cluster
    cluster.leave()


def another_user(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(user: subprocess.Popen[str]) -> int:
    assert user.stdout is not None
    return int(user.stdout.readline())


def leave(user: subprocess.Popen[str]) -> None:
    with user:
        assert user.stdin is not None
        user.stdin.close()
        assert user.wait(120) == 0


def eventually_gone(pid: int) -> bool:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def setting(cluster: Cluster, name: str) -> str:
    with cluster.connect() as link:
        row = link.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.django_db
def test_tests_run_on_a_real_postgresql_of_at_least_version_15() -> None:
    assert connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int")
        (version,) = cursor.fetchone()
    assert version >= 150000


def test_what_is_committed_is_durable_and_no_setting_takes_that_back(durable: Cluster) -> None:
    durable.start()
    with durable.connect() as link:
        link.execute("ALTER SYSTEM SET fsync = off")
        link.execute("ALTER SYSTEM SET synchronous_commit = off")
        link.execute("SELECT pg_reload_conf()")
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        assert setting(durable, name) == "on"
    assert setting(durable, "listen_addresses") == "", "nobody reaches it over the network"


def test_a_second_start_finds_the_running_server(cluster: Cluster) -> None:
    cluster.start()
    first = cluster.pid()
    cluster.start()
    assert cluster.pid() == first


def test_a_killed_server_comes_up_again_with_everything_committed(durable: Cluster) -> None:
    durable.start()
    with durable.connect(DATABASE) as link:
        link.execute("CREATE TABLE queues (name text)")
        link.execute("INSERT INTO queues VALUES ('Support DE')")
    killed = durable.pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    durable.start()
    assert durable.pid() not in {None, killed}
    with durable.connect(DATABASE) as link:
        assert link.execute("SELECT name FROM queues").fetchall() == [("Support DE",)]


def test_a_lock_file_that_names_a_stranger_is_stale(cluster: Cluster) -> None:
    cluster.start()
    cluster.leave()
    assert cluster.pid() is None
    stranger = f"{os.getpid()}\n{cluster.data}\n1\n5432\n{cluster.socket_folder}\n\n0 0\nready   \n"
    (cluster.data / "postmaster.pid").write_text(stranger)
    shutil.chown(cluster.data / "postmaster.pid", cluster.data.owner())
    cluster.start()
    assert cluster.answers()


def test_half_a_cluster_is_made_anew(cluster: Cluster) -> None:
    half = cluster.folder / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    cluster.start()
    assert cluster.answers()
    assert not half.exists()


def test_a_folder_too_deep_for_a_socket_works_all_the_same(folder: Path) -> None:
    deep = Cluster(folder / ("contact-centre-" * 4) / ("configurations-" * 4) / "data, with a comma", durable=False)
    assert len(str(deep.folder)) > 107
    deep.start()
    try:
        assert deep.answers()
        assert deep.socket_folder.stat().st_mode & 0o077 == 0, "nobody else reaches it"
    finally:
        deep.leave()
    assert not deep.socket_folder.exists()


@pytest.mark.slow
def test_the_last_process_to_leave_stops_the_server(folder: Path) -> None:
    alice, bob = another_user(folder / "data"), another_user(folder / "data")
    server = said(alice)
    assert said(bob) == server, "two that start at once share one server"
    leave(alice)
    assert psutil.pid_exists(server)
    assert Cluster(folder / "data").answers()
    leave(bob)
    assert eventually_gone(server)


@pytest.mark.slow
def test_a_user_killed_with_sigkill_does_not_keep_the_server_from_stopping(folder: Path) -> None:
    alice, bob = another_user(folder / "data"), another_user(folder / "data")
    server = said(alice)
    said(bob)
    with alice:
        alice.kill()
    leave(bob)
    assert eventually_gone(server)


def test_a_database_of_another_version_is_refused_and_left_alone(cluster: Cluster) -> None:
    cluster.data.mkdir(parents=True)
    (cluster.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(DatabaseUnavailable, match=r"made by PostgreSQL 16.*Nothing was changed"):
        cluster.start()
    assert [file.name for file in cluster.data.iterdir()] == ["PG_VERSION"]


def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(cluster: Cluster) -> None:
    cluster.data.mkdir(parents=True)
    (cluster.data / "holiday.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(DatabaseUnavailable, match="holds no PostgreSQL database"):
        cluster.start()
    assert (cluster.data / "holiday.jpg").read_bytes() == b"\xff\xd8"


def test_reading_the_settings_starts_nothing(folder: Path) -> None:
    unused = folder / "data"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "console.settings", "CONSOLE_DATA_DIR": str(unused)}
    code = "from django.conf import settings; print(settings.DATABASES['default']['HOST'])"
    ended = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    assert ended.stdout.strip() == str(unused / "run")
    assert not unused.exists()


def test_a_url_of_the_cluster_leads_to_it(cluster: Cluster) -> None:
    cluster.start()
    code = "from django.conf import settings; from django.db import connection as c; c.ensure_connection(); print('in')"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "console.settings", "DATABASE_URL": cluster.url("postgres")}
    ended = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "in\n", "")


def test_a_server_that_is_gone_answers_nobody(cluster: Cluster) -> None:
    cluster.start()
    cluster.leave()
    assert not cluster.answers()
    with pytest.raises(psycopg.OperationalError):
        cluster.connect()
