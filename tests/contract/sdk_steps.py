"""Types that are taken back in steps, through the SDK, and what has versions or divisions of its own kind."""

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.practice import Practice
    from tests.contract.vendor import Vendor


def code(refused: Any) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return refused.value.status, json.loads(refused.value.body)["code"]


def test_a_decision_table_is_rolled_back_to_a_superseded_version(bank: "Vendor", practice: "Practice") -> None:
    api = bank.api("BusinessRulesApi")
    tables = api.get_businessrules_decisiontables()
    assert bank.lost(tables) == []
    table = api.get_businessrules_decisiontable(tables.entities[0].id)
    assert bank.lost(table) == []
    versions = api.get_businessrules_decisiontable_versions(table.id)
    assert bank.lost(versions) == []
    assert [(one.version, one.status) for one in versions.entities][:2] == [(4, "Published"), (3, "Superseded")]
    rows = api.get_businessrules_decisiontable_version_rows(table.id, 4)
    assert bank.lost(rows) == []
    reason = bank.sdk.RollbackDecisionTableVersionRequest()
    reason.rollback_reason = "Stolen cards wait in Billing"
    back = api.post_businessrules_decisiontable_version_rollback(table.id, 3, body=reason)
    assert bank.lost(back) == []
    assert (back.version, back.status, back.rollback_reason) == (3, "Published", reason.rollback_reason)
    after = api.get_businessrules_decisiontable(table.id)
    assert (after.published.version, after.latest_version_status) == (3, "Superseded")
    with pytest.raises(bank.exception) as refused:
        api.post_businessrules_decisiontable_version_rollback(table.id, 3)
    assert code(refused) == (409, "general.conflict")
    draft = api.post_businessrules_decisiontable_versions(table.id)
    assert bank.lost(draft) == []
    published = api.put_businessrules_decisiontable_version_publish(table.id, draft.version)
    assert (bank.lost(published), published.status) == ([], "Published")
    update = bank.sdk.UpdateDecisionTableRequest()
    update.name = "Call routing – all desks"
    assert bank.lost(api.patch_businessrules_decisiontable(table.id, update)) == []
    assert [one["method"] for one in practice.writes(table.id)] == ["POST", "POST", "PUT", "PATCH"]


def test_a_knowledge_document_is_restored_from_an_older_version(bank: "Vendor", practice: "Practice") -> None:
    api = bank.api("KnowledgeApi")
    bases = api.get_knowledge_knowledgebases()
    assert bank.lost(bases) == []
    base = api.get_knowledge_knowledgebase(bases.entities[0].id)
    assert bank.lost(base) == []
    documents = api.get_knowledge_knowledgebase_documents(base.id)
    assert bank.lost(documents) == []
    found = next(one for one in documents.entities if one.title == "When is my branch open?")
    live = api.get_knowledge_knowledgebase_document(base.id, found.id, expand=["category", "labels", "variations"])
    assert bank.lost(live) == []
    versions = api.get_knowledge_knowledgebase_document_versions(base.id, live.id, expand=["variations"])
    assert bank.lost(versions) == []
    older = versions.entities[1]
    asked = api.get_knowledge_knowledgebase_document_version(base.id, live.id, older.id)
    assert bank.lost(asked) == []
    body = bank.sdk.KnowledgeDocumentVersion()
    body.restore_from_version_id = older.id
    made = api.post_knowledge_knowledgebase_document_versions(base.id, live.id, body)
    assert bank.lost(made) == []
    assert (made.version_number, made.restore_from_version_id) == (live.last_published_version_number + 1, older.id)
    after = api.get_knowledge_knowledgebase_document(base.id, live.id, expand=["variations"])
    assert after.document_version.id == made.id
    assert after.variations[0].body.to_dict() == older.document.variations[0].body.to_dict()
    request = bank.sdk.KnowledgeDocumentReq()
    request.title = "Branch opening hours"
    draft = api.patch_knowledge_knowledgebase_document(base.id, live.id, request)
    assert (bank.lost(draft), draft.state, draft.title) == ([], "Draft", "Branch opening hours")
    body.restore_from_version_id = "6f1f1c35-0000-4000-8000-000000000000"
    with pytest.raises(bank.exception) as refused:
        api.post_knowledge_knowledgebase_document_versions(base.id, live.id, body)
    assert code(refused) == (400, "knowledge.document.version.not.found")
    assert [one["method"] for one in practice.writes(live.id)] == ["POST", "PATCH"]


