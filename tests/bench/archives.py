"""Measure the archive beside its peers: `python -m tests.bench.archives`; writes its part of docs/PERFORMANCE.md.

A PostgreSQL of its own, durable as in production (fsync on), is made in a temporary folder and thrown away. Everybody
keeps the same histories, version after version of all configurations, as sweeps find them. Bytes are those on disk of
the tables with their indexes, or of git's objects, right after the writes; nothing is vacuumed or packed before but
what a column says. The writes of the last rounds are timed by the clock, each in a transaction of its own, ours and a
plain row in turn, and so are reads of versions drawn by lot; the middle one counts. What ours reads back is compared.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench import durable, pages, recording
from tests.bench.histories import rounds
from tests.contract.installing import NotInstalled, install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CHECKOUT: Final = Path(__file__).resolve().parents[2]
PEERS: Final = CHECKOUT / "tests" / "bench" / "peers"
OURS: Final = "this archive"
COLD: Final = "this archive, nothing in memory"
PLAIN: Final = "a plain row of the bytes"
NAMES: Final = {
    "full": "a plain row of full JSON (jsonb)",
    "reversion": "django-reversion",
    "history": "django-simple-history",
}
AGGRESSIVE: Final = "git, repack --aggressive"
PEER_ROUNDS: Final = 25
"""The peers in Python keep every version whole: more of them change no figure, and take a quarter of an hour."""


@dataclass
class Kept:
    """What one way of keeping histories took: bytes on disk, and seconds of each timed write and read."""

    bytes: int | None = None
    writes: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    packing: float = 0.0
    """Seconds of a step of its own that made it so small."""
    work: float | None = None
    """Milliseconds of processors that one write takes, here and in the database."""
    reading: float | None = None
    """The same of one read."""
    content: int | None = None
    """Bytes of the packed contents alone: no keys, rows and indexes, no commits and trees."""


@dataclass(frozen=True)
class Size:
    """How much is kept and how much of it timed."""

    configs: int
    versions: int
    timed: int
    reads: int

    @property
    def total(self) -> int:
        """How many versions there are."""
        return self.configs * self.versions


@dataclass
class Run:
    """What a run found."""

    size: Size
    raw: int = 0
    kept: dict[str, Kept] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    recorded: recording.Recorded | None = None
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds that each part of the run took."""
    load: float = float("nan")
    server: str = ""


