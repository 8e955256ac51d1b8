"""What no decent server does, and what the client makes of it; every request that leaves is counted."""

import gzip
import pickle
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tenants.remote import (
    ConnectionLost,
    Limits,
    NotJson,
    Platform,
    Redirected,
    RemoteError,
    RemoteUnavailable,
    TimedOut,
    TooLarge,
    UnexpectedAnswer,
    Unreachable,
    fill_path,
)
from tenants.remote.client import Credentials
from tenants.remote.tokens import TokenCache
from tenants.remote.transport import close_idle_connections
from tests.tenants.remote.odd_server import Conversation, OddServer, Talk, http

QUEUE = "/api/v2/routing/queues/q-claims"
BODY = b'{ "name": "Claims \xe2\x80\x93 night", "version": 7 }\r\n'
ONCE = Limits(tries=1)


def client_of(server: OddServer, *, limits: Limits = ONCE, url: str | None = None) -> Platform:
    return Platform(
        api_base=url or server.url,
        login_base=server.url,
        credentials=Credentials(client_id="client-1", client_secret="secret-1"),
        custom_hosts=True,
        limits=limits,
        tokens=TokenCache(clock=lambda: 0.0),
        sleep=lambda _: None,
    )


@pytest.fixture(autouse=True)
def closed_connections() -> Iterator[None]:
    """Close what the test's reads have kept open."""
    yield
    close_idle_connections()


def saying(raw: bytes) -> Talk:
    return lambda one: one.say(raw)


# Bytes


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b'"42-9f3c1a"', b'"42-9f3c1a"'),
        (b'W/"42-9f3c1a"', b'W/"42-9f3c1a"'),
        (b'"caf\xe9\x85\xff"', b'"caf\xe9\x85\xff"'),
        (b'"a\\"b,c"', b'"a\\"b,c"'),
        (b'"42-gzip"', b'"42-gzip"'),
        (b"42", b"42"),
        (b'  "padded" \t', b'"padded"'),
        (b"", None),
    ],
    ids=repr,
)
def test_an_etag_is_kept_byte_for_byte(sent: bytes, kept: bytes | None) -> None:
    with OddServer(saying(http("200 OK", BODY, b"ETag: " + sent))) as server:
        answer = client_of(server).read(QUEUE)

    assert answer.etag == kept
    assert answer.body == BODY


def test_an_etag_with_a_control_character_is_none() -> None:
    with OddServer(saying(http("200 OK", BODY))) as server:
        assert client_of(server).read(QUEUE).etag is None
    with OddServer(saying(http("200 OK", BODY, b'ETag: "a\x00b"'))) as server:
        assert client_of(server).read(QUEUE).etag is None


def test_an_answer_without_an_etag_or_with_two_of_them_has_none() -> None:
    with OddServer(saying(http("200 OK", BODY))) as server:
        assert client_of(server).read(QUEUE).etag is None
    with OddServer(saying(http("200 OK", BODY, b'ETag: "1"', b'ETag: "2"'))) as server:
        assert client_of(server).read(QUEUE).etag is None


@pytest.mark.parametrize("etag", [b'"42-9f3c1a"', b'"caf\xe9\x85\xff"', b'W/"weak"', b'"a\\"b,c"'], ids=repr)
def test_guards_and_bodies_are_sent_byte_for_byte(etag: bytes) -> None:
    with OddServer(saying(http("200 OK", BODY))) as server:
        platform = client_of(server)
        platform.write("PUT", QUEUE, BODY, if_match=etag)
        platform.read(QUEUE, if_none_match=etag)
        platform.write("PATCH", QUEUE, BODY, if_match=None)

    put, get, patch = server.conversations
    assert (put.line, put.header("If-Match"), put.body) == (b"PUT " + QUEUE.encode(), etag, BODY)
    assert (get.header("If-None-Match"), get.header("If-Match"), get.body) == (etag, None, b"")
    assert (patch.line, patch.header("If-Match")) == (b"PATCH " + QUEUE.encode(), None)


def test_requests_say_who_we_are_and_ask_for_plain_bytes() -> None:
    with OddServer(saying(http("200 OK", BODY, b"Set-Cookie: session=stranger; Path=/"))) as server:
        platform = client_of(server)
        platform.read(QUEUE)
        platform.read(QUEUE)

    for one in server.conversations:
        assert (one.header("User-Agent") or b"").startswith(b"config-vault/")
        assert one.header("Accept-Encoding") == b"identity"
        assert one.header("Authorization") == b"Bearer token-1"
        assert one.header("Cookie") is None


