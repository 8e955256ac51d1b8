"""When live was seen to be which version: one row for each time in which every look showed the same.

A look that shows what the last one showed extends the row in place, and costs one conditional UPDATE. After a pause of
more than a few intervals of the schedule the row ends where the looks ended, so that a time in which nobody looked
stays known as such. `moments` decides what follows from the rows.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.db.models.functions import Greatest

from tenants import pacing
from tenants.chronicle import LiveSpan
from tenants.models import TrackedConfig

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from tenants.models import Snapshot

LATE_LOOKS: Final = 3
"""A pause of so many intervals of the schedule is a time in which nobody looked."""


def confirm(
    config: TrackedConfig, snapshot: "Snapshot | None", *, at: "datetime", every: timedelta | None = None
) -> None:
    """Keep that a look showed this version as live, or with None that the object was gone.

    `every` is the interval of looks, by default that of what can be read. What somebody else has
    moved on from meanwhile is not brought back: the row of the config says what live is.
    """
    same = _lately(config, snapshot, at=at, every=every)
    if same.update(last_seen_at=Greatest("last_seen_at", at)):
        return
    with transaction.atomic():
        row = TrackedConfig.objects.select_for_update(no_key=True).only("live", "presence").get(pk=config.pk)
        gone = row.presence == TrackedConfig.Presence.VANISHED
        if gone != (snapshot is None):
            return
        if snapshot is not None and row.live_id != snapshot.pk:
            return
        _extend_or_begin(config, snapshot, same, at=at)


def moved(config: TrackedConfig, snapshot: "Snapshot", *, at: "datetime") -> None:
    """Keep that a look showed this version; the caller holds the lock of the config's row and has moved live to it."""
    _extend_or_begin(config, snapshot, _lately(config, snapshot, at=at, every=None), at=at)


def _extend_or_begin(
    config: TrackedConfig, snapshot: "Snapshot | None", same: "QuerySet[LiveSpan]", *, at: "datetime"
) -> None:
    if same.update(last_seen_at=Greatest("last_seen_at", at)):
        return
    LiveSpan.objects.filter(config=config, open=True).update(open=False)
    LiveSpan.objects.create(
        config=config,
        snapshot=snapshot,
        version=None if snapshot is None else snapshot.version,
        digest="" if snapshot is None else snapshot.digest,
        first_seen_at=at,
        last_seen_at=at,
    )


def _lately(
    config: TrackedConfig, snapshot: "Snapshot | None", *, at: "datetime", every: timedelta | None
) -> "QuerySet[LiveSpan]":
    """Give the row that a look at this moment extends, where there is one."""
    longest_pause = LATE_LOOKS * (pacing.look_every(config.tenant) if every is None else every)
    spans = LiveSpan.objects.filter(config=config, open=True, last_seen_at__gte=at - longest_pause)
    return spans.filter(version__isnull=True) if snapshot is None else spans.filter(snapshot=snapshot)
