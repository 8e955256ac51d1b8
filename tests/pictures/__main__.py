"""Take the pictures of the README and of docs/PICTURES.md from a real demo: `python -m tests.pictures [FOLDER]`.

It starts a demo of its own in a temporary folder, walks the way of the tour in a headless Chromium, and writes one
picture for each page that is shown, light, and most of them dark as well.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.browser.conftest import FLAGS, chromium
from tests.pictures.palettes import squeezed

CHECKOUT = Path(__file__).resolve().parent.parent.parent
SIZE = ViewportSize(width=1440, height=900)
LOGIN = re.compile(r"^\s+(\w+)\s+(\1-[0-9a-f]+)", re.MULTILINE)
PORT, PRACTICE_PORT = 8970, 8971


@contextmanager
def demo() -> Iterator[dict[str, str]]:
    """Run a demo and give the password of each person."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "CONSOLE_DATA_DIR": folder}
        command = [sys.executable, "manage.py", "demo", "--port", str(PORT), "--practice-port", str(PRACTICE_PORT)]
        process = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if "Ctrl-C" in line:
                    break
            else:
                sys.exit(f"The demo did not start. It said: {said}")
            yield dict(LOGIN.findall(said))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def sign_in(browser: Browser, name: str, passwords: dict[str, str], *, dark: bool = False) -> Page:
    """Open the console as one person."""
    page = browser.new_page(
        viewport=SIZE,
        color_scheme="dark" if dark else "light",
        base_url=f"http://127.0.0.1:{PORT}",
    )
    page.goto("/login/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", passwords[name])
    page.click("[type=submit]")
    return page


def take(page: Page, path: Path, *, height: int = 900) -> None:
    """Write what the window shows to a file."""
    page.set_viewport_size(ViewportSize(width=SIZE["width"], height=height))
    page.mouse.move(0, 0)
    picture = page.screenshot()
    browser = page.context.browser
    assert browser is not None
    blank = browser.new_page()  # the pages of the console let no script in
    path.write_bytes(squeezed(blank, picture))
    blank.close()
    sys.stdout.write(f"{path}\n")


def walk(browser: Browser, passwords: dict[str, str], folder: Path) -> None:
    """Go the way of the tour and take its pictures."""
    alice = sign_in(browser, "alice", passwords)
    take(alice, folder / "overview.png", height=700)
    evening = sign_in(browser, "alice", passwords, dark=True)
    take(evening, folder / "overview-dark.png", height=700)
    evening.close()
    alice.get_by_text("See what changed").first.click()
    take(alice, folder / "compare.png", height=1000)
    dark = sign_in(browser, "carol", passwords, dark=True)
    dark.goto(alice.url)
    dark.keyboard.press("j")
    dark.keyboard.press("j")
    dark.locator("#place:not([hidden])").wait_for()
    take(dark, folder / "compare-dark.png", height=1000)
    alice.get_by_role("link", name="Roll back to v41").first.click()
    take(alice, folder / "plan.png", height=1200)
    alice.get_by_label("Why does it go back?").fill("The Card stolen rule is gone since last night")
    alice.get_by_label("Type the name of the object").fill("Agent Assist – Billing EMEA")
    alice.get_by_role("button", name="Request").click()
    bob = sign_in(browser, "bob", passwords)
    take(bob, folder / "waiting.png", height=900)
    bob.goto(alice.url)
    take(bob, folder / "approve.png", height=1250)
    dark.close()
    dark = sign_in(browser, "bob", passwords, dark=True)
    dark.goto(alice.url)
    take(dark, folder / "approve-dark.png", height=1250)
    dark.close()
    # Somebody else writes while Alice and Bob talk: the plan is void, and Bob is asked for the difference alone.
    bob.get_by_label("Run as soon as approved").uncheck()
    bob.get_by_role("button", name="Approve").click()
    somebody_writes()
    look(alice)
    alice.get_by_label("Type the name of the object").fill("Agent Assist – Billing EMEA")
    alice.get_by_role("button", name="Plan again on the new live").click()
    for night in (False, True):
        again = sign_in(browser, "bob", passwords, dark=night)
        again.goto(alice.url)
        take(again, folder / f"since{'-dark' if night else ''}.png", height=1250)
        again.close()
    bob.goto(alice.url)
    bob.get_by_role("button", name="Approve").click()
    alice.get_by_text("Verified").first.wait_for(timeout=60_000)
    take(alice, folder / "result.png", height=1000)
    carol = sign_in(browser, "carol", passwords)
    carol.goto("/rollbacks/auditentry/")
    carol.get_by_role("link", name="Write concluded").first.click()
    take(carol, folder / "entry.png", height=1100)


