"""Which versions of a timeline somebody asks for, and how large each change was and what it touched."""

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from tenants.documents.terms import folded
from tenants.indexing import SEPARATOR
from tenants.indices import VersionChanges
from tenants.models import Snapshot

BAR: Final = 120
"""How wide the bar of a very large change is, in pixels of a drawing."""
DOUBLING: Final = 14
"""How much wider it is for twice as many changes."""
KINDS: Final = ("changed", "added", "removed", "moved")
_BETWEEN: Final = re.compile(r"\s*(?:›|>|»)\s*")
_MOMENTS: Final = ("%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class TimelineFilters(forms.Form):
    """What the versions on the page have to be; all of it stands in the address."""

    path = forms.CharField(
        required=False,
        max_length=300,
        label="Touched",
        widget=forms.TextInput({"type": "search", "placeholder": "rules › Refund request, or /content/rules"}),
    )
    author = forms.CharField(required=False, max_length=200, label="Author", widget=forms.TextInput({"type": "search"}))
    since = forms.DateTimeField(
        required=False,
        label="From (UTC)",
        input_formats=_MOMENTS,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": "This is no time. Write 2026-11-22 or 2026-11-22T02:47."},
    )
    until = forms.DateTimeField(
        required=False,
        label="Until (UTC)",
        input_formats=_MOMENTS,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": "This is no time. Write 2026-11-22 or 2026-11-22T02:47."},
    )

    def __init__(self, query: Mapping[str, str]) -> None:
        """Read an address; a browser’s field wants the minute, so a day is read as its first and its last."""
        asked = {name: query.get(name, "").strip() for name in ("path", "author", "since", "until")}
        for name, of_day in (("since", "T00:00"), ("until", "T23:59")):
            if _DAY.fullmatch(asked[name]):
                asked[name] += of_day
        super().__init__(asked, auto_id="f_%s")

    @property
    def narrowed(self) -> bool:
        """Whether any filter is set."""
        return any(self.data.values())

    @property
    def address(self) -> str:
        """The filters as the query of an address."""
        return urlencode({name: value for name, value in self.data.items() if value})

    def narrow(self, versions: QuerySet[Snapshot]) -> QuerySet[Snapshot]:
        """Keep the versions that pass every filter; one that cannot be read as a filter keeps none."""
        if not self.is_valid():
            return versions.none()
        asked: dict[str, Any] = self.cleaned_data
        if asked["author"]:
            author = asked["author"].strip()
            versions = versions.filter(Q(author_name__icontains=author) | Q(author_id__icontains=author))
        versions = versions.alias(at=Coalesce("written_at", "captured_at"))
        if asked["since"]:
            versions = versions.filter(at__gte=asked["since"])
        if asked["until"]:
            versions = versions.filter(at__lt=asked["until"] + timedelta(minutes=1))
        if asked["path"]:
            touched = VersionChanges.objects.filter(_touches(asked["path"]), snapshot=OuterRef("pk"))
            versions = versions.filter(Exists(touched))
        return versions


def _touches(path: str) -> Q:
    """Say which changes are at a place, inside it, or of something that holds it; in words or as a pointer."""
    if path.strip().startswith("/"):
        pointer = path.strip().rstrip("/")
        found = Q(places__contains=f"\n{pointer}\n") | Q(places__contains=f"\n{pointer}/")
        parts = pointer.split("/")[1:-1]
        for end in range(1, len(parts) + 1):
            found |= Q(places__contains=f"\n/{'/'.join(parts[:end])}\n")
        return found
    words = [word for word in _BETWEEN.split(folded(path.strip())) if word]
    found = Q(places__contains=SEPARATOR.join(words))
    for end in range(2, len(words)):
        found |= Q(places__contains=f"{SEPARATOR.join(words[:end])}\n")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large one change was, and what it touched."""

    parts: tuple[tuple[str, int, int, int], ...]
    """Kind, how many, and where the part of the bar begins and how wide it is."""
    count: int
    top: tuple[Mapping[str, Any], ...]
    more: int
    """How many changes are at other places than the top ones."""

    @property
    def width(self) -> int:
        """Of the whole bar."""
        return sum(width for _, _, _, width in self.parts)


def sizes(versions: Iterable[Snapshot]) -> dict[int, Size]:
    """Give how large the change of each version was, as far as it is worked out; all bars are to one scale.

    The scale is that of a logarithm: one change stays visible beside a thousand.
    """
    rows = VersionChanges.objects.filter(snapshot__in=[one.pk for one in versions]).exclude(before=None)
    return {row.pk: _size(row) for row in rows.defer("outline", "places") if row.count}


def _size(row: VersionChanges) -> Size:
    whole = min(BAR, DOUBLING * row.count.bit_length())
    parts, begin = [], 0
    for kind in KINDS:
        number = getattr(row, kind)
        if number:
            width = max(3, round(whole * number / row.count))
            parts.append((kind, number, begin, width))
            begin += width
    return Size(
        parts=tuple(parts),
        count=row.count,
        top=tuple(row.top),
        more=max(0, row.count - sum(int(one["count"]) for one in row.top)),
    )


def neighbours(config_versions: QuerySet[Snapshot], shown: Iterable[Snapshot]) -> dict[int, Snapshot]:
    """Give the version before each of some, whatever is between them on the page."""
    ordered = list(config_versions.order_by("-version", "-captured_at", "-pk").values_list("pk", flat=True))
    following = dict(itertools.pairwise(ordered))
    known = {one.pk: one for one in shown}
    wanted = {following[pk] for pk in known if pk in following}
    missing = wanted - known.keys()
    if missing:
        known |= config_versions.select_related("document").defer("document__body").in_bulk(list(missing))
    return {pk: known[following[pk]] for pk in list(known) if following.get(pk) in known}


def gap(before: Snapshot | None, snapshot: Snapshot, *, dropped_through: int | None) -> tuple[int, int] | None:
    """Give the first and the last number between two versions that are not kept; None where retention dropped none.

    Numbers beyond the highest that it dropped are left out: those were never seen.
    """
    if before is None or dropped_through is None:
        return None
    first, last = before.version + 1, min(snapshot.version - 1, dropped_through)
    return (first, last) if first <= last else None
