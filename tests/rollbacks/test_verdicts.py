"""Each row of PROTOCOL.md's table, and what must never be concluded."""

from dataclasses import replace

import pytest

from rollbacks.verdicts import (
    MAX_LOCKED,
    MAX_SENDS,
    Close,
    Guarded,
    Seen,
    SendNow,
    SendOutcome,
    Sent,
    Vanished,
    Verdict,
    Wait,
    judge,
    tries_left,
)

BASE, TARGET, OTHER = "0" * 64, "1" * 64, "2" * 64
US, THEM = "client-of-the-console", "client-of-a-deployment-tool"

GUARDED = Guarded(
    base_version=42,
    base_etag=b'"42-9f3c"',
    base_digest=BASE,
    target_digest=TARGET,
    expected_version=43,
    level="A",
    client_id=US,
)
QUEUE = Guarded(
    base_version=None,
    base_etag=None,
    base_digest=BASE,
    target_digest=TARGET,
    expected_version=None,
    level="C",
    client_id=US,
)
UNMOVED = Seen(42, b'"42-9f3c"', BASE)
LANDED = Seen(43, b'"43-11aa"', TARGET)
CONFIRMED = Sent(SendOutcome.APPLIED, version=43, digest=TARGET)
LOST = Sent(SendOutcome.UNKNOWN)
UNCLEAR = [outcome for outcome in SendOutcome if outcome != SendOutcome.APPLIED]


def verdict(decision: object) -> Verdict:
    assert isinstance(decision, Close)
    return decision.verdict


def test_a_confirmed_write_that_is_read_back_is_verified() -> None:
    assert verdict(judge(GUARDED, [CONFIRMED], LANDED, horizon_over=False)) is Verdict.VERIFIED


@pytest.mark.parametrize("outcome", UNCLEAR)
def test_without_an_answer_the_author_proves_that_it_was_us(outcome: SendOutcome) -> None:
    ours = replace(LANDED, author=US)
    assert verdict(judge(GUARDED, [Sent(outcome)], ours, horizon_over=False)) is Verdict.VERIFIED


@pytest.mark.parametrize("outcome", UNCLEAR)
def test_the_right_state_without_any_evidence_is_only_reached(outcome: SendOutcome) -> None:
    assert verdict(judge(GUARDED, [Sent(outcome)], LANDED, horizon_over=True)) is Verdict.REACHED


def test_an_equal_write_of_somebody_else_is_never_claimed_even_after_a_success() -> None:
    theirs = replace(LANDED, author=THEM)
    assert verdict(judge(GUARDED, [CONFIRMED], theirs, horizon_over=False)) is Verdict.REACHED


def test_a_confirmed_write_that_the_server_changed_is_divergent() -> None:
    changed = replace(LANDED, digest=OTHER)
    assert verdict(judge(GUARDED, [CONFIRMED], changed, horizon_over=False)) is Verdict.DIVERGENT


def test_a_state_that_names_us_but_is_not_the_target_is_divergent() -> None:
    changed = Seen(43, b'"43-zz"', OTHER, author=US)
    assert verdict(judge(GUARDED, [LOST], changed, horizon_over=False)) is Verdict.DIVERGENT


@pytest.mark.parametrize("outcome", UNCLEAR)
def test_another_content_at_the_next_version_without_an_answer_is_a_conflict(outcome: SendOutcome) -> None:
    foreign = Seen(43, b'"43-zz"', OTHER, author=THEM)
    assert verdict(judge(GUARDED, [Sent(outcome)], foreign, horizon_over=False)) is Verdict.CONFLICT


def assumed(decision: object) -> object:
    assert isinstance(decision, Close)
    return decision.evidence.get("assumes")


def test_a_verdict_that_rests_on_an_answer_alone_names_what_it_assumes() -> None:
    altered = replace(LANDED, digest=OTHER)
    moved_on = Seen(44, b'"44-x"', OTHER, author=THEM)
    for live, successor in ((LANDED, None), (altered, None), (moved_on, LANDED), (moved_on, None)):
        decision = judge(GUARDED, [CONFIRMED], live, successor=successor, horizon_over=True)
        assert assumed(decision) == "equal_write_not_answered_as_ours", decision


@pytest.mark.parametrize("outcome", UNCLEAR)
def test_a_conflict_assumes_that_ours_was_not_altered_unless_every_copy_was_turned_away(outcome: SendOutcome) -> None:
    foreign = Seen(43, b'"43-zz"', OTHER)
    turned_away = outcome in {SendOutcome.REFUSED, SendOutcome.UNAUTHORIZED, SendOutcome.NOT_SENT}
    expected = None if turned_away else "stored_as_sent"
    for live, successor in ((foreign, None), (Seen(45, None, TARGET), foreign)):
        decision = judge(GUARDED, [Sent(outcome)], live, successor=successor, horizon_over=True)
        assert verdict(decision) is Verdict.CONFLICT
        assert assumed(decision) == expected
        assert assumed(judge(GUARDED, [Sent(outcome), LOST], live, successor=successor, horizon_over=True)) is not None


