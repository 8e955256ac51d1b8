"""Misbehaviour of the practice platform: each kind does what it says, as often as it says, and no more."""

import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from console.practice import faults, state, store
from console.practice.server import PracticeServer
from tests.console.practice_world import CONFIG, NOW, Caller, calling
from tests.waiting import until


class Clock:
    """The platform's monotonic clock, which the test can put forward."""

    later = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.later


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    for module in (faults, state, store):
        monkeypatch.setattr(module, "time", one)
    return one


@pytest.fixture
def bank() -> Iterator[Caller]:
    with PracticeServer(now=NOW) as platform, calling(platform) as caller:
        yield caller


def version(bank: Caller) -> int:
    return int(bank.get(CONFIG).json()["version"])


@pytest.mark.parametrize(("kind", "written"), [("drop_before_commit", False), ("drop_after_commit", True)])
def test_a_dropped_write_gets_no_answer_and_lands_or_not(bank: Caller, kind: str, written: bool) -> None:
    body, etag = bank.next_write()
    bank.platform.add_fault(kind, path="cfg-1$")
    with pytest.raises(requests.ConnectionError, match=r"reset|aborted"):
        bank.put(CONFIG, body, if_match=etag)
    assert version(bank) == (43 if written else 42)
    assert len(bank.platform.writes()) == written
    put = [one for one in bank.platform.requests() if one["method"] == "PUT"][-1]
    assert (put["status"], put["if_match"], put["fault"]) == (None, etag, [kind])
    retried = bank.put(CONFIG, body, if_match=etag)
    assert retried.status_code == (409 if written else 200)


@pytest.mark.parametrize(
    ("kind", "status", "code", "written"),
    [
        ("locked_409", 409, "general.conflict", False),
        ("conflict_412", 412, "precondition.failed", False),
        ("false_409", 409, "general.conflict", True),
        ("false_412", 412, "precondition.failed", True),
        ("unavailable_503", 503, "service.unavailable", False),
        ("gateway_504", 504, "request.timeout", True),
        ("unauthorized_401", 401, "bad.credentials", False),
        ("rate_limited_429", 429, "too.many.requests.retry.after", False),
    ],
)
def test_a_fault_answers_as_it_says_and_writes_or_not(
    bank: Caller, kind: str, status: int, code: str, written: bool
) -> None:
    body, etag = bank.next_write()
    bank.platform.add_fault(kind, method="PUT")
    answer = bank.put(CONFIG, body, if_match=etag)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["ININ-Correlation-Id"] == answer.json()["contextId"]
    assert version(bank) == (43 if written else 42)


def test_503_can_come_after_the_commit(bank: Caller) -> None:
    body, etag = bank.next_write()
    bank.platform.add_fault("unavailable_503", method="PUT", when="after")
    assert bank.put(CONFIG, body, if_match=etag).status_code == 503
    assert version(bank) == 43


def test_the_locked_409_says_so_in_the_platforms_words(bank: Caller) -> None:
    body, etag = bank.next_write()
    bank.platform.add_fault("locked_409", times=2)
    messages = [bank.put(CONFIG, body, if_match=etag).json()["message"] for _ in range(2)]
    assert set(messages) == {
        "The requested resource is currently locked or in a state that prevents the requested action."
    }
    assert bank.put(CONFIG, body, if_match=etag).status_code == 200


def test_retry_after_is_told_or_left_out(bank: Caller) -> None:
    bank.platform.add_fault("rate_limited_429", seconds=42)
    bank.platform.add_fault("rate_limited_429", retry_after=False)
    assert bank.get(CONFIG).headers["Retry-After"] == "42"
    assert "Retry-After" not in bank.get(CONFIG).headers
    assert bank.get(CONFIG).status_code == 200


def test_half_a_body_breaks_off_in_the_middle_of_the_answer(bank: Caller) -> None:
    bank.platform.add_fault("half_body")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        bank.get(CONFIG)
    assert version(bank) == 42


def test_a_proxys_html_page_and_a_redirect_stand_in_for_the_answer(bank: Caller) -> None:
    bank.platform.add_fault("html_200")
    bank.platform.add_fault("redirect_302")
    page = bank.get(CONFIG)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    away = bank.get(CONFIG)
    assert (away.status_code, away.headers["Location"]) == (302, "/somewhere-else" + CONFIG)


def test_a_held_answer_comes_after_the_caller_has_gone_and_the_write_stands(bank: Caller) -> None:
    body, etag = bank.next_write()
    bank.platform.add_fault("timeout", method="PUT", seconds=30)
    with pytest.raises(requests.ReadTimeout):
        bank.session.put(bank.platform.url + CONFIG, json=body, headers={"If-Match": etag}, timeout=0.3)
    until(lambda: version(bank) == 43)


def test_a_write_held_before_its_commit_lands_late(bank: Caller) -> None:
    body, etag = bank.next_write()
    bank.platform.add_fault("timeout", method="PUT", seconds=600, when="before")
    with pytest.raises(requests.ReadTimeout):
        bank.session.put(bank.platform.url + CONFIG, json=body, headers={"If-Match": etag}, timeout=0.2)
    assert version(bank) == 42
    bank.platform.platform.stopping.set()  # lets go of what is held
    until(lambda: version(bank) == 43)


def test_a_slow_answer_is_a_good_one(bank: Caller) -> None:
    bank.platform.add_fault("slow", seconds=0.3)
    started = time.monotonic()
    assert version(bank) == 42
    assert time.monotonic() - started >= 0.3


