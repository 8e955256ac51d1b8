"""What a verdict, or the wait for one, means for the person who asked: whole sentences, no decision."""

from collections.abc import Mapping
from typing import Final

from rollbacks.models import Attempt, Step
from rollbacks.plans import StepKind
from rollbacks.refusals import Told
from rollbacks.verdicts import Assumption, Close, Verdict, Wait

_CHANGES_LIVE = frozenset(StepKind) - {StepKind.CREATE_DRAFT, StepKind.WRITE_DRAFT}
_ASSUMED: Final[dict[str, str]] = {
    Assumption.EQUAL_WRITE: (
        "The platform names no author of this version; that nobody else wrote the same content at the same moment is "
        "assumed, not shown."
    ),
    Assumption.STORED_AS_SENT: (
        "The platform names no author of this version; that it is not our own write, stored otherwise than it was "
        "sent, is assumed, not shown."
    ),
}


def explain(decision: Close, step: Step, *, refusal: Told | None = None) -> str:
    """Say in whole sentences what the verdict on a step means for the person who asked for its rollback.

    `refusal` is the platform's last no: where nothing landed because of it, what it means is all there is to say. Of
    several steps it says as well which of them stand, which were not begun, and what that leaves.
    """
    steps = list(step.rollback.steps.order_by("number"))
    if len(steps) == 1:
        return " ".join(filter(None, (_explain_one(decision, step, refusal), explain_assumed(decision.evidence))))
    last = step.number == len(steps)
    if last and decision.verdict in {Verdict.VERIFIED, Verdict.REACHED, Verdict.OVERWRITTEN}:
        said = [f"All {len(steps)} steps stand. {_explain_whole(decision, step)}"]
    else:
        said = [
            f"Step {step.number} of {len(steps)} ({_named(step)}): {_explain_step(decision, refusal)}",
            *_what_stands(steps, step, decision),
            "Plan again once that is clear: what stands already is left out of the new plan.",
        ]
    return " ".join((*said, *_assumed_of_steps(decision, step)))


def explain_assumed(evidence: Mapping[str, object]) -> str:
    """Say what a verdict with this evidence assumes where nothing showed it; empty where it assumes nothing."""
    return _ASSUMED.get(str(evidence.get("assumes", "")), "")


def _assumed_of_steps(decision: Close, step: Step) -> list[str]:
    """Say of which steps something is assumed, this one and those before it."""
    earlier = Attempt.objects.filter(rollback=step.rollback_id, step__number__lt=step.number).order_by("step__number")
    found: dict[str, list[str]] = {}
    for number, evidence in (*earlier.values_list("step__number", "evidence"), (step.number, decision.evidence)):
        if sentence := explain_assumed(evidence):
            found.setdefault(sentence, []).append(str(number))
    return [
        f"Of step{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}: {sentence[0].lower()}{sentence[1:]}"
        for sentence, numbers in found.items()
    ]


def _explain_one(decision: Close, step: Step, refusal: Told | None) -> str:
    target = step.rollback.target.version
    overwritten = decision.evidence.get("overwritten_by")
    after = f" It has since been overwritten by version {overwritten}." if overwritten else ""
    shown = step.expected_version
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
        case Verdict.CONFLICT if "draft" in decision.evidence:
            return f"Nothing was published: {decision.evidence['because']}. Look at the draft and plan again."
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


def _explain_whole(decision: Close, step: Step) -> str:
    """Say what all the steps together have brought about."""
    rollback = step.rollback
    numbered = f" as version {rollback.expected_version}" if rollback.expected_version is not None else ""
    content = f"The content of version {rollback.target.version} is live{numbered}"
    if decision.verdict is Verdict.OVERWRITTEN or "overwritten_by" in decision.evidence:
        return f"{content}, and somebody has changed what the last step wrote since."
    verdicts = Attempt.objects.filter(rollback=rollback).exclude(step=step).values_list("verdict", flat=True)
    if Verdict.REACHED in {decision.verdict, *verdicts}:
        return f"{content}, but nothing proves that each of the steps was done by us and not by somebody else."
    return f"{content}, each step written by us and read back."


