"""Finding the first bad version: right whatever is skipped, after as few questions as halving takes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.bisecting import Said, stand


def ask_until_the_end(bad: list[bool], skipped: set[int]) -> tuple[int | None, tuple[int, ...], int]:
    """Answer truly until nothing is asked any more; give what was found, the suspects and how often was asked."""
    answers: dict[int, Said] = {}
    while (now := stand(len(bad), answers)).ask is not None:
        assert now.ask not in answers, "nobody is asked twice"
        assert now.good < now.ask < now.bad
        answers[now.ask] = Said.SKIP if now.ask in skipped else Said.BAD if bad[now.ask] else Said.GOOD
    return now.found, now.suspects, len(answers)


@given(st.integers(2, 200).flatmap(lambda count: st.tuples(st.just(count), st.integers(1, count - 1))))
def test_the_first_bad_version_is_found_in_as_few_questions_as_halving_takes(told: tuple[int, int]) -> None:
    count, first = told
    found, _suspects, asked = ask_until_the_end([place >= first for place in range(count)], set())
    assert found == first
    assert asked <= math.ceil(math.log2(count))


@given(
    st.integers(2, 60).flatmap(
        lambda count: st.tuples(st.just(count), st.integers(1, count - 1), st.sets(st.integers(1, max(1, count - 2))))
    )
)
def test_what_is_skipped_leaves_the_right_one_among_the_suspects(told: tuple[int, int, set[int]]) -> None:
    count, first, skipped = told
    found, suspects, _asked = ask_until_the_end([place >= first for place in range(count)], skipped)
    assert first in suspects
    assert all(place in skipped for place in suspects[:-1])
    assert found is None or found == first
    if not skipped & {first - 1, first}:
        assert found == first


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_where_bad_was_good_again_in_between_the_answer_is_still_bad_right_after_good(middle: list[bool]) -> None:
    bad = [False, *middle, True]
    found, _suspects, _asked = ask_until_the_end(bad, set())
    assert found is not None
    assert bad[found]
    assert not bad[found - 1]


def test_the_middle_is_proposed_and_the_number_of_questions_told() -> None:
    first = stand(17, {})
    assert (first.ask, first.left) == (8, 4)
    assert stand(17, {8: Said.BAD}).ask == 4
    assert stand(17, {8: Said.SKIP}).ask == 7
    assert stand(17, {8: Said.BAD, 4: Said.GOOD, 6: Said.GOOD}).ask == 7
    assert stand(2, {}).found == 1
    with pytest.raises(ValueError, match="needs a good and a bad"):
        stand(1, {})
