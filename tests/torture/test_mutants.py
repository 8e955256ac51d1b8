"""The planted bugs: each one still has its place in the real code, and the simulation's checker catches it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture import mutants, planting, simulation, stage
from tests.torture.planted import MUTANTS
from tests.torture.planting import Found, Mutant, Patch, Stale

EVERYDAY = ("sent before its intent", "again on a new base")
"""They show themselves at once; the others are the business of `make torture PROOF=mutants`."""


@pytest.fixture(name="template")
def _template(transactional_db: None) -> Iterator[str]:
    with mutants.template() as name:
        yield name


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_bug_has_exactly_one_place_in_the_real_code_and_makes_other_code_of_it(mutant: Mutant) -> None:
    planting.check(mutant)


def test_the_list_holds_the_sixteen_and_more_that_were_promised_each_under_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 16


def test_a_bug_whose_place_has_changed_is_stale_by_name() -> None:
    gone = Mutant(name="gone", breaks="", patches=[Patch("rollbacks.verdicts", "no such text", "")], hint=1)
    twice = Mutant(name="twice", breaks="", patches=[Patch("rollbacks.verdicts", "Verdict.VERIFIED", "x")], hint=1)
    idle = Mutant(
        name="idle", breaks="", patches=[Patch("rollbacks.verdicts", "MAX_SENDS = 6", "MAX_SENDS  = 6")], hint=1
    )
    said = mutants.stale([gone, twice, idle])
    assert [one.partition(":")[0] for one in said] == ["gone", "twice", "idle"]
    assert "nowhere" in said[0]
    assert "times" in said[1]
    assert "same code" in said[2]


def test_a_bug_that_is_not_caught_and_one_that_cannot_be_planted_break_the_proof() -> None:
    two = MUTANTS[:2]
    report = mutants.report(two, [Found(two[0].name, None, tried=1000), Found(two[1].name, 7, ["false"])], [], played=0)
    assert len(report.broken) == 1
    assert "1,000 histories broke no promise" in report.broken[0]
    noisy = mutants.report([], [], [Found("", 3, ["a promise"])], played=1)
    assert noisy.broken == ["the code as it is, seed 3: a promise"]


@pytest.mark.parametrize("name", EVERYDAY)
def test_a_planted_bug_is_caught_in_a_process_of_its_own(name: str, template: str) -> None:
    mutant = next(one for one in MUTANTS if one.name == name)
    found = planting.search(mutant, "--hint", "--seeds", "40", template=template)
    assert found.problem == ""
    assert found.seed is not None
    assert found.said


@pytest.mark.django_db(transaction=True)
def test_the_code_without_a_bug_keeps_every_promise_in_those_histories() -> None:
    for mutant in MUTANTS:
        if mutant.name in EVERYDAY:
            assert simulation.play(mutant.hint, way=mutant.way).broken == []
    stage.dismiss()


@pytest.mark.django_db(transaction=True)
def test_a_history_holds_over_a_socket_and_with_other_people_in_it_and_repeats_itself() -> None:
    assert simulation.play(3, way="wire").broken == []
    first = simulation.play(5, way="people")
    assert first.broken == []
    assert simulation.play(5, way="people").digest == first.digest
    assert simulation.play(5).digest != first.digest
    stage.dismiss()


def test_a_bug_is_planted_before_its_module_is_imported_or_not_at_all() -> None:
    with pytest.raises(RuntimeError, match="was imported before the bug"):
        planting.plant(MUTANTS[0])
    assert Path(planting.path_of("rollbacks.verdicts")).is_file()
    with pytest.raises(Stale):
        planting.planted_source("rollbacks.verdicts", [Patch("rollbacks.verdicts", "no such text", "")])
