"""A list is walked to its end and no further, whatever it says of itself."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tenants.remote import CyclicList, Limits, NotJson, Platform
from tenants.remote.client import Credentials
from tenants.remote.tokens import TokenCache
from tenants.remote.transport import close_idle_connections
from tenants.resource_types import Paging
from tests.tenants.remote.odd_server import Conversation, OddServer, Talk, http

QUEUES = "/api/v2/routing/queues"


def walk(server: OddServer, *, pages: int = 50, paging: Paging = Paging.NUMBERED) -> list[Any]:
    platform = Platform(
        api_base=server.url,
        login_base=server.url,
        credentials=Credentials(client_id="client-1", client_secret="secret-1"),
        custom_hosts=True,
        limits=Limits(tries=1, pages=pages),
        tokens=TokenCache(clock=lambda: 0.0),
    )
    return [json.loads(raw)["id"] for raw in platform.entities(QUEUES, paging=paging)]


@pytest.fixture(autouse=True)
def closed_connections() -> Iterator[None]:
    """Close what the test's reads have kept open."""
    yield
    close_idle_connections()


def paged(*pages: dict[str, Any]) -> Talk:
    """Give a server's talk that shows one page for each request, the last one again and again."""

    def talk(one: Conversation) -> None:
        page = pages[min(one.number, len(pages)) - 1]
        one.say(http("200 OK", json.dumps(page).encode()))

    return talk


def queues(*ids: str, **members: Any) -> dict[str, Any]:
    return {"entities": [{"id": one} for one in ids], **members}


def test_pages_are_followed_by_their_next_uri_until_there_is_none() -> None:
    pages = paged(queues("q-1", "q-2", nextUri=f"{QUEUES}?pageNumber=2&pageSize=100"), queues("q-3"))
    with OddServer(pages) as server:
        assert walk(server) == ["q-1", "q-2", "q-3"]

    first = f"GET {QUEUES}?pageNumber=1&pageSize=100".encode()
    assert server.lines == [first, first.replace(b"pageNumber=1", b"pageNumber=2")]


def test_pages_are_counted_where_a_service_leaves_the_next_uri_out() -> None:
    pages = [queues(f"q-{number}", pageNumber=number, pageCount=3) for number in (1, 2, 3)]
    with OddServer(paged(*pages)) as server:
        assert walk(server) == ["q-1", "q-2", "q-3"]


def test_a_next_uri_with_the_services_public_address_is_asked_for_where_the_tenant_lives() -> None:
    following = f"https://api.mypurecloud.de{QUEUES}?pageNumber=2"
    with OddServer(paged(queues("q-1", nextUri=following), queues("q-2"))) as server:
        assert walk(server) == ["q-1", "q-2"]

    assert server.lines[-1] == f"GET {QUEUES}?pageNumber=2".encode()


@pytest.mark.parametrize(
    "pages",
    [
        [queues("q-1", nextUri=f"{QUEUES}?pageNumber=1&pageSize=100")],
        [queues("q-1", nextUri=f"{QUEUES}?pageNumber=2"), queues("q-2", nextUri=f"{QUEUES}?pageNumber=2")],
        [queues("q-1", pageNumber=1, pageCount=99)],
    ],
    ids=["to itself", "from the second page to itself", "the same number again"],
)
def test_a_list_that_leads_in_a_circle_is_refused(pages: list[dict[str, Any]]) -> None:
    with OddServer(paged(*pages)) as server, pytest.raises(CyclicList, match="leads in a circle or never ends"):
        walk(server)

    assert len(server.conversations) <= 2


def test_a_list_without_an_end_is_left_after_its_most_pages() -> None:
    def talk(one: Conversation) -> None:
        page = queues("q-1", nextUri=f"{QUEUES}?pageNumber={one.number + 1}")
        one.say(http("200 OK", json.dumps(page).encode()))

    with OddServer(talk) as server, pytest.raises(CyclicList, match="after 5 pages"):
        walk(server, pages=5)

    assert len(server.conversations) == 5


