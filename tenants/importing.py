"""Fill the past of a config from the platform's own history, where it keeps one.

What cannot be read is refused with its reason, and everything else is still imported.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from tenants import archive, object_paths
from tenants.archive import UnusableContent
from tenants.capture import SAYS_NOTHING
from tenants.models import Snapshot, TrackedConfig
from tenants.remote.errors import (
    RemoteError,
)
from tenants.resource_types import catalogue, projection
from tenants.resource_types.definition import ResourceType

if TYPE_CHECKING:
    from tenants.remote.client import Platform


@dataclass(slots=True, kw_only=True)
class HistoryImport:
    """What an import of the platform's own history did."""

    imported: int = 0
    already: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Each version that could not be kept, and why."""
    stopped: str = ""
    """Why the import ended before it had asked for every version; the next one goes on from there."""


def _no_progress(_done: int, _total: int) -> None:
    """Say nothing."""


def import_history(
    config: TrackedConfig, platform: "Platform", *, progress: Callable[[int, int], None] = _no_progress
) -> HistoryImport:
    """Keep every version of the platform's own history that is not kept yet, newest first, each in its own transaction.

    Never raises for what the platform answers: a version that cannot be read is refused with its reason and the others
    are still imported; silence stops the import, and the next one goes on where it stopped. `progress` is told how many
    of how many are done. Types without a history import nothing.
    """
    rtype = catalogue.get(config.resource_type)
    result = HistoryImport()
    if rtype.history_path is None:
        return result
    missing = _missing_versions(config, rtype, platform, result)
    for done, version in enumerate(missing):
        progress(done, len(missing))
        try:
            _snapshot, new = _import_version(config, rtype, version, platform)
        except SAYS_NOTHING as error:
            result.stopped = f"The import stopped at v{version}; {done} of {len(missing)} were done. {error.sentence}"
            break
        except (RemoteError, UnusableContent) as error:
            result.refused.append((str(version), error.sentence if isinstance(error, RemoteError) else str(error)))
        else:
            result.imported += new
            result.already += not new
    progress(len(missing), len(missing))
    if not result.stopped:
        config.history_imported_at = timezone.now()
        TrackedConfig.objects.filter(pk=config.pk).update(history_imported_at=config.history_imported_at)
    return result


def _missing_versions(
    config: TrackedConfig, rtype: ResourceType, platform: "Platform", result: HistoryImport
) -> list[int]:
    """Give the versions that the platform lists and that are not kept, newest first."""
    kept = set(config.snapshots.values_list("version", flat=True))
    listed: set[int] = set()
    try:
        for raw in platform.entities(_history_path(config, rtype)):
            version = _listed_version(rtype, raw, result)
            if version is not None:
                listed.add(version)
    except RemoteError as error:
        result.stopped = f"The list of versions did not come to its end. {error.sentence}"
    result.already = len(listed & kept)
    return sorted(listed - kept, reverse=True)


def _history_path(config: TrackedConfig, rtype: ResourceType) -> str:
    return object_paths.filled(rtype.history_path or "", rtype, config.object_id)


def read_version(config: TrackedConfig, version: int, platform: "Platform") -> Snapshot:
    """Read one version from the platform's own history and give its snapshot, kept now unless it already was.

    Raises UnusableContent, the tree of `remote.errors`, and ValueError for a type without a history.
    """
    return _import_version(config, catalogue.get(config.resource_type), version, platform)[0]


def _listed_version(rtype: ResourceType, raw: bytes, result: HistoryImport) -> int | None:
    try:
        value = archive.value_from(raw)
    except UnusableContent as error:
        result.refused.append(("?", f"One line of the list of versions cannot be read. {error}"))
        return None
    version = projection.version_of(rtype, value)
    if version is None:
        result.refused.append(("?", f"One line of the list of versions has no number at {rtype.version_pointer}."))
    return version


def _import_version(
    config: TrackedConfig, rtype: ResourceType, version: int, platform: "Platform"
) -> tuple[Snapshot, bool]:
    if rtype.history_version_path is None:
        raise ValueError(f"The platform keeps no history of the type {rtype.name}. Nothing was read.")
    path = object_paths.filled(rtype.history_version_path, rtype, config.object_id).replace("{version}", str(version))
    answer = platform.read(path)
    archive.check(config, rtype, answer.body, version=version)
    with transaction.atomic():
        return archive.record(config, rtype, answer, source=Snapshot.Source.HISTORY, seen_at=answer.received_at)
