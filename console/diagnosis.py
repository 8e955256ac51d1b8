"""Look at this installation: what is configured, what works, and what to do about the rest.

Nothing here changes anything, except that the embedded PostgreSQL is started to be looked at.
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from console import embedded, trail_diagnosis
from console.celery import app
from console.findings import Finding, State
from rollbacks import notices
from tenants import durability, reach, retention, rotating, sealing, weighing
from tenants.models import OAuthClient, RequestBudget, Tenant, TrackedConfig
from tenants.resource_types import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OLDEST_POSTGRESQL = 150000
PING_SECONDS = 2.0
LOOK_LATE = timedelta(minutes=15)
NAMED_AT_MOST = 5
FREE_BYTES = 500 * 1024 * 1024
SECRET_KEY_LENGTH = 40


def examine() -> list[Finding]:
    """Return the findings about everything, in the order in which things depend on each other."""
    return list(_findings())


def _findings() -> Iterator[Finding]:
    yield from _environment()
    yield _resource_types()
    yield _data_folder()
    yield from _keys()
    reachable = False
    for finding in _database():
        reachable = reachable or (finding.name == "database" and finding.state == "works")
        yield finding
    if reachable:
        migrations = _migrations()
        yield migrations
        if migrations.state == "works":
            yield from trail_diagnosis.findings()
            yield from _archive()
            yield _notices()
            yield from _sealed()
    broker = _broker()
    yield broker
    if broker.state == "works":
        yield _worker()
    if reachable:
        yield _schedule()
        yield _reach()
    yield _static_files()
    yield from _deployment()


def _environment() -> Iterator[Finding]:
    if settings.DEBUG:
        yield Finding("debug", "look", "DEBUG is on: errors show code and settings.", "Leave DEBUG out in production.")
    if not settings.ALLOWED_HOSTS and not settings.DEBUG:
        yield Finding(
            "hosts",
            "broken",
            "ALLOWED_HOSTS is empty, so every request is answered with 400.",
            "Set ALLOWED_HOSTS to the names that people type, separated by commas.",
        )
    else:
        hosts = ", ".join(settings.ALLOWED_HOSTS) or "this machine"
        yield Finding("hosts", "works", f"The console answers to {hosts}.")
    for name in settings.UNKNOWN_NAMES:
        known = ", ".join(sorted(found for found in settings.KNOWN_NAMES if found.startswith("CONSOLE_")))
        yield Finding(
            "environment", "look", f"{name} is set, but nothing reads it.", f"Check its spelling; there are: {known}."
        )
    if settings.CONSOLE_ALLOW_CUSTOM_HOSTS:
        yield Finding(
            "custom hosts",
            "look",
            "Tenants may name hosts that are none of the platform's 18 domains.",
            "Leave CONSOLE_ALLOW_CUSTOM_HOSTS out where no practice platform is used.",
        )


def _resource_types() -> Finding:
    count, own = len(catalogue.all_types()), catalogue.own_file()
    read_only = sum(1 for rtype in catalogue.all_types() if rtype.why_read_only)
    message = f"{count} types are declared; {read_only} of them are tracked read-only."
    if own is not None:
        path, names = own
        message += f" {path} adds or overrides {', '.join(names)}."
    return Finding("resource types", "works", message)


def _data_folder() -> Finding:
    folder = Path(settings.DATA_DIR)
    try:
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as problem:
        return Finding(
            "data folder",
            "broken",
            f"{folder} cannot be used: {problem.strerror}.",
            "Set CONSOLE_DATA_DIR to a folder that this user may write to.",
        )
    if not os.access(folder, os.W_OK):
        return Finding("data folder", "broken", f"{folder} cannot be written to.", "Give it to this user.")
    if free < FREE_BYTES:
        return Finding(
            "data folder", "broken", f"{folder} has only {free // 2**20} MB left.", "Make room on that disk."
        )
    return Finding("data folder", "works", f"{folder} has {free / 2**30:.0f} GB left.")


def _keys() -> Iterator[Finding]:
    count = len(settings.CONSOLE_SECRET_KEYS)
    yield Finding(
        "sealing keys",
        "works",
        f"{count} key{'s' if count > 1 else ''} for tenants' client secrets; the first one seals.",
    )
    if len(settings.SECRET_KEY) < SECRET_KEY_LENGTH:
        yield Finding(
            "secret key",
            "look",
            f"SECRET_KEY has only {len(settings.SECRET_KEY)} characters.",
            f"Use at least {SECRET_KEY_LENGTH} random ones.",
        )


def _sealed() -> Iterator[Finding]:
    """Say which keys still seal anything, so that the others may go."""
    known, used = sealing.known_keys(), rotating.keys_in_use()
    lost = sum(count for key, count in used.items() if key not in known)
    if lost:
        yield Finding(
            "sealed secrets",
            "broken",
            f"{_values(lost)} sealed with a key that is not among CONSOLE_SECRET_KEYS, and cannot be opened.",
            "Put that key back behind the newer ones, or enter the secrets again.",
        )
    waiting = sum(used[key] for key in known[1:])
    if waiting:
        yield Finding(
            "older keys", "look", f"{_values(waiting)} sealed with an older key.", "Run manage.py rotate_secrets."
        )
    elif known[1:]:
        yield Finding(
            "older keys",
            "look",
            "Nothing is sealed any more with other keys than the first one.",
            "Leave all but the first of CONSOLE_SECRET_KEYS out, when no backup from before needs to be read.",
        )


def _values(count: int) -> str:
    return "1 value is" if count == 1 else f"{count} values are"


def _database() -> Iterator[Finding]:
    where = "The embedded PostgreSQL" if settings.EMBEDDED_CLUSTER else "The PostgreSQL of DATABASE_URL"
    try:
        embedded.ensure_running()
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
            number, version = cursor.fetchone()
        weak = durability.settings_off()
    except (DatabaseError, embedded.DatabaseUnavailable) as problem:
        remedy = "Its log is in the data folder." if settings.EMBEDDED_CLUSTER else "Start it, or correct DATABASE_URL."
        yield Finding("database", "broken", f"{where} does not answer: {' '.join(str(problem).split())}", remedy)
        return
    yield Finding("database", "works", f"{where} answers (version {version}).")
    if number < OLDEST_POSTGRESQL:
        yield Finding(
            "database version",
            "broken",
            f"PostgreSQL {version} is older than 15.",
            "Bring the server up to 15 or newer.",
        )
    if weak:
        allowed = settings.CONSOLE_ALLOW_LOSSY_DATABASE
        yield Finding(
            "durability",
            "broken",
            f"{durability.sentence(weak)} "
            + (
                "Rollbacks run all the same, because CONSOLE_ALLOW_LOSSY_DATABASE is on."
                if allowed
                else "No worker starts and no rollback runs."
            ),
            f"Switch {' and '.join(weak)} on: a write must be on record before it is sent."
            + (" Leave CONSOLE_ALLOW_LOSSY_DATABASE out where the data is to be kept." if allowed else ""),
        )
    else:
        yield Finding("durability", "works", "What is committed survives a crash.")


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        first = f"{missing[0][0].app_label}.{missing[0][0].name}"
        return Finding(
            "migrations",
            "broken",
            f"{len(missing)} migration{'s' if len(missing) > 1 else ''} not applied, the first is {first}.",
            "Run: python manage.py migrate",
        )
    return Finding("migrations", "works", "The database has the shape that this version expects.")


def _broker() -> Finding:
    if settings.EMBEDDED_BROKER is not None:
        folder = Path(settings.EMBEDDED_BROKER)
        waiting = len(list((folder / "messages").glob(f"*.{settings.CELERY_TASK_DEFAULT_QUEUE}.msg")))
        return Finding("broker", "works", f"Messages are files in {folder}; {waiting} wait.")
    try:
        with app.connection_for_read() as link:
            link.ensure_connection(max_retries=1, timeout=3)
            where = link.as_uri()
    except Exception as problem:  # noqa: BLE001 - kombu lets through whatever its transports raise
        return Finding(
            "broker",
            "broken",
            f"The broker of CELERY_BROKER_URL does not answer: {problem}.",
            "Start Redis, or correct CELERY_BROKER_URL. Rollbacks wait until then; none is lost.",
        )
    return Finding("broker", "works", f"{where} answers.")


def _worker() -> Finding:
    nodes = sorted(name for answer in app.control.ping(timeout=PING_SECONDS) or [] for name in answer)
    if nodes:
        return Finding("worker", "works", f"{', '.join(nodes)} {'answers' if len(nodes) == 1 else 'answer'}.")
    return Finding(
        "worker",
        "broken",
        f"No worker answered within {PING_SECONDS:.0f} seconds: requested rollbacks wait.",
        f"Run: {_how_to_run_a_worker()}",
    )


def _how_to_run_a_worker() -> str:
    if settings.EMBEDDED_BROKER is not None:
        return "celery -A console worker -P threads -B (make demo runs one)"
    return "celery -A console worker, and one celery -A console beat beside all workers"


def _schedule() -> Finding:
    """Judge the schedule by what it leaves undone: a tracked object whose look is long due."""
    try:
        passed_by = OAuthClient.objects.filter(
            Q(opened_at__isnull=False)
            | Q(client_id__in=RequestBudget.objects.filter(paused_until__gt=timezone.now()).values("client_id")),
            tenant=OuterRef("tenant"),
            client_id=OuterRef("tenant__client_id"),
        )
        due = TrackedConfig.objects.filter(next_look_at__lt=timezone.now() - LOOK_LATE)
        late = due.exclude(Exists(passed_by)).count()
    except ProgrammingError:
        return Finding("schedule", "look", "It cannot be judged before the database has its tables.", "Run: migrate")
    if not late:
        return Finding("schedule", "works", "No tracked object waits for its look.")
    minutes = int(LOOK_LATE.total_seconds() // 60)
    return Finding(
        "schedule",
        "broken",
        f"{late} tracked objects have waited for their look for more than {minutes} minutes: nothing sweeps, "
        "so drift is not noticed and an open rollback is not driven on.",
        f"Run: {_how_to_run_a_worker()}",
    )


def _notices() -> Finding:
    """Say whether people are told outside the console, and what could not be delivered."""
    ways = [
        *(["by e-mail"] if settings.CONSOLE_SENDS_EMAIL else []),
        *(["to the webhook"] if settings.CONSOLE_NOTICE_WEBHOOK else []),
    ]
    if not ways:
        return Finding(
            "notices",
            "look",
            "Nobody is told outside the console that a rollback waits for them.",
            "Set EMAIL_URL and EMAIL_FROM, or CONSOLE_NOTICE_WEBHOOK.",
        )
    troubled = notices.troubled()
    first = troubled.first()
    if first is not None:
        return Finding(
            "notices",
            "broken",
            f"{troubled.count()} notices were not taken; the first by {first.get_channel_display()}: {first.problem}",
            "Mend the receiver; what is not a day old is tried again by itself.",
        )
    if not settings.CONSOLE_URL:
        return Finding(
            "notices",
            "look",
            f"People are told {' and '.join(ways)}, without the address of this console: a link is only a path.",
            "Set CONSOLE_URL, such as https://console.example.com.",
        )
    return Finding("notices", "works", f"People are told {' and '.join(ways)}; everything was taken.")


def _reach() -> Finding:
    """Name the tenants whose platform does not answer or takes no more requests."""
    try:
        tenants = list(Tenant.objects.order_by("slug"))
        clients = reach.clients_of(tenants)
    except ProgrammingError:
        return Finding("tenants", "look", "They cannot be judged before the database has its tables.", "Run: migrate")
    if not tenants:
        return Finding("tenants", "works", "There are none yet.", "Add one: manage.py tenant add SLUG --name …")
    standings = {tenant.slug: reach.standing_of(tenant, clients=clients) for tenant in tenants}
    down = [slug for slug, one in standings.items() if one.down_since is not None]
    paused = [slug for slug, one in standings.items() if one.paused_until is not None and slug not in down]
    if not down and not paused:
        return Finding("tenants", "works", f"{len(tenants)} organizations, and none is known not to answer.")
    told = [f"{len(down)} of {len(tenants)} organizations do not answer: {_named(down)}."] if down else []
    told += [f"{len(paused)} take no more requests for now: {_named(paused)}."] if paused else []
    return Finding(
        "tenants",
        "look",
        f"{' '.join(told)} The others are looked at as always.",
        f"Run: manage.py tenant check {(down or paused)[0]}",
    )


def _archive() -> Iterator[Finding]:
    """Weigh the archive, and name the tenants whose retention waits for a person."""
    weight = weighing.weigh()
    on_disk = f", {(weight.on_disk or 0) / 2**20:,.1f} MB on disk with rows and indexes"
    told = f"{weight.versions:,} versions, {weight.times_smaller:.0f} times smaller than they came{on_disk}."
    if weight.not_packed:
        told += f" {weight.not_packed:,} documents are not packed yet; a worker goes on with it."
    yield Finding("archive", "works", told if weight.versions else "It holds no version yet.")
    rules = {tenant: retention.rule_of(tenant) for tenant in Tenant.objects.order_by("slug")}
    waiting = [
        tenant.slug for tenant, rule in rules.items() if rule is not None and rule.words != tenant.retention_confirmed
    ]
    if waiting:
        yield Finding(
            "retention",
            "look",
            f"A retention is set that drops nothing before somebody has confirmed it: {_named(waiting)}.",
            f"Run: manage.py archive retention {waiting[0]}",
        )


def _named(slugs: list[str]) -> str:
    more = len(slugs) - NAMED_AT_MOST
    return ", ".join(slugs[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _static_files() -> Finding:
    if settings.DEBUG:
        return Finding("static files", "works", "Served from where they are written, because DEBUG is on.")
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    try:
        count = len(json.loads(manifest.read_text())["paths"])
    except (OSError, ValueError, KeyError):
        return Finding(
            "static files",
            "broken",
            f"There are none in {settings.STATIC_ROOT}, so pages fail.",
            "Run: python manage.py collectstatic --noinput",
        )
    return Finding("static files", "works", f"{count} files in {settings.STATIC_ROOT}.")


def _deployment() -> Iterator[Finding]:
    """Ask Django's own checks; those about TLS make no sense where only this machine can reach the console."""
    run: Callable[..., list[checks.CheckMessage]] = checks.run_checks
    for found in run(include_deployment_checks=not settings.ON_THIS_MACHINE_ONLY):
        state: State = "broken" if found.is_serious() else "look"
        yield Finding(f"check {found.id}", state, str(found.msg), str(found.hint or ""))
