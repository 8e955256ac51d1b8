"""A real headless Chromium in front of a live server on the tests' PostgreSQL.

Every page that a test opens is watched: an error in the console, an error in a script, a violation of the
Content-Security-Policy or an answer of 500 fails the test, whatever else it looked at.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect

# Playwright's synchronous interface runs an event loop in this thread, in which Django refuses the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

# A busy machine may take its time; what is there is seen at once all the same.
expect.set_options(timeout=60_000)

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)

WATCH_POLICY = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP violation: ${event.violatedDirective} refused ${event.blockedURI} on ${location.pathname}`);
});
"""


def chromium() -> str | None:
    """Give the path of the machine's Chromium, or None where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        found = shutil.which(name)
        if found:
            return found
    return None


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Launch the system's Chromium; skip where there is none, and fail in CI, where it has to be."""
    path = chromium()
    if path is None:
        sentence = "No Chromium is installed (Debian: apt install chromium), so no page was opened."
        if os.environ.get("CI"):
            pytest.fail(f"{sentence} In CI it has to be there.")
        pytest.skip(sentence)
    return {"executable_path": str(Path(path)), "args": list(FLAGS), "headless": True}


@pytest.fixture
def faults() -> list[str]:
    """What went wrong in the watched pages so far; a test that means to see an error takes its line out."""
    return []


@pytest.fixture
def new_page(browser: Browser, faults: list[str], live_server: Any) -> Iterator[Callable[..., Page]]:
    """Open a watched page in a context of its own: `new_page(dark=True, width=390, script=False)`."""
    contexts: list[BrowserContext] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            faults.append(f"console {message.type}: {message.text}")

    def answered(response: Response) -> None:
        if response.status >= 500:
            faults.append(f"{response.status} from {response.url}")

    def open_page(*, dark: bool = False, width: int = 1440, height: int = 900, script: bool = True) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": height},
            java_script_enabled=script,
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        context.add_init_script(WATCH_POLICY)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
        page.on("response", answered)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def log_in() -> Callable[[Page, str], None]:
    """Log a user in through the login page; the password is the user's name followed by `-password`."""

    def enter(page: Page, username: str) -> None:
        page.goto("/login/")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(f"{username}-password")
        page.get_by_role("button", name="Log in", exact=True).click()
        page.wait_for_url(lambda url: "/login" not in url)

    return enter
