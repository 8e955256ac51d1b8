"""The platform's own audit is asked about each write that landed or may have, and about what came before a conflict.

It begins after the verdict, in a sweep that finds what ended and was not asked about, and never touches the verdict: no
state of a rollback or of an attempt is written here. A look is claimed by a conditional UPDATE that takes a lease, so
two workers never ask at once, and what one brings whose lease was taken over is dropped. What is found shows at once,
and is final when no further record is waited for; then it gets its entry.
"""

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from rollbacks import attesting, audit
from rollbacks.attesting import Deed, Finding, Offset, Span, Standing
from rollbacks.models import Attempt, GuardProbe, Inquiry, Rollback, Send, Step
from rollbacks.verdicts import SendOutcome, Verdict
from tenants import audit_records, connections, platform_audits
from tenants.audit_records import PERMISSION
from tenants.models import Tenant
from tenants.remote import ObjectMissing, PermissionMissing, Purpose, RemoteError, RequestRefused
from tenants.resource_types import catalogue
from tenants.resource_types.definition import SINGLETON_ID
from tenants.sealing import CannotUnseal

if TYPE_CHECKING:
    from tenants.remote import Platform

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(minutes=3)
SWEEP_SECONDS: Final = 15.0
AT_ONCE: Final = 50
SETTLES: Final = timedelta(minutes=15)
"""For so long after a write its own record, once found, is not the last word: somebody else's may come later."""
REACHES_BACK: Final = timedelta(days=13)
"""What ended longer ago is not asked about by itself: the query that is answered at once reaches back 14 days."""
MARGIN: Final = timedelta(minutes=10)
"""By so much more than the time in question is asked for, because clocks differ."""
FIRST_PAUSE: Final = timedelta(seconds=20)
LONGEST_PAUSE: Final = timedelta(hours=1)
MOST_KEPT: Final = 20
_GROWTH: Final = 1.7
_LANDED: Final = frozenset({Verdict.VERIFIED, Verdict.DIVERGENT, Verdict.OVERWRITTEN})
_MAY_HAVE_LANDED: Final = (SendOutcome.APPLIED, SendOutcome.UNKNOWN, SendOutcome.UNDER_WAY, "")
_CHANGED_NOTHING: Final = (SendOutcome.REFUSED, SendOutcome.UNAUTHORIZED, SendOutcome.NOT_SENT)
_FOR_GOOD: Final = (PermissionMissing, RequestRefused, ObjectMissing)
_OUTCOMES: Final = {Standing.MATCHED: "ok", Standing.ABSENT: "ok", Standing.NAMED: "ok", Standing.FOREIGN: "conflict"}
_SETTLED: Final = frozenset({Standing.MATCHED, Standing.UNCLEAR, Standing.NAMED})


def begin(tenant_id: UUID | None = None, *, whenever: bool = False) -> int:
    """Begin what was not asked about yet, of one tenant or of all; give how much. `whenever`: however long ago."""
    since = None if whenever else timezone.now() - REACHES_BACK
    begun = 0
    for attempt in list(_not_asked_about(tenant_id, since)[:AT_ONCE]):
        begun += _begin_attestation(attempt)
    for rollback in list(_conflicts_not_asked_about(tenant_id, since)[:AT_ONCE]):
        begun += _begin_conflict(rollback)
    return begun


def _not_asked_about(tenant_id: UUID | None, since: datetime | None) -> QuerySet[Attempt]:
    sends = Send.objects.filter(attempt=OuterRef("pk"))
    landed = Q(verdict__in=(*_LANDED, Verdict.REACHED)) & Exists(sends.exclude(outcome__in=_CHANGED_NOTHING))
    found = Attempt.objects.filter(
        landed | Exists(sends.filter(outcome__in=_MAY_HAVE_LANDED)),
        state=Attempt.State.CLOSED,
        attestation__isnull=True,
    )
    return _of(found, tenant_id, "closed_at", since).select_related("step", "rollback").order_by("closed_at")


def _conflicts_not_asked_about(tenant_id: UUID | None, since: datetime | None) -> QuerySet[Rollback]:
    asked = Inquiry.objects.filter(rollback=OuterRef("pk"), kind=Inquiry.Kind.CONFLICT)
    ended = Q(state=Rollback.State.CONFLICT) | Q(state=Rollback.State.FAILED, verdict=Verdict.CONFLICT)
    found = Rollback.objects.filter(ended, ~Exists(asked))
    tenant = Q() if tenant_id is None else Q(tenant=tenant_id)
    recent = Q() if since is None else Q(state_changed_at__gte=since)
    return found.filter(tenant, recent).select_related("config").order_by("state_changed_at")


