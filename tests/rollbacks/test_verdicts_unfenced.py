"""Level C with versions: an order to publish, a type whose guard nobody enforces. Nothing fences a second copy."""

from dataclasses import replace

import pytest

from rollbacks.verdicts import (
    MAX_LOCKED,
    MAX_SENDS,
    Close,
    Seen,
    SendNow,
    SendOutcome,
    Sent,
    Vanished,
    Verdict,
    Wait,
    judge,
)
from tests.rollbacks.test_verdicts import (
    BASE,
    CONFIRMED,
    GUARDED,
    LANDED,
    LOST,
    OTHER,
    QUEUE,
    TARGET,
    THEM,
    UNMOVED,
    US,
    assumed,
    verdict,
)

PUBLISH = replace(GUARDED, level="C", base_etag=None)
UNDECIDED = [SendOutcome.UNDER_WAY, SendOutcome.UNKNOWN, SendOutcome.LOST_RACE]
TURNED_AWAY = [SendOutcome.REFUSED, SendOutcome.UNAUTHORIZED, SendOutcome.NOT_SENT]
FOREIGN = replace(LANDED, digest=OTHER)
LATER = replace(FOREIGN, version=44)


@pytest.mark.parametrize("outcome", UNDECIDED)
def test_what_may_have_been_received_is_never_sent_again(outcome: SendOutcome) -> None:
    assert isinstance(judge(PUBLISH, [Sent(outcome)], UNMOVED, horizon_over=False), Wait)
    assert verdict(judge(PUBLISH, [Sent(outcome)], UNMOVED, horizon_over=True)) is Verdict.INDETERMINATE


@pytest.mark.parametrize("outcome", [SendOutcome.NOT_SENT, SendOutcome.LOCKED, SendOutcome.RATE_LIMITED])
def test_only_what_was_turned_away_for_certain_is_sent_again_and_not_for_ever(outcome: SendOutcome) -> None:
    assert isinstance(judge(PUBLISH, [Sent(outcome)], UNMOVED, horizon_over=False), SendNow)
    often = [Sent(outcome)] * (MAX_LOCKED if outcome is SendOutcome.LOCKED else MAX_SENDS)
    assert not isinstance(judge(PUBLISH, often, UNMOVED, horizon_over=False), SendNow)
    assert not isinstance(judge(PUBLISH, often, UNMOVED, horizon_over=True), SendNow)


def test_a_refusal_after_a_lost_answer_does_not_make_it_safe_to_send_again() -> None:
    for outcome in (SendOutcome.LOCKED, SendOutcome.RATE_LIMITED, SendOutcome.NOT_SENT, SendOutcome.UNAUTHORIZED):
        assert verdict(judge(PUBLISH, [LOST, Sent(outcome)], UNMOVED, horizon_over=True)) is Verdict.INDETERMINATE


def test_a_confirmed_order_that_stays_invisible_stays_open_and_is_never_repeated() -> None:
    for answer in (CONFIRMED, Sent(SendOutcome.APPLIED)):
        decision = judge(PUBLISH, [answer], UNMOVED, horizon_over=True)
        assert isinstance(decision, Wait)
        assert decision.verdict is Verdict.NOT_VISIBLE_YET


def test_the_next_version_with_the_target_is_judged_as_for_any_write() -> None:
    assert verdict(judge(PUBLISH, [CONFIRMED], LANDED, horizon_over=False)) is Verdict.VERIFIED
    assert verdict(judge(PUBLISH, [LOST], replace(LANDED, author=US), horizon_over=False)) is Verdict.VERIFIED
    assert verdict(judge(PUBLISH, [LOST], LANDED, horizon_over=False)) is Verdict.REACHED
    assert verdict(judge(PUBLISH, [CONFIRMED], FOREIGN, horizon_over=False)) is Verdict.DIVERGENT


@pytest.mark.parametrize("outcome", UNDECIDED)
def test_a_foreign_next_version_is_no_conflict_while_our_copy_may_still_land_on_it(outcome: SendOutcome) -> None:
    assert isinstance(judge(PUBLISH, [Sent(outcome)], FOREIGN, horizon_over=False), Wait)
    assert verdict(judge(PUBLISH, [Sent(outcome)], FOREIGN, horizon_over=True)) is Verdict.INDETERMINATE


@pytest.mark.parametrize("outcome", TURNED_AWAY)
def test_a_foreign_next_version_after_a_copy_that_was_turned_away_is_a_conflict(outcome: SendOutcome) -> None:
    assert verdict(judge(PUBLISH, [Sent(outcome)], FOREIGN, horizon_over=False)) is Verdict.CONFLICT


