"""Families that a few lines declare: members, stamps, and which of the published platform's guards they have.

The published platform has two kinds (PLATFORM.md, "Two families of resource"): a body that echoes the live
version, which the server counts, and no guard at all. `published.py` says which type is of which kind.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, cast

from console.practice.answers import Refusal, Request
from console.practice.raw_json import dump
from console.practice.resource import Mount, Resource, bad_value, whole_number
from console.practice.state import Organization, Revision, StoredObject, timestamp


@dataclass(frozen=True)
class Mismatch:
    """How a service says that the version in a body is not the live one; `text` has {sent} and {live}."""

    status: int
    code: str
    text: str


OUTBOUND = Mismatch(
    HTTPStatus.CONFLICT,
    "invalid.update.wrong.version",
    "Supplied version {sent} does not match the latest version {live}",
)
DIRECTORY = Mismatch(
    HTTPStatus.CONFLICT,
    "general.conflict",
    "The version {sent} is out of date; the current version is {live}.",
)
ELSEWHERE = Mismatch(
    HTTPStatus.BAD_REQUEST,
    "bad.request",
    "The supplied version {sent} does not match the current version {live}.",
)


class Declared(Resource):
    """A family that shows `stamps` beside its writable members; what stands in `fixed` never changes.

    Members that are null are left out of an answer, as the platform does.
    """

    stamps: ClassVar[tuple[str, ...]] = ()
    shows_id: ClassVar[bool] = True
    people_by_reference: ClassVar[bool] = False
    readable: ClassVar[tuple[str, ...]] = ()  # hidden members that an answer shows
    mismatch: ClassVar[Mismatch | None] = None  # None: no version, the last write wins

    def __init_subclass__(cls) -> None:
        """Let the server manage what the declaration calls stamps."""
        super().__init_subclass__()
        cls.server_managed = frozenset({*cls.stamps, "selfUri"})

    def is_version(self, key: str) -> bool:
        """Know a version only where one guards the write."""
        return key == "version" and self.mismatch is not None

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the object: who it is, its version, its writable members, its stamps."""
        inner = {"name", *self.hidden} - {*self.readable}
        shown = {key: value for key, value in revision.members.items() if key not in inner and value != b"null"}
        version = {} if self.mismatch is None else {"version": dump(revision.version)}
        head = {"id": dump(stored.id)} if self.shows_id else {}
        named = {"name": revision.members["name"]} if "name" in revision.members else {}
        return {**head, **named, **version, **shown, **self.stamped(stored, revision), "selfUri": dump(path)}

    def stamped(self, stored: StoredObject, revision: Revision) -> dict[str, bytes]:
        """Return what the server says of a revision by itself."""
        moving: dict[str, Any] = {
            "dateModified": timestamp(revision.at),
            "modifiedBy": revision.by.id,
            "modifiedByApp": revision.app,
        }
        moving |= {"modifiedDate": moving["dateModified"], "dateLastModified": moving["dateModified"]}
        if self.people_by_reference:
            moving["modifiedBy"] = {"id": revision.by.id, "selfUri": f"/api/v2/users/{revision.by.id}"}
        if self.mismatch is None and "version" in self.stamps:
            moving["version"] = revision.version
        values = {key: moving.get(key, stored.fixed.get(key)) for key in self.stamps}
        return {key: dump(value) for key, value in values.items() if value is not None}

    def guard(
        self,
        request: Request,  # noqa: ARG002
        organization: Organization,  # noqa: ARG002
        stored: StoredObject,
        members: Mapping[str, bytes],
    ) -> None:
        """Ask for the live version, unchanged, where the family has one."""
        if self.mismatch is None or whole_number(members.get("version")) == stored.live.version:
            return
        shown = members.get("version", b"none").strip().decode("utf-8", "replace")[:40]
        live = str(stored.live.version)
        raise Refusal(
            self.mismatch.status,
            self.mismatch.code,
            self.mismatch.text.format(sent=shown, live=live),
            params={"version": shown},
        )


def ids_of(members: Mapping[str, bytes], key: str) -> list[str]:
    """Return the ids in a member that holds one reference or a list of them. Raises `Refusal`."""
    try:
        value = json.loads(members.get(key, b"null"))
        listed = value if isinstance(value, list) else [] if value is None else [value]
        return [str(one["id"]) for one in listed]
    except (ValueError, KeyError, TypeError) as error:
        raise bad_value(key, members[key], "a reference with an id, or a list of them") from error


def refuse_lost_references(
    organization: Organization, members: Mapping[str, bytes], key: str, family: str, code: str
) -> None:
    """Raise `Refusal` when `key` names an object of `family` that is not, or no longer, in the organization."""
    for object_id in ids_of(members, key):
        found = organization.objects.get((family, object_id))
        if found is None or found.deleted:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                code,
                f"The [{key}] [{object_id}] was not found.",
                params={"property": key, "id": object_id},
            )


def declare(
    family: str,
    label: str,
    service: str,
    path: str,
    permissions: str,
    *,
    writable: str,
    required: str = "",
    stamps: str = "",
    resets: Mapping[str, Any] | None = None,
    base: type[Declared] = Declared,
    **more: Any,
) -> type[Declared]:
    """Return a family that a few words describe.

    `permissions` are those of reading and of writing, with ` / ` between them, each as in a `Mount`; the other texts
    are names of members with spaces between them. A left-out member becomes null, or what `resets` says.
    """
    read, _, write = (part.strip() for part in permissions.partition("/"))
    members = {**dict.fromkeys(writable.split(), b"null"), **{key: dump(one) for key, one in (resets or {}).items()}}
    told = {
        "__doc__": f"{label} objects.",
        "__module__": __name__,
        "family": family,
        "label": label,
        "service": service,
        "mounts": (Mount(path, read, write),),
        "writable": members,
        "required": tuple(required.split()),
        "stamps": tuple(stamps.split()),
        **more,
    }
    return cast("type[Declared]", type(label, (base,), told))
