"""Freeze windows: whether rollbacks may run at a moment, and when that changes next. Pure.

Rollbacks of an object may run at a moment when no deny window covers it and, where the object has allow windows, at
least one of them does.

A window is written as a person says it, on the clocks of one time zone, and counts from its first moment to its last,
that one left out:

    2026-12-24 18:00 to 2026-12-27 06:00       once
    every friday 16:00 to monday 06:00         each week; also: every monday, tuesday 09:00 to 17:00, every day …
    every month day 25 to last day             each month; a day that a month does not have is its last one
    every year 1 december to 31 december       each year

Without times it is whole days, both included. What clocks do twice a year: a window begins when they first show its
beginning, or would have; an allow window ends when they first show its end, a deny window once they will show nothing
before its end any more. So where an hour comes twice, the doubt freezes, and nothing is on twice; where one is left
out, what lies in it begins and ends at the jump.
"""

import re
from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

HORIZON: Final = timedelta(days=800)
"""How far ahead is looked for the next change: beyond two years no rollback waits."""
_MIDNIGHT: Final = 24 * 60
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
EXAMPLES: Final = (
    "2026-12-24 18:00 to 2026-12-27 06:00",
    "every friday 16:00 to monday 06:00",
    "every month day 25 to last day",
    "every year 1 december to 31 december",
)


class Effect(StrEnum):
    """What a window does."""

    DENY = "deny"
    """No rollback inside it."""
    ALLOW = "allow"
    """Rollbacks only inside it, or inside another one that allows."""


class NotAWindow(ValueError):
    """What was typed is no window; the message says why and what can be written."""


@dataclass(frozen=True, slots=True)
class Once:
    """From one moment to another, on the clocks of the zone."""

    begins: datetime
    ends: datetime

    @property
    def words(self) -> str:
        """The text that reads back as this."""
        begins, ends = self.begins, self.ends
        if begins.time() == time() and ends.time() == time():
            return f"{begins:%Y-%m-%d} to {ends - timedelta(days=1):%Y-%m-%d}"
        return f"{begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M}"

    def spans(self, _around: date) -> Iterator[tuple[datetime, datetime]]:
        """Give it, as local times."""
        yield self.begins, self.ends


@dataclass(frozen=True, slots=True)
class Weekly:
    """On each of these days of every week from a time, to a time so many days later; in minutes since midnight."""

    days: tuple[int, ...]
    starts: int
    days_long: int
    ends: int

    @property
    def words(self) -> str:
        """The text that reads back as this."""
        whole = self.starts == 0 and self.ends == _MIDNIGHT
        if self.days_long == (0 if self.ends > self.starts else 1):
            days = "day" if len(self.days) == 7 else ", ".join(DAYS[day] for day in self.days)
            return f"every {days}" if whole else f"every {days} {_clock(self.starts)} to {_clock(self.ends)}"
        first, last = DAYS[self.days[0]], DAYS[(self.days[0] + self.days_long) % 7]
        if whole:
            return f"every {first} to {last}"
        return f"every {first} {_clock(self.starts)} to {last} {_clock(self.ends)}"

    def spans(self, around: date) -> Iterator[tuple[datetime, datetime]]:
        """Give each, as local times, from the first that may reach that day on."""
        day = around - timedelta(days=self.days_long + 2)
        while True:
            if day.weekday() in self.days:
                yield _at(day, self.starts), _at(day + timedelta(days=self.days_long), self.ends)
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Monthly:
    """From one day of every month to another, in the next month where that is an earlier one; 31 is the last day."""

    first: int
    starts: int
    last: int
    ends: int

    @property
    def words(self) -> str:
        """The text that reads back as this."""
        first, last = _day_words(self.first), _day_words(self.last)
        return f"every month {_with_times(first, self.starts, last, self.ends)}"

    def spans(self, around: date) -> Iterator[tuple[datetime, datetime]]:
        """Give each, as local times, from the first that may reach that day on."""
        year, month = _months_later(around.year, around.month, -2)
        while True:
            until = (year, month) if self.last >= self.first else _months_later(year, month, 1)
            begins, ends = _in_month(year, month, self.first, self.starts), _in_month(*until, self.last, self.ends)
            if begins < ends:
                yield begins, ends
            year, month = _months_later(year, month, 1)


