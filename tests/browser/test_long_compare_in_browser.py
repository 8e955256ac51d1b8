"""A long comparison with hostile content in a real browser: unfolding, finding, copying, with scripts and without."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tenants.models import TrackedConfig
from tests import page_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OpenPage = Callable[..., Page]
LogIn = Callable[[Page, str], None]

EVIL = "</td></table><script>window.ran = 1</script><img src=x onerror='window.ran = 2'><a href='javascript:ran=3'>"


@pytest.fixture
def emea() -> TrackedConfig:
    """Give a configuration of 400 rules, 300 of them changed, with content that wants to be run."""
    world = page_world.build()
    config = page_world.config(world.northwind, "cfg-emea", f"EMEA {EVIL}")
    before: dict[str, Any] = {
        "summary": "The floor of the whole of EMEA",
        "rules": [page_world.rule(f"Rule {number}", number) for number in range(400)],
        EVIL: "kept",
    }
    after = copy.deepcopy(before)
    after["summary"] = f"Admins only\u202e \u2066// {EVIL}"
    after["rules"][50]["name"] = EVIL
    for rule in after["rules"][100:]:
        rule["knowledge"]["minConfidence"] = 0.35
    first = page_world.version(config, 1, before, author=EVIL)
    return page_world.settle(config, baseline=first, live=page_world.version(config, 2, after, source="live"))


def address(config: TrackedConfig, query: str = "?from=1&to=live") -> str:
    return f"/tenants/trackedconfig/{config.pk}/compare/{query}"


@pytest.mark.slow
def test_a_long_comparison_is_read_by_keyboard_and_nothing_in_it_runs(
    emea: TrackedConfig, new_page: OpenPage, log_in: LogIn, browser: Browser, live_server: Any
) -> None:
    page = new_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    log_in(page, "carol")
    page.goto(address(emea))
    panel = page.get_by_role("region", name="The chosen place")
    copied = "navigator.clipboard.readText()"

    # A gap that is not in the page is fetched, and can be folded again.
    fetched = page.locator("#rows details.fold[open]")
    expect(fetched).to_have_count(0)
    page.locator("a[data-show]", has_text="first 200").first.click()
    expect(fetched).to_have_count(1)
    expect(fetched.locator("tr")).to_have_count(200)

    # What is folded is found, shown and copied.
    page.keyboard.press("/")
    page.keyboard.type('"Rule 42"')
    page.keyboard.press("Enter")
    row = page.locator("tr.current")
    expect(row).to_contain_text('name: "Rule 42"')
    expect(row).to_be_in_viewport()
    expect(panel).to_contain_text("/content/rules/42/name")
    page.keyboard.press("c")
    expect(page.locator("#said")).to_have_text("The path copied.")
    assert page.evaluate(copied) == "/content/rules/42/name"
    page.keyboard.press("v")
    expect(page.locator("#said")).to_have_text("The value copied.")
    assert page.evaluate(copied) == '"Rule 42"'
    page.keyboard.press("l")
    expect(page.locator("#said")).to_have_text("The link copied.")
    link = page.evaluate(copied)
    assert "from=1&to=2" in link, "a link names versions: live is another one tomorrow"

    # The changes, hostile ones among them, one by one; a word for who hears the page, where each mark begins.
    page.get_by_label("Find a text").fill("")
    page.keyboard.press("Enter")
    page.locator("#rows").click(position={"x": 400, "y": 5})
    page.keyboard.press("j")
    expect(row).to_contain_text("\\u202e")
    heard = row.aria_snapshot()
    assert "before:" in heard
    assert "after:" in heard
    page.keyboard.press("j")
    expect(row).to_contain_text("<script>window.ran = 1</script>")
    expect(panel).to_contain_text(EVIL)

    # Behind the last change of a part comes the next part; k leads back to the last one before.
    page.keyboard.press("h")
    page.wait_for_url("**hide=volatile**")
    page.locator(".changes > ol a").last.click()
    page.keyboard.press("j")
    page.wait_for_url("**part=2**")
    expect(page.locator(".changes a[aria-current]")).to_have_count(1)
    expect(row).to_be_in_viewport()
    page.keyboard.press("k")
    page.wait_for_url(lambda url: "part=2" not in url)
    expect(page.locator(".changes a[aria-current]")).to_be_visible()

    # Somebody else opens the link that was copied.
    other = new_page(width=390, height=844)
    log_in(other, "alice")
    other.goto(link)
    expect(other.locator("tr:target")).to_contain_text('name: "Rule 42"')
    expect(other.locator("tr:target")).to_be_in_viewport()
    assert other.evaluate("document.documentElement.scrollWidth") <= 390
    other.goto(link.partition("#")[0])
    expect(other.locator("tr.current")).to_be_in_viewport()
    for one in (page, other):
        assert one.evaluate("window.ran") is None
        assert one.locator("#rows img, #rows script, .changes img, #place img, h1 img").count() == 0

    # axe is a script put into the page, which the policy of the console refuses.
    context = browser.new_context(
        base_url=live_server.url, bypass_csp=True, storage_state=page.context.storage_state(), color_scheme="dark"
    )
    try:
        seen = context.new_page()
        seen.goto(address(emea, "?from=1&to=2&find=rule 77&at=/content/rules/50/name&open=300-320"))
        found = Axe().run(seen).response["violations"]
        assert [f"{fault['id']} at {fault['nodes'][0]['html'][:120]}" for fault in found] == []
        assert seen.evaluate("window.ran") is None, "not even without the policy"
    finally:
        context.close()


@pytest.mark.slow
def test_without_a_script_every_part_gap_place_and_find_is_a_link_away(
    emea: TrackedConfig, new_page: OpenPage, log_in: LogIn
) -> None:
    page = new_page(script=False)
    log_in(page, "carol")
    page.goto(address(emea))
    page.get_by_role("link", name="first 200 of").first.click()
    opened = page.locator("#rows details.fold[open]")
    expect(opened.locator("tr")).to_have_count(200)
    expect(opened.locator("summary")).to_be_in_viewport()
    page.get_by_role("link", name="Fold everything again").click()
    expect(opened).to_have_count(0)
    page.get_by_label("Find a text").fill("rules › Rule 42 › maxSuggestions")
    page.get_by_role("button", name="Find").click()
    page.locator("#found").get_by_role("link").click()
    expect(page.locator("tr:target")).to_contain_text("maxSuggestions")
    expect(page.locator("tr:target")).to_be_in_viewport()
    panel = page.get_by_role("region", name="The chosen place")
    expect(panel).to_contain_text("/content/rules/42/knowledge/maxSuggestions")
    expect(panel.get_by_role("button")).to_have_count(0)
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page.get_by_role("navigation", name="Parts").first).to_contain_text("Part 2 of")
    page.emulate_media(media="print")
    expect(page.locator(".compare-bar")).to_be_hidden()
    expect(page.locator("table.diff").first).to_be_visible()