def _of(found: QuerySet[Attempt], tenant_id: UUID | None, name: str, since: datetime | None) -> QuerySet[Attempt]:
    if tenant_id is not None:
        found = found.filter(rollback__tenant=tenant_id)
    return found if since is None else found.filter(**{f"{name}__gte": since})


def _begin_attestation(attempt: Attempt) -> int:
    deed = deed_of(attempt)
    _, new = Inquiry.objects.get_or_create(
        attempt=attempt,
        defaults={
            "rollback": attempt.rollback,
            "kind": Inquiry.Kind.ATTESTATION,
            "resource_type": attempt.step.resource_type,
            "object_id": attempt.step.object_id,
            "began_at": deed.looked,
            "ended_by": deed.ended,
            **_times(deed.ended),
        },
    )
    return int(new)


def _begin_conflict(rollback: Rollback) -> int:
    last = Attempt.objects.filter(rollback=rollback).select_related("step").order_by("step__number").last()
    _, new = Inquiry.objects.get_or_create(
        rollback=rollback,
        kind=Inquiry.Kind.CONFLICT,
        defaults={
            "resource_type": last.step.resource_type if last else rollback.config.resource_type,
            "object_id": last.step.object_id if last else rollback.config.object_id,
            "began_at": rollback.requested_at,
            "ended_by": rollback.state_changed_at,
            **_times(rollback.state_changed_at),
        },
    )
    return int(new)


def _times(ended: datetime) -> dict[str, datetime]:
    now = timezone.now()
    hours = timedelta(hours=settings.CONSOLE_ATTESTATION_HOURS)
    return {"asked_at": now, "look_at": now, "settles_at": ended + SETTLES, "until": max(ended + hours, now)}


def deed_of(attempt: Attempt) -> Deed:
    """Give what is known of one attempt's write by our clock; it has a send that landed or may have."""
    sends = list(attempt.sends.exclude(outcome__in=_CHANGED_NOTHING).order_by("number")) or list(attempt.sends.all())
    answered = [one for one in sends if one.outcome == SendOutcome.APPLIED and one.ended_at is not None]
    if len(answered) == len(sends):
        ended = max(one.ended_at for one in answered if one.ended_at is not None)
    else:
        ended = attempt.closed_at or timezone.now()
    looked, last = attempt.opened_at, sends[-1]
    if attempt.race_window_ms is not None and last.ended_at is not None:
        looked = last.ended_at - timedelta(milliseconds=attempt.race_window_ms)
    base = attempt.rollback.base if attempt.step.kind == Step.Kind.WRITE else None
    return Deed(
        looked=looked,
        begun=sends[0].begun_at,
        ended=max(ended, sends[-1].begun_at),
        clients=frozenset(one.client_id for one in sends if one.client_id),
        certain=attempt.verdict in _LANDED,
        base_at=None if base is None else base.written_at,
        base_seen=None if base is None else base.captured_at,
    )


def spans_beside(attempt: Attempt) -> list[Span]:
    """Give what else our client did to the same object, under whichever address and tenant it is tracked."""
    tenant, step = attempt.rollback.tenant, attempt.step
    same = Q(pk=tenant.pk)
    if tenant.organization_id:
        same |= Q(organization_id=tenant.organization_id)
    tenants = Tenant.objects.filter(same)
    try:
        names = catalogue.names_of_one_object(step.resource_type)
    except catalogue.UnknownType:
        names = (step.resource_type,)
    others = Attempt.objects.filter(
        rollback__tenant__in=tenants, step__resource_type__in=names, step__object_id=step.object_id, sends__isnull=False
    ).exclude(pk=attempt.pk)
    spans = []
    near = LONGEST_PAUSE
    for other in others.filter(
        opened_at__lte=(attempt.closed_at or timezone.now()) + near, opened_at__gte=attempt.opened_at - near
    ).distinct():
        if other.sends.exclude(outcome__in=_CHANGED_NOTHING).exists():
            deed = deed_of(other)
            spans.append(Span(deed.begun, deed.ended, deed.certain))
    probes = GuardProbe.objects.filter(
        config__tenant__in=tenants, config__resource_type__in=names, config__object_id=step.object_id
    ).exclude(result=GuardProbe.Result.ENFORCED)
    spans += [Span(one.begun_at, one.ended_at or timezone.now(), one.wrote) for one in probes]
    return spans


def sweep() -> int:
    """Begin what ended and was not asked about, and look at what is due, the longest overdue first; give the looks."""
    begin()
    return look_at_due()


