"""What was live at a moment, and how sure that is: decided from what was seen, and from what the platform says. Pure.

    the moment lies                                              answer
    in a span in which every look showed one state            ─► that state: confirmed
    in a gap with the same version number on both sides       ─► that version: confirmed, a number never comes back
    in a gap, and the platform's dates place each neighbour   ─► the version that it names: the platform says
    in a gap with the same content on both sides, no number   ─► that content: likely, it may have come and gone
    after the last look                                       ─► what was seen then: likely
    in any other gap                                          ─► unknown, with its bounds and what stood around it

A gap is a time in which nobody looked. The platform's dates are believed where no version can be missing between two
of them, which only consecutive numbers show. A read may be stale for minutes (PLATFORM.md), so at the end of a span a
later version that the platform dates before the moment is believed more than the read.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

STALE: Final = timedelta(minutes=10)
"""For so long a read may go on to show what was live before."""


class Sureness(StrEnum):
    """How sure an answer is."""

    CONFIRMED = "confirmed"
    PLATFORM = "the platform says"
    LIKELY = "likely"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One state that an object may have had."""

    key: int | None
    """What stands for it here; None for an object that was not there, and for a version that is not kept any more."""
    number: int | None
    """None for an object that was not there."""
    written_at: datetime | None = None
    """When the platform says that it was written."""

    @property
    def gone(self) -> bool:
        """Whether it says that there was no object."""
        return self.number is None


