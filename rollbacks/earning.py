"""Versions that become known good by time: live for long enough, as accepted, and nobody wants to go back from them.

It counts from when their content came to live, as looks saw it or, where the platform numbers its versions, as it dates
them; from when somebody accepted it as right, where that was later. A rollback away from it that waits or runs stands
in the way. What a person has labelled once, or has taken the label from, is left to people.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from rollbacks.models import AuditEntry, Rollback
from rollbacks.states import PENDING, RUNNING
from tenants import as_of, labelling, pacing, spans
from tenants.chronicle import Label, LiveSpan
from tenants.models import Tenant, TrackedConfig

UNSEEN: Final = timedelta(hours=2)
"""What nobody has looked at for so long is not known to be live any more."""

log = structlog.get_logger(__name__)


def earn_labels(*, now: datetime | None = None) -> int:
    """Label what has earned it, each with its entry in the trail; give how many."""
    now = now or timezone.now()
    earned = 0
    for config in _candidates(now):
        since = live_since(config)
        days = config.tenant.good_after_days
        if since is None or config.live is None or now - since < timedelta(days=days):
            continue
        reason = (
            f"live since {since:%d %b %Y at %H:%M} UTC, for {(now - since).days} days without drift or rollback; "
            f"{days} are needed here"
        )
        try:
            labelling.put(config.live, labelling.Word.GOOD, reason=reason, acting_user=None, earned=True)
        except labelling.NotLabelled:
            log.info("label.not_earned", config=config.address)  # somebody was quicker
            continue
        earned += 1
    return earned


def _candidates(now: datetime) -> list[TrackedConfig]:
    open_states = [state.value for state in (*PENDING, *RUNNING)]
    configs = TrackedConfig.objects.filter(
        tenant__in=Tenant.objects.filter(good_after_days__gt=0),
        presence=TrackedConfig.Presence.PRESENT,
        live__digest=F("baseline__digest"),
        looked_at__gte=now - UNSEEN,
    )
    return list(
        configs.exclude(Exists(Label.objects.filter(snapshot=OuterRef("live"))))
        .exclude(pk__in=labelling.with_bad_live(configs).values("pk"))
        .exclude(Exists(Rollback.objects.filter(config=OuterRef("pk"), state__in=open_states)))
        .select_related("tenant", "live", "baseline")
    )


def live_since(config: TrackedConfig) -> datetime | None:
    """Give since when a config's live content stands there accepted; None where no look is on record."""
    if config.live is None:
        return None
    numbered = as_of.is_numbered(config.resource_type)
    longest_pause = spans.LATE_LOOKS * pacing.look_every(config.tenant)
    since: datetime | None = None
    seen = LiveSpan.objects.filter(config=config).select_related("snapshot").order_by("-first_seen_at", "-pk")
    for span in seen.iterator(chunk_size=50):
        if span.digest != config.live.digest:
            break
        if not numbered and since is not None and since - span.last_seen_at > longest_pause:
            break  # it may have changed and come back while nobody looked
        since = span.first_seen_at
        if numbered and span.snapshot is not None and span.snapshot.written_at is not None:
            since = min(since, span.snapshot.written_at)
    accepted = AuditEntry.objects.filter(config=config, action="baseline.accepted").order_by("-at").first()
    return since if since is None or accepted is None else max(since, accepted.at)