def look_at_due(
    tenant_id: UUID | None = None, *, everything: bool = False, progress: Callable[[int, int], None] | None = None
) -> int:
    """Look once at what is due, with `everything` also at what is due later; one that fails is in the log."""
    ends = time.monotonic() + SWEEP_SECONDS
    due = Inquiry.objects.filter(ended_at__isnull=True).order_by("look_at")
    if tenant_id is not None:
        due = due.filter(rollback__tenant=tenant_id)
    if not everything:
        due = due.filter(look_at__lte=timezone.now())
    keys = list(due.values_list("pk", flat=True)[: None if everything else AT_ONCE])
    looks = 0
    for number, pk in enumerate(keys):
        if not everything and time.monotonic() > ends:
            break
        if progress is not None:
            progress(number, len(keys))
        try:
            looks += look(pk, everything=everything) is not None
        except Exception:
            # One must not keep the sweep from the others; its lease ends and it is tried again.
            log.exception("inquiry.not_looked_at", inquiry=pk)
    return looks


def look(inquiry_id: int, *, platform: "Platform | None" = None, everything: bool = False) -> Inquiry | None:
    """Ask once, if it is due, and record what came of it; None where somebody else asks, or it ended."""
    inquiry = _claimed(inquiry_id, everything=everything)
    if inquiry is None:
        return None
    tenant = inquiry.rollback.tenant
    over = timezone.now() >= inquiry.until
    entity_id = audit_records.entity_id_of(inquiry.object_id)
    if entity_id == SINGLETON_ID:
        why = "The platform's documents do not say under which id its records name an object that is the only one."
        _not_seen(inquiry, why, final=True)
        return _fresh(inquiry)
    try:
        purpose = Purpose.PERSON if everything else Purpose.SWEEP
        platform = platform or connections.connect(tenant, purpose=purpose)
        # A client id that was pasted into the wrong tenant would show somebody else's records.
        connections.check_identity(tenant, platform)
        asked = _ask(platform, inquiry, entity_id)
    except _FOR_GOOD as error:
        missing = PERMISSION if isinstance(error, PermissionMissing) else ""
        # A permission may be given while there is time; what is refused for its shape never gets better.
        _not_seen(inquiry, _why_not(error), final=over or not missing, missing=missing)
    except (RemoteError, CannotUnseal, audit_records.UnreadableAnswer) as error:
        if over:
            _not_seen(inquiry, str(error), final=True)
        else:
            _postpone(inquiry, failures=inquiry.failures + 1, problem=str(error), query="")
    else:
        if asked.running and not over:
            _postpone(inquiry, query=asked.running, problem="The platform's audit query is still running.")
        else:
            finding = _judged(inquiry, asked, entity_id, over=over)
            _record(inquiry, finding, final=_is_final(inquiry, finding, over=over), answered=True)
    return _fresh(inquiry)


def _not_seen(inquiry: Inquiry, problem: str, *, final: bool, missing: str = "") -> None:
    """Record that the platform does not tell; what it told before stands."""
    told_before = inquiry.state not in {Standing.LOOKING, Standing.UNREADABLE}
    finding = None if told_before else Finding(standing=Standing.UNREADABLE)
    failures = inquiry.failures + 1
    _record(inquiry, finding, final=final, problem=problem, missing_permission=missing, failures=failures)


def _ask(platform: "Platform", inquiry: Inquiry, entity_id: str) -> platform_audits.Asked:
    since, until = inquiry.began_at - MARGIN, inquiry.ended_by + MARGIN
    asked = platform_audits.ask(platform, entity_id, since=since, until=until, running=inquiry.query)
    clock = asked.clock
    if clock is not None and max(abs(clock.low), abs(clock.high)) > MARGIN - attesting.UNKNOWN_CLOCK:
        # Its clock is so far from ours that the time in question is another one there.
        return platform_audits.ask(platform, entity_id, since=since + clock.low, until=until + clock.high)
    return asked


def _judged(inquiry: Inquiry, asked: platform_audits.Asked, entity_id: str, *, over: bool) -> Finding:
    offset = Offset() if asked.clock is None else Offset(low=asked.clock.low, high=asked.clock.high)
    # A service that knows no such filter answers with everybody's records.
    records = [one for one in asked.records if one.entity_id == entity_id]
    complete = asked.complete and not asked.running
    if inquiry.attempt is None:
        return attesting.name_writers(
            records, since=inquiry.began_at, until=inquiry.ended_by, offset=offset, over=over, complete=complete
        )
    deed, others = deed_of(inquiry.attempt), spans_beside(inquiry.attempt)
    return attesting.judge(deed, records, offset=offset, others=others, over=over, complete=complete)


def _is_final(inquiry: Inquiry, finding: Finding, *, over: bool) -> bool:
    """Say whether no record that may still come can change what was found, as far as the console waits for any."""
    if over:
        return True
    if finding.standing is Standing.FOREIGN:
        return finding.ours is not None
    return finding.standing in _SETTLED and timezone.now() >= inquiry.settles_at


