"""What a verdict, or the wait for one, means for the person who asked: whole sentences, no decision."""

from rollbacks.models import Rollback
from rollbacks.verdicts import Close, Verdict, Wait


def explain(decision: Close, rollback: Rollback) -> str:
    """Say in whole sentences what a verdict means for the person who asked."""
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
                "Somebody else changed the object first. Nothing of ours landed. "
                "Look at the new live state and plan again."
            )
        case Verdict.OVERWRITTEN:
            return f"The write landed{numbered} and was then changed by somebody else.{after}"
        case Verdict.NOT_APPLIED:
            because = decision.evidence.get("because", "the platform refused the write for good")
            return f"Nothing of ours landed: {because}."
        case _:
            because = decision.evidence.get("because", "what was seen does not tell")
            return f"Nobody can say whether the write landed: {because}. Nothing more will be sent. Look at live."


def explain_waiting(decision: Wait, problem: str) -> str:
    """Say that nothing is decided yet, and why."""
    return f"{decision.why} {problem} The outcome is still open; the console keeps reading.".replace("  ", " ")
