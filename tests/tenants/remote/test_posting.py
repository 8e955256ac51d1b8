"""A receiver is told once for each call, over TLS or on this machine, and every way of not taking it has its name."""

import pytest

from tenants.remote import errors, posting
from tests.rollbacks.receiving import Receiver, receiving


def post(receiver: Receiver, *, bearer: str = "") -> None:
    posting.post(receiver.url, b"{}", content_type="application/json", bearer=bearer, key="k1")


def test_what_is_acknowledged_arrived_with_its_name_and_without_a_tenants_token() -> None:
    with receiving() as receiver:
        receiver.statuses = [200, 202]
        post(receiver)
        post(receiver, bearer="t0ken")
    assert receiver.lines == [b"{}", b"{}"]
    first, second = receiver.headers
    assert "Authorization" not in first
    assert (first["Content-Type"], first["Idempotency-Key"]) == ("application/json", '"k1"')
    assert second["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, errors.RemoteRefused),
        (400, errors.RemoteRefused),
        (401, errors.RemoteRefused),
        (500, errors.RemoteUnavailable),
        (503, errors.RemoteUnavailable),
        (0, errors.ConnectionLost),
    ],
)
def test_what_is_not_acknowledged_raises_and_is_not_repeated(status: int, kind: type[errors.RemoteError]) -> None:
    with receiving() as receiver:
        receiver.statuses = [status]
        with pytest.raises(kind):
            post(receiver)
        assert receiver.statuses == []
    assert receiver.lines == []


def test_a_receiver_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(errors.Unreachable, match=r"127\.0\.0\.1:1 could not be reached"):
        posting.post("http://127.0.0.1:1/x", b"{}", content_type="application/json", bearer="", key="k")


@pytest.mark.parametrize(
    "url",
    [
        "http://audit.example/x",
        "ftp://audit.example",
        "audit.example",
        "https://me:pw@audit.example/",
        "https://a/#b",
        "",
    ],
)
def test_nothing_is_sent_to_an_address_that_is_not_fit_for_it(url: str) -> None:
    assert posting.why_no_receiver(url)
    with pytest.raises(errors.AddressNotAllowed):
        posting.post(url, b"{}", content_type="application/json", bearer="", key="k")


@pytest.mark.parametrize("url", ["https://audit.example/in?team=1", "http://127.0.0.1:9/x", "http://localhost/x"])
def test_an_address_with_tls_or_on_this_machine_is_fit(url: str) -> None:
    assert posting.why_no_receiver(url) == ""
