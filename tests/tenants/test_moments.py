"""What was live at a moment: every answer that claims to know is held against what really was, on random histories."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenants import moments
from tenants.moments import GONE, Known, NotAMoment, Span, Sureness, Verdict, Version, Zone, decide, known_at

T0 = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
LONGEST = timedelta(minutes=15)


def minute(number: float) -> datetime:
    return T0 + timedelta(minutes=number)


@dataclass(frozen=True)
class Story:
    """What really happened to an object, and what is known of it."""

    writes: list[float]
    """When each version was written, in minutes; version 1 first."""
    deleted: float | None
    looks: list[float]
    dated: list[bool]
    """Whether the platform tells when each version was written."""
    imported: list[bool]
    """Whether each version is kept although no look saw it."""

    def live_at(self, at: float) -> int | None:
        if self.deleted is not None and at >= self.deleted:
            return None
        return sum(written <= at for written in self.writes) or None

    def version(self, number: int) -> Version:
        return Version(
            key=number, number=number, written_at=minute(self.writes[number - 1]) if self.dated[number - 1] else None
        )

    def known(self, at: float) -> Known:
        spans: list[Span] = []
        for look in sorted(self.looks):
            number = self.live_at(look)
            if number is None and look < self.writes[0]:
                continue
            seen = GONE if number is None else self.version(number)
            last = spans[-1] if spans else None
            if last is not None and last.version == seen and minute(look) - last.last <= LONGEST:
                spans[-1] = Span(version=seen, first=last.first, last=minute(look))
            else:
                spans.append(Span(version=seen, first=minute(look), last=minute(look)))
        seen_numbers = {span.version.number for span in spans}
        kept = [
            self.version(number)
            for number in range(1, len(self.writes) + 1)
            if number in seen_numbers or self.imported[number - 1]
        ]
        return known_at(minute(at), spans, kept)


@st.composite
def stories(draw: st.DrawFn, *, whole: bool = False) -> Story:
    times = st.integers(0, 600).map(float)
    writes = sorted(draw(st.lists(times, min_size=1, max_size=8, unique=True)))
    deleted = draw(st.none() | st.floats(writes[-1] + 0.5, 700)) if not whole else None
    every = st.lists(st.just(value=True) if whole else st.booleans(), min_size=len(writes), max_size=len(writes))
    return Story(
        writes=writes,
        deleted=deleted,
        looks=draw(st.lists(st.floats(0, 700), max_size=25)),
        dated=draw(every),
        imported=draw(every),
    )


@settings(max_examples=400)
@given(stories(), st.floats(0, 700))
def test_what_is_confirmed_or_told_by_the_platform_is_what_was_live(story: Story, at: float) -> None:
    known = story.known(at)
    verdict = decide(minute(at), known, numbered=True)
    really = story.live_at(at)
    if verdict.sureness in {Sureness.CONFIRMED, Sureness.PLATFORM}:
        assert verdict.version is not None
        assert verdict.version.number == really
    if verdict.sureness is Sureness.UNKNOWN:
        assert verdict.version is None
        numbers = [one.number for one in verdict.candidates if one.number is not None]
        if len(numbers) == 2 and really is not None:
            assert numbers[0] <= really <= numbers[1]
            assert verdict.missing == (numbers[1] - numbers[0] > 1)
    assert verdict.since is None or verdict.since <= minute(at)
    assert verdict.until is None or verdict.until >= minute(at)
    assert moments.explain(verdict, lambda when: f"{when:%H:%M}").endswith(".")


@settings(max_examples=200)
@given(stories(whole=True), st.floats(0, 700))
def test_a_whole_history_with_dates_leaves_nothing_unknown(story: Story, at: float) -> None:
    known = story.known(at)
    verdict = decide(minute(at), known, numbered=True)
    assert verdict.version is not None
    assert verdict.version.number == story.live_at(at)
    assert verdict.sureness is not Sureness.UNKNOWN
    assert verdict.sureness is not Sureness.LIKELY or at >= story.writes[-1]


@settings(max_examples=300)
@given(stories(), st.floats(0, 700))
def test_without_numbers_only_what_looks_and_dates_bear_out_is_claimed(story: Story, at: float) -> None:
    known = story.known(at)
    verdict = decide(minute(at), known, numbered=False)
    if verdict.sureness in {Sureness.CONFIRMED, Sureness.PLATFORM}:
        assert verdict.version is not None
        assert verdict.version.number == story.live_at(at)


@settings(max_examples=200)
@given(stories(whole=True), st.floats(0, 700), st.floats(0, 5))
def test_a_stale_read_is_not_believed_where_the_platform_dates_the_write(story: Story, at: float, stale: float) -> None:
    """Reads that go on to show for some minutes what was live before, with every version dated."""
    behind = Story(
        writes=[written + stale for written in story.writes],
        deleted=None,
        looks=story.looks,
        dated=story.dated,
        imported=story.imported,
    )
    spans = known_spans(behind, story)
    versions = [story.version(number) for number in range(1, len(story.writes) + 1)]
    verdict = decide(minute(at), known_at(minute(at), spans, versions), numbered=True)
    if verdict.sureness is Sureness.PLATFORM:
        assert verdict.version is not None
        assert verdict.version.number == story.live_at(at)


def known_spans(seen: Story, dated: Story) -> list[Span]:
    """Give the spans of looks that are behind, bearing the dates of what really happened."""
    spans: list[Span] = []
    for look in sorted(seen.looks):
        number = seen.live_at(look)
        if number is None:
            continue
        version = dated.version(number)
        last = spans[-1] if spans else None
        if last is not None and last.version == version and minute(look) - last.last <= LONGEST:
            spans[-1] = Span(version=version, first=last.first, last=minute(look))
        else:
            spans.append(Span(version=version, first=minute(look), last=minute(look)))
    return spans


# one by one

V41 = Version(key=41, number=41, written_at=minute(0))
V42 = Version(key=42, number=42, written_at=minute(160))
SHOWN_LATE = Version(key=42, number=42, written_at=minute(145))
"""Reads went on to show v41 for five minutes."""
UNDATED = Version(key=42, number=42)
BEFORE = Span(version=V41, first=minute(100), last=minute(150))


def after(version: Version) -> Span:
    return Span(version=version, first=minute(180), last=minute(300))


@pytest.mark.parametrize(
    ("at", "known", "numbered", "sureness", "number"),
    [
        (120, Known(before=BEFORE), True, Sureness.CONFIRMED, 41),
        (167, Known(before=BEFORE, after=after(V41)), True, Sureness.CONFIRMED, 41),
        (167, Known(before=BEFORE, after=after(V41)), False, Sureness.LIKELY, 41),
        (167, Known(before=BEFORE, after=after(V42), written=V42), True, Sureness.PLATFORM, 42),
        (155, Known(before=BEFORE, after=after(V42), written=V41, next_written=V42), True, Sureness.PLATFORM, 41),
        (155, Known(before=BEFORE, after=after(V42), written=V41, next_written=V42), False, Sureness.LIKELY, 41),
        (167, Known(before=BEFORE, after=after(UNDATED), written=V41), True, Sureness.UNKNOWN, None),
        (167, Known(before=BEFORE, after=after(GONE), written=V41), True, Sureness.UNKNOWN, None),
        (167, Known(before=BEFORE, written=V41), True, Sureness.LIKELY, 41),
        (148, Known(before=BEFORE, after=after(SHOWN_LATE), written=SHOWN_LATE), True, Sureness.PLATFORM, 42),
        (144, Known(before=BEFORE, after=after(SHOWN_LATE), written=V41), True, Sureness.CONFIRMED, 41),
        (167, Known(), True, Sureness.UNKNOWN, None),
        (-5, Known(next_written=Version(key=1, number=1, written_at=minute(0))), True, Sureness.PLATFORM, None),
        (-5, Known(after=after(V41), next_written=V41), True, Sureness.UNKNOWN, None),
    ],
)
def test_each_line_of_the_table(
    at: float, known: Known, numbered: bool, sureness: Sureness, number: int | None
) -> None:
    verdict = decide(minute(at), known, numbered=numbered)
    assert (verdict.sureness, None if verdict.version is None else verdict.version.number) == (sureness, number)


def test_a_gap_is_told_with_its_bounds_and_what_stands_around_it() -> None:
    verdict = decide(minute(167), Known(before=BEFORE, after=after(UNDATED), written=V41), numbered=True)
    assert (verdict.since, verdict.until) == (minute(150), minute(180))
    said = moments.explain(verdict, lambda when: f"{when:%H:%M}")
    assert said == "Between 02:30 and 03:00 nobody looked; around that stand v41 and v42."


NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BERLIN = moments.read_zone("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-11-22 02:47", Zone(), "2026-11-22T02:47:00+00:00"),
        ("2026-11-22T02:47", BERLIN, "2026-11-22T01:47:00+00:00"),
        ("2026-11-22T02:47:09+05:30", BERLIN, "2026-11-21T21:17:09+00:00"),
        ("02:47", BERLIN, "2026-11-22T01:47:00+00:00"),
        ("23:15", BERLIN, "2026-11-21T22:15:00+00:00"),
        ("2026-07-01 12:00", BERLIN, "2026-07-01T10:00:00+00:00"),
        ("2026-10-25T02:30+02:00", BERLIN, "2026-10-25T00:30:00+00:00"),
    ],
)
def test_a_moment_is_read_in_its_time_zone(text: str, zone: Zone, utc: str) -> None:
    assert moments.read_moment(text, zone, now=NOW).isoformat() == utc


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("yesterday", "is no moment"),
        ("25:00", "is no moment"),
        ("2026-02-30 10:00", "is no moment"),
        ("2027-01-01 00:00", "has not come yet"),
        ("2026-03-29 02:30", "left 2026-03-29 02:30 out"),
        ("2026-10-25 02:30", "twice. Say which: 2026-10-25T02:30[+]02:00 or 2026-10-25T02:30[+]01:00"),
        ("0001-01-01 00:00", "is no moment"),
    ],
)
def test_what_names_no_moment_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(NotAMoment, match=sentence):
        moments.read_moment(text, BERLIN, now=NOW)


def test_a_time_that_the_clocks_showed_twice_is_given_both_ways() -> None:
    with pytest.raises(NotAMoment) as refused:
        moments.read_moment("2026-10-25 02:30", BERLIN, now=NOW)
    assert [at.isoformat() for at in refused.value.choices] == [
        "2026-10-25T00:30:00+00:00",
        "2026-10-25T01:30:00+00:00",
    ]
    with pytest.raises(NotAMoment, match="no time zone"):
        moments.read_zone("Europe/Atlantis")


def test_a_verdict_is_a_value() -> None:
    assert decide(minute(120), Known(before=BEFORE), numbered=True) == Verdict(
        sureness=Sureness.CONFIRMED, version=V41, since=minute(100), until=minute(150), rests_on="seen"
    )
