"""Broken glass: one person, one object, a time box, and a review that somebody else owes afterwards.

    break ──▶ open ──use──▶ open ──end | time over──▶ closed ──settle──▶ justified | not justified

While it is open, T1 lets that person carry out a rollback of that object without the approvals; nothing else is
skipped. From the break on a review is owed, and the tenant's next break waits for it. What two do at once is decided by
the database: a partial unique index allows one owed review in a tenant, and each way on is a conditional UPDATE.

Nothing here moves a rollback; `transitions` does.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from rollbacks import audit, guards, notices
from rollbacks.models import BrokenGlass, Rollback
from rollbacks.states import State
from tenants import access
from tenants.models import TrackedConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import QuerySet

DEFAULT_MINUTES: Final = 60
SHORTEST: Final = 5
LONGEST: Final = 240
"""In minutes."""
REMIND_EVERY: Final = timedelta(hours=4)
"""Between two reminders of a review that is overdue."""

PATH: Final = "/rollbacks/brokenglass/{}/change/"
"""Of the page of one broken glass."""

SETTLES: Final = (access.Role.APPROVER, access.Role.TENANT_ADMIN)
"""Who may review a broken glass, and end one that is open; never whoever broke it."""


class ReviewOwed(Exception):
    """The tenant still owes the review of an earlier break; the message is a sentence, and nothing was changed."""


class NotOpen(Exception):
    """The glass is closed, or was never broken so; the message is a sentence, and nothing was changed."""


class NotSettled(Exception):
    """The review cannot be settled now, or so; the message is a sentence, and nothing was changed."""


def unsettled() -> "QuerySet[BrokenGlass]":
    """Give the breaks whose review is owed, of all tenants."""
    return BrokenGlass.objects.filter(settled_at__isnull=True)


def owed(tenants: "Iterable[Any]") -> "Sequence[BrokenGlass]":
    """Give the breaks whose review is owed in these tenants, what is due first comes first."""
    found = unsettled().filter(tenant__in=tenants)
    return list(found.select_related("tenant", "config").order_by("due_at"))


def is_open(glass: BrokenGlass, *, now: datetime | None = None) -> bool:
    """Say whether its time box still runs."""
    return glass.ended_at is None and (now or timezone.now()) < glass.until


def is_overdue(glass: BrokenGlass) -> bool:
    """Say whether its review was to be settled by now."""
    return glass.settled_at is None and glass.due_at <= timezone.now()


def open_glass(config: TrackedConfig, user: User) -> BrokenGlass | None:
    """Give the open glass of this person on this object; None for none."""
    found = BrokenGlass.objects.filter(config=config, broken_by=user, ended_at__isnull=True, until__gt=timezone.now())
    return found.select_related("tenant", "config").first()


def break_glass(config: TrackedConfig, *, user: User, actor: str, reason: str, minutes: int) -> BrokenGlass:
    """Break the glass, with its entries and the notice to those who are skipped, in one transaction.

    Raises ReviewOwed where the tenant owes a review; of two who break it at once, one is told so.
    """
    now = timezone.now()
    until = now + timedelta(minutes=minutes)
    glass = BrokenGlass(
        tenant=config.tenant,
        config=config,
        broken_by=user,
        breaker=actor,
        reason=reason,
        broken_at=now,
        until=until,
        due_at=max(until, now + timedelta(hours=settings.CONSOLE_REVIEW_HOURS)),
    )
    try:
        with transaction.atomic():
            glass.save(force_insert=True)
            _tell(glass, "glass.broken", actor=actor)
            _tell(glass, "review.owed", actor=audit.CONSOLE)
            _announce(
                glass,
                "glass.broken",
                subject=f"{actor} broke the glass on {config}",
                text=f"{sentence_of(glass)} Until {until:%H:%M} UTC {actor} may carry out rollbacks of {config} that "
                f"nobody has approved. Somebody else has to review it by {glass.due_at:%d %b %Y, %H:%M} UTC.",
                path=PATH.format(glass.pk),
            )
    except IntegrityError as error:
        earlier = BrokenGlass.objects.filter(tenant=config.tenant, settled_at__isnull=True).first()
        if earlier is None:
            raise
        raise ReviewOwed(owed_sentence(earlier)) from error
    return glass


def owed_sentence(glass: BrokenGlass) -> str:
    """Say that a review is owed, and who can settle it."""
    return (
        f"{glass.breaker} broke the glass on {glass.config} on {_moment(glass.broken_at)}, and nobody has reviewed "
        f"that yet. Nothing was changed. Have an approver or an administrator of {glass.tenant.name} settle it first."
    )


def use(rollback: Rollback, *, actor: str) -> None:
    """Record that an attempt is begun under the glass of a rollback, in the transaction of its T1."""
    glass = rollback.glass
    if glass is None:
        return
    _tell(glass, "glass.used", actor=actor, rollback=rollback, plan_digest=rollback.plan_digest)
    _announce(
        glass,
        "glass.used",
        subject=f"{glass.breaker} carries out a rollback of {glass.config} that nobody approved",
        text=f"{sentence_of(glass)} It goes back to v{rollback.target.version}: {rollback.reason}",
        path=f"/rollbacks/rollback/{rollback.pk}/change/",
        rollback=rollback,
    )


def lock_open(glass_id: UUID, *, config_id: UUID, user_id: int) -> BrokenGlass | None:
    """Lock a glass in the caller's transaction and give it where it is open, for exactly this object and person."""
    glass = _locked(glass_id)
    if glass is None or not is_open(glass) or (glass.config_id, glass.broken_by_id) != (config_id, user_id):
        return None
    return glass


