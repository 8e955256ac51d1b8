"""The page of one tracked config: its facts, and the timeline of every version that was ever seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.core.paginator import Page, Paginator

from tenants import comparing, drift, indexing, labelling, timeline
from tenants.blaming import LARGEST_OF_A_PAGE, SECONDS_OF_A_PAGE
from tenants.chronicle import Label
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import catalogue
from tenants.resource_types.definition import ResourceType

VERSIONS_A_PAGE: Final = 30

GUARD_SENTENCES: Final = {
    "A": "The platform itself refuses a write when its ETag has moved.",
    "B": "The platform itself refuses a write when its version number has moved.",
    "C": "The platform checks nothing: the console compares live right before it writes, and shows the race window.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One version on the timeline."""

    snapshot: Snapshot
    live: bool
    baseline: bool
    same_as: int | None
    """The number of the newest earlier version with the same content: somebody went back to it."""
    before: Snapshot | None
    """The version seen before this one."""
    summary: comparing.Summary | None
    """What changed against the version before."""
    label: Label | None
    """What a person or time says of it."""
    size: timeline.Size | None
    gap: tuple[int, int] | None
    """The first and the last number between it and the version before that retention has dropped, or nobody saw."""
    """How large the change was, where that is worked out."""

    @property
    def drift(self) -> bool:
        """Whether this is what is live, and not what was accepted."""
        return self.live and not self.baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything on the page, read already."""

    config: TrackedConfig
    rtype: ResourceType | None
    """None where the catalogue no longer has the type."""
    drifted: bool
    summary: comparing.Summary | None
    """What live differs in from the baseline, where it has drifted."""
    entries: Sequence[TimelineEntry]
    page: Page[Snapshot]
    filters: timeline.TimelineFilters
    worked_out: indexing.Standing
    """How many versions are worked out, so that their size is known and a filter by path finds them."""
    known_good: Snapshot | None
    """The newest version that is known good, where live holds something else."""
    bad_live: labelling.Against
    """What speaks against the content that is live now."""

    @property
    def guard_sentence(self) -> str:
        """What stands between a write and a lost update, in a sentence."""
        return "" if self.rtype is None else GUARD_SENTENCES[self.rtype.guard_level]


def type_of(config: TrackedConfig) -> ResourceType | None:
    """Give the config's resource type; None where the catalogue has it no longer."""
    try:
        return catalogue.get(config.resource_type)
    except catalogue.UnknownType:
        return None


def configuration(
    config: TrackedConfig, *, page_number: str | int = 1, query: Mapping[str, str] | None = None
) -> Configuration:
    """Read the page of one config; the number of queries does not depend on the number of versions.

    `query` is that of the address, whose filters narrow the timeline (`timeline.TimelineFilters`).
    """
    filters = timeline.TimelineFilters(query or {})
    worked_out = indexing.catch_up(config, seconds=SECONDS_OF_A_PAGE, largest=LARGEST_OF_A_PAGE)
    every = config.snapshots.select_related("document").defer("document__body")
    ordered = every.order_by("-version", "-captured_at", "-pk")
    page = Paginator(filters.narrow(ordered) if filters.narrowed else ordered, VERSIONS_A_PAGE).get_page(page_number)
    snapshots = list(page.object_list)
    befores = timeline.neighbours(every, snapshots)
    shown = [(befores[one.pk], one, config.resource_type) for one in snapshots if one.pk in befores]
    pairs = list(shown)
    drifted = drift.is_drifted(config)
    if drifted and config.baseline is not None and config.live is not None:
        pairs.append((config.baseline, config.live, config.resource_type))
    summaries = comparing.summaries(pairs)
    summary = summaries.pop() if len(pairs) > len(shown) else None
    summary_of = {newer.pk: found for (_, newer, _), found in zip(shown, summaries, strict=False)}
    sizes = timeline.sizes(snapshots)
    same = _earlier_with_same_content(config, snapshots)
    labels = labelling.of_config(config)
    live = config.live
    entries = [
        TimelineEntry(
            snapshot=snapshot,
            live=snapshot.pk == config.live_id,
            baseline=snapshot.pk == config.baseline_id,
            same_as=same.get(snapshot.pk),
            before=befores.get(snapshot.pk),
            summary=summary_of.get(snapshot.pk),
            label=labels.get(snapshot.pk),
            size=sizes.get(snapshot.pk),
            gap=timeline.gap(befores.get(snapshot.pk), snapshot, dropped_through=config.dropped_through),
        )
        for snapshot in snapshots
    ]
    return Configuration(
        config=config,
        rtype=type_of(config),
        drifted=drifted,
        summary=summary,
        entries=entries,
        page=page,
        filters=filters,
        worked_out=worked_out,
        known_good=labelling.last_known_good(config),
        bad_live=labelling.Against() if live is None else labelling.against(config, live, digests=[]),
    )


def _earlier_with_same_content(config: TrackedConfig, snapshots: Sequence[Snapshot]) -> dict[int, int]:
    """Give for each snapshot the newest earlier version that is not its neighbour and has its digest."""
    known: dict[str, list[int]] = {}
    digests = {snapshot.digest for snapshot in snapshots}
    for digest, version in (
        config.snapshots.filter(digest__in=digests).order_by("version").values_list("digest", "version")
    ):
        known.setdefault(digest, []).append(version)
    found = {}
    for snapshot in snapshots:
        earlier = [version for version in known[snapshot.digest] if version < snapshot.version]
        if earlier:
            found[snapshot.pk] = earlier[-1]
    return found
