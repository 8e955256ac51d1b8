"""What was live of many configurations at a moment, and what differed between two moments.

However many there are, it takes a handful of queries; the decision itself is `moments.decide`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import connection

from tenants import moments
from tenants.models import Snapshot, TrackedConfig
from tenants.moments import Known, Span, Sureness, Verdict, Version
from tenants.resource_types import catalogue
from tenants.resource_types.definition import VersionRule

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

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


def decided(configs: "Mapping[UUID, str]", moment: "datetime") -> "dict[UUID, Verdict]":
    """Give what was live of each config at a moment, by its id, as far as one query for all of them tells.

    `configs` are the types of the configs by their ids.
    """
    numbered = {name: is_numbered(name) for name in set(configs.values())}
    with connection.cursor() as cursor:
        cursor.execute(_AROUND, {"configs": list(configs), "moment": moment})
        return {
            key: moments.decide(moment, _known(facts), numbered=numbered[configs[key]])
            for key, *facts in cursor.fetchall()
        }


_SPAN: Final = """
LEFT JOIN LATERAL (
    SELECT span.snapshot_id, span.version, span.first_seen_at, span.last_seen_at,
        seen.version AS number, seen.written_at
    FROM tenants_livespan AS span LEFT JOIN tenants_snapshot AS seen ON seen.id = span.snapshot_id
    WHERE span.config_id = config.id AND span.first_seen_at {side} %(moment)s
    ORDER BY span.first_seen_at {order}, span.id {order} LIMIT 1
) AS {name} ON true
"""
_DATED: Final = """
LEFT JOIN LATERAL (
    SELECT id, version, written_at FROM tenants_snapshot
    WHERE config_id = config.id AND written_at {side} %(moment)s
    ORDER BY written_at {order}, version {order}, id {order} LIMIT 1
) AS {name} ON true
"""
_FORTH: Final = {"side": ">", "order": "ASC"}
_BACK: Final = {"side": "<=", "order": "DESC"}
_AROUND: Final = (
    "SELECT config.id, span_before.*, span_after.*, written_before.*, written_after.*"  # noqa: S608 - the texts above
    " FROM unnest(%(configs)s::uuid[]) AS config(id)"
    + _SPAN.format(name="span_before", **_BACK)
    + _SPAN.format(name="span_after", **_FORTH)
    + _DATED.format(name="written_before", **_BACK)
    + _DATED.format(name="written_after", **_FORTH)
)


def _known(facts: Sequence[Any]) -> Known:
    before, after, written, upcoming = facts[:6], facts[6:12], facts[12:15], facts[15:18]
    return Known(before=_span(*before), after=_span(*after), written=_dated(*written), next_written=_dated(*upcoming))


def _span(
    key: int | None,
    version: int | None,
    first: "datetime | None",
    last: "datetime | None",
    number: int | None,
    written_at: "datetime | None",
) -> Span | None:
    if first is None or last is None:
        return None
    if number is None:
        return Span(version=Version(key=None, number=version), first=first, last=last)
    return Span(version=Version(key=key, number=number, written_at=written_at), first=first, last=last)


def _dated(key: int | None, number: int | None, written_at: "datetime | None") -> Version | None:
    return None if key is None else Version(key=key, number=number, written_at=written_at)


def as_of(configs: "QuerySet[TrackedConfig]", moment: "datetime") -> list[Standing]:
    """Give what was live of each of the configs at a moment, in their order."""
    rows = list(configs)
    verdicts = decided({row.pk: row.resource_type for row in rows}, moment)
    named = [(verdict.version, *verdict.candidates) for verdict in verdicts.values()]
    keys = {version.key for versions in named for version in versions if version is not None} - {None}
    kept = Snapshot.objects.select_related("document").defer("document__body").in_bulk(list(keys))
    return [_standing(row, verdicts[row.pk], kept) for row in rows]


def _standing(row: TrackedConfig, verdict: Verdict, kept: Mapping[int, Snapshot]) -> Standing:
    found = None if verdict.version is None or verdict.version.key is None else kept[verdict.version.key]
    return Standing(
        config=row,
        verdict=verdict,
        snapshot=found,
        candidates=[kept[one.key] for one in verdict.candidates if one.key is not None],
    )


def is_numbered(type_name: str) -> bool:
    """Tell whether the platform itself numbers the versions of a type, so that a number never comes back."""
    try:
        return catalogue.get(type_name).version_rule is not VersionRule.NONE
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
        sides = (self.earlier, self.later)
        digests = {one.snapshot.pk: one.snapshot.digest for one in sides if one.snapshot is not None}
        return _differ(self.earlier.verdict, self.later.verdict, digests)


def differing(configs: "Mapping[UUID, str]", earlier: "datetime", later: "datetime") -> "dict[UUID, bool | None]":
    """Say of each config whether its content was another one at two moments; None where that is unknown.

    `configs` are the types of the configs by their ids.
    """
    first, second = decided(configs, earlier), decided(configs, later)
    found = [verdict.version for verdicts in (first, second) for verdict in verdicts.values()]
    keys = {version.key for version in found if version is not None and version.key is not None}
    digests = dict(Snapshot.objects.filter(pk__in=keys).values_list("pk", "digest"))
    return {key: _differ(first[key], second[key], digests) for key in configs}


def _differ(earlier: Verdict, later: Verdict, digests: Mapping[int, str]) -> bool | None:
    one, other = earlier.version, later.version
    if one is None or other is None:
        # Unknown at both moments in the same gap, or on one side only: nobody can tell.
        return None
    if one.key is not None and other.key is not None:
        return digests[one.key] != digests[other.key]
    return one.number != other.number


def between(configs: "QuerySet[TrackedConfig]", earlier: "datetime", later: "datetime") -> list[Between]:
    """Give for each of the configs what it was at two moments."""
    first, second = as_of(configs, earlier), as_of(configs, later)
    return [Between(earlier=one, later=other) for one, other in zip(first, second, strict=True)]
