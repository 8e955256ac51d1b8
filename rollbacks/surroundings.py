"""What there is around an object whose way back takes several steps: its draft, and what uses its live version.

Read from the platform for a plan, and again before the run; nothing is decided here (`procedures`).
"""

from collections.abc import Iterator

from rollbacks.models import Step
from rollbacks.plans import Base
from rollbacks.procedures import Draft, Surroundings, User
from rollbacks.stepping import STANDS
from tenants import archive, object_paths
from tenants import live as live_object
from tenants.documents import NotFound, Value, resolve
from tenants.models import TrackedConfig
from tenants.remote import Answer, ObjectMissing, Platform
from tenants.resource_types import ResourceType, StepRules, catalogue, projection


def read(config: TrackedConfig, platform: Platform, *, live_version: int | None, live_digest: str) -> Surroundings:
    """Read what the type's steps act on; raises the tree of `remote.errors` and UnusableContent."""
    rtype = catalogue.get(config.resource_type)
    rules = rtype.steps
    if rules is None:
        return Surroundings()
    return Surroundings(
        draft=read_draft(rtype, config.object_id, platform) if rules.draft_path else None,
        users=tuple(_users(config, rules, platform)) if rules.used_by_type else (),
        left_over=_left_over(config, live_version, live_digest) if rules.used_by_type else {},
    )


def read_draft(rtype: ResourceType, object_id: str, platform: Platform) -> Draft | None:
    """Give the draft of an object; None where there is none."""
    rules = rtype.steps or StepRules()
    try:
        answer = platform.read(
            object_paths.filled(rules.draft_path, rtype, object_id), params=live_object.query_of(rtype)
        )
    except ObjectMissing:
        return None
    return draft_in(rtype, answer)


def draft_in(rtype: ResourceType, answer: Answer) -> Draft:
    """Give the draft that an answer shows; raises UnusableContent."""
    rules = rtype.steps or StepRules()
    value = archive.value_from(answer.body)
    return Draft(
        version=projection.number_at(rtype, value, rules.draft_version_pointer),
        digest=projection.content_digest(rtype, value),
        ready=not rules.ready_pointer or _text_at(value, rules.ready_pointer) == rules.ready_value,
        standing=_text_at(value, rules.ready_pointer),
        author=projection.author_of_change(value),
    )


def another(config: TrackedConfig, rtype: ResourceType, object_id: str) -> TrackedConfig:
    """Give another object of the same tenant, tracked or not, so that it can be read in the one way there is."""
    tracked = TrackedConfig.objects.filter(
        tenant_id=config.tenant_id, resource_type=rtype.name, object_id=object_id
    ).select_related("tenant")
    return tracked.first() or TrackedConfig(tenant=config.tenant, resource_type=rtype.name, object_id=object_id)


def _users(config: TrackedConfig, rules: StepRules, platform: Platform) -> Iterator[User]:
    """Give every object that names this one; a line of the list may be shortened, so each is read by itself."""
    rtype = catalogue.get(rules.used_by_type)
    for raw in platform.entities(rtype.list_path or "", paging=rtype.paging):
        listed = archive.value_from(raw)
        object_id = listed.get("id")
        if not isinstance(object_id, str) or _named(listed, rules)[0] not in {config.object_id, ""}:
            continue
        answer = live_object.read(another(config, rtype, object_id), platform)
        value = archive.value_from(answer.body)
        named, version = _named(value, rules)
        if named == config.object_id:
            name = value.get("name")
            yield User(
                rtype=rtype,
                object_id=object_id,
                name=name if isinstance(name, str) else "",
                raw=answer.body,
                version=version,
                base=Base(None, answer.etag, projection.content_digest(rtype, value)),
            )


def _named(value: dict[str, Value], rules: StepRules) -> tuple[str, str]:
    return _text_at(value, f"{rules.used_by_pointer}/id"), _text_at(value, f"{rules.used_by_pointer}/version")


def _text_at(value: dict[str, Value], pointer: str) -> str:
    try:
        found = resolve(value, pointer)
    except NotFound:
        return ""
    return str(found) if isinstance(found, str | int) else ""


def _left_over(config: TrackedConfig, live_version: int | None, live_digest: str) -> dict[str, str]:
    """Give what the rollback that made this content live did not come to repoint, each with the version to leave.

    Its order to publish may have landed later than anybody waited for, or as a later version than it was to be, so its
    verdict does not count.
    """
    if live_version is None:
        return {}
    ordered = Step.objects.filter(
        rollback__config=config,
        kind=Step.Kind.PUBLISH,
        target_digest=live_digest,
        expected_version__lte=live_version,
        attempt__sends__isnull=False,
    )
    last = ordered.order_by("-rollback__requested_at").first()
    if last is None:
        return {}
    open_steps = Step.objects.filter(rollback=last.rollback_id, kind=Step.Kind.REPOINT)
    not_done = open_steps.exclude(attempt__verdict__in=STANDS)
    return dict.fromkeys(not_done.values_list("object_id", flat=True), str(last.base_version))
