"""Where the real code is held while one worker plays by itself: clock, sleep, the HTTP exchange, edges of transactions.

The same seams as those of the simulation (`seams`), for a stage without threads.
"""

import contextlib
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Final

from django.db import OperationalError, connection, transaction
from django.db.backends.postgresql import compiler as orm
from django.utils import timezone

from rollbacks import applying, driving, tasks
from tenants import connections
from tenants.remote import transport
from tests.torture import preparing
from tests.torture.recall import Recalling
from tests.torture.solo import Ground, Play
from tests.torture.solo_way import Fault, Killed, Way

PACE: Final = driving.Pace(first_wait=10.0, longest_wait=20.0, patience=40.0, horizon=60.0)
"""Reads that show nothing new are the dearest part of a play, so there are few of them until the horizon."""
_BY_ITSELF: Final = ("UPDATE ", "INSERT ", "DELETE ")
"""Statements that commit by themselves outside of a transaction."""


@contextlib.contextmanager
def held(ground: Ground, *, begun: bool = False) -> Iterator[Ground]:
    """Let the console's code act on this ground for a while: prepared and, where it is `begun`, after T1.

    Who has begun it is dead and its lease has ended, so plays begin with another worker's reading.
    """
    undo: list[Callable[[], None]] = []

    def put(owner: object, name: str, value: object) -> None:
        before = getattr(owner, name)
        setattr(owner, name, value)
        undo.append(lambda: setattr(owner, name, before))

    def put_default(function: Any, **values: object) -> None:
        before = dict(function.__kwdefaults__)
        function.__kwdefaults__ = {**before, **values}
        undo.append(lambda: setattr(function, "__kwdefaults__", before))

    put(timezone, "now", ground.now)
    put(transport, "exchange", ground.exchange)
    put(connections, "connect", ground.connect)
    put(connections, "time", SimpleNamespace(monotonic=ground.seconds))
    put(connections, "_checked", {})
    put(driving, "driver_name", lambda: ground.playing.driver if ground.playing else "desk")
    put(driving, "PACE", PACE)
    put(tasks, "SWEEPING", PACE)
    put(tasks, "apply_rollback_soon", lambda _rollback_id: None)
    put_default(applying.apply, sleep=ground.wait)
    put_default(applying.recover, sleep=ground.wait)
    put_default(driving.drive, sleep=ground.wait)
    # It keeps the text of queries of a known shape; rows it gives from memory to nobody but the simulation's workers.
    put(orm, "SQLCompiler", Recalling)
    # A statement that commits by itself fails by itself: the play's own transaction around it is none of the code's.
    marking = transaction.mark_for_rollback_on_error
    put(
        transaction,
        "mark_for_rollback_on_error",
        lambda using=None: contextlib.nullcontext() if ground.playing and not ground.playing.depth else marking(using),
    )
    put(transaction.Atomic, "__enter__", _entering(ground, transaction.Atomic.__enter__))
    put(transaction.Atomic, "__exit__", _leaving(ground, transaction.Atomic.__exit__))

    def execute(run: Any, sql: Any, parameters: Any, many: bool, context: Any) -> Any:
        if isinstance(sql, str) and ("clock_timestamp()" in sql or "append_to_trail(" in sql):
            sql = _stamped(sql, ground)
        play = ground.playing
        if play is None or play.depth or not isinstance(sql, str) or not sql.startswith(_BY_ITSELF):
            return run(sql, parameters, many, context)
        name = " ".join(sql.split(maxsplit=3)[: 3 if sql[0] in "ID" else 2]).replace('"', "")
        play.moment("point", f"{name}: before")
        lost = play.moment("commit", name)
        if lost is not None and not lost.takes_effect:
            raise OperationalError(_LOST)
        done = run(sql, parameters, many, context)
        if lost is not None:
            raise OperationalError(_LOST)
        return done

    chance = random.getstate()
    try:
        with connection.execute_wrapper(execute):
            preparing._hold_the_clock()
            ground.prepare()
            if begun:
                begin(ground)
            yield ground
    finally:
        random.setstate(chance)
        for one in reversed(undo):
            one()


def _stamped(sql: str, ground: Ground) -> str:
    """Let a statement, and the function of the database that it calls, read the virtual clock."""
    now = ground.now().isoformat()
    if "clock_timestamp()" in sql:
        return sql.replace("clock_timestamp()", f"'{now}'::timestamptz")
    setting = f"set_config('{preparing.NOW}', '{now}', true)"
    return sql.replace("append_to_trail(%s::uuid", f"append_to_trail((SELECT %s::uuid FROM {setting})")  # noqa: S608


_LOST: Final = "server closed the connection unexpectedly"


@contextlib.contextmanager
def play(ground: Ground, way: Way, faults: Mapping[int, Fault], **known: Any) -> Iterator[Play]:
    """Give a play to run and to look at; what the database holds of it is gone afterwards."""
    with transaction.atomic(), _played(Play(ground, way, faults, **known)) as one:
        yield one
        ground.playing = None
        transaction.set_rollback(True)


@contextlib.contextmanager
def play_for_good(ground: Ground, way: Way, faults: Mapping[int, Fault], **known: Any) -> Iterator[Play]:
    """Give a play whose transactions commit for real; after it the ground's rollback is used up."""
    with _played(Play(ground, way, faults, **known)) as one:
        yield one


@contextlib.contextmanager
def _played(one: Play) -> Iterator[Play]:
    connections._checked.clear()
    random.seed(1)
    one.ground.playing = one
    try:
        yield one
    finally:
        one.ground.playing = None


def begin(ground: Ground) -> None:
    """Let a worker die right after T1, and its lease end."""
    with play(ground, Way(), {}) as one:
        one.run()
    at = next(n for n, moment in enumerate(one.moments) if moment.name == "begin_attempt: after")
    with play_for_good(ground, Way(), {at: Fault("death")}) as one, contextlib.suppress(Killed):
        tasks.apply_rollback(str(ground.rollback))
    ground.begins = ground.micros + 120_000_000


def _entering(ground: Ground, enter: Callable[..., None]) -> Callable[..., None]:
    def on_enter(self: transaction.Atomic) -> None:
        play = ground.playing
        if play is not None:
            if play.depth == 0:
                name = sys._getframe(1).f_code.co_name
                play.moment("point", f"{name}: before")
                play.opened = name
            play.depth += 1
        enter(self)

    return on_enter


def _leaving(ground: Ground, leave: Callable[..., None]) -> Callable[..., None]:
    def on_leave(self: transaction.Atomic, kind: Any, error: Any, trace: Any) -> None:
        play = ground.playing
        if play is None:
            leave(self, kind, error, trace)
            return
        if play.depth > 1 or kind is not None:
            play.depth -= 1
            leave(self, kind, error, trace)
            return
        name = play.opened
        try:
            lost = play.moment("commit", name)
        except Killed as death:
            play.depth -= 1
            leave(self, Killed, death, None)
            raise
        play.depth -= 1
        if lost is not None and not lost.takes_effect:
            problem = OperationalError(_LOST)
            leave(self, OperationalError, problem, None)
            raise problem
        leave(self, None, None, None)
        if lost is not None:
            raise OperationalError(_LOST)
        play.moment("point", f"{name}: after")

    return on_leave
