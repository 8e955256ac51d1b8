"""Measure appends to the trail: one writer, eight processes as workers are, eight threads as the web server has.

Each append is `audit.append` in a transaction of its own, as the product does it. Beside each rate stand the
milliseconds of a processor that one append took, here and in the database, and how long the disk needed for eight
kilobytes at that moment: on a machine that others use as well, these say more than the clock.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import psutil
from django.db import connection, connections, transaction

from rollbacks import audit
from tests.bench import trails

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tenants.models import Tenant

TENANTS = 100
WRITERS = 8
WARMING = 30
DETAILS = {
    "send": 2,
    "if_match": '"41-9f3c2b7a"',
    "body_sha256": "0" * 64,
    "base": {"version": 41, "digest": "1" * 64},
}


class Written(NamedTuple):
    """What one writer did: the seconds of each append, when it began and ended, and the processors' seconds."""

    times: list[float]
    began: float
    ended: float
    here: float
    there: float


def lines(count: int, *, folder: Path) -> list[str]:
    """Give a table of `count` appends each way; `folder` is where the database's disk is."""
    many = [trails.make_tenant(f"bench-{number:03}") for number in range(TENANTS)]
    head = f"{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU here':>10}{'there':>7}{'disk ms':>9}{'load':>6}"
    said = [f"{'appends, each in a transaction of its own':<44}{head}"]
    for what, tenants, write in (
        ("one tenant, one writer", many[:1], _alone),
        (f"one tenant, {WRITERS} processes", many[:1], _processes),
        (f"one tenant, {WRITERS} threads", many[:1], _threads),
        (f"{TENANTS} tenants, one writer", many, _alone),
        (f"{TENANTS} tenants, {WRITERS} processes", many, _processes),
        (f"{TENANTS} tenants, {WRITERS} threads", many, _threads),
    ):
        disk = flushing(folder)
        written = write(tenants, count)
        times = sorted(second for one in written for second in one.times)
        rate = len(times) / (max(one.ended for one in written) - min(one.began for one in written))
        p99 = times[int(len(times) * 0.99)]
        here, there = (sum(cpu) / len(times) * 1000 for cpu in zip(*(one[3:] for one in written), strict=True))
        said.append(
            f"{what:<44}{rate:>10,.0f}{statistics.median(times) * 1000:>9.2f}{p99 * 1000:>9.2f}"
            f"{here:>10.2f}{there:>7.2f}{disk:>9.2f}{os.getloadavg()[0]:>6.1f}"
        )
    return [*said, ""]


def flushing(folder: Path) -> float:
    """Give the median of milliseconds in which the disk takes eight kilobytes, as each COMMIT asks it to."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        descriptor = file.fileno()
        os.pwrite(descriptor, bytes(8192 * 100), 0)
        os.fsync(descriptor)
        for block in range(100):
            began = time.perf_counter()
            os.pwrite(descriptor, b"1" * 8192, 8192 * block)
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def _append(tenants: Sequence[Tenant], numbers: range, ready: Callable[[], object]) -> Written:
    def one(number: int) -> None:
        with transaction.atomic():
            audit.append("write.resend", tenant=tenants[number % len(tenants)], actor="console", details=DETAILS)

    for number in numbers[:WARMING]:
        one(number)
    server = psutil.Process(connection.connection.info.backend_pid)
    ready()
    times = []
    here, there, began = time.thread_time(), _cpu(server), time.perf_counter()
    last = began
    for number in numbers:
        one(number)
        now = time.perf_counter()
        times.append(now - last)
        last = now
    written = Written(times, began, last, time.thread_time() - here, _cpu(server) - there)
    connection.close()
    return written


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _alone(tenants: Sequence[Tenant], count: int) -> list[Written]:
    return [_append(tenants, range(count), lambda: None)]


def _threads(tenants: Sequence[Tenant], count: int) -> list[Written]:
    gate = threading.Barrier(WRITERS)
    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(lambda first: _append(tenants, range(first, count, WRITERS), gate.wait), range(WRITERS)))


def _processes(tenants: Sequence[Tenant], count: int) -> list[Written]:
    connections.close_all()
    forking = multiprocessing.get_context("fork")
    gate, told = forking.Barrier(WRITERS), forking.SimpleQueue()

    def work(first: int) -> None:
        told.put(_append(tenants, range(first, count, WRITERS), gate.wait))

    writers = [forking.Process(target=work, args=(first,)) for first in range(WRITERS)]
    for writer in writers:
        writer.start()
    written = [told.get() for _ in writers]
    for writer in writers:
        writer.join()
    return written
