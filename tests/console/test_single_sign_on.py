"""Signing in at an identity provider: over real HTTP, for people who are linked to their subject, and nobody else."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import reverse

from console.env import Environment
from console.signing_in import keeping
from rollbacks.models import AuditEntry
from tenants import access
from tenants.access import Role
from tenants.granting import ClaimRole
from tenants.models import Tenant
from tests.console.identity_provider import IdentityProvider, make_key
from tests.rollbacks.trail_world import make_bank
from tests.tenants.running import run
from tests.world import People, give_roles

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank(people: People) -> Tenant:
    bank = make_bank()
    give_roles(people.alice, bank, Role.OPERATOR)
    User.objects.filter(pk=people.carol.pk).update(is_superuser=True)
    people.carol.refresh_from_db()
    return bank


@pytest.fixture
def provider(bank: Tenant) -> Iterator[IdentityProvider]:
    with IdentityProvider() as provider:
        known = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [provider.app()]}}
        with override_settings(SOCIALACCOUNT_PROVIDERS=known):
            yield provider


def go_through(browser: Client, way: str = "/login/sso/?next=/rollbacks/rollback/") -> tuple[int, str]:
    """Follow the link to the provider and back as a browser does; give the answer and where it leads."""
    there = browser.get(way)
    assert there.status_code == 302, there.content
    back = requests.get(there["Location"], allow_redirects=False, timeout=60).headers["Location"]
    answer = browser.get(back.removeprefix("http://testserver"))
    return answer.status_code, answer.headers.get("Location", "")


def told() -> list[tuple[str, str, str]]:
    found = AuditEntry.objects.filter(action__startswith="login").order_by("seq")
    return [(one.action, one.actor, one.outcome) for one in found]


def test_who_is_linked_comes_in_and_back_to_the_page_and_the_trail_says_how(
    provider: IdentityProvider, people: People
) -> None:
    assert run("sign_in", "link", "alice", "--subject", "00u-marek", "--as", "carol").code == 0
    browser = Client()
    assert b"Continue with Northwind" in browser.get(reverse("account_login")).content

    assert go_through(browser) == (302, "/rollbacks/rollback/")

    assert browser.get("/").status_code == 200
    assert told() == [("login.succeeded", "alice", "ok")]
    assert provider.asked[0]["redirect_uri"] == "http://testserver/login/sso/done/"
    assert len(provider.asked[0]["nonce"]) == 64
    go_through(Client())
    assert provider.asked[1]["nonce"] != provider.asked[0]["nonce"]
    stored = str(SocialAccount.objects.values_list("extra_data", flat=True)[0])
    assert "access_token" not in stored


def test_each_sign_in_brings_the_roles_that_the_claims_say_and_takes_those_that_they_no_longer_say(
    provider: IdentityProvider, people: People, bank: Tenant
) -> None:
    keeping.link_subject(people.alice, "00u-marek", acting_user=people.carol)
    ClaimRole.objects.create(tenant=bank, claim="groups", value="vault-approvers", role=Role.APPROVER)
    provider.claims["groups"] = ["everybody", "vault-approvers"]
    go_through(Client())
    assert access.roles_in(people.alice, bank) == {Role.OPERATOR, Role.APPROVER}
    provider.claims["groups"] = ["everybody"]
    go_through(Client())
    assert access.roles_in(people.alice, bank) == {Role.OPERATOR}


def test_whom_the_provider_knows_and_nobody_here_gets_no_account_not_even_with_the_e_mail_of_somebody(
    provider: IdentityProvider, people: People
) -> None:
    User.objects.filter(pk=people.alice.pk).update(email="alice@northwind.example")
    provider.claims |= {"email": "alice@northwind.example", "email_verified": True, "preferred_username": "alice"}
    browser, before = Client(), User.objects.count()

    answer = go_through(browser)

    assert answer == (200, "")
    assert browser.get("/").status_code == 302
    assert User.objects.count() == before
    assert not SocialAccount.objects.exists()
    assert told() == []


def test_a_linked_person_who_left_does_not_come_in(provider: IdentityProvider, people: People) -> None:
    keeping.link_subject(people.alice, "00u-marek", acting_user=people.carol)
    User.objects.filter(pk=people.alice.pk).update(is_active=False)
    browser = Client()
    assert go_through(browser) == (302, "/login/")
    assert browser.get("/").status_code == 302
    assert told() == [("login.failed", "alice", "refused")]


@pytest.mark.parametrize(
    "fault",
    ["signature", "audience", "expired", "issuer", "algorithm", "discovery", "state", "another nonce", "no nonce"],
)
def test_an_answer_that_cannot_be_believed_lets_nobody_in(
    provider: IdentityProvider, people: People, fault: str
) -> None:
    keeping.link_subject(people.alice, "00u-marek", acting_user=people.carol)
    if fault == "signature":
        provider.signing_key = make_key()
    elif fault == "audience":
        provider.audience = "another-client"
    elif fault == "expired":
        provider.claims["exp"] = int(time.time()) - 10
    elif fault == "issuer":
        provider.claims["iss"] = "https://elsewhere.example"
    elif fault == "algorithm":
        provider.algorithm, provider.signing_key = "HS256", "a secret that anybody may have chosen, it is long"
    elif fault.endswith("nonce"):
        provider.claims["nonce"] = "of-another-sign-in" if fault == "another nonce" else None
    elif fault == "discovery":
        provider.told_issuer = "https://elsewhere.example"
    browser = Client()

    if fault == "discovery":
        assert browser.get("/login/sso/").status_code == 502
    elif fault == "state":
        there = requests.get(browser.get("/login/sso/")["Location"], allow_redirects=False, timeout=60)
        answer = Client().get(there.headers["Location"].removeprefix("http://testserver"))
        assert answer.status_code == 401
    else:
        status, _ = go_through(browser)
        assert status == 401

    assert browser.get("/").status_code == 302
    assert told() == []


@pytest.mark.parametrize(("ago", "counts"), [(20, True), (600, False), (None, False)])
def test_a_sign_in_elsewhere_counts_as_a_proof_for_as_long_as_the_provider_says_that_it_asked(
    provider: IdentityProvider, people: People, ago: int | None, *, counts: bool
) -> None:
    keeping.link_subject(people.alice, "00u-marek", acting_user=people.carol)
    del provider.claims["auth_time"]
    if ago is not None:
        provider.claims["auth_time"] = int(time.time()) - ago
    browser = Client()
    go_through(browser)
    answer = browser.get(reverse("mfa_activate_totp"))
    assert (answer.status_code == 200) is counts


@pytest.mark.parametrize(("said", "enough"), [(["pwd", "mfa"], True), (["pwd"], False), (None, False)])
def test_where_a_second_factor_is_required_the_providers_counts_when_it_says_that_it_asked_for_one(
    provider: IdentityProvider, people: People, said: list[str] | None, *, enough: bool
) -> None:
    keeping.link_subject(people.alice, "00u-marek", acting_user=people.carol)
    provider.claims["amr"] = said
    browser = Client()
    go_through(browser)
    with override_settings(CONSOLE_REQUIRE_SECOND_FACTOR=True):
        assert (browser.get("/").status_code == 200) is enough


def test_another_site_begins_no_session(provider: IdentityProvider, people: People) -> None:
    answer = Client().get("/login/sso/", headers={"sec-fetch-site": "cross-site"})
    assert answer["Location"] == reverse("account_login")
    assert provider.asked == []


def test_a_provider_that_is_away_is_a_page_and_no_crash(bank: Tenant) -> None:
    with IdentityProvider() as provider:
        known = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [provider.app()]}}
    with override_settings(SOCIALACCOUNT_PROVIDERS=known):
        answer = Client().get("/login/sso/")
    assert answer.status_code == 502
    assert b"did not vouch" in answer.content


def test_without_a_provider_its_addresses_lead_nowhere(bank: Tenant) -> None:
    assert Client().get("/login/sso/").status_code == 404
    assert Client().get("/login/sso/done/").status_code == 404


def test_nobody_connects_an_account_by_themselves_and_no_page_signs_anybody_up(
    provider: IdentityProvider, people: People
) -> None:
    browser = Client()
    browser.force_login(people.alice)
    assert browser.get("/login/sso/?process=connect").status_code == 404
    for address in ("/signup/", "/accounts/signup/", "/password/reset/", "/email/", "/social/signup/"):
        assert Client().get(address, follow=True).redirect_chain[-1:] in ([], [(f"/login/?next={address}", 302)])


def test_only_a_platform_owner_links_and_a_subject_belongs_to_one_person(bank: Tenant, people: People) -> None:
    assert run("sign_in", "link", "alice", "--subject", "s-1", "--as", "bob").code == 2
    assert run("sign_in", "link", "alice", "--subject", "s-1", "--as", "carol").code == 0
    assert run("sign_in", "link", "bob", "--subject", "s-1", "--as", "carol").code == 2
    assert run("sign_in", "link", "alice", "--subject", "s-2", "--as", "carol").code == 2
    assert run("sign_in", "show", "alice", "--json").document["subject"] == "s-1"
    assert run("sign_in", "unlink", "alice", "--as", "carol").code == 0
    assert run("sign_in", "unlink", "alice", "--as", "carol").code == 2
    found = AuditEntry.objects.filter(action__startswith="factor").order_by("seq")
    assert [(one.action, one.actor) for one in found] == [("factor.added", "carol"), ("factor.removed", "carol")]


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"ISSUER": "https://id.example", "CLIENT_ID": "c", "CLIENT_SECRET": "s"}, []),
        ({"ISSUER": "http://id.example", "CLIENT_ID": "c", "CLIENT_SECRET": "s"}, ["CONSOLE_OIDC_ISSUER"]),
        ({"ISSUER": "https://id.example"}, ["CONSOLE_OIDC_CLIENT_ID", "CONSOLE_OIDC_CLIENT_SECRET"]),
        ({"CLIENT_SECRET": "s"}, ["CONSOLE_OIDC_CLIENT_SECRET"]),
        ({}, []),
    ],
)
def test_half_a_provider_is_refused_at_start_by_name(given: dict[str, str], refused: list[str], tmp_path: Path) -> None:
    named = {f"CONSOLE_OIDC_{name}": value for name, value in given.items()}
    environment = Environment(named, default_data_dir=tmp_path)
    environment.single_sign_on("CONSOLE_OIDC", plain_http=False)
    assert [problem.split()[0] for problem in environment.problems] == refused
