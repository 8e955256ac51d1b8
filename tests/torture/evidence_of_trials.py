"""Hold the practice platform's own log against the database, trial by trial: the five promises of PROTOCOL.md.

The console's judge is not asked: what landed is what the platform logged, and the verdict has to agree with it.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rollbacks import verifying
from rollbacks.models import Attempt, AuditEntry, Rollback
from rollbacks.states import State
from tenants.models import Tenant
from tests.torture.ground import Ground, Trial, topic

TRUE_OF_A_WRITE = ("verified", "reached", "overwritten")


def broken(ground: Ground, trials: Iterable[Trial]) -> list[str]:
    """Give every promise that does not hold for these trials, in sentences that name the trial."""
    found = []
    for trial in trials:
        said = _of(ground, trial)
        found += [f"{trial.point}, trial {trial.number} ({trial.place.object_id}): {one}" for one in said]
    return found


def _of(ground: Ground, trial: Trial) -> list[str]:
    found = []
    rollback = Rollback.objects.get(pk=trial.rollback)
    attempts = list(Attempt.objects.filter(rollback=rollback).select_related("step"))
    accepted = ground.accepted(trial)
    if len(attempts) > 1:
        found.append(f"{len(attempts)} attempts")
    if len(accepted) > 1:
        found.append(f"one attempt took effect {len(accepted)} times")
    if rollback.state in (State.APPROVED, State.APPLYING, State.UNKNOWN):
        found.append(f"it is stuck: {rollback.state}, {rollback.explanation or 'without a word'}")
    if trial.point.startswith("refuse_run"):
        if rollback.state != State.CONFLICT or accepted or attempts:
            found.append(f"{rollback.state} with {len(accepted)} writes, and live had moved before it ran")
        return found + _entries_of_a_refusal(rollback)
    if not attempts:
        return [*found, f"it ended as {rollback.state} without an attempt: {rollback.explanation}"]
    return found + _entries(attempts[0]) + _writes(trial, attempts[0], accepted)


def _writes(trial: Trial, attempt: Attempt, accepted: list[dict[str, Any]]) -> list[str]:
    """Compare an attempt with what the platform accepted; nobody else wrote, so something had to land."""
    found = []
    if attempt.state != Attempt.State.CLOSED:
        found.append("its attempt is open")
    elif (attempt.verdict in TRUE_OF_A_WRITE) != bool(accepted):
        found.append(f"the verdict {attempt.verdict} is false: the platform accepted {len(accepted)} writes")
    for write in accepted:
        if write["sha256"] != attempt.body_sha256:
            found.append("the platform accepted other bytes than the attempt's")
        if write["version"] != trial.based_on + 1:
            found.append(f"it landed as version {write['version']}, and version {trial.based_on} was approved")
        if bytes(attempt.if_match or b"").decode() != write["if_match"]:
            found.append(f"it landed under If-Match {write['if_match']}")
        if write["at"] < f"{attempt.opened_at:%Y-%m-%dT%H:%M:%S}":
            found.append("the platform accepted it before its intent was on record")
    live = trial.place.stored.live.members["content"]
    if accepted and live != trial.wanted:
        found.append(f"live is about “{topic(live)}”, wanted was “{topic(trial.wanted)}”")
    if not accepted:
        found.append(f"nothing landed, although nobody else wrote: {attempt.verdict}")
    return found


def _entries(attempt: Attempt) -> list[str]:
    counted = Counter(AuditEntry.objects.filter(attempt=attempt).values_list("action", flat=True))
    sends = attempt.sends.count()
    wanted = {"write.intent": 1, "write.outcome": 1, "write.resend": max(0, sends - 1)}
    return [
        f"{counted[action]} entries {action}, {number} are due"
        for action, number in wanted.items()
        if counted[action] != number
    ]


def _entries_of_a_refusal(rollback: Rollback) -> list[str]:
    entries = AuditEntry.objects.filter(rollback=rollback, action="write.not_sent").count()
    return [] if entries == 1 else [f"{entries} entries write.not_sent"]


def broken_trails(tenants: Iterable[Tenant]) -> list[str]:
    """Say whose trail does not verify."""
    return [f"the trail of {tenant.slug} does not verify" for tenant in tenants if not verifying.verify(tenant).holds]