def somebody_writes() -> None:
    """Let somebody else change the object of the tour on the practice platform."""
    told = {
        "object": "/api/v2/agentassist/configs/cfg-1",
        "by": "Ines Duarte",
        "edits": [{"path": "/content/tags/0", "value": "billing-emea"}],
    }
    asked = urllib.request.Request(
        f"http://127.0.0.1:{PRACTICE_PORT}/practice/foreign-write",
        data=json.dumps(told).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=10):  # noqa: S310
        pass


def look(page: Page) -> None:
    """Have the console look at live, and come back to the page."""
    there = page.url
    page.get_by_role("link", name="Agent Assist – Billing EMEA").first.click()
    page.get_by_role("button", name="Look now").first.click()
    page.goto(there)


def walk_the_past(browser: Browser, passwords: dict[str, str], folder: Path) -> None:
    """Ask what was live last night, and which change broke it, light and dark."""
    for dark in (False, True):
        name = "-dark" if dark else ""
        carol = sign_in(browser, "carol", passwords, dark=dark)
        carol.goto("/tenants/tenant/")
        carol.get_by_role("link", name="Northwind Bank").first.click()
        carol.get_by_role("link", name="What was live at").click()
        there = carol.url
        carol.goto(f"{there}?at=02:47&zone=Europe/Berlin")
        take(carol, folder / f"as-of{name}.png", height=1000)
        carol.close()
    alice = sign_in(browser, "alice", passwords)
    alice.goto("/tenants/trackedconfig/?tenant=northwind")
    alice.get_by_role("link", name="Agent Assist – Billing EMEA").first.click()
    alice.get_by_role("link", name="Which change broke it?").click()
    alice.select_option("#good", index=20)
    alice.get_by_role("button", name="Start").click()
    take(alice, folder / "bisect.png", height=1000)


def walk_the_history(browser: Browser, passwords: dict[str, str], folder: Path) -> None:
    """Look at the versions of a configuration, at who wrote which line, and at values that came and went."""
    for dark in (False, True):
        name = "-dark" if dark else ""
        alice = sign_in(browser, "alice", passwords, dark=dark)
        alice.goto("/tenants/trackedconfig/?tenant=northwind")
        alice.get_by_role("link", name="Agent Assist – Billing EMEA").first.click()
        take(alice, folder / f"timeline{name}.png", height=1250)
        alice.get_by_role("link", name="v41", exact=True).first.click()
        alice.get_by_role("heading", name="who last changed it").wait_for()
        take(alice, folder / f"blame{name}.png", height=1350)
        alice.goto("/tenants/tenant/")
        alice.get_by_role("link", name="Northwind Bank").first.click()
        alice.get_by_role("link", name="Search values").click()
        alice.goto(f"{alice.url}?q=card")
        take(alice, folder / f"search{name}.png", height=1100)
        alice.close()