def test_a_data_action_is_changed_through_its_draft_and_published(bank: "Vendor", practice: "Practice") -> None:
    api = bank.api("IntegrationsApi")
    actions = api.get_integrations_actions()
    assert bank.lost(actions) == []
    live = api.get_integrations_action(actions.entities[0].id, include_config=True)
    assert bank.lost(live) == []
    with pytest.raises(bank.exception) as refused:
        api.get_integrations_action_draft(live.id)
    assert code(refused) == (404, "not.found")
    draft = api.post_integrations_action_draft(live.id)
    assert bank.lost(draft) == []
    body = bank.sdk.UpdateDraftInput()
    body.config, body.version = live.config, draft.version
    body.config.timeout_seconds = 5
    changed = api.patch_integrations_action_draft(live.id, body)
    assert (bank.lost(changed), changed.version) == ([], draft.version + 1)
    publish = bank.sdk.PublishDraftInput()
    publish.version = draft.version
    with pytest.raises(bank.exception) as refused:
        api.post_integrations_action_draft_publish(live.id, publish)
    assert code(refused) == (400, "bad.request")
    assert api.get_integrations_action(live.id).version == live.version
    publish.version = changed.version
    published = api.post_integrations_action_draft_publish(live.id, publish)
    assert (bank.lost(published), published.version) == ([], live.version + 1)
    assert api.get_integrations_action(live.id, include_config=True).config.timeout_seconds == 5
    update = bank.sdk.UpdateActionInput()
    update.category, update.name, update.version = "Payments", live.name, published.version
    assert api.patch_integrations_action(live.id, update).version == published.version + 1
    assert [one["method"] for one in practice.writes(live.id)] == ["POST", "PATCH", "POST", "PATCH"]


def test_scim_groups_and_users_are_guarded_by_a_quoted_number(bank: "Vendor", practice: "Practice") -> None:
    api = bank.api("SCIMApi")
    listing = api.get_scim_v2_groups("", start_index=1, count=1)
    assert bank.lost(listing) == []
    assert (listing.total_results, listing.items_per_page, len(listing.resources)) == (2, 1, 1)
    group = api.get_scim_v2_group(listing.resources[0].id)
    assert bank.lost(group) == []
    etag = bank.header("ETag")
    assert etag == f'"{group.meta.version}"'
    with pytest.raises(bank.exception) as unchanged:
        api.get_scim_v2_group(group.id, if_none_match=etag)
    assert unchanged.value.status == 304
    body = bank.sdk.ScimV2Group()
    body.schemas, body.external_id, body.members = group.schemas, "CN=Fraud", group.members
    written = api.put_scim_v2_group(group.id, body, if_match=etag)
    assert (bank.lost(written), written.external_id) == ([], "CN=Fraud")
    with pytest.raises(bank.exception) as refused:
        api.put_scim_v2_group(group.id, body, if_match=etag)
    told = json.loads(refused.value.body)
    assert (refused.value.status, told["status"], told["scimType"]) == (400, "400", "invalidVers")
    assert len(practice.writes(group.id)) == 1
    users = api.get_scim_v2_users()
    assert bank.lost(users) == []
    user = api.get_scim_v2_user(users.resources[0].id)
    assert bank.lost(user) == []


def test_a_planning_group_echoes_the_version_inside_its_metadata(bank: "Vendor", practice: "Practice") -> None:
    api = bank.api("WorkforceManagementApi")
    units = api.get_workforcemanagement_businessunits()
    assert bank.lost(units) == []
    unit = units.entities[0].id
    listing = api.get_workforcemanagement_businessunit_planninggroups(unit)
    assert bank.lost(listing) == []
    live = api.get_workforcemanagement_businessunit_planninggroup(unit, listing.entities[0].id)
    assert bank.lost(live) == []
    body = bank.sdk.UpdatePlanningGroupRequest()
    body.name, body.metadata = "Billing, retention and complaints", bank.sdk.WfmVersionedEntityMetadata()
    body.metadata.version = live.metadata.version
    body.route_paths = bank.sdk.SetWrapperRoutePathRequest()
    path = bank.sdk.RoutePathRequest()
    path.queue_id, path.media_type = live.route_paths[0].queue.id, "Voice"
    body.route_paths.values = [path]
    written = api.patch_workforcemanagement_businessunit_planninggroup(unit, live.id, body=body)
    assert bank.lost(written) == []
    assert (written.name, written.metadata.version) == (body.name, live.metadata.version + 1)
    with pytest.raises(bank.exception) as refused:
        api.patch_workforcemanagement_businessunit_planninggroup(unit, live.id, body=body)
    assert code(refused) == (400, "wfm.version.mismatch")
    assert len(practice.writes(live.id)) == 1


def test_divisions_that_are_taken_away_show_in_grants_lists_and_refusals(bank: "Vendor", practice: "Practice") -> None:
    authorization, routing = bank.api("AuthorizationApi"), bank.api("RoutingApi")
    divisions = authorization.get_authorization_divisions()
    assert bank.lost(divisions) == []
    assert bank.lost(authorization.get_authorization_divisions_home()) == []
    queues = routing.get_routing_queues().entities
    hidden = next(one for one in queues if one.division.name == "Card security")
    practice.tell("divisions", organization="northwind", remove=["Card security"])
    told = authorization.get_authorization_subjects_me(include_full_roles=True)
    assert bank.lost(told) == []
    assert [one.division.name for one in told.grants] == ["Home", "EMEA"]
    permitted = authorization.get_authorization_divisionspermitted_paged_me("routing:queue:view")
    assert bank.lost(permitted) == []
    assert (permitted.total, permitted.all_divs_permitted) == (2, False)
    assert routing.get_routing_queues().total == len(queues) - 1
    with pytest.raises(bank.exception) as refused:
        routing.get_routing_queue(hidden.id)
    assert code(refused) == (403, "missing.division.permission")
    practice.tell("divisions", organization="northwind", reset=True)
    assert routing.get_routing_queue(hidden.id).id == hidden.id
