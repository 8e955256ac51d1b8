"""Every other type through the SDK: its models take all of every list and object, and a write of it lands."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.practice import Practice
    from tests.contract.vendor import Vendor


@dataclass(frozen=True)
class Kind:
    """One published type, in the SDK's words; a list that is empty has no call of its own."""

    api: str
    list: str
    get: str
    update: str = ""
    body: str | None = None  # the model that a write takes, where it is not the one that a read gives
    stale: tuple[int, str] | None = None  # status and code of a version that is not the live one
    below: str = ""  # the call that lists what the objects belong to


OUTBOUND = (409, "invalid.update.wrong.version")
ELSEWHERE = (400, "bad.request")


def _plain(api: str, stem: str, noun: str, **more: Any) -> Kind:
    return Kind(api, f"get_{stem}{noun}s", f"get_{stem}{noun}", f"put_{stem}{noun}", **more)


def _outbound(noun: str) -> Kind:
    return _plain("OutboundApi", "outbound_", noun, stale=OUTBOUND)


def _edges(noun: str, one: str) -> Kind:
    stem = "telephony_providers_edges_"
    return Kind(
        "TelephonyProvidersEdgeApi", f"get_{stem}{noun}", f"get_{stem}{one}", f"put_{stem}{one}", None, ELSEWHERE
    )


KINDS = {
    "architect.flow": _plain("ArchitectApi", "", "flow"),
    "architect.ivr": _plain("ArchitectApi", "architect_", "ivr", stale=ELSEWHERE),
    "architect.emergencygroup": _plain("ArchitectApi", "architect_", "emergencygroup", stale=ELSEWHERE),
    "architect.prompt": _plain("ArchitectApi", "architect_", "prompt"),
    "businessrules.schema": _plain(
        "BusinessRulesApi", "businessrules_", "schema", body="BusinessRulesSchemaUpdateRequest", stale=ELSEWHERE
    ),
    "processautomation.trigger": _plain(
        "ProcessAutomationApi", "processautomation_", "trigger", body="UpdateTriggerRequest", stale=ELSEWHERE
    ),
    "scripts.script": Kind("ScriptsApi", "get_scripts", "get_script"),
    "assistants.assistant": Kind("AgentAssistantsApi", "get_assistants", "get_assistant", "patch_assistant"),
    "assistants.queue": Kind(
        "AgentAssistantsApi",
        "get_assistant_queues",
        "get_assistant_queue",
        "put_assistant_queue",
        below="get_assistants",
    ),
    "assistants.checklist": _plain("AgentAssistantsApi", "assistants_", "agentchecklist"),
    "summaries.setting": _plain("AIStudioApi", "conversations_summaries_", "setting"),
    "outbound.messagingcampaign": _outbound("messagingcampaign"),
    "outbound.sequence": _outbound("sequence"),
    "outbound.campaignrule": _outbound("campaignrule"),
    "outbound.contactlistfilter": _outbound("contactlistfilter"),
    "outbound.ruleset": _outbound("ruleset"),
    "outbound.callanalysisresponseset": _outbound("callanalysisresponseset"),
    "outbound.attemptlimits": _outbound("attemptlimit"),
    "routing.skillgroup": Kind(
        "RoutingApi", "get_routing_skillgroups", "get_routing_skillgroup", "patch_routing_skillgroup"
    ),
    "telephony.edgegroup": _edges("edgegroups", "edgegroup"),
    "telephony.trunkbase": _edges("trunkbasesettings", "trunkbasesetting"),
    "telephony.phonebase": _edges("phonebasesettings", "phonebasesetting"),
    "telephony.didpool": _edges("didpools", "didpool"),
    "quality.evalform": _plain("QualityApi", "quality_forms_", "evaluation", body="EvaluationForm"),
    "recording.policy": Kind(
        "RecordingApi",
        "get_recording_mediaretentionpolicies",
        "get_recording_mediaretentionpolicy",
        "put_recording_mediaretentionpolicy",
    ),
    "authorization.role": _plain("AuthorizationApi", "authorization_", "role", body="DomainOrganizationRoleUpdate"),
    "authorization.division": _plain("AuthorizationApi", "authorization_", "division"),
    "oauth.client": _plain("OAuthApi", "oauth_", "client", body="OAuthClientRequest"),
}
EACH = pytest.mark.parametrize("name", KINDS)
WRITTEN = [name for name, kind in KINDS.items() if kind.update]


def listed(bank: "Vendor", kind: Kind) -> tuple[Any, tuple[str, ...]]:
    """Return the list, whole, and the arguments that stand before an object's id."""
    api = bank.api(kind.api)
    before = (getattr(api, kind.below)().entities[0].id,) if kind.below else ()
    listing = getattr(api, kind.list)(*before)
    assert bank.lost(listing) == []
    return listing, before


def body_for(bank: "Vendor", kind: Kind, live: Any, **changes: Any) -> Any:
    body = live
    if kind.body is not None:
        body = getattr(bank.sdk, kind.body)()
        for attribute in body.swagger_types:
            if hasattr(live, attribute):
                setattr(body, attribute, getattr(live, attribute))
    for attribute, value in changes.items():
        setattr(body, attribute, value)
    return body


@EACH
def test_a_list_and_the_objects_on_it_come_whole_out_of_the_models(bank: "Vendor", name: str) -> None:
    kind = KINDS[name]
    listing, before = listed(bank, kind)
    assert listing.entities
    for one in listing.entities:
        live = getattr(bank.api(kind.api), kind.get)(*before, one.id)
        assert bank.lost(live) == []
        assert live.id == one.id


