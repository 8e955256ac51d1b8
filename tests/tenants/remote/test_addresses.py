"""Requests go to the platform's own hosts and stay below its API."""

import pytest

from tenants import regions
from tenants.remote import AddressNotAllowed, fill_path
from tenants.remote.addresses import check_host, check_path


@pytest.mark.parametrize("domain", regions.DOMAINS)
def test_the_hosts_of_every_region_are_allowed(domain: str) -> None:
    assert check_host(f"https://api.{domain}/", custom_hosts=False) == f"https://api.{domain}"
    assert check_host(f"https://login.{domain}", custom_hosts=False) == f"https://login.{domain}"


def test_there_are_eighteen_regions() -> None:
    assert len(set(regions.DOMAINS)) == 18


@pytest.mark.parametrize(
    "base",
    [
        "http://api.mypurecloud.de",
        "https://apps.mypurecloud.de",
        "https://api.mypurecloud.de.stranger.example",
        "https://api.mypurecloud.de:8443",
        "https://user@api.mypurecloud.de",
        "https://stranger.example",
        "http://127.0.0.1:8001",
    ],
)
def test_any_other_host_needs_the_setting(base: str) -> None:
    with pytest.raises(
        AddressNotAllowed, match="is not one of the platform's 18 domains, so nothing was sent"
    ) as refused:
        check_host(base, custom_hosts=False)

    assert "CONSOLE_ALLOW_CUSTOM_HOSTS" in refused.value.sentence
    assert refused.value.sent is False


@pytest.mark.parametrize(
    "base",
    [
        "https://gateway.bank.example",
        "https://gateway.bank.example:8443",
        "http://127.0.0.1:8001",
        "http://localhost:8001",
        "http://[::1]:8001",
    ],
)
def test_hosts_of_ones_own_may_be_allowed(base: str) -> None:
    assert check_host(base, custom_hosts=True) == base


@pytest.mark.parametrize(
    "base",
    [
        "http://gateway.bank.example",
        "http://127.0.0.1.stranger.example",
        "http://169.254.169.254",
        "ftp://127.0.0.1",
        "https://user:secret@gateway.bank.example",
        "https://gateway.bank.example/prefix",
        "https://gateway.bank.example?x=1",
        "https://gateway.bank.example#x",
        "https://",
        "https://[::1",
        "https://gateway.bank.example:99999",
        "https://gateway.bank.example:0",
        "https://gate way.example",
        "gateway.bank.example",
        "",
    ],
)
def test_what_is_no_address_or_has_no_tls_is_refused_even_then(base: str) -> None:
    with pytest.raises(AddressNotAllowed, match="so nothing was sent to it"):
        check_host(base, custom_hosts=True)


@pytest.mark.parametrize("object_id", ["", ".", "..", "\ud800"])
def test_an_id_that_no_quoting_keeps_in_its_place_is_refused(object_id: str) -> None:
    with pytest.raises(AddressNotAllowed, match="cannot be the id of an object, so nothing was sent"):
        fill_path("/api/v2/routing/queues/{id}", object_id=object_id)


def test_a_version_stands_in_its_place_even_when_the_id_looks_like_a_placeholder() -> None:
    path = fill_path("/api/v2/agentassist/configs/{id}/versions/{version}", object_id="{version}", version=41)

    assert path == "/api/v2/agentassist/configs/%7Bversion%7D/versions/41"


@pytest.mark.parametrize(
    "path",
    [
        "/oauth/token",
        "api/v2/users",
        "/api/v2/../../oauth/token",
        "/api/v2/%2e%2E/users",
        "/api/v2//users",
        "/api/v2/users?x=1",
        "/api/v2/users#x",
        "/api/v2/us ers",
        "/api/v2/users\r\nX: 1",
        "/api/v2/usérs",
        "https://stranger.example/api/v2/users",
        "//stranger.example/api/",
    ],
)
def test_a_path_that_leaves_the_api_is_refused(path: str) -> None:
    with pytest.raises(AddressNotAllowed, match="is not a path of the platform's API, so nothing was sent"):
        check_path(path)