def _locked(glass_id: UUID) -> BrokenGlass | None:
    return BrokenGlass.objects.select_for_update(no_key=True, of=("self",)).filter(pk=glass_id).first()


def lock_open_of(rollback: Rollback, user: User) -> BrokenGlass:
    """Lock this person's open glass on the object of a rollback and give it; raises NotOpen."""
    found = open_glass(rollback.config, user)
    glass = None if found is None else lock_open(found.pk, config_id=rollback.config_id, user_id=user.pk)
    if glass is None:
        raise NotOpen(f"{user.get_username()} has no open glass on {rollback.config}.")
    return glass


def check(rollback: Rollback) -> guards.Check:
    """Judge, under the lock of the glass, whether a rollback may begin without its approvals.

    Only a run that the very person asked for, of the very object, inside the time box, while they hold the role.
    """
    asked = rollback.glass
    if asked is None:
        return guards.check_glass("Nobody broke the glass for it.", "")
    glass = lock_open(asked.pk, config_id=rollback.config_id, user_id=asked.broken_by_id)
    if glass is None or rollback.run_requester != asked.breaker:
        return guards.check_glass(f"The glass that {asked.breaker} broke is not open for this any more.", "")
    if not access.may(glass.broken_by, glass.tenant, *access.BREAKS_GLASS):
        return guards.check_glass(f"{glass.breaker} may not break glass in {glass.tenant.name} any more.", "")
    return guards.check_glass("", sentence_of(glass))


def check_next(rollback: Rollback) -> guards.Check:
    """Judge, under the lock of the glass, whether a step of which nothing was sent may still leave under it."""
    glass = None if rollback.glass_id is None else _locked(rollback.glass_id)
    if glass is None or is_open(glass):
        return guards.check_glass("", "")
    how = f"{glass.breaker}'s glass was open until {glass.until:%H:%M} UTC only."
    if glass.ended_at is not None and glass.end == BrokenGlass.End.ENDED:
        how = f"{glass.ender} closed {glass.breaker}'s glass at {glass.ended_at:%H:%M} UTC."
    return guards.refuse_after_glass(how)


def close(glass: BrokenGlass, how: BrokenGlass.End, *, actor: str) -> bool:
    """End the time box, in the caller's transaction; False, with nothing changed, where it has ended already."""
    ended = BrokenGlass.objects.filter(pk=glass.pk, ended_at__isnull=True).update(
        ended_at=timezone.now(), end=how, ender=actor
    )
    if ended:
        glass.refresh_from_db()
        _tell(glass, f"glass.{how}", actor=actor)
    return bool(ended)


def settle(glass: BrokenGlass, *, user: User, actor: str, verdict: BrokenGlass.Verdict, comment: str) -> BrokenGlass:
    """Settle the review that is owed; raises NotSettled where it is settled already, or too early."""
    under_way = Rollback.objects.filter(glass=glass, state=State.APPLYING).first()
    if under_way is not None:
        raise NotSettled(
            f"The rollback {under_way.pk} that it let through is still under way. Nothing was changed; wait for "
            "its end."
        )
    with transaction.atomic():
        settled = BrokenGlass.objects.filter(
            ~Q(broken_by=user), pk=glass.pk, settled_at__isnull=True, ended_at__isnull=False
        ).update(settled_at=timezone.now(), settled_by=user, verdict=verdict, comment=comment)
        glass.refresh_from_db()
        if settled == 0:
            raise NotSettled(f"{_why_not_settled(glass, user)} Nothing was changed.")
        _tell(glass, "review.settled", actor=actor, outcome="ok" if verdict == "justified" else "failed")
    return glass


