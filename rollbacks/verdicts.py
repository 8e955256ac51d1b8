"""What a guarded write came to, judged from what was seen; a pure function of values (PROTOCOL.md, "The verdict").

Reading decides, answers only help: a 409 does not prove that we lost, and a 2xx does not prove that we wrote. The
words: `b` the base version, `e` its ETag, `D0` its digest, `Dt` the target digest, `r` a 2xx answer that carries b + 1.

    live                          r / author       verdict
    < b, or = b unchanged         no               none yet: wait; at the horizon send the same bytes again, bounded
    = b, other ETag or digest     any              indeterminate, with an alarm: the platform broke its own rule
    = b + 1, Dt                   yes              verified
    = b + 1, Dt                   no               reached
    = b + 1, not Dt               yes              divergent
    = b + 1, not Dt               no               conflict
    >= b + 2, b + 1 readable      judge b + 1      and say by which version it was overwritten
    >= b + 2, b + 1 unreadable    r                overwritten
    >= b + 2, b + 1 unreadable    no               indeterminate
    = b through the horizon       r                not visible yet: stays open

At level C nothing fences a copy of the request that is still under way, and so nothing that may have been received is
ever sent again. Without versions the digest stands for the version. With versions (an order to publish or to restore, a
type whose guard is not enforced) a write may land on a state that nobody looked at, so b + 1 of somebody else proves
nothing, and what a 2xx numbered otherwise than b + 1 is divergent, with an alarm:

    live                          sends            verdict
    = b through the horizon       unclear          indeterminate; only what was turned away for certain is sent again
    > b, and v > b + 1 answered   any              divergent: ours landed as v, over somebody's version; not where v
                                                   is live and names somebody else as its author
    = b + 1, not Dt, not ours     turned away      conflict
    = b + 1, not Dt, not ours     otherwise        none yet; at the horizon indeterminate: ours may still land on it

Where the platform names no author, two of these answers rest on something that no read can show. The verdict stays, and
its evidence names what it `assumes`:

    rests on                                       evidence["assumes"]
    a 2xx alone, no author (verified, divergent,   equal_write_not_answered_as_ours: a server may answer 2xx when an
    overwritten)                                   equal change already stands (RFC 9110 section 13.1.1)
    other content, no author (conflict), unless    stored_as_sent: a server that alters what it stores may have stored
    every copy was turned away for certain         ours so, and its answer was lost

One answer may be a gateway's and not the platform's. So what rests on one look alone (`Close.rests_on_one_look`: the
object is not there, another ETag under the base version, an older version through the horizon) ends an attempt only
when a second look, after a pause, ends it too. A newer version shows itself whole and needs no second look.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """How an attempt ended: the words of CONTRACT.md, and `not_applied` for what the platform refused for good."""

    VERIFIED = "verified"
    REACHED = "reached"
    DIVERGENT = "divergent"
    CONFLICT = "conflict"
    OVERWRITTEN = "overwritten"
    INDETERMINATE = "indeterminate"
    NOT_VISIBLE_YET = "not_visible_yet"
    NOT_APPLIED = "not_applied"


class Assumption(StrEnum):
    """What a verdict rests on that was not shown, because the platform names no author; `evidence["assumes"]`."""

    EQUAL_WRITE = "equal_write_not_answered_as_ours"
    """The 2xx was no answer to somebody else's equal write."""
    STORED_AS_SENT = "stored_as_sent"
    """The platform stores what it is sent, so other content is somebody else's."""


class SendOutcome(StrEnum):
    """What one send's answer says by itself."""

    UNDER_WAY = "under_way"
    """No answer is recorded: the worker that sent it may be gone."""
    APPLIED = "applied"
    """A 2xx."""
    REFUSED = "refused"
    """Refused for good: this copy changed nothing."""
    UNAUTHORIZED = "unauthorized"
    """401: the token was not accepted, this copy changed nothing."""
    NOT_SENT = "not_sent"
    """The connection was never made."""
    LOST_RACE = "lost_race"
    LOCKED = "locked"
    RATE_LIMITED = "rate_limited"
    UNKNOWN = "unknown"
    """Silence, a broken connection, a 5xx: it may have been applied."""


