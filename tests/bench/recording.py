"""Measure what it takes to record a new version as a sweep does, beside one plain row and the archive's part of it.

The same histories are shown to `capture.remember`, answer by answer: the version's row, its bytes, what is live and
since when, the entry in the trail, and the alarm for bad content, in one transaction. What the worker makes of it later
(the search's index, how large a change was) is measured in `tests.bench.history`.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from tests.bench.histories import rounds

if TYPE_CHECKING:
    from collections.abc import Callable

WARMING: Final = 3
"""Rounds before the first that counts: whoever comes first fills caches for the others."""
TABLES: Final = ("tenants_snapshot", "tenants_livespan", "rollbacks_auditentry")


@dataclass
class Taken:
    """What steps took: seconds by the clock of each, and of processors altogether."""

    clock: list[float] = field(default_factory=list)
    here: float = 0.0
    there: float = 0.0
    """In the process of the database that serves the connection."""

    @property
    def work(self) -> float:
        """Milliseconds of processors of one step."""
        return (self.here + self.there) / max(1, len(self.clock)) * 1000

    @property
    def middle(self) -> float:
        """Milliseconds by the clock of the one in the middle."""
        return statistics.median(self.clock) * 1000


class Work:
    """Counts the work of this process and of the server behind a connection while something is done."""

    def __init__(self) -> None:
        from django.db import connection  # noqa: PLC0415

        connection.ensure_connection()
        self._server = connection.connection.info.backend_pid

    def of(self, taken: Taken, step: Callable[[], object]) -> None:
        """Do a step and add what it took."""
        began, here, there = time.perf_counter(), time.process_time(), processor_of(self._server)
        step()
        taken.clock.append(time.perf_counter() - began)
        taken.here += time.process_time() - here
        taken.there += processor_of(self._server) - there


def processor_of(pid: int) -> float:
    """Give the seconds of a processor that a process took so far; to the nanosecond where the system tells them."""
    told = Path(f"/proc/{pid}/schedstat")
    if told.exists():
        return int(told.read_text().split()[0]) / 1e9
    return sum(psutil.Process(pid).cpu_times()[:2])


@dataclass
class Recorded:
    """What recording took."""

    taken: Taken = field(default_factory=Taken)
    statements: int = 0
    tables: dict[str, float] = field(default_factory=dict)
    """Bytes a version of the other tables that it writes, with their indexes."""


def measure(configs: int = 40, versions: int = 12) -> Recorded:
    """Record versions of a tenant's configurations on the database of the settings."""
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from tenants import archive, capture  # noqa: PLC0415
    from tenants.models import Snapshot, TrackedConfig  # noqa: PLC0415
    from tenants.remote.answers import Answer  # noqa: PLC0415
    from tenants.resource_types import catalogue  # noqa: PLC0415
    from tests import page_world  # noqa: PLC0415

    rtype = catalogue.get("agentassist.config")
    tenant = page_world.tenant("recording", "Northwind Bank")
    objects: list[TrackedConfig] = []
    work, recorded = Work(), Recorded()
    before = _sizes()

    def record(config: TrackedConfig, raw: bytes, version: int) -> None:
        answer = Answer(
            status=200,
            body=raw,
            etag=b'"%d"' % version,
            correlation_id="6a9b1c2e-0c0f-4f0a-9f55-1a2b3c4d5e6f",
            elapsed_ms=12,
            received_at=timezone.now(),
            content_type="application/json",
        )
        # As a look does: what came is read once, to see whether it is what was live already.
        value = archive.check(config, rtype, raw)
        capture.remember(config, rtype, answer, source=Snapshot.Source.LIVE, now=timezone.now(), value=value)

    for version, raws in enumerate(rounds(configs, versions), start=1):
        if not objects:
            names = [json.loads(raw)["id"] for raw in raws]
            objects = [page_world.config(tenant, name, f"Agent Assist {n}") for n, name in enumerate(names)]
        for config, raw in zip(objects, raws, strict=True):
            # Renamed: the measurement of the archive has kept the same bytes already.
            apart = raw.replace(b'"name": "Agent Assist', b'"name": "Agents Assist', 1)
            if version <= WARMING:
                record(config, apart, version)
                continue
            work.of(recorded.taken, partial(record, config, apart, version))
    last = apart.replace(f'"version": {versions},'.encode(), f'"version": {versions + 1},'.encode(), 1)
    with CaptureQueriesContext(connection) as queries:
        record(objects[-1], last, versions + 1)
    recorded.statements = len(queries) - sum(one["sql"] in {"BEGIN", "COMMIT"} for one in queries.captured_queries)
    total = configs * versions
    recorded.tables = {name: (size - before[name]) / total for name, size in _sizes().items()}
    return recorded


def _sizes() -> dict[str, int]:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, pg_total_relation_size(name::regclass) FROM unnest(%s::text[]) AS name", [list(TABLES)]
        )
        return dict(cursor.fetchall())