@pytest.mark.parametrize(
    ("object_id", "target"),
    [
        ("../x", b"/api/v2/routing/queues/..%2Fx"),
        ("a/b?c#d", b"/api/v2/routing/queues/a%2Fb%3Fc%23d"),
        ("%2e%2e", b"/api/v2/routing/queues/%252e%252e"),
        ("é \x00", b"/api/v2/routing/queues/%C3%A9%20%00"),
        ("~a.b-c_d", b"/api/v2/routing/queues/~a.b-c_d"),
    ],
)
def test_the_request_line_holds_an_id_as_one_quoted_segment(object_id: str, target: bytes) -> None:
    path = fill_path("/api/v2/routing/queues/{id}", object_id=object_id)
    with OddServer(saying(http("200 OK", BODY))) as server:
        client_of(server).read(path, params={"expand": "members&more", "pageSize": 5})
        client_of(server).write("PUT", path, BODY, if_match=None)

    assert server.lines == [b"GET " + target + b"?expand=members%26more&pageSize=5", b"PUT " + target]


def test_a_path_goes_out_as_it_was_given() -> None:
    with OddServer(saying(http("200 OK", BODY))) as server:
        client_of(server).read("/api/v2/routing/queues/%7Eq%2E1")

    assert server.lines == [b"GET /api/v2/routing/queues/%7Eq%2E1"]


# Deadlines


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_server_that_drips_is_left_at_the_deadline(part: str) -> None:
    raw = http("200 OK", b'{"name": "' + b"x" * 4000 + b'"}')

    def talk(one: Conversation) -> None:
        if part == "body":
            head, _, raw_body = raw.partition(b"\r\n\r\n")
            one.say(head + b"\r\n\r\n")
            one.drip(raw_body, pause=0.02)
        else:
            one.drip(raw, pause=0.02)

    limits = Limits(connect_seconds=1, read_seconds=5, total_seconds=0.5, tries=1)
    with OddServer(talk) as server:
        platform = client_of(server, limits=limits)
        started = time.monotonic()
        with pytest.raises(TimedOut, match=r"within 0\.5 seconds"):
            platform.read(QUEUE)
        with pytest.raises(TimedOut, match="it was not sent again; read the object"):
            platform.write("PUT", QUEUE, BODY, if_match=None)
        took = time.monotonic() - started

    assert took < 20, "without the deadline each of the two would have dripped for a minute"
    assert server.lines == [b"GET " + QUEUE.encode(), b"PUT " + QUEUE.encode()]


def test_a_silent_server_is_left_after_the_longest_silence() -> None:
    limits = Limits(connect_seconds=1, read_seconds=0.3, total_seconds=30, tries=1)
    with OddServer(lambda _: None) as server:
        started = time.monotonic()
        with pytest.raises(TimedOut, match=r"for 0\.3 seconds"):
            client_of(server, limits=limits).read(QUEUE)

    assert time.monotonic() - started < 20, "it is left long before the thirty seconds for the whole"


# Sizes and encodings


def test_an_answer_that_announces_too_much_is_not_read_to_its_end() -> None:
    def talk(one: Conversation) -> None:
        one.say(http("200 OK", b"[").replace(b"Content-Length: 1", b"Content-Length: 999999999"))
        one.say(b"0," * 50_000)
        one.stopping.wait(30)

    limits = Limits(answer_bytes=65_536, tries=1)
    with OddServer(talk) as server, pytest.raises(TooLarge, match="65,536 bytes"):
        client_of(server, limits=limits).read(QUEUE)


