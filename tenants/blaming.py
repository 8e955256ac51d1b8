"""Who last changed each field of a version, when, and why: the blame joined with what is known of the versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tenants import archive, indexing, origins
from tenants.archive import UnusableContent
from tenants.documents import Blame
from tenants.indices import ConfigIndex, VersionChanges
from tenants.models import Snapshot
from tenants.resource_types import catalogue, secrets

if TYPE_CHECKING:
    from datetime import datetime

    from tenants.documents import Value
    from tenants.origins import Origin

SECONDS_OF_A_PAGE: Final = 1.5
"""For so long a page goes on working out versions by itself; the worker does the rest."""
LARGEST_OF_A_PAGE: Final = 2 * 1024 * 1024
"""Bytes; a history with a larger version is worked out by the worker alone."""


class NotYet(Exception):
    """The versions up to the one asked for are not worked out yet; the message says how far that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """One version as the one to blame."""

    snapshot: Snapshot
    before: int | None
    """The row number of the version before it that can be read; None for the first one that was seen here."""
    before_version: int | None
    origin: "Origin | None"
    """The rollback that wrote it, where it was us."""
    age: int
    """From 0, the oldest fifth of the versions, to 4, the newest."""

    @property
    def who(self) -> str:
        """The author as the platform names them; empty where it names none."""
        return self.snapshot.author_name or self.snapshot.author_id

    @property
    def at(self) -> "datetime":
        """When it was written, as far as the platform says, else when it was first seen."""
        return self.snapshot.written_at or self.snapshot.captured_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Blamed:
    """One version with who is to blame for each of its fields."""

    snapshot: Snapshot
    value: "dict[str, Value]"
    """Words stand in place of secrets; it is shared, so read it and never change it."""
    blame: Blame
    writers: Mapping[int, Writer]
    """By their place among the versions, as the blame names them."""


def blame_of(snapshot: Snapshot, *, seconds: float | None = None, largest: int | None = None) -> Blamed:
    """Give the blame of one version.

    What is not worked out yet is done now, within the limits of `indexing.catch_up`; raises NotYet where they are not
    enough, and UnusableContent where the version cannot be read.
    """
    config = snapshot.config
    try:
        rtype = catalogue.get(config.resource_type)
    except catalogue.UnknownType as error:
        raise UnusableContent(str(error)) from error
    value = archive.value_of(snapshot)
    standing = indexing.catch_up(config, seconds=seconds, largest=largest)
    row = VersionChanges.objects.filter(snapshot=snapshot).values("position").first()
    if row is None or (position := row["position"]) >= standing.done:
        raise NotYet(
            f"{standing.done} of {standing.total} versions of {config} have been compared so far, so nobody is named "
            f"yet. A worker goes on with it by itself; look again in a moment."
        )
    return Blamed(
        snapshot=snapshot,
        value=secrets.hidden(rtype, value),
        blame=_folded(snapshot, position),
        writers=_writers(snapshot, position),
    )


def _folded(snapshot: Snapshot, position: int) -> Blame:
    """Give the blame of a version out of what every version up to it changed."""
    row = (
        ConfigIndex.objects.filter(config_id=snapshot.config_id, last=snapshot).values_list("blame", flat=True).first()
    )
    if row is not None:
        return Blame.from_json(indexing.unpacked(bytes(row)))
    rows = VersionChanges.objects.filter(config_id=snapshot.config_id, position__lte=position, problem="")
    found: Blame | None = None
    for one in rows.only("position", "outline").order_by("position"):
        if found is None:
            found = Blame(one.position)
        else:
            found.take(one.position, indexing.touches_of(one))
    assert found is not None  # noqa: S101 - the version itself is among them
    return found


def _writers(snapshot: Snapshot, position: int) -> dict[int, Writer]:
    rows = VersionChanges.objects.filter(config_id=snapshot.config_id, position__lte=position)
    known = {place: (pk, before) for place, pk, before in rows.values_list("position", "snapshot_id", "before_id")}
    snapshots = Snapshot.objects.in_bulk([pk for pk, _ in known.values()])
    ours = origins.origins_of(snapshots)
    return {
        place: Writer(
            snapshot=snapshots[pk],
            before=before,
            before_version=snapshots[before].version if before in snapshots else None,
            origin=ours.get(pk),
            age=place * 5 // (position + 1),
        )
        for place, (pk, before) in known.items()
        if pk in snapshots
    }