def walk_the_roles(browser: Browser, passwords: dict[str, str], folder: Path) -> None:
    """Look at who may do what as the platform's owner, and at a page of a sandbox, light and dark."""
    for dark in (False, True):
        name = "-dark" if dark else ""
        admin = sign_in(browser, "admin", passwords, dark=dark)
        admin.goto("/tenants/membership/")
        take(admin, folder / f"roles{name}.png", height=900)
        admin.goto("/tenants/trackedconfig/?tenant=tailspin")
        admin.get_by_role("link", name="Assistente – Fidelização Portugal").first.click()
        take(admin, folder / f"sandbox{name}.png", height=800)
        admin.close()


def walk_back(browser: Browser, passwords: dict[str, str], folder: Path) -> None:
    """Keep good work on the way back, light and dark, and meet later work on the way of undoing one version."""
    for dark in (False, True):
        alice = sign_in(browser, "alice", passwords, dark=dark)
        alice.goto("/tenants/trackedconfig/?tenant=northwind")
        alice.get_by_role("link", name="Agent Assist – Billing EMEA").first.click()
        there = alice.url
        alice.get_by_role("link", name="Roll back to v39").first.click()
        alice.get_by_label("Keep content › description").check()
        alice.get_by_role("button", name="Keep what is ticked").click()
        alice.locator("#later").scroll_into_view_if_needed()
        alice.get_by_role("button", name="Keep nothing of v41").wait_for()
        alice.evaluate("document.querySelector('#later').scrollIntoView()")
        take(alice, folder / f"keep{'-dark' if dark else ''}.png", height=1000)
        alice.goto(there)
        alice.get_by_role("link", name="Undo only this version (v33)").first.click()
        take(alice, folder / f"undo{'-dark' if dark else ''}.png", height=900)
        alice.close()


def walk_the_emergency(browser: Browser, passwords: dict[str, str], folder: Path) -> None:
    """Let alice break the glass for a rollback that counts down after it, and bob review it, light and dark."""
    alice = sign_in(browser, "alice", passwords)
    alice.goto("/tenants/trackedconfig/?tenant=northwind")
    alice.get_by_role("link", name="Agent Assist – Billing EMEA").first.click()
    alice.get_by_role("link", name="Roll back to v39").first.click()
    alice.get_by_label("Minutes until it is undone").fill("15")
    alice.get_by_role("button", name="Show the plan with it").click()
    alice.get_by_label("Why does it go back?").fill("Refund calls drop since 02:50")
    if alice.locator("[name=confirm_name]").count():
        alice.fill("[name=confirm_name]", "Agent Assist – Billing EMEA")
    alice.get_by_role("button", name="Request").click()
    request = alice.url
    alice.get_by_role("link", name="Break the glass").click()
    alice.get_by_label("Why can it not wait for an approval?").fill(
        "Callers are cut off and no approver answers at 3 a.m."
    )
    alice.get_by_label("Type the name of the object").fill("Agent Assist – Billing EMEA")
    form = alice.url
    take(alice, folder / "break-glass.png", height=1000)
    dark = sign_in(browser, "alice", passwords, dark=True)
    dark.goto(form)
    take(dark, folder / "break-glass-dark.png", height=1000)
    dark.close()
    alice.get_by_role("button", name="Break the glass").click()
    alice.get_by_role("button", name="Run it without approval").click()
    alice.get_by_role("button", name="Keep it").wait_for(timeout=60_000)
    take(alice, folder / "break-glass-run.png", height=1000)
    alice.goto("/rollbacks/brokenglass/")
    alice.locator("main table a").first.click()
    alice.get_by_role("button", name="Close the glass now").click()
    review = alice.url
    alice.goto(request)
    alice.get_by_role("button", name="Keep it").click()
    for is_dark in (False, True):
        bob = sign_in(browser, "bob", passwords, dark=is_dark)
        bob.goto(review)
        take(bob, folder / f"break-glass-review{'-dark' if is_dark else ''}.png", height=1000)
        bob.close()


WINDOWS = (
    ("friday 16:00 to monday 06:00", "", "deny", "Nobody is there to look"),
    ("day 25 to last day", "agentassist.config", "deny", "Month end: billing is on the phone"),
    ("1 december to 31 december", "routing.queue", "deny", "Christmas business"),
)


