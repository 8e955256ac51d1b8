"""The simulation of the guarded write: it repeats itself, its checker sees what is wrong, and a few seeds hold."""

import random
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User

from rollbacks import driving, transitions
from rollbacks.models import Attempt, Rollback
from rollbacks.verdicts import Close, Decision, SendNow, SendOutcome, judge
from tenants import connections
from tenants.resource_types import Refusal
from tests.torture import faults, sharing, simulated, simulation, stage
from tests.torture.faults import Fault

pytestmark = pytest.mark.django_db(transaction=True)

ETAGS, VERSIONS, CONTENT = simulated.KINDS


@pytest.fixture(autouse=True)
def _nobody_stays() -> Iterator[None]:
    """Let the workers' sessions end with the test: its tables are emptied then."""
    yield
    stage.dismiss()


def fault(kind: str, *, skip: int = 0, seconds: float = 3.0, coin: bool = True, point: str = "") -> Fault:
    return Fault(kind=kind, skip=skip, seconds=seconds, coin=coin, status=503, point=point)


@pytest.mark.parametrize("seed", [7, 49])
def test_the_same_seed_gives_the_same_history_line_by_line(seed: int) -> None:
    first = simulation.play(seed)
    simulation.clear()
    User.objects.all().delete()
    random.random()  # noqa: S311 - whatever chance the process has left must not matter
    again = simulation.play(seed)
    assert again.lines == first.lines
    assert again.digest == first.digest
    assert simulation.play(seed + 1).digest != first.digest


def test_a_few_seeds_hold_and_the_report_counts_them() -> None:
    found = simulation.run(range(4, 8), verified=4)
    assert found.broken == {}
    assert (found.seeds, sum(found.kinds.values())) == (4, 4)
    assert sum(found.verdicts.values()) >= 4
    assert simulation.report(found).tried.startswith("4 histories")


@pytest.mark.parametrize("name", [*faults.EXCHANGE, *faults.DELIVERY, *faults.AROUND])
def test_each_fault_of_the_way_is_survived_by_itself(name: str) -> None:
    """One level each here; `make torture` plays all of them together and on all levels."""
    number = faults.KINDS.index(name)
    kind = VERSIONS if number % 2 and name != "weak ETag" else ETAGS
    outcome = simulation.play(1000 + number, given=[fault(name)], kind=kind)
    assert outcome.broken == []
    assert outcome.hits == [name]


@pytest.mark.parametrize("point", faults.POINTS[1::3])
def test_a_worker_may_die_at_named_points(point: str) -> None:
    outcome = simulation.play(2000 + faults.POINTS.index(point), given=[fault("worker death", point=point)], kind=ETAGS)
    assert outcome.broken == []
    if point.partition(":")[0] not in ("refuse_run", "mark_overdue"):
        assert outcome.hits == ["worker death"]
        assert outcome.places == [f"worker death ({point})"]
        assert outcome.verdicts[0] in ("verified", "reached")


@pytest.mark.parametrize("name", faults.TRANSACTIONS)
def test_the_answer_to_each_commit_may_be_lost(name: str) -> None:
    took_effect = faults.TRANSACTIONS.index(name) % 2 == 0
    lost = fault("lost answer of COMMIT", point=name, coin=took_effect)
    outcome = simulation.play(3000, given=[lost], kind=ETAGS)
    assert outcome.broken == []


def test_seeds_that_are_shared_out_come_to_the_same_as_one_after_the_other() -> None:
    alone = simulation.run(range(21, 25))
    parts = list(sharing.share_out(simulation.run, [range(21, 23), range(23, 25)], processes=2))
    together = simulation.Round(21)
    for part in parts:
        together.add(part)
    assert together.digest == alone.digest
    assert simulation.report(together).tables == simulation.report(alone).tables


def test_a_409_that_is_read_as_a_failure_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(driving._OUTCOME_OF_REFUSAL, Refusal.LOST_RACE, SendOutcome.REFUSED)
    monkeypatch.setattr(driving, "judge", _believes_the_answer(judge))
    outcome = simulation.play(1, given=[fault("false 409")], kind=ETAGS)
    assert any("the verdict not_applied is false" in said for said in outcome.broken), outcome


def _believes_the_answer(judging: object) -> object:
    from rollbacks.verdicts import Close, Verdict  # noqa: PLC0415

    def believing(guarded: object, sends: list[object], *seen: object, **known: object) -> Decision:
        if sends and sends[-1].outcome is SendOutcome.REFUSED:  # type: ignore[attr-defined]
            return Close(Verdict.NOT_APPLIED, {"because": "the answer said so"})
        decision: Decision = judging(guarded, sends, *seen, **known)  # type: ignore[operator]
        return decision

    return believing


def test_a_write_that_leaves_before_its_intent_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = transitions.begin_attempt

    def sending_first(rollback: Rollback, **known: object) -> Attempt:
        step = rollback.steps.get(number=1)
        platform = connections.connect(rollback.tenant)
        platform.write(step.method, step.path, bytes(step.body), if_match=bytes(step.base_etag or b""))
        return begin(rollback, **known)  # type: ignore[arg-type]

    monkeypatch.setattr(transitions, "begin_attempt", sending_first)
    outcome = simulation.play(1, given=[], kind=ETAGS)
    assert any("before its intent" in said for said in outcome.broken)


def test_a_write_that_is_sent_again_on_a_new_base_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "judge", _never_satisfied(judge))
    outcome = simulation.play(1, given=[], kind=VERSIONS)
    assert outcome.broken


def _never_satisfied(right: object) -> object:
    def judging(guarded: object, sends: list[object], *seen: object, **known: object) -> Decision:
        if len(sends) < 3:
            return SendNow("once more, to be sure")
        decision: Decision = right(guarded, sends[:0], *seen, **known)  # type: ignore[operator]
        return decision

    return judging


def test_a_2xx_to_an_equal_write_of_somebody_else_is_called_ours_only_with_what_that_assumes() -> None:
    outcome = simulation.play(1, given=[fault("equal foreign write")], kind=VERSIONS, beyond=True)
    assert outcome.broken == []
    assert outcome.verdicts == ["verified, as far as what it names as assumed holds; it did not"]


def test_a_write_that_the_server_altered_is_called_somebody_elses_only_with_what_that_assumes() -> None:
    faults_of_both = [fault("worker death", point="PUT: answered"), fault("server alters")]
    outcome = simulation.play(1, given=faults_of_both, kind=ETAGS, beyond=True)
    assert outcome.broken == []
    assert outcome.verdicts == ["conflict, as far as what it names as assumed holds; it did not"]


@pytest.mark.parametrize("given", [["equal foreign write"], ["worker death", "server alters"]], ids=["2xx", "altered"])
def test_a_verdict_that_keeps_its_assumption_to_itself_is_caught(
    monkeypatch: pytest.MonkeyPatch, given: list[str]
) -> None:
    monkeypatch.setattr(driving, "judge", _silent_about_assumptions(judge))
    point = {"worker death": "PUT: answered"}
    drawn = [fault(name, point=point.get(name, "")) for name in given]
    outcome = simulation.play(1, given=drawn, kind=VERSIONS if len(given) == 1 else ETAGS, beyond=True)
    assert any("is false" in said for said in outcome.broken), outcome


def _silent_about_assumptions(right: object) -> object:
    def judging(*seen: object, **known: object) -> Decision:
        decision: Decision = right(*seen, **known)  # type: ignore[operator]
        if isinstance(decision, Close):
            decision.evidence.pop("assumes", None)
        return decision

    return judging
