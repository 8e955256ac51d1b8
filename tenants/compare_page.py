"""The compare page: which two versions an address names, and everything that the page says about them.

An address says all of it, so that a link shows the same to everybody and no script is needed: `from`, `to` and `view`,
`hide=volatile`, the `part` of a long comparison, a place (`at`, a JSON Pointer into the side after; `was`, into the one
before), a text to `find`, and the rows that are unfolded (`open=120-320,900-950`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from django.db.models import Count
from django.utils import timezone

from tenants import comparing, labelling
from tenants.documents import MISSING, InvalidPointer, same, to_text, visible
from tenants.layouts import layout
from tenants.models import Snapshot, TrackedConfig
from tenants.row_markup import Markup

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from tenants.chronicle import Label
    from tenants.documents import Change, Layout, Missing, RowPlace, Span, Value
    from tenants.row_markup import View

MOST_OPTIONS: Final = 200
MOST_FOUND: Final = 100
MOST_OPENED: Final = 12
LONGEST_OPENED: Final = 400
LONGEST_VALUE: Final = 20_000
AROUND: Final = 8
"""Unchanged rows that are unfolded on each side of a place that somebody went to."""

_SPANS: Final = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One version that may be chosen for a side."""

    word: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address asks for."""

    from_word: str
    to_word: str
    view: "View" = "split"
    hides: bool = False
    part: int = 0
    """Counted from 1; 0 for the one that holds what is asked for."""
    at: str | None = None
    was: str | None = None
    find: str = ""
    opened: "tuple[Span, ...]" = ()

    @classmethod
    def read(cls, config: TrackedConfig, query: Mapping[str, str]) -> "Asked":
        """Read an address; what it does not say is the usual, and what cannot be is left out."""
        spans = [(int(begin), int(end)) for begin, end in _SPANS.findall(query.get("open", "")[:400])]
        part = query.get("part", "")
        return cls(
            from_word=query.get("from", "").strip()[:60] or ("baseline" if config.baseline_id else "live"),
            to_word=query.get("to", "").strip()[:60] or "live",
            view="unified" if query.get("view") == "unified" else "split",
            hides=query.get("hide") == "volatile",
            part=int(part) if part.isascii() and part.isdigit() and len(part) < 7 else 0,
            at=query.get("at"),
            was=query.get("was"),
            find=query.get("find", "").strip()[:300],
            opened=tuple((begin, min(end, begin + LONGEST_OPENED)) for begin, end in spans)[-MOST_OPENED:],
        )

    @property
    def query(self) -> str:
        """The address that asks for this, from its question mark on."""
        words: dict[str, str] = {"from": self.from_word, "to": self.to_word}
        if self.view != "split":
            words["view"] = self.view
        if self.hides:
            words["hide"] = "volatile"
        if self.part > 1:
            words["part"] = str(self.part)
        if self.find:
            words["find"] = self.find
        if self.at is not None:
            words["at"] = self.at
        if self.was is not None:
            words["was"] = self.was
        if self.opened:
            words["open"] = ",".join(f"{begin}-{end}" for begin, end in self.opened)
        return "?" + urlencode(words, errors="surrogatepass")

    @property
    def pair(self) -> "Asked":
        """The same two versions in the same view, and nothing else."""
        return Asked(from_word=self.from_word, to_word=self.to_word, view=self.view, hides=self.hides)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of the list of changes, and where on the page it leads."""

    anchor: str
    change: comparing.ShortChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One place, told: where it is, what stands there on both sides, and the address that leads to it."""

    row: int
    pointer: str
    words: str
    side: str
    before: str | None
    after: str | None
    same: bool
    link: str
    anchor: str
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finds:
    """What was found of a text: the first places, how many there are, and what to say of a path that ends early."""

    text: str
    places: Sequence[Shown]
    total: int
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePage:
    """Everything on the page, made already."""

    asked: Asked
    options: Sequence[Option]
    problem: str = ""
    """Why there is no comparison, in whole sentences; then the sides may be None."""
    before: Snapshot | None = None
    after: Snapshot | None = None
    counts: Mapping[str, int] | None = None
    """Of the changes that are configuration, by kind."""
    changes: Sequence[Listed] = ()
    volatile: Sequence[Listed] = ()
    by_itself: int = 0
    """How many changes the platform made itself, listed or hidden."""
    part: int = 1
    parts: int = 1
    html: "SafeString | str" = ""
    place: Shown | None = None
    sentence: str = ""
    """What there is to say about the place that was asked for."""
    found: Finds | None = None
    link: str = ""
    """The address of this comparison for good: `live` is another version tomorrow."""
    target: Snapshot | None = None
    """The version that the page offers to go back to: the side that is not live."""
    undoable: Snapshot | None = None
    """The version whose own work is all that the page shows, where later ones stand on it."""

    @property
    def total(self) -> int:
        """How many changes of configuration there are."""
        return sum(self.counts.values()) if self.counts else 0

    @property
    def same_version(self) -> bool:
        """Whether both sides are the same version."""
        return self.before is not None and self.after is not None and self.before.pk == self.after.pk

    @property
    def split_query(self) -> str:
        """The address of the same side by side."""
        return replace(self.asked, view="split").query

    @property
    def unified_query(self) -> str:
        """The address of the same in one column."""
        return replace(self.asked, view="unified").query

    @property
    def swapped_query(self) -> str:
        """The address with the sides exchanged."""
        return replace(self.asked.pair, from_word=self.asked.to_word, to_word=self.asked.from_word).query

    @property
    def hiding_query(self) -> str:
        """The address without what the platform sets itself, or with it again."""
        return replace(self.asked.pair, hides=not self.asked.hides).query

    @property
    def folded_query(self) -> str:
        """The address with everything folded again."""
        return replace(self.asked, opened=(), at=None, was=None).query

    @property
    def previous_query(self) -> str:
        """The address of the part before; empty on the first."""
        return replace(self.asked.pair, part=self.part - 1).query if self.part > 1 else ""

    @property
    def next_query(self) -> str:
        """The address of the part after; empty on the last."""
        return replace(self.asked.pair, part=self.part + 1).query if self.part < self.parts else ""


class _Comparison:
    """Two versions of a configuration, laid out, and how their places are told."""

    def __init__(self, config: TrackedConfig, asked: Asked) -> None:
        self.asked = asked
        self.before = comparing.find(config, asked.from_word)
        self.after = comparing.find(config, asked.to_word)
        self._type_name = config.resource_type

    def lay_out(self) -> "Layout":
        """Read both and lay them out; raises NotComparable."""
        self.layout = layout(self.before, self.after, self._type_name, without_volatile=self.asked.hides)
        return self.layout

    def link(self, **place: str | None) -> str:
        """Give the address, for good, of the comparison or of a place in it."""
        fixed = Asked(
            from_word=comparing.fixed_word(self.before), to_word=comparing.fixed_word(self.after), view=self.asked.view
        )
        return replace(fixed, **place).query  # type: ignore[arg-type]

    def told(self, place: "RowPlace", *, base: str | None = None) -> Shown:
        """Tell a place; `base` is the link of the comparison, where many are told."""
        anchor = anchor_at(place.pointer, removed=place.side == "before")
        if place.change is not None:
            change = self.layout.difference.changes[place.change]
            anchor = anchor_of(change)
        base = self.link() if base is None else base
        word = "was" if place.side == "before" else "at"
        query = f"{base}&{urlencode({word: place.pointer}, errors='surrogatepass')}"
        return Shown(
            row=place.row,
            pointer=visible(place.pointer),
            words=" › ".join(place.trail) or "the whole document",
            side=place.side,
            before=_value(place.before),
            after=_value(place.after),
            same=place.before is not MISSING and place.after is not MISSING and same(place.before, place.after),
            link=f"{query}#{anchor}",
            anchor=anchor,
            kind="" if place.change is None else self.layout.difference.changes[place.change].kind,
        )

    def found(self) -> Finds:
        """Look for the text that was asked for."""
        text = self.asked.find
        try:
            found = self.layout.look_for(text, most=MOST_FOUND)
        except InvalidPointer as error:
            return Finds(text=text, places=(), total=0, sentence=str(error))
        sentence = ""
        if found.missed:
            sentence = f"There is nothing at {visible(text)} in either version; this is as far as it leads."
        base = self.link()
        places = [self.told(self.layout.place(row), base=base) for row in found.rows]
        return Finds(text=visible(text), places=places, total=found.total, sentence=sentence)

    def asked_place(self) -> "tuple[RowPlace | None, str]":
        """Give the place of the address, and a sentence where there is something to say about it."""
        pointer, side = self.asked.at, "after"
        if pointer is None:
            pointer, side = self.asked.was, "before"
        if pointer is None:
            return None, ""
        try:
            row, whole = self.layout.row_of(pointer, side="after" if side == "after" else "before")
        except InvalidPointer as error:
            return None, str(error)
        if row is None:
            return None, f"What stands at {visible(pointer)} is set by the platform, and such places are hidden."
        version = (self.after if side == "after" else self.before).version
        place = self.layout.place(row)
        return place, "" if whole else (
            f"v{version} has nothing at {visible(pointer)}; "
            f"the nearest place that is there is {visible(place.pointer) or 'the whole document'}."
        )

    def markup(
        self,
        window: "Span",
        opened: "Sequence[Span]",
        *,
        target: tuple[int, str] | None = None,
        only_gaps: bool = False,
    ) -> "SafeString":
        """Give the rows of a window as markup, folded but for what is opened."""
        sections = [section for section in self.layout.sections(window, opened) if section.folded or not only_gaps]
        first, last = window
        changes = self.layout.difference.changes
        anchors = {index: anchor_of(changes[index]) for row, index in self.layout.anchors if first <= row < last}
        return Markup(
            sections,
            view=self.asked.view,
            anchors=anchors,
            target=target,
            address=lambda begin, end: (
                replace(self.asked, opened=(*self.asked.opened, (begin, end))[-MOST_OPENED:]).query
            ),
        ).html


def compare_page(config: TrackedConfig, query: Mapping[str, str]) -> ComparePage:
    """Read what an address asks for and make the page; bad input gives a page that says so."""
    asked = Asked.read(config, query)
    options = _options(config, (asked.from_word, asked.to_word))
    try:
        comparison = _Comparison(config, asked)
    except comparing.NoSuchVersion as error:
        return ComparePage(asked=asked, options=options, problem=str(error))
    before, after = comparison.before, comparison.after
    target = None if before.pk == after.pk else after if before.pk == config.live_id else before
    try:
        laid_out = comparison.lay_out()
    except comparing.NotComparable as error:
        return ComparePage(asked=asked, options=options, problem=str(error), before=before, after=after, target=target)
    place, sentence = comparison.asked_place()
    shown = None if place is None else comparison.told(place)
    part = min(max(asked.part - 1, 0), len(laid_out.parts) - 1)
    opened = list(asked.opened)
    if place is not None:
        part = laid_out.part_of(place.row)
        opened.append((max(0, place.row - AROUND), place.row + AROUND + 1))
    window = laid_out.parts[part]
    changes = laid_out.difference.changes
    listed = [
        Listed(anchor=anchor_of(changes[index]), change=comparing.short(changes[index]))
        for row, index in laid_out.anchors
        if window[0] <= row < window[1]
    ]
    significant = laid_out.difference.significant
    counts = dict.fromkeys(("changed", "added", "removed", "moved"), 0)
    for change in significant:
        counts[change.kind] += 1
    target_row = None if place is None or shown is None else (place.row, shown.anchor)
    return ComparePage(
        asked=asked,
        options=options,
        before=before,
        after=after,
        counts=counts,
        changes=[line for line in listed if not line.change.volatile],
        volatile=[line for line in listed if line.change.volatile],
        by_itself=len(changes) - len(significant),
        part=part + 1,
        parts=len(laid_out.parts),
        html=comparison.markup(window, opened, target=target_row) if changes or place is not None else "",
        place=shown,
        sentence=sentence,
        found=comparison.found() if asked.find else None,
        link=comparison.link(),
        target=target,
        undoable=after if after.pk != config.live_id and comparing.before_of(after) == before else None,
    )


def some_rows(config: TrackedConfig, query: Mapping[str, str]) -> "SafeString | str":
    """Give the rows of one gap (`within=b-e`) as markup, with `show=b-e` of them unfolded.

    Nothing for a span that is none. Raises `comparing.NoSuchVersion` and `comparing.NotComparable`.
    """
    asked = Asked.read(config, query)
    within, shown = (_SPANS.fullmatch(query.get(word, "")) for word in ("within", "show"))
    if within is None or shown is None:
        return ""
    begin = int(shown[1])
    span = begin, min(int(shown[2]), begin + LONGEST_OPENED)
    # Its links go on from the page as it is then.
    comparison = _Comparison(config, replace(asked, opened=(*asked.opened, span)[-MOST_OPENED:]))
    comparison.lay_out()
    return comparison.markup((int(within[1]), int(within[2])), [span], only_gaps=True)


def one_place(config: TrackedConfig, query: Mapping[str, str]) -> Shown | None:
    """Give what one `row` shows; None where there is no such row.

    Raises `comparing.NoSuchVersion` and `comparing.NotComparable`.
    """
    comparison = _Comparison(config, Asked.read(config, query))
    laid_out = comparison.lay_out()
    row = query.get("row", "")
    if not (row.isascii() and row.isdigit() and len(row) < 10 and int(row) < laid_out.size):
        return None
    return comparison.told(laid_out.place(int(row)))


def some_finds(config: TrackedConfig, query: Mapping[str, str]) -> Finds:
    """Give where the text to `find` stands. Raises `comparing.NoSuchVersion` and `comparing.NotComparable`."""
    comparison = _Comparison(config, Asked.read(config, query))
    comparison.lay_out()
    return comparison.found() if comparison.asked.find else Finds(text="", places=(), total=0)


def anchor_of(change: "Change") -> str:
    """Give the id of a change's row: its JSON Pointer, so that it names the same place tomorrow."""
    return anchor_at(change.path, removed=change.kind == "removed")


