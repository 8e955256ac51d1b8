"""The compare page: which two versions an address names, and everything that the page says about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from django.db.models import Count
from django.utils import timezone

from tenants import comparing, labelling
from tenants.documents import side_by_side, unified
from tenants.models import Snapshot, TrackedConfig
from tenants.row_markup import Markup

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from tenants.chronicle import Label
    from tenants.row_markup import View

MOST_OPTIONS: Final = 200
MOST_LISTED: Final = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One version that may be chosen for a side."""

    word: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of the list of changes, and where on the page it leads."""

    number: int
    change: comparing.ShortChange


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePage:
    """Everything on the page, made already."""

    options: Sequence[Option]
    from_word: str
    to_word: str
    view: "View"
    problem: str = ""
    """Why there is no comparison, in whole sentences; then the sides may be None."""
    before: Snapshot | None = None
    after: Snapshot | None = None
    counts: Mapping[str, int] | None = None
    """Of the changes that are configuration, by kind."""
    changes: Sequence[Listed] = ()
    volatile: Sequence[Listed] = ()
    unlisted: int = 0
    html: "SafeString | str" = ""
    complete: bool = True
    target: Snapshot | None = None
    """The version that the page offers to go back to: the side that is not live."""

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
        """The address of the same two versions side by side."""
        return "?" + urlencode({"from": self.from_word, "to": self.to_word, "view": "split"})

    @property
    def unified_query(self) -> str:
        """The address of the same two versions in one column."""
        return "?" + urlencode({"from": self.from_word, "to": self.to_word, "view": "unified"})

    @property
    def swapped_query(self) -> str:
        """The address with the sides exchanged."""
        return "?" + urlencode({"from": self.to_word, "to": self.from_word, "view": self.view})


def compare_page(config: TrackedConfig, query: Mapping[str, str]) -> ComparePage:
    """Read what an address asks for and make the page; bad input gives a page that says so.

    `from` and `to` are words (`comparing.find`), by default baseline and live; `view` is `split` or `unified`.
    """
    from_word = query.get("from", "").strip()[:60] or ("baseline" if config.baseline_id else "live")
    to_word = query.get("to", "").strip()[:60] or "live"
    view: View = "unified" if query.get("view") == "unified" else "split"
    options = _options(config, (from_word, to_word))
    try:
        before, after = comparing.find(config, from_word), comparing.find(config, to_word)
    except comparing.NoSuchVersion as error:
        return ComparePage(options=options, from_word=from_word, to_word=to_word, view=view, problem=str(error))
    target = None if before.pk == after.pk else after if before.pk == config.live_id else before
    try:
        difference, (old, new) = comparing.difference(before, after, config.resource_type)
    except comparing.NotComparable as error:
        return ComparePage(
            options=options,
            from_word=from_word,
            to_word=to_word,
            view=view,
            problem=str(error),
            before=before,
            after=after,
            target=target,
        )
    listed = [
        Listed(number=number, change=comparing.short(change))
        for number, change in enumerate(difference.changes[:MOST_LISTED])
    ]
    laid_out = (unified if view == "unified" else side_by_side)(old, new, difference)
    markup = Markup(laid_out if difference.changes else [], view=view)
    counts = dict.fromkeys(("changed", "added", "removed", "moved"), 0)
    for change in difference.significant:
        counts[change.kind] += 1
    return ComparePage(
        options=options,
        from_word=from_word,
        to_word=to_word,
        view=view,
        before=before,
        after=after,
        counts=counts,
        changes=[line for line in listed if not line.change.volatile],
        volatile=[line for line in listed if line.change.volatile],
        unlisted=max(0, len(difference.changes) - MOST_LISTED),
        html=markup.html,
        complete=markup.complete,
        target=target,
    )


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
