"""What was live of many configurations at a moment, and what differed between two moments.

However many there are, it takes a handful of queries; the decision itself is `moments.decide`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import OuterRef, Subquery

from tenants import moments
from tenants.chronicle import LiveSpan
from tenants.models import Snapshot, TrackedConfig
from tenants.moments import Known, Span, Sureness, Verdict, Version
from tenants.resource_types import catalogue
from tenants.resource_types.definition import VersionRule

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What was live of one configuration at a moment."""

    config: TrackedConfig
    verdict: Verdict
    snapshot: Snapshot | None
    """None where it is unknown, where there was no object, and where the version is not kept any more."""
    candidates: Sequence[Snapshot]
    """Where it is unknown: the kept versions that stood around the moment."""

    @property
    def sure(self) -> bool:
        """Whether it is confirmed, or the platform says so."""
        return self.verdict.sureness in {Sureness.CONFIRMED, Sureness.PLATFORM}

    @property
    def gone(self) -> bool:
        """Whether there was no object."""
        return self.verdict.version is not None and self.verdict.version.gone

    @property
    def only_later(self) -> bool:
        """Whether nothing is known but what came later."""
        return self.verdict.sureness is Sureness.UNKNOWN and self.verdict.only_later

    @property
    def what(self) -> str:
        """Say what was live, in a word or two."""
        if self.gone:
            return "not there"
        if self.verdict.version is not None:
            return f"v{self.verdict.version.number}"
        if self.only_later:
            return f"before {' or '.join(f'v{one.number}' for one in self.verdict.candidates)}"
        return " or ".join(f"v{one.number}" if not one.gone else "nothing" for one in self.verdict.candidates) or "?"


def as_of(configs: "QuerySet[TrackedConfig]", moment: "datetime") -> list[Standing]:
    """Give what was live of each of the configs at a moment, in their order."""
    spans = LiveSpan.objects.filter(config=OuterRef("pk"))
    dated = Snapshot.objects.filter(config=OuterRef("pk"))
    around = {
        "span_before": spans.filter(first_seen_at__lte=moment).order_by("-first_seen_at", "-pk"),
        "span_after": spans.filter(first_seen_at__gt=moment).order_by("first_seen_at", "pk"),
        "written_before": dated.filter(written_at__lte=moment).order_by("-written_at", "-version", "-pk"),
        "written_after": dated.filter(written_at__gt=moment).order_by("written_at", "version", "pk"),
    }
    rows = list(configs.annotate(**{name: Subquery(one.values("pk")[:1]) for name, one in around.items()}))
    wanted = {name: {getattr(row, name) for row in rows} - {None} for name in around}
    kept_spans = LiveSpan.objects.in_bulk(wanted["span_before"] | wanted["span_after"])
    named = {span.snapshot_id for span in kept_spans.values() if span.snapshot_id is not None}
    snapshots = _snapshots(wanted["written_before"] | wanted["written_after"] | named)
    return [_standing(row, moment, kept_spans, snapshots) for row in rows]


def _snapshots(keys: Iterable[int]) -> dict[int, Snapshot]:
    kept = Snapshot.objects.select_related("document").defer("document__body")
    return {snapshot.pk: snapshot for snapshot in kept.filter(pk__in=set(keys))}


def _standing(
    row: TrackedConfig, moment: "datetime", spans: dict[int, LiveSpan], snapshots: dict[int, Snapshot]
) -> Standing:
    def span(name: str) -> Span | None:
        kept = spans.get(getattr(row, name))
        return None if kept is None else _span(kept, snapshots)

    def written(name: str) -> Version | None:
        kept = snapshots.get(getattr(row, name))
        return None if kept is None else _version(kept)

    known = Known(
        before=span("span_before"),
        after=span("span_after"),
        written=written("written_before"),
        next_written=written("written_after"),
    )
    verdict = moments.decide(moment, known, numbered=is_numbered(row))
    found = None if verdict.version is None or verdict.version.key is None else snapshots[verdict.version.key]
    return Standing(
        config=row,
        verdict=verdict,
        snapshot=found,
        candidates=[snapshots[one.key] for one in verdict.candidates if one.key is not None],
    )


def _version(snapshot: Snapshot) -> Version:
    return Version(key=snapshot.pk, number=snapshot.version, written_at=snapshot.written_at)


def _span(kept: LiveSpan, snapshots: dict[int, Snapshot]) -> Span:
    seen = snapshots.get(kept.snapshot_id or 0)
    version = Version(key=None, number=kept.version) if seen is None else _version(seen)
    return Span(version=version, first=kept.first_seen_at, last=kept.last_seen_at)


def is_numbered(config: TrackedConfig) -> bool:
    """Tell whether the platform itself numbers the versions, so that a number never comes back."""
    try:
        return catalogue.get(config.resource_type).version_rule is not VersionRule.NONE
    except catalogue.UnknownType:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """What one configuration was at two moments."""

    earlier: Standing
    later: Standing

    @property
    def config(self) -> TrackedConfig:
        """The configuration."""
        return self.earlier.config

    @property
    def sure(self) -> bool:
        """Whether both sides are."""
        return self.earlier.sure and self.later.sure

    @property
    def pair(self) -> tuple[Snapshot, Snapshot] | None:
        """Give both versions, where both are known and kept."""
        before, after = self.earlier.snapshot, self.later.snapshot
        return None if before is None or after is None else (before, after)

    @property
    def differs(self) -> bool | None:
        """Whether the content is another one; None where that is unknown."""
        if self.pair is not None:
            return self.pair[0].digest != self.pair[1].digest
        if self.earlier.verdict.version is None or self.later.verdict.version is None:
            # Unknown at both moments in the same gap, or on one side only: nobody can tell.
            return None
        return self.earlier.what != self.later.what


def between(configs: "QuerySet[TrackedConfig]", earlier: "datetime", later: "datetime") -> list[Between]:
    """Give for each of the configs what it was at two moments."""
    first, second = as_of(configs, earlier), as_of(configs, later)
    return [Between(earlier=one, later=other) for one, other in zip(first, second, strict=True)]
