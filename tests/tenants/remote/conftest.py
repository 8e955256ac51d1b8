"""The practice platform and a client of it, over real HTTP."""

from collections.abc import Callable, Iterator

import pytest

from console.practice.server import PracticeServer
from tenants.remote import Limits, Platform
from tenants.remote.client import Credentials
from tenants.remote.tokens import TokenCache
from tenants.remote.transport import close_idle_connections

QUICK = Limits(first_pause_seconds=0.01, longest_wait_seconds=3)

Connect = Callable[..., Platform]


@pytest.fixture
def practice() -> Iterator[PracticeServer]:
    """Give a practice platform of its own for the test."""
    with PracticeServer() as server:
        yield server
    close_idle_connections()


@pytest.fixture
def connect(practice: PracticeServer) -> Connect:
    """Give a function that connects to an organization of the practice platform, with a token cache of its own."""

    def connected(slug: str = "northwind", **changes: object) -> Platform:
        one = practice.credentials[slug]
        how: dict[str, object] = {
            "api_base": practice.url,
            "login_base": practice.url,
            "credentials": Credentials(client_id=one.client_id, client_secret=one.client_secret),
            "custom_hosts": True,
            "limits": QUICK,
            "tokens": TokenCache(clock=lambda: 0.0),
            "sleep": lambda _: None,
        }
        return Platform(**{**how, **changes})  # type: ignore[arg-type]  # each test names the ones it changes

    return connected


@pytest.fixture
def bank(connect: Connect) -> Platform:
    """Give the client of Northwind Bank."""
    return connect()
