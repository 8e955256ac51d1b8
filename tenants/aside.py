"""A database connection beside the caller's, for what all workers share at once.

What is counted here must be seen by the other workers in the same moment, whatever transaction the caller is in and
whether it is rolled back later; and a lock of the caller's transaction must never hold up all workers. So each
statement stands alone, in autocommit, on one connection a process. Its rows may be lost in a crash of the database
without harm (a budget starts anew, a token is fetched once more), so nothing waits for the disk.
"""

import os
import threading
from collections.abc import Mapping
from typing import Any, Final

from django.db import InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_SETTINGS: Final = "SET synchronous_commit = off; SET lock_timeout = '2s'; SET statement_timeout = '5s'"


class _Aside:
    """The connection of this process, made when it is first asked for."""

    def __init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        """Forget the connection; a forked child must not speak on its parent's."""
        self.lock = threading.Lock()
        self.connection: BaseDatabaseWrapper | None = None

    def opened(self) -> BaseDatabaseWrapper:
        if self.connection is None:
            made = connections["default"].copy()
            made.inc_thread_sharing()
            with made.cursor() as cursor:
                cursor.execute(_SETTINGS)
            self.connection = made
        return self.connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


_ASIDE: Final = _Aside()
os.register_at_fork(after_in_child=_ASIDE.start_anew)


def row(sql: str, parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Carry one statement out and give its first row by column names, or None where it gives none.

    Raises DatabaseError. A statement whose connection was lost is carried out once more, so it may count twice.
    """
    with _ASIDE.lock:
        try:
            return _row(sql, parameters)
        except (OperationalError, InterfaceError):
            _ASIDE.close()
            return _row(sql, parameters)


def _row(sql: str, parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
    with _ASIDE.opened().cursor() as cursor:
        cursor.execute(sql, parameters)
        found = cursor.fetchone()
        names = [column.name for column in cursor.description or ()]
    return None if found is None else dict(zip(names, found, strict=True))


def close() -> None:
    """Close the connection of this process; the next statement opens another one."""
    with _ASIDE.lock:
        _ASIDE.close()
