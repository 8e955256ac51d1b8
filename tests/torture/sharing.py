"""Share seeds out over processes, each on a database of its own, and give what came of them in the order of seeds."""

import gc
import logging
import multiprocessing
import os
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final, TypeVar

import django
from django.conf import settings
from django.db import connection, connections

from tenants import aside
from tests.torture import stage

Share = TypeVar("Share")
Came = TypeVar("Came")

SEEDS_AT_ONCE: Final = 25
"""What a process takes at a time: few, so that none is left working alone for long at the end."""


def shares_of(first: int, seeds: int) -> list[range]:
    """Cut so many seeds into shares."""
    return [range(at, min(at + SEEDS_AT_ONCE, first + seeds)) for at in range(first, first + seeds, SEEDS_AT_ONCE)]


def share_out(
    work: Callable[[Share], Came], shares: Sequence[Share], *, processes: int | None = None
) -> Generator[Came]:
    """Give what `work` makes of each share, in the shares' order, whichever process was at it.

    `work` is a function of a module. It runs on copies of the database that the default connection names, which nobody
    else may use meanwhile; this process's own session is closed for that.
    """
    number = min(processes or os.cpu_count() or 1, len(shares))
    names = [_copy(at) for at in range(1, number + 1)]
    context = multiprocessing.get_context("spawn")
    free = context.SimpleQueue()
    for name in names:
        free.put(name)
    pool = context.Pool(number, initializer=_begin, initargs=(free, os.environ["DJANGO_SETTINGS_MODULE"]))
    try:
        yield from pool.imap(work, shares)
        pool.close()
        pool.join()
    finally:
        pool.terminate()
        pool.join()
        with connection.cursor() as cursor:
            for name in names:
                cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _copy(number: int) -> str:
    # Nobody may be on a database that is copied: neither workers of earlier histories nor the shared budget's session.
    stage.dismiss()
    aside.close()
    connections.close_all()
    connection.creation.clone_test_db(suffix=str(number), verbosity=0, autoclobber=True)
    return str(connection.creation.get_test_db_clone_settings(str(number))["NAME"])


def _begin(free: Any, settings_module: str) -> None:
    """Make a process ready for its shares: on one of the databases, with nothing to be collected that is there now."""
    os.environ["DJANGO_SETTINGS_MODULE"] = settings_module
    django.setup()
    logging.disable(logging.CRITICAL)
    from console import embedded  # noqa: PLC0415 - after the settings are read

    embedded.ensure_running()
    name = free.get()
    settings.DATABASES["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name
    gc.collect()
    gc.freeze()
    # The default looks for garbage hundreds of times in a history.
    gc.set_threshold(200_000)
    multiprocessing.util.Finalize(None, stage.dismiss, exitpriority=10)
