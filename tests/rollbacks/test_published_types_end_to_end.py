"""Each published type that the practice platform serves is found, tracked, changed by a stranger and taken back.

The catalogue and the practice platform share no code: each was written from what the platform publishes, so that a
mistake in one shows up against the other.
"""

import json

import pytest

from rollbacks import actions, applying
from tenants import archive, discovery, drift, object_paths
from tenants.models import TrackedConfig
from tenants.resource_types import get
from tests import world as making
from tests.rollbacks.conftest import QUICK, REASON, Desk

TYPES = [
    ("outbound.campaign", "name", "B"),
    ("outbound.contactlist", "name", "B"),
    ("outbound.dnclist", "name", "B"),
    ("outbound.callabletimeset", "name", "B"),
    ("architect.schedule", "name", "B"),
    ("architect.schedulegroup", "name", "B"),
    ("architect.datatable", "name", "C"),
    ("routing.queue", "name", "C"),
    ("routing.wrapupcode", "name", "C"),
    ("users.user", "title", "B"),
    ("locations.location", "name", "B"),
    ("telephony.site", "name", "B"),
    ("responsemanagement.library", "name", "B"),
    ("responsemanagement.response", "name", "B"),
    ("webdeployments.deployment", "name", "C"),
    ("architect.ivr", "name", "B"),
    ("architect.emergencygroup", "name", "B"),
    ("architect.prompt", "description", "C"),
    ("processautomation.trigger", "description", "B"),
    ("assistants.assistant", "name", "C"),
    ("assistants.variation", "name", "C"),
    ("assistants.checklist", "name", "C"),
    ("summaries.setting", "name", "C"),
    ("groups.group", "name", "B"),
    ("scim.group", "externalId", "A"),
    ("organization.me", "name", "B"),
    ("authorization.role", "name", "C"),
    ("authorization.division", "description", "C"),
    ("oauth.client", "description", "C"),
    ("outbound.messagingcampaign", "name", "B"),
    ("outbound.sequence", "name", "B"),
    ("outbound.campaignrule", "name", "B"),
    ("outbound.contactlistfilter", "name", "B"),
    ("outbound.ruleset", "name", "B"),
    ("outbound.callanalysisresponseset", "name", "B"),
    ("outbound.attemptlimits", "name", "B"),
    ("outbound.settings", "name", "B"),
    ("outbound.wrapupcodemappings", "name", "B"),
    ("routing.skillgroup", "name", "C"),
    ("telephony.edgegroup", "name", "B"),
    ("telephony.trunkbase", "name", "B"),
    ("telephony.phonebase", "name", "B"),
    ("telephony.didpool", "name", "B"),
    ("quality.evalform", "name", "C"),
    ("recording.policy", "name", "C"),
    ("wfm.planninggroup", "name", "B"),
    ("taskmanagement.worktype", "description", "C"),
    ("alerting.rule", "name", "C"),
    ("integrations.config", "notes", "B"),
    ("assistants.copilot", "defaultLanguage", "C"),
    ("guides.version", "instruction", "C"),
    ("businessrules.schema", "enabled", "B"),
]
# What no list leads to, by its family on the practice platform.
BY_FAMILY = {
    "wfm.planninggroup": "planninggroup",
    "taskmanagement.worktype": "worktype",
    "alerting.rule": "alertingrule",
    "integrations.config": "integrationconfig",
    "assistants.copilot": "copilot",
    "guides.version": "guideversion",
}


def object_of(desk: Desk, name: str) -> str:
    """Give the id of an object of the type, as the console writes it."""
    if name not in BY_FAMILY:
        return discovery.discover(desk.world.northwind, get(name), desk.world.platform)[0][0]
    stored = desk.world.practice.platform.store.organizations["northwind"].of_family(BY_FAMILY[name])[0]
    own = stored.id.rpartition("/")[2]
    return f"{stored.fixed['parent']}~{own}" if "parent" in stored.fixed else own


