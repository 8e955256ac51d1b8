"""The page on which a guard is probed: it explains, asks for a confirmation, and shows what earlier probes showed."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from rollbacks.models import GuardProbe
from tenants.access import Role
from tests import world as making
from tests.rollbacks.conftest import Desk

pytestmark = pytest.mark.django_db(transaction=True)


def page_of(desk: Desk) -> str:
    return reverse("admin:rollbacks_guardprobe_of_config", args=(desk.world.config.pk,))


def test_the_page_explains_and_probes_only_after_a_confirmation(desk: Desk, client: Client) -> None:
    client.force_login(desk.world.alice)
    page = client.get(page_of(desk)).content.decode()
    assert "If the platform does not check it, the probe itself writes" in page
    assert "an ETag that is not the live one any more" in page
    assert "The guard was never probed in this tenant." in page
    unconfirmed = client.post(page_of(desk), {})
    assert unconfirmed.status_code == 422
    assert not GuardProbe.objects.exists()

    answer = client.post(page_of(desk), {"confirm": "yes"}, follow=True)
    assert answer.status_code == 200
    assert GuardProbe.objects.get().result == "enforced"
    assert "The guard was proven on" in answer.content.decode()
    assert desk.writes() == []
    plan = client.get(
        reverse("admin:rollbacks_rollback_plan", args=(desk.world.config.pk, making.version(desk.world.config, 41).pk))
    )
    assert "The guard was proven on" in plan.content.decode()
    listed = client.get(reverse("admin:rollbacks_guardprobe_changelist")).content.decode()
    assert "PUT under a stale etag" in listed


def test_a_failed_probe_is_said_on_the_configuration_and_on_the_plan(desk: Desk, client: Client) -> None:
    desk.world.practice.set_switches("northwind", guards_enforced=False)
    client.force_login(desk.world.alice)
    answer = client.post(page_of(desk), {"confirm": "yes"}, follow=True).content.decode()
    assert "The probe itself wrote" in answer
    assert "it wrote" in answer
    shown = client.get(reverse("admin:tenants_trackedconfig_change", args=(desk.world.config.pk,))).content.decode()
    assert "level C" in shown
    assert "showed that the platform does not check the ETag" in shown


def test_who_may_only_look_cannot_probe_and_a_stranger_sees_nothing(desk: Desk, client: Client) -> None:
    client.force_login(desk.world.carol)
    page = client.get(page_of(desk)).content.decode()
    assert "Probing needs the role operator" in page
    assert 'name="confirm"' not in page
    assert client.post(page_of(desk), {"confirm": "yes"}).status_code == 403
    dana = User.objects.create_user("dana", password=making.PASSWORD, is_staff=True)
    making.give_roles(dana, desk.world.tailspin, Role.OPERATOR)
    client.force_login(dana)
    assert client.get(page_of(desk)).status_code == 404
    assert client.post(page_of(desk), {"confirm": "yes"}).status_code == 404
    assert not GuardProbe.objects.exists()


def test_a_frozen_tenant_is_said_on_the_page_and_by_the_answer(desk: Desk, client: Client) -> None:
    desk.world.northwind.frozen = True
    desk.world.northwind.save()
    client.force_login(desk.world.alice)
    page = client.get(page_of(desk)).content.decode()
    assert "Not now." in page
    assert 'name="confirm"' not in page
    assert client.post(page_of(desk), {"confirm": "yes"}).status_code == 409
    assert not GuardProbe.objects.exists()