@pytest.mark.parametrize(
    ("sent", "live"),
    [
        (Sent(SendOutcome.APPLIED, version=44), replace(LATER, digest=GUARDED.target_digest)),
        (Sent(SendOutcome.APPLIED, version=44), replace(LATER, version=45)),
        (Sent(SendOutcome.APPLIED, version=44), FOREIGN),
        (LOST, replace(LATER, digest=GUARDED.target_digest, author=US)),
    ],
)
def test_a_write_that_landed_on_a_foreign_version_is_an_alarm_that_says_so(sent: Sent, live: object) -> None:
    decision = judge(PUBLISH, [sent], live, successor=FOREIGN, horizon_over=False)  # type: ignore[arg-type]
    assert isinstance(decision, Close)
    assert decision.verdict is Verdict.DIVERGENT
    assert decision.evidence["alarm"] == "landed_on_another_version"
    assert decision.evidence["landed_as"] == 44


def test_a_later_version_is_not_called_ours_where_it_names_somebody_else() -> None:
    answered = Sent(SendOutcome.APPLIED, version=44)
    theirs = replace(LATER, digest=GUARDED.target_digest, author=THEM)
    assert verdict(judge(PUBLISH, [answered], theirs, successor=FOREIGN, horizon_over=True)) is Verdict.INDETERMINATE
    ours = judge(PUBLISH, [answered], replace(theirs, author=US), successor=FOREIGN, horizon_over=True)
    assert (verdict(ours), assumed(ours)) == (Verdict.DIVERGENT, None)


def test_what_rests_on_an_answer_alone_says_so_without_a_guard_too() -> None:
    answered = Sent(SendOutcome.APPLIED, version=44)
    for decision in (
        judge(PUBLISH, [CONFIRMED], LANDED, horizon_over=True),
        judge(PUBLISH, [CONFIRMED], LATER, horizon_over=True),
        judge(PUBLISH, [answered], replace(LATER, version=45, author=THEM), successor=FOREIGN, horizon_over=True),
        judge(QUEUE, [Sent(SendOutcome.APPLIED)], Seen(None, None, TARGET), horizon_over=True),
        judge(QUEUE, [Sent(SendOutcome.APPLIED, digest=TARGET)], Seen(None, None, OTHER, THEM), horizon_over=True),
        judge(QUEUE, [Sent(SendOutcome.APPLIED, digest=OTHER)], Seen(None, None, OTHER), horizon_over=True),
    ):
        assert assumed(decision) == "equal_write_not_answered_as_ours", decision
    for decision in (
        judge(PUBLISH, [Sent(SendOutcome.REFUSED)], FOREIGN, horizon_over=True),
        judge(QUEUE, [Sent(SendOutcome.REFUSED)], Seen(None, None, OTHER), horizon_over=True),
        judge(QUEUE, [Sent(SendOutcome.APPLIED)], Seen(None, None, TARGET, US), horizon_over=True),
        judge(QUEUE, [Sent(SendOutcome.APPLIED)], Seen(None, None, TARGET, THEM), horizon_over=True),
    ):
        assert assumed(decision) is None, decision


def test_ours_that_was_overwritten_since_is_found_in_the_history() -> None:
    decision = judge(PUBLISH, [CONFIRMED], LATER, successor=LANDED, horizon_over=False)
    assert verdict(decision) is Verdict.VERIFIED
    assert isinstance(decision, Close)
    assert decision.evidence["overwritten_by"] == 44
    assert verdict(judge(PUBLISH, [CONFIRMED], LATER, horizon_over=False)) is Verdict.OVERWRITTEN


def test_a_later_version_that_names_somebody_else_leaves_a_lost_answer_indeterminate() -> None:
    for live in (LATER, replace(LATER, author=THEM)):
        assert isinstance(judge(PUBLISH, [LOST], live, successor=FOREIGN, horizon_over=False), Wait)
        assert verdict(judge(PUBLISH, [LOST], live, successor=FOREIGN, horizon_over=True)) is Verdict.INDETERMINATE


def test_before_a_later_step_a_read_of_what_stood_before_is_stale_until_the_horizon() -> None:
    step = replace(QUEUE, base_digest=TARGET, target_digest=OTHER, earlier=frozenset({BASE}))
    old = replace(UNMOVED, version=None, etag=None)
    for live in (old, Vanished()):
        assert isinstance(judge(step, [], live, horizon_over=False), Wait)
        assert verdict(judge(step, [], live, horizon_over=True)) is Verdict.CONFLICT
    assert verdict(judge(step, [], replace(old, digest="9" * 64), horizon_over=False)) is Verdict.CONFLICT
    assert isinstance(judge(step, [], replace(old, digest=TARGET), horizon_over=False), SendNow)


def test_content_that_changes_under_the_base_version_is_an_alarm_here_too() -> None:
    assert verdict(judge(PUBLISH, [LOST], replace(UNMOVED, digest=OTHER), horizon_over=True)) is Verdict.INDETERMINATE
    assert replace(UNMOVED, digest=OTHER).digest != BASE
