"""Drive one open attempt to its end: a loop around the pure judge (PROTOCOL.md, "The procedure").

Read live, judge, then close, wait, or send. It begins with a read whoever calls it, so a worker that starts, one that
comes back from the dead and one that takes over do the same thing. A lease decides only who drives; what happened is
decided by what the platform shows.
"""

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from os import getpid, kill
from uuid import UUID

import structlog
from django.utils import timezone

from rollbacks import audit, explaining, facts, leases, proofs, stepping, transitions
from rollbacks.looking import Look, Looking
from rollbacks.models import Attempt, Rollback, Send, Step
from rollbacks.plans import usable_for_if_match
from rollbacks.readiness import judge_draft
from rollbacks.verdicts import (
    Close,
    Decision,
    Guarded,
    Seen,
    SendNow,
    SendOutcome,
    Sent,
    Verdict,
    Wait,
    judge,
    may_leave_unfenced,
)
from tenants import archive, connections
from tenants.documents import InvalidDocument
from tenants.remote import Answer, Platform, Purpose, RemoteError, error_body
from tenants.resource_types import Refusal, ResourceType, catalogue, understand

log = structlog.get_logger(__name__)

Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things take; all in seconds."""

    lease: float = 60.0
    """Longer than the deadline of one request, so that a lease never ends while its holder waits for an answer."""
    patience: float = 20.0
    """How long one driver stays with an attempt before it leaves it to the sweep."""
    first_wait: float = 0.2
    longest_wait: float = 5.0
    rarest_look: float = 300.0
    """At an attempt that has been open for long."""
    longest_backoff: float = 8.0
    """Between two sends; each wait is drawn at random up to a doubling bound."""
    longest_wait_for_lock: float = 60.0
    """The same while somebody holds the object locked."""
    horizon: float | None = None
    """Instead of the type's own visibility horizon."""


PACE = Pace()

_OUTCOME_OF_REFUSAL: dict[Refusal, SendOutcome] = {
    Refusal.LOST_RACE: SendOutcome.LOST_RACE,
    Refusal.LOCKED: SendOutcome.LOCKED,
    Refusal.FOR_GOOD: SendOutcome.REFUSED,
    Refusal.UNAUTHORIZED: SendOutcome.UNAUTHORIZED,
    Refusal.RATE_LIMITED: SendOutcome.RATE_LIMITED,
    Refusal.UNKNOWN: SendOutcome.UNKNOWN,
}


def driver_name() -> str:
    """Name this worker among all that may drive an attempt."""
    return f"{socket.gethostname()}:{getpid()}:{threading.get_native_id()}"[:120]


def is_dead(driver: str) -> bool:
    """Say whether a driver was a process of this machine that is gone, so that nobody waits for its lease to end."""
    host, _, process = driver.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname() or not process.isdigit():
        return False
    try:
        kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def full_jitter(pace: Pace, sent: int, *, locked: bool) -> float:
    """Give a pause after so many sends, in seconds: anything from nothing up to a bound that doubles with each.

    What failed together so comes back spread over the whole stretch ("full jitter", AWS Architecture Blog, Exponential
    Backoff And Jitter).
    """
    longest = pace.longest_wait_for_lock if locked else pace.longest_backoff
    return random.uniform(0.0, min(longest, pace.first_wait * 2**sent))  # noqa: S311 - spreads load, guards nothing


def drive(
    attempt_id: UUID, *, platform: Platform | None = None, pace: Pace = PACE, sleep: Sleep = time.sleep
) -> Attempt:
    """Drive one open attempt towards its end, and the steps after it: read first, then judge, then close, wait or send.

    Returns the last attempt that was driven, closed or still open; an open one is looked at again by `recover`. Returns
    at once when somebody else holds its lease.
    """
    while True:
        driver = _Driver.of(attempt_id, platform=platform, pace=pace, sleep=sleep)
        attempt = driver.run()
        following = _following(attempt)
        if following is None:
            return attempt
        attempt_id, platform = following, driver.platform


def _following(attempt: Attempt) -> UUID | None:
    """Give the open attempt of the step after this one, which was closed; None for none."""
    if attempt.state != Attempt.State.CLOSED:
        return None
    opened = Attempt.objects.filter(rollback=attempt.rollback_id, state=Attempt.State.OPEN)
    return opened.values_list("pk", flat=True).first()


