"""Whether the database keeps what it has acknowledged: a write must be on record before it is sent (PROTOCOL.md).

A PostgreSQL with one of these settings off answers a COMMIT before it is safe. After a crash an intent, an answer or a
verdict could be gone, while the platform has the write.
"""

from collections.abc import Sequence
from typing import Final

from django.conf import settings
from django.db import connection

SETTINGS: Final = ("fsync", "synchronous_commit", "full_page_writes")
"""What must not be off. Any other value keeps what is acknowledged on this server's own disk."""


class CommitsMayBeLost(Exception):
    """The database may lose what it has acknowledged; the message names the settings and says what to do."""


def settings_off() -> tuple[str, ...]:
    """Name what is off in this very session, in the order of SETTINGS; raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join('current_setting(%s)' for _ in SETTINGS)}", SETTINGS)
        shown = cursor.fetchone() or ()
    return tuple(name for name, value in zip(SETTINGS, shown, strict=True) if value == "off")


def sentence(off: Sequence[str]) -> str:
    """Say what is off, and what that means."""
    return f"{' and '.join(off)} {'is' if len(off) == 1 else 'are'} off: a crash may lose what was recorded."


def why_not() -> str:
    """Say why no rollback may run on this database; empty where it may. Raises DatabaseError.

    CONSOLE_ALLOW_LOSSY_DATABASE lets any database pass, for those that are thrown away.
    """
    if settings.CONSOLE_ALLOW_LOSSY_DATABASE:
        return ""
    off = settings_off()
    return f"In the database {sentence(off)} Switch {' and '.join(off)} on, then run this again." if off else ""


def require() -> None:
    """Raise CommitsMayBeLost unless rollbacks may run on this database; raises DatabaseError where it cannot tell."""
    problem = why_not()
    if problem:
        raise CommitsMayBeLost(f"The console runs no rollbacks on this database. {problem}")
