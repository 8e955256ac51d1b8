"""What the pages of configurations show, and what they never show."""

import json
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from tenants import archive, regions
from tenants.models import Membership, TrackedConfig
from tests import page_world
from tests.page_world import PageWorld

pytestmark = pytest.mark.django_db


def compare_url(config: TrackedConfig, query: str = "") -> str:
    return reverse("admin:tenants_trackedconfig_compare", args=[config.pk]) + query


def text_of(client: Client, url: str, *, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, url
    return answer.content.decode()


def test_the_compare_page_says_every_change_with_its_place_and_both_values(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    text = text_of(as_user("carol"), compare_url(pages.billing, "?from=41&to=live"))
    assert "10 changes" in text
    assert "moved from #4 to #1" in text
    assert '<del>"cancel contract please"</del>' in text.replace("&quot;", '"')
    assert "content › rules › Refund request › knowledge › minConfidence" in text
    assert "unchanged lines" in text
    assert "set by the platform" in text


def test_the_unified_view_shows_the_old_line_above_the_new_one(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    text = text_of(as_user("carol"), compare_url(pages.billing, "?from=v41&to=42&view=unified"))
    assert 'class="diff unified"' in text
    assert 'class="diff split"' not in text
    assert text.index("<del>0.7</del>") < text.index("<ins>0.35</ins>")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?from=41&to=41", "Both sides are v41"),
        ("?from=999&to=live", "is no version of"),
        ("?from=<script>&to=live", "is no version of"),
        ("?from=id:99999999999&to=live", "is no version of"),
        ("?from=99999999999999999999&to=live", "is no version of"),
        ("", "10 changes"),
        ("?view=sideways", "10 changes"),
    ],
)
def test_every_pair_of_words_gives_a_page(
    pages: PageWorld, as_user: Callable[[str], Client], query: str, sentence: str
) -> None:
    text = text_of(as_user("carol"), compare_url(pages.billing, query))
    assert sentence in text
    assert "<script>&to" not in text


def test_a_version_that_is_no_json_is_said_so_and_its_bytes_are_still_handed_out(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    broken = page_world.version(pages.billing, 35, b'{"id": "x", "content": {,}')
    client = as_user("carol")
    text = text_of(client, compare_url(pages.billing, "?from=35&to=live"))
    assert "v35 cannot be read, so nothing is compared" in text
    page = text_of(client, reverse("admin:tenants_trackedconfig_version", args=[pages.billing.pk, broken.pk]))
    assert "cannot be laid out" in page
    answer = client.get(reverse("admin:tenants_trackedconfig_bytes", args=[pages.billing.pk, broken.pk]))
    assert answer.content == b'{"id": "x", "content": {,}'
    assert answer["Content-Disposition"].startswith("attachment;")
    assert answer["Content-Type"] == "application/json"


def test_what_a_configuration_holds_is_shown_as_text_and_never_as_markup(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    evil = '</td></table><script>alert("x")</script><img src=x onerror=alert(1)>'
    content = {**page_world.first_content(), evil: evil, "description": evil, "list": [evil]}
    page_world.version(pages.billing, 43, content, author=evil)
    snapshot = pages.billing.snapshots.get(version=43)
    TrackedConfig.objects.filter(pk=pages.billing.pk).update(live=snapshot, name=evil)
    client = as_user("carol")
    for url in (
        compare_url(pages.billing, "?from=41&to=live"),
        compare_url(pages.billing, "?from=41&to=live&view=unified"),
        reverse("admin:tenants_trackedconfig_change", args=[pages.billing.pk]),
        reverse("admin:tenants_trackedconfig_version", args=[pages.billing.pk, snapshot.pk]),
        reverse("admin:tenants_trackedconfig_changelist"),
        reverse("admin:index"),
    ):
        text = text_of(client, url)
        assert "<script>alert" not in text, url
        assert "<img src=x" not in text, url
        assert "&lt;script&gt;alert" in text, url


def test_two_equal_contents_under_two_numbers_are_called_equal(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    content = json.loads(archive.bytes_of(pages.billing.snapshots.get(version=41)))["content"]
    back = page_world.version(pages.billing, 43, content, author="Ines Duarte")
    text = text_of(as_user("carol"), compare_url(pages.billing, "?from=41&to=43"))
    assert "0 changes" in text
    assert "The configuration is the same on both sides" in text
    pages.billing.live = back
    pages.billing.save()
    page = text_of(as_user("carol"), reverse("admin:tenants_trackedconfig_change", args=[pages.billing.pk]))
    assert "content of v41" in page
    assert "drifted" not in page


@pytest.mark.parametrize(("name", "words"), [("trackedconfig", "Configurations"), ("tenant", "Tenants")])
def test_a_lists_tab_in_the_browser_is_called_as_its_heading(
    pages: PageWorld, as_user: Callable[[str], Client], name: str, words: str
) -> None:
    text = as_user("carol").get(reverse(f"admin:tenants_{name}_changelist")).content.decode()
    assert f"<h1>{words}</h1>" in text
    assert " ".join(text.partition("<title>")[2].partition("</title>")[0].split()) == f"{words} | Config Vault"


def test_for_200_configurations_the_lists_ask_the_database_few_questions(
    pages: PageWorld, as_user: Callable[[str], Client], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = as_user("alice")
    page_world.many(pages.northwind, 200, drifted=30)
    # The overview's four beyond that are the platform's records, broken glass, countdowns, and where one acts.
    for url, most in ((reverse("admin:tenants_trackedconfig_changelist"), 14), (reverse("admin:index"), 18)):
        with django_assert_max_num_queries(most):
            text_of(client, url)


def test_the_list_finds_by_search_and_by_every_filter(pages: PageWorld, as_user: Callable[[str], Client]) -> None:
    page_world.many(pages.northwind, 3, drifted=1)
    client, url = as_user("alice"), reverse("admin:tenants_trackedconfig_changelist")

    def names(query: str) -> set[str]:
        return {config.object_id for config in client.get(url + query).context["cl"].result_list}

    assert names("?q=billing") == {"cfg-billing-emea"}
    assert names("?drift=yes") == {"cfg-billing-emea", "cfg-0000"}
    assert names("?drift=no") == {"cfg-0001", "cfg-0002"}
    assert names("?presence=absent") == set()
    assert names("?tenant=northwind&type=agentassist.config") == {
        "cfg-billing-emea",
        "cfg-0000",
        "cfg-0001",
        "cfg-0002",
    }
    assert names("?q=nothing-like-it") == set()


def test_accepting_a_version_is_for_operators_and_approvers_and_only_by_post(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    live = pages.billing.snapshots.get(version=42)
    url = reverse("admin:tenants_trackedconfig_accept", args=[pages.billing.pk, live.pk])
    assert as_user("alice").get(url).status_code == 405
    refused = as_user("carol").post(url)
    assert refused.status_code == 403
    assert "Nothing was" in refused.content.decode()
    pages.billing.refresh_from_db()
    assert pages.billing.baseline_id != live.pk
    assert as_user("bob").post(url).status_code == 302
    pages.billing.refresh_from_db()
    assert pages.billing.baseline_id == live.pk


def test_a_form_sends_nobody_to_another_host(pages: PageWorld, as_user: Callable[[str], Client]) -> None:
    url = reverse("admin:tenants_trackedconfig_accept", args=[pages.billing.pk, pages.billing.live_id])
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        answer = as_user("bob").post(url, {"next": target})
        assert answer["Location"] == reverse("admin:tenants_trackedconfig_change", args=[pages.billing.pk])
    kept = compare_url(pages.billing, "?from=41&to=live")
    assert as_user("bob").post(url, {"next": kept})["Location"] == kept


def test_the_secret_of_a_tenant_is_sealed_and_on_no_page(
    pages: PageWorld, as_user: Callable[[str], Client], settings: Settings
) -> None:
    settings.CONSOLE_ALLOW_CUSTOM_HOSTS = False
    client = as_user("rae")
    form = {
        "name": "Helvetia",
        "slug": "helvetia",
        "region": "mypurecloud.de",
        "client_id": "client-9",
        "client_secret": "s3cret-of-helvetia",
        "approvals_needed": "1",
    }
    answer = client.post(reverse("admin:tenants_tenant_add"), form)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    tenant = type(pages.northwind).objects.get(slug="helvetia")
    assert b"s3cret-of-helvetia" not in bytes(tenant.client_secret_sealed)
    sealed = bytes(tenant.client_secret_sealed)
    edit = reverse("admin:tenants_tenant_edit", args=[tenant.pk])
    for url in (edit, reverse("admin:tenants_tenant_change", args=[tenant.pk])):
        assert "s3cret" not in text_of(client, url)
    assert client.post(edit, {**form, "name": "Helvetia KK", "client_secret": ""}).status_code == 302
    tenant.refresh_from_db()
    assert tenant.name == "Helvetia KK"
    assert bytes(tenant.client_secret_sealed) == sealed
    refused = client.post(edit, {**form, "name": "Helvetia KK", "region": regions.CUSTOM, "client_secret": ""})
    assert refused.status_code == 200
    assert "CONSOLE_ALLOW_CUSTOM_HOSTS" in refused.content.decode()


def test_roles_are_granted_and_revoked_by_platform_owners_only(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    add = reverse("admin:tenants_membership_add")
    values = {"user": pages.people["dana"].pk, "tenant": pages.northwind.pk, "role": "viewer"}
    assert as_user("alice").post(add, values).status_code == 403
    assert not Membership.objects.filter(user=pages.people["dana"], tenant=pages.northwind).exists()
    assert as_user("rae").post(add, values).status_code == 302
    granted = Membership.objects.get(user=pages.people["dana"], tenant=pages.northwind)
    delete = reverse("admin:tenants_membership_delete", args=[granted.pk])
    assert as_user("alice").post(delete, {"post": "yes"}).status_code == 403
    assert as_user("rae").post(delete, {"post": "yes"}).status_code == 302
    assert not Membership.objects.filter(pk=granted.pk).exists()


def test_ids_can_be_tracked_by_name_when_the_platform_has_no_list(
    pages: PageWorld, as_user: Callable[[str], Client]
) -> None:
    client, url = as_user("alice"), reverse("admin:tenants_trackedconfig_track")
    assert "no list of objects" in text_of(client, url + "?tenant=northwind&type=scripting.session")
    answer = client.post(
        url, {"tenant": "northwind", "type": "scripting.session", "object_ids": "session-1, session-2\nsession-1"}
    )
    assert answer.status_code == 302
    tracked = TrackedConfig.objects.filter(resource_type="scripting.session")
    assert {config.object_id for config in tracked} == {"session-1", "session-2"}
    bad = client.post(url, {"tenant": "northwind", "type": "scripting.session", "object_ids": "a/../b"}, follow=True)
    assert "cannot be the id of an object" in bad.content.decode()
    assert tracked.count() == 2
    assert as_user("carol").get(url).status_code == 403
