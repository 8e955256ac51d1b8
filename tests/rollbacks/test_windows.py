"""Freeze windows against an oracle that reads the clock minute by minute; what daylight saving does to them."""

import contextlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollbacks import windows
from rollbacks.windows import Effect, Monthly, NotAWindow, Once, Pattern, Weekly, Window, Yearly, read

BERLIN, SAO_PAULO, LORD_HOWE = "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"
CHANGES = (
    # Forward at 02:00 and back at 03:00; forward and back at midnight; by half an hour.
    *((BERLIN, date(2026, 3, 29)), (BERLIN, date(2026, 10, 25))),
    *((SAO_PAULO, date(2018, 11, 4)), (SAO_PAULO, date(2019, 2, 17))),
    *((LORD_HOWE, date(2026, 10, 4)), (LORD_HOWE, date(2026, 4, 5))),
)
AROUND = timedelta(days=4)
MINUTE = timedelta(minutes=1)


def window(text: str, zone: str = BERLIN, effect: Effect = Effect.DENY, *, key: str = "w") -> Window:
    return Window(key=key, effect=effect, pattern=read(text), zone=ZoneInfo(zone))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@cache
def clock(zone: str, day: date) -> tuple[list[datetime], list[datetime], list[datetime]]:
    """Give every minute around a day, the latest time that the clocks have shown by it, and the earliest to come."""
    middle = datetime(day.year, day.month, day.day, tzinfo=UTC)
    # Nobody asks about the days at either end: they are there so that nothing is shown twice across the edge.
    minutes = [middle - AROUND + MINUTE * number for number in range(2 * AROUND // MINUTE)]
    shown = [at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in minutes]
    latest, earliest = list(shown), list(shown)
    for number in range(1, len(shown)):
        latest[number] = max(latest[number - 1], shown[number])
        earliest[-number - 1] = min(earliest[-number], shown[-number - 1])
    return minutes, latest, earliest


def last_of(year: int, month: int) -> int:
    return (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day


def on_the_calendar(pattern: Pattern, day: date) -> Iterator[tuple[datetime, datetime]]:
    """Give what begins on a day, told from the calendar alone."""
    midnight = datetime.combine(day, time())
    if isinstance(pattern, Once):
        if pattern.begins.date() == day:
            yield pattern.begins, pattern.ends
        return
    begins = midnight + timedelta(minutes=pattern.starts)
    if isinstance(pattern, Weekly):
        if day.weekday() in pattern.days:
            yield begins, midnight + timedelta(days=pattern.days_long, minutes=pattern.ends)
        return
    first = (day.month, pattern.first) if isinstance(pattern, Monthly) else pattern.first
    if (day.month, day.day) != (first[0], min(first[1], last_of(day.year, first[0]))):
        return
    last = (day.month, pattern.last) if isinstance(pattern, Monthly) else pattern.last
    year, month = day.year, last[0]
    if last < first and isinstance(pattern, Yearly):
        year += 1
    elif last < first:
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    closing_day = date(year, month, min(last[1], last_of(year, month)))
    ends = datetime.combine(closing_day, time()) + timedelta(minutes=pattern.ends)
    if begins < ends:
        yield begins, ends


def oracle(one: Window, zone: str, day: date) -> list[bool]:
    """Tell for every minute around a day whether a window is on, by reading the clock and the calendar."""
    minutes, latest, earliest = clock(zone, day)
    on = [False] * len(minutes)
    for number in range(-500, 8):
        for begins, ends in on_the_calendar(one.pattern, day + timedelta(days=number)):
            if ends < latest[0] or begins > latest[-1]:
                continue
            # From the first minute by which the clocks have shown its beginning, to the last before its end.
            shows = latest if one.effect is Effect.ALLOW else earliest
            for place in range(bisect_left(latest, begins), bisect_left(shows, ends)):
                on[place] = True
    return on


times = st.integers(0, 24 * 60 - 1).filter(lambda minutes: minutes % 15 == 0 or minutes < 240)
small_hours = st.one_of(st.integers(0, 200), times)


@st.composite
def patterns(draw: st.DrawFn, day: date) -> Pattern:
    starts, ends = draw(small_hours), draw(small_hours | st.just(24 * 60))
    near = [day + timedelta(days=number) for number in (-2, -1, 0, 1, 2)]
    kind = draw(st.sampled_from(("once", "weekly", "monthly", "yearly")))
    if kind == "once":
        begins = datetime.combine(draw(st.sampled_from(near)), time()) + timedelta(minutes=starts)
        return Once(begins, begins + timedelta(minutes=draw(st.integers(1, 4000))))
    if kind == "weekly":
        days = draw(st.sets(st.integers(0, 6), min_size=1))
        long = draw(st.integers(0, 6)) if len(days) == 1 else 0
        if long == 0 and ends <= starts:
            long = 1
        return Weekly(tuple(sorted(days)), starts, long, ends)
    first, last = draw(st.sampled_from(near)), draw(st.sampled_from(near))
    if kind == "monthly":
        number = draw(st.sampled_from((first.day, 29, 30, 31)))
        return Monthly(number, starts, last.day, ends if number != last.day else max(ends, starts + 1))
    same = (first.month, first.day) == (last.month, last.day)
    return Yearly((first.month, first.day), starts, (last.month, last.day), max(ends, starts + 1) if same else ends)


@st.composite
def cases(draw: st.DrawFn, most: int) -> tuple[str, date, list[Window]]:
    zone, day = draw(st.sampled_from(CHANGES))
    found = [
        Window(
            key=str(number),
            effect=draw(st.sampled_from(list(Effect))),
            pattern=draw(patterns(day)),
            zone=ZoneInfo(zone),
        )
        for number in range(draw(st.integers(1, most)))
    ]
    return zone, day, found


@settings(max_examples=30)
@given(cases(1))
def test_a_window_is_on_in_exactly_the_minutes_in_which_the_clock_says_so(case: tuple[str, date, list[Window]]) -> None:
    zone, day, [one] = case
    minutes, _latest, _earliest = clock(zone, day)
    expected = oracle(one, zone, day)
    on = [False] * len(minutes)
    for begins, ends in windows.spans_between(one, minutes[0], minutes[-1] + MINUTE):
        first = max(0, (begins - minutes[0]) // MINUTE)
        for place in range(first, min(len(minutes), (ends - minutes[0]) // MINUTE)):
            on[place] = True
    assert on == expected
    changes = [place for place, (before, after) in enumerate(pairwise(expected), start=1) if before != after]
    for place in {0, *changes, *(place - 1 for place in changes)}:
        assert windows.covers(one, minutes[place]) is expected[place]


@settings(max_examples=20)
@given(cases(4), st.data())
def test_rollbacks_may_run_where_no_deny_window_is_on_and_an_allow_window_is_where_there_are_any(
    case: tuple[str, date, list[Window]], data: st.DataObject
) -> None:
    zone, day, found = case
    minutes, _latest, _earliest = clock(zone, day)
    on = {one.key: oracle(one, zone, day) for one in found}
    denying = [one.key for one in found if one.effect is Effect.DENY]
    allowing = [one.key for one in found if one.effect is Effect.ALLOW]
    expected = [
        not any(on[key][place] for key in denying) and (not allowing or any(on[key][place] for key in allowing))
        for place in range(len(minutes))
    ]
    changes = [place for place, (before, after) in enumerate(pairwise(expected), start=1) if before != after]
    for place in data.draw(st.lists(st.integers(0, len(minutes) - 1), min_size=3, max_size=3)):
        assert windows.is_open(found, minutes[place]) is expected[place]
        standing = windows.standing([found], minutes[place])
        assert standing.open is expected[place]
        later = bisect_right(changes, place)
        if later < len(changes):
            assert standing.until == minutes[changes[later]]
        else:
            assert standing.until is None or standing.until > minutes[-1]
        closing = {one.key for one in standing.closing}
        assert closing == set() if standing.open else closing
        assert all(on[key][place] == (key in denying) for key in closing)


@settings(max_examples=20)
@given(cases(2), cases(2))
def test_what_writes_two_objects_may_run_where_both_may(
    one: tuple[str, date, list[Window]], other: tuple[str, date, list[Window]]
) -> None:
    at = clock(*one[:2])[0][AROUND // MINUTE]
    both = windows.standing([one[2], other[2]], at)
    assert both.open is (windows.is_open(one[2], at) and windows.is_open(other[2], at))
    if both.until is not None:
        assert (windows.is_open(one[2], both.until) and windows.is_open(other[2], both.until)) is not both.open


@settings(max_examples=60)
@given(st.sampled_from(CHANGES).flatmap(lambda change: patterns(change[1])))
def test_the_words_of_a_window_read_back_as_the_same_window(pattern: Pattern) -> None:
    assert read(pattern.words) == pattern


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Friday 16:00 to Monday 06:00", "every friday 16:00 to monday 06:00"),
        ("every Fri 16:00 to Mon 6:00", "every friday 16:00 to monday 06:00"),
        ("from the 25th to the last day of each month", "every month day 25 to last day"),
        ("day 25 18:00 to last day 24:00", "every month day 25 18:00 to last day 24:00"),
        ("1 to 31 December", "every year 1 december to 31 december"),
        ("20 december 12:00 to 6 january 08:00", "every year 20 december 12:00 to 6 january 08:00"),
        ("mon-fri 09:00 to 17:00", "every monday, tuesday, wednesday, thursday, friday 09:00 to 17:00"),
        ("Monday to Friday 9:00 to 17:00", "every monday, tuesday, wednesday, thursday, friday 09:00 to 17:00"),
        ("weekends", "every saturday, sunday"),
        ("daily 22:00 to 02:00", "every day 22:00 to 02:00"),
        ("2026-12-24T18:00 to 2026-12-27T06:00", "2026-12-24 18:00 to 2026-12-27 06:00"),
        ("2026-12-24 to 2026-12-26", "2026-12-24 to 2026-12-26"),
    ],
)
def test_a_window_is_read_as_people_write_it(text: str, words: str) -> None:
    assert read(text).words == words


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no window"),
        ("whenever", "no day of the week"),
        ("friday 16:00 to friday 16:00", "ends when it begins"),
        ("2026-12-27 to 2026-12-24", "ends before it begins"),
        ("2026-02-30 to 2026-03-01", "day is out of range"),
        ("30 february to 2 march", "there is no 30 february"),
        ("day 32 to last day", "no month has a day 32"),
        ("friday 16:61 to monday 06:00", "no clock shows 16:61"),
        ("friday 24:00 to monday 06:00", "24:00 is an end"),
        ("4000-01-01 to 4000-12-31", "between 2000 and 2999"),
        ("friday 16:00 to moonday 06:00", "'moonday' is no day of the week"),
    ],
)
def test_what_is_no_window_is_refused_with_the_reason_and_examples(text: str, why: str) -> None:
    with pytest.raises(NotAWindow, match=why) as refused:
        read(text)
    assert "every friday 16:00 to monday 06:00" in str(refused.value)


@given(st.text(max_size=40))
def test_no_text_does_anything_else_than_read_or_be_refused(text: str) -> None:
    with contextlib.suppress(NotAWindow):
        assert read(read(text).words) == read(text)


def test_a_zone_that_nobody_knows_is_refused() -> None:
    for name in ("Europe/Atlantis", "", "../../etc/passwd", "Europe/\0"):
        with pytest.raises(NotAWindow, match="no time zone"):
            windows.read_zone(name)


def spans(text: str, zone: str, around: str, effect: Effect = Effect.DENY) -> Sequence[tuple[str, str]]:
    day = utc(around)
    found = windows.spans_between(window(text, zone, effect), day - timedelta(days=1), day + timedelta(days=1))
    return [(f"{begins:%d %H:%M}", f"{ends:%d %H:%M}") for begins, ends in found]


def test_the_hour_that_berlin_leaves_out_begins_and_ends_at_the_jump() -> None:
    jump = "2026-03-29T01:00"
    assert spans("2026-03-29 02:30 to 2026-03-29 05:00", BERLIN, jump) == [("29 01:00", "29 03:00")]
    assert spans("2026-03-29 00:30 to 2026-03-29 02:30", BERLIN, jump) == [("28 23:30", "29 01:00")]
    assert spans("2026-03-29 02:15 to 2026-03-29 02:45", BERLIN, jump) == []


def test_where_berlin_shows_an_hour_twice_the_doubt_freezes() -> None:
    back = "2026-10-25T01:00"
    text = "2026-10-25 02:30 to 2026-10-25 02:45"
    assert spans(text, BERLIN, back) == [("25 00:30", "25 01:45")]
    assert spans(text, BERLIN, back, Effect.ALLOW) == [("25 00:30", "25 00:45")]
    # Until two o'clock is before either of the two hours, until three after both.
    assert spans("2026-10-25 00:00 to 2026-10-25 02:00", BERLIN, back) == [("24 22:00", "25 00:00")]
    assert spans("2026-10-25 02:00 to 2026-10-25 03:00", BERLIN, back, Effect.ALLOW) == [("25 00:00", "25 02:00")]


def test_a_day_of_sao_paulo_begins_at_one_where_midnight_is_left_out_and_ends_at_the_second_midnight() -> None:
    assert spans("2018-11-04 to 2018-11-04", SAO_PAULO, "2018-11-04T03:00") == [("04 03:00", "05 02:00")]
    assert spans("2019-02-16 to 2019-02-16", SAO_PAULO, "2019-02-17T02:00") == [("16 02:00", "17 03:00")]


def test_lord_howe_doubles_and_leaves_out_half_an_hour() -> None:
    back, forward = "2026-04-04T15:00", "2026-10-03T15:30"
    assert spans("2026-04-05 01:45 to 2026-04-05 01:50", LORD_HOWE, back) == [("04 14:45", "04 15:20")]
    assert spans("2026-10-04 02:10 to 2026-10-04 03:00", LORD_HOWE, forward) == [("03 15:30", "03 16:00")]


def test_the_examples_of_the_brief_last_as_long_as_they_say() -> None:
    weekend = window("every Friday 16:00 to Monday 06:00")
    standing = windows.standing([[weekend]], utc("2026-11-21T12:00"))
    assert (standing.open, standing.until) == (False, utc("2026-11-23T05:00"))
    end_of_month = window("25th to the last day of each month")
    assert windows.standing([[end_of_month]], utc("2026-02-26T12:00")).until == utc("2026-02-28T23:00")
    december = window("1 to 31 December")
    assert windows.standing([[december]], utc("2026-11-22T12:00")).until == utc("2026-11-30T23:00")
    assert windows.standing([[december]], utc("2026-12-24T12:00")).until == utc("2026-12-31T23:00")


def test_an_allow_window_that_is_over_for_good_never_opens_again() -> None:
    past = window("2026-11-01 to 2026-11-02", effect=Effect.ALLOW)
    standing = windows.standing([[past]], utc("2026-11-22T12:00"))
    assert (standing.open, standing.until, standing.closing) == (False, None, (past,))