_CHANGED_NOTHING = frozenset({SendOutcome.REFUSED, SendOutcome.UNAUTHORIZED, SendOutcome.NOT_SENT})
_WORTH_ANOTHER_TRY = frozenset({SendOutcome.NOT_SENT, SendOutcome.LOCKED, SendOutcome.RATE_LIMITED})
_ANSWERED_BY_A_REFUSAL = _CHANGED_NOTHING | _WORTH_ANOTHER_TRY

MAX_SENDS = 6
"""How often the same bytes may leave within one attempt: a storm is never the answer to a conflict."""

MAX_LOCKED = 20
"""How often an object that somebody holds is tried: with up to a minute in between, about a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """What the approver saw and signed, as far as a verdict needs it."""

    base_version: int | None
    base_etag: bytes | None
    base_digest: str
    target_digest: str
    expected_version: int | None
    """What live bears once the write has landed; None for a type without versions."""
    level: str
    """A, B or C."""
    client_id: str
    """Our OAuth client, for author evidence: the one that sent, whatever the tenant's is by now."""
    also_sent_by: frozenset[str] = frozenset()
    """Clients of ours that sent too, where the tenant's changed between two sends."""
    earlier: frozenset[str] = frozenset()
    """Digests that stood before earlier steps of the rollback: a read that still shows one may be stale."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One send and its answer."""

    outcome: SendOutcome
    version: int | None = None
    """The version that a 2xx answer carried."""
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One state of the object as a read showed it."""

    version: int | None
    etag: bytes | None
    digest: str
    author: str | None = None
    """The OAuth client that wrote this state or, where the platform names no client, the person; None for neither."""


@dataclass(frozen=True, slots=True)
class Vanished:
    """The platform says that there is no such object."""


@dataclass(frozen=True, slots=True)
class Close:
    """The attempt has ended."""

    verdict: Verdict
    evidence: dict[str, object] = field(default_factory=dict)
    rests_on_one_look: bool = False
    """A gateway's single answer may look like this, so it is carried out only when a second look ends it too."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is decided: look again later. `overdue` says that the visibility horizon has passed."""

    overdue: bool
    verdict: Verdict | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class SendNow:
    """Live equals the base exactly: the frozen bytes may leave (again)."""

    why: str


Decision = Close | Wait | SendNow


def judge(  # noqa: C901 - one branch for each row of the table above
    guarded: Guarded,
    sends: Sequence[Sent],
    live: Seen | Vanished | None,
    *,
    successor: Seen | None = None,
    horizon_over: bool,
) -> Decision:
    """Say what is known of an attempt, and what may be done next.

    `live` is the latest read (None when nothing could be read), `successor` version b + 1 from the platform's own
    history where live has moved beyond it. `horizon_over` says that a stale read can no longer explain what was seen.
    """
    if live is None:
        return Wait(overdue=horizon_over, why="The object could not be read.")
    if not sends:
        return _before_the_first_send(guarded, live, horizon_over=horizon_over)
    if isinstance(live, Vanished):
        return _after_it_vanished(sends, horizon_over=horizon_over)
    if guarded.expected_version is None or guarded.base_version is None:
        return _judge_by_content(guarded, sends, live, horizon_over=horizon_over)
    if live.version is None:
        return Wait(overdue=horizon_over, why="The live object shows no version.")
    if live.version < guarded.base_version:
        return Wait(overdue=horizon_over, why=f"A stale read shows version {live.version}.")
    if live.version == guarded.base_version:
        return _judge_unmoved(guarded, sends, live, horizon_over=horizon_over)
    if guarded.level == "C":
        return _judge_moved_unfenced(guarded, sends, live, successor, horizon_over=horizon_over)
    confirmed = _confirmed(guarded, sends)
    if live.version == guarded.expected_version:
        return _judge_landed(guarded, sends, live)
    if successor is not None:
        landed = _judge_landed(guarded, sends, successor)
        return Close(landed.verdict, {**landed.evidence, "overwritten_by": live.version})
    if confirmed:
        return _overwritten_by(live.version)
    if not horizon_over:
        return Wait(
            overdue=False, why=f"Live shows version {live.version}; version {guarded.expected_version} is not readable."
        )
    return Close(
        Verdict.INDETERMINATE,
        {
            "live_version": live.version,
            "because": "live has moved on, and nothing shows what wrote the version in between",
        },
    )


