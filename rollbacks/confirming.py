"""The countdown of a rollback that is undone unless somebody keeps it: begun with its verdict, ended once.

    verified ──▶ counting ──keep──▶ kept
                    │
                    ├──its time is over, live as we left it──▶ undoing: an ordinary rollback on exactly that state
                    └──somebody else has touched it──────────▶ stopped: nothing is written over foreign work

The row is the queue: a sweep finds whatever is due, whichever worker died and whichever message was lost. Each way out
of *counting* is a conditional UPDATE that repeats it, so of a person who keeps it and of two workers that would undo it
one comes first, and the others change nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from rollbacks import audit, facts, notices
from rollbacks.models import Attempt, Confirmation, Rollback
from rollbacks.plans import Base
from rollbacks.states import MOVES, State
from rollbacks.verdicts import Verdict
from tenants import access
from tenants.models import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import QuerySet

SHORTEST: Final = 5
LONGEST: Final = 240
"""In minutes."""
LEASE: Final = timedelta(minutes=2)
"""Longer than a look at live with everything that a plan rests on."""
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=5)
PATIENCE: Final = timedelta(hours=24)
"""For how long after its time the console tries to undo what something stands in the way of."""

_MAY_HAVE_LANDED: Final = frozenset({State.APPLIED, State.FAILED, State.UNKNOWN})


class TooLate(Exception):
    """It is kept, undone or stopped already; the message says which, and nothing was changed."""


def begin(rollback: Rollback, attempt: Attempt) -> Confirmation | None:
    """Begin the countdown of a rollback that has just ended with this attempt, inside the transaction of its verdict.

    None where none was asked for, and where the console does not know that what is live is its own write and nothing
    else: it would undo somebody else's work. Where something may have landed all the same, the trail says so.
    """
    if rollback.confirm_minutes is None or rollback.state not in _MAY_HAVE_LANDED:
        return None
    left = _left_by(rollback)
    why_not = _why_not(rollback, attempt, left)
    if left is None or why_not:
        audit.append(
            "confirmation.not_begun",
            tenant=rollback.tenant,
            actor=audit.CONSOLE,
            outcome="unknown",
            config=rollback.config,
            rollback=rollback,
            details={"minutes": rollback.confirm_minutes, "because": why_not},
        )
        return None
    now = timezone.now()
    until = now + timedelta(minutes=rollback.confirm_minutes)
    begun = Confirmation.objects.create(
        rollback=rollback,
        minutes=rollback.confirm_minutes,
        began_at=now,
        until=until,
        left=left,
        left_version=rollback.expected_version,
        left_etag=left.etag,
        left_digest=left.digest,
        look_at=until,
    )
    _tell(begun, "confirmation.begun", actor=audit.CONSOLE)
    _announce(begun, "confirmation.begun")
    return begun


def _left_by(rollback: Rollback) -> Snapshot | None:
    """Give live as the rollback left it, by what was read back of its own object."""
    own = Attempt.objects.filter(rollback=rollback, read_back__config=rollback.config_id, verdict=Verdict.VERIFIED)
    last = own.select_related("read_back").order_by("-step__number").first()
    return None if last is None else last.read_back


def _why_not(rollback: Rollback, attempt: Attempt, left: Snapshot | None) -> str:
    if rollback.state != State.APPLIED or rollback.verdict != Verdict.VERIFIED:
        return (
            f"It ended as {rollback.verdict.replace('_', ' ') or rollback.state}, so it is not proven that what is "
            "live is what this rollback wrote. Nothing is undone by itself."
        )
    if "overwritten_by" in attempt.evidence:
        return "Somebody has changed the object since. Nothing is undone by itself."
    if left is None or left.digest != rollback.target_digest:
        return "What it left could not be kept, so nothing is there to compare live with. Nothing is undone by itself."
    return ""


def left_base(confirmation: Confirmation) -> Base:
    """Give the state that an undo must find: exactly what the rollback left."""
    return Base(confirmation.left_version, facts.bytes_or_none(confirmation.left_etag), confirmation.left_digest)


def keep(rollback: Rollback, *, keeper: User | None, actor: str) -> Confirmation:
    """Keep what a rollback left; raises TooLate where it does not count down any more, or never did."""
    with transaction.atomic():
        kept = Confirmation.objects.filter(rollback=rollback, state=Confirmation.State.COUNTING).update(
            state=Confirmation.State.KEPT, ended_at=timezone.now(), kept_by=keeper, keeper=actor, problem=""
        )
        confirmation = confirmation_of(rollback)
        if confirmation is None:
            raise TooLate("No countdown runs after this rollback, so there is nothing to keep. Nothing was changed.")
        if kept == 0:
            raise TooLate(f"{told(confirmation).sentence} Nothing was changed.")
        _tell(confirmation, "confirmation.kept", actor=actor)
    return confirmation


def due(*, everything: bool = False) -> list[int]:
    """Give the countdowns that are over and whose undo may be tried now, the longest overdue first."""
    now = timezone.now()
    over = Confirmation.objects.filter(state=Confirmation.State.COUNTING, until__lte=now)
    if not everything:
        over = over.filter(look_at__lte=now)
    return list(over.order_by("look_at").values_list("pk", flat=True))


def claim(confirmation_id: int, *, everything: bool = False) -> Confirmation | None:
    """Take a countdown that is over for as long as a lease; None where somebody else is at it, or it has ended.

    The lease only spares the platform a second look: that nothing is undone twice is decided by `lock_counting`.
    """
    now = timezone.now()
    found = Confirmation.objects.filter(pk=confirmation_id, state=Confirmation.State.COUNTING, until__lte=now).first()
    if found is None or (found.look_at > now and not everything):
        return None
    ours = Confirmation.objects.filter(pk=found.pk, state=Confirmation.State.COUNTING, look_at=found.look_at).update(
        look_at=now + LEASE
    )
    if ours == 0:
        return None
    return Confirmation.objects.select_related("rollback__tenant", "rollback__config", "left").get(pk=found.pk)


def postpone(confirmation: Confirmation, problem: str) -> None:
    """Try again later, and say what stands in the way; the trail is told when that is another thing than before."""
    now = timezone.now()
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(confirmation.tries, 10))
    with transaction.atomic():
        waits = Confirmation.objects.filter(pk=confirmation.pk, state=Confirmation.State.COUNTING).update(
            look_at=now + pause, tries=confirmation.tries + 1, problem=problem
        )
        if waits and confirmation.problem != problem:
            confirmation.refresh_from_db()
            _tell(confirmation, "confirmation.held_up", actor=audit.CONSOLE, outcome="refused", because=problem)


def stop(confirmation: Confirmation, why: str) -> bool:
    """End a countdown without an undo, and say why; False, with nothing changed, where it has ended already."""
    with transaction.atomic():
        stopped = Confirmation.objects.filter(pk=confirmation.pk, state=Confirmation.State.COUNTING).update(
            state=Confirmation.State.STOPPED, ended_at=timezone.now(), problem=why
        )
        if stopped:
            confirmation.refresh_from_db()
            _tell(confirmation, "confirmation.stopped", actor=audit.CONSOLE, outcome="conflict", because=why)
            _announce(confirmation, "confirmation.stopped")
    return bool(stopped)


def lock_counting(confirmation: Confirmation) -> bool:
    """Lock a countdown in the caller's transaction, and say whether it still counts: of two workers one is told yes."""
    locked = Confirmation.objects.select_for_update(no_key=True).get(pk=confirmation.pk)
    return locked.state == Confirmation.State.COUNTING and locked.until <= timezone.now()


