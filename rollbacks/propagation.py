"""The watch of a written version until routing is seen to use it, or its time is over.

It begins in the transaction of the verdict and never touches it: a rollback that is verified stays verified, whatever
routing does. The row is all there is: a look is claimed by a conditional UPDATE that repeats what was read and moves
`look_at` behind a lease, and what came of it is recorded only where the claim still stands. So two workers never look
at one watch for the same due time, one that died costs a lease, and one that wakes up late changes nothing.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from rollbacks import audit, routing
from rollbacks.models import PropagationWatch, Rollback
from rollbacks.routing import Watched
from tenants import connections
from tenants.models import TrackedConfig
from tenants.remote import ObjectMissing, PermissionMissing, Purpose, RemoteError, RequestRefused
from tenants.resource_types import ResourceType, catalogue
from tenants.sealing import CannotUnseal

if TYPE_CHECKING:
    from tenants.remote import Platform

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(minutes=3)
"""Longer than two questions with their tokens may take, so that a claim never ends under whoever holds it."""
SWEEP_SECONDS: Final = 20.0
AT_ONCE: Final = 100
_GROWTH: Final = 1.6
_OUTCOMES: Final = {Watched.SEEN: "ok"}
_FOR_GOOD: Final = (PermissionMissing, RequestRefused, ObjectMissing)
"""The platform will answer this question no better in a minute."""


def begin(rollback: Rollback, *, version: int | None, counts_from: datetime) -> PropagationWatch | None:
    """Begin the watch of what a rollback wrote, inside the transaction of its verdict; None where nothing is to watch.

    Does nothing for a type whose active version cannot be asked for, and where the rollback is watched already.
    """
    rtype = _type_of(rollback.config)
    if version is None or rtype is None or rtype.active_version_query is None:
        return None
    now = timezone.now()
    watch, new = PropagationWatch.objects.get_or_create(
        rollback=rollback,
        defaults={
            "config": rollback.config,
            "version": version,
            "counts_from": counts_from,
            "started_at": now,
            "until": now + timedelta(minutes=settings.CONSOLE_PROPAGATION_MINUTES),
            "look_at": now,
        },
    )
    if new:
        audit.append(
            "propagation.watched",
            tenant=rollback.tenant,
            actor=audit.CONSOLE,
            config=rollback.config,
            rollback=rollback,
            details={"version": version, "until": audit.timestamp(watch.until)},
        )
    return watch


def not_seen() -> Q:
    """Give the condition of watches that ended unseen and still matter: their version is live as far as is known."""
    return Q(state=PropagationWatch.State.NOT_SEEN, config__live__version=F("version"))


def watch_of(rollback: Rollback) -> PropagationWatch | None:
    """Give the watch of a rollback; None where there is none."""
    return PropagationWatch.objects.filter(rollback=rollback).first()


def sweep(*, everything: bool = False) -> int:
    """Look once at every watch that is due, the longest overdue first; give how many looks were made.

    With `everything` also at those due later. One that cannot be looked at is in the log and is tried again.
    """
    ends = time.monotonic() + SWEEP_SECONDS
    watching = PropagationWatch.objects.filter(state=PropagationWatch.State.WATCHING).order_by("look_at")
    if not everything:
        watching = watching.filter(look_at__lte=timezone.now())
    looks = 0
    for pk in list(watching.values_list("pk", flat=True)[:AT_ONCE]):
        if time.monotonic() > ends:
            break
        try:
            looks += look(pk, everything=everything) is not None
        except Exception:
            # One watch must not keep the sweep from the others; its lease ends and it is tried again.
            log.exception("propagation.not_looked_at", watch=pk)
    return looks


def look(watch_id: int, *, platform: "Platform | None" = None, everything: bool = False) -> PropagationWatch | None:
    """Look once at one watch that is due, and record what came of it; None where somebody else looks, or it ended.

    With `everything` due or not; a look that is under way elsewhere is never joined.
    """
    watch = _claimed(watch_id, everything=everything)
    if watch is None:
        return None
    rtype = _type_of(watch.config)
    over = timezone.now() >= watch.until
    if rtype is None or rtype.active_version_query is None:
        _end(watch, Watched.UNREADABLE, problem=f"{watch.config.resource_type} no longer has a query for it.")
        return _fresh(watch)
    try:
        platform = platform or connections.connect(watch.config.tenant, purpose=Purpose.SWEEP)
        # A client id that was pasted into the wrong tenant would show somebody else's conversations.
        connections.check_identity(watch.config.tenant, platform)
        seen = _seen(watch, rtype.active_version_query, platform)
    except _FOR_GOOD as error:
        _end(watch, Watched.UNREADABLE, problem=_why_not(error, rtype))
    except (RemoteError, CannotUnseal, routing.UnreadableAnswer) as error:
        if over:
            # What the last look that was answered showed is all that can be said.
            _end(watch, Watched.NOT_SEEN if watch.looks else Watched.UNREADABLE, problem=str(error))
        else:
            _postpone(watch, failures=watch.failures + 1, problem=str(error))
    else:
        finding = routing.find(watch.version, seen, live_version=_live_version(watch), over=over)
        _record(watch, finding)
    return _fresh(watch)


def _seen(watch: PropagationWatch, path: str, platform: "Platform") -> list[routing.Activity]:
    """Ask for the version itself; only where it is not seen, ask what is active instead."""
    object_id = watch.config.object_id
    for version in (watch.version, None):
        asked = routing.question(object_id, version=version, since=watch.counts_from, now=timezone.now())
        seen = routing.activities(platform.ask(path, asked).body, config_id=object_id)
        if version is not None:
            seen = [one for one in seen if one.number == version]
        if seen:
            return seen
    return []


def _claimed(watch_id: int, *, everything: bool) -> PropagationWatch | None:
    now = timezone.now()
    watch = (
        PropagationWatch.objects.filter(pk=watch_id, state=PropagationWatch.State.WATCHING)
        .select_related("config__tenant", "config__live", "rollback")
        .first()
    )
    if watch is None or (watch.look_at > now and not (everything and not _is_claimed(watch, now))):
        return None
    until = now + LEASE
    ours = PropagationWatch.objects.filter(
        pk=watch.pk, state=PropagationWatch.State.WATCHING, look_at=watch.look_at
    ).update(look_at=until)
    if ours == 0:
        return None
    watch.look_at = until
    return watch


def _is_claimed(watch: PropagationWatch, now: datetime) -> bool:
    """Say whether somebody is looking now: no pause is as long as a lease."""
    return watch.look_at > now + timedelta(seconds=settings.CONSOLE_PROPAGATION_LONGEST_PAUSE)


def _pause(watch: PropagationWatch) -> timedelta:
    """Give the time until the next look: it grows with each one, up to the longest."""
    first, longest = settings.CONSOLE_PROPAGATION_FIRST_PAUSE, settings.CONSOLE_PROPAGATION_LONGEST_PAUSE
    made = min(watch.looks + watch.failures, 40)
    return timedelta(seconds=min(first * _GROWTH**made, longest))


def _still_ours(watch: PropagationWatch) -> Any:
    return PropagationWatch.objects.filter(pk=watch.pk, state=PropagationWatch.State.WATCHING, look_at=watch.look_at)


def _postpone(watch: PropagationWatch, **fields: Any) -> None:
    now = timezone.now()
    # The last look is made at the end of the time, not a pause later; an end that is past leaves none to wait for.
    later = now + _pause(watch)
    _still_ours(watch).update(look_at=min(later, watch.until) if watch.until > now else now, **fields)


def _record(watch: PropagationWatch, finding: routing.Finding) -> None:
    now = timezone.now()
    active = finding.active
    fields: dict[str, Any] = {
        "looked_at": now,
        "looks": watch.looks + 1,
        "failures": 0,
        "problem": "",
        "conversations": active.conversations if active else 0,
        "active_version": active.version if active else "",
    }
    if finding.state is Watched.WATCHING:
        _postpone(watch, **fields)
        return
    if finding.state is Watched.SEEN:
        fields["seen_at"] = now
    _end(watch, finding.state, overtaken_by=finding.overtaken_by, **fields)


def _end(watch: PropagationWatch, state: Watched, **fields: Any) -> bool:
    """End a watch with its entry in the trail; False, with nothing changed, where the claim was lost meanwhile."""
    with transaction.atomic():
        ended = _still_ours(watch).update(state=state, ended_at=timezone.now(), **fields)
        if ended == 0:
            return False
        now = _fresh(watch)
        audit.append(
            f"propagation.{state}",
            tenant=watch.config.tenant,
            actor=audit.CONSOLE,
            outcome=_OUTCOMES.get(state, "unknown"),
            config=watch.config,
            rollback=watch.rollback,
            details=facts_of(now),
        )
    return True


def facts_of(watch: PropagationWatch) -> dict[str, object]:
    """Give what an entry and a JSON document say of a watch."""
    return {
        "state": watch.state,
        "version": watch.version,
        "started_at": audit.timestamp(watch.started_at),
        "until": audit.timestamp(watch.until),
        "looks": watch.looks,
        "looked_at": None if watch.looked_at is None else audit.timestamp(watch.looked_at),
        "seen_at": None if watch.seen_at is None else audit.timestamp(watch.seen_at),
        "active_version": watch.active_version or None,
        "conversations": watch.conversations,
        "overtaken_by": watch.overtaken_by,
        "sentence": told(watch).sentence,
    }


@dataclass(frozen=True, slots=True)
class Told:
    """How a watch stands, for people: a few words, what belongs beside them, and whole sentences."""

    words: str
    detail: str
    sentence: str


def told(watch: PropagationWatch) -> Told:
    """Say how a watch stands; never more than was seen."""
    until = f"{watch.until:%H:%M} UTC"
    last = _last_seen(watch)
    version = f"version {watch.version}"
    match Watched(watch.state):
        case Watched.WATCHING:
            looks = f"{watch.looks} look{'' if watch.looks == 1 else 's'}"
            detail = " · ".join(filter(None, (looks, last, watch.problem, f"until {until}")))
            return Told(
                f"Watching whether routing uses {version}",
                detail,
                f"The platform has stored {version}; whether routing uses it yet is watched until {until}.",
            )
        case Watched.SEEN:
            at = f"{watch.seen_at:%H:%M} UTC" if watch.seen_at else ""
            count = _conversations(watch.conversations)
            return Told(
                f"Active version seen at {at}",
                f"version {watch.version}, {count}",
                f"Routing uses {version}: the active version was seen at {at}, with {count}.",
            )
        case Watched.NOT_SEEN:
            if watch.active_version:
                why = (
                    f"Version {watch.active_version} was still active, with {_conversations(watch.conversations)}, so "
                    "the change has not reached routing."
                )
            else:
                why = (
                    "No conversation ran on this configuration, so nobody can say whether there was no traffic or the "
                    "change has not reached routing."
                )
            unanswered = f" The last look was not answered: {watch.problem}" if watch.problem else ""
            return Told(
                f"Not seen in routing until {until}",
                last or "no conversation on any version",
                f"{version.capitalize()} was not seen in routing until {until}. {why}{unanswered} The write stands; "
                "make a test call, or ask the platform's support why routing lags.",
            )
        case Watched.OVERTAKEN:
            return Told(
                f"Overtaken by version {watch.overtaken_by}",
                f"before version {watch.version} was seen in routing",
                f"{version.capitalize()} was overtaken by version {watch.overtaken_by} before it was seen in routing.",
            )
        case Watched.UNREADABLE:
            return Told(
                "Whether routing uses it cannot be seen",
                watch.problem,
                f"Whether routing uses {version} cannot be seen. {watch.problem} The write stands.",
            )


def _last_seen(watch: PropagationWatch) -> str:
    if not watch.active_version:
        return "no conversation yet" if watch.looks and watch.state == Watched.WATCHING else ""
    return f"version {watch.active_version} active, {_conversations(watch.conversations)}"


def _conversations(count: int) -> str:
    return f"{count:,} conversation{'' if count == 1 else 's'}"


def _why_not(error: RemoteError, rtype: ResourceType) -> str:
    if isinstance(error, PermissionMissing) and rtype.active_version_permissions.names:
        return (
            f"The OAuth client may not ask which version is active; it needs {rtype.active_version_permissions}. "
            "Add it to a role of the client for the next time."
        )
    return error.sentence


def _live_version(watch: PropagationWatch) -> int | None:
    live = TrackedConfig.objects.filter(pk=watch.config_id).values_list("live__version", flat=True).first()
    return live if live is None else int(live)


def _type_of(config: TrackedConfig) -> ResourceType | None:
    try:
        return catalogue.get(config.resource_type)
    except catalogue.UnknownType:
        return None


def _fresh(watch: PropagationWatch) -> PropagationWatch:
    return PropagationWatch.objects.select_related("config__tenant", "rollback").get(pk=watch.pk)