def _claimed(inquiry_id: int, *, everything: bool) -> Inquiry | None:
    now = timezone.now()
    inquiry = (
        Inquiry.objects.filter(pk=inquiry_id, ended_at__isnull=True)
        .select_related("rollback__tenant", "rollback__config", "rollback__base", "attempt__step", "attempt__rollback")
        .first()
    )
    if inquiry is None or (inquiry.look_at > now and not everything):
        return None
    until = now + LEASE
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    if Inquiry.objects.filter(free, pk=inquiry.pk, ended_at__isnull=True).update(leased_until=until) == 0:
        return None
    inquiry.leased_until = until
    return inquiry


def _still(inquiry: Inquiry) -> QuerySet[Inquiry]:
    return Inquiry.objects.filter(pk=inquiry.pk, ended_at__isnull=True, leased_until=inquiry.leased_until)


def _pause(inquiry: Inquiry) -> timedelta:
    made = min(inquiry.looks + inquiry.failures, 40)
    pause: timedelta = min(FIRST_PAUSE * _GROWTH**made, LONGEST_PAUSE)
    return pause


def _next_look(inquiry: Inquiry) -> datetime:
    """Give when to ask again: after a pause that grows, and at the ends of the two times at which something is final.

    An end that is past leaves nothing to wait for.
    """
    now = timezone.now()
    ends = [end for end in (inquiry.settles_at, inquiry.until) if end > now]
    return min([now + _pause(inquiry), *ends]) if inquiry.until > now else now


def _postpone(inquiry: Inquiry, **fields: Any) -> None:
    _still(inquiry).update(look_at=_next_look(inquiry), leased_until=None, **fields)


def _record(inquiry: Inquiry, finding: Finding | None, *, final: bool, answered: bool = False, **fields: Any) -> None:
    """Keep what was found; where it is final, end the inquiry with its entry, unless the claim was lost meanwhile."""
    now = timezone.now()
    if finding is not None:
        others = finding.foreign or finding.several
        fields |= {
            "state": finding.standing,
            "ours": None if finding.ours is None else finding.ours.to_json(),
            "records": [one.to_json() for one in others[-MOST_KEPT:]],
        }
    if answered:
        fields |= {
            "looked_at": now,
            "looks": inquiry.looks + 1,
            "failures": 0,
            "problem": "",
            "missing_permission": "",
            "query": "",
        }
    if not final:
        _postpone(inquiry, **fields)
        return
    with transaction.atomic():
        if _still(inquiry).update(ended_at=now, leased_until=None, **fields) == 0:
            return
        ended = _fresh(inquiry)
        about = "attestation" if ended.attempt_id is not None else "conflict"
        audit.append(
            f"{about}.{ended.state}",
            tenant=ended.rollback.tenant,
            actor=audit.CONSOLE,
            outcome=_OUTCOMES.get(Standing(ended.state), "unknown"),
            config=ended.rollback.config,
            rollback=ended.rollback,
            attempt=ended.attempt,
            details=facts_of(ended),
        )


def facts_of(inquiry: Inquiry) -> dict[str, object]:
    """Give what an entry and a JSON document say of an inquiry."""
    return {
        "kind": inquiry.kind,
        "state": inquiry.state,
        "final": inquiry.ended_at is not None,
        "about": f"{inquiry.resource_type}:{inquiry.object_id}",
        "looked_for_since": audit.timestamp(inquiry.asked_at),
        "until": audit.timestamp(inquiry.until),
        "looks": inquiry.looks,
        "looked_at": None if inquiry.looked_at is None else audit.timestamp(inquiry.looked_at),
        "ours": inquiry.ours,
        "records": inquiry.records,
        "missing_permission": inquiry.missing_permission or None,
        "problem": inquiry.problem,
    }


def of_rollbacks(rollbacks: Iterable[Rollback]) -> QuerySet[Inquiry]:
    """Give what was asked about some rollbacks, writes in the order of their steps, then the conflict."""
    found = Inquiry.objects.filter(rollback__in=list(rollbacks)).select_related("attempt__step", "rollback__tenant")
    return found.order_by("kind", "attempt__step__number", "pk")


def _why_not(error: RemoteError) -> str:
    if isinstance(error, PermissionMissing):
        return (
            f"The OAuth client may not read the platform's audit: it needs {PERMISSION}. Add it to a role of the "
            "client; rollbacks do not need it."
        )
    return error.sentence


def _fresh(inquiry: Inquiry) -> Inquiry:
    related = Inquiry.objects.select_related("rollback__tenant", "rollback__config", "attempt__step")
    return related.get(pk=inquiry.pk)