def hand_to(confirmation: Confirmation, undo: Rollback) -> None:
    """End a locked countdown with the rollback that takes it back, in the caller's transaction."""
    Confirmation.objects.filter(pk=confirmation.pk).update(
        state=Confirmation.State.UNDOING, undo=undo, ended_at=timezone.now(), problem=""
    )
    confirmation.refresh_from_db()
    _tell(confirmation, "confirmation.lapsed", actor=audit.CONSOLE, undo=str(undo.pk))


def covering(undo: Rollback) -> Rollback | None:
    """Give the rollback whose approval covers this one, because what was signed says that it is undone; else None.

    Only the one undo that its countdown demanded, leading from exactly what it left back to its own base, and only
    where the stored plan is still the one that was signed.
    """
    found = (
        Confirmation.objects.filter(undo=undo, state=Confirmation.State.UNDOING)
        .select_related("rollback__tenant", "rollback__config", "rollback__target", "rollback__reverts")
        .first()
    )
    if found is None:
        return None
    first = found.rollback
    base = Base(undo.base_version, facts.bytes_or_none(undo.base_etag), undo.base_digest)
    same = undo.undoes_id == first.pk and undo.target_id == first.base_id and not undo.is_composed
    signed = first.confirm_minutes == found.minutes and first.state == State.APPLIED and not facts.is_altered(first)
    return first if same and signed and base == left_base(found) else None


