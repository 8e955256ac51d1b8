"""What there is in an organization, type by type: counts, what reading it costs, and what stays out of sight and why.

    the client's roles ─► a type that it may not read is not asked for: the permission is named
                     └──► the list ──► objects by id and name
                              └─────► 403, 404, not JSON, silence …: the cause, and what was listed until then

Nothing is written: a survey may be made, shown and thrown away. Objects inside other objects are listed parent by
parent, and a parent whose list cannot be read does not hide the others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from django.db.models import Q

from tenants import archive, divisions, object_paths
from tenants.archive import UnusableContent
from tenants.capture import name_of
from tenants.causes import Cause, cause_of
from tenants.models import TrackedConfig
from tenants.object_paths import InvalidObjectId
from tenants.remote.errors import CredentialsRefused, RemoteError, RemoteUnknown, TenantDown
from tenants.remote.permissions import holds
from tenants.resource_types import catalogue
from tenants.resource_types.definition import PARENT_AND_ID, SINGLETON_ID, LiveAt, Paging, ResourceType

if TYPE_CHECKING:
    from tenants.models import Tenant
    from tenants.remote.client import Platform

    Connect = Callable[[], Platform]

PAGE: Final = 100
"""How many versions one request of a history lists."""
SAMPLE: Final = 2
"""Of so many objects of a type with a history the versions are counted, to estimate what the others have."""
MOST_COUNTED: Final = 300
UNKNOWN_VERSIONS: Final = 10
"""Assumed for each object of a type with a history where none could be counted."""


class NotListed(ValueError):
    """The platform has no list of the type's objects; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What stood in the way of a list, or of a part of it."""

    cause: Cause
    sentence: str


@dataclass(slots=True, kw_only=True)
class Found:
    """The objects of one type."""

    rtype: ResourceType
    objects: dict[str, str] = field(default_factory=dict)
    """Names by object id, in the platform's order."""
    count: int = 0
    tracked: int = 0
    """How many of them are tracked by now (`compare_with`)."""
    unread: int = 0
    """How many are still to be read for the first time: new ones, and tracked ones that nobody has read to the end."""
    troubles: list[Trouble] = field(default_factory=list)
    """Why objects may be missing; with objects beside it, a part of the list was read."""
    lacking: tuple[str, ...] = ()
    """The permissions that the client lacks to read the type, ready for a sentence."""
    versions_each: float = 0.0
    """About how many versions the platform keeps of one object; 0 for a type without a history to import."""

    @property
    def offered(self) -> bool:
        """Whether there is something to choose."""
        return bool(self.count)

    @property
    def requests(self) -> int:
        """About how many requests it takes to read what is unread, histories included."""
        if self.rtype.history_path is None:
            return self.unread
        pages = max(1, ceil(self.versions_each / PAGE))
        look = 1 if self.rtype.live is LiveAt.OBJECT else pages + 1
        return self.unread * (look + pages) + round(self.unread * self.versions_each)

    def to_json(self) -> dict[str, Any]:
        """Give everything but the objects themselves."""
        return {
            "type": self.rtype.name,
            "count": self.count,
            "tracked": self.tracked,
            "unread": self.unread,
            "troubles": [[str(one.cause), one.sentence] for one in self.troubles],
            "lacking": list(self.lacking),
            "versions_each": self.versions_each,
        }


