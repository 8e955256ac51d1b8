"""An authenticator app, recovery codes and what is required of whom; passkeys are in tests/browser."""

import json

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse

from console.signing_in import keeping
from rollbacks import audit, verifying
from rollbacks.models import AuditEntry
from tenants import sealing
from tenants.access import Role
from tenants.models import Tenant
from tests.console.test_step_up import code_of, set_up_app
from tests.rollbacks.trail_world import make_bank
from tests.tenants.running import run
from tests.world import PASSWORD, People, give_roles

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank(people: People) -> Tenant:
    bank = make_bank()
    give_roles(people.bob, bank, Role.APPROVER)
    give_roles(people.alice, bank, Role.VIEWER)
    return bank


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def with_password(name: str = "bob") -> Client:
    browser = Client()
    answer = browser.post(
        reverse("account_login"), {"username": name, "password": PASSWORD, "next": "/tenants/tenant/"}
    )
    assert answer["Location"] == reverse("mfa_authenticate")
    return browser


def told() -> list[tuple[str, str]]:
    found = AuditEntry.objects.filter(action__regex="^(login|factor|sessions|step_up)").order_by("seq")
    return [(one.action, one.outcome) for one in found]


def last_details() -> object:
    return audit.payload_of(AuditEntry.objects.latest("seq"))["details"]


def test_signing_in_asks_for_a_code_which_works_once_and_leads_back_to_the_page(bank: Tenant, people: People) -> None:
    secret = set_up_app(browser_of(people.bob))
    AuditEntry.objects.count()
    browser = with_password()
    assert browser.get("/").status_code == 302, "the password alone opens nothing"
    page = browser.get(reverse("mfa_authenticate")).content.decode()
    assert "Code of your app" in page
    assert browser.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    code = code_of(secret)

    answer = browser.post(reverse("mfa_authenticate"), {"code": code})

    assert (answer.status_code, answer["Location"]) == (302, "/tenants/tenant/")
    assert browser.get("/").status_code == 200
    again = with_password()
    assert again.post(reverse("mfa_authenticate"), {"code": code}).status_code == 200, "no code works twice"
    assert again.get("/").status_code == 302
    assert told() == [
        ("factor.added", "ok"),
        ("factor.added", "ok"),
        ("login.failed", "refused"),
        ("login.succeeded", "ok"),
        ("login.failed", "refused"),
    ]
    factors = [audit.payload_of(one)["details"] for one in AuditEntry.objects.filter(action="login.succeeded")]
    assert factors == [{"factors": ["password", "totp"]}]
    assert verifying.verify(bank).holds


def test_codes_that_are_guessed_lock_the_second_step(bank: Tenant, people: People) -> None:
    secret = set_up_app(browser_of(people.bob))
    browser = with_password()
    for number in range(5):
        browser.post(reverse("mfa_authenticate"), {"code": f"00000{number}"})
    right = browser.post(reverse("mfa_authenticate"), {"code": code_of(secret, forget=False)})
    assert right.status_code == 200
    assert last_details() == {"factors": ["password", "totp"], "active": True, "why": "too many attempts"}


def test_a_recovery_code_works_once_and_codes_are_shown_once(bank: Tenant, people: People) -> None:
    browser = browser_of(people.bob)
    set_up_app(browser)
    shown = browser.get(reverse("mfa_view_recovery_codes"))
    codes = shown.context["unused_codes"]
    assert len(codes) == 10
    assert codes[0] in shown.content.decode()
    assert codes[0] not in browser.get(reverse("mfa_view_recovery_codes")).content.decode()
    assert with_password().post(reverse("mfa_authenticate"), {"code": codes[0]}).status_code == 302
    assert with_password().post(reverse("mfa_authenticate"), {"code": codes[0]}).status_code == 200
    assert with_password().post(reverse("mfa_authenticate"), {"code": codes[1]}).status_code == 302


def test_new_recovery_codes_void_the_old_ones_and_the_app_can_be_removed(bank: Tenant, people: People) -> None:
    browser = browser_of(people.bob)
    secret = set_up_app(browser)
    old = browser.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    browser.post(reverse("mfa_reauthenticate"), {"code": code_of(secret)})
    assert browser.post(reverse("mfa_generate_recovery_codes")).status_code == 302
    assert with_password().post(reverse("mfa_authenticate"), {"code": old[0]}).status_code == 200
    assert browser.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert not Authenticator.objects.exists()
    assert [action for action, _ in told()][-1:] == ["factor.removed"]
    assert ("factor.replaced", "ok") in told()


