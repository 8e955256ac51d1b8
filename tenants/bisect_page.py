"""The pages of a search for the first bad version: how it stands, what to look at next, and what was answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tenants import bisections, comparing, labelling
from tenants.bisections import Search
from tenants.chronicle import Bisection
from tenants.models import Snapshot, TrackedConfig

LISTED: Final = 200
"""So many versions can be chosen from a list; an older one is named by its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One version of the row, and what is known of it."""

    snapshot: Snapshot
    said: str
    """good, bad, skip, or empty."""
    by: str
    asked: bool
    in_question: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectPage:
    """Everything on the page of one search."""

    search: Search
    steps: Sequence[Step]
    before: Snapshot | None
    """The version before the one that is asked about, or before the first bad one."""
    summary: comparing.Summary | None
    """What the version that is asked about, or the first bad one, changed."""
    since_good: comparing.Summary | None
    """What all versions since the last good one changed together."""
    label: str
    """The label that the first bad version bears already."""


def bisect_page(bisection: Bisection) -> BisectPage:
    """Read the page of one search."""
    search = bisections.search(bisection)
    shown = search.ask or search.first_bad
    before = None if shown is None else search.before(shown)
    summaries: Sequence[comparing.Summary | None] = (None, None)
    if shown is not None and before is not None:
        type_name = bisection.config.resource_type
        summaries = comparing.summaries([(before, shown, type_name), (search.last_good, shown, type_name)])
    said = {answer.snapshot_id: answer for answer in search.answers}
    last = len(search.row) - 1
    standing = None if shown is None else labelling.standing().filter(snapshot=shown).first()
    return BisectPage(
        search=search,
        steps=[
            Step(
                snapshot=one,
                said={0: "good", last: "bad"}.get(place) or (said[one.pk].answer if one.pk in said else ""),
                by=bisection.starter if place in {0, last} else said[one.pk].answerer if one.pk in said else "",
                asked=place == search.standing.ask,
                in_question=search.standing.good < place <= search.standing.bad,
            )
            for place, one in reversed(list(enumerate(search.row)))
        ],
        before=before,
        summary=summaries[0],
        since_good=summaries[1],
        label="" if standing is None else standing.get_word_display(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectsPage:
    """The searches of one configuration, and the form that starts another."""

    searches: Sequence[Search]
    versions: Sequence[Snapshot]
    good: Snapshot | None
    bad: Snapshot | None
    """What the form proposes: the last known good version, and live."""
    older: int
    """How many versions the form does not list."""
    listed: int


def bisects_page(config: TrackedConfig) -> BisectsPage:
    """Read the searches of a configuration, the newest first."""
    kept = config.bisections.select_related("good", "bad", "config")[:20]
    ordered = config.snapshots.order_by("-version", "-captured_at", "-pk")
    versions = list(ordered[:LISTED])
    good, bad = labelling.newest(config, labelling.Word.GOOD) or config.baseline, config.live
    # What the form proposes is in its list, however old it is.
    versions += [one for one in dict.fromkeys((bad, good)) if one is not None and one not in versions]
    return BisectsPage(
        searches=[bisections.search(one) for one in kept],
        versions=versions,
        good=good,
        bad=bad,
        older=max(0, ordered.count() - len(versions)),
        listed=LISTED,
    )
