"""The pages of a rollback that is undone unless somebody keeps it: chosen on the plan, shown, and kept."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from rollbacks.models import AuditEntry, Confirmation, Rollback
from tests.rollbacks.conftest import REASON, Desk
from tests.rollbacks.page_reading import address_of, browser_of, field_of, markup_of, plan_address, send, text_of
from tests.world import version

pytestmark = pytest.mark.django_db


def test_the_plan_signs_the_minutes_and_the_page_counts_down_until_somebody_keeps_it(desk: Desk) -> None:
    world = desk.world
    alice, bob, carol = (browser_of(user) for user in (world.alice, world.bob, world.carol))
    plan = plan_address(world.config, version(world.config, desk.good_version))
    without, refused, chosen = (alice.get(f"{plan}{query}") for query in ("", "?confirm=3", "?confirm=10"))
    assert "Give a number of minutes from 5 to 240" in text_of(refused)
    assert field_of(refused, "plan_digest") == field_of(without, "plan_digest") != field_of(chosen, "plan_digest")
    asked = send(
        alice, f"{plan}?confirm=10", {"reason": REASON, "plan_digest": field_of(chosen, "plan_digest"), "chosen": "1"}
    )
    rollback = Rollback.objects.get()
    assert (asked["Location"], rollback.confirm_minutes) == (address_of(rollback), 10)
    assert "whoever approves it approves that undo as well" in text_of(bob.get(address_of(rollback)))

    desk.run(desk.approve(rollback))
    page = bob.get(address_of(rollback))
    assert "unless somebody keeps it" in text_of(page)
    assert " left " in text_of(page)
    assert 'http-equiv="refresh"' in markup_of(page)
    assert "console/countdown.js" in markup_of(page)
    assert "unless somebody keeps it." in text_of(carol.get(reverse("admin:index")))

    assert "Keep it" not in text_of(carol.get(address_of(rollback)))
    assert send(carol, address_of(rollback), {"do": "keep"}).status_code == 403
    assert Confirmation.objects.get().state == "counting"
    Confirmation.objects.update(until=timezone.now() - timedelta(seconds=1), problem="Northwind Bank is frozen.")
    held_up = text_of(alice.get(address_of(rollback)))
    assert "Its undo waits." in held_up
    assert "Northwind Bank is frozen. It is tried again by itself." in held_up
    assert "its undo is held up" in text_of(alice.get(reverse("admin:index")))
    for _ in range(2):  # a button that was clicked twice
        assert send(bob, address_of(rollback), {"do": "keep"}).status_code == 302
    assert "bob kept it." in text_of(carol.get(address_of(rollback)))
    assert AuditEntry.objects.filter(action="confirmation.kept").count() == 1
