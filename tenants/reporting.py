"""What could not be read of an organization and why, grouped so that a person can act on it.

    out of sight    divisions that the client's roles do not reach: nothing there shows, and nothing says so
    types           a missing permission, no list, a list that answers with something else
    objects         403, 404, 410, not JSON, content that cannot be kept; silence
    history         versions of the platform's own history that could not be kept

Told from a survey and the rows of the tracked configs, so a terminal and a page say the same, at any time after.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from tenants import divisions, sweeping
from tenants.causes import Cause
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import catalogue
from tenants.resource_types.definition import PARENT_AND_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tenants.discovery import Found, Survey
    from tenants.models import Tenant
    from tenants.resource_types.definition import ResourceType

MAY_NOT_READ: Final = "The OAuth client may not read these types"
_NO_FAULT: Final = (Cause.ALIAS, Cause.UNLISTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Things that stand in the way for one reason."""

    cause: str
    heading: str
    advice: str
    """What to do about it, in whole sentences."""
    count: int
    """How many types, objects or versions."""
    lines: tuple[str, ...]
    fault: bool = True
    """Whether something is missing that a person could have; a type that has no list is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was read, what was not, and why."""

    tenant: str
    tracked: int
    read: int
    """Of the tracked objects, those that are read, with their history where the platform keeps one."""
    versions: int
    """Versions kept of them."""
    waiting: int
    """Those that are still to be read."""
    divisions: str
    """Which divisions the client sees out of how many, in whole sentences."""
    sees_all: bool
    """Whether no division is out of sight, as far as is known."""
    blind: tuple[str, ...]
    """Types whose permission reaches less far than the client's roles do."""
    types: tuple[Group, ...]
    objects: tuple[Group, ...]
    history: tuple[Group, ...]

    @property
    def groups(self) -> tuple[Group, ...]:
        """Everything that stands in the way, objects first: those are known to be there."""
        return (*self.objects, *self.history, *self.types)

    @property
    def faults(self) -> int:
        """How many reasons there are to act."""
        return sum(group.fault for group in self.groups) + (not self.sees_all) + len(self.blind)

    def to_json(self) -> dict[str, Any]:
        """Give the report as CONTRACT.md describes it."""
        return {**asdict(self), "faults": self.faults}


def report(tenant: "Tenant", survey: "Survey", types: "Iterable[ResourceType]") -> Report:
    """Tell how the objects of these types stand now, and what the survey could not list of any type."""
    chosen = list(types)
    configs = TrackedConfig.objects.filter(tenant=tenant, resource_type__in=[rtype.name for rtype in chosen])
    waiting = sweeping.unread_of(tenant, chosen)
    sight = survey.reach.sight() if survey.reach is not None else None
    return Report(
        tenant=tenant.slug,
        tracked=configs.count(),
        read=configs.exclude(pk__in=waiting.values("pk")).exclude(presence__in=_NOT_READ).count(),
        versions=Snapshot.objects.filter(config__in=configs).count(),
        waiting=waiting.count(),
        divisions=survey.reach.sentence if survey.reach is not None else survey.problem,
        sees_all=sight is not None and sight.whole,
        blind=tuple(_blind(survey)),
        types=tuple(_types(survey.found)),
        objects=tuple(_objects(configs, waiting)),
        history=tuple(_history(configs)),
    )


_NOT_READ: Final = (TrackedConfig.Presence.UNREADABLE, TrackedConfig.Presence.VANISHED)


def _blind(survey: "Survey") -> "Iterable[str]":
    """Say of types with divisions where their permission is granted, where that is less than the roles reach."""
    reach = survey.reach
    overall = reach.sight() if reach is not None else None
    if reach is None or overall is None:
        return
    titles: dict[tuple[divisions.Division, ...], list[str]] = {}
    for found in survey.found:
        sight = reach.sight(found.rtype.read_permissions)
        with_divisions = "division" in found.rtype.known and not found.lacking
        if with_divisions and sight is not None and set(sight.unseen) > set(overall.unseen):
            titles.setdefault(sight.unseen, []).append(found.rtype.title)
    for unseen, several in titles.items():
        yield (
            f"{', '.join(several)}: the permission is not granted in {divisions.listed(unseen)}. Grant it there too, "
            "then look again."
        )


def _types(found: "Sequence[Found]") -> "Iterable[Group]":
    lines: dict[Cause, list[str]] = {}
    lacking: dict[tuple[str, ...], list[str]] = {}
    for one in found:
        if one.lacking:
            lacking.setdefault(one.lacking, []).append(one.rtype.title)
            continue
        for trouble in one.troubles:
            plain = trouble.cause in _NO_FAULT
            inside = f" PARENT{PARENT_AND_ID}ID" if one.rtype.in_parent else ""
            line = f"{one.rtype.title} ({one.rtype.name}{inside})" if plain else trouble.sentence
            lines.setdefault(trouble.cause, []).append(line)
    if lacking:
        yield Group(
            cause=Cause.PERMISSION,
            heading=MAY_NOT_READ,
            advice="Add the permissions to a role of the OAuth client, then run this again. They were not asked for.",
            count=sum(len(titles) for titles in lacking.values()),
            lines=tuple(f"{' and '.join(names)}: {', '.join(titles)}" for names, titles in lacking.items()),
        )
    yield from _grouped(lines)


def _objects(configs: "Any", waiting: "Any") -> "Iterable[Group]":
    lines: dict[Cause, list[str]] = {}
    for config in configs.filter(presence__in=_NOT_READ).order_by("resource_type", "name", "object_id"):
        cause = Cause(config.presence_cause) if config.presence_cause in set(Cause) else Cause.OTHER
        lines.setdefault(cause, []).append(_line(config, config.presence_detail))
    for config in waiting.exclude(presence__in=_NOT_READ).order_by("resource_type", "name", "object_id"):
        began = "its history was not read to its end." if config.looked_at is not None else "not read yet."
        lines.setdefault(Cause.SILENCE, []).append(_line(config, began))
    yield from _grouped(lines)


def _history(configs: "Any") -> "Iterable[Group]":
    lines = [
        _line(config, reason if version == "?" else f"v{version} was not kept. {reason}")
        for config in configs.exclude(history_refused=[]).order_by("resource_type", "name", "object_id")
        for version, reason in config.history_refused
    ]
    if lines:
        yield Group(
            cause="history",
            heading="Versions of the platform's own history that could not be kept",
            advice="Everything else of these objects is kept. Run manage.py capture for one of them to try it again.",
            count=len(lines),
            lines=tuple(lines),
        )


def _line(config: TrackedConfig, sentence: str) -> str:
    name = f" {config.name}" if config.name else ""
    return f"{config.address}{name}: {sentence}"


def _grouped(lines: "Mapping[Cause, Sequence[str]]") -> "Iterable[Group]":
    for cause in Cause:
        if cause in lines:
            yield Group(
                cause=cause,
                heading=cause.heading,
                advice=cause.advice,
                count=len(lines[cause]),
                lines=tuple(lines[cause]),
                fault=cause not in _NO_FAULT,
            )


def types_named(names: "Iterable[str]") -> "list[ResourceType]":
    """Give the catalogue's types of these names, in its order; names that it no longer has are left out."""
    wanted = set(names)
    return [rtype for rtype in catalogue.all_types() if rtype.name in wanted]
