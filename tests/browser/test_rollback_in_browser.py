"""The main path in a real browser, with a real worker and the practice platform on real HTTP.

Alice sees what changed last night, asks to go back; Bob sees the same and approves; both watch; Carol reads the record;
and what was done is undone the same way.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from rollbacks import actions, verifying
from rollbacks.models import Rollback
from tenants import actions as tenant_actions
from tests.rollbacks.conftest import REASON
from tests.rollbacks.test_recovery import worker
from tests.world import BILLING, World, version

CHANGES = ".changes-table:not(.choices) tbody tr"
"""What will change; what later work would go is listed apart."""

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OpenPage = Callable[..., Page]
AT_WORK = 120_000
"""A busy machine may need so many milliseconds until the worker is at work; what is done is seen at once."""
LogIn = Callable[[Page, str], None]


@pytest.fixture
def night(world: World) -> World:
    """The world on the morning after: what was right is accepted, and live is last night's change."""
    good = version(world.config, world.live_version - 1)
    tenant_actions.accept_version(world.config, good, acting_user=None)
    for person in (world.alice, world.bob, world.carol):
        person.set_password(f"{person.username}-password")
        person.save()
    return world


@pytest.fixture
def at_work(database_url: str, tmp_path: Path) -> Iterator[None]:
    """A worker with its schedule, as in production."""
    with worker(database_url, tmp_path, name="browser"):
        yield


def words(rows: Locator) -> list[str]:
    return [" ".join(row.split()) for row in rows.all_inner_texts()]


def test_from_login_to_a_verified_rollback_its_record_and_its_undo(
    night: World, at_work: None, new_page: OpenPage, log_in: LogIn
) -> None:
    bad, good = night.live_version, night.live_version - 1
    name = str(night.config)

    alice = new_page()
    log_in(alice, "alice")
    alice.get_by_role("link", name=f"See what changed in {name}").click()
    alice.get_by_role("link", name=f"Roll back to v{good}").click()
    expect(alice.get_by_role("heading", level=1)).to_have_text(f"Roll back {name}")
    expect(alice.locator(".steps [aria-current]")).to_have_text("Review changes")
    expect(alice.locator(".guards .no")).to_have_count(0)
    planned = words(alice.locator(CHANGES))
    assert any("minConfidence" in row for row in planned)
    why = alice.get_by_label("Why does it go back?")
    why.fill("oops")
    alice.get_by_label("Ticket").fill("INC-4711")
    alice.get_by_role("button", name="Request this rollback").click()
    expect(why).to_be_focused()
    assert why.evaluate("field => field.validity.tooShort")
    why.fill(REASON)
    alice.get_by_role("button", name="Request this rollback").click()
    expect(alice.locator(".standing")).to_contain_text("Waiting for approval. Nothing has been sent.")
    expect(alice.locator(".standing")).to_contain_text("It waits for Bob")
    expect(alice.get_by_role("button", name="Approve")).to_have_count(0)

    bob = new_page(dark=True)
    log_in(bob, "bob")
    bob.get_by_role("link", name=re.compile("^Waiting for me")).click()
    bob.get_by_role("table").get_by_role("link", name=name).click()
    assert words(bob.locator(CHANGES)) == planned
    bob.get_by_label("Comment").fill("Checked with the floor lead.")
    expect(bob.get_by_label("Run as soon as approved")).to_be_checked()
    bob.get_by_role("button", name="Approve").click()

    for page in (bob, alice):  # alice has not touched her page since she asked
        expect(page.locator(".standing")).to_contain_text(
            f"Verified: the content of v{good} is live as v{bad + 1}.", timeout=AT_WORK
        )
        expect(page.locator(".steps .done")).to_have_count(6)
    rollback = Rollback.objects.get()
    ours = [write for write in night.practice.writes(BILLING) if write["client"] == night.northwind.client_id]
    assert [write["version"] for write in ours] == [bad + 1]
    assert words(alice.locator(".changes-table tbody tr")) == planned

    carol = new_page(width=390, height=844)
    log_in(carol, "carol")
    carol.get_by_text("Menu").click()
    carol.get_by_role("link", name="Audit trail").first.click()
    carol.get_by_label("What").select_option("write.outcome")
    carol.get_by_role("button", name="Show").click()
    carol.get_by_role("link", name="Write concluded").click()
    for told in (rollback.plan_digest, f'If-Match: "{bad}-', rollback.steps.get().body_sha256, "bob"):
        expect(carol.get_by_role("main")).to_contain_text(told)
    carol.get_by_role("button", name="Verify this tenant's chain").click()
    expect(carol.get_by_role("status")).to_contain_text("The chain of Northwind Bank holds.")
    assert carol.evaluate("document.documentElement.scrollWidth") <= 390

    alice.get_by_role("link", name="Undo this rollback").click()
    expect(alice.get_by_role("heading", level=1)).to_have_text(f"Undo the rollback of {name}")
    alice.get_by_label("Why does it go back?").fill("The old rules were needed after all")
    alice.get_by_role("button", name="Request this rollback").click()
    bob.goto("/rollbacks/rollback/?show=waiting")
    bob.get_by_role("table").get_by_role("link", name=name).click()
    bob.get_by_role("button", name="Approve").click()
    expect(alice.locator(".standing")).to_contain_text(
        f"Verified: the content of v{bad} is live as v{bad + 2}.", timeout=AT_WORK
    )
    alice.goto(f"/tenants/trackedconfig/{night.config.pk}/change/")
    expect(alice.get_by_role("link", name="written here")).to_have_count(2)
    assert verifying.verify(night.northwind).holds


def test_without_a_script_the_page_of_a_run_reloads_itself_to_the_verdict(
    night: World, at_work: None, new_page: OpenPage, log_in: LogIn
) -> None:
    rollback = actions.request_rollback(
        night.config, version(night.config, night.live_version - 1), reason=REASON, acting_user=night.alice
    )
    bob = new_page(script=False, width=360, height=740)
    log_in(bob, "bob")
    bob.goto(f"/rollbacks/rollback/{rollback.pk}/change/")
    bob.get_by_label("Run as soon as approved").uncheck()
    bob.get_by_role("button", name="Approve").click()
    expect(bob.locator(".standing")).to_contain_text("Approved. Nothing has been sent yet.")
    bob.get_by_role("button", name="Run now").click()
    expect(bob.locator(".standing")).to_contain_text("Verified:", timeout=AT_WORK)


def test_a_run_is_watched_while_the_platform_takes_its_time(
    night: World, at_work: None, new_page: OpenPage, log_in: LogIn
) -> None:
    night.practice.add_fault("slow", method="PUT", path="/configs/cfg-1$", seconds=15)
    rollback = actions.request_rollback(
        night.config, version(night.config, night.live_version - 1), reason=REASON, acting_user=night.alice
    )
    actions.approve_rollback(rollback, acting_user=night.bob, plan_digest=rollback.plan_digest)
    alice = new_page()
    log_in(alice, "alice")
    alice.goto(f"/rollbacks/rollback/{rollback.pk}/change/")
    alice.get_by_role("button", name="Run now").click()
    now = alice.locator("#run .now")
    expect(now).to_contain_text("Sent as request 1 of at most 6", timeout=AT_WORK)
    expect(alice.get_by_role("progressbar")).to_be_visible()
    alice.reload()
    expect(now).to_contain_text("no answer yet")
    expect(alice.locator("#run-said")).to_have_text("Sent as request 1 of at most 6")
    night.practice.platform.stopping.set()  # lets go of what is held
    expect(alice.locator(".standing")).to_contain_text("Verified:", timeout=AT_WORK)
