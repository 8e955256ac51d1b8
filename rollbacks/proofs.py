"""What probes have shown of a type's guard in a tenant, and the guard level that follows.

The latest probe that showed something counts: one that failed makes the type level C in that tenant, a later one that
found the guard enforced lifts it again. A probe of another guard than the one that the type declares now says nothing.
"""

from dataclasses import dataclass

from django.db.models import Q

from rollbacks import guards, plans
from rollbacks.models import GuardProbe, Rollback, Step
from rollbacks.probes import Part, Result, why_never
from tenants.models import Tenant
from tenants.resource_types import Guard, ResourceType, catalogue


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one type's guard in one tenant."""

    rtype: ResourceType
    probe: GuardProbe | None
    """The latest that showed something; None where there is none."""
    unclear: GuardProbe | None
    """A later one that showed nothing."""

    @property
    def failed(self) -> bool:
        """Whether the platform was shown not to check the guard."""
        return self.probe is not None and self.probe.result == GuardProbe.Result.NOT_ENFORCED

    @property
    def proven(self) -> bool:
        """Whether the platform was shown to check it."""
        return self.probe is not None and self.probe.result == GuardProbe.Result.ENFORCED

    @property
    def sentence(self) -> str:
        """Say it for people, wherever the guard level is shown."""
        if why_never(self.rtype):
            return ""
        if self.probe is None:
            said = "The guard was never probed in this tenant."
        elif self.failed:
            said = (
                f"A probe on {_day(self.probe)} showed that the platform does not check the "
                f"{_not_checked(self.probe)} of this type in this tenant, so it is level C here until a later probe "
                "finds it checked."
            )
        else:
            said = f"The guard was proven on {_day(self.probe)}: the platform refused a stale {_words(self.rtype)}."
        return f"{said} A later probe on {_day(self.unclear)} was unclear." if self.unclear is not None else said

    @property
    def usual_level(self) -> str:
        """The level of the type here, where its ETag can be used."""
        return Guard.COMPARE.level if self.failed else self.rtype.guard_level

    def level(self, etag: bytes | None) -> str:
        """Give the level at which a write of the type can really be guarded here, with the ETag at hand."""
        return Guard.COMPARE.level if self.failed else plans.guard_level(self.rtype, etag)


def proof_of(tenant: Tenant, rtype: ResourceType) -> Proof:
    """Give what the probes of a type in a tenant have shown; one query."""
    ended = GuardProbe.objects.filter(
        tenant=tenant, resource_type=rtype.name, guard=rtype.guard.value, ended_at__isnull=False
    ).order_by("-ended_at", "-begun_at")
    telling = ended.exclude(result=GuardProbe.Result.UNCLEAR).first()
    unclear = ended.filter(result=GuardProbe.Result.UNCLEAR)
    if telling is not None:
        unclear = unclear.filter(Q(ended_at__gt=telling.ended_at))
    return Proof(rtype, telling, unclear.first())


def check_level(rollback: Rollback) -> guards.Check:
    """Refuse a plan of which a step was made at a level that a probe has shown since not to be that of its type."""
    for step in rollback.steps.defer("body"):
        now = level_of_step(step, rollback.tenant)
        if now != step.guard_level:
            proof = proof_of(rollback.tenant, catalogue.get(step.resource_type))
            return guards.check_guard_level(planned=step.guard_level, now=now, why=proof.sentence)
    return guards.check_guard_level(planned=rollback.guard_level, now=rollback.guard_level, why="")


def level_of_step(step: Step, tenant: Tenant) -> str:
    """Give the level at which a step is guarded now: what it was planned at, or C where a probe has failed since."""
    failed = proof_of(tenant, catalogue.get(step.resource_type)).failed
    return Guard.COMPARE.level if failed else step.guard_level


def _day(probe: GuardProbe) -> str:
    moment = probe.ended_at or probe.begun_at
    return f"{moment:%d %b %Y at %H:%M} UTC"


def _not_checked(probe: GuardProbe) -> str:
    """Name the precondition under which the platform accepted what it had to refuse."""
    failed = [sent["part"] for sent in probe.requests if sent.get("result") == Result.NOT_ENFORCED]
    return "version" if failed == [Part.VERSION] else "ETag" if Part.ETAG in failed else "guard"


def _words(rtype: ResourceType) -> str:
    return "ETag" if rtype.guard is Guard.ETAG else "version"
