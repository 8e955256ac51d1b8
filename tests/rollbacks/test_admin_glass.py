"""The pages of broken glass: breaking it, what its rollback says everywhere, the review, and strangers."""

import io
import json
import time
import zipfile

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.urls import reverse

from rollbacks import applying, evidence
from rollbacks.models import AuditEntry, BrokenGlass, Rollback
from tenants.access import Role
from tests.rollbacks.conftest import QUICK, Desk
from tests.rollbacks.page_reading import address_of, browser_of, main_of, send, text_of
from tests.world import PASSWORD, give_roles

pytestmark = pytest.mark.django_db

WHY = "Refund calls drop since 02:50 and nobody answers"
NAME = "Agent Assist – Billing EMEA"


def test_the_glass_is_broken_used_and_reviewed_from_the_pages_and_everybody_is_told_so(desk: Desk) -> None:
    world = desk.world
    give_roles(world.alice, world.northwind, Role.INCIDENT)
    alice, bob, carol = (browser_of(user) for user in (world.alice, world.bob, world.carol))
    rollback = desk.request()
    there = f"{reverse('admin:rollbacks_brokenglass_of_config', args=(world.config.pk,))}?rollback={rollback.pk}"
    assert "Break the glass…" in text_of(alice.get(address_of(rollback)))
    assert "Break the glass…" not in text_of(bob.get(address_of(rollback)))
    typed = {"reason": WHY, "typed_name": NAME, "minutes": "30"}

    page = alice.get(there)
    assert "carry out under it: Bob." in text_of(page)
    assert "nobody can break the glass in Northwind Bank again" in text_of(page)
    assert send(carol, there, typed).status_code == 403
    wrong = send(alice, there, {**typed, "reason": "help"})
    assert (wrong.status_code, "at least 10 characters" in text_of(wrong)) == (422, True)
    session = alice.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": time.time() - 3600}]
    session.save()
    asked = send(alice, there, typed)
    assert (asked.status_code, "next=" in asked["Location"]) == (302, True)
    assert not BrokenGlass.objects.exists()
    proven = send(alice, asked["Location"], {"password": PASSWORD, "next": there})
    assert (proven.status_code, proven["Location"]) == (302, there)
    assert WHY in text_of(alice.get(there))
    other = send(alice, there, {**typed, "typed_name": "Billing"})
    assert (other.status_code, "is not the object's" in text_of(other)) == (409, True)
    assert send(alice, there, typed)["Location"] == address_of(rollback)
    glass = BrokenGlass.objects.get()
    review = reverse("admin:rollbacks_brokenglass_change", args=(glass.pk,))
    assert "alice broke the glass on Agent Assist" in text_of(bob.get(reverse("admin:index")))
    assert "You have broken the glass on" in text_of(alice.get(there))
    assert "Run it without approval" in text_of(alice.get(address_of(rollback)))
    assert send(bob, address_of(rollback), {"do": "run_under_glass"}).status_code == 403
    assert send(alice, address_of(rollback), {"do": "run_under_glass"}).status_code == 302

    applying.apply(rollback.pk, pace=QUICK)
    said = f"Nobody approved this: alice broke the glass at {glass.broken_at:%H:%M} UTC"
    for client in (alice, bob, carol):
        told = text_of(client.get(address_of(rollback)))
        assert said in told
        assert "Approval skipped, review owed" in told
    intent = AuditEntry.objects.get(action="write.intent")
    assert said in text_of(carol.get(address_of(intent)))
    assert rollback.pk in [one.pk for one in Rollback.objects.filter(glass=glass)]
    pack = zipfile.ZipFile(io.BytesIO(evidence.pack_bytes(Rollback.objects.get(), actor="carol")))
    story = json.loads(pack.read("rollback.json"))
    assert (story["approvals"], story["break_glass"]["by"]) == ([], "alice")
    assert said in story["break_glass"]["sentence"]

    assert send(carol, review, {"do": "end"}).status_code == 403
    assert send(bob, review, {"do": "nonsense"}).status_code == 400
    assert send(alice, review, {"do": "end"}).status_code == 302
    assert "so somebody else must review it" in text_of(alice.get(review))
    assert "Your review" in text_of(bob.get(review))
    assert "Your review" not in text_of(carol.get(review))
    assert "A review is owed" in text_of(bob.get(reverse("admin:index")))
    short = send(bob, review, {"do": "justified", "comment": "ok"})
    assert (short.status_code, "at least 10 characters" in text_of(short)) == (409, True)
    assert send(bob, review, {"do": "justified", "comment": "The outage was real; Bob"}).status_code == 302
    reviewed = carol.get(address_of(rollback))
    assert "Reviewed by bob: justified." in text_of(reviewed)
    assert '<li class="skipped">Approval skipped, reviewed</li>' in main_of(reviewed)
    assert WHY[:40] in text_of(carol.get(reverse("admin:rollbacks_brokenglass_changelist")))
    assert "A review is owed" not in text_of(bob.get(reverse("admin:index")))

    stranger = browser_of(type(world.bob).objects.create_user("dana", is_staff=True))
    give_roles(type(world.bob).objects.get(username="dana"), world.tailspin, Role.INCIDENT)
    for address in (there, review):
        assert stranger.get(address).status_code == 404
        assert send(stranger, address, {**typed, "do": "end"}).status_code == 404
    assert WHY[:40] not in text_of(stranger.get(reverse("admin:rollbacks_brokenglass_changelist")))