def test_an_answer_without_an_end_is_left_at_the_size_limit() -> None:
    def talk(one: Conversation) -> None:
        one.say(http("200 OK", b"", b"Transfer-Encoding: chunked", length=False))
        for _ in range(200):
            one.say(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    limits = Limits(answer_bytes=1_000_000, tries=1)
    with OddServer(talk) as server, pytest.raises(TooLarge):
        client_of(server, limits=limits).read(QUEUE)


def test_a_compression_bomb_is_refused_unopened() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100_000

    with (
        OddServer(saying(http("200 OK", bomb, b"Content-Encoding: gzip"))) as server,
        pytest.raises(UnexpectedAnswer, match="came encoded as 'gzip' although plain bytes were asked for"),
    ):
        client_of(server).read(QUEUE)


@pytest.mark.parametrize(
    "raw",
    [
        http("200 OK", gzip.compress(BODY), b"Content-Encoding: gzip"),
        http("200 OK", b"x" * 70_000),
        http("103 Early Hints", b""),
    ],
    ids=["encoded", "too large", "no final status"],
)
def test_a_write_whose_answer_cannot_be_read_is_unknown_and_not_repeated(raw: bytes) -> None:
    limits = Limits(answer_bytes=65_536)
    again = pytest.raises(RemoteError, match="it was not sent again; read the object")
    with OddServer(saying(raw)) as server, again as unknown:
        client_of(server, limits=limits).write("PUT", QUEUE, BODY, if_match=None)

    assert isinstance(unknown.value, ConnectionLost | Redirected)
    assert unknown.value.sent is True
    assert len(server.conversations) == 1


# Wrong answers


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (http("200 OK", b"<html>Sign in</html>", b"Content-Type: text/html"), NotJson),
        (http("200 OK", b'{"name": 1}', b"Content-Type: text/html"), NotJson),
        (http("200 OK", b"<html>Sign in</html>"), NotJson),
        (http("200 OK", b""), NotJson),
        (http("200 OK", b'"a word"'), NotJson),
        (http("204 No Content", b"", length=False), UnexpectedAnswer),
        (http("206 Partial Content", BODY), UnexpectedAnswer),
        (http("304 Not Modified", b"", length=False), UnexpectedAnswer),
        (http("404 Not Found", b"<h1>nginx</h1>", b"Content-Type: text/html"), NotJson),
        (http("410 Gone", b""), NotJson),
    ],
    ids=lambda value: value.split(b"\r\n")[0].decode() if isinstance(value, bytes) else value.__name__,
)
def test_an_answer_that_cannot_be_used_is_told_from_one_that_says_no(raw: bytes, error: type[Exception]) -> None:
    with OddServer(saying(raw)) as server, pytest.raises(error):
        client_of(server).read(QUEUE)

    assert len(server.conversations) == 1


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_no_redirect_is_followed_and_no_token_goes_to_a_stranger(status: str) -> None:
    with OddServer(saying(http("200 OK", BODY))) as stranger:
        location = f"Location: {stranger.url}{QUEUE}".encode()
        with OddServer(saying(http(status, b"x" * 100, location))) as server:
            platform = client_of(server)
            with pytest.raises(Redirected):
                platform.read(QUEUE)
            with pytest.raises(Redirected, match="read the object"):
                platform.write("PUT", QUEUE, BODY, if_match=b'"1"')

    assert stranger.connections == 0
    assert len(server.conversations) == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        http("200 OK", BODY).replace(b"Content-Length: ", b"Content-Length: 9"),
        http("200 OK", b"", b"Transfer-Encoding: chunked", length=False) + b"20\r\n{",
        http("200 OK", b"", b"Transfer-Encoding: chunked", length=False) + b"zz\r\n{}\r\n0\r\n\r\n",
    ],
    ids=["not HTTP", "no status", "many headers", "long header", "half a body", "half a chunk", "no chunk"],
)
def test_an_answer_that_breaks_off_or_is_not_http_is_a_lost_connection(raw: bytes) -> None:
    def talk(one: Conversation) -> None:
        one.say(raw)
        one.hang_up()

    with OddServer(talk) as server:
        with pytest.raises(ConnectionLost):
            client_of(server).read(QUEUE)
        with pytest.raises(ConnectionLost, match="it was not sent again") as lost:
            client_of(server).write("PUT", QUEUE, BODY, if_match=None)

    assert lost.value.sent is True
    assert len(server.conversations) == 2


# Exactly once


def test_an_answer_whose_head_makes_no_sense_leaves_no_socket_to_the_garbage_collector() -> None:
    with OddServer(saying(http("200 OK", BODY, b"Content-Length: 3, 90", length=False))) as server:
        # While the error is held, so is whatever it has seen.
        with pytest.raises(RemoteError) as held:
            client_of(server).read(QUEUE)
        mine = psutil.Process().net_connections("tcp")
        kept = [one for one in mine if getattr(one.raddr, "port", None) == server.port and one.status != "TIME_WAIT"]
    assert kept == [], held.value


@pytest.mark.parametrize("end", [Conversation.reset, Conversation.hang_up], ids=["reset", "closed"])
def test_a_write_whose_connection_dies_is_sent_once(end: Talk) -> None:
    with OddServer(end) as server, pytest.raises(ConnectionLost, match="Whether it took effect is not known"):
        client_of(server, limits=Limits(tries=5)).write("PUT", QUEUE, BODY, if_match=b'"1"')

    assert server.lines == [b"PUT " + QUEUE.encode()]


@pytest.mark.parametrize("end", [Conversation.reset, Conversation.hang_up], ids=["reset", "closed"])
def test_a_write_does_not_use_a_connection_that_the_server_may_have_closed_while_it_was_idle(end: Talk) -> None:
    """The read leaves an idle connection; a server that ends it as the write comes must not see the write twice."""

    def talk(one: Conversation) -> None:
        if one.line.startswith(b"GET"):
            one.say(http("200 OK", BODY, b"Connection: keep-alive"))
        else:
            one.say(http("200 OK", BODY))

    with OddServer(talk) as server:
        platform = client_of(server)
        platform.read(QUEUE)
        (read,) = server.conversations
        end(read)
        assert platform.write("PUT", QUEUE, BODY, if_match=b'"1"').status == 200

    get, put = server.conversations
    assert get.line.startswith(b"GET")
    assert put.line.startswith(b"PUT")
    assert put.connection is not get.connection


