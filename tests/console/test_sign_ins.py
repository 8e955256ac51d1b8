"""Who signed in, who was refused and who left is in the trail of each tenant that they may see, and of no other."""

import json

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from rollbacks import audit, verifying
from rollbacks.models import AuditEntry
from tenants import sign_ins, trail
from tenants.access import Role
from tenants.models import Tenant
from tests.rollbacks.trail_world import make_bank
from tests.tenants.running import run
from tests.world import PASSWORD, People, give_roles

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank(people: People) -> Tenant:
    cache.clear()
    bank = make_bank()
    give_roles(people.alice, bank, Role.OPERATOR)
    make_bank("halden", "Halden & Moor")
    return bank


def sign_in(client: Client, name: str, password: str = PASSWORD) -> int:
    return client.post(reverse("admin:login"), {"username": name, "password": password}).status_code


def told(tenant: str = "northwind") -> list[tuple[str, str, str]]:
    found = AuditEntry.objects.filter(tenant__slug=tenant).order_by("seq")
    return [(one.action, one.actor, one.outcome) for one in found]


def test_signing_in_and_out_are_entries_with_the_address(bank: Tenant) -> None:
    browser = Client(REMOTE_ADDR="10.0.4.7", headers={"x-forwarded-for": "203.0.113.9"})
    assert sign_in(browser, "alice") == 302
    browser.post(reverse("admin:logout"))
    browser.post(reverse("admin:logout"))
    assert told() == [("login.succeeded", "alice", "ok"), ("login.ended", "alice", "ok")]
    assert told("halden") == []
    payload = audit.payload_of(AuditEntry.objects.get(action="login.succeeded"))
    assert payload["from"] == {
        "host": trail.source()["host"],
        "part": "web",
        "address": "10.0.4.7",
        "forwarded_for": "203.0.113.9",
    }
    assert verifying.verify(bank).holds


def test_a_refused_sign_in_is_an_entry_that_holds_no_password(bank: Tenant, people: People) -> None:
    assert sign_in(Client(), "alice", "wrong-but-close-to-it") == 200
    User.objects.filter(pk=people.alice.pk).update(is_active=False)
    assert sign_in(Client(), "alice") == 200
    assert told() == [("login.failed", "alice", "refused")] * 2
    for one in AuditEntry.objects.all():
        assert b"wrong-but" not in bytes(one.payload)
        assert PASSWORD.encode() not in bytes(one.payload)


def test_a_name_that_nobody_bears_is_in_the_log_without_what_was_typed(
    bank: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    assert sign_in(Client(), "my-secret-password") == 200
    assert told() == told("halden") == []
    assert "under a name that nobody bears" in caplog.text
    assert "my-secret-password" not in caplog.text


def test_a_platform_owner_is_in_the_trail_of_every_tenant(bank: Tenant, people: People) -> None:
    User.objects.filter(pk=people.bob.pk).update(is_superuser=True)
    sign_in(Client(), "bob")
    assert told() == told("halden") == [("login.succeeded", "bob", "ok")]


def test_nobody_floods_a_trail_from_outside(bank: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_ins, "REFUSALS_A_MINUTE", 3)
    for _ in range(4):
        sign_in(Client(), "alice", "wrong")
    assert len(told()) == 3
    assert sign_in(Client(), "alice") == 302


def test_five_wrong_passwords_lock_the_account_for_every_address_and_the_trail_says_so(bank: Tenant) -> None:
    for number in range(5):
        sign_in(Client(REMOTE_ADDR=f"10.0.4.{number}"), "alice", "wrong")
    answer = Client(REMOTE_ADDR="10.0.9.9").post(
        reverse("admin:login"), {"username": "alice", "password": PASSWORD}, follow=True
    )
    assert "too many wrong attempts" in answer.content.decode()
    assert told() == [("login.failed", "alice", "refused")] * 6
    last = audit.payload_of(AuditEntry.objects.latest("seq"))
    assert last["details"] == {"factors": ["password"], "active": True, "why": "too many attempts"}


def test_one_address_may_not_try_one_account_after_the_other(bank: Tenant, people: People) -> None:
    for number in range(20):
        sign_in(Client(), f"name-{number}", "wrong")
    assert sign_in(Client(), "alice") == 200
    assert sign_in(Client(REMOTE_ADDR="10.0.9.9"), "alice") == 302


def test_an_unknown_name_a_wrong_password_and_a_person_who_may_not_come_in_get_the_same_answer(
    bank: Tenant, people: People
) -> None:
    User.objects.filter(pk=people.bob.pk).update(is_staff=False)
    User.objects.filter(pk=people.carol.pk).update(is_active=False)
    tried = [("nobody", "x"), ("alice", "wrong"), ("bob", PASSWORD), ("carol", PASSWORD)]
    answers = set()
    for name, password in tried:
        answer = Client().post(reverse("admin:login"), {"username": name, "password": password})
        answers.add((answer.status_code, answer.context["form"].errors.as_text()))
    assert len(answers) == 1


def test_no_entry_no_sign_in(bank: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise IntegrityError

    before = trail.set_recorder(refuse)
    try:
        browser = Client(raise_request_exception=False)
        assert sign_in(browser, "alice") == 500
        assert browser.get("/").status_code == 302, "nobody is signed in"
    finally:
        trail.set_recorder(before)


def test_a_change_of_access_and_a_new_password_are_entries(bank: Tenant, people: People) -> None:
    User.objects.filter(pk=people.carol.pk).update(is_superuser=True)
    owner = Client()
    owner.force_login(User.objects.get(pk=people.carol.pk))
    page = reverse("admin:auth_user_change", args=[people.alice.pk])
    form = {"username": "alice", "is_staff": "on", "first_name": "Alicia", "is_superuser": "on", "is_active": "on"}
    assert owner.post(page, form).status_code == 302
    words = {"password1": "another correct horse 77", "password2": "another correct horse 77"}
    ask = reverse("admin:auth_user_password_change", args=[people.alice.pk])
    asked = owner.get(ask).content.decode()
    assert "The password of now is lost then." in asked
    assert "&lt;" not in asked, "no markup of Django's own stands there as text"
    assert owner.post(ask, words).status_code == 302
    entries = AuditEntry.objects.filter(tenant=bank, action="person.changed").order_by("seq")
    details = [audit.payload_of(one)["details"] for one in entries]
    assert details == [{"user": "alice", "is_superuser": True}, {"user": "alice", "password": "set"}]
    assert {one.actor for one in entries} == {"carol"}
    assert b"77" not in b"".join(json.dumps(one).encode() for one in details)


def test_a_command_says_that_it_was_a_terminal(bank: Tenant, tmp_path: object) -> None:
    run("audit", "export", "northwind", "--output", f"{tmp_path}/x.jsonl")
    assert audit.payload_of(AuditEntry.objects.get(action="audit.exported"))["from"]["part"] == "terminal"  # type: ignore[index]
