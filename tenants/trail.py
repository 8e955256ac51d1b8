"""The port through which the tenants' side reports what belongs in the trail.

`rollbacks` keeps the trail and stands above this app, so it registers its recorder here when it is ready; the arrow
between the apps keeps pointing one way. A recorder runs inside the caller's transaction: when it raises, the change
that was to be reported does not happen either (PROTOCOL.md, "No unaudited write").
"""

import contextlib
import contextvars
import getpass
import logging
import os
import socket
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    from tenants.models import Tenant, TrackedConfig

logger = logging.getLogger(__name__)

SYSTEM = "console"
"""The actor of what the console does by itself, such as a scheduled look."""


class Recorder(Protocol):
    """Whoever keeps the trail."""

    def __call__(
        self,
        action: str,
        *,
        tenant: "Tenant",
        actor: str,
        outcome: str,
        config: "TrackedConfig | None",
        detail: "Mapping[str, object]",
    ) -> None:
        """Append one entry to the tenant's trail; raise when that is not possible."""


_recorders: list[Recorder] = []


def set_recorder(recorder: Recorder | None) -> Recorder | None:
    """Make a recorder the one that reports go to, and return the one before it; None leaves only the log."""
    previous = _recorders.pop() if _recorders else None
    if recorder is not None:
        _recorders.append(recorder)
    return previous


def report(
    action: str,
    *,
    tenant: "Tenant",
    actor: str,
    outcome: str = "ok",
    config: "TrackedConfig | None" = None,
    detail: "Mapping[str, object] | None" = None,
) -> None:
    """Hand one event to the trail.

    `action` is `noun.verb` (`config.changed`), `outcome` is `ok`, `refused` or `alarm`, and `detail` holds only what
    JSON (RFC 8259) can: strings, integers, booleans, None, lists and objects of these.
    """
    level = logging.WARNING if outcome == "alarm" else logging.DEBUG
    logger.log(level, "%s %s in %s by %s", action, outcome, tenant.slug, actor)
    for recorder in _recorders:
        recorder(action, tenant=tenant, actor=actor, outcome=outcome, config=config, detail=dict(detail or {}))


def actor_name(user: "AbstractBaseUser | AnonymousUser | None") -> str:
    """Say who acts: the user's name, or the account of the machine at a terminal where nobody is signed in."""
    return f"terminal ({machine_account()})" if user is None else user.get_username()


def machine_account() -> str:
    """Give the account of the machine under which this process runs."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return f"uid {os.getuid()}"


def account_at_terminal() -> str:
    """Give the account of the machine of whoever acts at a terminal, whatever user they name; empty elsewhere."""
    return machine_account() if source()["part"] == "terminal" else ""


_HOST: Final = socket.gethostname()
_PART: Final = ["process"]
_SOURCE: "Final[contextvars.ContextVar[Mapping[str, str] | None]]" = contextvars.ContextVar("source", default=None)


def source() -> "Mapping[str, str]":
    """Say from where the console acts now (OWASP ASVS 16.2.1, "where"): the machine, the part, and who asked it.

    `part` is web, worker or terminal, and `process` where none of them has said so. A request of a browser adds its
    `address`, and what a proxy claims in `forwarded_for`.
    """
    return _SOURCE.get() or {"host": _HOST, "part": _PART[0]}


def this_process_is(part: str) -> None:
    """Let everything that this process records bear this part, in all its threads, unless `acting_from` says more."""
    _PART[0] = part


@contextlib.contextmanager
def acting_from(part: str, **told: str) -> "Iterator[None]":
    """Let everything that is recorded inside bear this part of the console and what else is known of the asker."""
    reset = _SOURCE.set({"host": _HOST, "part": part, **told})
    try:
        yield
    finally:
        _SOURCE.reset(reset)
