"""What counts as the configuration in an object of one type: its writable members, and nothing that moves by itself.

Digests are over the projection, so that a heartbeat of the server (a status, a member count, a date) is no change and
no drift (PROTOCOL.md, "The words").
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tenants.documents import NotFound, Value, digest, resolve, without
from tenants.resource_types.definition import ResourceType, VersionRule
from tenants.resource_types.written import comparable

# Without leading zeros, and no longer than any number that can be kept.
_DIGITS: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a version, as the platform names them; each part is empty where it does not say."""

    id: str
    name: str
    app_id: str
    """The OAuth client through which it was written: ours, or a stranger's."""


def project(rtype: ResourceType, value: Mapping[str, Value]) -> dict[str, Value]:
    """Give the members of an object that are its configuration, in its order: those that are written or never change.

    Where null clears a member (`null_clears`), null and absent are one configuration, and nulls are left out. Of a type
    that nobody may write, it is all that the platform does not set by itself. What moves by itself inside a member
    (`nested_volatile`) is left out there, and what a body names otherwise is reduced to what a body can say.
    """
    content = rtype.content if rtype.update_method else frozenset(value) - rtype.set_by_platform
    kept = {
        key: member for key, member in value.items() if key in content and not (rtype.null_clears and member is None)
    }
    return comparable(rtype, without(kept, rtype.nested_volatile))


def content_digest(rtype: ResourceType, value: Mapping[str, Value]) -> str:
    """Give the digest of an object's configuration: SHA-256 over its projection, 64 hexadecimal digits."""
    return digest(project(rtype, value))


def version_of(rtype: ResourceType, value: Mapping[str, Value]) -> int | None:
    """Give the platform's version number; None where the type has none or the object shows no integer there.

    Some types whose versions the platform numbers by itself show the number as a text of digits.
    """
    return number_at(rtype, value, rtype.version_pointer)


def number_at(rtype: ResourceType, value: Mapping[str, Value], pointer: str) -> int | None:
    """Give the version number at another place than the object's own, as in a listed version; else as `version_of`."""
    if not pointer:
        return None
    try:
        found = resolve(dict(value), pointer)
    except NotFound:
        return None
    if isinstance(found, str) and rtype.version_rule is VersionRule.ASSIGNED and _DIGITS.fullmatch(found):
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def author_of(value: Mapping[str, Value]) -> Author:
    """Give who wrote this version and through which client: both as of its modification, else as of its creation.

    Never one of each: a person who changes what our client once created has not written through our client.
    """
    event = "modified" if value.get("modifiedBy") or value.get("modifiedByApp") else "created"
    person, app = value.get(f"{event}By"), value.get(f"{event}ByApp")
    return Author(id=_text(person, "id"), name=_text(person, "name"), app_id=_text(app, "id"))


def author_of_change(value: Mapping[str, Value]) -> str | None:
    """Give the client, else the person, named as the author of the state shown; None where only a creator is named.

    Our client may have created an object that somebody else has written since, so a creator is no evidence.
    """
    if not (value.get("modifiedBy") or value.get("modifiedByApp")):
        return None
    author = author_of(value)
    return author.app_id or author.id or None


def written_at(value: Mapping[str, Value]) -> datetime | None:
    """Give when the platform says that this version was written; None where it says nothing that is a date."""
    for key in ("dateModified", "dateCreated"):
        said = value.get(key)
        if isinstance(said, str):
            try:
                moment = datetime.fromisoformat(said)
            except ValueError:
                continue
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _text(reference: Value, key: str) -> str:
    """Give one part of a reference, which some services write as an object and some as the bare id."""
    if isinstance(reference, str):
        return reference if key == "id" else ""
    part = reference.get(key) if isinstance(reference, dict) else None
    return part if isinstance(part, str) else ""
