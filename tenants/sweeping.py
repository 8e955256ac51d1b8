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

from django.db import transaction
from django.utils import timezone

from tenants import capture, discovery, importing, trail
from tenants.capture import Outcome
from tenants.models import TrackedConfig
from tenants.resource_types import catalogue

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tenants.models import Tenant
    from tenants.remote.client import Platform
    from tenants.resource_types.definition import ResourceType

LEASE: Final = timedelta(minutes=2)
"""How long a claimed row is left alone by others."""
MOST_SILENT: Final = 3
"""After so many objects in a row without an answer a run ends: the platform is down, or the way to it."""


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
    platform: "Platform",
    progress: Callable[[int, int, TrackedConfig | None], None] = _no_progress,
    pause: float = 0.5,
) -> FirstLooks:
    """Look at everything of these types that was never read, and import its history; give how far that came.

    What one object answers is on its row. Objects that somebody else is reading just now are waited for, `pause`
    seconds at a time, until they are read or their claim ends.
    """
    left = unread_of(tenant, types)
    rows = list(left.order_by("resource_type", "name", "pk").values_list("pk", flat=True))
    run = FirstLooks(total=len(rows))
    ends = time.monotonic() + 2 * LEASE.total_seconds()
    silent = 0
    while rows:
        elsewhere = []
        for pk in rows:
            config = left.filter(pk=pk).select_related("tenant", "live", "baseline").first()
            if config is None:  # somebody else has read it meanwhile
                run.done += 1
                continue
            progress(run.done, run.total, config)
            if not _claim(config):
                elsewhere.append(pk)
                continue
            problem = _read(config, platform, run)
            run.done += 1
            silent = silent + 1 if problem else 0
            if silent >= MOST_SILENT:
                run.stopped = f"{silent} objects in a row had no answer, so the rest was not asked for. {problem}"
                return run
        rows = elsewhere
        if rows:
            if time.monotonic() > ends:
                break
            progress(run.done, run.total, None)
            time.sleep(pause)
    progress(run.total, run.total, None)
    return run


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
    except BaseException:
        # Ctrl-C too: whoever goes on need not wait until the claim ends.
        TrackedConfig.objects.filter(pk=config.pk, looked_at=None).update(next_look_at=timezone.now())
        raise
    finally:
        run.versions += config.snapshots.count() - kept
    return seen.detail if seen.outcome is Outcome.UNREACHABLE else stopped
