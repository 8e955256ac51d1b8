"""Before what matters the person proves again who they are, and comes back to the page with what was typed."""

import time
from typing import Any

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from rollbacks import audit
from rollbacks.models import AuditEntry
from tenants import step_up
from tenants.access import Role
from tenants.models import Tenant
from tests.rollbacks.trail_world import make_bank
from tests.world import PASSWORD, People, give_roles

pytestmark = pytest.mark.django_db

PAGE = "/rollbacks/rollback/77/change/?tab=plan"


@pytest.fixture
def bank(people: People) -> Tenant:
    bank = make_bank()
    give_roles(people.bob, bank, Role.APPROVER)
    return bank


def browser_of(user: User, *, proved_seconds_ago: float) -> Client:
    browser = Client()
    browser.force_login(user)
    session = browser.session
    record = {"method": "password", "at": time.time() - proved_seconds_ago}
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [record]
    session.save()
    return browser


def asked(browser: Client, user: User, **form: str) -> HttpResponse | None:
    """Ask as a view does that was sent a form from PAGE."""
    request = RequestFactory(headers={"referer": f"http://testserver{PAGE}"}).post("/approve/", form)
    request.user, request.session = user, browser.session
    answer = step_up.required(request)
    request.session.save()
    return answer


def typed(browser: Client, user: User, page: str) -> dict[str, str]:
    request: Any = RequestFactory().get(page)
    request.user, request.session = user, browser.session
    return step_up.typed(request)


def entries() -> list[tuple[str, str, Any]]:
    found = AuditEntry.objects.exclude(action__startswith="membership").order_by("seq")
    return [(one.action, one.outcome, audit.payload_of(one)["details"]) for one in found]


def test_who_proved_it_a_moment_ago_is_not_asked(people: People) -> None:
    assert asked(browser_of(people.bob, proved_seconds_ago=200), people.bob) is None


def test_the_way_leads_through_the_password_back_to_the_page_with_what_was_typed(bank: Tenant, people: People) -> None:
    browser = browser_of(people.bob, proved_seconds_ago=3600)
    answer = asked(browser, people.bob, reason="Undo the price change", password="never kept", note="x")
    assert answer is not None
    page = browser.get(answer["Location"])
    assert b"confirm that it is you" in page.content
    wrong = browser.post(answer["Location"], {"password": "wrong", "next": PAGE})
    assert wrong.status_code == 200
    assert asked(browser, people.bob) is not None
    asked(browser, people.bob, reason="Undo the price change", password="never kept", note="x")

    before = browser.session.session_key
    right = browser.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": PAGE})

    assert (right.status_code, right["Location"]) == (302, PAGE)
    assert browser.session.session_key != before, "a proof gives the session a new key"
    assert not Session.objects.filter(pk=before).exists()
    assert asked(browser, people.bob) is None
    assert typed(browser, people.bob, "/another/page/") == {}
    assert typed(browser, people.carol, PAGE) == {}
    assert typed(browser, people.bob, PAGE) == {"reason": "Undo the price change", "note": "x"}
    assert entries() == [
        ("step_up.failed", "refused", {"factors": ["password"]}),
        ("step_up.succeeded", "ok", {"factors": ["password"]}),
    ]


def test_who_has_a_second_factor_proves_it_with_that_and_not_with_the_password(bank: Tenant, people: People) -> None:
    browser = browser_of(people.bob, proved_seconds_ago=200)
    secret = set_up_app(browser)
    browser = browser_of(people.bob, proved_seconds_ago=10)

    answer = asked(browser, people.bob)

    assert answer is not None
    assert answer["Location"].startswith(reverse("mfa_reauthenticate"))
    by_password = browser.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": PAGE})
    assert by_password["Location"].startswith(reverse("mfa_reauthenticate"))
    assert asked(browser, people.bob) is not None
    assert browser.post(answer["Location"], {"code": "000000", "next": PAGE}).status_code == 200
    assert asked(browser, people.bob) is not None

    right = browser.post(answer["Location"], {"code": code_of(secret), "next": PAGE})

    assert (right.status_code, right["Location"]) == (302, PAGE)
    assert asked(browser, people.bob) is None
    told = [(action, outcome) for action, outcome, _ in entries()]
    assert told == [
        ("factor.added", "ok"),
        ("factor.added", "ok"),
        ("step_up.failed", "refused"),
        ("step_up.succeeded", "ok"),
    ]


def test_the_way_back_never_leads_to_another_host(people: People) -> None:
    browser = browser_of(people.bob, proved_seconds_ago=3600)
    request = RequestFactory(headers={"referer": "https://elsewhere.example/rollbacks/"}).post("/approve/")
    request.user, request.session = people.bob, browser.session
    answer = step_up.required(request)
    assert answer is not None
    assert "elsewhere" not in answer["Location"]
    right = browser.post(answer["Location"], {"password": PASSWORD, "next": "https://elsewhere.example/"})
    assert right["Location"] == "/"


def set_up_app(browser: Client) -> str:
    """Set up an authenticator app as a person does, and give its secret."""
    page = browser.get(reverse("mfa_activate_totp"))
    secret: str = page.context["form"].secret
    assert browser.post(reverse("mfa_activate_totp"), {"code": code_of(secret, forget=False)}).status_code == 302
    return secret


def code_of(secret: str, *, forget: bool = True) -> str:
    """Give the code that an app shows now; a code that was used is forgotten, so that no test waits for the next."""
    if forget:
        totp.cache.clear()
    return str(totp.format_hotp_value(totp.hotp_value(secret, next(totp.yield_hotp_counters_from_time()))))
