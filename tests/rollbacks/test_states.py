"""Every move that is not in the table is refused."""

import pytest

from rollbacks.models import Rollback
from rollbacks.states import MOVES, IllegalMove, State, check_move, sources_of


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_only_the_moves_of_the_table_are_legal(before: State, after: State) -> None:
    if after in MOVES[before]:
        check_move(before, after)
        assert before in sources_of(after)
    else:
        with pytest.raises(IllegalMove):
            check_move(before, after)


def test_only_what_nobody_has_begun_comes_to_wait_for_approval_again() -> None:
    assert sources_of(State.AWAITING_APPROVAL) == frozenset({State.APPROVED})


def test_nothing_that_has_begun_can_be_cancelled_or_expire() -> None:
    assert State.APPLYING not in sources_of(State.CANCELLED) | sources_of(State.EXPIRED)


def test_the_database_and_the_table_name_the_same_states() -> None:
    assert set(Rollback.State.values) == {state.value for state in State}
