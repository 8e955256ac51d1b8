"""A session ends when nobody does anything, after a working day, with the password, and when its owner says so."""

import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

from console import sessions
from console.tasks import tidy_sessions
from rollbacks import audit
from rollbacks.models import AuditEntry
from tenants.access import Role
from tenants.models import Tenant
from tests.rollbacks.trail_world import make_bank
from tests.world import PASSWORD, People, give_roles

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank(people: People) -> Tenant:
    bank = make_bank()
    give_roles(people.alice, bank, Role.OPERATOR)
    return bank


def signed_in(**client: Any) -> Client:
    browser = Client(**client)
    assert browser.post(reverse("account_login"), {"username": "alice", "password": PASSWORD}).status_code == 302
    return browser


def as_if(browser: Client, **ago: int) -> None:
    """Move the times that are noted in a session so many seconds back."""
    session = browser.session
    for name, seconds in ago.items():
        session[name] = int(time.time()) - seconds
    session.save()


def last_entry() -> tuple[str, Any]:
    entry = AuditEntry.objects.latest("seq")
    return entry.action, audit.payload_of(entry)["details"]


def test_half_an_hour_in_which_nothing_was_done_ends_it_and_the_person_is_told(bank: Tenant) -> None:
    browser = signed_in()
    as_if(browser, began_at=3600, seen_at=29 * 60)
    assert browser.get("/").status_code == 200
    as_if(browser, seen_at=30 * 60)
    answer = browser.get("/", follow=True)
    assert answer.redirect_chain == [("/login/?next=/", 302)]
    assert "nothing was done for 30 minutes" in answer.content.decode()
    assert last_entry() == ("login.ended", {"why": "nothing was done for 30 minutes"})


def test_a_working_day_ends_it_however_busy_it_was(bank: Tenant) -> None:
    browser = signed_in()
    as_if(browser, began_at=12 * 3600, seen_at=5)
    assert browser.get("/").status_code == 302
    assert last_entry() == ("login.ended", {"why": "a session lasts 12 hours at most"})


def test_what_a_script_asks_for_by_itself_keeps_no_session_alive(bank: Tenant) -> None:
    browser = signed_in()
    as_if(browser, seen_at=20 * 60)
    browser.get("/", headers={"sec-fetch-dest": "empty"})
    assert time.time() - browser.session[sessions.SEEN] > 19 * 60
    browser.get("/", headers={"sec-fetch-dest": "document"})
    assert time.time() - browser.session[sessions.SEEN] < 60


def test_a_new_password_ends_every_other_session_and_is_an_entry(bank: Tenant) -> None:
    here, there = signed_in(), signed_in()
    words = {"old_password": PASSWORD, "new_password1": "seven green taxis 41", "new_password2": "seven green taxis 41"}
    guessed = {**words, "old_password": "seven red taxis 41"}
    assert here.post(reverse("admin:password_change"), guessed).status_code == 200
    assert there.get("/").status_code == 200
    assert here.post(reverse("admin:password_change"), words).status_code == 302
    assert last_entry() == ("person.changed", {"user": "alice", "password": "changed"})
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302


def test_the_person_sees_where_they_are_signed_in_and_signs_out_everywhere_else(bank: Tenant, people: People) -> None:
    here, there = signed_in(REMOTE_ADDR="10.0.4.7"), signed_in(REMOTE_ADDR="10.0.9.9")
    page = here.get(reverse("mfa_index")).content.decode()
    assert "10.0.4.7" in page
    assert "10.0.9.9" in page
    assert here.get(reverse("sign_out_elsewhere")).status_code == 405
    assert here.post(reverse("sign_out_elsewhere")).status_code == 302
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert last_entry() == ("sessions.ended", {"user": "alice", "count": 1})


def test_signing_in_changes_the_sessions_key_and_signing_out_removes_its_row(bank: Tenant) -> None:
    browser = Client()
    browser.get(reverse("account_login"))
    session = browser.session
    session["planted"] = "by whoever sat here before"
    session.save()
    before = session.session_key or ""
    browser.cookies["sessionid"] = before
    browser.post(reverse("account_login"), {"username": "alice", "password": PASSWORD})
    after = browser.session.session_key
    assert after != before
    assert not Session.objects.filter(pk=before).exists()
    browser.post(reverse("admin:logout"))
    assert not Session.objects.filter(pk=after).exists()


def test_who_is_made_inactive_or_no_longer_staff_is_out_at_the_next_page_and_not_led_in_a_ring(
    bank: Tenant, people: People
) -> None:
    browser = signed_in()
    User.objects.filter(pk=people.alice.pk).update(is_staff=False)
    answer = browser.get("/", follow=True)
    assert answer.status_code == 200
    assert "may no longer open this console" in answer.content.decode()
    other = Client()
    other.force_login(people.bob)
    User.objects.filter(pk=people.bob.pk).update(is_active=False)
    assert other.get("/").status_code == 302


def test_sessions_and_counts_that_are_over_are_tidied_away(bank: Tenant) -> None:
    browser = signed_in()
    Session.objects.update(expire_date="2020-01-01T00:00Z")
    cache.set("over", 1, timeout=1)
    cache.set("goes-on", 1, timeout=600)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE console_cache SET expires = now() - interval '1 h' WHERE cache_key LIKE %s", ["%over"])
        tidy_sessions()
        cursor.execute("SELECT count(*) FROM console_cache WHERE cache_key LIKE %s", ["%over"])
        assert cursor.fetchone() == (0,)
    assert not Session.objects.exists()
    assert cache.get("goes-on") == 1
    assert browser.get("/").status_code == 302