def test_how_one_signs_in_is_changed_only_after_a_proof(bank: Tenant, people: People) -> None:
    browser = browser_of(people.bob)
    session = browser.session
    session["account_authentication_methods"] = []
    session.save()
    for name in ("mfa_activate_totp", "mfa_add_webauthn"):
        assert browser.get(reverse(name))["Location"].startswith(reverse("account_reauthenticate"))


def test_a_sealed_second_factor_that_is_moved_to_another_person_does_not_open(bank: Tenant, people: People) -> None:
    set_up_app(browser_of(people.bob))
    stored = Authenticator.objects.get(user=people.bob, type="totp").data["secret"]
    assert sealing.unseal_for_person(stored, user_id=people.bob.pk, field=sealing.FACTOR_FIELD)
    with pytest.raises(sealing.CannotUnseal, match="another person or field"):
        sealing.unseal_for_person(stored, user_id=people.alice.pk, field=sealing.FACTOR_FIELD)
    with pytest.raises(sealing.CannotUnseal, match="another tenant or field"):
        sealing.unseal(sealing.raw_of(stored), tenant_id=people.bob.pk, field=sealing.FACTOR_FIELD)


def test_the_database_holds_no_secret_of_an_app_and_no_recovery_code_in_the_clear(bank: Tenant, people: People) -> None:
    browser = browser_of(people.bob)
    secret = set_up_app(browser)
    codes = browser.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(data::text, ' ') FROM mfa_authenticator")
        held = cursor.fetchone()[0]
    for text in (secret, *codes):
        assert text not in held
    entries = b"".join(bytes(one.payload) for one in AuditEntry.objects.all())
    assert secret.encode() not in entries


def test_the_secret_of_an_app_that_is_being_set_up_waits_sealed_and_opens_in_no_other_persons_session(
    bank: Tenant, people: People
) -> None:
    bob, alice, address = browser_of(people.bob), browser_of(people.alice), reverse("mfa_activate_totp")
    secret = bob.get(address).context["form"].secret
    sealed = bob.session[SECRET_SESSION_KEY]
    assert secret not in sealed
    alice.get(address)
    session = alice.session
    session[SECRET_SESSION_KEY] = sealed
    session.save()
    assert alice.post(address, {"code": code_of(secret)}).status_code == 200
    assert not Authenticator.objects.exists()
    assert bob.post(address, {"code": "000000"}).context["form"].secret == secret, "a wrong code changes nothing"
    assert secret not in bob.session[SECRET_SESSION_KEY]
    assert bob.post(address, {"code": code_of(secret)}).status_code == 302
    assert SECRET_SESSION_KEY not in bob.session


@override_settings(CONSOLE_REQUIRE_SECOND_FACTOR=True)
def test_who_may_change_something_sets_up_a_second_factor_first_and_who_only_looks_need_not(
    bank: Tenant, people: People
) -> None:
    viewer, approver = browser_of(people.alice), browser_of(people.bob)
    assert viewer.get("/").status_code == 200
    for address in ("/", reverse("admin:rollbacks_rollback_changelist"), f"/tenants/tenant/{bank.pk}/change/"):
        assert approver.get(address)["Location"] == reverse("mfa_index")
        assert approver.post(address)["Location"] == reverse("mfa_index")
    assert "You need a second factor" in approver.get(reverse("mfa_index")).content.decode()
    set_up_app(approver)
    assert approver.get("/").status_code == 200
    assert approver.post(reverse("admin:logout")).status_code == 200


def test_a_platform_owner_removes_a_lost_factor_and_ends_the_sessions(bank: Tenant, people: People) -> None:
    secret = set_up_app(browser_of(people.bob))
    signed_in = with_password()
    signed_in.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    User.objects.filter(pk=people.carol.pk).update(is_superuser=True)
    assert run("sign_in", "reset", "bob", "--as", "alice").code == 2
    assert signed_in.get("/").status_code == 200
    ended = run("sign_in", "reset", "bob", "--as", "carol", "--json")
    assert (ended.code, json.loads(ended.out)["count"]) == (0, 2)
    assert signed_in.get("/").status_code == 302
    assert told()[-3:] == [("factor.removed", "ok"), ("factor.removed", "ok"), ("sessions.ended", "ok")]
    assert keeping.end_sessions(people.bob, acting_user=User.objects.get(username="carol")) == 0
