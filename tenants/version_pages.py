"""One version by itself: its content laid out to read, and its exact bytes to keep."""

import re
from dataclasses import dataclass
from typing import Final

from django.http import HttpResponse

from tenants import archive
from tenants.archive import UnusableContent
from tenants.documents import pretty, visible
from tenants.models import Snapshot, TrackedConfig

LARGEST_SHOWN: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidOut:
    """The content of a version as a page shows it."""

    text: str
    problem: str = ""
    """Why the text is not the laid-out content, in a sentence; then it is the bytes as far as they are text."""


def laid_out(snapshot: Snapshot) -> LaidOut:
    """Give a version's content printed for people; what cannot be read strictly is shown as it came."""
    if snapshot.document.size > LARGEST_SHOWN:
        return LaidOut(
            text="",
            problem=f"The version has {snapshot.document.size:,} bytes; pages show up to {LARGEST_SHOWN:,}. "
            f"Download it instead.",
        )
    try:
        return LaidOut(text=pretty(archive.value_of(snapshot)))
    except UnusableContent as error:
        try:
            raw = archive.bytes_of(snapshot).decode("utf-8", "backslashreplace")
        except UnusableContent:
            raw = ""
        return LaidOut(text="\n".join(visible(line) for line in raw.split("\n")), problem=str(error))


def download(config: TrackedConfig, snapshot: Snapshot) -> HttpResponse:
    """Answer with the exact bytes as a file, so that a browser shows none of it as a page of this console.

    Raises UnusableContent when the stored bytes are no longer those that came.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", config.name or config.object_id).strip("-.")[:80] or "configuration"
    answer = HttpResponse(archive.bytes_of(snapshot), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{name}-v{snapshot.version}.json"'
    return answer
