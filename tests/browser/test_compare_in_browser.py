"""From the overview to what was changed last night, in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests import page_world
from tests.page_world import PageWorld

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OpenPage = Callable[..., Page]
LogIn = Callable[[Page, str], None]


@pytest.fixture
def night() -> PageWorld:
    return page_world.build()


def test_the_overview_leads_a_tired_person_to_last_nights_change(
    night: PageWorld, new_page: OpenPage, log_in: LogIn
) -> None:
    page = new_page()
    log_in(page, "alice")
    attention = page.get_by_role("region", name="Needs attention")
    expect(attention.get_by_role("listitem").first).to_contain_text("Marek Wolski changed it 6 hours ago: v41 → v42")
    attention.get_by_role("link", name="See what changed in Agent Assist – Billing EMEA").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare Agent Assist – Billing EMEA")
    changes = page.get_by_role("complementary", name="Changes")
    expect(changes).to_contain_text("10 changes")
    changes.get_by_role("link", name="knowledge › minConfidence").click()
    row = page.locator("tr:target")
    expect(row).to_contain_text("0.7")
    expect(row).to_contain_text("0.35")
    expect(row).to_be_in_viewport()


def test_the_two_views_and_the_folds_work_without_scripts(night: PageWorld, new_page: OpenPage, log_in: LogIn) -> None:
    page = new_page(script=False)
    log_in(page, "carol")
    page.goto(f"/tenants/trackedconfig/{night.billing.pk}/compare/?from=41&to=live")
    expect(page.locator("table.diff.split").first).to_be_visible()
    fold = page.locator("details.fold").first
    inside = fold.locator("tr").first
    expect(inside).to_be_hidden()
    fold.locator("summary").click()
    expect(inside).to_be_visible()
    page.get_by_role("link", name="Unified").click()
    expect(page.locator("table.diff.unified").first).to_be_visible()
    expect(page.locator("table.diff.split")).to_have_count(0)
    page.get_by_label("From").select_option("38")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".side-head").first).to_contain_text("v38")
    assert "view=unified" in page.url
    assert page.locator(".theme-toggle").is_hidden()


def test_the_keys_walk_the_changes_and_tell_themselves(night: PageWorld, new_page: OpenPage, log_in: LogIn) -> None:
    page = new_page()
    log_in(page, "carol")
    page.goto(f"/tenants/trackedconfig/{night.billing.pk}/compare/?from=41&to=live")
    current = page.locator("tr.current")
    listed = page.locator(".changes a[aria-current]")
    page.keyboard.press("j")
    expect(listed).to_contain_text("content › description")
    expect(current).to_be_in_viewport()
    for _ in range(4):
        page.keyboard.press("j")
    expect(listed).to_contain_text("minConfidence")
    expect(current).to_contain_text("0.35")
    expect(current).to_be_in_viewport()
    page.keyboard.press("k")
    expect(listed).to_contain_text("Complaint")
    page.keyboard.press("e")
    expect(page.locator("details.fold:not([open])")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next change")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("u")
    expect(page.locator("table.diff.unified").first).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360], ids=["desk", "phone"])
def test_no_page_breaks_the_policy_or_is_wider_than_its_window(
    night: PageWorld, new_page: OpenPage, log_in: LogIn, *, dark: bool, width: int
) -> None:
    page_world.many(night.northwind, 55, drifted=2)
    page = new_page(dark=dark, width=width)
    log_in(page, "rae")
    billing, tenant = night.billing.pk, night.northwind.pk
    for path in (
        "/",
        "/tenants/tenant/",
        "/tenants/tenant/add/",
        f"/tenants/tenant/{tenant}/change/",
        f"/tenants/tenant/{tenant}/edit/",
        "/tenants/membership/",
        "/tenants/membership/add/",
        "/tenants/trackedconfig/",
        "/tenants/trackedconfig/?drift=yes",
        "/tenants/trackedconfig/?q=nothing-like-this",
        "/tenants/trackedconfig/track/",
        "/tenants/trackedconfig/track/?tenant=northwind&type=scripting.session",
        f"/tenants/trackedconfig/{billing}/change/",
        f"/tenants/trackedconfig/{billing}/compare/",
        f"/tenants/trackedconfig/{billing}/compare/?view=unified",
        f"/tenants/trackedconfig/{billing}/compare/?from=nonsense",
        f"/tenants/trackedconfig/{billing}/versions/{night.billing.live_id}/",
        "/auth/user/",
        "/auth/user/add/",
        "/password_change/",
    ):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_error_pages_are_pages_of_the_console(
    night: PageWorld, new_page: OpenPage, log_in: LogIn, faults: list[str]
) -> None:
    page = new_page()
    log_in(page, "alice")
    page.goto(f"/tenants/trackedconfig/{night.foreign.pk}/change/")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    page.goto("/tenants/tenant/add/")
    expect(page.get_by_role("heading", level=1)).to_have_text("You may not do this")
    page.get_by_role("link", name="Go to the overview").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expected = [fault for fault in faults if "status of 404" in fault or "status of 403" in fault]
    assert len(expected) == 2
    faults[:] = [fault for fault in faults if fault not in expected]


def test_the_theme_switch_is_kept_and_the_phone_menu_opens_without_scripts(
    night: PageWorld, new_page: OpenPage, log_in: LogIn
) -> None:
    page = new_page()
    log_in(page, "carol")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator(".theme-toggle").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    page.goto("/tenants/trackedconfig/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark

    phone = new_page(width=390, height=844, script=False)
    log_in(phone, "carol")
    link = phone.get_by_role("navigation", name="Pages, short").get_by_role("link", name="Configurations")
    expect(link).to_be_hidden()
    phone.get_by_text("Menu").click()
    link.click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Configurations")


def test_the_overview_transfers_less_than_60_kilobytes(night: PageWorld, new_page: OpenPage, log_in: LogIn) -> None:
    page_world.many(night.northwind, 60, drifted=10)
    page = new_page()
    log_in(page, "alice")
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    page.goto("/", wait_until="networkidle")
    assert len(sizes) >= 4, "the page and its files were fetched"
    assert sum(sizes) < 60 * 1024, "before compression"
