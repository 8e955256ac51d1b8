"""The countdown of a rollback that nobody has kept yet: it ticks with the script, and says the time without it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.rollbacks.conftest import Desk
from tests.rollbacks.page_reading import address_of
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_the_countdown_ticks_with_its_script_and_is_told_without_and_one_press_keeps_it(
    world: World, new_page: Callable[..., Page], log_in: Callable[[Page, str], None]
) -> None:
    for person in (world.alice, world.bob):
        person.set_password(f"{person.username}-password")
        person.save()
    desk = Desk(world)
    rollback = desk.run(desk.approve(desk.request(confirm_minutes=10)))

    bob = new_page(script=False)
    log_in(bob, "bob")
    bob.goto(address_of(rollback))
    expect(bob.locator(".countdown")).to_have_text(re.compile(r"^\d+:\d\d left$"))

    alice = new_page()
    log_in(alice, "alice")
    alice.goto(address_of(rollback))
    first = alice.locator(".countdown").inner_text()
    expect(alice.locator(".countdown")).not_to_have_text(first)
    expect(alice.locator(".countdown")).to_have_text(re.compile(r"^\d+:\d\d left$"))

    bob.get_by_role("button", name="Keep it").click()
    expect(bob.get_by_text("bob kept it.", exact=True)).to_be_visible()
    expect(alice.get_by_text("bob kept it.", exact=True)).to_be_visible()
