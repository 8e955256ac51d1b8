"""Take in what an organization has, as a worker does it: a slice at a time, so that any worker may go on at any point.

    listing ──every type asked for──► choosing ──a person chooses──► tracking ──► reading ──nothing unread──► done
       └────────────────────────────────┴──────── cancelled by a person ─────────────┘

The row is the queue. `next_at` moves behind a lease while a worker holds the row, so two never work on one; a worker
that dies costs the lease. What was listed, tracked and read is kept as it is done, so the next slice goes on there. A
platform that is silent puts the row off, with the reason on it.
"""

import logging
import time
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from django.db.models import F
from django.utils import timezone

from tenants import connections, discovery, reporting, sweeping, trail
from tenants.archive import UnusableContent
from tenants.causes import Cause
from tenants.discovery import Found, Survey, Trouble
from tenants.models import Onboarding
from tenants.object_paths import InvalidObjectId
from tenants.remote.errors import RemoteError
from tenants.remote.manners import Purpose
from tenants.resource_types import catalogue
from tenants.sealing import CannotUnseal

if TYPE_CHECKING:
    from uuid import UUID

    from tenants.discovery import Connect

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=3)
"""More than a slice ever takes: one list may wait two minutes for room in the budget."""
SLICE_SECONDS: Final = 8.0
LONGEST_PAUSE: Final = timedelta(minutes=5)
TRIES_OF_A_LIST: Final = 3
"""After so many tries in a row a chosen type whose list has no answer is left out, and the report says so."""
State = Onboarding.State
AT_WORK: Final = (State.LISTING, State.TRACKING, State.READING)
"""The states in which a worker has something to do."""


class _PutOff(Exception):
    """The platform is silent or refuses the client, so the row waits; the message is a sentence."""


def due(*, now: datetime) -> "list[UUID]":
    """Give the rows that wait for a worker, the longest waiting first."""
    rows = Onboarding.objects.filter(state__in=AT_WORK, next_at__lte=now).order_by("next_at")
    return list(rows.values_list("pk", flat=True))


def drive(pk: "UUID | str", *, seconds: float = SLICE_SECONDS) -> bool:
    """Work on a row for about so many seconds; False where another worker holds it or it needs none.

    Never raises for what the platform answers: that puts the row off, with a sentence.
    """
    now = timezone.now()
    free = Onboarding.objects.filter(pk=pk, state__in=AT_WORK, next_at__lte=now)
    if not free.update(next_at=now + LEASE):
        return False
    row = Onboarding.objects.select_related("tenant", "asked_by").get(pk=pk)
    try:
        _work(row, ends=time.monotonic() + seconds)
    except (_PutOff, RemoteError, UnusableContent, CannotUnseal) as error:
        pause = min(LONGEST_PAUSE, timedelta(seconds=5) * 2 ** min(row.failures, 8))
        _keep(row, problem=str(error), failures=F("failures") + 1, next_at=timezone.now() + pause)
    except Exception:
        _keep(row, problem="The console met an error of its own; its log says more. It is tried again.")
        logger.exception("%s was not driven on; its lease ends and it is tried again", row)
    else:
        _keep(row, problem="", failures=0, next_at=timezone.now())
    return True


def _work(row: Onboarding, *, ends: float) -> None:
    connect = partial(connections.connect, row.tenant, purpose=Purpose.BULK)
    connections.check_identity(row.tenant, connect())
    if row.state == State.LISTING:
        _list(row, connect, ends=ends)
    elif row.state == State.TRACKING:
        _track(row, connect, ends=ends)
    if row.state == State.READING:
        _read(row, connect, seconds=max(0.0, ends - time.monotonic()))


def _list(row: Onboarding, connect: "Connect", *, ends: float) -> None:
    platform = connect()
    survey = Survey.from_json(row.survey) if row.survey else discovery.begin(platform)
    listed = {one.rtype.name for one in survey.found}
    for rtype in catalogue.all_types():
        if rtype.name in listed:
            continue
        found, platform = discovery.find_or_pass(rtype, platform, connect, reach=survey.reach)
        survey.found.append(discovery.compare_with(row.tenant, found))
        _keep(row, survey=survey.to_json())
        if time.monotonic() > ends:  # only now, so that every slice comes a step further
            break
    if len(survey.found) >= len(catalogue.all_types()):
        _move(row, State.CHOOSING)


def _track(row: Onboarding, connect: "Connect", *, ends: float) -> None:
    survey = Survey.from_json(row.survey)
    platform, silence = connect(), ""
    left = [rtype for rtype in reporting.types_named(row.chosen) if rtype.name not in row.tracked]
    # One list without an answer must not keep the others from being tracked, so it is asked for again after them.
    for rtype in sorted(left, key=lambda one: _is_silent(survey.of(one.name))):
        # Listed anew: what was made since the choice belongs to it, and what was deleted does not.
        found, platform = discovery.find_or_pass(rtype, platform, connect, reach=survey.reach, named=True)
        before = survey.of(rtype.name)
        if _is_silent(found) and before is not None and row.failures < TRIES_OF_A_LIST:
            before.troubles, silence = found.troubles, found.troubles[0].sentence
            _keep(row, survey=survey.to_json())
        else:
            _track_found(row, survey, found)
        if time.monotonic() > ends:
            break
    if silence:
        raise _PutOff(silence)
    if {rtype.name for rtype in reporting.types_named(row.chosen)} <= set(row.tracked):
        _move(row, State.READING)


def _track_found(row: Onboarding, survey: Survey, found: Found) -> None:
    try:
        sweeping.track_found(row.tenant, found.rtype, found.objects, actor=trail.actor_name(row.asked_by))
    except InvalidObjectId as error:
        found.troubles.append(Trouble(Cause.UNUSABLE, f"{found.rtype.title}: {error}"))
    survey.found = [found if one.rtype.name == found.rtype.name else one for one in survey.found]
    _keep(row, tracked=[*row.tracked, found.rtype.name], survey=survey.to_json())


def _is_silent(found: Found | None) -> bool:
    return found is not None and any(trouble.cause is Cause.SILENCE for trouble in found.troubles)


def _read(row: Onboarding, connect: "Connect", *, seconds: float) -> None:
    types = reporting.types_named(row.chosen)
    run = sweeping.first_looks(row.tenant, types, connect=connect, seconds=seconds)
    if run.stopped:
        raise _PutOff(run.stopped)
    if not sweeping.unread_of(row.tenant, types).exists() and _move(row, State.DONE, ended_at=timezone.now()):
        trail.report(
            "onboarding.done",
            tenant=row.tenant,
            actor=trail.SYSTEM,
            detail={"onboarding": str(row.pk), "types": list(row.chosen)},
        )


def _move(row: Onboarding, state: Onboarding.State, **changes: object) -> bool:
    """Move on unless a person cancelled it meanwhile; tell whether it was moved."""
    moved = Onboarding.objects.filter(pk=row.pk, state=row.state).update(state=state, **changes)
    if moved:
        row.state = state
    return bool(moved)


def _keep(row: Onboarding, **changes: object) -> None:
    Onboarding.objects.filter(pk=row.pk).update(**changes)
    for name, value in changes.items():
        if name in {"survey", "tracked"}:
            setattr(row, name, value)
