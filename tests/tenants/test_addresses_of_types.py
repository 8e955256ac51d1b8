"""Objects that have no id of their own, or live inside others, are found, addressed and kept like any other."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tenants import capture, discovery, object_paths
from tenants.models import Tenant
from tenants.remote import Limits, Platform
from tenants.remote.client import Credentials
from tenants.remote.tokens import TokenCache
from tenants.remote.transport import close_idle_connections
from tenants.resource_types import get
from tests.tenants.remote.odd_server import Conversation, OddServer, http

SHOWN = {
    "/api/v2/assistants?pageSize=100": {"entities": [{"id": "as-1", "name": "Billing"}, {"id": "as-2"}]},
    "/api/v2/assistants/as-1/queues?pageSize=100": {"entities": [{"id": "q-1"}, {"id": "q-2", "name": "EMEA"}]},
    "/api/v2/assistants/as-2/queues?pageSize=100": {"entities": []},
    "/api/v2/scim/v2/groups?startIndex=1&count=100": {
        "Resources": [{"id": "g-1", "displayName": "Retention"}],
        "startIndex": 1,
        "totalResults": 1,
    },
}


def show(one: Conversation) -> None:
    """Answer with what SHOWN has for the request, else with 404."""
    path = one.line.decode().removeprefix("GET ")
    if path in SHOWN:
        one.say(http("200 OK", json.dumps(SHOWN[path]).encode()))
    else:
        one.say(http("404 Not Found", b'{"code": "not.found"}'))


@pytest.fixture
def platform() -> Iterator[Platform]:
    """Give a client of a platform that shows assistants, their queues and a SCIM group."""
    with OddServer(show) as server:
        yield Platform(
            api_base=server.url,
            login_base=server.url,
            credentials=Credentials(client_id="client-1", client_secret="secret-1"),
            custom_hosts=True,
            limits=Limits(tries=1),
            tokens=TokenCache(clock=lambda: 0.0),
        )
    close_idle_connections()


TENANT = Tenant(slug="northwind", name="Northwind Bank")


def test_what_lives_in_other_objects_is_found_through_their_list_and_bears_both_ids(platform: Platform) -> None:
    found = discovery.discover(TENANT, get("assistants.queue"), platform)

    assert found == [("as-1~q-1", "Billing"), ("as-1~q-2", "Billing / EMEA")]


def test_scim_groups_are_found_under_their_display_names(platform: Platform) -> None:
    assert discovery.discover(TENANT, get("scim.group"), platform) == [("g-1", "Retention")]


def test_the_only_object_of_its_type_is_found_without_a_request(platform: Platform) -> None:
    assert discovery.discover(TENANT, get("outbound.settings"), platform) == [("singleton", "Outbound settings")]


def test_what_lives_in_objects_that_nobody_lists_is_to_be_named(platform: Platform) -> None:
    with pytest.raises(discovery.NotListed, match=r"they are listed inside other objects\. Name their ids instead"):
        discovery.discover(TENANT, replace(get("knowledge.document"), parents_path=None), platform)


@pytest.mark.parametrize(
    ("name", "object_id", "path"),
    [
        ("outbound.settings", "singleton", "/api/v2/outbound/settings"),
        ("organization.me", "singleton", "/api/v2/organizations/me"),
        ("assistants.queue", "as-1~q_1", "/api/v2/assistants/as-1/queues/q_1"),
        ("knowledge.document", "kb-1", ""),
        ("knowledge.document", "kb-1~doc-2", "/api/v2/knowledge/knowledgebases/kb-1/documents/doc-2"),
        ("integrations.action.draft", "a~1", "/api/v2/integrations/actions/a~1/draft"),
        ("webdeployments.configuration", "w-1", "/api/v2/webdeployments/configurations/w-1/versions/draft"),
        ("outbound.settings", "s-1", ""),
        ("assistants.queue", "q-1", ""),
        ("assistants.queue", "as-1~", ""),
        ("assistants.queue", "~q-1", ""),
        ("assistants.queue", "as-1~q-1~x", ""),
        ("assistants.queue", "..~q-1", ""),
    ],
)
def test_an_id_leads_to_its_path_or_is_refused_with_the_shape_that_is_needed(
    name: str, object_id: str, path: str
) -> None:
    if path:
        assert object_paths.object_path(get(name), object_id) == path
        return
    with pytest.raises(object_paths.InvalidObjectId, match="Nothing was tracked"):
        object_paths.object_path(get(name), object_id)


@pytest.mark.django_db
def test_nothing_is_tracked_under_an_id_that_the_type_cannot_have() -> None:
    tenant = Tenant.objects.create(
        slug="northwind", name="Northwind Bank", region="mypurecloud.de", client_id="client-1"
    )

    with pytest.raises(object_paths.InvalidObjectId, match="parent-1~object-2"):
        capture.track(tenant, get("assistants.queue"), ["as-1~q-1", "q-2"])

    assert not tenant.configs.exists()
