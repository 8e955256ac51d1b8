"""Whatever is typed into a form or an address: no 500."""

from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.page_world import PageWorld
from tests.tenants.conftest import as_user, pages  # noqa: F401 - fixtures
from tests.walk import hostile
from tests.walk.routes import Forms, argument_sets, routes

LEAVES = {"logout", "account_logout", "sign_out_elsewhere"}


def own_pages(world: PageWorld) -> list[str]:
    """Give the addresses of pages of the world's own rows that need no platform."""
    rows = {
        "tenants.tenant": world.northwind,
        "tenants.trackedconfig": world.billing,
        "tenants.snapshot": world.billing.live,
        "tenants.membership": world.northwind.memberships.first(),
        "auth.user": world.people["alice"],
    }
    known = [
        route
        for route in routes()
        if route.name not in LEAVES and all(not label or label in rows for label in route.models().values())
    ]
    return [route.address(argument_sets(route, rows.get, lambda _: None)["own"]) for route in known]


def post_everywhere(client: Client, addresses: list[str], text: str) -> int:
    """Post every form of the pages with the text in each field, and ask each page with it; give how many were sent."""
    sent = 0
    for path in addresses:
        answer = client.get(path)
        if answer.status_code != 200 or "html" not in answer["Content-Type"]:
            continue
        read = Forms(answer.content.decode(), path)
        if read.asked:
            asked = client.get(path, dict.fromkeys(read.asked, text))
            assert asked.status_code < 500, (path, text)
            sent += 1
        for form in read.found:
            if any(word in form.action for word in ("logout", "login", "elsewhere", "sign-in", "password", "confirm")):
                continue
            for fields in ({name: [text] for name in form.fields}, {**form.fields, text[:50]: [text]}):
                assert client.post(form.action, fields).status_code < 500, (form.action, text)
                sent += 1
    return sent


def quiet(texts: st.SearchStrategy[str], examples: int) -> Callable[[Callable[[str], None]], Callable[[], None]]:
    """Give the decorator that tries so many texts, in whatever time a busy machine takes."""

    def around(check: Callable[[str], None]) -> Callable[[], None]:
        return settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))(
            given(texts)(check)
        )

    return around


@pytest.mark.django_db
def test_no_text_in_a_form_or_an_address_of_a_tenant_ends_in_a_500(
    pages: PageWorld,  # noqa: F811
    as_user: Callable[[str], Client],  # noqa: F811
) -> None:
    client = as_user("rae")
    client.raise_request_exception = False
    some = [one for one in own_pages(pages) if one.startswith(("/tenants/tenant/", "/tenants/membership/"))]

    @quiet(st.one_of(st.sampled_from(hostile.OURS), st.text(max_size=40)), 2)
    def check(text: str) -> None:
        assert post_everywhere(client, some, text.encode("utf-8", "replace").decode()) > 3

    check()
