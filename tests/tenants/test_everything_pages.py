"""The pages that take in everything of an organization: they work without JavaScript and tell the same report."""

import json

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenants import onboarding
from tenants.models import Onboarding, TrackedConfig
from tests.tenants.test_onboarding import ASSIST, QUEUE, driven
from tests.world import World

pytestmark = pytest.mark.django_db


def browser(user: object) -> Client:
    """Give a browser in which one of the people is signed in."""
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    return client


def page_of(row: Onboarding) -> str:
    return reverse("admin:tenants_everything", args=[row.pk])


def text(answer: object) -> str:
    assert isinstance(answer, HttpResponse)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def row(world: World) -> Onboarding:
    """Give what Alice asked for on the page."""
    answer = browser(world.alice).post(reverse("admin:tenants_everything_ask"), {"tenant": "northwind"})
    assert answer.status_code == 302
    made = Onboarding.objects.get()
    assert answer["Location"] == page_of(made)
    return made


def test_the_page_of_a_listing_moves_on_by_itself_with_and_without_javascript(world: World, row: Onboarding) -> None:
    client = browser(world.alice)
    shown = text(client.get(page_of(row)))
    assert '<noscript><meta http-equiv="refresh"' in shown
    assert 'data-mark="listing"' in shown
    assert "0 of 64 types listed" in shown

    status = json.loads(text(client.get(reverse("admin:tenants_everything_status", args=[row.pk]))))

    assert status["mark"] == "listing"
    assert "<progress" in status["html"]
    driven(row, until="choosing")
    status = json.loads(text(client.get(reverse("admin:tenants_everything_status", args=[row.pk]))))
    assert status["mark"] == "choosing"  # another mark: the page is loaded anew


def test_a_person_chooses_types_by_ticking_them_and_sees_the_report_at_the_end(world: World, row: Onboarding) -> None:
    world.practice.set_divisions("northwind", remove=["Card security"])
    world.practice.platform.control.set_permissions(
        {"organization": "northwind", "remove": ["outbound:campaignRule:view"]}
    )
    client = browser(world.alice)
    driven(row, until="choosing")
    shown = text(client.get(page_of(row)))
    assert f'name="type" value="{QUEUE}" checked' in shown
    assert "To read all of it: about" in shown
    assert "http-equiv" not in shown

    answer = client.post(page_of(row), {"do": "choose", "type": [QUEUE, ASSIST]})

    assert answer["Location"] == page_of(row)
    driven(row, until="done")
    shown = text(client.get(page_of(row)))
    assert "5 of 5 objects read" in shown
    assert "sees 2 of 3 divisions: EMEA and Home" in shown
    assert "outbound:campaignRule:view: Campaign rule" in shown


def test_while_it_reads_the_page_says_how_far_each_type_is(world: World, row: Onboarding) -> None:
    client = browser(world.alice)
    driven(row, until="choosing")
    client.post(page_of(row), {"do": "choose", "type": [QUEUE]})
    onboarding.drive(row.pk, seconds=0)

    shown = text(client.get(page_of(row)))

    assert "1 of 3 objects read." in shown
    assert '<li class="now"><span>Queue</span> <small>1 of 3</small></li>' in shown


def test_choosing_nothing_or_too_late_is_told_and_changes_nothing(world: World, row: Onboarding) -> None:
    client = browser(world.alice)
    driven(row, until="choosing")
    assert "No type was chosen" in text(client.post(page_of(row), {"do": "choose"}, follow=True))
    client.post(page_of(row), {"do": "cancel"})
    assert "cancelled it" in text(client.post(page_of(row), {"do": "choose", "type": [QUEUE]}, follow=True))
    row.refresh_from_db()
    assert row.state == "cancelled"


def test_why_it_waits_is_on_the_page(world: World, row: Onboarding) -> None:
    Onboarding.objects.update(problem="The platform could not do it now.", failures=3)
    assert "It waits:</strong> The platform could not do it now." in text(browser(world.alice).get(page_of(row)))


def test_who_may_not_track_there_is_refused_and_a_stranger_finds_nothing(world: World, row: Onboarding) -> None:
    status = reverse("admin:tenants_everything_status", args=[row.pk])
    for who in (world.bob, world.carol):
        for path in (page_of(row), status):
            assert browser(who).get(path).status_code == 403
        assert browser(who).post(page_of(row), {"do": "cancel"}).status_code == 403
    world.alice.memberships.all().delete()
    assert browser(world.alice).get(page_of(row)).status_code == 404
    asked = browser(world.bob).post(reverse("admin:tenants_everything_ask"), {"tenant": "northwind"})
    assert asked.status_code == 403
    assert Onboarding.objects.count() == 1


def test_the_ways_there_are_offered_where_a_person_looks_for_them(world: World) -> None:
    client = browser(world.alice)
    ask = reverse("admin:tenants_everything_ask")
    track = text(client.get(reverse("admin:tenants_trackedconfig_track")))
    tenant = text(client.get(reverse("admin:tenants_tenant_change", args=[world.northwind.pk])))
    assert "Everything in an organization" in track
    assert f'action="{ask}"' in track
    assert f'action="{ask}"' in tenant
    assert client.get(ask).status_code == 405


def test_watching_the_progress_reads_no_row_for_each_object_that_waits(world: World, row: Onboarding) -> None:
    waiting = [TrackedConfig(tenant=world.northwind, resource_type=QUEUE, object_id=f"q-{n}") for n in range(300)]
    TrackedConfig.objects.bulk_create(waiting)
    Onboarding.objects.filter(pk=row.pk).update(state="reading", chosen=[QUEUE], tracked=[QUEUE])

    with CaptureQueriesContext(connection) as asked:
        status = json.loads(text(browser(world.alice).get(reverse("admin:tenants_everything_status", args=[row.pk]))))

    assert "0 of 300" in status["sentence"]
    assert not any('"object_id"' in one["sql"] for one in asked.captured_queries)
