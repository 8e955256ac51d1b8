"""Measure the search of values, blame and as-of: `python -m tests.bench.history --configs 200 --versions 100`.

Writes its part of docs/PERFORMANCE.md. Everything is done in a database that is made for it and thrown away.
"""

import argparse
import copy
import json
import logging
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import django
import psutil

from tests.bench import pages

WORDS = (
    "Retention",
    "Billing",
    "Overflow",
    "Complaint",
    "Refund",
    "Upgrade",
    "Renewal",
    "Callback",
    "Escalation",
    "VIP",
)


def main() -> int:
    """Fill a database that is made for it and thrown away, work the versions out, and print what each thing takes."""
    parser = argparse.ArgumentParser(description="Measure the search of values and the blame.")
    parser.add_argument("--configs", type=int, default=200)
    parser.add_argument("--versions", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--crowd", type=int, default=5000, help="configurations of the tenant that as-of is asked for")
    parser.add_argument("--page", type=Path, help="default: docs/PERFORMANCE.md, for the whole size only")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    logging.disable(logging.INFO)
    from tests.scratch_database import scratch_database  # noqa: PLC0415 - after the settings are read

    load = os.getloadavg()[0]
    with scratch_database("history"):
        _run(options.configs, options.versions, options.rounds)
        _crowd(options.crowd, options.rounds)
    whole = (options.configs, options.versions, options.crowd) == (200, 100, 5000)
    if options.page or whole:
        page = options.page or Path(__file__).resolve().parents[2] / "docs" / "PERFORMANCE.md"
        pages.write(page, "History: search, blame and as-of", _section(options.rounds, load))
    return 0


_SAID: list[tuple[str, str]] = []


def _say(what: str, value: str) -> None:
    _SAID.append((what.strip(), value))
    sys.stdout.write(f"{what:<64}{value:>24}\n")
    sys.stdout.flush()


def _section(rounds: int, load: float) -> str:
    return "\n".join(
        [
            f"Milliseconds by the clock, the middle of {rounds} times; where a page is measured, the request with it.",
            "",
            "| what | measured |",
            "|---|--:|",
            *(f"| {what} | {value} |" for what, value in _SAID),
            "",
            f"Measured with Python {platform.python_version()} on {os.cpu_count()} cores, load {load:.1f} before.",
            "",
            "To repeat: `make bench`, or only this: `.venv/bin/python -m tests.bench.history`.",
        ]
    )


def _crowd(configs: int, rounds: int) -> None:
    """Ask what was live in a tenant with very many configurations, and count the work of the processors too."""
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from tests import page_world  # noqa: PLC0415
    from tests.bench import crowded  # noqa: PLC0415

    versions = 10
    tenant = crowded.fill(configs, versions)
    client = Client(headers={"host": "localhost"})
    client.force_login(page_world.person("sam", "Sam", "Okafor", owner=True))
    connection.ensure_connection()
    server = psutil.Process(connection.connection.info.backend_pid)
    for name, act in crowded.measures(tenant, client, versions):
        took, _ = _timed(act, rounds)
        before = time.process_time(), sum(server.cpu_times()[:2])
        act()
        work = time.process_time() - before[0] + sum(server.cpu_times()[:2]) - before[1]
        what = f"{configs:,} configurations x {versions} versions, {name}"
        _say(what, f"{took:,.0f} ms, of processors {work * 1000:,.0f}")


def _timed(act: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    taken, result = [], None
    for _ in range(rounds):
        began = time.perf_counter()
        result = act()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken), result


def _run(configs: int, versions: int, rounds: int) -> None:
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.urls import reverse  # noqa: PLC0415

    from tenants import blaming, indexing, searching  # noqa: PLC0415
    from tenants.indices import PastValue  # noqa: PLC0415
    from tenants.models import TrackedConfig  # noqa: PLC0415
    from tests import page_world  # noqa: PLC0415

    owner = page_world.person("rae", "Rae", "Lindqvist", owner=True)
    tenant = page_world.tenant("northwind", "Northwind Bank")
    chance = random.Random(7)  # noqa: S311 - no secret
    tracked = []
    began = time.perf_counter()
    for number in range(configs):
        one = page_world.config(tenant, f"cfg-{number}", f"Agent Assist – Team {number}")
        content: Any = {"rules": [page_world.rule(f"{chance.choice(WORDS)} {n}", n) for n in range(45)]}
        _keep(one, content, versions, chance)
        tracked.append(one)
    size = len(json.dumps(content).encode())
    _say(
        f"{configs} configurations x {versions} versions of {size / 1000:.0f} KB, kept in",
        f"{time.perf_counter() - began:.0f} s",
    )
    began = time.perf_counter()
    for one in tracked:
        indexing.catch_up(one)
    whole = time.perf_counter() - began
    _say("all versions compared and kept for the search in", f"{whole:.1f} s")
    _say("   for each version", f"{whole * 1000 / configs / versions:.2f} ms")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        for table in ("tenants_pastvalue", "tenants_versionchanges", "tenants_configindex"):
            cursor.execute("SELECT pg_total_relation_size(%s)", [table])
            [size] = cursor.fetchone() or [0]
            _say(f"   {table} with its indexes, bytes a version", f"{size / configs / versions:,.0f}")
    _say("values that are gone", f"{PastValue.objects.count():,}")
    for name, wanted in (
        ("a value that is gone once in all", "gone-17-31"),
        ("a word of very many values", "Retention"),
        ("a phrase of which every word is common", "Retention please now"),
        ("a word in every live version", "phrase"),
        ("a word that is nowhere", "Retentoin"),
    ):
        took, found = _timed(partial(searching.search, tenant, wanted), rounds)
        _say(f"search: {name}", f"{took:,.0f} ms, {len(found.gone)} + {len(found.live)}")
    took, _ = _timed(lambda: indexing.due(TrackedConfig.objects.all()).count(), rounds)
    _say("which configurations have new versions", f"{took:,.0f} ms")
    client = Client(headers={"host": "localhost"})
    client.force_login(owner)
    middle = tracked[3].snapshots.order_by("version")[versions // 2]
    took, _ = _timed(lambda: blaming.blame_of(middle), rounds)
    _say(f"blame of the version in the middle of {versions}", f"{took:,.0f} ms")
    for name, url in (
        ("page: search", reverse("admin:tenants_tenant_search", args=[tenant.pk]) + "?q=Retention"),
        ("page: timeline", reverse("admin:tenants_trackedconfig_change", args=[tracked[5].pk])),
        (
            "page: timeline narrowed by path",
            reverse("admin:tenants_trackedconfig_change", args=[tracked[5].pk]) + "?path=confidence",
        ),
        (
            "page: version with its gutter",
            reverse("admin:tenants_trackedconfig_version", args=[tracked[3].pk, middle.pk]),
        ),
        (
            "page: version without",
            reverse("admin:tenants_trackedconfig_version", args=[tracked[3].pk, middle.pk]) + "?blame=no",
        ),
    ):
        took, answer = _timed(partial(client.get, url), rounds)
        assert answer.status_code == 200
        _say(name, f"{took:,.0f} ms")
    long = page_world.config(tenant, "cfg-long", "Agent Assist – 700 versions")
    _keep(long, {"rules": [page_world.rule(f"Rule {n}", n) for n in range(45)]}, 700, chance)
    last = long.snapshots.order_by("-version")[0]
    took, _ = _timed(lambda: client.get(reverse("admin:tenants_trackedconfig_version", args=[long.pk, last.pk])), 1)
    _say("page: version of 700, nothing worked out before", f"{took:,.0f} ms")
    indexing.catch_up(long)
    middle = long.snapshots.order_by("version")[600]
    took, _ = _timed(
        lambda: client.get(reverse("admin:tenants_trackedconfig_version", args=[long.pk, middle.pk])), rounds
    )
    _say("page: the 600th version of 700 with its gutter", f"{took:,.0f} ms")
    huge = page_world.config(tenant, "cfg-huge", "Agent Assist – 5 MB")
    _keep(huge, {"rules": [page_world.rule(f"Rule {n}", n) for n in range(11_000)]}, 5, chance)
    newest = huge.snapshots.order_by("-version")[0]
    url = reverse("admin:tenants_trackedconfig_version", args=[huge.pk, newest.pk])
    took, _ = _timed(lambda: client.get(url), 1)
    _say("page: version of 5 MB before the worker has seen it", f"{took:,.0f} ms")
    took, _ = _timed(lambda: indexing.catch_up(huge), 1)
    _say("   the worker, 5 versions of 5 MB", f"{took:,.0f} ms")
    took, _ = _timed(lambda: client.get(url), 3)
    _say("page: version of 5 MB with its gutter", f"{took:,.0f} ms")


def _keep(config: Any, content: Any, versions: int, chance: random.Random) -> None:
    """Keep so many versions, each with five small changes against the one before."""
    from django.utils import timezone  # noqa: PLC0415

    from tests import page_world  # noqa: PLC0415

    number_of = int(config.object_id.rpartition("-")[2]) if config.object_id[-1].isdigit() else 0
    snapshot = None
    for version in range(1, versions + 1):
        content = copy.deepcopy(content)
        rules = content["rules"]
        for _ in range(3):
            rules[chance.randrange(len(rules))]["triggers"][0]["confidence"] = chance.randrange(1000) / 1000
        rules[chance.randrange(len(rules))]["name"] = f"{chance.choice(WORDS)} {chance.randrange(1000)}"
        rules[chance.randrange(len(rules))]["triggers"][1]["value"] = f"gone-{number_of}-{version}"
        if version % 7 == 0:
            rules.insert(0, rules.pop())
        snapshot = page_world.version(
            config, version, content, author=chance.choice(("Ines Duarte", "Marek Wolski")),
            written_at=timezone.now() - timedelta(hours=versions - version),
        )  # fmt: skip
    assert snapshot is not None
    page_world.settle(config, live=snapshot, baseline=snapshot)


if __name__ == "__main__":
    sys.exit(main())
