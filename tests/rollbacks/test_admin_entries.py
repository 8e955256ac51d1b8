"""The page of one entry: everything that was recorded, the proof of its chain, and no way to change it."""

import hashlib

import pytest
from django.db import connection
from django.test import Client

from rollbacks.models import AuditEntry
from tenants.models import TrackedConfig
from tests.rollbacks.conftest import REASON, Desk
from tests.rollbacks.page_reading import address_of, browser_of, send, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def carol(desk: Desk) -> Client:
    return browser_of(desk.world.carol)


def entry(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


def test_the_entry_of_a_write_shows_everything_that_an_auditor_asks_for(desk: Desk, carol: Client) -> None:
    rollback = desk.run(desk.approved())
    attempt = rollback.attempts.select_related("read_back").get()
    sent = attempt.sends.get()
    outcome = entry("write.outcome")
    page = carol.get(address_of(outcome))
    text = text_of(page)
    base, after = bytes(rollback.base_etag or b""), attempt.read_back
    assert after is not None
    for told in (
        "PUT /api/v2/agentassist/configs/cfg-1",
        f"If-Match: {base.decode()}",
        base.hex(" "),
        after.etag_text,
        bytes(after.etag or b"").hex(" "),
        rollback.base_digest,
        rollback.target_digest,
        rollback.steps.get().body_sha256,
        rollback.plan_digest,
        sent.correlation_id,
        "200",
        "Asked for by alice",
        "Approved by bob",
        "verified",
        f"#{outcome.seq}",
        bytes(outcome.hash).hex(),
        bytes(outcome.previous_hash).hex(),
        hashlib.sha256(bytes(outcome.payload)).hexdigest(),
    ):
        assert told in text, told
    assert address_of(rollback) in page.content.decode()
    assert f"/tenants/trackedconfig/{rollback.config_id}/change/" in page.content.decode()


def test_no_entry_bears_a_token_or_a_secret(desk: Desk, carol: Client) -> None:
    desk.run(desk.approved())
    secret = desk.world.practice.credentials["northwind"].client_secret
    for one in AuditEntry.objects.filter(tenant=desk.world.northwind):
        page = carol.get(address_of(one)).content.decode()
        assert "Bearer" not in page
        assert secret not in page
    assert "Authorization: (never recorded)" in text_of(carol.get(address_of(entry("write.outcome"))))


def test_the_entry_of_a_refused_request_names_every_guard_that_refused(desk: Desk, carol: Client) -> None:
    desk.take_away("agentassist:config:write")
    with pytest.raises(Exception, match="lacks agentassist:config:write"):
        desk.request(desk.world.live_version)
    text = text_of(carol.get(address_of(entry("rollback.refused"))))
    assert "The OAuth client may read and write this type" in text
    assert "lacks agentassist:config:write" in text
    assert "there is nothing to do" in text
    assert REASON in text


def test_the_chain_is_proven_by_a_button(desk: Desk, carol: Client) -> None:
    desk.run(desk.approved())
    one = entry("write.outcome")
    assert "holds." not in text_of(carol.get(address_of(one)))
    total = AuditEntry.objects.filter(tenant=desk.world.northwind).count()
    answer = send(carol, address_of(one), {})
    assert f"The chain of Northwind Bank holds. {total} entries" in text_of(answer)
    assert "No checkpoint from outside the database covers any of it." in text_of(answer)
    assert carol.post(address_of(one)).status_code == 403
    assert AuditEntry.objects.filter(tenant=desk.world.northwind).count() == total


def test_an_entry_that_was_altered_behind_the_consoles_back_is_shown_as_such(desk: Desk, carol: Client) -> None:
    desk.run(desk.approved())
    one = entry("write.intent")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE rollbacks_auditentry DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE rollbacks_auditentry SET payload = %s WHERE id = %s",
            [bytes(one.payload).replace(b"alice", b"mallory"), one.pk],
        )
    assert "This entry was altered." in text_of(carol.get(address_of(one)))
    text = text_of(send(carol, address_of(entry("write.outcome")), {}))
    assert f"The chain of Northwind Bank is broken at entry {one.seq}." in text


def test_nobody_can_add_change_or_delete_an_entry_or_a_rollback(desk: Desk) -> None:
    rollback = desk.request()
    desk.world.bob.is_superuser = True
    desk.world.bob.save()
    owner = browser_of(desk.world.bob)
    one = entry("rollback.requested")
    for base, pk in (("/rollbacks/auditentry/", one.pk), ("/rollbacks/rollback/", rollback.pk)):
        for address in (f"{base}add/", f"{base}{pk}/delete/", f"{base}{pk}/history/"):
            assert owner.get(address).status_code == 404
            assert send(owner, address, {"post": "yes"}).status_code == 404
        assert send(owner, base, {"action": "delete_selected", "_selected_action": str(pk)}).status_code == 405
    assert send(owner, address_of(one), {"actor": "mallory"}).status_code == 200
    one.refresh_from_db()
    assert one.actor == "alice"
    assert AuditEntry.objects.filter(pk=one.pk).exists()


def test_text_that_came_from_a_tenant_is_text_on_every_page(desk: Desk, carol: Client) -> None:
    TrackedConfig.objects.filter(pk=desk.world.config.pk).update(name="<script>alert(1)</script>")
    desk.world.config.refresh_from_db()
    rollback = desk.run(desk.approve(desk.request(reason="<img src=x onerror=alert(1)> since last night")))
    pages = [address_of(rollback), "/rollbacks/rollback/", "/rollbacks/auditentry/"]
    pages += [address_of(one) for one in AuditEntry.objects.filter(rollback=rollback)]
    for address in pages:
        page = carol.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