def anchor_at(pointer: str, *, removed: bool) -> str:
    """Give the id of a place's row, as it stands in an address; what was removed is named by where it had been."""
    return ("was:" if removed else "at:") + quote(pointer, safe="/~:@!$*,;=-._", errors="surrogatepass")


def _value(value: "Value | Missing") -> str | None:
    if value is MISSING:
        return None
    text = visible(to_text(value))
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text):,} characters)"


def _options(config: TrackedConfig, chosen: tuple[str, str]) -> list[Option]:
    snapshots = list(
        config.snapshots.only("pk", "config", "version", "author_name", "author_id", "written_at", "captured_at")[
            :MOST_OPTIONS
        ]
    )
    numbers = [snapshot.version for snapshot in snapshots]
    doubled = set(
        config.snapshots.filter(version__in=numbers)
        .order_by()
        .values("version")
        .annotate(times=Count("pk"))
        .filter(times__gt=1)
        .values_list("version", flat=True)
    )
    options = []
    for word, pk in (("live", config.live_id), ("baseline", config.baseline_id)):
        if pk is not None:
            known = next((snapshot.version for snapshot in snapshots if snapshot.pk == pk), None)
            options.append(Option(word=word, label=word if known is None else f"{word} (v{known})"))
    labels = labelling.of_config(config)
    good = labelling.newest(config, labelling.Word.GOOD) if labels else None
    if good is not None:
        options.append(Option(word="known-good", label=f"last known good (v{good.version})"))
    options += [
        Option(
            word=f"id:{snapshot.pk}" if snapshot.version in doubled else str(snapshot.version),
            label=_label(snapshot, labels.get(snapshot.pk)),
        )
        for snapshot in snapshots
    ]
    words = {option.word for option in options}
    # A word of the address that is not in the list stays in it, so that the form says what the page shows.
    for word in dict.fromkeys(chosen):
        if word not in words:
            options.append(Option(word=word, label=word))
    return options


def _label(snapshot: Snapshot, label: "Label | None") -> str:
    when = timezone.localtime(snapshot.written_at or snapshot.captured_at)
    who = snapshot.author_name or snapshot.author_id
    said = "" if label is None else f" · {label.get_word_display()}"
    return f"v{snapshot.version} · {when:%-d %b %Y %H:%M}{f' · {who}' if who else ''}{said}"
