"""Where the real code is held: its clock, its sleep, its chance, its HTTP exchange, and the edges of its transactions.

Nothing else of the console is replaced, and nothing of it is changed: these are attributes of modules, put back at the
end. The database's own `clock_timestamp()` is read from the same virtual clock: as a literal in the statement, or as a
setting of the transaction that the functions of the database look at.
"""

import contextlib
import functools
import random
import re
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.db import OperationalError, connection, transaction
from django.db.backends.postgresql import compiler as orm
from django.utils import timezone

from rollbacks import applying, audit, driving, tasks
from tenants import aside, connections, pacing, reach, shared_tokens
from tenants.remote import Answer, client, transport
from tenants.remote.tokens import TokenCache
from tests.torture import preparing, wire
from tests.torture.history import History
from tests.torture.preparing import HOST
from tests.torture.recall import MEMORY, Recalling
from tests.torture.stage import Killed, here

if TYPE_CHECKING:
    from django.db.models import Field


class _Tokens:
    """A cache of tokens for each worker: in life each is a process of its own."""

    def __init__(self) -> None:
        self._local = threading.local()

    def _own(self) -> TokenCache:
        if not hasattr(self._local, "cache"):
            self._local.cache = TokenCache(clock=lambda: 0.0)
        cache: TokenCache = self._local.cache
        return cache

    def get(self, *arguments: Any, **named: Any) -> str:
        return self._own().get(*arguments, **named)

    def forget(self, *arguments: Any, **named: Any) -> None:
        self._own().forget(*arguments, **named)


def _driver_name() -> str:
    standing = here()
    return standing[1].name if standing else "desk"


def _function_that_opened() -> str:
    """Name the function whose `with transaction.atomic()` this is."""
    return sys._getframe(2).f_code.co_name


_READS: Final = ("SELECT", "SAVEPOINT", "RELEASE")
_STANDS_IN: Final = re.compile("rollbacks_(?:rollback|attempt|send)")
"""The tables that say how a history stands (`standing`)."""


@functools.cache
def _fields_with_new_ids() -> "list[Field[Any, Any]]":
    fields = [field for model in apps.get_models() for field in model._meta.concrete_fields]
    return [field for field in fields if field.default is uuid.uuid4]