@dataclass(slots=True, kw_only=True)
class Survey:
    """What the tenant's client sees of an organization."""

    reach: "divisions.Reach | None"
    """None where the client's own roles could not be read; `problem` says why."""
    problem: str = ""
    found: list[Found] = field(default_factory=list)

    def of(self, name: str) -> Found | None:
        """Give what was found of a type."""
        return next((one for one in self.found if one.rtype.name == name), None)

    @property
    def offered(self) -> list[Found]:
        """The types of which there is something to choose."""
        return [one for one in self.found if one.offered]

    def to_json(self) -> dict[str, Any]:
        """Give the survey without the objects, for a row that waits for a choice."""
        reach = self.reach
        return {
            "problem": self.problem,
            "reach": None
            if reach is None
            else {
                "divisions": [[one.id, one.name] for one in reach.divisions],
                "problem": reach.problem,
                "granted": {where: sorted(permissions) for where, permissions in reach.granted.items()},
            },
            "found": [one.to_json() for one in self.found],
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Survey":
        """Give the survey that `to_json` gave; types that the catalogue no longer has are left out."""
        told = kept.get("reach")
        reach = None
        if told is not None:
            granted = {where: frozenset(permissions) for where, permissions in told["granted"].items()}
            reach = divisions.Reach(
                permissions=frozenset[str]().union(*granted.values()),
                divisions=tuple(divisions.Division(*one) for one in told["divisions"]),
                problem=told["problem"],
                granted=granted,
            )
        known = {rtype.name: rtype for rtype in catalogue.all_types()}
        return cls(
            reach=reach,
            problem=kept.get("problem", ""),
            found=[
                Found(
                    rtype=known[one["type"]],
                    count=one["count"],
                    tracked=one["tracked"],
                    unread=one["unread"],
                    troubles=[Trouble(Cause(cause), sentence) for cause, sentence in one["troubles"]],
                    lacking=tuple(one["lacking"]),
                    versions_each=one["versions_each"],
                )
                for one in kept.get("found", ())
                if one["type"] in known
            ],
        )


def _no_progress(_done: int, _total: int, _title: str) -> None:
    """Say nothing."""


def survey(
    connect: "Connect",
    types: Iterable[ResourceType] | None = None,
    *,
    progress: Callable[[int, int, str], None] = _no_progress,
) -> Survey:
    """Find out what there is of each type, all types of the catalogue where none are given; nothing is written.

    `connect` gives a client of the tenant. What one type's list answers is in its `troubles`. Raises
    CredentialsRefused, and RemoteUnknown where the platform itself is silent: then nothing is known about the rest.
    """
    wanted = list(catalogue.all_types() if types is None else types)
    platform = connect()
    made = begin(platform)
    for number, rtype in enumerate(wanted):
        progress(number, len(wanted), rtype.title)
        found, platform = find_or_pass(rtype, platform, connect, reach=made.reach, named=types is not None)
        made.found.append(found)
    progress(len(wanted), len(wanted), "")
    return made


def find_or_pass(
    rtype: ResourceType,
    platform: "Platform",
    connect: "Connect",
    *,
    reach: "divisions.Reach | None",
    named: bool = False,
) -> "tuple[Found, Platform]":
    """Find the objects of one type, and give the client to go on with; a list without an answer is its trouble.

    One service of the platform may be silent while the others answer. Raises what `find` raises where the platform
    does not even name its organization.
    """
    try:
        return find(rtype, platform, reach=reach, named=named), platform
    except RemoteUnknown as error:
        platform, problem = connect(), error
        platform.organization()
    if isinstance(problem, TenantDown):  # the list was not asked for, because of what came before
        try:
            return find(rtype, platform, reach=reach, named=named), platform
        except RemoteUnknown as error:
            problem = error
    return Found(rtype=rtype, troubles=[Trouble(Cause.SILENCE, f"{rtype.title}: {told(problem)}")]), platform


def begin(platform: "Platform") -> Survey:
    """Ask what the client may do and where, and give a survey that has found nothing yet."""
    try:
        return Survey(reach=divisions.reach(platform))
    except (CredentialsRefused, RemoteUnknown):
        raise
    except (RemoteError, UnusableContent) as error:
        return Survey(reach=None, problem=f"The roles of the OAuth client could not be read. {error}")


def find(rtype: ResourceType, platform: "Platform", *, reach: "divisions.Reach | None", named: bool = False) -> Found:
    """Find the objects of one type; what the client's roles do not allow is not asked for.

    Another address of objects that have their own is listed only where a person `named` it.

    Raises RemoteUnknown and CredentialsRefused, which say nothing about the type.
    """
    found = Found(rtype=rtype)
    if reach is not None and reach.permissions:
        found.lacking = rtype.read_permissions.missing(partial(holds, reach.permissions))
    if found.lacking:
        found.troubles.append(Trouble(Cause.PERMISSION, f"{rtype.title}: missing {' and '.join(found.lacking)}."))
        return found
    if rtype.alias_of is not None and not named:
        own = catalogue.get(rtype.alias_of).title
        found.troubles.append(Trouble(Cause.ALIAS, f"{rtype.title}: another address of each {own}."))
        return found
    try:
        for object_id, name in _walk(rtype, platform, troubles=found.troubles):
            found.objects[object_id] = name
    except NotListed as error:
        found.troubles.append(Trouble(Cause.UNLISTED, str(error)))
    except (CredentialsRefused, RemoteUnknown):
        raise
    except (RemoteError, UnusableContent) as error:
        found.troubles.append(Trouble(cause_of(error), f"{rtype.title}: {told(error)}"))
    found.count = found.unread = len(found.objects)
    if found.objects and rtype.history_path is not None:
        found.versions_each = _versions_each(rtype, list(found.objects)[:SAMPLE], platform)
    return found


def compare_with(tenant: "Tenant", found: Found) -> Found:
    """Count which of the objects are tracked by now and which are still to be read, and give the same thing back."""
    own = tenant.configs.filter(resource_type=found.rtype.name)
    tracked = set(own.values_list("object_id", flat=True)) & set(found.objects)
    read = set(own.exclude(unread([found.rtype])).values_list("object_id", flat=True))
    found.tracked = len(tracked)
    found.unread = len(set(found.objects) - read)
    return found


def unread(types: Iterable[ResourceType]) -> Q:
    """Give what is true of a tracked config of these types that was never read, or whose history was not to its end."""
    with_history = [rtype.name for rtype in types if rtype.history_path is not None]
    present = TrackedConfig.Presence.PRESENT
    return Q(looked_at=None) | Q(resource_type__in=with_history, history_imported_at=None, presence=present)


def discover(tenant: "Tenant", rtype: ResourceType, platform: "Platform") -> list[tuple[str, str]]:
    """Give `(object id, name)` of every object of the type that the tenant's client can see, in the platform's order.

    Raises NotListed for a type that cannot be listed, UnusableContent, and the tree of `remote.errors`. A client sees
    only the divisions of its roles (PLATFORM.md, "Access"), so an object that is missing here may still exist.
    """
    try:
        return list(dict(_walk(rtype, platform)).items())
    except NotListed as error:
        message = f"{error} Name their ids instead; nothing was tracked in {tenant.slug}."
        raise NotListed(message) from None


def told(error: Exception) -> str:
    """Say what stood in the way of a read, with the correlation id by which the platform's support finds it."""
    sentence = str(error).removesuffix(" Nothing was changed.")  # nobody wanted to change anything
    correlation_id = error.correlation_id if isinstance(error, RemoteError) else ""
    return f"{sentence} Correlation id {correlation_id}." if correlation_id else sentence


def _walk(
    rtype: ResourceType, platform: "Platform", *, troubles: list[Trouble] | None = None
) -> "Iterable[tuple[str, str]]":
    """Give each object; with `troubles`, a parent whose list cannot be read is noted there and passed over."""
    if rtype.is_singleton:
        if troubles is not None:  # it has no list to tell whether it is there
            platform.read(rtype.object_path)
        yield SINGLETON_ID, rtype.title
        return
    if not rtype.can_be_listed:
        why = "the platform has no list of them" if rtype.list_path is None else "they are listed inside other objects"
        raise NotListed(f"Objects of the type {rtype.name} cannot be listed: {why}.")
    if rtype.list_path is None:  # each of these others has one, found by the other's id
        yield from _listed(rtype.title, rtype.parents_path or "", rtype.parents_paging, platform, troubles=troubles)
    elif not rtype.in_parent and not rtype.parent:
        yield from _listed(rtype.title, rtype.list_path, rtype.paging, platform, troubles=troubles)
    else:
        yield from _walk_parents(rtype, rtype.list_path, platform, troubles=troubles)


def _walk_parents(
    rtype: ResourceType, list_path: str, platform: "Platform", *, troubles: list[Trouble] | None
) -> "Iterable[tuple[str, str]]":
    for parent, parent_name in list(_parents(rtype, platform)):
        try:
            path = list_path.replace("{parent}", quote(object_paths.checked_object_id(parent), safe=""))
            params: dict[str, str | int] | None = {rtype.list_parameter: parent} if rtype.list_parameter else None
            for own, name in _listed(rtype.title, path, rtype.paging, platform, params=params, troubles=troubles):
                if rtype.in_parent:
                    yield f"{parent}{PARENT_AND_ID}{own}", " / ".join(part for part in (parent_name, name) if part)
                else:
                    yield own, name
        except (CredentialsRefused, RemoteUnknown):
            raise
        except (RemoteError, UnusableContent, InvalidObjectId) as error:
            if troubles is None:
                raise
            inside = f"{rtype.title} in {parent_name or parent}"
            troubles.append(Trouble(cause_of(error), f"{inside}: {told(error)}"))


def _parents(rtype: ResourceType, platform: "Platform") -> "Iterable[tuple[str, str]]":
    if rtype.parents_path is not None:
        return _listed(rtype.title, rtype.parents_path, rtype.parents_paging, platform)
    around = catalogue.get(rtype.parent)
    return _listed(around.title, around.list_path or "", around.paging, platform)


def _listed(
    title: str,
    path: str,
    paging: Paging,
    platform: "Platform",
    *,
    params: "Mapping[str, str | int] | None" = None,
    troubles: list[Trouble] | None = None,
) -> "Iterable[tuple[str, str]]":
    for raw in platform.entities(path, paging=paging, params=params):
        try:
            value = archive.value_from(raw)
        except UnusableContent as error:
            if troubles is None:
                raise
            troubles.append(Trouble(Cause.UNUSABLE, f"{title}: one line of the list cannot be read. {error}"))
            continue
        object_id = value.get("id")
        if isinstance(object_id, str) and object_id:
            yield object_id, name_of(value)


def _versions_each(rtype: ResourceType, sample: Sequence[str], platform: "Platform") -> float:
    """Count the versions of a few objects; what cannot be counted is assumed."""
    counted = []
    for object_id in sample:
        try:
            path = object_paths.filled(rtype.history_path or "", rtype, object_id)
            counted.append(sum(1 for _ in islice(platform.entities(path, paging=rtype.history_paging), MOST_COUNTED)))
        except (CredentialsRefused, RemoteUnknown):
            raise
        except (RemoteError, InvalidObjectId):
            continue
    return sum(counted) / len(counted) if counted else float(UNKNOWN_VERSIONS)
