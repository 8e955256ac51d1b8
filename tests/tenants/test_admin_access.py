"""A member of one tenant never sees another's rows: not on a page, in a search, a filter or an address."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tests import page_world
from tests.page_world import PageWorld

pytestmark = pytest.mark.django_db


SECRETS = ("Litware", "litware", "cfg-retail-secret", "Zoe Litwin")


@pytest.mark.parametrize("name", ["alice", "bob", "carol"])
def test_no_list_search_or_filter_shows_another_tenants_rows(
    pages: PageWorld, as_user: Callable[[str], Client], name: str
) -> None:
    client = as_user(name)
    for path in (
        "/",
        "/tenants/tenant/",
        "/tenants/trackedconfig/",
        "/tenants/trackedconfig/?q=retail",
        "/tenants/trackedconfig/?type=agentassist.config",
        "/tenants/membership/",
        "/tenants/membership/?q=dana",
        f"/tenants/tenant/{pages.northwind.pk}/change/",
        f"/tenants/trackedconfig/{pages.billing.pk}/change/",
    ):
        answer = client.get(path)
        assert answer.status_code == 200, path
        for secret in SECRETS:
            assert secret not in answer.content.decode().replace('value="retail"', ""), (path, secret)


def test_addresses_of_another_tenant_answer_as_if_there_were_nothing(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    foreign, snapshot = pages.foreign, pages.foreign.live_id
    gets = (
        reverse("admin:tenants_tenant_change", args=[pages.litware.pk]),
        reverse("admin:tenants_tenant_edit", args=[pages.litware.pk]),
        reverse("admin:tenants_trackedconfig_change", args=[foreign.pk]),
        reverse("admin:tenants_trackedconfig_compare", args=[foreign.pk]),
        reverse("admin:tenants_trackedconfig_version", args=[foreign.pk, snapshot]),
        reverse("admin:tenants_trackedconfig_bytes", args=[foreign.pk, snapshot]),
    )
    posts = (
        reverse("admin:tenants_tenant_freeze", args=[pages.litware.pk]),
        reverse("admin:tenants_trackedconfig_look", args=[foreign.pk]),
        reverse("admin:tenants_trackedconfig_accept", args=[foreign.pk, snapshot]),
    )
    client = as_user("alice")
    for url in gets:
        answer = client.get(url)
        assert answer.status_code == 404, url
        assert not any(secret in answer.content.decode() for secret in SECRETS)
    for url in posts:
        assert client.post(url, {"frozen": "yes", "reason": "x"}).status_code == 404, url
    pages.litware.refresh_from_db()
    assert not pages.litware.frozen
    assert as_user("dana").get(gets[2]).status_code == 200


def test_a_version_of_another_tenant_is_not_reached_through_a_config_of_ones_own(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    client, mine = as_user("alice"), pages.billing.pk
    for name in ("version", "bytes"):
        url = reverse(f"admin:tenants_trackedconfig_{name}", args=[mine, pages.foreign.live_id])
        assert client.get(url).status_code == 404
    accept = reverse("admin:tenants_trackedconfig_accept", args=[mine, pages.foreign.live_id])
    assert client.post(accept).status_code == 404
    compare = reverse("admin:tenants_trackedconfig_compare", args=[mine]) + f"?from=id:{pages.foreign.live_id}&to=live"
    assert "is no version of" in client.get(compare).content.decode()


def test_tracking_in_another_tenant_is_not_offered_and_not_done(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    client, url = as_user("alice"), reverse("admin:tenants_trackedconfig_track")
    assert "litware" not in client.get(url).content.decode()
    client.post(url, {"tenant": "litware", "type": "scripting.session", "object_ids": "session-1"})
    assert pages.litware.configs.count() == 1


@pytest.mark.parametrize(
    "query",
    [
        "client_secret_sealed__startswith=s",
        "memberships__user__password__startswith=md5",
        "configs__live__document__body__contains=x",
        "slug__startswith=n",
    ],
)
def test_no_address_asks_about_a_column_that_is_no_filter(
    pages: PageWorld, as_user: Callable[[str], Client], query: str
) -> None:
    answer = as_user("alice").get(f"/tenants/tenant/?{query}")
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.content.decode()


def test_the_pages_of_users_are_for_platform_owners(pages: PageWorld, as_user: Callable[[str], Client]) -> None:
    assert as_user("alice").get("/auth/user/").status_code == 403
    assert "Users" not in as_user("alice").get("/").content.decode()
    assert as_user("rae").get("/auth/user/").status_code == 200


def test_somebody_without_a_membership_sees_an_empty_console(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    pages.people["nina"] = page_world.person("nina", "Nina", "Novak")
    answer = as_user("nina").get("/")
    assert answer.status_code == 200
    assert "You see no tenant" in answer.content.decode()


def test_who_is_no_staff_is_sent_to_the_login_page(pages: PageWorld, as_user: Callable[[str], Client]) -> None:
    type(pages.people["alice"]).objects.filter(username="alice").update(is_staff=False)
    answer = as_user("alice").get("/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")