@pytest.mark.parametrize(
    "uri",
    [
        "/api/v2/users?pageNumber=2",
        "//stranger.example/steal",
        "https://stranger.example/api/v2/tokens/me",
        "../users",
        "file:///etc/passwd",
    ],
)
def test_a_next_uri_that_leads_away_from_the_list_is_not_followed(uri: str) -> None:
    with OddServer(paged(queues("q-1", nextUri=uri))) as server, pytest.raises(CyclicList, match="not the same list"):
        walk(server)

    assert len(server.conversations) == 1


@pytest.mark.parametrize(
    "body",
    [b"[]", b'{"total": 3}', b'{"entities": {}}', b'{"entities": [{"id": 1}, ]}', b'{"entities": [], "entities": []}'],
    ids=bytes.decode,
)
def test_a_page_that_is_no_page_is_refused_by_name(body: bytes) -> None:
    with (
        OddServer(lambda one: one.say(http("200 OK", body))) as server,
        pytest.raises(NotJson, match="could not be read"),
    ):
        walk(server)


def test_entities_are_given_as_the_bytes_they_came_in() -> None:
    items = [b'{ "id" : "q-1", "threshold": 1.50 }', b'{"id":"q-2","name":"\\u00dcbersee"}']
    body = b'{"entities": [\r\n  ' + b" ,\t".join(items) + b"\r\n]}"
    with OddServer(lambda one: one.say(http("200 OK", body))) as server:
        platform = Platform(
            api_base=server.url,
            login_base=server.url,
            credentials=Credentials(client_id="client-1", client_secret="secret-1"),
            custom_hosts=True,
            tokens=TokenCache(clock=lambda: 0.0),
        )
        assert list(platform.entities(QUEUES)) == items


def test_a_list_with_cursors_is_followed_by_them_and_never_counted() -> None:
    following = f"{QUEUES}?pageSize=100&after=WyIxMjMiXQ%3D%3D"
    pages = paged(queues("a-1", nextUri=following), queues("a-2", pageNumber=1, pageCount=9))
    with OddServer(pages) as server:
        assert walk(server, paging=Paging.CURSOR) == ["a-1", "a-2"]

    assert server.lines == [f"GET {QUEUES}?pageSize=100".encode(), f"GET {following}".encode()]


def test_a_list_without_pages_is_asked_for_once_and_without_parameters() -> None:
    with OddServer(paged(queues("c-1", "c-2", pageNumber=1, pageCount=9))) as server:
        assert walk(server, paging=Paging.UNPAGED) == ["c-1", "c-2"]

    assert server.lines == [f"GET {QUEUES}".encode()]


def test_a_scim_list_is_counted_up_to_its_total() -> None:
    def scim(*ids: str, start: int, total: int = 3) -> dict[str, Any]:
        return {"Resources": [{"id": one} for one in ids], "startIndex": start, "totalResults": total}

    with OddServer(paged(scim("g-1", "g-2", start=1), scim("g-3", start=3))) as server:
        assert walk(server, paging=Paging.SCIM) == ["g-1", "g-2", "g-3"]

    assert server.lines == [
        f"GET {QUEUES}?startIndex=1&count=100".encode(),
        f"GET {QUEUES}?startIndex=3&count=100".encode(),
    ]


def test_an_empty_scim_list_needs_no_resources_and_one_that_lacks_them_is_refused() -> None:
    with OddServer(paged({"totalResults": 0, "startIndex": 1})) as server:
        assert walk(server, paging=Paging.SCIM) == []
    with OddServer(paged({"totalResults": 2, "startIndex": 1})) as server, pytest.raises(NotJson, match="Resources"):
        walk(server, paging=Paging.SCIM)


def test_a_scim_list_that_shows_its_first_page_again_is_refused() -> None:
    page = {"Resources": [{"id": "g-1"}], "startIndex": 1, "totalResults": 9}
    with OddServer(paged(page)) as server, pytest.raises(CyclicList, match="leads in a circle or never ends"):
        walk(server, paging=Paging.SCIM)