def tries_left(outcomes: Sequence[SendOutcome]) -> int:
    """Give how often the same bytes may still leave: an object that somebody holds is worth waiting for."""
    locked = sum(outcome is SendOutcome.LOCKED for outcome in outcomes)
    others = MAX_SENDS - (len(outcomes) - locked)
    if others <= 0 or not outcomes or outcomes[-1] is not SendOutcome.LOCKED:
        return max(0, others)
    return max(0, MAX_LOCKED - locked)


def may_leave_unfenced(outcomes: Sequence[SendOutcome]) -> bool:
    """Say whether a write that nothing fences may leave (again) where live has not moved."""
    return all(outcome in _ANSWERED_BY_A_REFUSAL for outcome in outcomes) and tries_left(outcomes) > 0


def turned_away_for_certain(outcomes: Sequence[SendOutcome]) -> bool:
    """Say whether no copy of what was sent can have changed anything; so it is before the first send."""
    return all(outcome in _CHANGED_NOTHING for outcome in outcomes)


def authorship(guarded: Guarded, seen: Seen) -> bool | None:
    """Say whether the platform names an OAuth client of ours that sent; None when it names nobody."""
    return None if seen.author is None else seen.author in {guarded.client_id, *guarded.also_sent_by}


def equals_base(guarded: Guarded, live: Seen) -> bool:
    """Say whether live is exactly what the approver saw: version, ETag and content (PROTOCOL.md, "Rules by type")."""
    return (
        live.version == guarded.base_version
        and live.digest == guarded.base_digest
        and (guarded.level != "A" or live.etag == guarded.base_etag)
    )


def _confirmed(guarded: Guarded, sends: Sequence[Sent]) -> bool:
    return any(sent.outcome is SendOutcome.APPLIED and sent.version == guarded.expected_version for sent in sends)


def _before_the_first_send(guarded: Guarded, live: Seen | Vanished, *, horizon_over: bool) -> Decision:
    if isinstance(live, Vanished):
        if guarded.earlier and not horizon_over:
            return Wait(overdue=False, why="What the step before left is not found yet.")
        return Close(Verdict.CONFLICT, {"nothing_sent": True, "vanished": True}, rests_on_one_look=True)
    if equals_base(guarded, live):
        return SendNow("Live equals the base.")
    if live.digest in guarded.earlier and not horizon_over:
        return Wait(overdue=False, why="A stale read shows what stood before the step before.")
    older = guarded.base_version is not None and live.version is not None and live.version < guarded.base_version
    if older and not horizon_over:
        return Wait(overdue=False, why=f"A stale read shows version {live.version}.")
    # Beyond the horizon no read is stale: the object was set back, for example deleted and made again.
    evidence: dict[str, object] = {"nothing_sent": True, "live_version": live.version}
    newer = guarded.base_version is not None and live.version is not None and live.version > guarded.base_version
    return Close(Verdict.CONFLICT, evidence, rests_on_one_look=not newer)


def _after_it_vanished(sends: Sequence[Sent], *, horizon_over: bool) -> Decision:
    if all(sent.outcome in _CHANGED_NOTHING for sent in sends):
        return Close(Verdict.NOT_APPLIED, {"vanished": True}, rests_on_one_look=True)
    if not horizon_over:
        return Wait(overdue=False, why="The object is not found.")
    evidence: dict[str, object] = {"vanished": True, "because": "the object has vanished"}
    return Close(Verdict.INDETERMINATE, evidence, rests_on_one_look=True)


def _judge_landed(guarded: Guarded, sends: Sequence[Sent], seen: Seen) -> Close:
    """Judge the state that bears the expected version."""
    ours, confirmed = authorship(guarded, seen), _confirmed(guarded, sends)
    evidence: dict[str, object] = {}
    if confirmed:
        evidence["confirmed_by"] = "answer"
    if ours is not None:
        evidence["author_is_us"] = ours
    elif confirmed:
        evidence["assumes"] = Assumption.EQUAL_WRITE.value
    if seen.digest == guarded.target_digest:
        # An equal write of somebody else may have been answered to us as a success (RFC 9110 section 13.1.1).
        proven = ours or (confirmed and ours is None)
        return Close(Verdict.VERIFIED if proven else Verdict.REACHED, evidence)
    if confirmed or ours:
        return Close(Verdict.DIVERGENT, evidence)
    if ours is None and not turned_away_for_certain([sent.outcome for sent in sends]):
        evidence["assumes"] = Assumption.STORED_AS_SENT.value
    return Close(Verdict.CONFLICT, evidence)


