"""Read folders of versions (v0001.json …) whose exact bytes become the `content` of assist configurations."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_VERSION = re.compile(r"v(\d+)(\.invalid)?\.json")


class HistoryUnreadable(Exception):
    """The history folder holds no versions, or something there cannot be read."""


@dataclass(frozen=True)
class KeptVersion:
    """One version of one folder: its exact bytes, its day, and what its author said about it."""

    content: bytes
    at: datetime
    subject: str


@dataclass(frozen=True)
class KeptHistory:
    """One folder of versions, oldest first."""

    name: str
    versions: list[KeptVersion]


def read_histories(folder: Path) -> list[KeptHistory]:
    """Return the history in `folder`, or, where it holds folders, one history for each. Raises `HistoryUnreadable`."""
    if not folder.is_dir():
        raise HistoryUnreadable(f"{folder} is no folder; nothing was started.")
    try:
        histories = [_read(one) for one in [folder, *sorted(folder.iterdir())] if one.is_dir() and _versions(one)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HistoryUnreadable(f"A history in {folder} cannot be read ({error}); nothing was started.") from error
    if not histories:
        raise HistoryUnreadable(
            f"Neither {folder} nor a folder in it holds versions (v0001.json …); nothing was started."
        )
    return histories


def _versions(folder: Path) -> list[Path]:
    named = [path for path in folder.iterdir() if _VERSION.fullmatch(path.name)]
    return sorted(named, key=lambda path: int(path.name[1:].split(".")[0]))


def _read(folder: Path) -> KeptHistory:
    paths = _versions(folder)
    meta_path = folder / "meta.json"
    meta = json.loads(meta_path.read_bytes()) if meta_path.exists() else {}
    told = {one["file"]: one for one in meta.get("versions", [])}
    versions: list[KeptVersion] = []
    for path in paths:
        about = told.get(path.name, {})
        day = datetime.fromisoformat(about["date"]) if "date" in about else datetime(2026, 1, 1)  # noqa: DTZ001
        at = day.replace(tzinfo=UTC) if day.tzinfo is None else day
        if versions:  # several versions of one day keep their order
            at = max(at, versions[-1].at + timedelta(minutes=1))
        versions.append(KeptVersion(path.read_bytes(), at, about.get("subject", "")))
    return KeptHistory(folder.resolve().name, versions)
