"""What a rollback changes on live, from the frozen base to what its last step is to leave."""

from collections.abc import Sequence

from rollbacks import composing, plans
from rollbacks.models import Rollback, Step
from tenants import archive
from tenants.documents import Difference, Value, compare
from tenants.resource_types import ResourceType, catalogue, projection, secrets, written


def difference_of(rollback: Rollback) -> Difference:
    """Compare the frozen base with what the rollback was to leave, whatever live is by now; raises UnusableContent."""
    rtype = catalogue.get(rollback.config.resource_type)
    before, after = sides_of(rollback)
    return _compared(rtype, before, after)


def sides_of(rollback: Rollback) -> tuple[dict[str, Value], dict[str, Value]]:
    """Give the frozen base and what the rollback was to leave, as values for a page; raises UnusableContent."""
    rtype = catalogue.get(rollback.config.resource_type)
    before = written.comparable(rtype, archive.value_of(rollback.base))
    steps = list(rollback.steps.all())
    if rtype.procedure is None and len(steps) == 1:
        return secrets.hidden_pair(rtype, before, _written(rtype, before, bytes(steps[0].body)))
    return secrets.hidden_pair(rtype, before, _taken_back(rtype, before, archive.value_from(wanted_of(rollback).raw)))


def difference_planned(
    rtype: ResourceType, live: dict[str, Value], *, target: dict[str, Value], steps: Sequence[plans.PlannedStep]
) -> Difference:
    """Say what the planned steps would change in a live value."""
    if rtype.procedure is None and len(steps) == 1:
        before = written.comparable(rtype, live)
        return _compared(rtype, *secrets.hidden_pair(rtype, before, _written(rtype, before, steps[0].body.raw)))
    return _compared(rtype, *secrets.hidden_pair(rtype, live, _taken_back(rtype, live, target)))


def between_bases(earlier: Rollback, later: Rollback) -> Difference:
    """Say how live differs between the states that two plans for one object were made on; raises UnusableContent."""
    rtype = catalogue.get(later.config.resource_type)
    sides = [written.comparable(rtype, archive.value_of(one.base)) for one in (earlier, later)]
    return _compared(rtype, *secrets.hidden_pair(rtype, *sides))


def between_bodies(earlier: Step, later: Step) -> Difference:
    """Say how what two plans send differs; raises UnusableContent."""
    rtype = catalogue.get(later.resource_type)
    sides = [archive.value_from(bytes(step.body)) if step.body else {} for step in (earlier, later)]
    return compare(*secrets.hidden_pair(rtype, *sides), identity_keys=rtype.identity_keys)


def wanted_of(rollback: Rollback) -> composing.Wanted:
    """Compose again what a stored rollback was to make of its frozen base; raises UnusableContent."""
    undone = None if rollback.reverts is None else archive.bytes_of(rollback.reverts)
    try:
        return composing.wanted(
            catalogue.get(rollback.config.resource_type),
            target=archive.bytes_of(rollback.target),
            live=archive.bytes_of(rollback.base),
            wish=composing.Wish(only=tuple(rollback.only), keep=tuple(rollback.keep), undone=undone),
        )
    except composing.NotComposable as error:
        raise archive.UnusableContent(str(error)) from error


def _compared(rtype: ResourceType, before: dict[str, Value], after: dict[str, Value]) -> Difference:
    by_itself = (*rtype.volatile, *rtype.nested_volatile)
    return compare(before, after, identity_keys=rtype.identity_keys, volatile=by_itself)


def _written(rtype: ResourceType, live: dict[str, Value], body: bytes) -> dict[str, Value]:
    """Give live with its writable members as in the body, in live's order: what else there is stays as it was."""
    sent = projection.project(rtype, written.as_shown(rtype, archive.value_from(body)))
    in_body = {*rtype.writable, *(rule.shown_in for rule in rtype.written_as)}
    kept = {
        key: sent.get(key, value)
        for key, value in live.items()
        if key not in in_body or key in sent or rtype.update_method == "PATCH"
    }
    return kept | sent


def _taken_back(rtype: ResourceType, live: dict[str, Value], target: dict[str, Value]) -> dict[str, Value]:
    """Give live with everything that is its configuration as in the target."""
    back = {key: value for key, value in target.items() if key in rtype.content}
    kept = {key: back.get(key, value) for key, value in live.items() if key not in rtype.content or key in back}
    return kept | back
