"""Carry messages as files where no Redis is given: the embedded broker.

Kombu's own transport over a folder is nearly enough. Two things are mended here. It writes a message under its final
name, so that a worker may read one half written and stop; here a message appears whole, by a rename. And nothing ever
removes what nobody will fetch; `tidy` does.
"""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

import structlog
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps, loads

SCHEME = "console-files"
# A message only says "look at row N" and a sweep says it again, so an old one is of no use to anybody.
STALE_SECONDS = 600

log = structlog.get_logger(__name__)


def options(folder: Path) -> dict[str, Any]:
    """Return CELERY_BROKER_TRANSPORT_OPTIONS for messages that are files in `folder`."""
    messages = str(folder / "messages")
    return {
        "data_folder_in": messages,
        "data_folder_out": messages,
        "control_folder": str(folder / "control"),
        # The time that a click may wait for its worker to notice.
        "polling_interval": 0.1,
    }


class Channel(filesystem.Channel):
    """Put and get messages that are whole or absent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Path(self.data_folder_out).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.control_folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    # The stubs name the message in two ways, so that no override can please both.
    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        # Wall clock, so that the order outlives a restart of the machine.
        name = f"{time.time_ns():020d}_{uuid.uuid4()}.{queue}.msg"
        written = folder / f"{name}.part"
        written.write_text(dumps(payload), encoding="utf-8")
        written.rename(folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        del timeout
        ending = f"{queue}.msg"
        folder = Path(self.data_folder_in)
        for name in sorted(entry.name for entry in os.scandir(folder)):
            if name.partition(".")[2] != ending:
                continue
            mine = folder / f"{name}.{uuid.uuid4()}.part"
            try:
                # Of several workers one succeeds, and the message is its own.
                (folder / name).rename(mine)
                payload = loads(mine.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except ValueError:
                log.warning("broker.message_unreadable", queue=queue, name=name)
                mine.unlink(missing_ok=True)
                continue
            mine.unlink(missing_ok=True)
            return payload
        raise Empty


class Transport(filesystem.Transport):
    """The transport behind `console-files://`."""

    Channel = Channel
    driver_type = "filesystem"
    driver_name = "console-files"


def register() -> None:
    """Let kombu know the scheme."""
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"


def tidy(folder: Path, *, older_than: float = STALE_SECONDS) -> int:
    """Remove messages that nobody has fetched for `older_than` seconds; return how many."""
    removed = 0
    oldest = time.time() - older_than
    for file in (folder / "messages").glob("*"):
        try:
            if file.stat().st_mtime < oldest:
                file.unlink()
                removed += 1
        except FileNotFoundError:
            # Fetched in this moment.
            continue
    return removed
