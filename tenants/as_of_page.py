"""The pages that answer "what was live at 02:47?" for a tenant, a type or one configuration, or for two moments."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode
from zoneinfo import available_timezones

from django.core.paginator import Page, Paginator
from django.utils import timezone

from tenants import as_of, comparing, moments
from tenants.models import Snapshot, TrackedConfig
from tenants.moments import NotAMoment, Sureness, Zone

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

ROWS_A_PAGE: Final = 100
TONES: Final = {
    Sureness.CONFIRMED: "ok",
    Sureness.PLATFORM: "info",
    Sureness.LIKELY: "warn",
    Sureness.UNKNOWN: "danger",
}
ZONES: Final = tuple(sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address asks for, read; a problem is a sentence, and then there is no moment."""

    zone: Zone = field(default_factory=Zone)
    at_text: str = ""
    until_text: str = ""
    at: datetime | None = None
    until: datetime | None = None
    problem: str = ""
    choices: Sequence[tuple[str, str]] = ()
    """Where the clocks showed a time twice: the query and the words of each."""

    def tell(self, at: datetime) -> str:
        """Write a moment in the zone that was asked for."""
        local = at.astimezone(self.zone.info)
        return f"{local:%-d %b %Y, %H:%M:%S} {local.tzname()}"


def asked(query: Mapping[str, str]) -> Asked:
    """Read `at`, `until` and `zone` of an address."""
    texts = {name: query.get(name, "").strip()[:40] for name in ("at", "until")}
    try:
        zone = moments.read_zone(query.get("zone", "")[:60])
    except NotAMoment as error:
        return Asked(at_text=texts["at"], until_text=texts["until"], problem=str(error))
    read: dict[str, datetime | None] = {"at": None, "until": None}
    for name, text in texts.items():
        if not text:
            continue
        try:
            read[name] = moments.read_moment(text, zone, now=timezone.now())
        except NotAMoment as error:
            told = [at.astimezone(zone.info).isoformat(timespec="minutes") for at in error.choices]
            kept = {**texts, "zone": zone.name, **({"type": query["type"]} if query.get("type") else {})}
            choices = [("?" + urlencode({**kept, name: one}), one) for one in told]
            return Asked(zone=zone, at_text=texts["at"], until_text=texts["until"], problem=str(error), choices=choices)
    at, until = read["at"], read["until"]
    if at is not None and until is not None and until < at:
        at, until = until, at
    return Asked(
        zone=zone,
        at_text=_typed(at, zone) or texts["at"],
        until_text=_typed(until, zone) or texts["until"],
        at=at,
        until=until,
    )


def _typed(at: datetime | None, zone: Zone) -> str:
    """Give a moment as a field of a form takes it."""
    return "" if at is None else f"{at.astimezone(zone.info):%Y-%m-%dT%H:%M:%S}".removesuffix(":00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One configuration at a moment."""

    standing: as_of.Standing
    tone: str
    why: str

    @property
    def sureness(self) -> str:
        """How sure it is, in a word."""
        return str(self.standing.verdict.sureness)


def row_of(standing: as_of.Standing, told: Asked) -> Row:
    """Give a standing in words."""
    verdict = standing.verdict
    return Row(standing=standing, tone=TONES[verdict.sureness], why=moments.explain(verdict, told.tell))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One configuration between two moments."""

    config: TrackedConfig
    earlier: Row
    later: Row
    differs: bool | None
    summary: comparing.Summary | None
    pair: tuple[Snapshot, Snapshot] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOfPage:
    """Everything on the page of a tenant, made already."""

    asked: Asked
    types: Sequence[str]
    type_name: str
    groups: Sequence[tuple[str, Sequence[Row]]] = ()
    """The type and its configurations."""
    counts: Sequence[tuple[str, str, int]] = ()
    """How many answers are how sure: the word, its tone, the number."""
    differences: Sequence[Difference] = ()
    same: int = 0
    untold: int = 0
    page: "Page[UUID] | None" = None
    query: str = ""
    """The address without its page, to add one."""

    @property
    def moment(self) -> str:
        """Write the moment that was asked for."""
        return "" if self.asked.at is None else self.asked.tell(self.asked.at)


def as_of_page(configs: "QuerySet[TrackedConfig]", query: Mapping[str, str]) -> AsOfPage:
    """Make the page of a tenant's configurations; bad input gives a page that says so."""
    told = asked(query)
    types = list(configs.order_by("resource_type").values_list("resource_type", flat=True).distinct())
    type_name = query.get("type", "") if query.get("type", "") in types else ""
    if told.at is None:
        return AsOfPage(asked=told, types=types, type_name=type_name)
    shown = configs.filter(resource_type=type_name) if type_name else configs
    shown = shown.order_by("resource_type", "name", "pk").select_related("tenant", "live")
    address = urlencode({"at": told.at_text, "until": told.until_text, "zone": told.zone.name, "type": type_name})
    if told.until is not None:
        return _between(shown, told, told.at, told.until, types=types, type_name=type_name, query=address)
    everything = dict(shown.values_list("pk", "resource_type"))
    sure = Counter(verdict.sureness for verdict in as_of.decided(everything, told.at).values())
    page = Paginator(list(everything), ROWS_A_PAGE).get_page(query.get("page", "1"))
    rows = [row_of(one, told) for one in as_of.as_of(shown.filter(pk__in=list(page.object_list)), told.at)]
    grouped = groupby(rows, key=lambda row: row.standing.config.resource_type)
    return AsOfPage(
        asked=told,
        types=types,
        type_name=type_name,
        groups=[(name, list(rows)) for name, rows in grouped],
        counts=[(str(word), TONES[word], sure[word]) for word in Sureness if sure[word]],
        page=page,
        query=address,
    )


def _between(
    shown: "QuerySet[TrackedConfig]",
    told: Asked,
    at: datetime,
    until: datetime,
    *,
    types: Sequence[str],
    type_name: str,
    query: str,
) -> AsOfPage:
    everything = dict(shown.values_list("pk", "resource_type"))
    differs = as_of.differing(everything, at, until)
    # What certainly differs comes first.
    listed = sorted((key for key in everything if differs[key] is not False), key=lambda key: differs[key] is None)
    changed = as_of.between(shown.filter(pk__in=listed[:ROWS_A_PAGE]), at, until)
    changed.sort(key=lambda one: one.differs is None)
    pairs = [(*one.pair, one.config.resource_type) for one in changed if one.pair is not None]
    summaries = iter(comparing.summaries(pairs))
    return AsOfPage(
        asked=told,
        types=types,
        type_name=type_name,
        differences=[
            Difference(
                config=one.config,
                earlier=row_of(one.earlier, told),
                later=row_of(one.later, told),
                differs=one.differs,
                summary=next(summaries) if one.pair is not None else None,
                pair=one.pair,
            )
            for one in changed
        ],
        same=sum(one is False for one in differs.values()),
        untold=sum(one is None for one in differs.values()),
        query=query,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OneAsOf:
    """The answer for one configuration, on its page."""

    asked: Asked
    row: Row | None


def one_as_of(config: TrackedConfig, query: Mapping[str, str]) -> OneAsOf:
    """Make the card of one configuration; without a moment it has the form alone."""
    told = asked(query)
    if told.at is None:
        return OneAsOf(asked=told, row=None)
    [standing] = as_of.as_of(TrackedConfig.objects.filter(pk=config.pk), told.at)
    return OneAsOf(asked=told, row=row_of(standing, told))
