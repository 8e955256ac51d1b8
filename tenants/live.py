"""What is in force of an object, and what the platform keeps of its past: the one way in which both are read.

Most types show what is in force at the object's own path. Of a web messenger configuration that path shows a draft, and
what visitors get is the newest version that was published. A version, too, is not everywhere the object as it was: that
of a knowledge document holds the document inside itself, and is read by an id that is not its number. The rules stand
in the catalogue (`live`, `object_query`, the keys that begin with `history_`); nobody else reads them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace as with_changes
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote

from tenants import archive, object_paths
from tenants.documents import InvalidDocument, NotFound, extract, resolve
from tenants.models import TrackedConfig
from tenants.remote.errors import ObjectMissing
from tenants.resource_types import catalogue, projection
from tenants.resource_types.definition import LiveAt, ResourceType

if TYPE_CHECKING:
    from tenants.documents import Value
    from tenants.remote.answers import Answer
    from tenants.remote.client import Platform

LONGEST_KEY: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One line of the platform's list of versions; both parts are None where it shows none that can be used."""

    number: int | None
    key: str | None
    """What stands for `{version}` in the path of the version."""


def read(config: TrackedConfig, platform: "Platform", *, if_none_match: bytes | None = None) -> "Answer":
    """Give what is in force of the object now, as the exact bytes that the platform shows.

    `if_none_match` allows a 304 where the object's own path shows it. Raises InvalidObjectId, the tree of
    `remote.errors` (`ObjectMissing` too where nothing was ever published), and UnusableContent where the list of
    versions cannot be read.
    """
    rtype = catalogue.get(config.resource_type)
    if rtype.live is LiveAt.OBJECT:
        path = object_paths.object_path(rtype, config.object_id)
        return platform.read(path, if_none_match=if_none_match, params=query_of(rtype))
    newest = max(
        (version for version in versions(config, platform) if version.number is not None and version.key is not None),
        key=lambda version: version.number or 0,
        default=None,
    )
    if newest is None:
        path = _filled(rtype, rtype.history_path, config)
        raise ObjectMissing(
            f"The platform lists no version of {config.address} at {path}, so nothing of it is in force. Publish it on "
            "the platform, then look again."
        )
    return read_version(config, newest, platform)


def versions(config: TrackedConfig, platform: "Platform") -> Iterator[Version]:
    """Give each version that the platform lists, in its order.

    Raises ValueError for a type without a history, the tree of `remote.errors`, and UnusableContent for a line that is
    no object.
    """
    rtype = catalogue.get(config.resource_type)
    path = _filled(rtype, rtype.history_path, config)
    for raw in platform.entities(path, paging=rtype.history_paging):
        yield listed(rtype, raw)


def listed(rtype: ResourceType, raw: bytes) -> Version:
    """Give what one line of the list of versions says; raises UnusableContent where it is no object."""
    value = archive.value_from(raw)
    number = projection.number_at(rtype, value, rtype.history_version_pointer or rtype.version_pointer)
    return Version(number=number, key=_key(rtype, value, number))


def read_version(config: TrackedConfig, version: Version, platform: "Platform") -> "Answer":
    """Give the object as it was in one version: the answer's body is it alone, byte for byte as the platform shows it.

    Raises ValueError for a type without a history, UnusableContent for another version than the one asked for or one
    without the object, and the tree of `remote.errors`.
    """
    rtype = catalogue.get(config.resource_type)
    path = _filled(rtype, rtype.history_version_path, config).replace("{version}", quote(version.key or "", safe=""))
    answer = platform.read(path, params=query_of(rtype))
    if not (rtype.history_content_pointer or rtype.history_version_pointer):
        return answer
    value = archive.value_from(answer.body)
    shown = projection.number_at(rtype, value, rtype.history_version_pointer or rtype.version_pointer)
    if shown != version.number:
        raise archive.UnusableContent(f"The answer to version {version.number} is version {shown}.")
    try:
        return with_changes(answer, body=extract(answer.body, rtype.history_content_pointer))
    except (NotFound, InvalidDocument) as error:
        where = rtype.history_content_pointer
        raise archive.UnusableContent(f"The answer to version {version.number} has no object at {where}.") from error


def query_of(rtype: ResourceType) -> dict[str, str | int] | None:
    """Give the parameters that a read of the object asks with; None where there are none."""
    return dict(parse_qsl(rtype.object_query)) or None


def _filled(rtype: ResourceType, template: str | None, config: TrackedConfig) -> str:
    if template is None:
        raise ValueError(f"The platform keeps no history of the type {rtype.name}. Nothing was read.")
    return object_paths.filled(template, rtype, config.object_id)


def _key(rtype: ResourceType, value: "dict[str, Value]", number: int | None) -> str | None:
    if not rtype.history_key_pointer:
        return None if number is None else str(number)
    try:
        shown = resolve(value, rtype.history_key_pointer)
    except NotFound:
        return None
    if isinstance(shown, int) and not isinstance(shown, bool):
        return str(shown)
    usable = isinstance(shown, str) and 0 < len(shown) <= LONGEST_KEY and shown not in {".", ".."}
    return shown if usable and isinstance(shown, str) else None
