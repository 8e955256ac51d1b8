"""The matrix of ambiguity: a slice of it holds, its expectation is the table's, and wrong judges are seen."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from rollbacks import driving
from rollbacks.verdicts import Close, Decision, SendOutcome, Verdict, judge
from tenants.resource_types import catalogue
from tests.torture import matrix
from tests.torture.matrix import ANSWERS, SITUATIONS, Cell, Situation
from tests.torture.solo import Ground
from tests.torture.solo_seams import held, play
from tests.torture.solo_way import ETAGS, SCHEDULE, SCHEMA, Way

pytestmark = pytest.mark.django_db(transaction=True)

NOBODY, LOST = Situation("landed", "nobody"), Situation("not landed", "other")


def cell(answer: str, situation: Situation, *, level: str = "A", authors: bool = False, history: bool = False) -> Cell:
    return Cell(level, authors, history, answer, situation)


def test_a_slice_of_the_matrix_holds_and_its_report_names_every_answer() -> None:
    chosen = random.Random(4).sample(list(matrix.cells()), 15)  # noqa: S311 - any slice will do, the same each time
    results = matrix.play_all(chosen)
    assert [said for result in results for said in result.broken] == []
    assert {result.cell for result in results} == set(chosen)
    report = matrix.report(results)
    told = " ".join(str(cell) for table in report.tables for row in table.rows for cell in row)
    assert all(one.answer in told for one in chosen)


def test_the_matrix_has_every_cell_that_is_possible_once() -> None:
    whole = list(matrix.cells())
    assert len(set(whole)) == len(whole) == len(ANSWERS) * len(SITUATIONS) * 7
    assert len(ANSWERS) == 24


@pytest.mark.parametrize(
    ("chosen", "verdict"),
    [
        (cell("200", NOBODY), "verified"),
        (cell("timeout", NOBODY), "reached"),
        (cell("timeout", NOBODY, authors=True), "verified"),
        (cell("timeout", Situation("landed altered", "nobody"), authors=True), "divergent"),
        (cell("409 lost race", LOST), "conflict"),
        (cell("409 lost race", Situation("landed", "other")), "indeterminate"),
        (cell("409 lost race", Situation("landed", "other"), history=True), "reached"),
        (cell("200", Situation("landed", "other")), "overwritten"),
        (cell("403", Situation("not landed", "nobody")), "not_applied"),
        (cell("409 lost race", Situation("not landed", "nobody")), "verified"),
        (cell("200", Situation("not landed", "nobody")), "not_visible_yet"),
        (cell("200", Situation("not landed", "equal", before=True), authors=True), "reached"),
    ],
    ids=str,
)
def test_the_expectation_says_what_each_row_of_the_table_says(chosen: Cell, verdict: str) -> None:
    assert matrix.expected(chosen).verdict == verdict


def test_no_type_of_level_b_names_authors_and_shows_its_history() -> None:
    both = [
        rtype.name
        for rtype in catalogue.all_types()
        if rtype.guard_level == "B"
        and rtype.history_version_path
        and {"modifiedBy", "modifiedByApp"} & {*rtype.read_only, *rtype.volatile}
    ]
    assert both == []
    assert catalogue.get(SCHEMA.name).history_version_path
    assert "modifiedByApp" in catalogue.get(SCHEDULE.name).read_only


def test_a_write_after_a_foreign_one_is_turned_away_by_the_guard_and_wrong_judges_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with held(Ground(ETAGS), begun=True) as ground:
        with play(ground, Way(), {}) as one:
            one.write = matrix._Way(cell("200", Situation("landed", "other", before=True)))
            one.run()
            assert [write.ours for write in one.platform.accepted] == [False]
        for wrong, chosen, seen in _WRONG:
            with monkeypatch.context() as patched:
                patched.setattr(driving, "judge", wrong)
                assert bool(matrix.play_cell(ground, chosen).broken) == seen, chosen


def _always(verdict: Verdict, when: Callable[[list[SendOutcome]], bool]) -> Callable[..., Decision]:
    def judging(guarded: Any, sends: Any, *seen: Any, **known: Any) -> Decision:
        if sends and when([sent.outcome for sent in sends]):
            return Close(verdict, {})
        return judge(guarded, sends, *seen, **known)

    return judging


_409_IS_A_FAILURE = _always(Verdict.NOT_APPLIED, lambda outcomes: outcomes[-1] is SendOutcome.LOST_RACE)
_2XX_IS_PROOF = _always(Verdict.VERIFIED, lambda outcomes: outcomes[-1] is SendOutcome.APPLIED)
_SILENCE_IS_A_FAILURE = _always(Verdict.NOT_APPLIED, lambda outcomes: outcomes[-1] is SendOutcome.UNKNOWN)
_WRONG = (
    (_409_IS_A_FAILURE, cell("409 lost race", NOBODY), True),
    (_2XX_IS_PROOF, cell("200", Situation("not landed", "equal", before=True), authors=True), True),
    (_SILENCE_IS_A_FAILURE, cell("503", NOBODY), True),
    (_SILENCE_IS_A_FAILURE, cell("409 lost race", NOBODY), False),
)