@contextlib.contextmanager
def held(history: History) -> Iterator[None]:  # noqa: C901 - a list of seams, each a few lines
    """Let the console's code act on this history's stage for a while."""
    stage = history.stage
    undo: list[Callable[[], None]] = []

    def put(owner: object, name: str, value: object) -> None:
        before = getattr(owner, name)
        setattr(owner, name, value)
        undo.append(lambda: setattr(owner, name, before))

    def put_default(function: Any, **values: object) -> None:
        before = dict(function.__kwdefaults__)
        function.__kwdefaults__ = {**before, **values}
        undo.append(lambda: setattr(function, "__kwdefaults__", before))

    ids = random.Random(stage.random.random())  # noqa: S311 - names, no secrets

    def new_id() -> uuid.UUID:
        return uuid.UUID(int=ids.getrandbits(128), version=4)

    for field in _fields_with_new_ids():
        put(field, "default", new_id)
        field.__dict__.pop("_get_default", None)
        undo.append(lambda field=field: field.__dict__.pop("_get_default", None))  # type: ignore[misc]

    def exchange(method: str, url: str, *, headers: Any, body: bytes | None, limits: Any, **_: Any) -> Answer:
        return history.exchange(method, url, headers=headers, body=body or b"", limits=limits)

    ticking = SimpleNamespace(
        monotonic=stage.seconds, monotonic_ns=lambda: round(stage.seconds() * 1e9), sleep=stage.wait, time=stage.seconds
    )
    moments = type("Moments", (datetime,), {"now": classmethod(lambda _cls, _zone=None: stage.now())})
    put(timezone, "now", stage.now)
    put(audit, "uuid4", new_id)
    if history.way == "wire":
        put(transport._Plain, "connect", lambda self: setattr(self, "sock", wire.Socket(HOST, history.exchange)))
        put(transport, "time", ticking)
        put(transport, "datetime", moments)
    else:
        put(transport, "exchange", exchange)
    put(connections, "time", ticking)
    put(connections, "_checked", {})
    put(pacing, "time", ticking)
    put(pacing, "_known", {})
    put(reach, "datetime", moments)
    put(shared_tokens, "time", ticking)
    put(driving, "driver_name", _driver_name)
    put(tasks, "apply_rollback_soon", history.ring)
    put_default(applying.apply, sleep=stage.wait)
    put_default(applying.recover, sleep=stage.wait)
    put_default(driving.drive, sleep=stage.wait)
    put_default(
        client.Platform.__init__, clock=stage.seconds, sleep=stage.wait, jitter=stage.random.random, tokens=_Tokens()
    )
    put_default(shared_tokens.SharedToken.__init__, sleep=stage.wait)
    put_default(reach.Reach.__init__, clock=lambda: stage.now().timestamp())

    def stamped(sql: str) -> str:
        if "clock_timestamp()" in sql:
            return sql.replace("clock_timestamp()", f"'{stage.now().isoformat()}'::timestamptz")
        now = f"set_config('{preparing.NOW}', '{stage.now().isoformat()}', true)"
        return sql.replace("append_to_trail(%s::uuid", f"append_to_trail((SELECT %s::uuid FROM {now})")  # noqa: S608

    row = aside._row

    def row_aside(sql: str, parameters: Any) -> Any:
        _living()
        MEMORY.written(sql)
        return row(stamped(sql), parameters)

    put(aside, "_row", row_aside)
    put(orm, "SQLCompiler", Recalling)
    MEMORY.forget()

    def execute(run: Any, sql: Any, parameters: Any, many: bool, context: Any) -> Any:
        _living()
        if isinstance(sql, str):
            if not sql.startswith(_READS):
                history.changed = history.changed or bool(_STANDS_IN.search(sql))
                MEMORY.written(sql)
            if "clock_timestamp()" in sql or "append_to_trail(" in sql:
                sql = stamped(sql)
        return run(sql, parameters, many, context)

    enter, leave = transaction.Atomic.__enter__, transaction.Atomic.__exit__

    def on_enter(self: transaction.Atomic) -> None:
        standing = here()
        if standing is not None and not connection.in_atomic_block:
            name = _function_that_opened()
            history.point(f"{name}: before")
            standing[1].transactions.append(name)
        enter(self)

    def on_leave(self: transaction.Atomic, kind: Any, error: Any, trace: Any) -> None:
        standing = here()
        if kind is not None:
            MEMORY.forget()
        if standing is None or len(connection.atomic_blocks) != 1:
            leave(self, kind, error, trace)
            return
        name = standing[1].transactions.pop()
        if kind is not None:
            with contextlib.suppress(OperationalError) if standing[1].dead else contextlib.nullcontext():
                leave(self, kind, error, trace)
            return
        try:
            history.point(f"{name}: at the commit", waits=False)
        except Killed as death:
            MEMORY.forget()
            # The session lives on for whoever comes next; the server does the same when its client is gone.
            leave(self, Killed, death, None)
            raise
        lost = history.plan.at_commit(name)
        if lost is not None:
            MEMORY.forget()
            stage.tell(standing[1].name, f"the answer to the COMMIT of {name} is lost (took effect: {lost.coin})")
            problem = OperationalError("server closed the connection unexpectedly")
            if lost.coin:
                leave(self, None, None, None)
                history.commits.append((standing[1].name, name))
                connection.close()
            else:
                connection.close()
                leave(self, OperationalError, problem, None)
            raise problem
        leave(self, kind, error, trace)
        history.commits.append((standing[1].name, name))
        history.point(f"{name}: after")

    put(transaction.Atomic, "__enter__", on_enter)
    put(transaction.Atomic, "__exit__", on_leave)
    history.wrapper = execute
    chance = random.getstate()
    random.seed(stage.random.random())
    try:
        with connection.execute_wrapper(execute):
            yield
    finally:
        random.setstate(chance)
        for one in reversed(undo):
            one()


def _living() -> bool:
    standing = here()
    if standing is not None and standing[1].dead:
        raise Killed
    return True
