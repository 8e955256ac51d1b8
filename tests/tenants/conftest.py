"""What the tests of the tenants' side share."""

import pytest

from console.practice.server import PracticeServer
from tenants.models import TrackedConfig
from tests import world as making
from tests.world import BILLING


@pytest.fixture
def config(practice: PracticeServer, db: None) -> TrackedConfig:
    """Give `cfg-1` of the bank, tracked and not looked at yet."""
    return making.track(making.make_tenant(practice, "northwind"), BILLING)
