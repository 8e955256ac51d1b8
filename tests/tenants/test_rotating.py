"""Keys are replaced while everything runs: what older keys sealed is sealed again, and then they may go."""

import os
import threading
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.db import connection

from console import diagnosis
from rollbacks import audit, verifying
from rollbacks.models import AuditEntry
from tenants import connections, rotating, sealing
from tenants.models import OAuthClient, Tenant
from tenants.shared_tokens import TOKEN_FIELD
from tests.rollbacks.trail_world import make_bank
from tests.tenants.running import run
from tests.world import People

pytestmark = pytest.mark.django_db

OLD, NEW = os.urandom(32), os.urandom(32)


@pytest.fixture
def sealed(settings: LazySettings, people: People) -> Tenant:
    """Give a tenant with a client secret and a token, and a person with an app, all sealed with the old key."""
    settings.CONSOLE_SECRET_KEYS = [OLD]
    bank = make_bank()
    connections.seal_client_secret(bank, "the client's secret")
    bank.save()
    token = sealing.seal("a token", tenant_id=bank.pk, field=TOKEN_FIELD)
    OAuthClient.objects.create(tenant=bank, client_id="c", token_sealed=token)
    for kind, key in (("totp", "secret"), ("recovery_codes", "seed")):
        text = sealing.seal_for_person(f"a {key}", user_id=people.bob.pk, field=sealing.FACTOR_FIELD)
        Authenticator.objects.create(user=people.bob, type=kind, data={key: text, "used_mask": 5})
    settings.CONSOLE_SECRET_KEYS = [NEW, OLD]
    return bank


def opened(bank: Tenant, people: People) -> list[str]:
    client, factors = OAuthClient.objects.get(), Authenticator.objects.order_by("-type")
    return [
        sealing.unseal(Tenant.objects.get(pk=bank.pk).client_secret_sealed, tenant_id=bank.pk, field="client_secret"),
        sealing.unseal(client.token_sealed or b"", tenant_id=bank.pk, field=TOKEN_FIELD),
        *(
            sealing.unseal_for_person(one.data[key], user_id=people.bob.pk, field=sealing.FACTOR_FIELD)
            for one, key in zip(factors, ("secret", "seed"), strict=True)
        ),
    ]


PLAIN = ["the client's secret", "a token", "a secret", "a seed"]


def named(findings: Any) -> dict[str, str]:
    return {one.name: one.state for one in findings}


def test_everything_is_sealed_again_and_then_the_old_key_may_go(
    sealed: Tenant, people: People, settings: LazySettings
) -> None:
    assert opened(sealed, people) == PLAIN, "both keys open while the console goes on"
    assert [one.remedy for one in diagnosis._sealed()] == ["Run manage.py rotate_secrets."]

    told = run("rotate_secrets", "--json", "--as", "bob").document

    assert told["sealed_again"] == {"client secrets": 1, "access tokens": 1, "second factors": 2}
    assert told["left_with_older_keys"] == 0
    assert [one.message for one in diagnosis._sealed()] == [
        "Nothing is sealed any more with other keys than the first one."
    ]
    settings.CONSOLE_SECRET_KEYS = [NEW]
    assert opened(sealed, people) == PLAIN
    assert list(diagnosis._sealed()) == []
    assert Authenticator.objects.get(type="recovery_codes").data["used_mask"] == 5
    entry = AuditEntry.objects.get(action="tenant.resealed")
    assert (entry.actor, entry.tenant) == ("bob", sealed)
    assert b"client's secret" not in bytes(entry.payload)
    assert audit.payload_of(entry)["details"] == {
        "from_key": told_key(OLD, settings),
        "to_key": told_key(NEW, settings),
    }
    assert verifying.verify(sealed).holds


def told_key(key: bytes, settings: LazySettings) -> str:
    settings.CONSOLE_SECRET_KEYS = [key]
    return sealing.known_keys()[0]


def test_a_second_run_changes_nothing_and_one_that_was_stopped_goes_on(
    sealed: Tenant, people: People, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rotating, "_rotate_token", stopped)
        with pytest.raises(KeyboardInterrupt):
            rotating.rotate()
    assert opened(sealed, people) == PLAIN, "half of it done is no harm"
    done = rotating.rotate()
    assert (sum(done.sealed_again.values()), done.current["client secrets"]) == (3, 1)
    before = bytes(Tenant.objects.get(pk=sealed.pk).client_secret_sealed)
    again = rotating.rotate()
    assert sum(again.sealed_again.values()) == 0
    assert bytes(Tenant.objects.get(pk=sealed.pk).client_secret_sealed) == before
    assert AuditEntry.objects.filter(action="tenant.resealed").count() == 1


def test_what_no_key_opens_is_named_and_left_and_the_rest_goes_on(
    sealed: Tenant, people: People, settings: LazySettings
) -> None:
    settings.CONSOLE_SECRET_KEYS = [os.urandom(32)]
    other = make_bank("halden", "Halden & Moor")
    connections.seal_client_secret(other, "lost")
    other.save()
    settings.CONSOLE_SECRET_KEYS = [NEW, OLD]
    assert named(diagnosis._sealed())["sealed secrets"] == "broken"
    ended = run("rotate_secrets")
    assert ended.code == 1
    assert "halden: The client_secret of tenant" in ended.err
    assert "Put that key back" in ended.err
    assert opened(sealed, people) == PLAIN


@pytest.mark.django_db(transaction=True)
def test_a_secret_that_is_changed_meanwhile_stays_as_it_was_changed(
    sealed: Tenant, people: People, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = sealing.seal

    def slow(plain: str, **bound: Any) -> bytes:
        """Let a person enter another secret between the look and the write, from a connection of their own."""

        def enter() -> None:
            new = seal("entered anew", tenant_id=sealed.pk, field="client_secret")
            Tenant.objects.filter(pk=sealed.pk).update(client_secret_sealed=new)
            connection.close()

        if bound["field"] == "client_secret":
            other = threading.Thread(target=enter)
            other.start()
            other.join()
        return seal(plain, **bound)

    monkeypatch.setattr(sealing, "seal", slow)
    done = rotating.rotate()
    assert done.changed_meanwhile["client secrets"] == 1
    assert opened(sealed, people)[0] == "entered anew"
    assert not AuditEntry.objects.filter(action="tenant.resealed").exists()