def _explain_step(decision: Close, refusal: Told | None) -> str:
    evidence = decision.evidence
    because = evidence.get("because")
    match decision.verdict:
        case Verdict.VERIFIED | Verdict.REACHED | Verdict.OVERWRITTEN:
            by = f" by version {evidence['overwritten_by']}" if "overwritten_by" in evidence else ""
            return f"it landed, and somebody else has overwritten it{by} since, so nothing further was sent."
        case Verdict.DIVERGENT if "landed_as" in evidence:
            return (
                f"it landed as version {evidence['landed_as']}, on top of a change that somebody else made meanwhile."
            )
        case Verdict.DIVERGENT:
            return (
                "the platform accepted it but left something else than was planned. Compare live before anything else."
            )
        case Verdict.CONFLICT if because:
            return f"nothing {'was sent' if evidence.get('nothing_sent') else 'of it landed'}, because {because}."
        case Verdict.CONFLICT if evidence.get("vanished"):
            return "nothing was sent, because what it writes is not there any more."
        case Verdict.CONFLICT if evidence.get("nothing_sent"):
            return "nothing was sent, because somebody else changed what it writes since the plan was made."
        case Verdict.CONFLICT:
            return f"somebody else changed what it writes first. Nothing of it landed.{_last_answer(refusal)}"
        case Verdict.NOT_APPLIED if refusal is not None:
            return refusal.sentences
        case Verdict.NOT_APPLIED:
            return f"nothing of it landed: {because or 'the platform refused it for good'}."
        case _:
            why = because or "what was seen does not tell"
            return f"nobody can say whether it landed: {why}.{_last_answer(refusal)} Nothing more will be sent."


def _what_stands(steps: list[Step], failed: Step, decision: Close) -> list[str]:
    """Say which steps stand, which were not begun, and whether live has changed."""
    landed = decision.verdict in {Verdict.VERIFIED, Verdict.REACHED, Verdict.OVERWRITTEN}
    stand = [step for step in steps if step.number < failed.number or (landed and step.number == failed.number)]
    unclear = decision.verdict in {Verdict.DIVERGENT, Verdict.INDETERMINATE}
    said = []
    if stand:
        said.append(f"{_counted(stand)} {'stands' if len(stand) == 1 else 'stand'}.")
    later = [step for step in steps if step.number > failed.number]
    if later:
        said.append(f"{_counted(later)} {'was' if len(later) == 1 else 'were'} not begun.")
    kinds = {StepKind(step.kind) for step in (*stand, *([failed] if unclear else []))}
    if not kinds & _CHANGES_LIVE:
        said.append("This rollback has not changed what is live.")
    elif StepKind.PUBLISH in {StepKind(step.kind) for step in stand}:
        open_kinds = [step for step in steps if step not in stand and step.kind == StepKind.REPOINT]
        if open_kinds:
            said.append("The new version is published, but what was not pointed at it still shows the one before.")
    return said


def explain_presumed(step: Step, who: str, reason: str) -> str:
    """Say that a person closed a step whose outcome stayed open; of several, which stand and which were not begun."""
    presumed = f"{who} closed it as presumed not applied: {reason}"
    steps = list(step.rollback.steps.order_by("number"))
    if len(steps) == 1:
        return presumed
    # What was only presumed may have changed live all the same.
    stands = _what_stands(steps, step, Close(Verdict.INDETERMINATE))
    return " ".join((f"Step {step.number} of {len(steps)} ({_named(step)}): {presumed.rstrip('.')}.", *stands))


def _counted(steps: list[Step]) -> str:
    if len(steps) == 1:
        return f"Step {steps[0].number} ({_named(steps[0])})"
    return f"Steps {steps[0].number} to {steps[-1].number}"


def _named(step: Step) -> str:
    return f"{step.title[0].lower()}{step.title[1:]}"


def explain_waiting(decision: Wait, step: Step, problem: str, *, refusal: Told | None = None) -> str:
    """Say that nothing is decided yet, why, and what a person can do about the platform's last no."""
    count = step.rollback.steps.count()
    which = f"Step {step.number} of {count} ({_named(step)}):" if count > 1 else ""
    said = refusal.sentences if refusal is not None and refusal.tells_more else ""
    still = "The outcome is still open; the console keeps reading."
    return " ".join(part for part in (which, decision.why, problem, said, still) if part)


def _last_answer(refusal: Told | None) -> str:
    return f" The platform's last answer: {refusal.title}." if refusal is not None and refusal.tells_more else ""
