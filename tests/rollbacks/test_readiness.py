"""Whether a draft may be published: only what the plan says, only once it is ready, and never for ever."""

from collections.abc import Sequence

import pytest

from rollbacks.procedures import Draft
from rollbacks.readiness import judge_draft
from rollbacks.verdicts import Close, Decision, SendNow, SendOutcome, Verdict, Wait

TARGET, OTHER = "1" * 64, "2" * 64
GO = SendNow("Live equals the base.")
WRITTEN = Draft(version=None, digest=TARGET)
PENDING = Draft(version=None, digest=TARGET, ready=False, standing="Pending")


def judged(
    draft: Draft | None, *, horizon_over: bool = False, sends: Sequence[SendOutcome] = (), version: int | None = None
) -> Decision:
    return judge_draft(
        GO,
        draft,
        target_digest=TARGET,
        sent_version=version,
        sends=sends,
        horizon_over=horizon_over,
    )


def test_what_the_plan_says_is_published_once_it_is_ready() -> None:
    assert judged(WRITTEN) is GO
    assert judged(WRITTEN, horizon_over=True) is GO
    assert isinstance(judged(PENDING), Wait)


def test_a_draft_that_never_becomes_ready_ends_unpublished_and_says_how_it_stood() -> None:
    decision = judged(PENDING, horizon_over=True)
    assert isinstance(decision, Close)
    assert decision.verdict is Verdict.NOT_APPLIED
    assert "still Pending" in str(decision.evidence["because"])
    assert decision.evidence["nothing_sent"] is True


@pytest.mark.parametrize("horizon_over", [False, True])
@pytest.mark.parametrize(
    ("draft", "version"),
    [
        (None, None),
        (Draft(version=None, digest=OTHER), None),
        (Draft(version=None, digest=OTHER, ready=False, standing="Pending"), None),
        (Draft(version=4, digest=TARGET), 3),
    ],
)
def test_another_draft_is_never_published(draft: Draft | None, version: int | None, *, horizon_over: bool) -> None:
    decision = judged(draft, horizon_over=horizon_over, version=version)
    assert isinstance(decision, Close)
    assert decision.verdict is Verdict.CONFLICT


def test_a_stale_read_of_the_draft_is_waited_for_until_the_horizon_and_then_it_is_no_longer_stale() -> None:
    old = Draft(version=None, digest=OTHER)
    for draft in (old, None):
        for over in (False, True):
            decision = judge_draft(
                GO,
                draft,
                target_digest=TARGET,
                sent_version=None,
                sends=[],
                horizon_over=over,
                earlier={OTHER},
            )
            if over:
                assert isinstance(decision, Close)
                assert decision.verdict is Verdict.CONFLICT
            else:
                assert isinstance(decision, Wait)


def test_only_an_order_of_which_nothing_left_claims_that_nothing_was_sent() -> None:
    decision = judged(None, sends=[SendOutcome.UNAUTHORIZED])
    assert isinstance(decision, Close)
    assert decision.verdict is Verdict.CONFLICT
    assert "nothing_sent" not in decision.evidence


@pytest.mark.parametrize("outcome", [SendOutcome.RATE_LIMITED, SendOutcome.LOCKED])
@pytest.mark.parametrize("draft", [None, Draft(version=None, digest=OTHER), PENDING])
def test_an_order_that_may_have_landed_is_never_called_not_applied_for_what_the_draft_is_since(
    draft: Draft | None, outcome: SendOutcome
) -> None:
    assert isinstance(judged(draft, sends=[outcome]), Wait)
    ended = judged(draft, sends=[outcome], horizon_over=True)
    assert isinstance(ended, Close)
    assert ended.verdict is Verdict.INDETERMINATE
    assert "nothing_sent" not in ended.evidence
