"""A real Celery worker that stands still at named points: `python -m tests.torture.worker_at FOLDER ARGUMENTS …`.

The worker, its pool, its database sessions and its HTTP are the console's own. Added are three hooks: around the
outermost transactions, around the exchange with the platform, and before its answer is read. `FOLDER/orders.json` says
which rollback is to stand where. One that has come there writes a line into `FOLDER/standing` and waits for
`FOLDER/go`, inside its transaction where the point lies in one. Whoever started the worker kills it, stops it, or takes
its database away meanwhile.
"""

import functools
import json
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final
from urllib.parse import urlsplit

from tests.torture.faults import TRANSACTIONS

HOST: Final = "TORTURE_HOST"
"""Names the machine that the worker claims to run on; the leases of another machine's dead workers have to run out."""
ORDERS: Final = "orders.json"
STANDING: Final = "standing"
READY: Final = "ready"
ENDED: Final = "ended"
GO: Final = "go"
_EVERY: Final = 0.2


class Points:
    """Who has to stand where, and who does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._stood: set[str] = set()
        self._read: Counter[str] = Counter()
        self._known: dict[str, Any] = {}
        self._of_object: dict[str, str] = {}
        self._age = 0
        self._here = threading.local()

    def order_of(self, rollback: str) -> Any:
        """Give a rollback's point, the number of reads that pass first, and its object; None without orders."""
        self._renew()
        return self._known.get(rollback)

    def of_object(self, object_id: str) -> str | None:
        """Give the rollback that has orders on an object."""
        self._renew()
        return self._of_object.get(object_id)

    def _renew(self) -> None:
        age = (self._folder / ORDERS).stat().st_mtime_ns
        if age != self._age:
            self._known = json.loads((self._folder / ORDERS).read_text())
            self._of_object = {order["object"]: rollback for rollback, order in self._known.items()}
            self._age = age

    def passes(self, rollback: str, point: str) -> None:
        """Stand here if that is where this rollback has to, the first time that it comes by."""
        order = self.order_of(rollback)
        if order is None or order["point"] != point:
            return
        with self._lock:
            if rollback in self._stood:
                return
            self._read[rollback] += 1
            if self._read[rollback] <= order["skip"]:
                return
            self._stood.add(rollback)
        self._here.rollback = rollback
        self._note(STANDING, rollback)
        while not (self._folder / GO).exists():
            time.sleep(_EVERY)

    def ready(self, **_: Any) -> None:
        """Note that the worker takes tasks."""
        self._note(READY, "ready")

    def ended(self, rollback: str) -> None:
        """Note that the task that stood has ended; one that was delivered twice has not stood."""
        if getattr(self._here, "rollback", None) == rollback:
            self._here.rollback = None
            self._note(ENDED, rollback)

    def _note(self, name: str, rollback: str) -> None:
        with (self._folder / name).open("ab", buffering=0) as file:
            file.write(f"{rollback}\n".encode())


def _rollback_in(frame: FrameType) -> str:
    """Give the rollback that a function of the console works on, by its own variables."""
    known = frame.f_locals
    if "send" in known and frame.f_code.co_name == "end_send":
        return str(known["send"].attempt.rollback_id)
    return str(known["attempt"].rollback_id if "attempt" in known else known["rollback"].pk)


def _carries_out_a_rollback() -> bool:
    """Say whether this thread is at a rollback, not at a scheduled look at the same object."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "rollbacks.applying":
            return True
        frame = frame.f_back
    return False


def install(points: Points) -> None:
    """Hook into the edges of transactions, into the exchange and into its answer, and note when tasks end."""
    from celery.signals import task_postrun, worker_ready  # noqa: PLC0415 - after the settings are read

    _hook_transactions(points)
    _hook_exchanges(points)

    def on_end(args: Any = (), **_: Any) -> None:
        if args:
            points.ended(str(args[0]))

    task_postrun.connect(on_end, weak=False)
    worker_ready.connect(points.ready, weak=False)


def _hook_transactions(points: Points) -> None:
    from django.db import connection, transaction  # noqa: PLC0415 - after the settings are read

    enter, leave = transaction.Atomic.__enter__, transaction.Atomic.__exit__

    def on_enter(self: transaction.Atomic) -> None:
        frame = sys._getframe(1)
        if frame.f_code.co_name in TRANSACTIONS and not connection.in_atomic_block:
            points.passes(_rollback_in(frame), f"{frame.f_code.co_name}: before")
        enter(self)

    def on_leave(self: transaction.Atomic, kind: Any, error: Any, trace: Any) -> None:
        frame = sys._getframe(1)
        name = frame.f_code.co_name
        ours = name in TRANSACTIONS and len(connection.atomic_blocks) == 1 and kind is None
        if ours:
            points.passes(_rollback_in(frame), f"{name}: at the commit")
        leave(self, kind, error, trace)
        if ours:
            points.passes(_rollback_in(frame), f"{name}: after")

    transaction.Atomic.__enter__ = on_enter  # type: ignore[method-assign]
    transaction.Atomic.__exit__ = on_leave  # type: ignore[method-assign]


def _hook_exchanges(points: Points) -> None:
    from tenants.remote import transport  # noqa: PLC0415 - after the settings are read

    exchange, getresponse = transport.exchange, transport._Plain.getresponse
    under_way = threading.local()

    @functools.wraps(exchange)
    def on_exchange(method: str, url: str, **named: Any) -> Any:
        rollback = points.of_object(urlsplit(url).path.rpartition("/")[2])
        if rollback is None or not _carries_out_a_rollback():
            return exchange(method, url, **named)
        points.passes(rollback, f"{method}: leaves")
        under_way.now = method, rollback
        try:
            answer = exchange(method, url, **named)
        finally:
            under_way.now = None
        points.passes(rollback, f"{method}: answered")
        return answer

    def on_getresponse(self: Any) -> Any:
        now = getattr(under_way, "now", None)
        if now is not None:
            points.passes(now[1], f"{now[0]}: under way")
        return getresponse(self)

    transport.exchange = on_exchange
    transport._Plain.getresponse = on_getresponse  # type: ignore[method-assign]


def order(folder: Path, orders: Mapping[str, Mapping[str, object]]) -> None:
    """Give a worker its orders; a later call replaces them."""
    draft = folder / f"{ORDERS}.{time.monotonic_ns()}"
    draft.write_text(json.dumps(orders))
    draft.replace(folder / ORDERS)


def names_in(folder: Path, name: str) -> set[str]:
    """Give the rollbacks that are noted in one of a worker's files."""
    try:
        return set((folder / name).read_text().split())
    except FileNotFoundError:
        return set()


def main() -> None:
    """Be a Celery worker."""
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    if name := os.environ.get(HOST):
        socket.gethostname = lambda: name
    from console.celery import app  # noqa: PLC0415 - after the name of the machine is known

    app.loader.import_default_modules()
    install(Points(folder))
    app.worker_main(["worker", *arguments])


if __name__ == "__main__":
    main()
