"""Scheduled looks: which objects are due is a matter of their rows; a message only says "now".

A due row is claimed by a conditional UPDATE that repeats what was read and moves `next_look_at` behind a lease, so two
sweeps never look at one object for the same due time, and a worker that dies in between costs one lease.
"""

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from celery import shared_task
from django.utils import timezone

from tenants import capture, connections, importing
from tenants.models import TrackedConfig
from tenants.remote.errors import RemoteError
from tenants.resource_types import catalogue

if TYPE_CHECKING:
    from uuid import UUID

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
"""How long a claimed row is left alone by other sweeps."""
SWEEP_SECONDS = 20.0
"""A sweep ends after so long and leaves the rest to the next one."""
AT_ONCE = 200
"""The most rows that one sweep reads from the database."""


@shared_task(ignore_result=True)
def sweep_configs() -> int:
    """Look once at every tracked config that is due, the longest overdue first; give how many looks were made."""
    ends = time.monotonic() + SWEEP_SECONDS
    due = TrackedConfig.objects.filter(next_look_at__lte=timezone.now()).order_by("next_look_at")
    looks = 0
    for pk, seen in list(due.values_list("pk", "next_look_at")[:AT_ONCE]):
        if time.monotonic() > ends:
            break
        claimed = TrackedConfig.objects.filter(pk=pk, next_look_at=seen).update(next_look_at=timezone.now() + LEASE)
        if claimed:
            look_once(pk)
            looks += 1
    return looks


@shared_task(ignore_result=True)
def look_at_config(config_id: str) -> None:
    """Look once at one tracked config, due or not."""
    look_once(config_id)


def look_once(config_id: "UUID | str") -> capture.Look | None:
    """Look at live, and fill the gaps from the platform's history when it moved; None when there is no such config.

    Whatever goes wrong with one object is written to the log and leaves the others alone.
    """
    config = TrackedConfig.objects.select_related("tenant", "live").filter(pk=config_id).first()
    if config is None:
        return None
    try:
        platform = connections.connect(config.tenant)
        seen = capture.look(config, platform, now=timezone.now())
        rtype = catalogue.get(config.resource_type)
        moved = seen.outcome in {capture.Outcome.FIRST, capture.Outcome.CHANGED}
        if rtype.history_path is not None and (moved or _history_is_missing(config)):
            importing.import_history(config, platform)
    except RemoteError as error:
        logger.warning("%s was not looked at: %s", config.address, error.sentence)
        return None
    except Exception:
        # One object must not keep the sweep from the others; its lease ends and it is tried again.
        logger.exception("%s was not looked at", config.address)
        return None
    return seen


def _history_is_missing(config: TrackedConfig) -> bool:
    return config.history_imported_at is None and config.presence == TrackedConfig.Presence.PRESENT