@dataclass(frozen=True, slots=True)
class Yearly:
    """From one day (month, day) of every year to another, in the next year where that is an earlier one."""

    first: tuple[int, int]
    starts: int
    last: tuple[int, int]
    ends: int

    @property
    def words(self) -> str:
        """The text that reads back as this."""
        first, last = (f"{day} {MONTHS[month - 1]}" for month, day in (self.first, self.last))
        return f"every year {_with_times(first, self.starts, last, self.ends)}"

    def spans(self, around: date) -> Iterator[tuple[datetime, datetime]]:
        """Give each, as local times, from the first that may reach that day on."""
        year = around.year - 2
        while True:
            until = year if self.last >= self.first else year + 1
            begins, ends = _in_month(year, *self.first, self.starts), _in_month(until, *self.last, self.ends)
            if begins < ends:
                yield begins, ends
            year += 1


Pattern = Once | Weekly | Monthly | Yearly


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One window: when, on whose clocks, and what it does."""

    key: str
    """What stands for it where it came from."""
    effect: Effect
    pattern: Pattern
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whether rollbacks may run at a moment, until when that stays so, and which windows close it."""

    open: bool
    until: datetime | None
    """None where nothing changes within HORIZON."""
    closing: tuple[Window, ...] = ()
    """The deny windows that cover the moment, and the allow windows of which none does."""


Span = tuple[datetime, datetime]


def standing(objects: Sequence[Sequence[Window]], at: datetime) -> Standing:
    """Give how a rollback stands at a moment that writes these objects, each with its windows: each must be open."""
    closing = _closing(objects, at)
    reach = timedelta(days=8)
    while True:
        until = _next_change(objects, at, reach)
        if until is not None or reach >= HORIZON:
            return Standing(open=not closing, until=until, closing=closing)
        reach *= 10


def _next_change(objects: Sequence[Sequence[Window]], at: datetime, reach: timedelta) -> datetime | None:
    """Give the first moment by `at + reach` at which it becomes open or closed."""
    edges: dict[datetime, Counter[tuple[int, Window]]] = {}
    for place, windows in enumerate(objects):
        for window in windows:
            for begins, ends in _within(window, at, reach):
                edges.setdefault(max(begins, at), Counter())[place, window] += 1
                edges.setdefault(ends, Counter())[place, window] -= 1
    on = edges.pop(at, Counter())
    was_open = _all_open(objects, on)
    for edge in sorted(edges):
        if edge > at + reach:
            return None
        on.update(edges[edge])
        if _all_open(objects, on) is not was_open:
            return edge
    return None


def _all_open(objects: Sequence[Sequence[Window]], on: Counter[tuple[int, Window]]) -> bool:
    for place, windows in enumerate(objects):
        allowing = [window for window in windows if window.effect is Effect.ALLOW]
        denied = any(on[place, window] for window in windows if window.effect is Effect.DENY)
        if denied or (allowing and not any(on[place, window] for window in allowing)):
            return False
    return True


def is_open(windows: Sequence[Window], at: datetime) -> bool:
    """Say whether rollbacks of one object with these windows may run at a moment."""
    return not _closing([windows], at)


def _closing(objects: Sequence[Sequence[Window]], at: datetime) -> tuple[Window, ...]:
    found: dict[str, Window] = {}
    for windows in objects:
        covering = [window for window in windows if covers(window, at)]
        found |= {window.key: window for window in covering if window.effect is Effect.DENY}
        allowing = [window for window in windows if window.effect is Effect.ALLOW]
        if allowing and not any(window in covering for window in allowing):
            found |= {window.key: window for window in allowing}
    return tuple(found.values())


def covers(window: Window, at: datetime) -> bool:
    """Say whether a window covers a moment."""
    return any(begins <= at < ends for begins, ends in _within(window, at, timedelta()))


def spans_between(window: Window, begins: datetime, ends: datetime) -> list[Span]:
    """Give each time, in UTC, that a window is on between two moments, as a whole, in the order of their beginnings."""
    return [span for span in _within(window, begins, ends - begins) if span[0] < ends]


