"""Make checkpoints of the trails and bring them to the sinks outside the database.

The key is not in the database, so whoever owns the database can rewrite entries but not what was already said of them
elsewhere. The console itself signs only what follows from what it signed before: the new entries are walked link by
link from the last checkpoint, whose own signature and tree are checked first.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from rollbacks import audit, chain, checkpoints, merkle, sinks
from rollbacks.models import AuditEntry, Checkpoint, SinkState
from tenants.models import Tenant

log = structlog.get_logger(__name__)

AT_ONCE: Final = 50_000
"""The most entries that one checkpoint adds, so that each is made in bounded time; the rest has one of its own."""
LINES_AT_ONCE: Final = 200
COVERED_WITHIN: Final = timedelta(minutes=5)
"""So old may an entry be that no checkpoint covers, before somebody is told; the schedule takes seconds."""
LEASE: Final = timedelta(minutes=2)
LONGEST_PAUSE: Final = timedelta(minutes=5)
"""Between two tries of a sink that is down; the first pause is a second, and each doubles."""


class NotSigned(Exception):
    """The console did not sign a trail that does not follow from what it signed before; the message says where."""


def public_keys() -> dict[str, bytes]:
    """Give the public keys that are believed, by their ids: that of the signing key, and those of the settings."""
    keys = list(settings.CONSOLE_CHECKPOINT_PUBLIC_KEYS)
    if settings.CONSOLE_CHECKPOINT_KEY is not None:
        keys.append(checkpoints.public_key_of(settings.CONSOLE_CHECKPOINT_KEY))
    return {checkpoints.key_id_of(key): key for key in keys}


def make(tenant: Tenant) -> Checkpoint | None:
    """Sign the tenant's trail as it is now and give the checkpoint; None where there is nothing new, or no key.

    Raises NotSigned, with nothing kept, where the trail does not follow from the checkpoint before.
    """
    if settings.CONSOLE_CHECKPOINT_KEY is None:
        return None
    last = Checkpoint.objects.filter(tenant=tenant).order_by("-number").first()
    peaks, before = _where_it_ended(last)
    follower = _Follower(peaks.size, before.statement.head if before else chain.GENESIS, tenant)
    entries = AuditEntry.objects.filter(tenant=tenant, seq__gt=peaks.size).order_by("seq")[:AT_ONCE]
    peaks.extend(follower.hashes(entries))
    if follower.seq == (before.statement.size if before else 0):
        return None
    at = timezone.now()
    signed = checkpoints.sign(
        checkpoints.Statement(
            tenant_id=str(tenant.pk),
            tenant=tenant.slug,
            number=before.statement.number + 1 if before else 1,
            size=peaks.size,
            root=peaks.root(),
            head=follower.hash,
            at=audit.timestamp(at),
            previous=before.digest if before else None,
        ),
        settings.CONSOLE_CHECKPOINT_KEY,
    )
    try:
        with transaction.atomic():
            return Checkpoint.objects.create(
                tenant=tenant,
                number=signed.statement.number,
                size=peaks.size,
                peaks=peaks.to_bytes(),
                line=signed.line,
                at=at,
            )
    except IntegrityError:
        # Somebody else has made this one at the same moment.
        return None


def _where_it_ended(last: Checkpoint | None) -> tuple[merkle.Peaks, checkpoints.Checkpoint | None]:
    if last is None:
        return merkle.Peaks(), None
    what = f"Checkpoint {last.number} of {last.tenant.slug}"
    try:
        told = checkpoints.read(bytes(last.line))
        peaks = merkle.Peaks(last.size, bytes(last.peaks))
    except ValueError as error:
        raise NotSigned(f"{what} cannot be read any more. Nothing further was signed.") from error
    if not checkpoints.is_signed(told, public_keys()):
        raise NotSigned(
            f"{what} bears no signature of a key that is believed. Nothing further was signed; after a change of keys, "
            "CONSOLE_CHECKPOINT_PUBLIC_KEYS has to hold the one before."
        )
    mine = (told.statement.tenant_id, told.statement.number, told.statement.size) == (
        str(last.tenant_id),
        last.number,
        last.size,
    )
    if not mine or told.statement.root != peaks.root():
        raise NotSigned(f"{what} was altered in the database. Nothing further was signed.")
    return peaks, told


class _Follower:
    """Walks entries that have to follow from a known one."""

    def __init__(self, seq: int, head: bytes, tenant: Tenant) -> None:
        self.seq, self.hash, self._tenant = seq, head, tenant

    def hashes(self, entries: "models.QuerySet[AuditEntry]") -> Iterator[bytes]:
        rows = entries.values_list("seq", "payload", "previous_hash", "hash")
        for seq, payload, previous, own in rows.iterator(chunk_size=2000):
            linked = chain.Linked(seq, bytes(payload), bytes(previous), bytes(own))
            broken = chain.why_not_next(linked, seq=self.seq, previous=self.hash)
            if broken is not None:
                raise NotSigned(f"{self._tenant.slug}: {broken.message} Nothing further was signed.")
            self.seq, self.hash = seq, linked.hash
            yield linked.hash


def make_due() -> list[Checkpoint]:
    """Make a checkpoint of every trail that has entries which none covers yet, and give them.

    A trail that is not signed is in the log, and leaves the others alone.
    """
    made = []
    for tenant in uncovered():
        try:
            checkpoint = make(tenant)
        except NotSigned as refused:
            log.error("trail.not_signed", tenant=tenant.slug, why=str(refused))  # noqa: TRY400 - a finding, no crash
            continue
        if checkpoint is not None:
            made.append(checkpoint)
    return made


def uncovered() -> "models.QuerySet[Tenant]":
    """Give the tenants whose newest entry is covered by no checkpoint, with `covered`: how many entries are."""
    size = Checkpoint.objects.filter(tenant=OuterRef("pk")).order_by("-number").values("size")[:1]
    return (
        Tenant.objects.filter(audit_head__isnull=False)
        .annotate(covered=Coalesce(Subquery(size), 0, output_field=models.BigIntegerField()))
        .filter(audit_head__seq__gt=F("covered"))
        .order_by("slug")
    )


def deliver_due() -> int:
    """Give every sink what it lacks, as far as it takes it, and give the number of lines that were taken.

    A sink that does not take what one tenant has gets the rest in the next round: one that is down must not hold this
    worker for each of the tenants.
    """
    now = timezone.now()
    taken = 0
    for sink in sinks.configured():
        SinkState.objects.bulk_create(
            [
                SinkState(sink=sink.name, tenant_id=tenant, next_try_at=now)
                for tenant in Checkpoint.objects.filter(number=1).values_list("tenant_id", flat=True)
            ],
            ignore_conflicts=True,
        )
        due = lagging().filter(sink=sink.name, next_try_at__lte=now).order_by("next_try_at", "pk")
        for state in due.select_related("tenant"):
            delivered = _deliver(sink, state)
            if delivered is None:
                break
            taken += delivered
    return taken


def lagging() -> "models.QuerySet[SinkState]":
    """Give the sinks that lack a checkpoint of a tenant, each with `newest`, the number of the last there is."""
    newest = Checkpoint.objects.filter(tenant=OuterRef("tenant")).order_by("-number").values("number")[:1]
    return SinkState.objects.annotate(newest=Subquery(newest)).filter(delivered__lt=F("newest"))


def _deliver(sink: sinks.Sink, state: SinkState) -> int | None:
    """Give one sink what it lacks of one tenant, unless somebody else does so now; None where it did not take it."""
    until = timezone.now() + LEASE
    if not SinkState.objects.filter(pk=state.pk, next_try_at=state.next_try_at).update(next_try_at=until):
        return 0
    lacking = Checkpoint.objects.filter(tenant=state.tenant_id, number__gt=state.delivered).order_by("number")
    lines = [(number, bytes(line)) for number, line in lacking.values_list("number", "line")[:LINES_AT_ONCE]]
    told: Mapping[str, object]
    try:
        taken = sink.take(state.tenant, [line for _, line in lines])
    except (sinks.SinkDown, checkpoints.UnreadableCheckpoint) as down:
        log.warning("sink.down", sink=sink.name, tenant=state.tenant.slug, why=str(down))
        pause = min(LONGEST_PAUSE, timedelta(seconds=2 ** min(state.failures, 12)))
        told = {
            "failures": F("failures") + 1,
            "failing_since": Coalesce(F("failing_since"), timezone.now()),
            "problem": str(down),
            "next_try_at": timezone.now() + pause,
        }
        SinkState.objects.filter(pk=state.pk).update(**told)
        return None
    now = timezone.now()
    SinkState.objects.filter(pk=state.pk).update(
        delivered=lines[taken - 1][0], delivered_at=now, failures=0, failing_since=None, problem="", next_try_at=now
    )
    return taken


def failing() -> "models.QuerySet[SinkState]":
    """Give the sinks of the settings that did not take what they were given, the longest failing first."""
    names = [sink.name for sink in sinks.configured()]
    failed = Q(failing_since__isnull=False, sink__in=names)
    return SinkState.objects.filter(failed).select_related("tenant").order_by("failing_since")


def overdue() -> "models.QuerySet[Tenant]":
    """Give the tenants with an entry that is older than `COVERED_WITHIN` and that no checkpoint covers."""
    first = AuditEntry.objects.filter(tenant=OuterRef("pk"), seq=OuterRef("covered") + 1)
    late = first.filter(at__lt=timezone.now() - COVERED_WITHIN)
    return uncovered().filter(Exists(late))


def worries(tenants: "models.QuerySet[Tenant]") -> list[str]:
    """Say, in sentences for people, of which of these tenants the trail is not proven outside the database, and why."""
    if settings.CONSOLE_CHECKPOINT_KEY is None:
        return []
    minutes = int(COVERED_WITHIN.total_seconds() // 60)
    said = []
    for tenant in overdue().filter(pk__in=tenants.values("pk")):
        reason = "no worker signs, see doctor"
        try:
            _where_it_ended(Checkpoint.objects.filter(tenant=tenant).order_by("-number").first())
        except NotSigned as refused:
            reason = str(refused)
        said.append(
            f"Entries of {tenant.name} that are older than {minutes} minutes are in no signed checkpoint: {reason}"
        )
    said += [
        f"The {state.sink} has taken no checkpoints of {state.tenant.name} since "
        f"{state.failing_since:%d %B %H:%M} UTC: {state.problem} They are kept and given again."
        for state in failing().filter(tenant__in=tenants.values("pk"))
    ]
    return said