def load(rollback_id: UUID) -> Rollback:
    """Give a rollback with everything that carrying it out touches."""
    related = Rollback.objects.select_related("tenant", "config__tenant", "target__document", "base", "reverts")
    return related.get(pk=rollback_id)


def horizon_of(rtype: ResourceType, pace: Pace) -> float:
    """Give for how long a read may be stale, in seconds."""
    return rtype.visibility_horizon_seconds if pace.horizon is None else pace.horizon


@dataclass(slots=True)
class _Driver:
    """One driver of one attempt, from its claim to its end or its release."""

    attempt: Attempt
    rollback: Rollback
    step: Step
    looking: Looking
    platform: Platform
    pace: Pace
    sleep: Sleep
    lease: leases.Lease
    guarded: Guarded

    @classmethod
    def of(cls, attempt_id: UUID, *, platform: Platform | None, pace: Pace, sleep: Sleep) -> "_Driver":
        attempt = Attempt.objects.select_related("step").get(pk=attempt_id)
        step = attempt.step
        rollback = load(attempt.rollback_id)
        platform = platform or connections.connect(rollback.tenant, purpose=Purpose.ROLLBACK)
        return cls(
            attempt=attempt,
            rollback=rollback,
            step=step,
            looking=Looking.at(rollback, step, platform),
            platform=platform,
            pace=pace,
            sleep=sleep,
            lease=leases.Lease(driver_name(), pace.lease),
            guarded=Guarded(
                base_version=step.base_version,
                base_etag=facts.bytes_or_none(step.base_etag),
                base_digest=step.base_digest,
                target_digest=step.target_digest,
                expected_version=step.expected_version,
                level=proofs.level_of_step(step, rollback.tenant),
                client_id=rollback.tenant.client_id,
                earlier=stepping.stood_before(step),
            ),
        )

    def run(self) -> Attempt:
        """Drive until the attempt is closed, the lease is somebody else's or the patience is over.

        What rests on one look ends it at the second look that ends it too. That one is waited for also where the
        patience is over by then, so that a platform whose answers take long does not keep an attempt open for good.
        """
        started = timezone.now()
        wait = self.pace.first_wait
        doubted = False
        while leases.claim_attempt(self.attempt, lease=self.lease):
            self.attempt.refresh_from_db()
            sends = list(self.attempt.sends.all())
            # Asked once, before the look: for what becomes due while it looks no room was made, and another look is.
            due = _seconds_until(sends[-1].retry_at if sends else None, timezone.now()) <= 0
            with contextlib.ExitStack() as at_once:
                look, decision = self._look_and_judge(sends, at_once, due=due)
                now = timezone.now()
                in_doubt = isinstance(decision, Close) and decision.rests_on_one_look and not doubted
                if isinstance(decision, Close) and not in_doubt:
                    self._close(decision, look, sends=len(sends))
                    break
                pause = max(0.0, _seconds_until(sends[-1].retry_at if sends else None, now))
                if isinstance(decision, SendNow) and due:
                    if not self._send(look):
                        break
                    wait, doubted = self.pace.first_wait, False
                    continue
            if not isinstance(decision, SendNow):
                pause = wait
                wait = min(wait * 1.6, self.pace.longest_wait)
            if isinstance(decision, Wait) and decision.overdue:
                refusal = facts.last_refusal(self.attempt)
                why = explaining.explain_waiting(decision, self.step, look.problem, refusal=refusal)
                transitions.mark_overdue(self.attempt, verdict=decision.verdict, why=why)
            doubted = in_doubt or (doubted and look.live is None)
            if not in_doubt and now + timedelta(seconds=pause) > started + timedelta(seconds=self.pace.patience):
                leases.release_attempt(
                    self.attempt, lease=self.lease, look_again_at=now + self._until_next_look(pause, now)
                )
                break
            self.sleep(pause)
        self.attempt.refresh_from_db()
        return self.attempt

    def _look_and_judge(
        self, sends: Sequence[Send], at_once: contextlib.ExitStack, *, due: bool
    ) -> tuple[Look, Decision]:
        try:
            if due:
                self._make_room(sends, at_once)
            look = self.looking.look()
        except RemoteError as error:
            look = Look(None, problem=error.sentence)
        now = timezone.now()
        decision = judge(
            _sent_by(self.guarded, sends),
            [_sent(send) for send in sends],
            look.live,
            successor=look.successor,
            horizon_over=now >= self.attempt.horizon_at,
        )
        if isinstance(decision, SendNow) and self.step.kind == Step.Kind.PUBLISH:
            decision = self._ready_to_publish(decision, sends, now)
        log.info("attempt.judged", attempt=str(self.attempt.pk), decision=repr(decision)[:300])
        return look, decision

    def _make_room(self, sends: Sequence[Send], at_once: contextlib.ExitStack) -> None:
        """Where nothing but a comparison guards a write that may leave next, wait for room and token before that.

        Nobody must have time to write between the comparison and the send, because nothing would notice (level C).
        """
        outcomes = [_sent(send).outcome for send in sends]
        if self.guarded.level == "C" and may_leave_unfenced(outcomes):
            connections.check_identity(self.rollback.tenant, self.platform)
            at_once.enter_context(self.platform.at_once(self.looking.requests()))

    def _until_next_look(self, pause: float, now: datetime) -> timedelta:
        """Space looks with the age of the attempt, so that one that stays open for days costs next to nothing."""
        age = (now - self.attempt.opened_at).total_seconds()
        return timedelta(seconds=max(pause, self.pace.longest_wait, min(age / 10, self.pace.rarest_look)))

    def _ready_to_publish(self, decision: SendNow, sends: Sequence[Send], now: datetime) -> Decision:
        """Look at the draft that is about to be published: only what the plan says may be, and only once it can."""
        try:
            draft = self.looking.draft()
        except RemoteError as error:
            return Wait(overdue=now >= self.attempt.horizon_at, why=f"The draft could not be read. {error.sentence}")
        except archive.UnusableContent as error:
            return Wait(overdue=now >= self.attempt.horizon_at, why=f"The draft could not be read. {error}")
        return judge_draft(
            decision,
            draft,
            target_digest=self.step.target_digest,
            sent_version=self.step.sent_version,
            sends=[_sent(send).outcome for send in sends],
            horizon_over=now >= self.attempt.horizon_at,
            earlier=stepping.drafts_before(self.step),
        )

    def _send(self, look: Look) -> bool:
        """Send the frozen bytes once; False when the lease was lost before they could leave."""
        horizon = horizon_of(self.looking.rtype, self.pace)
        # Whoever wakes after its lease finds somebody else at it, who may have closed the attempt by now.
        leave_by = self.platform.deadline(self.lease.seconds)
        try:
            send = transitions.begin_send(
                self.attempt,
                lease=self.lease,
                horizon_seconds=horizon,
                race_window_ms=self._race_window(look, until=timezone.now()),
                client_id=self.platform.client_id,
            )
        except leases.LeaseLost:
            return False
        except transitions.RunRefused as refused:
            self._hold(refused, look)
            return False
        if_match = facts.bytes_or_none(self.attempt.if_match)
        body = bytes(self.step.body)
        try:
            answer = self.platform.write(
                self.step.method,
                self.step.path,
                body,
                if_match=if_match if usable_for_if_match(if_match) else None,
                leave_by=leave_by,
            )
        except RemoteError as error:
            fields = _fields_of_error(error, SendOutcome.UNKNOWN if error.sent else SendOutcome.NOT_SENT)
            window = self._race_window(look, until=timezone.now())
        else:
            window = self._race_window(look, until=answer.received_at)
            fields = self._fields_of_answer(answer)
        if fields["outcome"] in {SendOutcome.LOCKED, SendOutcome.NOT_SENT, SendOutcome.RATE_LIMITED}:
            locked = fields["outcome"] is SendOutcome.LOCKED
            fields["retry_at"] = self._retry_at(send, asked_for=fields.pop("retry_after", None), locked=locked)
        fields.pop("retry_after", None)
        transitions.end_send(send, horizon_seconds=horizon, race_window_ms=window, **fields)
        told = {key: fields.get(key) for key in ("outcome", "status", "code", "correlation_id")}
        log.info("write.answered", attempt=str(self.attempt.pk), send=send.number, **told)
        if fields["outcome"] is SendOutcome.UNAUTHORIZED:
            self.platform.forget_token()
        return True

    def _race_window(self, look: Look, *, until: datetime) -> int | None:
        """Give the milliseconds from the comparison's leaving until then; None where a guard fences the write."""
        if self.guarded.level != "C" or look.left_at is None:
            return None
        return _milliseconds(until - look.left_at)

    def _hold(self, refused: transitions.RunRefused, look: Look) -> None:
        """End an attempt of which nothing was sent; leave one open whose earlier copy may still land."""
        if not self.attempt.sends.exists():
            because = f"before the first byte left, {str(refused)[:-1]}"
            self._close(Close(Verdict.NOT_APPLIED, {"nothing_sent": True, "because": because}), look, sends=0)
            return
        transitions.mark_overdue(self.attempt, verdict=None, why=f"{refused} The console keeps reading.")
        later = timezone.now() + self._until_next_look(0.0, timezone.now())
        leases.release_attempt(self.attempt, lease=self.lease, look_again_at=later)

    def _retry_at(self, send: Send, *, asked_for: object, locked: bool) -> datetime:
        """Back off, never less than the platform asked for.

        Whoever holds an object locked has it open in an editor: that takes minutes, not seconds.
        """
        pause = full_jitter(self.pace, send.number, locked=locked)
        if isinstance(asked_for, int | float):
            pause = max(pause, float(asked_for))
        return timezone.now() + timedelta(seconds=pause)

    def _fields_of_answer(self, answer: Answer) -> dict[str, object]:
        fields: dict[str, object] = {"status": answer.status, "correlation_id": answer.correlation_id}
        if 200 <= answer.status < 300:
            return {**fields, **self._fields_of_success(answer)}
        said = error_body(answer)
        no = understand(
            self.looking.rtype, status=answer.status, code=said.code, message=said.message, params=said.params
        )
        return {
            **fields,
            "code": said.code[:200],
            "message": said.message,
            "outcome": _OUTCOME_OF_REFUSAL[no.refusal],
            "refusal_kind": no.kind,
            "refusal_name": no.name,
            "retry_after": answer.retry_after,
        }

    def _fields_of_success(self, answer: Answer) -> dict[str, object]:
        if not answer.body:
            return {"outcome": SendOutcome.APPLIED, "answered_etag": answer.etag}
        try:
            version, digest = self.looking.answered(answer)
        except (archive.UnusableContent, InvalidDocument) as error:
            # A gateway's page with status 200 is no answer of the platform.
            return {"outcome": SendOutcome.UNKNOWN, "message": str(error)}
        return {
            "outcome": SendOutcome.APPLIED,
            "answered_version": version,
            "answered_digest": digest,
            "answered_etag": answer.etag,
        }

    def _close(self, decision: Close, look: Look, *, sends: int) -> None:
        snapshot = self.looking.keep(look)
        evidence = dict(decision.evidence)
        if isinstance(look.live, Seen):
            evidence["live"] = {
                "version": look.live.version,
                "etag": facts.etag_text(look.live.etag),
                "digest": look.live.digest,
                "author": look.live.author,
            }
        transitions.close_attempt(
            self.attempt,
            verdict=decision.verdict,
            evidence=evidence,
            explanation=explaining.explain(decision, self.step, refusal=facts.last_refusal(self.attempt)),
            read_back=snapshot,
            sends=sends,
            actor=audit.CONSOLE,
            going_on=stepping.GoingOn(
                self.lease, lambda step: horizon_of(catalogue.get(step.resource_type), self.pace)
            ),
        )


def _sent(send: Send) -> Sent:
    outcome = SendOutcome(send.outcome) if send.outcome else SendOutcome.UNDER_WAY
    return Sent(outcome, send.answered_version, send.answered_digest or None)


def _fields_of_error(error: RemoteError, outcome: SendOutcome) -> dict[str, object]:
    return {
        "status": error.status,
        "code": error.code[:200],
        "message": error.sentence,
        "correlation_id": error.correlation_id,
        "outcome": outcome,
        "retry_after": error.retry_after,
    }


def _sent_by(guarded: Guarded, sends: Sequence[Send]) -> Guarded:
    """Give the guard with the OAuth clients that sent: the tenant's may be another one by now."""
    clients = [send.client_id for send in sends if send.client_id]
    if not clients:
        return guarded
    return replace(guarded, client_id=clients[0], also_sent_by=frozenset(clients[1:]))


def _milliseconds(span: timedelta) -> int:
    return max(0, round(span.total_seconds() * 1000))


def _seconds_until(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else (moment - now).total_seconds()
