"""Look at live, remember what was seen, and fill the past from the platform's own history.

    ask ──304─────────────────────────────────► unchanged: two UPDATEs, no row
     ├──── same version, digest and ETag ─────► unchanged
     ├──── anything newer ────────────────────► first or changed: a snapshot, `live` moves to it
     ├──── an older version ──────────────────► stale: `live` stays (below)
     ├──── 404, 410, and once more so ────────► vanished: shown as such, nothing is deleted
     ├──── 403, not JSON, wrong shape, too big ► unreadable: shown as such, with the reason
     ├──── silence, 5xx, no token ────────────► unreachable: nothing is known; the next look is further away
     └──── 429, no budget, a tenant that is down► unreachable: nothing is known, and the object stays due

**Nobody overwrites a newer live with an older one.** A read may be stale (PLATFORM.md, "Reads may be stale for
minutes"), and of two workers the one with the older answer may come last. `live` is moved under the lock of the
config's row, and backwards only when (1) the newer state was first seen longer ago than the type's visibility horizon
and (2) a second, unconditional read right after the first shows the older one too. Then the object was really set
back, for example deleted and made again: `live` moves and the trail bears an alarm. Types without a version have no
number to compare; there the platform's own date of the change says what is older, and an answer whose request had
begun before the newest state was kept is asked for again.

**One strange ETag moves nothing.** A gateway may alter the ETag of one answer, and a plan on a moved `live` is void. So
what differs from `live` in nothing but its ETag is kept, with an alarm, only if a second read right after says it too.

**A 304 is trusted for a day.** An ETag that hashes content comes back when content comes back (PROTOCOL.md, "Rules by
type"), and a 304 cannot show the new number. So a config's first look on each day (UTC) and every look that a person
asks for are unconditional.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from tenants import archive, labelling, object_paths, pacing, sightings, spans, trail
from tenants import live as live_object
from tenants.archive import UnusableContent
from tenants.causes import Cause, cause_of
from tenants.models import Snapshot, Tenant, TrackedConfig
from tenants.remote.errors import (
    AddressNotAllowed,
    BudgetSpent,
    CredentialsRefused,
    ObjectMissing,
    RateLimited,
    RemoteError,
    RemoteRefused,
    RemoteUnknown,
    RemoteWrong,
    TenantDown,
    TokenUnusable,
    WrongOrganization,
)
from tenants.resource_types import catalogue
from tenants.resource_types.definition import ResourceType, VersionRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenants.documents import Value
    from tenants.remote.answers import Answer
    from tenants.remote.client import Platform

LOOK_AT_MISSING_EVERY = timedelta(hours=1)
"""Between two looks at one that vanished or cannot be read."""
LONGEST_PAUSE = timedelta(hours=6)
"""The most that failures space two looks."""

SAYS_NOTHING = (RemoteUnknown, CredentialsRefused, TokenUnusable, WrongOrganization, AddressNotAllowed)
"""Errors that say something about the way to the platform or the tenant's client, and nothing about the object."""

Presence = TrackedConfig.Presence