def main() -> int:
    """Measure everything, print it, and write the page."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure the archive beside its peers.")
    parser.add_argument("--configs", type=int, default=200)
    parser.add_argument("--versions", type=int, default=100)
    parser.add_argument("--timed", type=int, default=2, help="rounds at the end whose writes are timed (default 2)")
    parser.add_argument("--reads", type=int, default=500, help="timed reads of each (default 500)")
    parser.add_argument("--page", type=Path, help="default: docs/PERFORMANCE.md, for the whole size only")
    options = parser.parse_args()
    size = Size(options.configs, options.versions, min(options.timed, options.versions - 1), options.reads)
    run = Run(size, load=os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan"))
    with durable.database() as folder:
        with stage(run, "the archive and plain rows"):
            measure_ours(run)
        with stage(run, "recording as a sweep does"):
            run.recorded = recording.measure()
        with stage(run, "the peers in Python"):
            measure_peers(run)
        with stage(run, "git"):
            measure_git(run, folder / "git")
    text = section(run)
    sys.stdout.write(f"{text}\n")
    whole = (size.configs, size.versions) == (200, 100)
    if options.page or whole:
        pages.write(options.page or CHECKOUT / "docs" / "PERFORMANCE.md", "The archive of versions", text)
    return 0


@contextlib.contextmanager
def stage(run: Run, name: str) -> Iterator[None]:
    """Keep how long a part of the run took, and say so at once: some take minutes."""
    began = time.perf_counter()
    yield
    run.stages[name] = time.perf_counter() - began
    sys.stderr.write(f"{name}: {run.stages[name]:.0f} s\n")
    sys.stderr.flush()


# --- ours ------------------------------------------------------------------------------------------------------------


def measure_ours(run: Run) -> None:
    """Keep all histories in the archive and in plain rows, on the database of the settings, and read them back."""
    from django.db import connection, models, transaction  # noqa: PLC0415

    from tenants import archive, chains  # noqa: PLC0415

    plain: Any = type(
        "PlainVersion",
        (models.Model,),
        {
            "__module__": __name__,
            "Meta": type("Meta", (), {"app_label": "tenants", "db_table": _PLAIN_TABLE}),
            "sha256": models.CharField(max_length=64),
            "body": models.BinaryField(),
        },
    )
    with connection.schema_editor() as editor:
        editor.create_model(plain)
    ours, cold, rows = (run.kept.setdefault(name, Kept()) for name in (OURS, COLD, PLAIN))
    last: dict[int, str] = {}
    warm, whole, work = recording.Taken(), recording.Taken(), recording.Work()
    documents: list[tuple[str, int]] = []

    def keep(number: int, raw: bytes) -> None:
        with transaction.atomic():
            last[number] = archive.keep(raw, after=last.get(number)).pk

    def keep_plain(number: int, raw: bytes) -> None:
        with transaction.atomic():
            documents.append((last[number], plain.objects.create(sha256=last[number], body=raw).pk))

    for version, raws in enumerate(rounds(run.size.configs, run.size.versions), start=1):
        run.raw += sum(map(len, raws))
        if version <= run.size.versions - run.size.timed:
            with transaction.atomic():
                last = {number: archive.keep(raw, after=last.get(number)).pk for number, raw in enumerate(raws)}
                made = plain.objects.bulk_create(
                    plain(sha256=last[number], body=raw) for number, raw in enumerate(raws)
                )
                documents += [(one.sha256, one.pk) for one in made]
            continue
        for number, raw in enumerate(raws):
            forgetful = number % 2 == 1
            if forgetful:
                chains._recent.forget(last[number])
                cold.writes.append(_seconds(keep, number, raw))
            else:
                work.of(warm, partial(keep, number, raw))
            work.of(whole, partial(keep_plain, number, raw))
    ours.writes, ours.work = warm.clock, warm.work
    rows.writes, rows.work = whole.clock, whole.work
    _read_back(run, plain, documents, work)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('tenants_document'), pg_total_relation_size(%s)", [_PLAIN_TABLE])
        ours.bytes, rows.bytes = cursor.fetchone()
        cursor.execute("SELECT sum(octet_length(body)), current_setting('server_version') FROM tenants_document")
        bodies, run.server = cursor.fetchone()
        ours.content = int(bodies)


_PLAIN_TABLE: Final = "tenants_plainversion"


def _read_back(run: Run, plain: Any, documents: list[tuple[str, int]], work: recording.Work) -> None:
    """Time reads drawn by lot, and then read every version and compare it; raises AssertionError for another byte."""
    from tenants import archive, chains  # noqa: PLC0415

    chance = random.Random(7)  # noqa: S311 - no secret
    packed, whole = recording.Taken(), recording.Taken()
    found: dict[str, bytes] = {}

    def read_ours(sha256: str) -> None:
        found["ours"] = chains.read(sha256)

    def read_plain(pk: int) -> None:
        found["plain"] = bytes(plain.objects.get(pk=pk).body)

    for sha256, pk in chance.choices(documents, k=run.size.reads):
        work.of(packed, partial(read_ours, sha256))
        work.of(whole, partial(read_plain, pk))
        assert found["ours"] == found["plain"]
    for name, taken in ((OURS, packed), (PLAIN, whole)):
        run.kept[name].reads, run.kept[name].reading = taken.clock, taken.work
    for start in range(0, len(documents), 200):
        some = dict(documents[start : start + 200])
        read_back = archive.bytes_of_all(some)
        for sha256, body in plain.objects.filter(pk__in=some.values()).values_list("sha256", "body"):
            assert read_back[sha256] == bytes(body)
            assert hashlib.sha256(body).hexdigest() == sha256


def _seconds(step: Callable[[int, bytes], None], number: int, raw: bytes) -> float:
    began = time.perf_counter()
    step(number, raw)
    return time.perf_counter() - began


# --- peers -----------------------------------------------------------------------------------------------------------


def measure_peers(run: Run) -> None:
    """Let the peers keep the same on the same server, in their environment."""
    from django.db import connection  # noqa: PLC0415

    try:
        python = install(CHECKOUT / ".venv-peers", requirements=PEERS / "requirements.txt")
    except NotInstalled as why:
        run.missing.append(f"Skipped: the peers in Python cannot be installed ({why}).")
        return
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE peers")
    place = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD", "HOST", "PORT")} | {"NAME": "peers"}
    size = run.size
    versions = min(size.versions, PEER_ROUNDS)
    done = subprocess.run(
        [
            python,
            PEERS / "archives.py",
            json.dumps(place),
            *map(str, (size.configs, versions, size.timed, size.reads)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        | {"PYTHONPATH": str(CHECKOUT)},
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:200]
        run.missing.append(f"Skipped: the peers in Python failed ({said}).")
        return
    for name, (on_disk, writes, reads) in json.loads(done.stdout).items():
        run.kept[NAMES[name]] = Kept(round(on_disk / versions * size.versions), writes, reads)


def measure_git(run: Run, folder: Path) -> None:
    """Let git keep the same: a file for each configuration, a commit for each round; then pack it, twice."""
    if not shutil.which("git"):
        run.missing.append("Skipped: there is no git here.")
        return
    folder.mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": word for who in ("AUTHOR", "COMMITTER") for what, word in _SIGNED.items()},
    }

    def git(*words: str) -> bytes:
        return subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, check=True).stdout

    git("init", "--quiet")
    git("config", "gc.auto", "0")
    loose = run.kept.setdefault("git, loose objects", Kept())
    for version, raws in enumerate(rounds(run.size.configs, run.size.versions), start=1):
        for number, raw in enumerate(raws):
            (folder / f"config-{number:04}.json").write_bytes(raw)
        began = time.perf_counter()
        git("add", "--all")
        git("commit", "--quiet", "--message", f"Version {version}")
        if version > run.size.versions - run.size.timed:
            loose.writes += [(time.perf_counter() - began) / len(raws)] * len(raws)
    _weigh_git(git, folder, loose, run)
    for name, words in (
        ("git, gc", ("gc", "--quiet")),
        (AGGRESSIVE, ("repack", "-a", "-d", "-F", "--depth=50", "--window=250", "--quiet")),
    ):
        began = time.perf_counter()
        git(*words)
        packed = run.kept.setdefault(name, Kept(packing=time.perf_counter() - began))
        _weigh_git(git, folder, packed, run)


_SIGNED: Final = {"NAME": "Ines Duarte", "EMAIL": "ines.duarte@northwind.example", "DATE": "2026-11-20T12:00:00Z"}


def _weigh_git(git: Callable[..., bytes], folder: Path, kept: Kept, run: Run) -> None:
    """Weigh the objects by the bytes of their files' blocks, and read versions drawn by lot through one process."""
    listed = git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectsize:disk)").decode().split()
    kept.content = sum(int(size) for kind, size in zip(listed[::2], listed[1::2], strict=True) if kind == "blob")
    blocks = sum(file.stat().st_blocks * 512 for file in (folder / ".git" / "objects").rglob("*") if file.is_file())
    kept.bytes = blocks
    chance = random.Random(7)  # noqa: S311 - no secret
    chosen = [
        f"HEAD~{chance.randrange(run.size.versions)}:config-{chance.randrange(run.size.configs):04}.json"
        for _ in range(min(run.size.reads, 200))
    ]
    with subprocess.Popen(
        ["git", "cat-file", "--batch"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reading:
        assert reading.stdin is not None
        assert reading.stdout is not None
        for name in chosen:
            began = time.perf_counter()
            reading.stdin.write(f"{name}\n".encode())
            reading.stdin.flush()
            size = int(reading.stdout.readline().split()[2])
            reading.stdout.read(size + 1)
            kept.reads.append(time.perf_counter() - began)
        reading.stdin.close()


# --- telling ---------------------------------------------------------------------------------------------------------


def section(run: Run) -> str:
    """Give the part of the page, as Markdown."""
    total = run.size.total
    ours, cold, row = run.kept[OURS], run.kept[COLD], _plainest(run.kept)
    bodies = ours.content or 0
    lines = [
        (
            f"{run.size.configs} configurations × {run.size.versions} versions of {run.raw / total / 1000:.0f} KB, each"
            " with one small change and another number, date and author. Bytes on disk are the table with its rows and"
            " indexes (of git, its objects), right after the writes. Times are milliseconds by the clock, the middle"
            " one; each write a transaction of its own with fsync on."
        ),
        "",
        "| kept by | bytes a version | of it packed content | write ms | read ms | packing |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [_row(name, kept, total) for name, kept in run.kept.items() if name != COLD]
    lines += [
        "",
        (
            f"Of ours {bodies / total:,.0f} bytes a version are the packed bodies, {run.raw / bodies:.0f} times smaller"
            " than they came; the rest is rows and indexes: the SHA-256, the size, the place in the chain. Of git's,"
            " the rest is its index of objects, and a commit and a tree for each round, which say what was there when;"
            " ours says that in the versions' own rows (below). A write of ours whose predecessor is not in memory"
            f" takes {_ms(cold.writes)} ms."
        ),
        "",
        *(f"- {sentence}" for sentence in _reached(run.kept, ours, cold, row)),
        "",
        (
            "A plain row is the faster of the two kinds, bytes and jsonb. The peers in Python keep"
            f" {PEER_ROUNDS} versions of each configuration at most: they keep each one whole, so that more of them"
            " change nothing. git writes a commit for each round, so that"
            " its processes are shared by all versions in it, and reads through one process that stays; neither is"
            " durable (git flushes no loose object by default). Every version of ours was read back and compared."
        ),
        "",
        *_recorded(run, row),
        (
            f"Measured with Python {platform.python_version()} and PostgreSQL {run.server} on {os.cpu_count()} cores,"
            f" load {run.load:.1f} before." + _took(run.stages)
        ),
        *(f"\n{sentence}" for sentence in run.missing),
        "",
        "To repeat: `make bench`, or only this: `.venv/bin/python -m tests.bench.archives`.",
    ]
    return "\n".join(lines)


def _recorded(run: Run, row: Kept) -> list[str]:
    """Say what the whole recording of a version takes, and what of it the archive is."""
    recorded, ours, plain = run.recorded, run.kept[OURS], run.kept[PLAIN]
    if recorded is None or ours.work is None or plain.work is None:
        return []
    times = recorded.taken.middle / (statistics.median(row.writes) * 1000)
    others = ", ".join(f"{name} {size:,.0f}" for name, size in recorded.tables.items())
    return [
        (
            f"Of processors, here and in the database, a write of the archive takes {ours.work:.2f} ms and a plain row"
            f" {plain.work:.2f}; a read {ours.reading or 0:.2f} and {plain.reading or 0:.2f}. A version is more than"
            " its bytes: recording one as a sweep does (its row, what is live and since when, the entry in the trail,"
            f" the look for bad content) takes {recorded.statements} statements in one transaction,"
            f" {recorded.taken.middle:.2f} ms by the clock, {times:.1f} of a plain row's, and {recorded.taken.work:.2f}"
            f" ms of processors. With their indexes its other tables take, in bytes a version: {others}."
        ),
        "",
    ]


def _took(stages: Mapping[str, float]) -> str:
    """Say how long the run took, and its parts."""
    if not stages:
        return ""
    parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in stages.items())
    return f" The run took {sum(stages.values()) / 60:.0f} minutes: {parts}."


def _plainest(kept: Mapping[str, Kept]) -> Kept:
    """Give the quickest write and read of a plain row, of whichever kind."""
    rows = [kept[name] for name in (PLAIN, NAMES["full"]) if name in kept]
    return Kept(
        writes=min((row.writes for row in rows), key=statistics.median),
        reads=min((row.reads for row in rows), key=statistics.median),
    )


def _reached(kept: Mapping[str, Kept], ours: Kept, cold: Kept, row: Kept) -> list[str]:
    """Say of each aim whether it is reached."""
    aggressive = kept.get(AGGRESSIVE)
    said = []
    if aggressive is not None and aggressive.bytes and ours.bytes:
        fewer = ours.bytes < aggressive.bytes
        said.append(
            f"{'Fewer' if fewer else 'NOT fewer'} bytes than `git repack --aggressive`, at once:"
            f" {ours.bytes / aggressive.bytes:.2f} of them, which git needed {aggressive.packing:.0f} s of packing for."
        )
    for name, times in (("", ours.writes), (", nothing in memory", cold.writes)):
        ratio = statistics.median(times) / statistics.median(row.writes)
        said.append(f"A write{name}: {ratio:.2f} of a plain row's{'' if ratio <= 1 else ', which is NOT within 1'}.")
    ratio = statistics.median(ours.reads) / statistics.median(row.reads)
    said.append(f"A read: {ratio:.2f} of a plain row's{'' if ratio < 2 else ', which is NOT within 2'}.")
    return said


def _row(name: str, kept: Kept, total: int) -> str:
    on_disk = "–" if kept.bytes is None else f"{kept.bytes / total:,.0f}"
    packing = f"{kept.packing:.0f} s" if kept.packing else "none"
    content = "–" if kept.content is None else f"{kept.content / total:,.0f}"
    return f"| {name} | {on_disk} | {content} | {_ms(kept.writes)} | {_ms(kept.reads)} | {packing} |"


def _ms(times: list[float]) -> str:
    return f"{statistics.median(times) * 1000:.2f}" if times else "–"


if __name__ == "__main__":
    sys.exit(main())
