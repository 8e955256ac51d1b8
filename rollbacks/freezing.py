"""Which freeze windows a rollback falls under, how they stand, and whether somebody has overridden them for it.

The decision is `windows`'; here rows become windows and answers become sentences. A rollback that writes several
objects falls under the windows of each. A row that cannot be read freezes: in doubt nothing is sent.

Two tenants of the console that are one organization of the platform write into one contact centre, so the windows of
either hold for both. Why a window of the other is there is told to nobody who may not look at that tenant.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone

from rollbacks import audit, guards, one_object, windows
from rollbacks.models import FreezeOverride, FreezeWindow, Rollback
from rollbacks.plans import PlannedStep
from tenants.models import Tenant, TrackedConfig
from tenants.resource_types import catalogue

_SOON: Final = timedelta(days=6)
"""For so long a weekday says which day it is."""
Written = tuple[str, str]
"""The type and the id of an object that a rollback writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """How the windows of a rollback stand at a moment."""

    at: datetime
    tenant: Tenant
    """Whose rollbacks that is for."""
    standing: windows.Standing
    closing: tuple[FreezeWindow, ...]
    """The rows that close it."""
    digest: str
    """Over every window that it falls under: another one as soon as one is added or ended."""
    unreadable: str = ""
    """Why a row cannot be read; nothing is open then."""

    @property
    def zone(self) -> ZoneInfo:
        """On whose clocks it is told."""
        return self.standing.closing[0].zone if self.standing.closing else ZoneInfo("UTC")

    @property
    def until(self) -> datetime | None:
        """When it opens; None where it is open, and where nobody can tell."""
        return None if self.standing.open else self.standing.until

    def closed_sentence(self) -> str:
        """Say until when, and why, no rollback may run there; empty while it is open."""
        if self.unreadable:
            return f"{self.tenant.name} is frozen, because {self.unreadable}."
        if self.standing.open:
            return ""
        until = self.standing.until
        when = "until somebody ends it" if until is None else f"until {told(until, self.zone, now=self.at)}"
        return f"{self.tenant.name} is frozen {when}: {'; '.join(dict.fromkeys(self._why()))}."

    @property
    def is_of_another(self) -> bool:
        """Say whether a window of another tenant closes it, which nobody overrides from here."""
        return any(row.tenant_id != self.tenant.pk for row in self.closing)

    def _why(self) -> list[str]:
        told_of = []
        for row in self.closing:
            if row.tenant_id != self.tenant.pk:
                told_of.append("a freeze window of another tenant here that is the same organization")
                continue
            scope = "" if row.config_id is None and not row.resource_type else f" for {row.scope}"
            allows = row.effect == FreezeWindow.Effect.ALLOW
            allowed = f", which allows rollbacks only {row.pattern} ({row.zone})" if allows else ""
            told_of.append(f"{row.reason.rstrip('.')}, set{scope} by {row.setter}{allowed}")
        return told_of

    def ahead_sentence(self, zone: ZoneInfo) -> str:
        """Say when the next freeze begins, while it is open."""
        if not self.standing.open or self.standing.until is None:
            return ""
        return f"No freeze window is on; the next begins {told(self.standing.until, zone, now=self.at)}."


def told(at: datetime, zone: ZoneInfo, *, now: datetime) -> str:
    """Tell a moment to come on the clocks of a zone, and in how long that is."""
    local = at.astimezone(zone)
    day = f"{local:%A}" if at - now < _SOON else f"{local:%A %-d %b %Y}"
    # Where clocks are set back, a time alone may be either of two.
    offset = f" ({local:%z})" if local.utcoffset() != (local + timedelta(hours=1)).replace(fold=1).utcoffset() else ""
    return f"{day} {local:%H:%M} {zone.key}{offset} ({in_how_long(at - now)})"