@pytest.mark.parametrize("author", [US, THEM])
@pytest.mark.parametrize("digest", [TARGET, OTHER])
@pytest.mark.parametrize("sent", [CONFIRMED, LOST])
def test_nothing_is_assumed_where_the_platform_names_an_author(author: str, digest: str, sent: Sent) -> None:
    named = replace(LANDED, digest=digest, author=author)
    assert assumed(judge(GUARDED, [sent], named, horizon_over=True)) is None


def test_what_claims_nothing_assumes_nothing() -> None:
    assert assumed(judge(GUARDED, [LOST], LANDED, horizon_over=True)) is None
    assert assumed(judge(GUARDED, [LOST], Seen(44, None, OTHER), horizon_over=True)) is None
    assert assumed(judge(GUARDED, [], Seen(43, None, OTHER), horizon_over=True)) is None
    assert assumed(judge(GUARDED, [Sent(SendOutcome.REFUSED)], UNMOVED, horizon_over=True)) is None


@pytest.mark.parametrize(
    ("step", "sent", "expected"),
    [
        (LANDED, CONFIRMED, Verdict.VERIFIED),
        (replace(LANDED, author=US), LOST, Verdict.VERIFIED),
        (LANDED, LOST, Verdict.REACHED),
        (replace(LANDED, digest=OTHER), LOST, Verdict.CONFLICT),
        (replace(LANDED, digest=OTHER), CONFIRMED, Verdict.DIVERGENT),
    ],
)
def test_when_live_has_moved_on_the_history_is_judged_and_the_later_version_named(
    step: Seen, sent: Sent, expected: Verdict
) -> None:
    decision = judge(GUARDED, [sent], Seen(46, b'"46-x"', OTHER), successor=step, horizon_over=False)
    assert verdict(decision) is expected
    assert isinstance(decision, Close)
    assert decision.evidence["overwritten_by"] == 46


def test_without_history_a_confirmed_write_was_overwritten_and_an_unconfirmed_one_is_indeterminate() -> None:
    moved_on = Seen(44, b'"44-x"', OTHER)
    assert verdict(judge(GUARDED, [CONFIRMED], moved_on, horizon_over=False)) is Verdict.OVERWRITTEN
    assert isinstance(judge(GUARDED, [LOST], moved_on, horizon_over=False), Wait)
    assert verdict(judge(GUARDED, [LOST], moved_on, horizon_over=True)) is Verdict.INDETERMINATE


@pytest.mark.parametrize("live", [replace(UNMOVED, etag=b'"42-other"'), replace(UNMOVED, digest=OTHER)])
def test_a_platform_that_breaks_its_own_version_rule_stops_everything_with_an_alarm(live: Seen) -> None:
    decision = judge(GUARDED, [LOST], live, horizon_over=True)
    assert verdict(decision) is Verdict.INDETERMINATE
    assert isinstance(decision, Close)
    assert "alarm" in decision.evidence


def test_a_lost_answer_is_read_through_the_horizon_and_then_the_same_bytes_are_the_fence() -> None:
    assert isinstance(judge(GUARDED, [LOST], UNMOVED, horizon_over=False), Wait)
    assert isinstance(judge(GUARDED, [LOST], UNMOVED, horizon_over=True), SendNow)


def test_a_stale_read_decides_nothing_and_sends_nothing() -> None:
    stale = Seen(41, b'"41-a"', TARGET)
    for sends in ([LOST], [CONFIRMED]):
        assert isinstance(judge(GUARDED, sends, stale, horizon_over=True), Wait)


def test_a_confirmed_write_that_stays_invisible_is_shown_as_such_and_never_sent_again() -> None:
    decision = judge(GUARDED, [CONFIRMED], UNMOVED, horizon_over=True)
    assert isinstance(decision, Wait)
    assert decision.verdict is Verdict.NOT_VISIBLE_YET
    assert decision.overdue


def test_the_same_bytes_leave_a_bounded_number_of_times() -> None:
    for outcome in (SendOutcome.UNKNOWN, SendOutcome.RATE_LIMITED):
        assert isinstance(judge(GUARDED, [Sent(outcome)] * (MAX_SENDS - 1), UNMOVED, horizon_over=True), SendNow)
        assert isinstance(judge(GUARDED, [Sent(outcome)] * MAX_SENDS, UNMOVED, horizon_over=True), Wait)


def test_a_locked_object_is_tried_again_without_waiting_for_the_horizon() -> None:
    assert isinstance(judge(GUARDED, [Sent(SendOutcome.LOCKED)], UNMOVED, horizon_over=False), SendNow)


