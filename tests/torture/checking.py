"""Hold the platform's own log against the console's database: five promises, judged without the console's judge."""

from rollbacks.models import Attempt, Rollback
from rollbacks.states import State
from tests.torture import promises, records
from tests.torture.history import History
from tests.torture.simulated import Accepted


def faults_of(history: History) -> list[str]:
    """Give every promise that this history broke, in whole sentences; empty where all hold."""
    found: list[str] = []
    history.attempts = attempts = list(
        Attempt.objects.filter(rollback__in=history.rollbacks)
        .select_related("step", "rollback")
        .prefetch_related("sends", "rollback__approvals__approver")
        .order_by("opened_at")
    )
    entries = records.entries_of(history)
    ours = [write for write in history.platform.accepted if write.ours]
    for write in ours:
        mine = [one for one in attempts if bytes(one.step.body) == write.body]
        if len(mine) != 1:
            found.append(f"the accepted write of version {write.after.version} belongs to {len(mine)} attempts")
    known = {bytes(attempt.step.body) for attempt in attempts}
    if any(body not in known for _, _, body in history.sent):
        found.append("a write left that belongs to no attempt")
    for attempt in attempts:
        mine_of = [write for write in ours if write.body == bytes(attempt.step.body)]
        found += records.faults_of(history, attempt, entries)
        found += _lost_update(history, attempt, mine_of)
        found += _false_verdict(history, attempt, mine_of)
    found += _stuck(history, attempts)
    if isinstance(history, History):
        # The matrix of answers plays on a way of its own, which keeps no looks.
        found += promises.broken(history, attempts)
    return found + records.chain_faults(entries)


def _lost_update(history: History, attempt: Attempt, mine: list[Accepted]) -> list[str]:
    if history.kind.level == "C":
        return []
    found = []
    base = history.based_on[attempt.rollback_id]
    if len(mine) > 1:
        found.append(f"one attempt took effect {len(mine)} times")
    found += [
        f"a write landed on version {write.before.version}, approved was {base.version}"
        for write in mine
        if (write.before.version, write.before.content) != (base.version, base.content)
    ]
    return found


def _false_verdict(history: History, attempt: Attempt, mine: list[Accepted]) -> list[str]:
    if attempt.state != Attempt.State.CLOSED:
        return []
    target = history.targets[attempt.rollback_id]
    base = history.based_on[attempt.rollback_id]
    versions = {revision.version: revision for revision in history.platform.revisions}
    successor = versions.get(base.version + 1)
    landed = bool(mine)
    exact = any(write.after.content == target for write in mine)
    stood = successor is not None and successor.content == target
    if history.kind.level == "C":
        stood = any(one.content == target for one in history.platform.revisions if one.version > base.version)
    overtaken = landed and history.platform.live.version > mine[0].after.version
    beyond = attempt.evidence.get("overwritten_by")
    true = {
        "verified": landed and exact,
        "reached": stood,
        "divergent": landed and (not exact or history.kind.level == "C"),
        "conflict": not landed,
        "overwritten": overtaken,
        "not_applied": not landed,
        "indeterminate": True,
    }.get(attempt.verdict, False)
    found = []
    if not true and not records.assumed_wrongly(history, attempt):
        found.append(
            f"the verdict {attempt.verdict} is false: {len(mine)} of ours accepted, "
            f"live is {history.platform.live.version}, base {base.version}, evidence {attempt.evidence}"
        )
    if beyond is not None and history.platform.live.version < base.version + 2:
        found.append(f"nothing overwrote it, and the verdict says version {beyond} did")
    unmoved = not landed and history.platform.live.version == base.version and history.kind.level != "C"
    if attempt.verdict == "indeterminate" and unmoved and "alarm" not in attempt.evidence:
        found.append("indeterminate, and the object never moved")
    return found


def _stuck(history: History, attempts: list[Attempt]) -> list[str]:
    found = []
    if history.stuck:
        found.append("something was still open hours after the last fault")
    if history.stage.over:
        found.append("it took more turns than any history needs")
    for rollback in Rollback.objects.filter(pk__in=history.rollbacks):
        opened = [one for one in attempts if one.rollback_id == rollback.pk and one.state == Attempt.State.OPEN]
        if rollback.state == State.APPLYING:
            found.append("a rollback is still applying")
        if opened and rollback.state != State.UNKNOWN:
            found.append(f"an attempt is open, and its rollback is {rollback.state}")
        if opened and not rollback.explanation:
            found.append("an attempt is open, and nothing says why")
    return found


def verdicts(history: History) -> list[str]:
    """Name how each rollback ended: its attempts' verdicts, or its state where it came to no attempt."""
    told = []
    for rollback in Rollback.objects.filter(pk__in=history.rollbacks).order_by("requested_at"):
        own = [one for one in history.attempts if one.rollback_id == rollback.pk]
        told += [_told(history, one) for one in own] or [f"no attempt: {rollback.state}"]
    return told


def _told(history: History, attempt: Attempt) -> str:
    if not attempt.verdict:
        return "open, waits for a person"
    if records.assumed_wrongly(history, attempt):
        return f"{attempt.verdict}, as far as what it names as assumed holds; it did not"
    return attempt.verdict