class Outcome(StrEnum):
    """What a look found."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    FIRST = "first"
    STALE = "stale"
    VANISHED = "vanished"
    UNREADABLE = "unreadable"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at live found."""

    outcome: Outcome
    snapshot: Snapshot | None = None
    """What the look saw, kept: None when it saw nothing that can be kept."""
    detail: str = ""
    """A sentence for people where the outcome needs one."""
    error: RemoteError | None = None
    """Why nothing came, where the platform or the way to it is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """What `track` did."""

    added: list[TrackedConfig]
    already: list[TrackedConfig]


# --- what to look at -------------------------------------------------------------------------------------------------


def track(tenant: Tenant, rtype: ResourceType, object_ids: "list[str] | dict[str, str]") -> Tracking:
    """Start keeping the history of objects, all of them or none; a dictionary gives each id's name.

    They are due for a look at once. One that is tracked already stays as it is. Raises InvalidObjectId.
    """
    names = object_ids if isinstance(object_ids, dict) else dict.fromkeys(object_ids, "")
    for object_id in names:
        object_paths.checked_object_id(object_id)
        object_paths.split_id(rtype, object_id)
    now = timezone.now()
    tracking = Tracking(added=[], already=[])
    with transaction.atomic():
        for object_id, name in names.items():
            config, created = TrackedConfig.objects.get_or_create(
                tenant=tenant,
                resource_type=rtype.name,
                object_id=object_id,
                defaults={"name": name[:300], "next_look_at": now},
            )
            (tracking.added if created else tracking.already).append(config)
    return tracking


# --- live ------------------------------------------------------------------------------------------------------------


def look(config: TrackedConfig, platform: "Platform", *, now: datetime, conditional: bool = True) -> Look:
    """Look at live once and remember what was seen; never raises for what the platform answers.

    `conditional` allows If-None-Match where the type has ETags (the rule of the day above still applies). `config` is
    brought up to date in memory.
    """
    rtype = catalogue.get(config.resource_type)
    try:
        etag = _etag_to_send(config, rtype, now=now) if conditional else None
        answer = _read(config, platform, if_none_match=etag)
        if answer.not_modified:
            return _heartbeat(config, config.live, now=now)
        return _take(config, rtype, answer, platform, now=now)
    except ObjectMissing as error:
        return _missing(config, error, now=now)
    except SAYS_NOTHING as error:
        return _unreachable(config, error, now=now)
    except (RemoteRefused, RemoteWrong) as error:
        return _absent(config, Presence.UNREADABLE, error.sentence, error, now=now)
    except (UnusableContent, object_paths.InvalidObjectId) as error:
        return _absent(config, Presence.UNREADABLE, str(error), None, now=now)


def read_live(config: TrackedConfig, platform: "Platform") -> "Answer":
    """Give what is in force now, whole, and remember nothing; raises as `tenants.live.read` does."""
    return live_object.read(config, platform)


def read_to_plan(config: TrackedConfig, platform: "Platform") -> "Answer":
    """Give what is in force now, whole, and remember it where the object has vanished; raises as `live.read` does."""
    try:
        return _read(config, platform)
    except ObjectMissing as error:
        _missing(config, error, now=timezone.now())
        raise


def _read(config: TrackedConfig, platform: "Platform", *, if_none_match: bytes | None = None) -> "Answer":
    try:
        return live_object.read(config, platform, if_none_match=if_none_match)
    except ObjectMissing:
        # A gateway's single answer may look so, and every plan is void once an object that was there has vanished.
        if config.live_id is None or config.presence == Presence.VANISHED:
            raise
        return live_object.read(config, platform)


def _etag_to_send(config: TrackedConfig, rtype: ResourceType, *, now: datetime) -> bytes | None:
    first_today = config.looked_at is None or config.looked_at.date() != now.date()
    if not rtype.etags or first_today or config.live is None or config.live.etag is None:
        return None
    return bytes(config.live.etag)


def _take(config: TrackedConfig, rtype: ResourceType, answer: "Answer", platform: "Platform", *, now: datetime) -> Look:
    value = archive.check(config, rtype, answer.body)
    if sightings.shows(config.live, rtype, value, answer):
        return _heartbeat(config, config.live, now=now, name=name_of(value))
    for _ in range(3):  # each further round reads again, which is needed only when answers cross or go backwards
        taken = remember(config, rtype, answer, source=Snapshot.Source.LIVE, now=now, value=value)
        if taken is not None:
            return taken
        answer = live_object.read(config, platform)
        value = archive.check(config, rtype, answer.body)
        second = remember(config, rtype, answer, source=Snapshot.Source.LIVE, now=now, value=value, confirmed=True)
        if second is not None:
            return second
    return _stale(config, None, now=now)


def read_and_remember(
    config: TrackedConfig, rtype: ResourceType, platform: "Platform", *, source: Snapshot.Source
) -> "tuple[Answer, Look | None]":
    """Read live for a plan and keep what was seen, as `remember` does; raises as `read_to_plan` and `remember` do.

    Another ETag alone is read again at once; anything else that wants a second read is the caller's to decide.
    """
    answer = read_to_plan(config, platform)
    value = archive.check(config, rtype, answer.body)
    taken = remember(config, rtype, answer, source=source, now=timezone.now(), value=value)
    if taken is None and sightings.etag_alone(config.live, rtype, value, answer):
        answer = live_object.read(config, platform)
        value = archive.check(config, rtype, answer.body)
        again = sightings.etag_alone(config.live, rtype, value, answer)
        taken = remember(config, rtype, answer, source=source, now=timezone.now(), value=value, confirmed=again)
    return answer, taken


def remember(
    config: TrackedConfig,
    rtype: ResourceType,
    answer: "Answer",
    *,
    source: Snapshot.Source,
    now: datetime,
    value: "dict[str, Value] | None" = None,
    confirmed: bool = False,
) -> Look | None:
    """Keep what an answer shows of live and move `live` to it, in one transaction under the lock of the config's row.

    The look is `first`, `changed`, `unchanged`, or `stale` when it shows an older state than live; None asks the
    caller to read again: the answer may be older than what was kept meanwhile, or the object seems to have been set
    back or to bear another ETag alone, which only a second read (`confirmed`) may say. `value` is what `archive.check`
    gave for the same answer, which spares reading it again. Raises UnusableContent, and then nothing is kept.
    """
    if value is None:
        value = archive.check(config, rtype, answer.body)
    kept = partial(archive.record, source=source, seen_at=answer.received_at, value=value, locked=True)
    versioned = rtype.version_rule is not VersionRule.NONE
    with transaction.atomic():
        # Without a join: PostgreSQL reads a row that it waited for again, but not what was joined to it before.
        row = TrackedConfig.objects.select_for_update(no_key=True).get(pk=config.pk)
        live = row.live
        config.presence = row.presence
        if not versioned and sightings.crossed(live, rtype, value, answer):
            return None
        if not confirmed and sightings.etag_alone(live, rtype, value, answer):
            return None
        back = live is not None and sightings.is_older(live, rtype, value)
        if back and not (confirmed and sightings.is_settled(row, rtype, now=now)):
            # Without a version its content would get the next number, so it is kept only once it is known to be live.
            older = kept(config, rtype, answer) if versioned else None
            if older is not None and older[1]:
                labelling.raise_alarm(config, older[0], now=now, past=True)
            if sightings.is_settled(row, rtype, now=now):
                return None
            return _stale(config, older[0] if older is not None else None, now=now)
        snapshot, _new = kept(config, rtype, answer)
        if live is not None and live.pk == snapshot.pk:
            return _heartbeat(config, snapshot, now=now, name=name_of(value))
        changes: dict[str, object] = {
            "live": snapshot,
            "name": name_of(value) or row.name,
            "presence": Presence.PRESENT,
            "presence_detail": "",
            "presence_cause": "",
            "looked_at": now,
            "changed_at": now,
            "next_look_at": _next_look(pacing.look_every(config.tenant), now=now),
            "failures": 0,
        }
        if row.baseline_id is None:
            changes["baseline"] = snapshot
        _update(config, changes)
        _report_move(config, live, snapshot, back=back, returned=row.presence in _ABSENT)
        spans.moved(config, snapshot, at=max(now, answer.received_at))
        labelling.raise_alarm(config, snapshot, now=now)
    return Look(outcome=Outcome.FIRST if live is None else Outcome.CHANGED, snapshot=snapshot)


_ABSENT = (Presence.VANISHED, Presence.UNREADABLE)


def _report_move(
    config: TrackedConfig, live: Snapshot | None, snapshot: Snapshot, *, back: bool, returned: bool
) -> None:
    detail: dict[str, object] = {
        "version": str(snapshot.version),
        "digest": snapshot.digest,
        "etag": snapshot.etag_text,
        "author": snapshot.author_name or snapshot.author_id,
        "source": str(snapshot.source),
        "correlation_id": snapshot.correlation_id,
    }
    if live is not None:
        detail |= {"previous_version": str(live.version), "previous_digest": live.digest}
    if returned:
        detail["returned"] = True
    trail.report(
        "config.set_back" if back else "config.first_seen" if live is None else "config.changed",
        tenant=config.tenant,
        actor=trail.SYSTEM,
        outcome="alarm" if back else "ok",
        config=config,
        detail=detail,
    )


def name_of(value: "Mapping[str, Value]") -> str:
    """Give the name that an object shows; empty where it shows none."""
    shown = (value.get(key) for key in ("name", "displayName"))
    return next((name[:300] for name in shown if isinstance(name, str)), "")


def _heartbeat(config: TrackedConfig, snapshot: Snapshot | None, *, now: datetime, name: str = "") -> Look:
    again = _next_look(pacing.look_every(config.tenant), now=now)
    changes: dict[str, object] = {"looked_at": now, "next_look_at": again, "failures": 0}
    if name and name != config.name:
        changes["name"] = name
    if config.presence in _ABSENT:
        with transaction.atomic():
            _update(config, {**changes, "presence": Presence.PRESENT, "presence_detail": "", "presence_cause": ""})
            trail.report("config.returned", tenant=config.tenant, actor=trail.SYSTEM, config=config)
    else:
        _update(config, changes)
    if snapshot is not None:
        spans.confirm(config, snapshot, at=now)
    return Look(outcome=Outcome.UNCHANGED, snapshot=snapshot)


def _stale(config: TrackedConfig, snapshot: Snapshot | None, *, now: datetime) -> Look:
    _update(config, {"looked_at": now, "next_look_at": _next_look(timedelta(seconds=30), now=now)})
    shown = f"v{snapshot.version}" if snapshot is not None else "an earlier state"
    newer = f"v{config.live.version}" if config.live is not None else "a later one"
    return Look(
        outcome=Outcome.STALE,
        snapshot=snapshot,
        detail=f"The platform showed {shown}, but {newer} was seen before: the read was stale. Live stays {newer}.",
    )


def _missing(config: TrackedConfig, error: ObjectMissing, *, now: datetime) -> Look:
    if config.live_id is None and error.status is not None:
        never = f"The platform knows no object {config.object_id!r} of this type, and none was ever seen here."
        return _absent(config, Presence.UNREADABLE, f"{never} Check the id.", error, now=now)
    presence = Presence.UNREADABLE if config.live_id is None else Presence.VANISHED
    return _absent(config, presence, error.sentence, error, now=now)


def _absent(
    config: TrackedConfig, presence: Presence, sentence: str, error: RemoteError | None, *, now: datetime
) -> Look:
    changes = {
        "presence": presence,
        "presence_detail": sentence,
        "presence_cause": Cause.UNUSABLE if error is None else cause_of(error),
        "looked_at": now,
        "next_look_at": _next_look(LOOK_AT_MISSING_EVERY, now=now),
        "failures": 0,
    }
    outcome = Outcome.VANISHED if presence is Presence.VANISHED else Outcome.UNREADABLE
    with transaction.atomic():
        changed = TrackedConfig.objects.filter(pk=config.pk).exclude(presence=presence).update(presence=presence)
        _update(config, changes)
        if changed:
            trail.report(
                f"config.{outcome.value}",
                tenant=config.tenant,
                actor=trail.SYSTEM,
                outcome="alarm",
                config=config,
                detail={"reason": sentence, "correlation_id": error.correlation_id if error is not None else ""},
            )
        if presence is Presence.VANISHED:
            spans.confirm(config, None, at=now, every=LOOK_AT_MISSING_EVERY)
    return Look(outcome=outcome, detail=sentence, error=error)


def _unreachable(config: TrackedConfig, error: RemoteError, *, now: datetime) -> Look:
    asked_for = min(LONGEST_PAUSE, timedelta(seconds=error.retry_after or 0))
    if isinstance(error, BudgetSpent | TenantDown | RateLimited):
        # Nothing was learned, not even of the way to this object: it stays as due as it is.
        _update(config, {"next_look_at": _next_look(max(asked_for, timedelta(seconds=5)), now=now)})
        return Look(outcome=Outcome.UNREACHABLE, detail=error.sentence, error=error)
    pause = min(LONGEST_PAUSE, pacing.LOOK_EVERY * 2 ** min(config.failures, 10))
    wait = max(pause, asked_for)
    _update(config, {"failures": F("failures") + 1, "next_look_at": _next_look(wait, now=now)})
    config.refresh_from_db(fields=["failures"])
    return Look(outcome=Outcome.UNREACHABLE, detail=error.sentence, error=error)


def _next_look(pause: timedelta, *, now: datetime) -> datetime:
    # Spread by a tenth, so that objects that were tracked together are not asked for together for ever.
    return now + pause * random.uniform(0.9, 1.1)  # noqa: S311 - no secret


def _update(config: TrackedConfig, changes: dict[str, object]) -> None:
    """Write the columns with one UPDATE and set them in memory."""
    TrackedConfig.objects.filter(pk=config.pk).update(**changes)
    for name, value in changes.items():
        setattr(config, name, value)