def test_an_object_that_somebody_holds_is_worth_waiting_for_longer_but_not_for_ever() -> None:
    locked, lost = SendOutcome.LOCKED, SendOutcome.UNKNOWN
    assert isinstance(judge(GUARDED, [Sent(locked)] * (MAX_LOCKED - 1), UNMOVED, horizon_over=False), SendNow)
    assert isinstance(judge(GUARDED, [Sent(locked)] * MAX_LOCKED, UNMOVED, horizon_over=True), Wait)
    assert tries_left([]) == MAX_SENDS
    assert tries_left([locked] * 7) == MAX_LOCKED - 7
    assert tries_left([*[locked] * 7, lost]) == MAX_SENDS - 1
    assert tries_left([*[lost] * MAX_SENDS, locked]) == 0


def test_the_only_send_refused_for_good_ends_as_not_applied() -> None:
    assert verdict(judge(GUARDED, [Sent(SendOutcome.REFUSED)], UNMOVED, horizon_over=False)) is Verdict.NOT_APPLIED


@pytest.mark.parametrize(
    "outcome",
    [SendOutcome.LOST_RACE, SendOutcome.LOCKED, SendOutcome.RATE_LIMITED, SendOutcome.UNKNOWN, SendOutcome.UNDER_WAY],
)
@pytest.mark.parametrize("horizon_over", [False, True])
def test_a_409_a_429_a_5xx_and_silence_never_end_as_not_applied(outcome: SendOutcome, *, horizon_over: bool) -> None:
    assert not isinstance(judge(GUARDED, [Sent(outcome)], UNMOVED, horizon_over=horizon_over), Close)


def test_a_refusal_after_an_unclear_send_proves_nothing_about_the_first_copy() -> None:
    sends = [LOST, Sent(SendOutcome.REFUSED)]
    assert isinstance(judge(GUARDED, sends, UNMOVED, horizon_over=True), Wait)


def test_a_new_token_is_tried_once_and_then_it_ends() -> None:
    refused = Sent(SendOutcome.UNAUTHORIZED)
    assert isinstance(judge(GUARDED, [refused], UNMOVED, horizon_over=False), SendNow)
    assert verdict(judge(GUARDED, [refused, refused], UNMOVED, horizon_over=False)) is Verdict.NOT_APPLIED


def test_nothing_leaves_unless_live_equals_the_base_exactly() -> None:
    assert isinstance(judge(GUARDED, [], UNMOVED, horizon_over=False), SendNow)
    for moved in (replace(UNMOVED, etag=b'"42-other"'), replace(UNMOVED, digest=OTHER), LANDED, Vanished()):
        decision = judge(GUARDED, [], moved, horizon_over=False)
        assert verdict(decision) is Verdict.CONFLICT
        assert isinstance(decision, Close)
        assert decision.evidence["nothing_sent"] is True


def test_nothing_readable_decides_nothing() -> None:
    assert isinstance(judge(GUARDED, [LOST], None, horizon_over=True), Wait)
    assert isinstance(judge(GUARDED, [], None, horizon_over=True), Wait)


def test_an_object_that_vanished_is_indeterminate_only_after_the_horizon() -> None:
    assert isinstance(judge(GUARDED, [LOST], Vanished(), horizon_over=False), Wait)
    assert verdict(judge(GUARDED, [LOST], Vanished(), horizon_over=True)) is Verdict.INDETERMINATE
    assert verdict(judge(GUARDED, [Sent(SendOutcome.REFUSED)], Vanished(), horizon_over=False)) is Verdict.NOT_APPLIED


def test_without_a_version_nothing_that_may_have_been_received_is_sent_again() -> None:
    unmoved = Seen(None, None, BASE)
    assert isinstance(judge(QUEUE, [LOST], unmoved, horizon_over=False), Wait)
    assert verdict(judge(QUEUE, [LOST], unmoved, horizon_over=True)) is Verdict.INDETERMINATE
    assert isinstance(judge(QUEUE, [Sent(SendOutcome.NOT_SENT)], unmoved, horizon_over=False), SendNow)


def test_without_a_version_the_content_of_the_answer_tells_overwritten_from_divergent() -> None:
    other = Seen(None, None, OTHER)
    answered = Sent(SendOutcome.APPLIED, digest=TARGET)
    assert verdict(judge(QUEUE, [answered], Seen(None, None, TARGET), horizon_over=False)) is Verdict.VERIFIED
    assert verdict(judge(QUEUE, [answered], other, horizon_over=False)) is Verdict.OVERWRITTEN
    assert (
        verdict(judge(QUEUE, [Sent(SendOutcome.APPLIED, digest=OTHER)], other, horizon_over=False)) is Verdict.DIVERGENT
    )
    assert verdict(judge(QUEUE, [LOST], other, horizon_over=True)) is Verdict.INDETERMINATE


def test_an_older_live_before_the_first_send_is_waited_for_until_the_horizon_and_then_ends_unsent() -> None:
    set_back = replace(UNMOVED, version=1)
    assert isinstance(judge(GUARDED, [], set_back, horizon_over=False), Wait)
    ended = judge(GUARDED, [], set_back, horizon_over=True)
    assert verdict(ended) is Verdict.CONFLICT
    assert isinstance(ended, Close)
    assert ended.evidence["nothing_sent"] is True