@pytest.mark.parametrize("end", [Conversation.reset, Conversation.hang_up], ids=["reset", "closed"])
def test_a_write_never_meets_the_end_of_a_connection_that_has_served_before(end: Talk) -> None:
    """A server may end an idle connection while the write is on its way; then nobody could say what happened to it."""
    served: set[int] = set()

    def talk(one: Conversation) -> None:
        if id(one.connection) in served:
            end(one)
        else:
            served.add(id(one.connection))
            one.say(http("200 OK", BODY))

    with OddServer(talk) as server, OddServer(talk) as other:
        platform = client_of(server, url=other.url)
        assert platform.read(QUEUE).status == 200
        assert platform.write("PUT", QUEUE, BODY, if_match=b'"1"').status == 200
        assert platform.write("PUT", QUEUE, BODY, if_match=b'"1"').status == 200

    assert other.connections == 3
    assert len(other.conversations) == 3


def test_a_read_on_a_connection_that_was_closed_while_idle_is_tried_again_with_a_reason() -> None:
    def talk(one: Conversation) -> None:
        if one.number == 2:
            one.hang_up()
        else:
            one.say(http("200 OK", BODY))

    with OddServer(talk) as server:
        platform = client_of(server, limits=Limits(tries=3))
        assert platform.read(QUEUE).status == 200
        assert platform.read(QUEUE).status == 200

    assert len(server.conversations) == 3


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
@pytest.mark.parametrize(
    "status",
    [
        "401 Unauthorized",
        "408 Request Timeout",
        "409 Conflict",
        "429 Too Many",
        "500 Oops",
        "502 Bad",
        "503 Busy",
        "504 Late",
    ],
)
def test_no_status_makes_a_write_go_out_again(status: str, method: str) -> None:
    with OddServer(saying(http(status, b"{}", b"Retry-After: 0"))) as server:
        answer = client_of(server, limits=Limits(tries=5)).write(method, QUEUE, BODY, if_match=b'"1"')

    assert answer.status == int(status.partition(" ")[0])
    assert server.lines == [f"{method} {QUEUE}".encode()]
    assert len(server.token_requests) == 1


def test_a_write_that_is_no_write_is_refused_before_anything_is_sent() -> None:
    no_method = pytest.raises(ValueError, match="'DELETE' is no method that writes here")
    with OddServer(saying(http("200 OK"))) as server, no_method:
        client_of(server).write("DELETE", QUEUE, b"", if_match=None)

    assert server.connections == 0


# Reaching it


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (lambda _: f"http://127.0.0.1:{free_port()}", "it refuses connections"),
        (lambda _: "https://api.config-vault.invalid", "its name is not known"),
        (lambda server: server.url.replace("http:", "https:"), "no trusted connection could be made"),
    ],
    ids=["nobody listens", "no such name", "no TLS"],
)
def test_a_platform_that_cannot_be_reached_has_been_sent_nothing(
    address: Callable[[OddServer], str], reason: str
) -> None:
    with (
        OddServer(saying(http("200 OK"))) as login,
        OddServer(Conversation.hang_up, greeting=b"220 mail\r\n") as server,
    ):
        platform = client_of(login, url=address(server))
        unreached = f"could not be reached .{reason}., so nothing was sent"
        with pytest.raises(Unreachable, match=unreached) as read:
            platform.read(QUEUE)
        with pytest.raises(Unreachable, match=unreached) as written:
            platform.write("PUT", QUEUE, BODY, if_match=None)

    assert (read.value.sent, written.value.sent) == (False, False)
    assert server.conversations == []


def test_the_environment_of_the_process_does_not_lead_requests_astray(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login stranger password stranger\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    with OddServer(saying(http("200 OK", BODY))) as server:
        platform = client_of(server)
        assert platform.read(QUEUE).status == 200
        assert platform.write("PUT", QUEUE, BODY, if_match=None).status == 200

    assert [one.header("Authorization") for one in server.conversations] == [b"Bearer token-1"] * 2


def test_an_error_survives_the_way_between_two_processes() -> None:
    before = RemoteUnavailable("Busy.", status=503, code="x.y", correlation_id="c-1", retry_after=2.0, sent=False)

    after = pickle.loads(pickle.dumps(before))  # noqa: S301 - our own bytes

    assert type(after) is RemoteUnavailable
    assert str(after) == "Busy. Correlation id c-1."
    assert vars(after) == vars(before)
