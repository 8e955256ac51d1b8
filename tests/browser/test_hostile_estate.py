"""An estate full of hostile text, and every kind of page of it in a real browser: text stays text."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import Error, models, transaction
from playwright.sync_api import Page, Response

from tests import world as making
from tests.browser.test_hostile_input import Canary
from tests.walk import homes, hostile
from tests.walk.homes import Home
from tests.walk.routes import routes
from tests.walk.worlds import rows_of, signed_in, tenants_models
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SCRIPT = "<script>window.__hit=1</script>"
WHY = f"{SCRIPT}\"><img src=x onerror='window.__hit=1'>{{{{7*7}}}} </title></textarea><svg/onload=window.__hit=1>"
MARKUP = (
    "[...document.querySelectorAll('[onerror], [onload], [onfocus], [srcdoc], img[src=x]')].map(one => one.outerHTML)"
)
"""What would stand in the page if a text had become markup, run or not."""
COLUMNS = {
    *("name", "title", "reason", "frozen_reason", "ticket", "comment", "note", "explanation", "problem", "detail"),
    *("presence_detail", "author_name", "author_id", "requester", "breaker", "ender", "setter", "overrider", "decider"),
    *("correlation_id", "organization_id", "error", "sentence", "subject", "text", "value", "claim", "path_text"),
}
"""Columns that hold what people or the platform said, in whatever table."""
LEFT = {"logout", "account_logout", "sign_out_elsewhere"}


def content() -> dict[str, object]:
    """Give content whose keys and values are hostile."""
    dense = [*hostile.OURS, *hostile.public()[::6]]
    texts = [hostile.storable(text)[:300] for text in dense if text]
    return {text[:120]: {"value": text, "list": [text, {text[:60]: text}]} for text in texts}


def poison(home: Home) -> int:
    """Put hostile text into every column that people or the platform fill; give how many rows took it."""
    taken = 0
    for tenant in home.tenants:
        for model, path in tenants_models():
            for one in model._meta.concrete_fields:
                if one.name not in COLUMNS or not isinstance(one, models.CharField | models.TextField) or one.choices:
                    continue
                text = WHY[: one.max_length or 400]
                try:
                    with transaction.atomic():
                        taken += rows_of(model, path, tenant).update(**{one.name: text})
                except Error:
                    continue  # a rule of the database holds it: what is only ever added, or unique
    for user in User.objects.all():
        user.first_name, user.last_name = WHY[:150], SCRIPT
        user.save(update_fields=["first_name", "last_name"])
    Group.objects.update(name=WHY[:150])
    return taken


def pages_of(home: Home) -> list[str]:
    """Give the addresses of every route that answer with a page."""
    client, found = signed_in(home.walkers["owner"]), []
    for route in routes():
        if route.name in LEFT:
            continue
        for path in home.addresses(route):
            answer = client.get(path)
            if (
                answer.status_code == 200
                and "html" in answer["Content-Type"]
                and not answer.has_header("Content-Disposition")
            ):
                found.append(path)
    return found


def test_no_script_runs_on_any_kind_of_page_of_an_estate_of_hostile_text(
    world: World, new_page: Callable[..., Page], live_server: object, faults: list[str]
) -> None:
    for path in (making.BILLING_PATH, "/api/v2/agentassist/configs/cfg-2"):
        world.practice.foreign_write(path, edits=[{"path": "/content/hostile", "value": content()}], by=WHY[:200])
    home = homes.build(world, why=WHY)
    assert poison(home) > 60
    addresses = pages_of(home)
    config = world.config
    compare = f"/tenants/trackedconfig/{config.pk}/compare/?from=1&to="
    versions = config.snapshots.order_by("version").values_list("version", flat=True)
    addresses += [f"{compare}{versions.last()}", f"{compare}{versions.last()}&view=unified"]
    addresses += [
        f"/tenants/tenant/{world.northwind.pk}/search/?q=script",
        "/rollbacks/auditentry/?action=x%3Cscript%3E",
    ]
    page = new_page()
    client = signed_in(home.walkers["owner"])
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])  # type: ignore[attr-defined]
    canary, heard, shown = Canary(page), {}, 0
    missed: list[str] = []

    def answered(answer: Response) -> None:
        if answer.status >= 400:
            missed.append(f"{answer.status} {answer.url} on {page.url}")

    page.on("response", answered)
    for path in addresses:
        if found := [*canary.after(path), *page.evaluate(MARKUP)]:
            heard[path] = found
        shown += SCRIPT in page.evaluate("document.body.innerText")
    assert (heard, missed) == ({}, [])
    # The browser's own question for an icon, where a page names none, is no answer that Playwright shows.
    faults[:] = [one for one in faults if "404 (Not Found)" not in one]
    assert len(addresses) > 50
    assert shown > 30, "hardly any page shows the text as text"
