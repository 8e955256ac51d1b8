"""Hostile text in everything that a page shows: no script of it runs, nothing is fetched, nothing leaves."""

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from playwright.sync_api import Page, Request, Route

from tenants import actions, entitling
from tenants.access import Role
from tenants.labelling import Word
from tenants.models import Snapshot, Tenant, TrackedConfig
from tests import page_world
from tests.page_world import PageWorld
from tests.walk import hostile

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CANARY = """
addEventListener("securitypolicyviolation", (event) => {
  (window.__violations ||= []).push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""


class Canary:
    """What a script that ran, or tried to, leaves behind: dialogs, marks, refusals, requests elsewhere."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.heard: list[str] = []
        page.add_init_script(CANARY)
        page.on("dialog", self._dialog)
        page.on("request", self._asked)

    def _dialog(self, dialog: object) -> None:
        self.heard.append("a dialog")
        dialog.dismiss()  # type: ignore[attr-defined]

    def _asked(self, request: Request) -> None:
        host = urlsplit(request.url).hostname
        if host not in {"localhost", "127.0.0.1", None}:
            self.heard.append(f"a request to {host}")

    def after(self, path: str) -> list[str]:
        """Open a page and give what was heard on it."""
        self.heard.clear()
        self.page.goto(path)
        marked = self.page.evaluate("[window.__hit ? 'a script ran' : '', ...(window.__violations || [])]")
        return [*self.heard, *(one for one in marked if one)]


@pytest.fixture
def pages() -> PageWorld:
    return page_world.build()


def poison(world: PageWorld, texts: list[str]) -> list[str]:
    """Put the texts into every place that a page shows, and give the addresses of the pages."""
    told = " ".join(texts)
    content = {
        **page_world.first_content(),
        **{text[:200] or "empty": {"value": text, "list": [text, {text[:100]: text}]} for text in texts},
        "description": told,
    }
    config = world.billing
    version = page_world.version(config, 43, content, author=texts[0], source="live")
    Snapshot.objects.filter(pk=version.pk).update(
        author_name=told[:300], etag=f'"{texts[0]}"'.encode(), correlation_id=texts[0][:100]
    )
    TrackedConfig.objects.filter(pk=config.pk).update(
        name=told[:300], live=version, presence_detail=told, presence=TrackedConfig.Presence.UNREADABLE
    )
    Tenant.objects.filter(pk=world.northwind.pk).update(
        name=told[:120], frozen=True, frozen_reason=told[:300], organization_id=texts[0][:60]
    )
    person = world.people["alice"]
    person.first_name, person.last_name = texts[0][:150], texts[-1][:150]
    person.save()
    group = entitling.keep_group(Group(name=told[:150]), [person], acting_user=world.people["rae"])
    entitling.give_group_role(group, world.northwind, Role.VIEWER, acting_user=None)
    entitling.add_claim_role(texts[0][:100] or "x", told[:300], world.northwind, Role.VIEWER, acting_user=None)
    actions.label_version(version, Word.BAD, reason=told, acting_user=person)
    at, key = reverse, config.pk
    compare = at("admin:tenants_trackedconfig_compare", args=[key])
    return [
        "/",
        "/tenants/tenant/",
        "/tenants/trackedconfig/",
        "/tenants/membership/",
        "/tenants/grouprole/",
        "/tenants/claimrole/",
        "/auth/group/",
        f"/auth/group/{group.pk}/change/",
        "/rollbacks/auditentry/",
        at("admin:tenants_tenant_change", args=[world.northwind.pk]),
        at("admin:tenants_tenant_edit", args=[world.northwind.pk]),
        at("admin:tenants_trackedconfig_change", args=[key]),
        at("admin:tenants_trackedconfig_version", args=[key, version.pk]),
        f"{compare}?from=42&to=43",
        f"{compare}?from=42&to=43&view=unified",
    ]


def _plant(body: str, headers: dict[str, str], route: Route) -> None:
    route.fulfill(body=body, headers={"Content-Type": "text/html", **headers})


def test_the_canary_hears_a_script_a_dialog_a_refusal_and_a_request_elsewhere(
    pages: PageWorld, new_page: Callable[..., Page], faults: list[str]
) -> None:
    page = new_page()
    canary = Canary(page)
    policy = {"Content-Security-Policy": "default-src 'self'"}
    for inside, headers, heard in (
        ("<script>window.__hit=1</script>", {}, "a script ran"),
        ("<img src=x onerror='alert(1)'>", {}, "a dialog"),
        ("<script>window.__hit=1</script>", policy, "script-src-elem inline"),
        ("<img src=//evil.invalid/x>", {}, "a request to evil.invalid"),
    ):
        planted = partial(_plant, f"<p>{inside}</p>", headers)
        page.route(re.compile("/planted/"), planted)
        assert heard in canary.after("/planted/"), (inside, headers)
        page.unroute(re.compile("/planted/"))
    faults.clear()


def test_no_script_of_our_own_runs_on_any_page_that_shows_it(
    pages: PageWorld, new_page: Callable[..., Page], log_in: Callable[[Page, str], None]
) -> None:
    page = new_page()
    log_in(page, "rae")
    canary = Canary(page)
    texts = [hostile.storable(text)[:400] for text in hostile.OURS]
    heard = {path: found for path in poison(pages, texts) if (found := canary.after(path))}
    assert heard == {}
