"""Whether the draft that a step is about to publish may be: it must be what the plan says, and say that it is ready.

Publishing names no content, so this look is all that keeps somebody else's draft from being published as ours; what is
overwritten in the milliseconds after it is found when the published version is read back.

    draft                                   what follows
    what the plan says, and ready           it may be published
    what the plan says, not ready           wait; at the horizon *not applied*
    what stood before it was written        wait, for the read may be stale; at the horizon *conflict*
    other content, another number, none     *conflict*: nothing is published

Where the order was sent before and its answer proves nothing, the last two are *indeterminate*: it may have landed.
That there is no draft is believed when a second look says so too (`Close.rests_on_one_look`).
"""

from collections.abc import Collection, Sequence

from rollbacks.procedures import Draft
from rollbacks.verdicts import Close, Decision, SendNow, SendOutcome, Verdict, Wait, turned_away_for_certain


def judge_draft(
    decision: SendNow,
    draft: Draft | None,
    *,
    target_digest: str,
    sent_version: int | None,
    sends: Sequence[SendOutcome],
    horizon_over: bool,
    earlier: Collection[str] = (),
) -> Decision:
    """Give `decision` where the draft may be published now, otherwise what that ends in or what to wait for.

    `sent_version` is the number that the order names, where it names one; `sends` are the answers to it so far;
    `earlier` are the digests that stood before the rollback wrote the draft.
    """
    if earlier and not horizon_over and (draft is None or draft.digest in earlier):
        return Wait(overdue=False, why="A stale read shows the draft as it was before the step before.")
    evidence: dict[str, object] = {} if sends else {"nothing_sent": True}
    if draft is None:
        return _ended(
            Verdict.CONFLICT,
            {**evidence, "draft": "gone", "because": "the draft is not there any more"},
            sends,
            horizon_over=horizon_over,
            rests_on_one_look=True,
        )
    other_number = sent_version is not None and draft.version != sent_version
    if draft.digest != target_digest or other_number:
        because = "somebody changed the draft after it was written"
        return _ended(
            Verdict.CONFLICT,
            {**evidence, "draft": draft.digest, "because": because},
            sends,
            horizon_over=horizon_over,
        )
    if draft.ready:
        return decision
    if not horizon_over:
        return Wait(overdue=False, why=f"The draft is {draft.standing}; it can be published once it is ready.")
    because = f"the draft was still {draft.standing or 'not ready'} when the time for it had passed"
    return _ended(Verdict.NOT_APPLIED, {**evidence, "because": because}, sends, horizon_over=horizon_over)


def _ended(
    verdict: Verdict,
    evidence: dict[str, object],
    sends: Sequence[SendOutcome],
    *,
    horizon_over: bool,
    rests_on_one_look: bool = False,
) -> Decision:
    """Give that end, unless an order may have landed all the same: a 429 or a lock proves nothing of its copies."""
    if turned_away_for_certain(sends):
        return Close(verdict, evidence, rests_on_one_look=rests_on_one_look)
    if not horizon_over:
        return Wait(overdue=False, why=f"The order was turned away before, and by now {evidence['because']}.")
    because = f"it was turned away by an answer that proves nothing, and then {evidence['because']}"
    return Close(Verdict.INDETERMINATE, {"because": because}, rests_on_one_look=rests_on_one_look)
