"""One version by itself: its content laid out to read, and its exact bytes to keep."""

import re
from dataclasses import dataclass
from typing import Final

from django.http import HttpResponse

from tenants import archive
from tenants.archive import UnusableContent
from tenants.documents import InvalidDocument, pretty, visible
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import ResourceType, secrets

LARGEST_SHOWN: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidOut:
    """The content of a version as a page shows it."""

    text: str
    problem: str = ""
    """Why the text is not the laid-out content, in a sentence; then it is the bytes as far as they are text."""


def laid_out(snapshot: Snapshot, rtype: ResourceType | None) -> LaidOut:
    """Give a version's content printed for people; what cannot be read strictly is shown as it came.

    Words stand in place of secrets, and of all of it where secrets cannot be found in it.
    """
    if snapshot.document.size > LARGEST_SHOWN:
        return LaidOut(
            text="",
            problem=f"The version has {snapshot.document.size:,} bytes; pages show up to {LARGEST_SHOWN:,}. "
            f"Download it instead.",
        )
    try:
        value = archive.value_of(snapshot)
        return LaidOut(text=pretty(value if rtype is None else secrets.hidden(rtype, value)))
    except UnusableContent as error:
        if rtype is not None and rtype.secret:
            return LaidOut(text="", problem=f"{error} As it may hold a secret, nothing of it is shown.")
        try:
            raw = archive.bytes_of(snapshot).decode("utf-8", "backslashreplace")
        except UnusableContent:
            raw = ""
        return LaidOut(text="\n".join(visible(line) for line in raw.split("\n")), problem=str(error))


def download(config: TrackedConfig, snapshot: Snapshot, rtype: ResourceType | None) -> HttpResponse:
    """Answer with the exact bytes as a file, so that a browser shows none of it as a page of this console.

    Words stand in place of secrets. Raises UnusableContent when the stored bytes are no longer those that came, or no
    object in which secrets could be found.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", config.name or config.object_id).strip("-.")[:80] or "configuration"
    raw = archive.bytes_of(snapshot)
    try:
        shown = raw if rtype is None else secrets.hidden_bytes(rtype, raw)
    except InvalidDocument as error:
        raise UnusableContent(f"{error} As it may hold a secret, it is not given out.") from error
    answer = HttpResponse(shown, content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{name}-v{snapshot.version}.json"'
    return answer
