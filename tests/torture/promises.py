"""Further promises that a history must keep: what may be sent when, and what must come of a quiet day.

Like the rest of the checker they are judged by the platform's own log and by what the workers' connections carried,
never by the console's judge.
"""

from rollbacks.models import Attempt
from tests.torture import records
from tests.torture.history import History


def broken(history: History, attempts: list[Attempt]) -> list[str]:
    """Give every one of these promises that this history broke."""
    found = []
    for attempt in attempts:
        found += _read_first(history, attempt)
        found += _fenced_or_once(history, attempt)
        found += _nothing_after_its_end(attempt)
        found += _somebody_elses_conflict(history, attempt)
    found += _two_at_once(attempts)
    return found + (history.people.broken(attempts) if history.people is not None else _quiet_day(history, attempts))


def _read_first(history: History, attempt: Attempt) -> list[str]:
    """Whoever sends has looked right before, for each copy anew, and saw exactly what was approved."""
    base = history.platform.shown(history.based_on[attempt.rollback_id])
    body = bytes(attempt.step.body)
    before: dict[str, int] = {}
    for micros, worker, sent in history.sent:
        since = before.get(worker, 0)
        before[worker] = micros
        if sent != body:
            continue
        seen = [shown for at, who, shown in history.looks if who == worker and since <= at <= micros]
        if not seen:
            return ["a write left a worker that had not read the object right before"]
        if seen[-1] != base:
            return ["a write left a worker that had just read something else than what was approved"]
    return []


def _fenced_or_once(history: History, attempt: Attempt) -> list[str]:
    """Where no guard fences a copy, nothing leaves after one that took effect."""
    if history.kind.level != "C":
        return []
    took = {number for number, body in history.effects if body == bytes(attempt.step.body)}
    if len(took) > 1:
        return [f"{len(took)} sends of one attempt took effect, and no guard fences them"]
    return []


def _nothing_after_its_end(attempt: Attempt) -> list[str]:
    """What is closed sends nothing more."""
    if attempt.closed_at is not None and any(send.begun_at > attempt.closed_at for send in attempt.sends.all()):
        return ["a send was put on record after its attempt had been closed"]
    return []


def _somebody_elses_conflict(history: History, attempt: Attempt) -> list[str]:
    """A conflict needs somebody else."""
    if attempt.verdict != "conflict" or records.assumed_wrongly(history, attempt):
        return []
    if any(write.body != bytes(attempt.step.body) for write in history.platform.accepted):
        return []
    return ["the verdict is conflict, and nobody else wrote"]


def _two_at_once(attempts: list[Attempt]) -> list[str]:
    """At most one attempt is open on an object."""
    ordered = sorted(attempts, key=lambda one: one.opened_at)
    for number, one in enumerate(ordered):
        for other in ordered[number + 1 :]:
            if one.closed_at is None or other.opened_at < one.closed_at:
                return ["two attempts were open on one object"]
    return []


def _quiet_day(history: History, attempts: list[Attempt]) -> list[str]:
    """Where nothing goes wrong and nobody interferes, what was approved is done, and known to be done."""
    undisturbed = not history.plan.hits() and not any(not write.ours for write in history.platform.accepted)
    if not undisturbed:
        return []
    first = [one for one in attempts if one.rollback_id == history.rollbacks[0]]
    if [one.verdict for one in first] != ["verified"]:
        told = [one.verdict or "open" for one in first] or ["never begun"]
        return [f"nothing went wrong, and the rollback is {' and '.join(told)}"]
    return []