def _within(window: Window, at: datetime, reach: timedelta) -> Iterator[Span]:
    """Give the spans that reach beyond `at` and begin by `at + reach`."""
    last_shown = first_clock_at if window.effect is Effect.ALLOW else last_clock_at
    for begins, ends in window.pattern.spans(at.astimezone(window.zone).date()):
        begun = first_clock_at(begins, window.zone)
        if begun > at + reach:
            return
        ended = last_shown(ends, window.zone)
        if begun < ended and ended > at:
            yield begun, ended


def first_clock_at(wall: datetime, zone: ZoneInfo) -> datetime:
    """Give the first moment, in UTC, at which the clocks of a zone show this time or a later one."""
    first, second = _both(wall, zone)
    return first if first <= second else _jump(second, first, zone)


def last_clock_at(wall: datetime, zone: ZoneInfo) -> datetime:
    """Give the moment, in UTC, from which the clocks of a zone show nothing before this time any more."""
    first, second = _both(wall, zone)
    if first == second:
        return first
    if first > second:
        return _jump(second, first, zone)
    # Set back to exactly this time, they go on from it: what they show twice is all after it.
    return first if _jump(first, second, zone) == second else second


def _both(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Give the moments of a local time by the offset before a change of the clocks and by the one after (PEP 495)."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, second


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Give the moment of the one change of the clocks between two, to the second."""
    old = before.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


def _at(day: date, minutes: int) -> datetime:
    return datetime.combine(day, time()) + timedelta(minutes=minutes)


def _in_month(year: int, month: int, day: int, minutes: int) -> datetime:
    return _at(date(year, month, min(day, monthrange(year, month)[1])), minutes)


def _months_later(year: int, month: int, count: int) -> tuple[int, int]:
    months = year * 12 + month - 1 + count
    return months // 12, months % 12 + 1


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _day_words(day: int) -> str:
    return "last day" if day == 31 else f"day {day}"


def _with_times(first: str, starts: int, last: str, ends: int) -> str:
    if starts == 0 and ends == _MIDNIGHT:
        return f"{first} to {last}"
    return f"{first} {_clock(starts)} to {last} {_clock(ends)}"


def read_zone(name: str) -> ZoneInfo:
    """Give the time zone of a name such as Europe/Berlin; raises NotAWindow."""
    try:
        return ZoneInfo(name.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise NotAWindow(f"{name[:60]!r} is no time zone. Write one such as Europe/Berlin, or UTC.") from error


_FILLING: Final = frozenset({"every", "each", "from", "the", "of", "month", "year", "week", "on"})
_TIME: Final = r"(?: (\d{1,2}:\d{2}))?"
_DATE: Final = r"(\d{4}-\d{2}-\d{2})"
_ONCE: Final = re.compile(f"{_DATE}{_TIME} to {_DATE}{_TIME}")
_DAY_OF_MONTH: Final = r"(?:day )?(\d{1,2})(?:st|nd|rd|th)?|last day"
_MONTHLY: Final = re.compile(f"({_DAY_OF_MONTH}){_TIME} to ({_DAY_OF_MONTH}){_TIME}")
_YEARLY: Final = re.compile(rf"(\d{{1,2}})(?: ([a-z]+))?{_TIME} to (\d{{1,2}}) ([a-z]+){_TIME}")
_TO_DAY: Final = re.compile(f"([a-z]+){_TIME} to ([a-z]+){_TIME}")
_ON_DAYS: Final = re.compile(r"([a-z]+(?:(?:, ?|-| and | )[a-z]+)*)(?: (\d{1,2}:\d{2}) to (\d{1,2}:\d{2}))?")


def read(text: str) -> Pattern:
    """Give the pattern that a person wrote; raises NotAWindow, with examples."""
    words = re.sub(r"(\d)t(\d)", r"\1 \2", text.lower().replace("–", "-"))
    words = re.sub(r"\bweekdays?\b", "monday-friday", re.sub(r"\bweekends?\b", "saturday-sunday", words))
    plain = " ".join(word for word in words.split() if word not in _FILLING)
    plain = re.sub(r"^([a-z]+) to ([a-z]+)( \d{1,2}:\d{2} to )", r"\1-\2\3", plain)
    try:
        if found := _ONCE.fullmatch(plain):
            return _read_once(found)
        if found := _MONTHLY.fullmatch(plain):
            return _read_monthly(found)
        if found := _YEARLY.fullmatch(plain):
            return _read_yearly(found)
        if (found := _TO_DAY.fullmatch(plain)) and _weekday(found[1]) is not None:
            return _read_week(found)
        if found := _ON_DAYS.fullmatch(plain):
            return _read_days(found)
    except NotAWindow as error:
        raise NotAWindow(f"{text[:120]!r} is no window: {error} {_advice()}") from error
    except (ValueError, OverflowError) as error:
        raise NotAWindow(f"{text[:120]!r} is no window: {error}. {_advice()}") from error
    raise NotAWindow(f"{text[:120]!r} is no window. {_advice()}")


def _advice() -> str:
    return f"Write for example {'; '.join(EXAMPLES)}."


def _read_once(found: re.Match[str]) -> Once:
    begins = _at(date.fromisoformat(found[1]), _begin(found[2]))
    ends = _at(date.fromisoformat(found[3]), _end(found[4]))
    if begins >= ends:
        raise NotAWindow("it ends before it begins.")
    if not 2000 <= begins.year <= ends.year <= 2999:
        raise NotAWindow("its years are not between 2000 and 2999.")
    return Once(begins, ends)


def _read_yearly(found: re.Match[str]) -> Yearly:
    last = _month_and_day(found[5], found[4])
    first = _month_and_day(found[2] or found[5], found[1])
    starts, ends = _begin(found[3]), _end(found[6])
    if first == last and starts >= ends:
        raise NotAWindow("it ends before it begins.")
    return Yearly(first, starts, last, ends)


def _read_monthly(found: re.Match[str]) -> Monthly:
    first, last = _day(found[1], found[2]), _day(found[4], found[5])
    starts, ends = _begin(found[3]), _end(found[6])
    if first == last and starts >= ends:
        raise NotAWindow("it ends before it begins.")
    return Monthly(first, starts, last, ends)


def _month_and_day(name: str, day: str) -> tuple[int, int]:
    month = _named(name, MONTHS)
    if month is None:
        raise NotAWindow(f"{name!r} is no month.")
    if not 1 <= int(day) <= monthrange(2024, month + 1)[1]:
        raise NotAWindow(f"there is no {day} {MONTHS[month]}.")
    return month + 1, int(day)


def _day(text: str, number: str | None) -> int:
    if number is None:
        return 31
    if not 1 <= int(number) <= 31:
        raise NotAWindow(f"no month has a day {text.removeprefix('day ')}.")
    return int(number)


def _read_week(found: re.Match[str]) -> Weekly:
    first, last = _weekday(found[1]), _weekday(found[3])
    if first is None or last is None:
        raise NotAWindow(f"{found[3]!r} is no day of the week.")
    starts, ends = _begin(found[2]), _end(found[4])
    long = (last - first) % 7
    if long == 0 and starts == ends:
        raise NotAWindow("it ends when it begins.")
    return Weekly((first,), starts, long or (0 if ends > starts else 7), ends)


def _read_days(found: re.Match[str]) -> Weekly:
    days: set[int] = set()
    for part in re.split(r", ?| and | ", found[1]):
        first, _, last = part.partition("-")
        begins, ends = _weekday(first), _weekday(last or first)
        if part in {"day", "daily", "days"}:
            days |= set(range(7))
        elif begins is None or ends is None:
            raise NotAWindow(f"{part!r} is no day of the week.")
        else:
            days |= {(begins + number) % 7 for number in range((ends - begins) % 7 + 1)}
    starts, ends_at = _begin(found[2]), _end(found[3])
    return Weekly(tuple(sorted(days)), starts, 0 if ends_at > starts else 1, ends_at)


def _weekday(name: str) -> int | None:
    return _named(name.removesuffix("s") if name.endswith("days") else name, DAYS)


def _named(name: str, names: Sequence[str]) -> int | None:
    """Give the place of a name, which may be cut short after three letters."""
    return next((place for place, full in enumerate(names) if len(name) >= 3 and full.startswith(name)), None)


def _begin(text: str | None) -> int:
    minutes = 0 if text is None else _minutes(text)
    if minutes == _MIDNIGHT:
        raise NotAWindow("24:00 is an end; a beginning is 00:00 of the next day.")
    return minutes


def _end(text: str | None) -> int:
    return _MIDNIGHT if text is None else _minutes(text)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > _MIDNIGHT:
        raise NotAWindow(f"no clock shows {text}.")
    return total
