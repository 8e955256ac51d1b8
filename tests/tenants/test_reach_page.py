"""The page of a tenant, and doctor, say how the way to it stands."""

import pytest
from django.test import Client

from console import diagnosis
from tenants.reach import Reach
from tenants.remote import RemoteUnavailable
from tenants.remote.manners import Purpose
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def page_of(world: World) -> str:
    client = Client()
    client.force_login(world.carol)
    answer = client.get(f"/tenants/tenant/{world.northwind.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_says_that_it_answers_and_what_of_the_budget_is_spent(world: World) -> None:
    shown = page_of(world)
    assert "It answers." in shown
    assert "of 6000 in the last minute" in shown
    assert "each object every 5 minutes" in shown
    assert "does not answer" not in shown


def test_the_page_and_doctor_say_that_it_is_down_and_since_when(world: World) -> None:
    gate = Reach(world.northwind)
    for _ in range(5):
        gate.failed(gate.admit(Purpose.PERSON), RemoteUnavailable("It answers with 503."), purpose=Purpose.PERSON)
    shown = page_of(world)
    assert "The platform does not answer." in shown
    assert "No answer since" in shown
    assert "It answers with 503." in shown
    (told,) = [one for one in diagnosis.examine() if one.name == "tenants"]
    assert told.state == "look"
    assert told.message.startswith("1 of 2 organizations do not answer: northwind.")
    assert told.remedy == "Run: manage.py tenant check northwind"


def test_the_page_says_that_the_platform_asked_for_a_pause_and_what_it_taught(world: World) -> None:
    Reach(world.northwind).throttled(42)
    shown = page_of(world)
    assert "The platform takes no more requests for now." in shown
    assert "6000 before the platform refused some" in shown
