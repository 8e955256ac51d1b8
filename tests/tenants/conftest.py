"""What the tests of the tenants' side share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from console.practice.server import PracticeServer
from tenants.models import TrackedConfig
from tests import page_world
from tests import world as making
from tests.page_world import PageWorld
from tests.world import BILLING


@pytest.fixture
def config(practice: PracticeServer, db: None) -> TrackedConfig:
    """Give `cfg-1` of the bank, tracked and not looked at yet."""
    return making.track(making.make_tenant(practice, "northwind"), BILLING)


@pytest.fixture
def secret_file(practice: PracticeServer, tmp_path: Path) -> Path:
    """Give a file with the bank's client secret, as an editor leaves it."""
    file = tmp_path / "secret"
    file.write_text(practice.credentials["northwind"].client_secret + "\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def pages(db: None) -> PageWorld:
    """Give rows to look at on the pages, two tenants among them that not everybody may see."""
    return page_world.build()


@pytest.fixture
def as_user(pages: PageWorld) -> Callable[[str], Client]:
    """Give a browser in which one of the people is signed in."""

    def log_in(name: str) -> Client:
        client = Client()
        client.force_login(pages.people[name])
        return client

    return log_in
