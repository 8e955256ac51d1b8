"""Whether the draft that a step is about to publish may be: it must be what the plan says, and say that it is ready.

Publishing names no content, so this look is all that keeps somebody else's draft from being published as ours; what is
overwritten in the milliseconds after it is found when the published version is read back.

    draft                                   what follows
    what the plan says, and ready           it may be published
    what the plan says, not ready           wait; at the horizon *not applied*
    what stood before it was written        wait, for the read may be stale; at the horizon *conflict*
    other content, another number, none     *conflict*: nothing is published
"""

from collections.abc import Collection

from rollbacks.procedures import Draft
from rollbacks.verdicts import Close, Decision, SendNow, Verdict, Wait


def judge_draft(
    decision: SendNow,
    draft: Draft | None,
    *,
    target_digest: str,
    sent_version: int | None,
    nothing_sent: bool,
    horizon_over: bool,
    earlier: Collection[str] = (),
) -> Decision:
    """Give `decision` where the draft may be published now, otherwise what that ends in or what to wait for.

    `sent_version` is the number that the order names, where it names one; `earlier` are the digests that stood before
    the rollback wrote the draft.
    """
    if earlier and not horizon_over and (draft is None or draft.digest in earlier):
        return Wait(overdue=False, why="A stale read shows the draft as it was before the step before.")
    evidence: dict[str, object] = {"nothing_sent": True} if nothing_sent else {}
    if draft is None:
        return Close(Verdict.CONFLICT, {**evidence, "draft": "gone", "because": "the draft is not there any more"})
    other_number = sent_version is not None and draft.version != sent_version
    if draft.digest != target_digest or other_number:
        because = "somebody changed the draft after it was written"
        return Close(Verdict.CONFLICT, {**evidence, "draft": draft.digest, "because": because})
    if draft.ready:
        return decision
    if not horizon_over:
        return Wait(overdue=False, why=f"The draft is {draft.standing}; it can be published once it is ready.")
    because = f"the draft was still {draft.standing or 'not ready'} when the time for it had passed"
    return Close(Verdict.NOT_APPLIED, {**evidence, "because": because})