def _overwritten_by(version: int | None) -> Close:
    """Close by a 2xx alone: what it answered can be read no more, so nothing names its author."""
    return Close(
        Verdict.OVERWRITTEN,
        {"confirmed_by": "answer", "assumes": Assumption.EQUAL_WRITE.value, "overwritten_by": version},
    )


def _judge_unmoved(guarded: Guarded, sends: Sequence[Sent], live: Seen, *, horizon_over: bool) -> Decision:
    """Judge a live object that still bears the base version."""
    if live.digest != guarded.base_digest:
        return Close(
            Verdict.INDETERMINATE,
            {
                "alarm": "content_changed_under_constant_version",
                "because": "the content changed but the version did not",
            },
        )
    if guarded.level == "A" and live.etag != guarded.base_etag:
        return Close(
            Verdict.INDETERMINATE,
            {"alarm": "etag_changed_under_constant_version", "because": "the ETag changed but the version did not"},
            rests_on_one_look=True,
        )
    if _confirmed(guarded, sends):
        return Wait(
            overdue=horizon_over,
            verdict=Verdict.NOT_VISIBLE_YET if horizon_over else None,
            why="The platform confirmed the write, but reads do not show it yet.",
        )
    if guarded.level == "C":
        return _judge_unmoved_unfenced(sends, horizon_over=horizon_over)
    if all(sent.outcome in _CHANGED_NOTHING for sent in sends):
        return _after_nothing_changed(sends)
    if tries_left([sent.outcome for sent in sends]) == 0:
        return Wait(overdue=horizon_over, why=f"The same bytes were sent {len(sends)} times without a clear answer.")
    if sends[-1].outcome in _WORTH_ANOTHER_TRY:
        return SendNow(f"The last answer was {sends[-1].outcome.replace('_', ' ')}, and live has not moved.")
    if sends[-1].outcome is SendOutcome.REFUSED:
        return Wait(overdue=horizon_over, why="The last copy was refused for good, but an earlier one may still land.")
    if horizon_over:
        return SendNow("Live has not moved through the whole horizon; the guard lets at most one copy land.")
    return Wait(overdue=False, why="The answer was lost or unclear; reading until the object shows what happened.")


def _judge_moved_unfenced(
    guarded: Guarded, sends: Sequence[Sent], live: Seen, successor: Seen | None, *, horizon_over: bool
) -> Decision:
    """Judge an object that has moved under a write that nothing fenced: it may have landed on any version since."""
    beyond: dict[str, object] = {} if live.version == guarded.expected_version else {"overwritten_by": live.version}
    seen = successor if beyond else live
    confirmed = _confirmed(guarded, sends)
    named = _named_beyond(guarded, sends)
    ours = authorship(guarded, live) if live.version == named else None
    if named is not None and ours is not False:
        return _landed_over(named, assumes=None if ours else Assumption.EQUAL_WRITE)
    if seen is not None:
        landed = _judge_landed(guarded, sends, seen)
        if landed.verdict is not Verdict.CONFLICT:
            return Close(landed.verdict, {**landed.evidence, **beyond})
    elif confirmed:
        return _overwritten_by(live.version)
    if beyond and live.digest == guarded.target_digest and authorship(guarded, live):
        return _landed_over(live.version, assumes=None)
    if seen is not None and all(sent.outcome in _CHANGED_NOTHING for sent in sends):
        return Close(Verdict.CONFLICT, {})
    if not horizon_over:
        return Wait(overdue=False, why=f"Live shows version {live.version}, which does not tell whose it is.")
    return Close(
        Verdict.INDETERMINATE,
        {
            "live_version": live.version,
            "because": "somebody else changed the object, and no guard kept this write from landing on that",
        },
    )


def _named_beyond(guarded: Guarded, sends: Sequence[Sent]) -> int | None:
    """Give the version beyond b + 1 that a 2xx names; None where none does."""
    answered = (sent.version for sent in sends if sent.outcome is SendOutcome.APPLIED and sent.version is not None)
    return next((version for version in answered if version > (guarded.expected_version or version)), None)


