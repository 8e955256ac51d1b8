"""Whether the objects that a version refers to still exist: looked up in the tenant before anything is sent.

A write that names a deleted object is refused by the platform (`*.not.found`, PLATFORM.md, "Writing"). What live names
too is not looked up: it stands in a write that the platform once took, and a rollback leaves it as it is. A client sees
only the divisions of its roles, so "not there" may mean "not visible to this client"; the write would be refused either
way, and the sentence says both.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from tenants.documents import InvalidDocument, Value, found, join, load, resolve, split, visible
from tenants.object_paths import InvalidObjectId, checked_object_id
from tenants.remote.errors import ObjectMissing, RemoteError, RemoteRefused
from tenants.resource_types import catalogue
from tenants.resource_types.definition import ResourceType

if TYPE_CHECKING:
    from tenants.remote.client import Platform

MOST_LOOKED_UP: Final = 25
"""So many references of one version are looked up; of what is beyond, nothing is known."""


@dataclass(frozen=True, slots=True)
class Named:
    """One object that a version refers to."""

    object_id: str
    to: tuple[str, ...]
    """What it is one of: types of the catalogue, or paths with `{id}`."""
    at: str
    """The JSON Pointer of the first place that names it."""
    name: str = ""
    """What it was called there; empty where nothing says it."""

    @property
    def words(self) -> str:
        """What is named and where, for a sentence."""
        title = " or ".join(_title(target) for target in self.to)
        if self.name:
            return f"the {title} “{visible(self.name)[:80]}” ({self.object_id}, at {self.at})"
        return f"the {title} {self.object_id} (at {self.at})"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """What looking up the references of a version found."""

    there: tuple[Named, ...]
    missing: tuple[Named, ...]
    untold: tuple[tuple[Named, str], ...]
    """Of these nobody knows; with the reason, to be read after a colon."""
    beyond: int
    """So many more were not looked up."""


def new_in(rtype: ResourceType, *, target: Mapping[str, Value], live: Mapping[str, Value]) -> tuple[Named, ...]:
    """Give what the target refers to and live does not, each once, in the order of the catalogue's patterns."""
    known = {(named.to, named.object_id) for named in _named(rtype, live)}
    fresh: dict[tuple[tuple[str, ...], str], Named] = {}
    for named in _named(rtype, target):
        if (named.to, named.object_id) not in known:
            fresh.setdefault((named.to, named.object_id), named)
    return tuple(fresh.values())


def look_up(names: tuple[Named, ...], platform: "Platform") -> LookedUp:
    """Ask the platform for each of these, as many as `MOST_LOOKED_UP`; never raises for what it answers.

    The first silence ends the asking, so that a plan does not wait for a platform that is down.
    """
    there: list[Named] = []
    missing: list[Named] = []
    untold: list[tuple[Named, str]] = []
    silence = ""
    for named in names[:MOST_LOOKED_UP]:
        if silence:
            untold.append((named, silence))
            continue
        try:
            (there if _exists(named, platform) else missing).append(named)
        except RemoteRefused as error:
            untold.append((named, _why_not(named, error)))
        except RemoteError as error:
            silence = error.sentence
            untold.append((named, silence))
        except (InvalidObjectId, InvalidDocument) as error:
            untold.append((named, str(error)))
    return LookedUp(
        there=tuple(there), missing=tuple(missing), untold=tuple(untold), beyond=max(0, len(names) - MOST_LOOKED_UP)
    )


def _named(rtype: ResourceType, value: Mapping[str, Value]) -> Iterator[Named]:
    for reference in rtype.references:
        for at, object_id in found(dict(value), reference.at):
            if isinstance(object_id, str) and object_id:
                yield Named(object_id, reference.to, at, _name_beside(value, at))


def _name_beside(value: Mapping[str, Value], at: str) -> str:
    """Give the name that stands beside an `id`; empty where there is none."""
    *above, last = split(at)
    around = resolve(dict(value), join(above)) if last == "id" else None
    name = around.get("name") if isinstance(around, dict) else None
    return name if isinstance(name, str) else ""


def _why_not(named: Named, error: RemoteRefused) -> str:
    types = [catalogue.get(target) for target in named.to if not target.startswith("/")]
    needed = " or ".join(dict.fromkeys(str(rtype.read_permissions) for rtype in types if rtype.read_permissions.names))
    if error.status != 403 or not needed:
        return error.sentence
    return f"the OAuth client may not read it, which takes {needed} in its division"


def _exists(named: Named, platform: "Platform") -> bool:
    """Tell whether one of the places shows the object, and not as deleted. Raises the tree of `remote.errors`."""
    refused: RemoteRefused | None = None
    for target in named.to:
        path = target if target.startswith("/") else catalogue.get(target).object_path
        try:
            answer = platform.read(path.replace("{id}", quote(checked_object_id(named.object_id), safe="")))
        except ObjectMissing:
            continue
        except RemoteRefused as error:
            refused = error
            continue
        if not _is_deleted(load(answer.body)):
            return True
    if refused is not None:
        raise refused
    return False


def _is_deleted(shown: Value) -> bool:
    """Tell whether an answer shows an object that was deleted: some services keep showing those for a while."""
    if not isinstance(shown, dict):
        return False
    state = shown.get("state")
    return shown.get("deleted") is True or (isinstance(state, str) and state.lower() == "deleted")


def _title(target: str) -> str:
    return target.rpartition("/{id}")[0] if target.startswith("/") else catalogue.get(target).title
