"""Drift: live is not what somebody accepted as right.

A tracked config has drifted when the digest of its live snapshot differs from that of its baseline. Digests are over
the type's writable members, so a new version number, a new ETag or a member that moves by itself is no drift. The
first look makes what it saw the baseline; after that only a person (`actions.accept_version`) or a verified rollback
moves it.
"""

from typing import TYPE_CHECKING

from django.db.models import F, Q

from tenants.models import Snapshot, TrackedConfig

if TYPE_CHECKING:
    from django.db.models import QuerySet


def is_drifted(config: TrackedConfig) -> bool:
    """Tell whether live, as it was last seen, differs from the baseline; False while either is unknown."""
    if config.live is None or config.baseline is None:
        return False
    return config.live.digest != config.baseline.digest


def drifted(configs: "QuerySet[TrackedConfig]") -> "QuerySet[TrackedConfig]":
    """Keep those of the configs of which `is_drifted` is true."""
    return configs.filter(Q(live__isnull=False, baseline__isnull=False) & ~Q(live__digest=F("baseline__digest")))


def set_baseline(config: TrackedConfig, snapshot: Snapshot) -> bool:
    """Make the snapshot the config's baseline and tell whether that changed anything.

    Raises ValueError for a snapshot of another object. It reports nothing: the caller knows whose decision it was.
    `config` is brought up to date in memory too.
    """
    if snapshot.config_id != config.pk:
        raise ValueError(f"v{snapshot.version} belongs to another object than {config.address}. The baseline stays.")
    moved = (
        TrackedConfig.objects.filter(pk=config.pk)
        .exclude(Q(baseline__isnull=False) & Q(baseline=snapshot))
        .update(baseline=snapshot)
    )
    config.baseline = snapshot
    return bool(moved)