def in_how_long(span: timedelta) -> str:
    """Say how far ahead something is, in one unit."""
    seconds = span.total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(seconds // size)
        if count >= (1 if unit == "minute" else 2) or (count and unit == "hour" and seconds < 5_400):
            return f"in {count} {unit}{'' if count == 1 else 's'}"
    return "in less than a minute" if seconds > 0 else "now"


def in_force(tenant: Tenant) -> list[FreezeWindow]:
    """Give every window of a tenant that nobody has ended."""
    found = FreezeWindow.objects.filter(tenant=tenant, ended_at__isnull=True)
    return list(found.select_related("tenant", "config__tenant").order_by("set_at", "pk"))


def bearing_on(tenant: Tenant) -> list[FreezeWindow]:
    """Give every window that holds for a tenant's rollbacks: its own, and those of others that are its organization."""
    found = FreezeWindow.objects.filter(one_object.tenants_of_one_organization(tenant, "tenant"), ended_at__isnull=True)
    return list(found.select_related("tenant", "config__tenant").order_by("set_at", "pk"))


def freeze_at(tenant: Tenant, written: Iterable[Written], at: datetime) -> Freeze:
    """Give how the windows stand at a moment for a rollback that writes these objects."""
    rows = bearing_on(tenant)
    objects = [[row for row in rows if falls_under(row, one)] for one in dict.fromkeys(written)]
    every = {str(row.pk): row for group in objects for row in group}
    digest = digest_of(every.values())
    try:
        read = {key: as_window(row) for key, row in every.items()}
    except windows.NotAWindow as error:
        closed = windows.Standing(open=False, until=None)
        problem = f"a freeze window cannot be read: {error}".rstrip(".")
        return Freeze(at=at, tenant=tenant, standing=closed, closing=(), digest=digest, unreadable=problem)
    standing = windows.standing([[read[str(row.pk)] for row in group] for group in objects], at)
    closing = tuple(every[window.key] for window in standing.closing)
    return Freeze(at=at, tenant=tenant, standing=standing, closing=closing, digest=digest)


def as_window(row: FreezeWindow) -> windows.Window:
    """Give a row as the pure decision takes it; raises NotAWindow for one that somebody has altered."""
    return windows.Window(
        key=str(row.pk),
        effect=windows.Effect(row.effect),
        pattern=windows.read(row.pattern),
        zone=windows.read_zone(row.zone),
    )


def falls_under(row: FreezeWindow, written: Written) -> bool:
    """Say whether an object falls under a window, under whichever name its type has there."""
    name, object_id = written
    if row.config is not None:
        return row.config.object_id == object_id and row.config.resource_type in _names(name)
    return not row.resource_type or row.resource_type in _names(name)


def _names(resource_type: str) -> tuple[str, ...]:
    try:
        return catalogue.names_of_one_object(resource_type)
    except catalogue.UnknownType:
        return (resource_type,)


def digest_of(rows: Iterable[FreezeWindow]) -> str:
    """Give a digest over windows: which they are, and what each says."""
    said = sorted(
        [str(row.pk), row.effect, row.pattern, row.zone, row.resource_type, str(row.config_id or "")] for row in rows
    )
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def written_by(rollback: Rollback) -> list[Written]:
    """Give what a rollback writes: its own object, and those of its steps."""
    steps = rollback.steps.values_list("resource_type", "object_id")
    return [(rollback.config.resource_type, rollback.config.object_id), *steps]


def freeze_of(rollback: Rollback, *, at: datetime | None = None) -> Freeze:
    """Give how the windows stand for a stored rollback, now or at a moment."""
    return freeze_at(rollback.tenant, written_by(rollback), at or timezone.now())


def override_of(rollback: Rollback, freeze: Freeze) -> FreezeOverride | None:
    """Give the override that holds for exactly this plan and this freeze; a change of the windows ends every one."""
    if freeze.standing.open or freeze.unreadable or freeze.is_of_another:
        return None
    until = Q(until__isnull=True) if freeze.until is None else Q(until=freeze.until)
    found = FreezeOverride.objects.filter(
        until, rollback=rollback, plan_digest=rollback.plan_digest, freeze_digest=freeze.digest
    )
    return found.select_related("overrider").order_by("overridden_at").last()


def lets_run(rollback: Rollback, *, at: datetime) -> bool:
    """Say whether the windows let a rollback run at a moment, by themselves or because somebody overrode them."""
    freeze = freeze_of(rollback, at=at)
    return freeze.standing.open or override_of(rollback, freeze) is not None


def check(rollback: Rollback) -> guards.Check:
    """Check the windows for a stored rollback as they are now."""
    freeze = freeze_of(rollback)
    override = override_of(rollback, freeze)
    overridden = "" if override is None else f"{override.overrider.get_username()} overrode it: “{override.reason}”."
    return guards.check_freeze(freeze.closed_sentence(), ahead=ahead(rollback.tenant, freeze), overridden=overridden)


def check_locked(rollback: Rollback) -> guards.Check:
    """Check the same under the tenant's lock, so that a window that is being added is waited for and not overlooked."""
    Tenant.objects.select_for_update(no_key=True).only("pk").get(pk=rollback.tenant_id)
    return check(rollback)


def freeze_of_plan(config: TrackedConfig, steps: Iterable[PlannedStep]) -> Freeze:
    """Give how the windows stand now for a plan that nobody has asked for yet."""
    own = (config.resource_type, config.object_id)
    return freeze_at(config.tenant, [own, *((step.resource_type, step.object_id) for step in steps)], timezone.now())


def check_planned(config: TrackedConfig, steps: Iterable[PlannedStep], *, later: bool) -> guards.Check:
    """Check the windows for a plan that nobody has asked for yet."""
    freeze = freeze_of_plan(config, steps)
    return guards.check_freeze(freeze.closed_sentence(), ahead=ahead(config.tenant, freeze), later=later)


def ahead(tenant: Tenant, freeze: Freeze) -> str:
    """Say when the next freeze begins, on the clocks of the first of its windows."""
    if not freeze.standing.open or freeze.standing.until is None:
        return ""
    first = next(iter(bearing_on(tenant)), None)
    return freeze.ahead_sentence(ZoneInfo("UTC") if first is None else windows.read_zone(first.zone))


def override_facts(override: FreezeOverride) -> dict[str, object]:
    """Give what an entry and an evidence pack say of an override."""
    return {
        "by": override.overrider.get_username(),
        "at": audit.timestamp(override.overridden_at),
        "reason": override.reason,
        "freeze": override.freeze,
        "freeze_digest": override.freeze_digest,
        "until": None if override.until is None else audit.timestamp(override.until),
        "plan_digest": override.plan_digest,
    }


def window_facts(row: FreezeWindow) -> dict[str, object]:
    """Give what an entry and CONTRACT.md's `freeze list` say of a window."""
    return {
        "id": str(row.pk),
        "tenant": row.tenant.slug,
        "effect": row.effect,
        "when": row.pattern,
        "zone": row.zone,
        "type": row.resource_type or None,
        "object": None if row.config is None else row.config.address,
        "reason": row.reason,
        "set_by": row.setter,
        "set_at": audit.timestamp(row.set_at),
        "ended_at": None if row.ended_at is None else audit.timestamp(row.ended_at),
        "ended_by": row.ender or None,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One time that a window is on."""

    row: FreezeWindow
    begins: datetime
    ends: datetime
    zone: ZoneInfo

    @property
    def words(self) -> str:
        """From when to when, on the clocks of the window's zone."""
        begins, ends = self.begins.astimezone(self.zone), self.ends.astimezone(self.zone)
        clock = f"{ends:%H:%M}"
        if clock == "00:00":
            # Midnight is the end of a day rather than a time of the next one.
            ends, clock = ends.replace(tzinfo=None) - timedelta(days=1), "24:00"
        return f"{begins:%a %-d %b %H:%M} to {clock if begins.date() == ends.date() else f'{ends:%a %-d %b} {clock}'}"


def calendar(rows: Sequence[FreezeWindow], *, begins: datetime, ends: datetime) -> list[Occurrence]:
    """Give every time that these windows are on between two moments, in the order of their beginnings."""
    found = []
    for row in rows:
        try:
            window = as_window(row)
        except windows.NotAWindow:
            continue
        spans = windows.spans_between(window, begins, ends)
        found += [Occurrence(row=row, begins=start, ends=end, zone=window.zone) for start, end in spans]
    return sorted(found, key=lambda one: (one.begins, one.ends))
