"""The steps of one rollback, planned on what was just read: a plain write, or the procedure of the type."""

from rollbacks import plans, procedures, surroundings
from rollbacks.procedures import Plan, Situation
from tenants import archive, object_paths
from tenants.models import TrackedConfig
from tenants.remote import Platform, RemoteError, RemoteUnknown
from tenants.resource_types import ResourceType, catalogue


def plan_steps(config: TrackedConfig, situation: Situation, *, platform: Platform) -> Plan:
    """Give the steps that take an object back, or why there can be none.

    Reads what the steps act on besides the object itself. Raises InvalidDocument when either side is no JSON object;
    what the platform does not let be read is a problem of the plan, with its sentence.
    """
    rtype = situation.rtype
    if rtype.procedure is None:
        return Plan(steps=(_plain_write(situation),))
    if rtype.why_read_only:
        return Plan()
    try:
        around = surroundings.read(
            config, platform, live_version=situation.base.version, live_digest=situation.base.digest
        )
    except RemoteError as error:
        return Plan(problems=(error.sentence,), for_now=isinstance(error, RemoteUnknown))
    except (archive.UnusableContent, object_paths.InvalidObjectId) as error:
        return Plan(problems=(str(error),))
    return procedures.plan(situation.among(around))


def _plain_write(situation: Situation) -> plans.PlannedStep:
    rtype, base = situation.rtype, situation.base
    return situation.step(
        plans.StepKind.WRITE,
        f"Write the {rtype.title}",
        method=rtype.update_method,
        path=situation.path(rtype.object_path),
        body=plans.build_body(rtype, target=situation.target, live=situation.live, base_version=base.version),
        guard_level=situation.level,
        base=base,
        target_digest=situation.target_digest,
    )


def types_written(rtype: ResourceType, steps: tuple[plans.PlannedStep, ...]) -> list[ResourceType]:
    """Give the types of every object that the steps write, the rollback's own first."""
    names = dict.fromkeys([rtype.name, *(step.resource_type for step in steps)])
    return [catalogue.get(name) for name in names]
