"""The world of the contract: one practice platform in a process of its own, and the SDK as the bank's client."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.contract.practice import Practice, running

if TYPE_CHECKING:
    from tests.contract.vendor import Vendor


@pytest.fixture(scope="session")
def platform() -> Iterator[Practice]:
    with running() as practice:
        yield practice


@pytest.fixture
def practice(platform: Practice) -> Iterator[Practice]:
    """The platform without faults, before and after."""
    platform.calm()
    yield platform
    platform.calm()


@pytest.fixture
def client_of(practice: Practice) -> "Callable[[str], Vendor]":
    """Give the SDK, signed in as the client of an organization."""
    from tests.contract.vendor import Vendor  # noqa: PLC0415 - this file is also read where the SDK is not

    def sign_in(slug: str) -> Vendor:
        one = practice.credentials[slug]
        return Vendor(practice.url, one["client_id"], one["client_secret"])

    return sign_in


@pytest.fixture
def bank(client_of: "Callable[[str], Vendor]") -> "Vendor":
    return client_of("northwind")