def approved_with(rollback: Rollback) -> str | None:
    """Give the id of the rollback whose approval covers this one, as an entry has it; None for one of its own."""
    found = Confirmation.objects.filter(undo=rollback).values_list("rollback_id", flat=True).first()
    return None if found is None else str(found)


def is_undo(rollback: Rollback) -> bool:
    """Say whether the console itself asked for this rollback, because nobody kept another one."""
    return Confirmation.objects.filter(undo=rollback).exists()


def confirmation_of(rollback: Rollback) -> Confirmation | None:
    """Give the countdown after a rollback; None where there is none."""
    return Confirmation.objects.filter(rollback=rollback).select_related("rollback", "undo", "kept_by").first()


def is_counting(rollback: Rollback) -> bool:
    """Say whether a rollback can still be kept."""
    return Confirmation.objects.filter(rollback=rollback, state=Confirmation.State.COUNTING).exists()


def is_under_way(confirmation: Confirmation | None) -> bool:
    """Say whether a page that shows a countdown should look again by itself."""
    if confirmation is None:
        return False
    undo = confirmation.undo
    return confirmation.state == Confirmation.State.COUNTING or (undo is not None and undo.state in _UNDO_UNDER_WAY)


def time_left(confirmation: Confirmation, *, now: datetime | None = None) -> str:
    """Say in words how long somebody still has to keep it."""
    seconds = max(0, round((confirmation.until - (now or timezone.now())).total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02} left" if seconds else "the time is over"


def has_ended(rollback: Rollback) -> bool:
    """Say whether a rollback has ended, so that no countdown of it is to come any more."""
    return not MOVES[State(rollback.state)] or (
        rollback.state == State.UNKNOWN and not rollback.attempts.filter(state=Attempt.State.OPEN).exists()
    )


def unkept() -> "QuerySet[Confirmation]":
    """Give what counts down, or waits for its undo, of all tenants."""
    return Confirmation.objects.filter(state=Confirmation.State.COUNTING)


def counting(tenants: "Iterable[Any]") -> "Sequence[Confirmation]":
    """Give what counts down, or waits for its undo, in these tenants: what ends first comes first."""
    found = unkept().filter(rollback__tenant__in=tenants)
    return list(found.select_related("rollback__tenant", "rollback__config").order_by("until"))


@dataclass(frozen=True, slots=True)
class Told:
    """How a countdown stands, for people."""

    tone: str
    headline: str
    sentence: str


def told(confirmation: Confirmation, *, now: datetime | None = None) -> Told:
    """Say how a countdown stands, in a headline and whole sentences."""
    now = now or timezone.now()
    undo = confirmation.undo
    match Confirmation.State(confirmation.state):
        case Confirmation.State.COUNTING if now < confirmation.until:
            return Told(
                "warn",
                f"It is undone at {confirmation.until:%H:%M:%S} UTC unless somebody keeps it.",
                "Then the console writes back what was live before, on exactly the version that this rollback left. It "
                "writes nothing over anybody else's work.",
            )
        case Confirmation.State.COUNTING:
            waits = f" {confirmation.problem} It is tried again by itself." if confirmation.problem else ""
            return Told(
                "warn",
                "Nobody kept it in time. Its undo waits." if waits else "Nobody kept it in time. It is being undone.",
                f"The {confirmation.minutes} minutes are over. Until the undo begins it can still be kept.{waits}",
            )
        case Confirmation.State.KEPT:
            return Told(
                "ok",
                f"{confirmation.keeper} kept it.",
                f"{confirmation.keeper} kept it on {_moment(confirmation.ended_at)}, so it is not undone.",
            )
        case Confirmation.State.STOPPED:
            return Told(
                "danger",
                "Nobody kept it, and it was not undone.",
                f"Nobody kept it within {confirmation.minutes} minutes, and the console did not undo it. "
                f"{confirmation.problem} Look at live, and decide.",
            )
    nobody = f"Nobody kept it within {confirmation.minutes} minutes"
    if undo is not None and undo.state == State.APPLIED:
        return Told("info", "Nobody kept it. It was undone.", f"{nobody}, so it was undone.")
    if undo is not None and undo.state in _UNDO_UNDER_WAY:
        waits = f" {undo.explanation}" if undo.explanation else ""
        return Told("warn", "Nobody kept it. It is being undone.", f"{nobody}, so it is being undone.{waits}")
    if undo is not None and undo.state == State.UNKNOWN:
        return Told(
            "danger",
            "Nobody kept it, and nobody can say whether its undo landed.",
            f"{nobody}, so its undo was sent. {undo.explanation}".strip(),
        )
    ended = "" if undo is None else f" ended as {undo.get_state_display()}. {undo.explanation}"
    return Told("danger", "Nobody kept it, and the undo did not succeed.", f"{nobody}; the undo{ended}".strip())


_UNDO_UNDER_WAY: Final = frozenset({State.AWAITING_APPROVAL, State.APPROVED, State.APPLYING})


def _moment(at: datetime | None) -> str:
    return "an unknown day" if at is None else f"{at:%d %b %Y at %H:%M} UTC"


def facts_of(confirmation: Confirmation) -> dict[str, object]:
    """Give what an entry and a JSON document say of a countdown."""
    return {
        "state": confirmation.state,
        "minutes": confirmation.minutes,
        "until": audit.timestamp(confirmation.until),
        "left": {
            "version": confirmation.left_version,
            "etag": facts.etag_text(confirmation.left_etag),
            "digest": confirmation.left_digest,
        },
        "kept_by": confirmation.keeper or None,
        "undo": None if confirmation.undo_id is None else str(confirmation.undo_id),
        "sentence": told(confirmation).sentence,
    }


def _announce(confirmation: Confirmation, kind: str) -> None:
    """Have those who may keep it told how it stands."""
    rollback = Rollback.objects.select_related("tenant", "config").get(pk=confirmation.rollback_id)
    stands = told(confirmation)
    notices.announce(
        kind,
        tenant=rollback.tenant,
        to=access.people_with_role(rollback.tenant, access.Role.OPERATOR, access.Role.APPROVER),
        subject=f"{rollback.config}: {stands.headline}",
        text=f"{rollback.tenant.name}, {rollback.config} {rollback.goal}. {stands.headline} {stands.sentence}",
        path=f"/rollbacks/rollback/{rollback.pk}/change/",
        rollback=rollback,
    )


def _tell(confirmation: Confirmation, action: str, *, actor: str, outcome: str = "ok", **more: object) -> None:
    rollback = Rollback.objects.select_related("tenant", "config").get(pk=confirmation.rollback_id)
    audit.append(
        action,
        tenant=rollback.tenant,
        actor=actor,
        outcome=outcome,
        config=rollback.config,
        rollback=rollback,
        details={**facts_of(confirmation), **more},
    )