@pytest.mark.parametrize("name", WRITTEN)
def test_a_write_of_what_was_read_lands_and_a_stale_version_is_refused(
    bank: "Vendor", practice: "Practice", name: str
) -> None:
    kind = KINDS[name]
    listing, before = listed(bank, kind)
    api, object_id = bank.api(kind.api), listing.entities[0].id
    live = getattr(api, kind.get)(*before, object_id)
    landed = len(practice.writes(object_id))
    written = getattr(api, kind.update)(*before, object_id, body=body_for(bank, kind, live))
    assert bank.lost(written) == []
    assert len(practice.writes(object_id)) == landed + 1
    if kind.stale is None:
        return
    assert written.version == live.version + 1
    with pytest.raises(bank.exception) as refused:
        getattr(api, kind.update)(*before, object_id, body=body_for(bank, kind, live))
    assert (refused.value.status, json.loads(refused.value.body)["code"]) == kind.stale
    assert len(practice.writes(object_id)) == landed + 1


def test_the_parts_of_an_assistant_come_whole_out_of_the_models_and_are_written(bank: "Vendor") -> None:
    assistant = bank.api("AgentAssistantsApi").get_assistants().entities[0].id
    copilots = bank.api("AgentCopilotApi")
    copilot = copilots.get_assistant_copilot(assistant)
    assert bank.lost(copilot) == []
    copilot.live_on_queue = True
    assert bank.lost(copilots.put_assistant_copilot(assistant, copilot)) == []
    assert copilots.get_assistant_copilot(assistant).live_on_queue is True
    api = bank.api("AssistantCopilotVariationsApi")
    listing = api.get_assistant_variations(assistant)
    assert bank.lost(listing) == []
    variation = api.get_assistant_variation(assistant, listing.entities[0].id)
    assert bank.lost(variation) == []
    assert bank.lost(api.put_assistant_variation(assistant, variation.id, variation)) == []


def test_the_versions_of_a_guide_are_read_below_it_and_patched(bank: "Vendor") -> None:
    api = bank.api("AIStudioApi")
    guides = api.get_guides()
    assert bank.lost(guides) == []
    guide = guides.entities[0].id
    live = api.get_guide_version(guide, "1.0")
    assert bank.lost(live) == []
    assert (live.version, live.guide.id) == ("1.0", guide)
    body = bank.sdk.UpdateGuideVersion()
    body.instruction = "Verify the caller, then block the card."
    assert bank.lost(api.patch_guide_version(guide, "1.0", body=body)) == []
    assert api.get_guide_version(guide, "1.0").instruction == body.instruction


def test_what_there_is_one_of_comes_whole_out_of_the_models_and_is_written(
    bank: "Vendor", practice: "Practice"
) -> None:
    organization = bank.api("OrganizationApi")
    me = organization.get_organizations_me()
    assert bank.lost(me) == []
    assert me.id == practice.credentials["northwind"]["organization_id"]
    assert organization.put_organizations_me(body=me).version == me.version + 1
    with pytest.raises(bank.exception) as refused:
        organization.put_organizations_me(body=me)
    assert (refused.value.status, json.loads(refused.value.body)["code"]) == (409, "general.conflict")

    outbound = bank.api("OutboundApi")
    settings = outbound.get_outbound_settings()
    assert bank.lost(settings) == []
    settings.max_calls_per_agent = 4
    assert outbound.patch_outbound_settings(settings) is None
    assert outbound.get_outbound_settings().max_calls_per_agent == 4
    mappings = outbound.get_outbound_wrapupcodemappings()
    assert bank.lost(mappings) == []
    assert outbound.put_outbound_wrapupcodemappings(mappings).version == mappings.version + 1

    routing = bank.api("RoutingApi")
    told = routing.get_routing_settings()
    assert bank.lost(told) == []
    assert bank.lost(routing.put_routing_settings(told)) == []


def test_what_no_list_leads_to_is_read_and_written_by_its_id(bank: "Vendor", practice: "Practice") -> None:
    objects = {one["family"]: one["id"] for one in practice.ask("organizations")[0]["objects"]}
    alerting = bank.api("AlertingApi")
    rule = alerting.get_alerting_rule(objects["alertingrule"])
    assert bank.lost(rule) == []
    body = bank.sdk.ModifiableRuleProperties()
    for attribute in body.swagger_types:
        setattr(body, attribute, getattr(rule, attribute))
    assert bank.lost(alerting.put_alerting_rule(rule.id, body)) == []

    integrations = bank.api("IntegrationsApi")
    listing = integrations.get_integrations()
    assert bank.lost(listing) == []
    config = integrations.get_integration_config_current(listing.entities[0].id)
    assert bank.lost(config) == []
    assert integrations.put_integration_config_current(config.id, body=config).version == config.version + 1

    tasks = bank.api("TaskManagementApi")
    worktype = tasks.get_taskmanagement_worktype(objects["worktype"])
    assert bank.lost(worktype) == []
    versions = tasks.get_taskmanagement_worktype_versions(worktype.id)
    assert bank.lost(versions) == []
    update = bank.sdk.WorktypeUpdate()
    update.default_priority = 40
    assert bank.lost(tasks.patch_taskmanagement_worktype(worktype.id, update)) == []
    newest = tasks.get_taskmanagement_worktype_version(worktype.id, versions.entities[0].version + 1)
    assert bank.lost(newest) == []
    assert newest.default_priority == 40