GONE: Final = Version(key=None, number=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time in which every look showed one state."""

    version: Version
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known around a moment."""

    before: Span | None = None
    """The last span that began at it or before."""
    after: Span | None = None
    """The first that began after it."""
    written: Version | None = None
    """The last version that the platform dates at it or before."""
    next_written: Version | None = None
    """The first that the platform dates after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was live, and how sure that is."""

    sureness: Sureness
    version: Version | None
    """None where it is unknown."""
    since: datetime | None = None
    until: datetime | None = None
    """Between these, as far as they are known, the answer holds; where it is likely or unknown, nobody looked."""
    candidates: tuple[Version, ...] = ()
    """Where it is unknown: what is known to have stood around the moment, the older first."""
    missing: bool = False
    """Whether versions that are not kept lie between the candidates."""
    only_later: bool = False
    """Whether the candidates are only what came after the moment."""
    rests_on: str = ""
    """Which line of the table it is: seen, numbers, dates, stale, same, last, not_yet, gap, nothing."""


def known_at(moment: datetime, spans: Iterable[Span], versions: Iterable[Version]) -> Known:
    """Give what is known around a moment, from everything that is known of one object."""
    begun = sorted(spans, key=lambda span: span.first)
    dated = sorted(
        ((version.written_at, version.number or 0, version) for version in versions if version.written_at is not None),
        key=lambda one: one[:2],
    )
    return Known(
        before=next((span for span in reversed(begun) if span.first <= moment), None),
        after=next((span for span in begun if span.first > moment), None),
        written=next((version for at, _number, version in reversed(dated) if at <= moment), None),
        next_written=next((version for at, _number, version in dated if at > moment), None),
    )


def decide(moment: datetime, known: Known, *, numbered: bool) -> Verdict:
    """Give what was live at a moment; `numbered` tells whether the platform numbers the versions of the type."""
    before, after = known.before, known.after
    numbered = numbered and not _set_back(before, after)
    if before is not None and moment <= before.last:
        stale = _stale(moment, before, known, numbered=numbered)
        if stale is not None:
            return stale
        return Verdict(
            sureness=Sureness.CONFIRMED,
            version=before.version,
            since=before.first,
            until=before.last,
            rests_on="seen",
        )
    if before is not None and after is not None and _same(before.version, after.version):
        sure = numbered and not before.version.gone
        return Verdict(
            sureness=Sureness.CONFIRMED if sure else Sureness.LIKELY,
            version=before.version,
            since=before.last,
            until=after.first,
            rests_on="numbers" if sure else "same",
        )
    told = (_told_by_number if numbered else _told_by_date)(moment, known)
    if told is not None:
        return told
    if before is not None and after is None:
        return Verdict(sureness=Sureness.LIKELY, version=before.version, since=before.last, rests_on="last")
    return _unknown(known, numbered=numbered)


def _same(one: Version, other: Version) -> bool:
    return one.number == other.number and one.key == other.key


def _set_back(before: Span | None, after: Span | None) -> bool:
    """Tell whether numbers ran backwards between two spans: the object was made anew, and they mean nothing there."""
    if before is None or after is None:
        return False
    old, new = before.version.number, after.version.number
    return old is not None and new is not None and new < old


def _stale(moment: datetime, before: Span, known: Known, *, numbered: bool) -> Verdict | None:
    """Give the later version that the platform dates before the moment, where the reads only had not shown it yet."""
    after, shown = known.after, before.version
    later = known.written if numbered else (after.version if after is not None else None)
    if after is None or after.version.gone or shown.gone or later is None or later.written_at is None:
        return None
    if not later.written_at <= moment or before.last - later.written_at > STALE:
        return None
    if numbered and not (shown.number or 0) < (later.number or 0) <= (after.version.number or 0):
        return None
    if _same(later, shown) or not (later.written_at > before.first):
        return None
    follows = _next_after(later, known)
    if numbered and follows is None:
        return None
    return Verdict(
        sureness=Sureness.PLATFORM,
        version=later,
        since=later.written_at,
        until=(follows.written_at if follows is not None else None) or after.first,
        rests_on="stale",
    )


def _next_after(version: Version, known: Known) -> Version | None:
    """Give the version that shows that nothing is missing after this one before the next look; None where it may be."""
    upcoming, after = known.next_written, known.after
    if upcoming is not None and upcoming.number == (version.number or 0) + 1:
        if after is None or not after.version.gone or (upcoming.written_at or after.first) <= after.first:
            return upcoming
        return None
    if after is not None and _same(after.version, version):
        return after.version
    return None


def _told_by_number(moment: datetime, known: Known) -> Verdict | None:
    before, after = known.before, known.after
    low = None if before is None else before.version
    version = known.written
    if low is not None and low.gone:
        # It was made anew since, so only what is dated after the last look at nothing counts.
        if version is None or version.written_at is None or before is None or version.written_at <= before.last:
            return None
    elif low is not None and (version is None or (version.number or 0) < (low.number or 0)):
        version = low
    if version is None:
        upcoming = known.next_written
        if upcoming is not None and upcoming.number == 1:
            return Verdict(sureness=Sureness.PLATFORM, version=GONE, until=upcoming.written_at, rests_on="not_yet")
        return None
    if after is not None and not after.version.gone and (after.version.number or 0) < (version.number or 0):
        return None
    since = version.written_at if version.written_at is not None and version.written_at <= moment else None
    follows = _next_after(version, known)
    if follows is not None:
        until = follows.written_at if follows is not version and not _same(follows, version) else None
        return Verdict(
            sureness=Sureness.PLATFORM,
            version=version,
            since=since or (before.last if before is not None else None),
            until=until or (after.first if after is not None else None),
            rests_on="dates",
        )
    if after is None and known.next_written is None:
        return Verdict(
            sureness=Sureness.LIKELY,
            version=version,
            since=max((at for at in (since, before.last if before else None) if at is not None), default=None),
            rests_on="last",
        )
    return None


def _told_by_date(moment: datetime, known: Known) -> Verdict | None:
    before, after = known.before, known.after
    if after is not None and not after.version.gone and after.version.written_at is not None:
        written = after.version.written_at
        if written <= moment and (before is None or before.version.gone or written > before.first):
            return Verdict(
                sureness=Sureness.PLATFORM, version=after.version, since=written, until=after.first, rests_on="dates"
            )
        if before is not None and not before.version.gone and before.last < written:
            return Verdict(
                sureness=Sureness.LIKELY, version=before.version, since=before.last, until=written, rests_on="same"
            )
    if before is None and after is None and known.written is not None:
        return Verdict(sureness=Sureness.LIKELY, version=known.written, since=known.written.written_at, rests_on="last")
    return None


def _unknown(known: Known, *, numbered: bool) -> Verdict:
    before, after = known.before, known.after
    older = None if before is None else before.version
    if numbered and known.written is not None and (older is None or (older.number or 0) < (known.written.number or 0)):
        older = known.written
    newer = after.version if after is not None else None
    upcoming = known.next_written
    if numbered and upcoming is not None and (newer is None or (upcoming.number or 0) <= (newer.number or 0)):
        newer = upcoming
    around = tuple(version for version in (older, newer) if version is not None)
    numbers = [version.number for version in around if version.number is not None]
    low = [at for at in (before.last if before else None, older.written_at if older else None) if at is not None]
    high = [at for at in (after.first if after else None, newer.written_at if newer else None) if at is not None]
    return Verdict(
        sureness=Sureness.UNKNOWN,
        version=None,
        since=max(low, default=None),
        until=min(high, default=None),
        candidates=around,
        only_later=older is None and newer is not None,
        missing=numbered and len(numbers) == 2 and numbers[1] - numbers[0] > 1,
        rests_on="gap" if around else "nothing",
    )


def explain(verdict: Verdict, tell: Callable[[datetime], str]) -> str:
    """Say in whole sentences why an answer is as sure as it is; `tell` writes a time."""
    since = "" if verdict.since is None else tell(verdict.since)
    until = "" if verdict.until is None else tell(verdict.until)
    between = f"Between {since} and {until}" if since and until else f"Since {since}" if since else f"Until {until}"
    named = "nothing" if verdict.version is None or verdict.version.gone else f"v{verdict.version.number}"
    match verdict.rests_on:
        case "seen":
            return f"Seen before and after: every look from {since} to {until} showed the same."
        case "numbers":
            return f"{between} nobody looked, but before and after it was the same version, and no number comes back."
        case "same":
            return f"{between} nobody looked. What was seen before may have changed and come back meanwhile."
        case "dates":
            written = f"was written at {since}" if since else "was written before"
            return f"The platform says that {named} {written}, and that nothing replaced it before {until or 'then'}."
        case "stale":
            return (
                f"The platform says that {named} was written at {since}; reads went on to show the version before it."
            )
        case "last":
            return f"Nobody has looked since {since}." if since else "Nobody has looked since."
        case "not_yet":
            return f"The platform says that its first version was written at {until}."
        case "gap" if verdict.only_later:
            came = " and ".join(f"v{one.number}" for one in verdict.candidates if not one.gone) or "nothing"
            return f"What stood before {came} is not kept; nobody looked before {until}."
        case "gap":
            around = " and ".join("no object" if one.gone else f"v{one.number}" for one in verdict.candidates)
            lost = " Versions between them are not kept." if verdict.missing else ""
            return f"{between} nobody looked; around that stand {around}.{lost}"
    return "Nothing that is kept tells."


# --- what people type ------------------------------------------------------------------------------------------------


class NotAMoment(ValueError):
    """What was typed names no moment; the message is a sentence. `choices` are the two that it may mean."""

    def __init__(self, sentence: str, *, choices: tuple[datetime, ...] = ()) -> None:
        super().__init__(sentence)
        self.choices = choices


_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone by its name in the IANA database."""

    name: str = "UTC"
    info: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


def read_zone(name: str) -> Zone:
    """Give a time zone by its name, UTC for none. Raises NotAMoment."""
    name = name.strip() or "UTC"
    try:
        return Zone(name, ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise NotAMoment(f"{name[:60]!r} is no time zone. Write one such as Europe/Berlin, or UTC.") from error


def read_moment(text: str, zone: Zone, *, now: datetime) -> datetime:
    """Give the moment that was typed: `2026-11-22 02:47`, `02:47` for the last time it was so, or with an offset.

    Raises NotAMoment for anything else, for what has not happened yet, for a time that the clocks left out, and for one
    that they showed twice.
    """
    text = text.strip()
    clock = _CLOCK.fullmatch(text)
    try:
        if clock is not None:
            at = time(int(clock[1]), int(clock[2]), int(clock[3] or 0))
            today = now.astimezone(zone.info).date()
            moment = _in_zone(datetime.combine(today, at), zone)
            moment = _in_zone(datetime.combine(today - timedelta(days=1), at), zone) if moment > now else moment
        else:
            local = datetime.fromisoformat(text)
            moment = local.astimezone(UTC) if local.tzinfo is not None else _in_zone(local, zone)
    except NotAMoment:
        raise
    except (ValueError, OverflowError) as error:
        raise NotAMoment(
            f"{text[:60]!r} is no moment. Write 2026-11-22 02:47, or 02:47, or with an offset: 2026-11-22T02:47+01:00."
        ) from error
    if moment > now:
        raise NotAMoment(f"{text[:60]} ({zone.name}) has not come yet. Choose a moment in the past.")
    return moment


def read_coming_moment(text: str, zone: Zone, *, now: datetime) -> datetime:
    """Give the moment to come that was typed: `2026-11-23 02:30`, `02:30` for the next time, or with an offset.

    Raises NotAMoment for anything else, for what is past, for a time that the clocks leave out, and for one that they
    show twice.
    """
    text = text.strip()
    clock = _CLOCK.fullmatch(text)
    try:
        if clock is not None:
            at = time(int(clock[1]), int(clock[2]), int(clock[3] or 0))
            today = now.astimezone(zone.info).date()
            days = [datetime.combine(today + timedelta(days=number), at) for number in (0, 1)]
            ahead = (day for day in days if max(_both(day, zone)) > now)
            moment = _in_zone(next(ahead), zone)
        else:
            local = datetime.fromisoformat(text)
            moment = local.astimezone(UTC) if local.tzinfo is not None else _in_zone(local, zone)
    except NotAMoment:
        raise
    except (ValueError, OverflowError, StopIteration) as error:
        raise NotAMoment(
            f"{text[:60]!r} is no moment. Write 2026-11-23 02:30, or 02:30, or with an offset: 2026-11-23T02:30+01:00."
        ) from error
    if moment <= now:
        raise NotAMoment(f"{text[:60]} ({zone.name}) has passed. Choose a moment to come.")
    return moment


def _both(local: datetime, zone: Zone) -> tuple[datetime, datetime]:
    """Give the moments that a local time may mean around a change of the clocks; else it is twice the same."""
    first, second = (local.replace(tzinfo=zone.info, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, second


def _in_zone(local: datetime, zone: Zone) -> datetime:
    first, second = _both(local, zone)
    if first == second:
        return first
    there = [at for at in (first, second) if at.astimezone(zone.info).replace(tzinfo=None) == local]
    if not there:
        raise NotAMoment(f"The clocks of {zone.name} left {local:%Y-%m-%d %H:%M} out. Choose a moment before or after.")
    offsets = " or ".join(at.astimezone(zone.info).isoformat(timespec="minutes") for at in there)
    raise NotAMoment(
        f"The clocks of {zone.name} showed {local:%Y-%m-%d %H:%M} twice. Say which: {offsets}.", choices=tuple(there)
    )
