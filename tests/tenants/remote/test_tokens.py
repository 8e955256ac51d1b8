"""Tokens are shared, renewed in time, dropped when refused, and never taken from something that is none."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tenants.remote import Answer, Limits, NotJson, Platform, Redirected, RemoteError, RemoteUnavailable, TokenUnusable
from tenants.remote.client import Credentials
from tenants.remote.tokens import Token, TokenCache, token_in
from tenants.remote.transport import close_idle_connections
from tests.tenants.remote.odd_server import OddServer, http

QUEUE = "/api/v2/routing/queues/q-claims"


@pytest.fixture(autouse=True)
def closed_connections() -> Iterator[None]:
    """Close what the test's reads have kept open."""
    yield
    close_idle_connections()


def client_of(server: OddServer) -> Platform:
    return Platform(
        api_base=server.url,
        login_base=server.url,
        credentials=Credentials(client_id="client-1", client_secret="secret-1"),
        custom_hosts=True,
        limits=Limits(tries=1),
        tokens=TokenCache(clock=lambda: 0.0),
    )


def token_answer(**members: object) -> bytes:
    answer = {"access_token": "token-1", "token_type": "bearer", "expires_in": 3600, **members}
    return http("200 OK", json.dumps(answer).encode())


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b"<html>Sign in</html>", b"Content-Type: text/html"),
        http("200 OK", b"[]"),
        token_answer(access_token=None),
        token_answer(access_token=""),
        token_answer(access_token="two words"),
        token_answer(access_token="token\r\nX-Injected: 1"),
        token_answer(access_token="tökén"),
        token_answer(token_type="mac"),
        token_answer(expires_in=0),
        token_answer(expires_in="3600"),
        token_answer(expires_in=True),
        token_answer(expires_in=None),
        token_answer(expires_in=10**400),
        token_answer(access_token="t" * 20_000),
        http("200 OK", b'{"access_token": "a", "access_token": "b", "token_type": "bearer", "expires_in": 60}'),
        http("200 OK", b'{"access_token": "a", "token_type": "bearer", "expires_in": Infinity}'),
        http("200 OK", b'{"access_token": "a", "token_type": "bearer", "expires_in": 1e999999999}'),
        http("200 OK", b'\xef\xbb\xbf{"access_token": "a", "token_type": "bearer", "expires_in": 60}'),
        http("200 OK", '{"access_token": "a", "token_type": "bearer", "expires_in": 60}'.encode("utf-16")),
    ],
)
def test_what_is_no_token_is_refused_and_nothing_else_is_sent(answer: bytes) -> None:
    with OddServer(lambda one: one.say(http("200 OK")), token_answer=answer) as server:
        with pytest.raises(TokenUnusable, match="something that is no token, so nothing else was sent"):
            client_of(server).read(QUEUE)
        with pytest.raises(TokenUnusable) as refused:
            client_of(server).write("PUT", QUEUE, b"{}", if_match=None)

    assert refused.value.sent is False
    assert server.conversations == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http("302 Found", b"", b"Location: http://127.0.0.1:1/"), Redirected),
        (http("404 Not Found", b"<h1>nginx</h1>"), NotJson),
        (http("503 Busy", b""), RemoteUnavailable),
    ],
    ids=["redirect", "wrong host", "busy"],
)
def test_a_token_endpoint_that_fails_is_named(answer: bytes, error: type[RemoteError]) -> None:
    with OddServer(lambda one: one.say(http("200 OK")), token_answer=answer) as server:
        with pytest.raises(error, match="/oauth/token"):
            client_of(server).read(QUEUE)
        with pytest.raises(error) as failed:
            client_of(server).write("PUT", QUEUE, b"{}", if_match=None)

    assert failed.value.sent is False
    assert server.conversations == []


@pytest.mark.parametrize(("spelled", "seconds"), [(b"86399.5", 86399.5), (b"36e2", 3600.0), (b"300", 300.0)])
def test_the_life_of_a_token_may_be_spelled_as_any_number(spelled: bytes, seconds: float) -> None:
    body = b'{"access_token": "a", "token_type": "bearer", "expires_in": ' + spelled + b"}"
    said = Answer(200, body, None, "c-1", 12, datetime(2026, 11, 22, 3, tzinfo=UTC), "application/json")

    assert token_in(said, client_id="client-1").lifetime_seconds == seconds


class CountedEvent(threading.Event):
    """An event that knows how many threads have come to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.all_there = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.all_there.release()
        return super().wait(timeout)


def test_threads_that_want_a_token_while_its_fetch_fails_share_the_failure() -> None:
    cache = TokenCache(clock=time.monotonic)
    fetches: list[int] = []
    failures: list[RemoteError] = []
    under_way = threading.Event()

    def fetch() -> Token:
        fetches.append(1)
        landed = cache._flights["client-1"].landed = CountedEvent()
        under_way.set()
        for _ in range(9):
            assert landed.all_there.acquire(timeout=30)
        raise RemoteUnavailable("The login host is busy.", status=503)

    def want() -> None:
        with pytest.raises(RemoteUnavailable, match="busy") as failed:
            cache.get("client-1", fetch)
        failures.append(failed.value)

    threads = [threading.Thread(target=want) for _ in range(10)]
    threads[0].start()
    assert under_way.wait(30)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(fetches) == 1
    assert len({id(failure) for failure in failures}) == 10
    assert cache.get("client-1", lambda: Token("token-2", 60.0)) == "token-2"


def test_a_fetch_that_breaks_in_an_unforeseen_way_does_not_leave_others_waiting() -> None:
    cache = TokenCache(clock=time.monotonic)
    begun = threading.Event()
    given: list[str] = []

    def breaks() -> Token:
        begun.set()
        time.sleep(0.2)
        raise ZeroDivisionError

    def first() -> None:
        with pytest.raises(ZeroDivisionError):
            cache.get("client-1", breaks)

    breaking = threading.Thread(target=first)
    breaking.start()
    begun.wait()
    given.append(cache.get("client-1", lambda: Token("token-1", 60.0)))
    breaking.join()

    assert given == ["token-1"]


def test_only_the_token_that_was_refused_is_dropped() -> None:
    cache = TokenCache(clock=lambda: 0.0)
    cache.get("client-1", lambda: Token("old", 60.0))
    cache.forget("client-1", "old")
    cache.get("client-1", lambda: Token("new", 60.0))

    cache.forget("client-1", "old")

    assert cache.get("client-1", lambda: Token("newer", 60.0)) == "new"


@pytest.mark.parametrize(("lifetime", "fresh"), [(86_400, 86_340), (300, 270), (60, 54)])
def test_a_token_is_used_until_shortly_before_its_end(lifetime: float, fresh: float) -> None:
    now = [100.0]
    cache = TokenCache(clock=lambda: now[0])
    cache.get("client-1", lambda: Token("first", lifetime))

    now[0] = 100.0 + fresh - 0.01
    assert cache.get("client-1", lambda: Token("second", lifetime)) == "first"
    now[0] = 100.0 + fresh
    assert cache.get("client-1", lambda: Token("second", lifetime)) == "second"


def test_a_token_is_not_in_its_repr() -> None:
    assert "token-1" not in repr(Token("token-1", 60.0))
