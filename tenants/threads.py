"""Work for several tenants beside each other, in threads that leave no connection behind."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections as databases

from tenants.remote.transport import close_idle_connections

T = TypeVar("T")


def beside_each_other(work: Callable[[T], object], items: Sequence[T], *, at_once: int) -> None:
    """Do the work for each item, so many at once, and return when all is done; a single item is worked on right here.

    Raises what the work raises for the first item that fails, after the others have ended.
    """
    if len(items) <= 1 or at_once <= 1:
        for item in items:
            work(item)
        return

    def and_leave(item: T) -> None:
        try:
            work(item)
        finally:
            close_idle_connections()
            databases.close_all()

    with ThreadPoolExecutor(min(at_once, len(items)), thread_name_prefix="beside") as pool:
        for done in [pool.submit(and_leave, item) for item in items]:
            done.result()
