"""Fill the past of a config from the platform's own history, where it keeps one.

What cannot be read is refused with its reason, and everything else is still imported.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from tenants import archive, labelling, live, object_paths
from tenants.archive import UnusableContent
from tenants.capture import SAYS_NOTHING
from tenants.models import Snapshot, TrackedConfig
from tenants.remote.errors import (
    ObjectMissing,
    PermissionMissing,
    RemoteError,
    RequestRefused,
)
from tenants.resource_types import catalogue
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
            result.stopped = (
                f"The import stopped at v{version.number}; {done} of {len(missing)} were done. {error.sentence}"
            )
            break
        except (RemoteError, UnusableContent) as error:
            result.refused.append(
                (str(version.number), error.sentence if isinstance(error, RemoteError) else str(error))
            )
        else:
            result.imported += new
            result.already += not new
    progress(len(missing), len(missing))
    if not result.stopped:
        config.history_imported_at = timezone.now()
        config.history_refused = [list(one) for one in result.refused]
        TrackedConfig.objects.filter(pk=config.pk).update(
            history_imported_at=config.history_imported_at, history_refused=config.history_refused
        )
    return result


def _missing_versions(
    config: TrackedConfig, rtype: ResourceType, platform: "Platform", result: HistoryImport
) -> list[live.Version]:
    """Give the versions that the platform lists and that are not kept, newest first."""
    kept = set(config.snapshots.values_list("version", flat=True))
    listed: dict[int, live.Version] = {}
    try:
        path = object_paths.filled(rtype.history_path or "", rtype, config.object_id)
        for raw in platform.entities(path, paging=rtype.history_paging):
            version = _listed_version(rtype, raw, result)
            if version is not None and version.number is not None:
                listed[version.number] = version
    except (ObjectMissing, PermissionMissing, RequestRefused) as error:
        # A plain no: nobody should wait for the same again. The next change of live asks anew.
        result.refused.append(("?", f"The platform refuses the list of versions. {error.sentence}"))
    except RemoteError as error:
        result.stopped = f"The list of versions did not come to its end. {error.sentence}"
    result.already = len(listed.keys() & kept)
    # What retention has dropped does not come back.
    dropped = TrackedConfig.objects.values_list("dropped_through", flat=True).get(pk=config.pk)
    wanted = {number for number in listed.keys() - kept if dropped is None or number > dropped}
    return [listed[number] for number in sorted(wanted, reverse=True)]


def read_version(config: TrackedConfig, version: int, platform: "Platform") -> Snapshot:
    """Read one version from the platform's own history and give its snapshot, kept now unless it already was.

    Raises UnusableContent, the tree of `remote.errors`, and ValueError for a type without a history.
    """
    rtype = catalogue.get(config.resource_type)
    return _import_version(config, rtype, _by_number(config, rtype, version, platform), platform)[0]


def _by_number(config: TrackedConfig, rtype: ResourceType, number: int, platform: "Platform") -> live.Version:
    """Give how a version is read: by its number, or by the key that the list of versions shows for it."""
    if not rtype.history_key_pointer:
        return live.Version(number=number, key=str(number))
    for version in live.versions(config, platform):
        if version.number == number and version.key is not None:
            return version
    raise UnusableContent(f"The platform lists no version {number} of {config.address}.")


def _listed_version(rtype: ResourceType, raw: bytes, result: HistoryImport) -> live.Version | None:
    try:
        version = live.listed(rtype, raw)
    except UnusableContent as error:
        result.refused.append(("?", f"One line of the list of versions cannot be read. {error}"))
        return None
    if version.number is None:
        where = rtype.history_version_pointer or rtype.version_pointer
        result.refused.append(("?", f"One line of the list of versions has no number at {where}."))
        return None
    if version.key is None:
        reason = f"It cannot be read: its line in the list of versions has no key at {rtype.history_key_pointer}."
        result.refused.append((str(version.number), reason))
        return None
    return version


def _import_version(
    config: TrackedConfig, rtype: ResourceType, version: live.Version, platform: "Platform"
) -> tuple[Snapshot, bool]:
    answer = live.read_version(config, version, platform)
    with transaction.atomic():
        snapshot, new = archive.record(
            config,
            rtype,
            answer,
            source=Snapshot.Source.HISTORY,
            seen_at=answer.received_at,
            version=version.number,
        )
        if new:
            labelling.raise_alarm(config, snapshot, now=timezone.now(), past=True)
    return snapshot, new