@pytest.mark.parametrize(
    ("name", "member", "level"),
    [
        # Every fourth one every day.
        pytest.param(*one, id=one[0], marks=() if number % 4 == 0 else pytest.mark.slow)
        for number, one in enumerate(TYPES)
    ],
)
def test_what_a_stranger_changed_at_night_is_taken_back(desk: Desk, name: str, member: str, level: str) -> None:
    rtype, world = get(name), desk.world
    object_id = object_of(desk, name)
    config = making.track(world.northwind, object_id, type_name=name)
    making.look(config)
    config.refresh_from_db()
    before = config.live
    assert before is not None, config.presence_detail
    path = object_paths.object_path(rtype, object_id)
    world.practice.foreign_write(path, edits=[{"path": f"/{member}", "value": "Changed at night"}])
    making.look(config)
    config = TrackedConfig.objects.select_related("live", "tenant").get(pk=config.pk)
    assert drift.is_drifted(config)

    rollback = actions.request_rollback(config, before, reason=REASON, acting_user=world.alice)
    desk.approve(rollback)
    done = applying.apply(rollback.pk, pace=QUICK)

    assert (done.guard_level, done.steps.get().method) == (level, rtype.update_method)
    assert done.verdict in {"verified", "reached"}, done.explanation
    making.look(config)
    config = TrackedConfig.objects.select_related("live", "baseline").get(pk=config.pk)
    assert config.live is not None
    assert config.live.digest == before.digest
    assert not drift.is_drifted(config)
    assert len(desk.writes()) == 1


UNLISTED = [
    ("taskmanagement.worktype", "worktype", "defaultQueueId", "defaultQueue", "C"),
    ("taskmanagement.worktype", "worktype", "defaultPriority", "defaultPriority", "C"),
    ("wfm.planninggroup", "planninggroup", "routePaths", "routePaths", "B"),
]


@pytest.mark.parametrize(
    ("name", "family", "member", "shown", "level"), UNLISTED, ids=[f"{n}: {m}" for n, _, m, *_ in UNLISTED]
)
def test_what_a_write_takes_by_id_is_taken_back_where_nothing_lists_the_objects(
    desk: Desk, name: str, family: str, member: str, shown: str, level: str
) -> None:
    world = desk.world
    objects = world.practice.platform.store.organizations["northwind"].objects
    stored = next(one for (kind, _), one in objects.items() if kind == family)
    parent = stored.fixed.get("parent")
    config = making.track(world.northwind, f"{parent}~{stored.id}" if parent else stored.id, type_name=name)
    making.look(config)
    config.refresh_from_db()
    before = config.live
    assert before is not None, config.presence_detail
    was = archive.value_of(before)[shown]
    queue = next(
        object_id for kind, object_id in objects if kind == "queue" and object_id not in json.dumps(was, default=str)
    )
    other: object = {"defaultQueueId": queue, "defaultPriority": 7}.get(
        member, {"values": [{"queueId": queue, "mediaType": "Voice"}]}
    )
    path = object_paths.object_path(get(name), config.object_id)
    world.practice.foreign_write(path, edits=[{"path": f"/{member}", "value": other}])
    making.look(config)
    config = TrackedConfig.objects.select_related("live", "tenant").get(pk=config.pk)
    assert config.live is not None
    assert config.live.digest != before.digest

    rollback = actions.request_rollback(config, before, reason=REASON, acting_user=world.alice)
    desk.approve(rollback)
    done = applying.apply(rollback.pk, pace=QUICK)

    assert (done.guard_level, done.verdict) == (level, "verified"), done.explanation
    making.look(config)
    config = TrackedConfig.objects.select_related("live").get(pk=config.pk)
    assert config.live is not None
    assert config.live.digest == before.digest
    assert config.live.version == before.version + 2
    assert len(desk.writes()) == 1
