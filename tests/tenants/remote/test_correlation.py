"""The platform's name for a request goes with everything that is told of it: errors, the log, what was captured."""

import logging

import pytest

from console.practice.server import PracticeServer
from tenants.remote import ConnectionLost, Platform, RemoteUnavailable, RequestRefused
from tests.tenants.remote.conftest import Connect


def last(practice: PracticeServer) -> str:
    """Give the correlation id of the last request."""
    return str(practice.requests()[-1]["correlation_id"])


def test_an_errors_sentence_bears_the_correlation_id_once(practice: PracticeServer, connect: Connect) -> None:
    practice.add_fault("unavailable_503", path="/configs/", times=3)
    with pytest.raises(RemoteUnavailable) as told:
        connect().read("/api/v2/agentassist/configs/cfg-1")
    assert told.value.correlation_id == last(practice)
    assert str(told.value).endswith(f"Correlation id {last(practice)}.")
    again = ConnectionLost(f"{told.value.sentence} Read it.", correlation_id=told.value.correlation_id)
    assert str(again).count(last(practice)) == 1


def test_an_error_without_a_correlation_id_says_nothing_of_one() -> None:
    assert str(RequestRefused("No.")) == "No."


def test_every_answer_is_in_the_log_with_its_correlation_id_and_without_a_secret(
    practice: PracticeServer, bank: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="tenants.remote.client"):
        bank.read("/api/v2/tokens/me")
    told = {getattr(record, "correlation_id", None) for record in caplog.records}
    assert {one["correlation_id"] for one in practice.requests()} <= told
    (token,) = practice.platform.access._tokens
    assert token not in caplog.text
    assert practice.credentials["northwind"].client_secret not in caplog.text
