"""Measure the trail with fsync on, through the code that the product uses: `python -m tests.bench.trail`.

A PostgreSQL of its own, durable as in production, is made in a temporary folder and thrown away. Figures are printed
and never judged. A million entries take a while to make, so fewer are the default and the time is scaled: each entry
costs the same. Where others use the machine too, the seconds of the processors and the disk's milliseconds, which
stand beside, say more than the clock.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.bench import durable

if TYPE_CHECKING:
    from tenants.models import Tenant

CHECKOUT = Path(__file__).resolve().parents[2]
APPENDS = 2000
WRITES = 300
CHECKPOINT_EVERY = 1000


def main() -> int:
    """Measure appends, verification and the peers, and print them."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure the trail.")
    parser.add_argument("--entries", type=int, default=100_000, help="how long the verified trail is (default 100,000)")
    parser.add_argument("--appends", type=int, default=APPENDS, help=f"how many each way (default {APPENDS:,})")
    options = parser.parse_args()
    with durable.database() as folder:
        from tests.bench import appending  # noqa: PLC0415 - after the settings are read

        _print(
            _durability(),
            *appending.lines(options.appends, folder=folder),
            *_verification(options.entries),
            *_peers(),
        )
    return 0


def _print(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _durability() -> str:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('server_version')"
        )
        fsync, commit, version = cursor.fetchone()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return (
        f"The trail, on PostgreSQL {version} with fsync {fsync} and synchronous_commit {commit}; "
        f"{os.cpu_count()} cores, load {load} before\n"
    )


def _verification(count: int) -> list[str]:
    """Verify a long trail as `audit verify` does: chain, columns, tree, and signatures from the folder."""
    from django.db import connection  # noqa: PLC0415

    from rollbacks import checkpointing, verifying  # noqa: PLC0415
    from tests.bench import trails  # noqa: PLC0415

    tenant = trails.make_tenant("bench-long")
    trails.fill(tenant, count)
    checkpointing.AT_ONCE = CHECKPOINT_EVERY  # type: ignore[misc]  # so many checkpoints as a busy console makes
    began, made = time.perf_counter(), 0
    while checkpointing.make(tenant) is not None:
        made += 1
    signing = time.perf_counter() - began
    while checkpointing.deliver_due():
        pass
    connection.ensure_connection()
    server = psutil.Process(connection.connection.info.backend_pid)
    here, there = time.process_time(), _cpu(server)
    began = time.perf_counter()
    found = verifying.verify(tenant)
    seconds = time.perf_counter() - began
    here, there = time.process_time() - here, _cpu(server) - there
    assert found.holds, found.findings
    assert found.covered == count
    scale, scaled = 1_000_000 / count, "" if count >= 1_000_000 else ", scaled"
    return [
        f"verifying {count:,} entries with {made} signed checkpoints: {seconds:.2f} s, {count / seconds:,.0f} a second",
        f"  a million of them{scaled}: {seconds * scale:.1f} s by the clock,",
        f"  {here * scale:.1f} s of a processor here beside {there * scale:.1f} s in the database",
        f"signing {made} checkpoints over them: {signing / made * 1000:.1f} ms each, of {CHECKPOINT_EVERY:,} entries",
        *_exports(tenant, count),
        "",
    ]


def _exports(tenant: "Tenant", count: int) -> list[str]:
    """Export the whole trail in both forms, line by line as a page hands it over, and say how memory grew meanwhile."""
    from rollbacks import exporting  # noqa: PLC0415
    from rollbacks.models import AuditEntry  # noqa: PLC0415

    lines = []
    here = psutil.Process()
    for form in exporting.FORMS:
        began, size, grown, at_first = time.perf_counter(), 0, 0, here.memory_info().rss
        for number, line in enumerate(exporting.lines_of(AuditEntry.objects.filter(tenant=tenant), form=form)):
            size += len(line)
            if number % 5000 == 0:
                grown = max(grown, here.memory_info().rss - at_first)
        seconds = time.perf_counter() - began
        lines.append(
            f"exporting {count:,} entries as {form}: {seconds:.1f} s, {size / 2**20:,.0f} MiB, "
            f"memory grew by at most {grown / 2**20:.1f} MiB"
        )
    return lines


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _peers() -> list[str]:
    """Measure one recorded write of each peer, and ours, on the same server."""
    from django.db import connection, transaction  # noqa: PLC0415

    from rollbacks import audit  # noqa: PLC0415
    from tenants.models import Tenant  # noqa: PLC0415
    from tests.bench import trails  # noqa: PLC0415
    from tests.contract.installing import NotInstalled, install  # noqa: PLC0415

    folder = CHECKOUT / "tests" / "bench" / "peers"
    try:
        python = install(CHECKOUT / ".venv-peers", requirements=folder / "requirements.txt")
    except NotInstalled as why:
        return [f"The peers were not measured: they cannot be installed ({why})."]
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE peers")
    place = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD", "HOST", "PORT")} | {"NAME": "peers"}
    done = subprocess.run(
        [python, folder / "measure.py", json.dumps(place), str(WRITES)],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
    )
    if done.returncode:
        return [f"The peers were not measured: {done.stderr.strip().splitlines()[-1:]}"]
    figures: dict[str, list[float]] = json.loads(done.stdout)
    tenant = trails.make_tenant("bench-peer")
    ours = []
    for number in range(WRITES + 20):
        began = time.perf_counter()
        with transaction.atomic():
            Tenant.objects.filter(pk=tenant.pk).update(name=f"Bench {number}")
            audit.append("tenant.changed", tenant=tenant, actor="alice", details={"name": {"after": f"Bench {number}"}})
        ours.append(time.perf_counter() - began)
    figures["this trail, chained"] = ours[20:]
    lines = [f"{'one write and its record, one writer':<44}{'p50 ms':>10}{'p99 ms':>9}"]
    lines += [
        f"{name:<44}{statistics.median(times) * 1000:>10.2f}{sorted(times)[int(len(times) * 0.99)] * 1000:>9.2f}"
        for name, times in figures.items()
    ]
    return lines


if __name__ == "__main__":
    sys.exit(main())