def walk_the_calendar(browser: Browser, passwords: dict[str, str], folder: Path) -> None:
    """Add freeze windows, look at the calendar, and meet one on a plan, light and dark; end them all."""
    alice = sign_in(browser, "alice", passwords)
    for when, scope, effect, reason in WINDOWS:
        alice.goto("/rollbacks/freezewindow/?tenant=northwind")
        alice.get_by_label("Only for").fill(scope)
        alice.locator(f"input[name=effect][value={effect}]").check()
        alice.get_by_label("When", exact=True).fill(when)
        alice.get_by_label("On the clocks of").fill("Europe/Berlin")
        alice.get_by_label("Why", exact=True).fill(reason)
        alice.get_by_role("button", name="Add the window").click()
    for dark in (False, True):
        name = "-dark" if dark else ""
        page = sign_in(browser, "alice", passwords, dark=dark)
        page.goto("/rollbacks/freezewindow/?tenant=northwind")
        take(page, folder / f"freezes{name}.png", height=1200)
        page.close()
    while alice.get_by_role("button", name="End", exact=True).count():
        alice.get_by_placeholder("Why it ends").first.fill("It was for a picture")
        alice.get_by_role("button", name="End", exact=True).first.click()
    alice.close()


def walk_a_conflict(browser: Browser, passwords: dict[str, str], folder: Path) -> None:
    """Let somebody else write between the approval and the run, and take the conflict's dossier, light and dark."""
    alice = sign_in(browser, "alice", passwords)
    alice.goto("/tenants/trackedconfig/?tenant=northwind")
    alice.get_by_role("link", name="Agent Assist – Billing EMEA").first.click()
    alice.get_by_role("link", name="Roll back to v39").first.click()
    alice.get_by_label("Why does it go back?").fill("Refund offers go out to business customers")
    alice.get_by_label("Type the name of the object").fill("Agent Assist – Billing EMEA")
    alice.get_by_role("button", name="Request").click()
    write = {
        "organization": "northwind",
        "object": "/api/v2/agentassist/configs/cfg-1",
        "by": "Ines Duarte",
        "edits": [
            {"path": "/content/description", "value": "Billing in EMEA, with the refunds of the winter campaign."},
            {"path": "/trafficPercent", "value": 80},
        ],
    }
    elsewhere = urllib.request.Request(
        f"http://127.0.0.1:{PRACTICE_PORT}/practice/foreign-write",
        data=json.dumps(write).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(elsewhere, timeout=30).close()  # noqa: S310 - as above
    bob = sign_in(browser, "bob", passwords)
    bob.goto(alice.url)
    bob.get_by_role("button", name="Approve").click()
    named = alice.get_by_text("named by the platform").first
    for _ in range(40):
        alice.goto(alice.url)
        if named.is_visible():
            break
        alice.wait_for_timeout(3000)
    for dark in (False, True):
        page = sign_in(browser, "alice", passwords, dark=dark)
        page.goto(alice.url)
        page.evaluate("document.querySelector('#conflict').scrollIntoView()")
        take(page, folder / f"conflict{'-dark' if dark else ''}.png", height=1100)
        page.close()


def main() -> int:
    """Take all pictures and return the exit code."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKOUT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    path = chromium()
    if path is None:
        sys.stderr.write("No Chromium is installed (Debian: apt install chromium), so no picture was taken.\n")
        return 2
    with demo() as passwords, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        walk_the_history(browser, passwords, folder)
        walk_the_roles(browser, passwords, folder)
        walk_the_past(browser, passwords, folder)
        walk_back(browser, passwords, folder)
        walk_the_calendar(browser, passwords, folder)
        walk(browser, passwords, folder)
        walk_a_conflict(browser, passwords, folder)
        walk_the_emergency(browser, passwords, folder)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
