"""Web deployments through the SDK: draft, wait for Active, publish, repoint the deployment, look at the versions."""

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.practice import Practice
    from tests.contract.vendor import Vendor


@pytest.fixture
def web(bank: "Vendor") -> Any:
    return bank.api("WebDeploymentsApi")


def test_configurations_versions_drafts_and_deployments_come_whole_out_of_the_models(bank: "Vendor", web: Any) -> None:
    listing = web.get_webdeployments_configurations()
    assert bank.lost(listing) == []
    for one in listing.entities:
        draft = web.get_webdeployments_configuration_versions_draft(one.id)
        assert bank.lost(draft) == []
        versions = web.get_webdeployments_configuration_versions(one.id)
        assert bank.lost(versions) == []
        for version in versions.entities:
            asked = web.get_webdeployments_configuration_version(one.id, version.version)
            assert bank.lost(asked) == []
            assert (asked.version, asked.self_uri) == (version.version, version.self_uri)
    deployments = web.get_webdeployments_deployments()
    assert bank.lost(deployments) == []
    deployment = web.get_webdeployments_deployment(deployments.entities[0].id)
    assert bank.lost(deployment) == []


def test_a_draft_is_saved_settles_is_published_and_the_deployment_takes_it(
    bank: "Vendor", practice: "Practice", web: Any
) -> None:
    configuration = web.get_webdeployments_configurations().entities[0]
    versions = [one.version for one in web.get_webdeployments_configuration_versions(configuration.id).entities]
    practice.tell("switches", organization="northwind", propagation_seconds=3600.0)
    draft = web.get_webdeployments_configuration_versions_draft(configuration.id)
    draft.messenger.styles.primary_color = "#123456"
    saved = web.put_webdeployments_configuration_versions_draft(configuration.id, draft)
    assert bank.lost(saved) == []
    assert (saved.status, saved.messenger.styles.primary_color) == ("Pending", "#123456")
    with pytest.raises(bank.exception) as early:
        web.post_webdeployments_configuration_versions_draft_publish(configuration.id)
    assert (early.value.status, json.loads(early.value.body)["code"]) == (
        409,
        "web.deployments.configuration.not.active",
    )
    practice.tell("switches", organization="northwind", propagation_seconds=0.0)
    assert web.get_webdeployments_configuration_versions_draft(configuration.id).status == "Active"
    published = web.post_webdeployments_configuration_versions_draft_publish(configuration.id)
    assert bank.lost(published) == []
    assert published.version == str(len(versions) + 1)
    assert published.messenger.styles.primary_color == "#123456"
    after = [one.version for one in web.get_webdeployments_configuration_versions(configuration.id).entities]
    assert after == [*versions, published.version]

    live = web.get_webdeployments_deployment(web.get_webdeployments_deployments().entities[0].id)
    body = bank.sdk.WebDeployment()
    body.name, body.allowed_domains = live.name, live.allowed_domains
    body.configuration = bank.sdk.WebDeploymentConfigurationVersionEntityRef()
    body.configuration.id, body.configuration.version = configuration.id, published.version
    repointed = web.put_webdeployments_deployment(live.id, body)
    assert bank.lost(repointed) == []
    assert (repointed.configuration.version, repointed.name) == (published.version, live.name)
    body.configuration.version = "99"
    with pytest.raises(bank.exception) as unknown:
        web.put_webdeployments_deployment(live.id, body)
    assert (unknown.value.status, json.loads(unknown.value.body)["code"]) == (400, "invalid.value")


def test_a_cursor_leads_through_the_versions(bank: "Vendor", web: Any) -> None:
    configuration = web.get_webdeployments_configurations().entities[0]
    whole = web.get_webdeployments_configuration_versions(configuration.id)
    found: list[str] = []
    page = web.get_webdeployments_configuration_versions(configuration.id, page_size="1")
    while True:
        assert bank.lost(page) == []
        found += [one.version for one in page.entities]
        if not page.next_uri:
            break
        cursor = page.next_uri.split("after=")[1].split("&")[0]
        page = web.get_webdeployments_configuration_versions(configuration.id, page_size="1", after=cursor)
    assert found == [one.version for one in whole.entities]
    assert len(found) >= 2
