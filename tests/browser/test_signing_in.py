"""A passkey in a real browser, with the browser's own virtual authenticator; and the pages without scripts."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from rollbacks import audit
from rollbacks.models import AuditEntry
from tenants.access import Role
from tests.console.test_step_up import code_of
from tests.rollbacks.trail_world import make_bank
from tests.world import PASSWORD, give_roles

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OpenPage = Callable[..., Page]


@pytest.fixture
def bob(db: None) -> User:
    bob = User.objects.create_user("bob", password=PASSWORD, is_staff=True, first_name="Bob")
    give_roles(bob, make_bank(), Role.APPROVER)
    return bob


def with_a_key(page: Page) -> Any:
    """Plug a key into the browser that holds passkeys and knows its owner's finger."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session


def enter(page: Page) -> None:
    page.goto("/login/")
    page.get_by_label("Username").fill("bob")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


@pytest.mark.slow
def test_a_passkey_is_added_signs_in_alone_proves_it_again_and_is_the_second_factor_beside_the_password(
    bob: User, new_page: OpenPage
) -> None:
    page = new_page()
    with_a_key(page)
    enter(page)
    page.get_by_role("link", name="Your sign-in").click()
    page.get_by_role("link", name="Add", exact=True).click()
    page.get_by_label("Name").fill("Bob's laptop")
    page.get_by_role("button", name="Add this device or key").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("Passkey: Bob's laptop")).to_be_visible()
    page.get_by_role("button", name="Log out", exact=True).click()

    page.goto("/login/")
    page.get_by_role("button", name="Use a passkey instead").click()
    page.wait_for_url("**/")
    expect(page.get_by_role("link", name="Your sign-in")).to_be_visible()

    page.goto("/confirm/passkey/?next=/sign-in/")
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url("**/sign-in/")
    page.get_by_role("button", name="Log out", exact=True).click()

    enter(page)
    expect(page.get_by_label("Code of your app")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/")

    found = AuditEntry.objects.filter(action="login.succeeded").order_by("seq")
    assert [audit.payload_of(one)["details"] for one in found] == [
        {"factors": ["password"]},
        {"factors": ["webauthn"]},
        {"factors": ["password", "webauthn"]},
    ]
    assert AuditEntry.objects.filter(action="step_up.succeeded").count() == 1


def test_another_browsers_key_opens_nothing(bob: User, new_page: OpenPage) -> None:
    page = new_page()
    with_a_key(page)
    page.goto("/login/")
    page.get_by_role("button", name="Use a passkey instead").click()
    expect(page.locator("#passkey-trouble")).to_contain_text("The passkey was not used")
    page.goto("/")
    page.wait_for_url(lambda url: "/login/" in url)


@pytest.mark.slow
def test_an_app_is_set_up_and_used_without_scripts_in_the_dark(bob: User, new_page: OpenPage) -> None:
    page = new_page(dark=True, script=False)
    enter(page)
    page.goto("/sign-in/app/")
    secret = page.locator(".secret").inner_text()
    page.get_by_label("Code that the app shows").fill(code_of(secret))
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("button", name="Log out", exact=True).click()
    enter(page)
    page.get_by_label("Code of your app").fill(code_of(secret))
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("link", name="Your sign-in")).to_be_visible()
    assert page.get_by_role("button", name="Use a passkey").count() == 0