def _landed_over(version: int | None, *, assumes: Assumption | None) -> Close:
    because = f"it landed as version {version}, on a version that somebody else wrote in between"
    evidence: dict[str, object] = {"alarm": "landed_on_another_version", "landed_as": version, "because": because}
    return Close(Verdict.DIVERGENT, evidence if assumes is None else {**evidence, "assumes": assumes.value})


def _after_nothing_changed(sends: Sequence[Sent]) -> Decision:
    """Every copy was turned away for certain: send once more where that can help, otherwise end."""
    last = sends[-1].outcome
    retries = sum(sent.outcome is last for sent in sends)
    if last is SendOutcome.NOT_SENT and retries < MAX_SENDS and len(sends) < MAX_SENDS:
        return SendNow("The connection was never made.")
    if last is SendOutcome.UNAUTHORIZED and retries == 1 and len(sends) < MAX_SENDS:
        return SendNow("The token was not accepted; a new one is used once.")
    if all(sent.outcome is SendOutcome.NOT_SENT for sent in sends):
        return Close(Verdict.NOT_APPLIED, {"because": "no connection to the platform could be made"})
    return Close(Verdict.NOT_APPLIED, {"because": "the platform refused the write for good"})


def _judge_by_content(guarded: Guarded, sends: Sequence[Sent], live: Seen, *, horizon_over: bool) -> Decision:
    """Judge an object without versions: its digest is all there is (level C)."""
    answered = [sent for sent in sends if sent.outcome is SendOutcome.APPLIED]
    ours = authorship(guarded, live)
    evidence: dict[str, object] = {"confirmed_by": "answer"} if answered else {}
    if ours is not None:
        evidence["author_is_us"] = ours
    if live.digest == guarded.target_digest:
        if answered and ours is None:
            return Close(Verdict.VERIFIED, {**evidence, "assumes": Assumption.EQUAL_WRITE.value})
        return Close(Verdict.VERIFIED if ours else Verdict.REACHED, evidence)
    if live.digest == guarded.base_digest:
        return _judge_unmoved_unfenced(sends, horizon_over=horizon_over)
    if all(sent.outcome in _CHANGED_NOTHING for sent in sends):
        return Close(Verdict.CONFLICT, evidence)
    if ours:
        return Close(Verdict.DIVERGENT, evidence)
    # Whoever is named here wrote what stands now, not what was answered.
    answer_alone = {**evidence, "assumes": Assumption.EQUAL_WRITE.value}
    if any(sent.digest == guarded.target_digest for sent in answered):
        return Close(Verdict.OVERWRITTEN, answer_alone)
    if any(sent.digest is not None for sent in answered):
        return Close(Verdict.DIVERGENT, answer_alone)
    if not horizon_over:
        return Wait(overdue=False, why="The object shows neither the base nor the target.")
    return Close(
        Verdict.INDETERMINATE,
        {
            **evidence,
            "because": "the object shows neither the base nor the target, and has no version to tell them apart",
        },
    )


def _judge_unmoved_unfenced(sends: Sequence[Sent], *, horizon_over: bool) -> Decision:
    if all(sent.outcome in _CHANGED_NOTHING for sent in sends):
        return _after_nothing_changed(sends)
    turned_away = all(sent.outcome in _ANSWERED_BY_A_REFUSAL for sent in sends)
    if turned_away and tries_left([sent.outcome for sent in sends]) > 0:
        return SendNow(f"The last answer was {sends[-1].outcome.replace('_', ' ')}, and live has not moved.")
    if not horizon_over:
        return Wait(overdue=False, why="Reading until the object shows what happened.")
    if sends[-1].outcome is SendOutcome.APPLIED:
        return Wait(
            overdue=True,
            verdict=Verdict.NOT_VISIBLE_YET,
            why="The platform confirmed the write, but reads do not show it.",
        )
    because = "the answer was lost, the object shows no change, and no guard makes it safe to send again"
    if turned_away:
        because = f"it was turned away {len(sends)} times, and an answer of that kind proves nothing"
    return Close(Verdict.INDETERMINATE, {"because": because})