def _why_not_settled(glass: BrokenGlass, user: User) -> str:
    if glass.settled_at is not None:
        return f"{_name(glass.settled_by)} has settled this review already: {glass.get_verdict_display()}."
    if glass.broken_by_id == user.pk:
        return f"{user.get_username()} broke this glass, so somebody else must review it."
    return f"The glass is open until {glass.until:%H:%M} UTC. End it first, so that nothing is done after its review."


def over() -> list[BrokenGlass]:
    """Give the glasses whose time box is over and that nobody has ended."""
    return list(BrokenGlass.objects.filter(ended_at__isnull=True, until__lte=timezone.now()))


def remind_overdue() -> int:
    """Ring for every review that is overdue, once in a while; give how many were rung for."""
    rung = 0
    now = timezone.now()
    silent = Q(reminded_at__isnull=True) | Q(reminded_at__lte=now - REMIND_EVERY)
    overdue = BrokenGlass.objects.filter(silent, settled_at__isnull=True, due_at__lte=now)
    for glass in overdue.select_related("tenant", "config", "broken_by"):
        with transaction.atomic():
            ours = BrokenGlass.objects.filter(
                pk=glass.pk, settled_at__isnull=True, reminded_at=glass.reminded_at
            ).update(reminded_at=now)
            if ours == 0:
                continue
            rung += 1
            _tell(glass, "review.reminded", actor=audit.CONSOLE, outcome="failed")
            _announce(
                glass,
                "review.overdue",
                subject=f"A review is overdue: {glass.breaker} broke the glass on {glass.config}",
                text=f"{sentence_of(glass)} It was to be reviewed by {_moment(glass.due_at)}. Until somebody other "
                f"than {glass.breaker} settles that, nobody can break glass in {glass.tenant.name} again.",
                path=PATH.format(glass.pk),
            )
    return rung


def sentence_of(glass: BrokenGlass) -> str:
    """Say who skipped the approvals, when and why."""
    return (
        f"Nobody approved this: {glass.breaker} broke the glass at {glass.broken_at:%H:%M} UTC on "
        f"{glass.broken_at:%d %b %Y} because “{glass.reason}”."
    )


def facts_of(glass: BrokenGlass) -> dict[str, Any]:
    """Give what an entry and a JSON document say of a broken glass."""
    return {
        "id": str(glass.pk),
        "object": glass.config.address,
        "by": glass.breaker,
        "at": audit.timestamp(glass.broken_at),
        "until": audit.timestamp(glass.until),
        "reason": glass.reason,
        "ended": glass.end or None,
        "review": {
            "due": audit.timestamp(glass.due_at),
            "verdict": glass.verdict or None,
            "by": None if glass.settled_by is None else glass.settled_by.get_username(),
            "comment": glass.comment or None,
        },
        "sentence": sentence_of(glass),
    }


def sentence_for(rollback: Rollback) -> str:
    """Say who skipped the approvals of a rollback, when and why; empty where nobody did."""
    glass = rollback.glass
    return "" if glass is None else sentence_of(glass)


def facts_for(rollback: Rollback) -> dict[str, Any] | None:
    """Give what an entry and a JSON document say of the glass under which a rollback runs; None for none."""
    glass = rollback.glass
    return None if glass is None else facts_of(glass)


def _announce(
    glass: BrokenGlass, kind: str, *, subject: str, text: str, path: str, rollback: Rollback | None = None
) -> None:
    told = access.people_with_role(glass.tenant, *SETTLES).exclude(pk=glass.broken_by_id)
    notices.announce(kind, tenant=glass.tenant, to=told, subject=subject, text=text, path=path, rollback=rollback)


def _tell(
    glass: BrokenGlass,
    action: str,
    *,
    actor: str,
    outcome: str = "ok",
    rollback: Rollback | None = None,
    **more: object,
) -> None:
    audit.append(
        action,
        tenant=glass.tenant,
        actor=actor,
        outcome=outcome,
        config=glass.config,
        rollback=rollback,
        details={**facts_of(glass), **more},
    )


def _name(user: User | None) -> str:
    return "somebody" if user is None else user.get_username()


def _moment(at: datetime) -> str:
    return f"{at:%d %b %Y at %H:%M} UTC"
