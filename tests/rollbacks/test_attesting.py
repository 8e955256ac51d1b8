"""Which record of the platform's audit is which write of ours, and what is never claimed of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rollbacks.attesting import Deed, Finding, Offset, Span, Standing, judge, name_writers
from tenants.audit_records import Record

OURS = "2f1c-config-vault"
THEIRS = "77ab-terraform"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EXACT = Offset(low=timedelta(milliseconds=-500), high=timedelta(milliseconds=500))


def at(seconds: float) -> datetime:
    return NOON + timedelta(milliseconds=round(seconds * 1000))


def record(name: str, seconds: float, *, client: str = THEIRS, **changes: Any) -> Record:
    known: dict[str, Any] = {"user_name": "Ines Duarte" if client != OURS else "", "changed": ("content",)}
    return Record(id=name, at=at(seconds), client_id=client, entity_id="cfg-1", **(known | changes))


DEED = Deed(
    looked=at(99.90),
    begun=at(100.0),
    ended=at(100.2),
    clients=frozenset({OURS}),
    certain=True,
    base_at=at(-3600),
    base_seen=at(-3000),
)
LANDED = record("ours", 100.1, client=OURS)


def found(*records: Record, deed: Deed = DEED, **changes: Any) -> Finding:
    known: dict[str, Any] = {"offset": EXACT, "over": False}
    return judge(deed, records, **(known | changes))


def test_the_one_record_of_our_client_in_its_time_is_ours() -> None:
    told = found(LANDED, record("base", -3600), record("later", 250))
    assert (told.standing, told.ours, told.foreign) == (Standing.MATCHED, LANDED, ())


def test_a_missing_record_is_looked_for_until_its_time_is_over_and_only_a_certain_write_misses_one() -> None:
    assert found().standing is Standing.LOOKING
    assert found(over=True).standing is Standing.MISSING
    assert found(over=True, deed=replace(DEED, certain=False)).standing is Standing.ABSENT
    assert found(over=True, complete=False).standing is Standing.UNREADABLE


def test_a_record_that_says_nothing_came_of_it_is_none() -> None:
    assert found(replace(LANDED, status="FAILURE"), over=True).standing is Standing.MISSING


def test_a_record_outside_its_time_is_not_taken_unless_the_clocks_may_be_that_far_apart() -> None:
    late = record("ours", 130, client=OURS)
    assert found(late).standing is Standing.LOOKING
    ahead = Offset(low=timedelta(seconds=29), high=timedelta(seconds=31))
    assert found(late, offset=ahead).ours == late
    assert found(LANDED, offset=ahead).standing is Standing.LOOKING
    assert found(late, offset=Offset()).ours == late


def test_two_records_of_our_client_are_not_told_apart_by_guessing() -> None:
    told = found(LANDED, record("again", 100.15, client=OURS))
    assert told.standing is Standing.UNCLEAR
    assert told.ours is None
    assert {one.id for one in told.several} == {"ours", "again"}


def test_two_writes_of_ours_close_together_share_their_records_in_order_or_not_at_all() -> None:
    undone = Span(at(100.5), at(100.7))
    second = record("second", 100.6, client=OURS)
    assert found(LANDED, second, others=[undone]).ours == LANDED
    assert found(LANDED, others=[undone]).standing is Standing.UNCLEAR
    assert found(second, others=[undone]).standing is Standing.UNCLEAR
    unsure = replace(undone, certain=False)
    assert found(LANDED, second, others=[unsure]).standing is Standing.UNCLEAR
    assert found(LANDED, record("same", 100.1, client=OURS), others=[undone]).standing is Standing.UNCLEAR
    far = Span(at(400), at(400.2))
    assert found(LANDED, others=[far]).ours == LANDED


def test_somebody_elses_write_between_our_look_and_ours_is_foreign() -> None:
    theirs = record("theirs", 100.05)
    told = found(LANDED, theirs)
    assert (told.standing, told.ours, told.foreign) == (Standing.FOREIGN, LANDED, (theirs,))


def test_a_person_without_a_client_is_somebody_else_and_nobody_named_is_unclear() -> None:
    assert found(LANDED, record("person", 100.05, client="")).standing is Standing.FOREIGN
    nobody = record("nobody", 100.05, client="", user_name="")
    assert found(LANDED, nobody).standing is Standing.UNCLEAR


def test_what_came_before_our_look_or_after_our_write_is_not_between() -> None:
    assert found(LANDED, record("before", 99.5)).standing is Standing.MATCHED
    assert found(LANDED, record("after", 100.101)).standing is Standing.MATCHED
    assert found(LANDED, record("base", -3600)).standing is Standing.MATCHED


def test_the_same_millisecond_has_no_order() -> None:
    assert found(LANDED, record("tie", 100.1)).standing is Standing.UNCLEAR


def test_what_may_be_older_than_our_look_is_unclear_whatever_it_changed() -> None:
    slow = replace(DEED, looked=at(99.99))
    told = found(LANDED, record("theirs", 100.05), deed=slow)
    assert (told.standing, told.ours, [one.id for one in told.foreign]) == (Standing.UNCLEAR, LANDED, ["theirs"])
    assert found(LANDED, record("theirs", 100.095), deed=slow).standing is Standing.FOREIGN


def test_the_record_of_the_base_itself_is_not_taken_for_somebodys_write_in_between() -> None:
    hasty = replace(DEED, base_at=at(99.95), base_seen=at(99.97), looked=at(99.99))
    assert found(LANDED, record("base", 99.95), deed=hasty).standing is Standing.MATCHED
    assert found(LANDED, record("base", 100.0), deed=hasty).standing is Standing.UNCLEAR
    unknown = replace(DEED, base_at=None, base_seen=at(99.06), looked=at(99.4))
    assert found(LANDED, record("base", 100.05), deed=unknown).standing is Standing.UNCLEAR
    assert found(LANDED, record("theirs", 100.05), deed=replace(unknown, base_seen=at(50))).standing is Standing.FOREIGN


def test_without_our_own_record_a_foreign_one_waits_for_it_unless_its_time_is_clear() -> None:
    theirs = record("theirs", 100.05)
    assert found(theirs).standing is Standing.LOOKING
    assert found(theirs, over=True).standing is Standing.UNCLEAR
    long = replace(DEED, looked=at(90), begun=at(110), ended=at(110.2))
    assert found(record("theirs", 100), deed=long).standing is Standing.FOREIGN


def test_where_nothing_says_that_ours_landed_a_foreign_write_is_none_of_this() -> None:
    lost = replace(DEED, certain=False)
    assert found(record("theirs", 100.05), deed=lost, over=True).standing is Standing.ABSENT


def test_the_writers_before_a_conflict_are_all_named_and_an_answer_in_parts_shows_nothing_missing() -> None:
    theirs = record("second", 50), record("first", 40), record("old", -3600), record("late", 300)
    told = name_writers(theirs, since=at(0), until=at(100), offset=EXACT, over=False)
    assert (told.standing, [one.id for one in told.foreign]) == (Standing.NAMED, ["first", "second"])
    nobody: dict[str, Any] = {"since": at(0), "until": at(100), "offset": EXACT}
    assert name_writers((), **nobody, over=False).standing is Standing.LOOKING
    assert name_writers((), **nobody, over=True).standing is Standing.UNNAMED
    assert name_writers((), **nobody, over=True, complete=False).standing is Standing.UNREADABLE


# --- a platform with a clock of its own ------------------------------------------------------------------------------

MS = st.integers(min_value=0, max_value=400)


@st.composite
def scenes(draw: st.DrawFn) -> dict[str, Any]:
    """Give what truly happened in milliseconds of true time, and the records that came of it, in any order and number.

    Everybody changes the content to something new, or back to what was there: our look reads what stands then.
    """
    base = -draw(st.integers(min_value=1, max_value=4000))
    looked = draw(MS)
    begun = looked + draw(st.integers(min_value=0, max_value=50))
    landed = begun + draw(st.integers(min_value=1, max_value=100))
    ended = landed + draw(st.integers(min_value=0, max_value=100))
    times = draw(st.lists(st.integers(min_value=base + 1, max_value=ended + 50), max_size=4, unique=True))
    times = [time for time in times if time not in (looked, landed)]
    contents = {time: draw(st.sampled_from(["base", "other", "third"])) for time in times}
    skew = draw(st.integers(min_value=-5000, max_value=5000))
    wide = draw(st.integers(min_value=0, max_value=1500))
    lag = draw(st.integers(min_value=0, max_value=1000))

    def logged(name: str, time: int, client: str, changed: tuple[str, ...]) -> Record:
        return record(name, (time + skew) / 1000, client=client, changed=changed)

    standing, records = "base", [logged("base", base + lag, THEIRS, ("content",))]
    for time in sorted(times):
        if time > landed and standing != "ours":
            standing = "ours"
        records.append(logged(f"at {time}", time, THEIRS, ("content",) if contents[time] != standing else ()))
        standing = contents[time]
    before_look = [contents[time] for time in sorted(times) if time < looked]
    shown = before_look[-1] if before_look else "base"
    arrived = draw(st.booleans())
    if arrived:
        records.append(logged("ours", landed, OURS, ("content",)))
    kept = [one for one in records if one.id == "ours" or draw(st.integers(0, 9)) > 0]
    told = draw(st.permutations(kept + draw(st.lists(st.sampled_from(kept), max_size=3)) if kept else kept))
    knows_base = draw(st.booleans())
    deed = Deed(
        looked=at(looked / 1000),
        begun=at(begun / 1000),
        ended=at(ended / 1000),
        clients=frozenset({OURS}),
        certain=draw(st.booleans()) or not arrived,
        base_at=at((base + skew) / 1000) if knows_base else None,
        base_seen=at(draw(st.integers(min_value=base, max_value=looked)) / 1000),
    )
    between = {f"at {time}" for time in times if looked < time < landed}
    offset = Offset(low=timedelta(milliseconds=skew - wide), high=timedelta(milliseconds=skew + wide))
    return {
        "deed": deed,
        "told": told,
        "between": between,
        "shown": shown,
        "arrived": arrived,
        "offset": offset,
        "over": draw(st.booleans()),
    }


@settings(max_examples=150)
@given(scenes())
def test_nothing_is_claimed_that_did_not_happen(scene: dict[str, Any]) -> None:
    if scene["shown"] != "base":
        return  # our look would have shown that the base had moved, and nothing would have been sent
    told = judge(scene["deed"], scene["told"], offset=scene["offset"], over=scene["over"])
    here = {one.id for one in scene["told"]}
    if told.standing is Standing.MATCHED:
        assert told.ours is not None
        assert told.ours.id == "ours"
        assert not scene["between"] & here, "somebody's record in between was passed over"
    if told.standing in {Standing.MISSING, Standing.ABSENT, Standing.LOOKING}:
        assert "ours" not in here
    if told.standing is Standing.FOREIGN:
        assert {one.id for one in told.foreign} & scene["between"], "no foreign write lies between"
    if "ours" in here:
        assert told.standing not in {Standing.MISSING, Standing.LOOKING}


@settings(max_examples=50)
@given(scenes(), st.randoms(use_true_random=False))
def test_order_and_repetition_of_records_change_nothing(scene: dict[str, Any], random: Any) -> None:
    once = list({one.id: one for one in scene["told"]}.values())
    again = [*once, *once[:2]]
    random.shuffle(again)
    asked = {"offset": scene["offset"], "over": scene["over"]}
    assert judge(scene["deed"], once, **asked) == judge(scene["deed"], again, **asked)
