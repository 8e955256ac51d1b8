"""The first looks at what was just tracked: each object once, its history with it, whoever does it.

Where a run stops, by Ctrl-C, by a crash or by a platform that is silent, the rows tell what is left: a config that was
never read, or whose history was not read to its end (`discovery.unread`). The next run goes on there. A scheduled sweep
works on the same rows meanwhile; each takes one by the conditional UPDATE that `tasks` describes, so nobody reads what
another is reading.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db import connections as databases
from django.db import transaction
from django.utils import timezone

from tenants import capture, discovery, importing, trail
from tenants.capture import Outcome
from tenants.models import TrackedConfig
from tenants.remote.errors import RemoteError, RemoteUnknown
from tenants.resource_types import catalogue

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tenants.discovery import Connect
    from tenants.models import Tenant
    from tenants.remote.client import Platform
    from tenants.resource_types.definition import ResourceType

LEASE: Final = timedelta(minutes=2)
"""How long a claimed row is left alone by others."""
MOST_SILENT: Final = 3
"""After so many objects of a type in a row without an answer the others of the type are left for later."""


@dataclass(slots=True, kw_only=True)
class FirstLooks:
    """How far a run came."""

    total: int
    done: int = 0
    """Objects that were asked for, whatever the answer."""
    versions: int = 0
    """Versions kept by this run, imported ones included."""
    stopped: str = ""
    """Why it ended before the last object, in a sentence."""


def _no_progress(_done: int, _total: int, _config: TrackedConfig | None) -> None:
    """Say nothing."""


def track_found(
    tenant: "Tenant", rtype: "ResourceType", objects: "list[str] | dict[str, str]", *, actor: str
) -> capture.Tracking:
    """Start keeping the history of objects, all of them or none, with an entry for each. Raises InvalidObjectId."""
    with transaction.atomic():
        tracking = capture.track(tenant, rtype, objects)
        for config in tracking.added:
            trail.report("config.tracked", tenant=tenant, actor=actor, config=config)
    return tracking


def unread_of(tenant: "Tenant", types: "Iterable[ResourceType]") -> "QuerySet[TrackedConfig]":
    """Give the tracked configs of these types that are still to be read for the first time."""
    chosen = list(types)
    own = TrackedConfig.objects.filter(tenant=tenant, resource_type__in=[rtype.name for rtype in chosen])
    return own.filter(discovery.unread(chosen))


def first_looks(
    tenant: "Tenant",
    types: "Iterable[ResourceType]",
    *,
    connect: "Connect",
    progress: Callable[[int, int, TrackedConfig | None], None] = _no_progress,
    pause: float = 0.5,
    seconds: float | None = None,
) -> FirstLooks:
    """Look at everything of these types that was never read, and import its history; give how far that came.

    What one object answers is on its row. A type whose objects have no answer does not keep the others from being
    read; a platform that does not even name its organization ends the run. Objects that somebody else is reading just
    now are waited for, `pause` seconds at a time, until they are read or their claim ends. With `seconds` it ends after
    about so long.
    """
    left = unread_of(tenant, types)
    # What had no answer before comes last, or a short slice would never come past it.
    rows = list(left.order_by("failures", "resource_type", "name", "pk").values_list("pk", "resource_type"))
    run = FirstLooks(total=len(rows))
    way = _Way(connect)
    began = waits_since = time.monotonic()
    while rows:
        elsewhere = []
        for pk, type_name in rows:
            if seconds is not None and run.done and time.monotonic() - began > seconds:
                run.stopped = way.sentence
                return run
            config = left.filter(pk=pk).select_related("tenant", "live", "baseline").first()
            if config is None or way.passes_by(type_name):  # none: somebody else has read it meanwhile
                run.done += 1
                continue
            progress(run.done, run.total, config)
            if not _claim(config):
                elsewhere.append((pk, type_name))
                continue
            problem = _read(config, way.platform, run)
            run.done += 1
            if not way.goes_on(type_name, problem):
                run.stopped = f"The platform is silent, so the rest was not asked for. {problem}"
                return run
        if len(elsewhere) < len(rows):
            waits_since = time.monotonic()
        rows = elsewhere
        if rows:
            patience = 2 * LEASE.total_seconds() if seconds is None else seconds
            if time.monotonic() - waits_since > patience:
                break
            progress(run.done, run.total, None)
            time.sleep(pause)
    else:
        progress(run.total, run.total, None)
    run.stopped = way.sentence
    return run


class _Way:
    """The way to the platform: which client is in use, and whose objects have had no answer."""

    def __init__(self, connect: "Connect") -> None:
        self._connect = connect
        self.platform = connect()
        self._in_a_row: dict[str, int] = {}
        self._problem = ""

    def passes_by(self, type_name: str) -> bool:
        """Tell whether enough objects of the type had no answer."""
        return self._in_a_row.get(type_name, 0) >= MOST_SILENT

    def goes_on(self, type_name: str, problem: str) -> bool:
        """Note how one object was answered; False where the platform itself is silent."""
        if not problem:
            self._in_a_row[type_name] = 0
            return True
        self._in_a_row[type_name] = self._in_a_row.get(type_name, 0) + 1
        self._problem = problem
        self.platform = self._connect()
        try:
            self.platform.organization()
        except RemoteUnknown:
            return False
        except RemoteError:
            return True
        return True

    @property
    def sentence(self) -> str:
        """Say that objects had no answer although the platform answers; empty where all had one."""
        return f"Some objects had no answer, although the platform answers. {self._problem}" if self._problem else ""


def _claim(config: TrackedConfig) -> bool:
    """Take a row unless somebody else is reading it; what was only put off by a failure is free to take."""
    now = timezone.now()
    taken = config.looked_at is None and config.failures == 0 and config.next_look_at is not None
    if taken and config.next_look_at is not None and config.next_look_at > now:
        return False
    same = TrackedConfig.objects.filter(pk=config.pk, next_look_at=config.next_look_at)
    return bool(same.update(next_look_at=now + LEASE))


def _read(config: TrackedConfig, platform: "Platform", run: FirstLooks) -> str:
    """Look at one object and import its history; give why nothing came, where the platform was silent."""
    rtype = catalogue.get(config.resource_type)
    kept = config.snapshots.count()
    try:
        seen = capture.look(config, platform, now=timezone.now(), conditional=False)
        stopped = ""
        if rtype.history_path is not None and config.presence == TrackedConfig.Presence.PRESENT:
            stopped = importing.import_history(config, platform).stopped
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            databases.close_all()  # it may have cut a query in two
        # Whoever goes on need not wait until the claim ends.
        TrackedConfig.objects.filter(pk=config.pk, looked_at=None).update(next_look_at=timezone.now())
        raise
    finally:
        run.versions += config.snapshots.count() - kept
    return seen.detail if seen.outcome is Outcome.UNREACHABLE else stopped