def test_stale_reads_show_the_version_before_with_its_own_etag(bank: Caller) -> None:
    before = bank.get(CONFIG)
    bank.platform.foreign_write(CONFIG)
    bank.platform.add_fault("stale_reads", times=2)
    stale = bank.get(CONFIG)
    assert (stale.content, stale.headers["ETag"]) == (before.content, before.headers["ETag"])
    assert bank.get(CONFIG + "/versions/43").status_code == 404
    assert version(bank) == 43


def test_stale_reads_of_some_seconds_end_by_themselves_and_never_hide_old_versions(bank: Caller, clock: Clock) -> None:
    bank.platform.add_fault("stale_reads", seconds=60)
    assert version(bank) == 42
    body, etag = bank.next_write()
    assert bank.put(CONFIG, body, if_match=etag).json()["version"] == 43
    assert version(bank) == 42
    clock.later = 61
    assert version(bank) == 43


@pytest.mark.parametrize("content", ["other", "request", "same"])
def test_somebody_writes_just_before_and_the_guarded_write_loses(bank: Caller, content: str) -> None:
    body, etag = bank.next_write(trafficPercent=30)
    before = bank.get(CONFIG).json()
    bank.platform.add_fault("foreign_write", content=content, by="Ines Duarte")
    assert bank.put(CONFIG, body, if_match=etag).status_code == 409
    live = bank.get(CONFIG).json()
    assert (live["version"], live["modifiedBy"]["name"], live["modifiedByApp"]) == (43, "Ines Duarte", None)
    assert live["trafficPercent"] == (30 if content == "request" else 100)
    assert (live["content"] == before["content"]) == (content != "other")
    assert [one["client"] for one in bank.platform.writes()] == [None]


def test_a_weak_etag_guards_nothing(bank: Caller) -> None:
    bank.platform.add_fault("weak_etag", method="GET")
    body, etag = bank.next_write()
    assert etag.startswith('W/"42-')
    assert bank.put(CONFIG, body, if_match=etag).status_code == 409


def test_an_etag_can_change_while_the_version_stays(bank: Caller) -> None:
    before = bank.get(CONFIG)
    bank.platform.add_fault("etag_changes_under_constant_version")
    after = bank.get(CONFIG)
    assert after.content == before.content
    assert after.headers["ETag"] != before.headers["ETag"]
    assert bank.get(CONFIG).headers["ETag"] == after.headers["ETag"]


def test_a_rule_waits_its_turn_and_ends_after_its_times(bank: Caller) -> None:
    bank.platform.add_fault("unavailable_503", after=1, times=2)
    assert [bank.get(CONFIG).status_code for _ in range(5)] == [200, 503, 503, 200, 200]


def test_a_rule_speaks_of_one_path_method_and_organization(bank: Caller) -> None:
    bank.platform.add_fault("unavailable_503", path="/configs/cfg-2$", times=None)
    bank.platform.add_fault("gateway_504", organization="tailspin", times=None)
    assert version(bank) == 42
    assert bank.get("/api/v2/agentassist/configs/cfg-2").status_code == 503
    with calling(bank.platform, "lamna") as insurer:
        assert insurer.get("/api/v2/tokens/me").status_code == 200
    bank.platform.clear_faults()
    assert bank.get("/api/v2/agentassist/configs/cfg-2").status_code == 200


def test_a_rule_ends_with_its_time(bank: Caller, clock: Clock) -> None:
    bank.platform.add_fault("unavailable_503", times=None, lasts=60)
    assert bank.get(CONFIG).status_code == 503
    clock.later = 61
    assert bank.get(CONFIG).status_code == 200


def test_ways_and_an_end_come_together_and_the_second_end_keeps_its_turn(bank: Caller) -> None:
    body, etag = bank.next_write()
    bank.platform.add_fault("false_409")
    bank.platform.add_fault("gateway_504", method="PUT")
    bank.platform.add_fault("foreign_write", content="request")
    assert bank.put(CONFIG, body, if_match=etag).json()["code"] == "general.conflict"
    assert [one["by"]["name"] for one in bank.platform.writes()] == ["Tom Becker"]
    assert bank.put(CONFIG, body, if_match=etag).status_code == 504


def test_the_token_endpoint_can_fail_too(bank: Caller) -> None:
    bank.platform.add_fault("unavailable_503", path="^/oauth/token$")
    one = bank.platform.credentials["northwind"]
    url, form = bank.platform.url + "/oauth/token", {"grant_type": "client_credentials"}
    statuses = [
        requests.post(url, data=form, auth=(one.client_id, one.client_secret), timeout=60).status_code for _ in range(2)
    ]
    assert statuses == [503, 200]


def test_of_many_writers_on_one_base_exactly_one_wins(bank: Caller) -> None:
    body, etag = bank.next_write()
    statuses: list[int] = []

    def write() -> None:
        with calling(bank.platform) as other:
            statuses.append(other.put(CONFIG, body, if_match=etag).status_code)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7
    assert len(bank.platform.writes()) == 1


def test_a_drop_is_a_reset_and_no_orderly_end(bank: Caller) -> None:
    bank.platform.add_fault("drop_before_commit", method="GET")
    with socket.create_connection(("127.0.0.1", bank.platform.port)) as caller:
        caller.sendall(b"GET /api/v2/tokens/me HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            caller.recv(100)


def test_a_redirect_names_its_target_on_one_line(bank: Caller) -> None:
    bank.platform.add_fault("redirect_302")
    away = bank.get("/api/v2/x%0d%0aSet-Cookie:%20a=b")
    assert away.headers["Location"] == "/somewhere-else/api/v2/x%0D%0ASet-Cookie%3A%20a%3Db"
    assert not away.cookies


def test_a_caller_that_breaks_off_leaves_the_platform_standing(bank: Caller) -> None:
    with socket.create_connection(("127.0.0.1", bank.platform.port)) as caller:
        caller.sendall(b"PUT /api/v2/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf")
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert version(bank) == 42
