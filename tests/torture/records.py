"""What the console's records say of every write, held against what really left it and what it was answered."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from rollbacks.models import Approval, Attempt, Send
from tests.torture.history import Carried, History
from tests.torture.stage import BEGINNING


@dataclass(frozen=True)
class Entry:
    """One entry of the tenant's trail, as the table has it."""

    seq: int
    at: datetime
    action: str
    attempt_id: UUID | None
    payload: bytes
    previous_hash: bytes
    hash: bytes

    @property
    def details(self) -> Mapping[str, Any]:
        """What it tells beside who, when and what."""
        details: Mapping[str, Any] = json.loads(self.payload)["details"]
        return details


def entries_of(history: History) -> list[Entry]:
    """Give the tenant's trail, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq, at, action, attempt_id, payload, previous_hash, hash"
            " FROM rollbacks_auditentry WHERE tenant_id = %s ORDER BY seq",
            [history.tenant.pk],
        )
        return [Entry(*row[:4], *map(bytes, row[4:])) for row in cursor.fetchall()]


def chain_faults(entries: Sequence[Entry]) -> list[str]:
    """Recompute the chain from the stored payloads alone."""
    previous = bytes(32)
    for number, entry in enumerate(entries, 1):
        linked = hashlib.sha256(b"\x00" + previous + hashlib.sha256(entry.payload).digest()).digest()
        numbered = entry.seq == number == json.loads(entry.payload)["seq"]
        if not numbered or entry.previous_hash != previous or entry.hash != linked:
            return [f"entry {number} of the chain does not hold"]
        previous = linked
    return []


def faults_of(history: History, attempt: Attempt, entries: Sequence[Entry]) -> list[str]:
    """Give what the records of one attempt lack or say otherwise than it was."""
    mine = [entry for entry in entries if entry.attempt_id == attempt.pk]
    sends = list(attempt.sends.all())
    body = bytes(attempt.step.body)
    left = sorted(micros for micros, _, sent in history.sent if sent == body)
    counted = {
        action: [e for e in mine if e.action == action] for action in ("write.intent", "write.outcome", "write.resend")
    }
    if len(counted["write.intent"]) != 1:
        return [f"an attempt has {len(counted['write.intent'])} intents"]
    [intent] = counted["write.intent"]
    found = _intent(attempt, intent) + _sends(sends, left)
    if isinstance(history, History):
        # The matrix of answers plays on a way of its own, which keeps no answers.
        found += _answers(sends, [one for one in history.carried if one.request.body == body], attempt)
    closed = attempt.state == Attempt.State.CLOSED
    if len(counted["write.outcome"]) != int(closed):
        found.append(f"an attempt that is {attempt.state} has {len(counted['write.outcome'])} outcomes")
    if len(counted["write.resend"]) != max(0, len(sends) - 1):
        found.append(f"{len(sends)} sends have {len(counted['write.resend'])} entries of a re-send")
    for resend in counted["write.resend"]:
        told = resend.details
        if (told["body_sha256"], told["if_match"]) != (hashlib.sha256(body).hexdigest(), _text(attempt.if_match)):
            found.append("the entry of a re-send names other bytes or another guard")
    for outcome in counted["write.outcome"]:
        found += _outcome(attempt, outcome, sends)
    at = (intent.at - BEGINNING).total_seconds() * 1e6
    if any(micros < at for micros in left):
        found.append("a write left before its intent")
    if any(write.micros < at for write in history.platform.accepted if write.ours and write.body == body):
        found.append("a write was accepted before its intent")
    return found


def _intent(attempt: Attempt, intent: Entry) -> list[str]:
    found, told, rollback = [], intent.details, attempt.rollback
    right = {
        "body_sha256": hashlib.sha256(bytes(attempt.step.body)).hexdigest(),
        "if_match": _text(attempt.if_match),
        "plan_digest": rollback.plan_digest,
        "requested_by": rollback.requester,
    }
    found += [f"the intent tells another {name}" for name, value in right.items() if told[name] != value]
    approvals = [
        one
        for one in rollback.approvals.all()
        if one.decision == Approval.Decision.APPROVED
        and one.plan_digest == rollback.plan_digest
        and one.approver_id != rollback.requested_by_id
        and one.decided_at < intent.at
    ]
    if len(approvals) < rollback.approvals_needed:
        found.append("a write was begun whose plan nobody had approved")
    if sorted(told["approved_by"]) != sorted(one.approver.get_username() for one in approvals):
        found.append("the intent names other people as its approvers")
    return found


def _sends(sends: Sequence[Send], left: Sequence[int]) -> list[str]:
    found = []
    if len(left) > len(sends):
        found.append(f"{len(left)} writes left, and {len(sends)} are on record")
    begun = sorted((send.begun_at - BEGINNING).total_seconds() * 1e6 for send in sends)
    if any(at < known for at, known in zip(left, begun, strict=False)):
        found.append("a write left before its send was on record")
    return found


def _answers(sends: Sequence[Send], carried: Sequence[Carried], attempt: Attempt) -> list[str]:
    found = []
    if_match = _text(attempt.if_match)
    usable = None if if_match is None or if_match.startswith("W/") else if_match
    if any(one.request.if_match != usable for one in carried):
        found.append("a write left with another If-Match than its attempt has")
    answers = {one.correlation_id: one.status for one in carried if one.correlation_id}
    return found + [
        f"send {send.number} is on record with status {send.status}, and no write got that answer"
        for send in sends
        if send.status is not None and answers.get(send.correlation_id) != send.status
    ]


def _outcome(attempt: Attempt, outcome: Entry, sends: Sequence[Send]) -> list[str]:
    told = outcome.details
    found = [] if told["verdict"] == attempt.verdict else ["the entry of the outcome tells another verdict"]
    if told["evidence"] != attempt.evidence:
        found.append("the entry of the outcome tells other evidence")
    # A send may be on record, and an answer recorded, after somebody else has closed the attempt; none may be missing.
    before = [send for send in sends if send.begun_at <= outcome.at]
    known = {one["number"]: (one["status"], one["correlation_id"]) for one in told["sends"]}
    if sorted(known) != [send.number for send in before]:
        found.append("the entry of the outcome tells of other sends")
    ended = [send for send in before if send.ended_at is not None and send.ended_at <= outcome.at]
    if any(known.get(send.number) != (send.status, send.correlation_id) for send in ended):
        found.append("the entry of the outcome tells of other answers")
    return found


def assumed_wrongly(history: History, attempt: Attempt) -> bool:
    """Say whether a verdict names what it assumes where the platform names no author, and that did not hold."""
    mine = [write for write in history.platform.accepted if write.body == bytes(attempt.step.body)]
    match attempt.evidence.get("assumes"):
        case "equal_write_not_answered_as_ours":
            return history.platform.answered_equal_writes > 0 and not history.platform.tells_authors
        case "stored_as_sent":
            return any(write.altered for write in mine) and not history.platform.tells_authors
    return False


def _text(etag: bytes | memoryview | None) -> str | None:
    return None if etag is None else bytes(etag).decode("latin-1")
