"""One remote object may be tracked under several addresses: an alias of its type, or two tenants of one organization.

Whatever must happen once at a time on an object is asked and locked here for all of its addresses together.
"""

from collections.abc import Iterable, Sequence

from django.db.models import Q, QuerySet

from rollbacks import guards
from rollbacks.models import Attempt, GuardProbe, Rollback, Step
from rollbacks.plans import PlannedStep
from tenants.models import Tenant, TrackedConfig
from tenants.resource_types import catalogue


def tenants_of_one_organization(tenant: Tenant, name: str) -> Q:
    """Give the filter, of a relation of this name, for a tenant and every other that is the same organization."""
    tenants = Q(**{name: tenant.pk})
    if tenant.organization_id:
        tenants |= Q(**{f"{name}__organization_id": tenant.organization_id})
    return tenants


def open_attempt_sentence(config: TrackedConfig) -> str | None:
    """Say which attempt on the remote object is open, under whichever address it is tracked, or None.

    A rollback of another object whose steps write this one counts as well, whichever step it stands at.
    """
    of_it = Q(config__in=every_address(config)) | Q(rollback__steps__in=_steps_on(config))
    opened = Attempt.objects.filter(of_it, state=Attempt.State.OPEN)
    other = opened.select_related("rollback__target", "config").first()
    if other is None:
        return _open_probe_sentence(config)
    alias = "" if other.config_id == config.pk else f" as {other.config.address}"
    if other.config.resource_type not in catalogue.names_of_one_object(config.resource_type):
        return (
            f"A rollback of {other.config.address}, which writes this object too, is under way since "
            f"{other.opened_at:%d %b %H:%M} UTC."
        )
    return (
        f"A rollback of this object{alias} to version {other.rollback.target.version} is under way since "
        f"{other.opened_at:%d %b %H:%M} UTC."
    )


def _open_probe_sentence(config: TrackedConfig) -> str | None:
    """Say which probe of a guard is under way on the remote object: its request may still land."""
    probe = GuardProbe.objects.filter(config__in=every_address(config), ended_at__isnull=True).first()
    if probe is None:
        return None
    return (
        f"A probe of this object's guard, asked for by {probe.prober}, is under way since {probe.begun_at:%d %b %H:%M} "
        "UTC."
    )


def open_attempt_on_any(config: TrackedConfig, steps: Iterable[PlannedStep]) -> str | None:
    """Say which attempt is open on the object or on any other one that the steps write, or None."""
    return next(filter(None, map(open_attempt_sentence, [config, *_written(config, steps)])), None)


def _written(config: TrackedConfig, steps: Iterable[PlannedStep]) -> list[TrackedConfig]:
    """Give the other objects that the steps write, as configs that need not be tracked."""
    own = (config.resource_type, config.object_id)
    others = dict.fromkeys((step.resource_type, step.object_id) for step in steps)
    return [
        TrackedConfig(tenant=config.tenant, resource_type=name, object_id=key)
        for name, key in others
        if own != (name, key)
    ]


def _steps_on(config: TrackedConfig) -> QuerySet[Step]:
    names = catalogue.names_of_one_object(config.resource_type)
    return Step.objects.filter(
        tenants_of_one_organization(config.tenant, "rollback__tenant"),
        resource_type__in=names,
        object_id=config.object_id,
    )


def every_address(config: TrackedConfig) -> QuerySet[TrackedConfig]:
    """Give every config that is this remote object: itself, its alias, and those of a tenant of the same organization.

    Two attempts on one object bear one author, our client, and each would take the other's write for its own.
    """
    names = catalogue.names_of_one_object(config.resource_type)
    tenants = tenants_of_one_organization(config.tenant, "tenant")
    return TrackedConfig.objects.filter(tenants, resource_type__in=names, object_id=config.object_id)


def lock_every_address(config: TrackedConfig, steps: Iterable[PlannedStep] = ()) -> list[TrackedConfig]:
    """Lock the rows of all that are this remote object or one that the steps write, always in the same order.

    Gives those that are this object.
    """
    every = every_address(config)
    for other in _written(config, steps):
        every |= every_address(other)
    locked = every.order_by("pk").select_for_update(of=("self",), no_key=True)
    names = catalogue.names_of_one_object(config.resource_type)
    return [row for row in locked if row.resource_type in names and row.object_id == config.object_id]


def check_no_newer_live(rollback: Rollback, same: Sequence[TrackedConfig]) -> guards.Check:
    """Refuse when a newer state than the base has been seen since the survey, whatever a stale read shows."""
    for config in same:
        live = config.live
        if live is None:
            continue
        if rollback.base_version is not None:
            moved = live.version > rollback.base_version
        else:
            moved = config.pk == rollback.config_id and live.digest != rollback.base_digest
        if moved:
            who = live.author_name or live.author_id or "somebody whom the platform does not name"
            return guards.check_live_unchanged(
                seen=rollback.base_digest, now="", moved=f"version {live.version} was seen meanwhile, written by {who}."
            )
    return guards.check_live_unchanged(seen="", now="", moved="")
