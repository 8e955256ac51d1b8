"""What a verdict, or the wait for one, means for the person who asked: whole sentences, no decision."""

from rollbacks.models import Rollback
from rollbacks.refusals import Told
from rollbacks.verdicts import Close, Verdict, Wait


def explain(decision: Close, rollback: Rollback, *, refusal: Told | None = None) -> str:
    """Say in whole sentences what a verdict means for the person who asked.

    `refusal` is the platform's last no: where nothing landed because of it, what it means is all there is to say.
    """
    target = rollback.target.version
    overwritten = decision.evidence.get("overwritten_by")
    after = f" It has since been overwritten by version {overwritten}." if overwritten else ""
    shown = rollback.expected_version
    # A type without versions gives the write no number.
    numbered = f" as version {shown}" if shown is not None else ""
    match decision.verdict:
        case Verdict.VERIFIED:
            return f"The content of version {target} is live{numbered}, written by us and read back.{after}"
        case Verdict.REACHED:
            return (
                f"Live has the content of version {target}{numbered}, but nothing proves that this write "
                f"put it there: somebody may have made the same change at the same moment.{after}"
            )
        case Verdict.DIVERGENT if "landed_as" in decision.evidence:
            return (
                f"The write landed as version {decision.evidence['landed_as']}, on top of a change that somebody else "
                "made in the moment between the last comparison and the write. The platform checked nothing. Compare "
                "live with the versions in between before anything else."
            )
        case Verdict.DIVERGENT:
            return (
                f"The platform accepted the write{numbered} but stored something else than was sent.{after} "
                "Compare live with the target before anything else."
            )
        case Verdict.CONFLICT:
            return (
                f"Somebody else changed the object first. Nothing of ours landed.{_last_answer(refusal)} "
                "Look at the new live state and plan again."
            )
        case Verdict.OVERWRITTEN:
            return f"The write landed{numbered} and was then changed by somebody else.{after}"
        case Verdict.NOT_APPLIED:
            if refusal is not None:
                return refusal.sentences
            because = decision.evidence.get("because", "the platform refused the write for good")
            return f"Nothing of ours landed: {because}."
        case _:
            because = decision.evidence.get("because", "what was seen does not tell")
            return (
                f"Nobody can say whether the write landed: {because}.{_last_answer(refusal)} "
                "Nothing more will be sent. Look at live."
            )


def explain_waiting(decision: Wait, problem: str, *, refusal: Told | None = None) -> str:
    """Say that nothing is decided yet, why, and what a person can do about the platform's last no."""
    said = refusal.sentences if refusal is not None and refusal.tells_more else ""
    still = "The outcome is still open; the console keeps reading."
    return " ".join(part for part in (decision.why, problem, said, still) if part)


def _last_answer(refusal: Told | None) -> str:
    return f" The platform's last answer: {refusal.title}." if refusal is not None and refusal.tells_more else ""
