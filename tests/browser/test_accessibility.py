"""No page has a fault that axe-core can find (WCAG 2.2 A and AA, and its best practices)."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from rollbacks import freeze_actions
from rollbacks.models import FreezeWindow
from tests import page_world
from tests.page_world import PageWorld

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def night() -> PageWorld:
    return page_world.build()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_fault_that_axe_can_find(
    night: PageWorld, browser: Browser, live_server: Any, log_in: Callable[..., None], scheme: Any
) -> None:
    page_world.many(night.northwind, 55, drifted=2)
    freeze_actions.add_window(
        night.northwind,
        when="friday 16:00 to monday 06:00",
        zone="Europe/Berlin",
        effect=FreezeWindow.Effect.DENY,
        reason="Weekend",
        acting_user=None,
    )
    # axe is a script put into the page, which the policy of the console refuses; the policy has tests of its own.
    context = browser.new_context(base_url=live_server.url, bypass_csp=True, color_scheme=scheme)
    try:
        page = context.new_page()
        billing = f"/tenants/trackedconfig/{night.billing.pk}"
        faults = []
        for path in (
            "/login/",
            "/",
            "/tenants/tenant/",
            f"/tenants/tenant/{night.northwind.pk}/change/",
            f"/tenants/tenant/{night.northwind.pk}/as-of/?at=02:47&zone=Europe/Berlin",
            f"/tenants/tenant/{night.northwind.pk}/search/?q=cancel+contract",
            "/tenants/tenant/add/",
            "/tenants/membership/",
            "/tenants/trackedconfig/",
            "/tenants/trackedconfig/track/?tenant=northwind&type=scripting.session",
            "/tenants/trackedconfig/types/",
            f"{billing}/change/",
            f"{billing}/bisect/",
            f"{billing}/compare/",
            f"{billing}/compare/?view=unified",
            f"{billing}/versions/{night.billing.live_id}/",
            "/rollbacks/freezewindow/",
            "/auth/user/",
            "/password_change/",
            "/sign-in/",
            "/sign-in/app/",
            "/sign-in/passkey/",
            "/confirm/?next=/",
            "/there-is-nothing/",
        ):
            page.goto(path)
            found = Axe().run(page).response["violations"]
            faults += [f"{path}: {fault['id']} at {fault['nodes'][0]['html'][:120]}" for fault in found]
            if path == "/login/":
                log_in(page, "rae")
        assert faults == []
    finally:
        context.close()
