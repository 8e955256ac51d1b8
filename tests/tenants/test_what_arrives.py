"""Whatever arrives is kept byte for byte or refused with one sentence, through the whole stack, and nothing half done.

A server of raw bytes stands in for the platform; the client, the strict loader and the database are the real ones.
"""

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.utils import timezone

from rollbacks.routing import UnreadableAnswer, activities
from tenants import actions, archive, capture, connections, importing
from tenants.documents import InvalidDocument, canonical_bytes, load
from tenants.models import Document, Snapshot, Tenant, TrackedConfig
from tenants.remote import Limits, Platform
from tenants.remote.client import Credentials
from tenants.remote.tokens import TokenCache
from tenants.remote.transport import close_idle_connections
from tests.tenants.documents.corpora import corpus
from tests.tenants.documents.test_strict_loading import DOCUMENTED_REFUSALS
from tests.tenants.remote.odd_server import Conversation, OddServer, http
from tests.world import ASSIST, BILLING_PATH, track

pytestmark = pytest.mark.django_db

ONCE = Limits(connect_seconds=2, read_seconds=2, total_seconds=3, tries=1)
MEGABYTE = 1024 * 1024


@dataclass
class Odd:
    """A tenant whose platform says whatever a test wants, and one object of it."""

    says: Callable[[Conversation], None] = lambda one: one.say(http("404 Not Found"))
    config: TrackedConfig = field(init=False)
    platform: Platform = field(init=False)

    def answer(self, raw: bytes) -> None:
        """Answer every request from now on with these bytes."""
        self.says = lambda one: one.say(raw)

    def live(self, content: bytes, *, version: int, name: bytes = b'"Billing EMEA"') -> bytes:
        """Answer with an object of this content, spelled exactly so, and give the object's bytes."""
        members = b'"id": "cfg-1", "name": %b, "version": %d, "content": %b' % (name, version, content)
        raw = b"{" + members + b',\r\n "deployed":true }'
        self.answer(http("200 OK", raw, b'ETag: "%d"' % version))
        return raw

    def look(self) -> capture.Look:
        """Look at live once, whole."""
        return capture.look(self.config, self.platform, now=timezone.now(), conditional=False)


@pytest.fixture
def odd() -> Iterator[Odd]:
    """Give the tenant and its platform, which answers 404 until a test says otherwise."""
    made = Odd()
    with OddServer(lambda one: made.says(one)) as server:  # noqa: PLW0108 - what it says changes
        tenant = actions.add_tenant(
            "odd",
            name="Odd Bank",
            api_url=server.url,
            login_url=server.url,
            client_id="client-1",
            client_secret="secret-1",
            organization_id="org-1",
            acting_user=None,
        )
        made.config = track(tenant, "cfg-1", type_name=ASSIST)
        made.platform = Platform(
            api_base=server.url,
            login_base=server.url,
            credentials=Credentials(client_id="client-1", client_secret="secret-1"),
            custom_hosts=True,
            limits=ONCE,
            tokens=TokenCache(clock=lambda: 0.0),
            sleep=lambda _: None,
        )
        yield made
    close_idle_connections()


def is_sentence(text: str) -> bool:
    return len(text) > 20 and text.endswith(".") and "\n" not in text and "Traceback" not in text


def everything_kept() -> tuple[int, int]:
    return Document.objects.count(), Snapshot.objects.count()


# The corpora


@pytest.mark.slow
def test_every_file_of_the_json_test_suite_is_kept_byte_for_byte_or_refused_with_a_sentence(odd: Odd) -> None:
    wrong: list[str] = []
    forms: dict[str, bytes] = {}
    for version, path in enumerate(sorted(corpus("corpora", "JSONTestSuite", "test_parsing").glob("*.json")), start=1):
        raw = odd.live(path.read_bytes(), version=version)
        before = everything_kept()
        seen = odd.look()
        kept = seen.outcome in {capture.Outcome.FIRST, capture.Outcome.CHANGED}
        if path.name.startswith("n_") or path.name in DOCUMENTED_REFUSALS:
            expected = False
        elif path.name.startswith("y_"):
            expected = True
        else:
            expected = kept  # the suite leaves these to the parser; either way is said below
        if kept is not expected:
            wrong.append(f"{path.name}: {seen.outcome} {seen.detail}")
        if kept and seen.snapshot is not None:
            assert archive.bytes_of(seen.snapshot) == raw, path.name
            form = canonical_bytes(load(path.read_bytes()))
            assert forms.setdefault(seen.snapshot.digest, form) == form, f"{path.name} collides"
        else:
            assert seen.outcome is capture.Outcome.UNREADABLE, path.name
            assert is_sentence(seen.detail), f"{path.name}: {seen.detail!r}"
            assert everything_kept() == before, path.name
    assert wrong == []
    assert len(forms) > 35


def test_no_file_of_the_json_test_suite_is_a_configuration_by_itself(odd: Odd) -> None:
    odd.live(b"{}", version=1)
    first = odd.look()
    before = everything_kept()
    for path in sorted(corpus("corpora", "JSONTestSuite").glob("test_*/*.json")):
        odd.answer(http("200 OK", path.read_bytes()))
        seen = odd.look()
        assert seen.outcome in {capture.Outcome.UNREADABLE, capture.Outcome.UNREACHABLE}, path.name
        assert is_sentence(seen.detail), f"{path.name}: {seen.detail!r}"
        assert odd.config.live == first.snapshot
    assert everything_kept() == before


def test_the_transformations_of_the_suite_are_kept_as_they_came_and_told_apart(odd: Odd) -> None:
    digests = {}
    for version, path in enumerate(
        sorted(corpus("corpora", "JSONTestSuite", "test_transform").glob("*.json")), start=1
    ):
        raw = odd.live(path.read_bytes(), version=version)
        seen = odd.look()
        if seen.snapshot is None:
            assert is_sentence(seen.detail), path.name
            continue
        assert archive.bytes_of(seen.snapshot) == raw
        digests[path.name] = seen.snapshot.digest
    # One object whose two keys look alike, composed and decomposed, in both orders: two members, one configuration.
    assert digests["object_key_nfc_nfd.json"] == digests["object_key_nfd_nfc.json"]
    kept = [value for value in map(archive.value_of, odd.config.snapshots.all()) if isinstance(value["content"], dict)]
    assert sorted(len(value["content"]) for value in kept if isinstance(value["content"], dict)) == [2, 2]


@pytest.mark.slow
def test_every_naughty_string_is_kept_as_content_and_as_a_name(odd: Odd) -> None:
    raw = corpus("corpora", "big-list-of-naughty-strings", "blns.json").read_bytes()
    version = 1
    whole = odd.live(raw, version=version)
    seen = odd.look()
    assert seen.snapshot is not None
    assert archive.bytes_of(seen.snapshot) == whole
    for text in json.loads(raw):
        version += 1
        whole = odd.live(b"{}", version=version, name=json.dumps(text).encode())
        seen = odd.look()
        assert seen.snapshot is not None, (text, seen.detail)
        assert archive.bytes_of(seen.snapshot) == whole
        assert odd.config.name in (text[:300], odd.config.name)
    odd.config.refresh_from_db()
    assert odd.config.live == seen.snapshot


def test_the_vectors_of_rfc_8785_keep_their_spelling_and_each_its_digest(odd: Odd) -> None:
    digests = set()
    paths = sorted((corpus("corpora", "jcs-rfc8785", "testdata") / "input").glob("*.json"))
    for version, path in enumerate(paths, start=1):
        raw = odd.live(path.read_bytes(), version=version)
        seen = odd.look()
        assert seen.snapshot is not None, seen.detail
        assert archive.bytes_of(seen.snapshot) == raw
        digests.add(seen.snapshot.digest)
    assert len(digests) == len(paths) == 6


# What no decent server does


def chunked(*parts: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return http("200 OK", b"", b"Transfer-Encoding: chunked", length=False) + body


GOOD = b'{"id": "cfg-1", "name": "Billing EMEA", "version": 2, "content": {"language": "en-GB"}}'
BOMB = b" " * (30 * MEGABYTE)
ENCODINGS = {
    "gzip": gzip.compress(BOMB),
    "x-gzip": gzip.compress(BOMB),
    "deflate": zlib.compress(BOMB),
    "gzip, gzip": gzip.compress(gzip.compress(BOMB)),
    "identity, gzip": gzip.compress(BOMB),
    "gzip, br": b"\x8b" + gzip.compress(BOMB),
    "br": b"\xcf\xff\xff\xff\xff\xff",
    "zstd": b"\x28\xb5\x2f\xfd\x04\x00\x01\x00\x00",
    "compress": b"\x1f\x9d\x90",
    "aes128gcm": GOOD,
}
ANSWERS = {
    "HTML with status 200": http("200 OK", b"<html>Sign in</html>", b"Content-Type: text/html"),
    "HTML that calls itself JSON": http("200 OK", b"<!doctype html><title>Sign in</title>"),
    "JSON that calls itself HTML": http("200 OK", GOOD, b"Content-Type: text/html"),
    "JSON as plain text": http("200 OK", GOOD, b"Content-Type: text/plain"),
    "a form": http("200 OK", b"a=1&b=2", b"Content-Type: application/x-www-form-urlencoded"),
    "HTML without a type": http("200 OK", b"<p>", b"Content-Type:"),
    "a character set that JSON does not have": http("200 OK", GOOD, b"Content-Type: application/json; charset=utf-16"),
    "Latin-1": http("200 OK", GOOD, b"Content-Type: application/json;charset='ISO-8859-1'"),
    "UTF-16 with a mark": http("200 OK", GOOD.decode().encode("utf-16")),
    "UTF-16 without a mark": http("200 OK", GOOD.decode().encode("utf-16-le")),
    "UTF-32": http("200 OK", GOOD.decode().encode("utf-32")),
    "a byte order mark": http("200 OK", b"\xef\xbb\xbf" + GOOD),
    "a byte that is not UTF-8": http("200 OK", GOOD.replace(b"Billing", b"B\xefling")),
    "nothing": http("200 OK", b""),
    "204": http("204 No Content", b"", length=False),
    "half an object": http("200 OK", GOOD[:40]),
    "half of what was announced": http("200 OK", GOOD).replace(b"Content-Length: ", b"Content-Length: 9"),
    "two lengths": http("200 OK", GOOD, b"Content-Length: 3"),
    "two lengths on one line": http("200 OK", GOOD, b"Content-Length: 3, 90", length=False),
    "no length at all": http("200 OK", GOOD, b"Content-Length: many", length=False),
    "less than nothing": http("200 OK", GOOD, b"Content-Length: -1", length=False),
    "a length and chunks": http("200 OK", GOOD, b"Transfer-Encoding: chunked"),
    "packed chunks": http("200 OK", b"", b"Transfer-Encoding: gzip, chunked", length=False)
    + b"%x\r\n%b\r\n0\r\n\r\n" % (len(gzip.compress(GOOD)), gzip.compress(GOOD)),
    "chunks without an end": chunked(GOOD),
    "a chunk of a wrong size": chunked(GOOD).replace(b"57\r\n", b"zz\r\n"),
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500 + b"\r\n" + GOOD,
    "a long header": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n" + GOOD,
    "a long status line": b"HTTP/1.1 200 " + b"O" * 200_000 + b"K\r\n\r\n" + GOOD,
    "no HTTP": b"220 mail.example.org ESMTP\r\n",
    "a redirect": http("302 Found", b"", b"Location: https://stranger.example/steal"),
    "a redirect for good": http("308 Permanent Redirect", b"", b"Location: //stranger.example/"),
    "a gateway's 404": http("404 Not Found", b"<h1>nginx</h1>", b"Content-Type: text/html"),
    "another object": http("200 OK", GOOD.replace(b"cfg-1", b"cfg-9")),
    "a duplicate key": http("200 OK", GOOD.replace(b'"content"', b'"version": 3, "content"')),
    "NaN": http("200 OK", GOOD.replace(b'"en-GB"', b"NaN")),
    "a NUL": http("200 OK", GOOD.replace(b"en-GB", b"en\\u0000GB")),
    "half a character": http("200 OK", GOOD.replace(b"en-GB", b"en\\ud800GB")),
    "too deep": http("200 OK", GOOD.replace(b'"en-GB"', b"[" * 5000 + b"]" * 5000)),
    "a number without an end": http("200 OK", GOOD.replace(b'"en-GB"', b"9" * 100_000)),
    "a version that nothing can hold": http("200 OK", GOOD.replace(b'"version": 2', b'"version": 1' + b"0" * 30)),
    "a fraction as version": http("200 OK", GOOD.replace(b'"version": 2', b'"version": 2.5')),
    **{
        f"encoded as {name}": http("200 OK", body, b"Content-Encoding: " + name.encode())
        for name, body in ENCODINGS.items()
    },
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_cannot_be_used_ends_in_a_sentence_and_leaves_everything_as_it_was(odd: Odd, name: str) -> None:
    odd.live(b'{"language": "en-GB"}', version=1)
    first = odd.look()
    assert first.outcome is capture.Outcome.FIRST
    before = everything_kept()

    def talk(one: Conversation) -> None:
        one.say(ANSWERS[name])
        one.hang_up()

    odd.says = talk
    seen = odd.look()

    assert seen.outcome in {capture.Outcome.UNREADABLE, capture.Outcome.UNREACHABLE}, seen
    assert is_sentence(seen.detail), seen.detail
    assert "stranger.example" not in seen.detail
    assert everything_kept() == before
    odd.config.refresh_from_db()
    assert odd.config.live == first.snapshot
    odd.live(b'{"language": "en-GB"}', version=1)
    assert odd.look().outcome is capture.Outcome.UNCHANGED


def test_an_object_without_a_content_type_is_read_when_it_is_one(odd: Odd) -> None:
    odd.answer(http("200 OK", GOOD, b"Content-Type:"))
    assert odd.look().outcome is capture.Outcome.FIRST


def test_a_server_that_trickles_is_left_at_the_deadline_with_a_sentence(odd: Odd) -> None:
    raw = http("200 OK", GOOD)
    odd.says = lambda one: one.drip(raw, pause=0.2)
    seen = odd.look()
    assert seen.outcome is capture.Outcome.UNREACHABLE
    assert "within 3 seconds" in seen.detail
    assert everything_kept() == (0, 0)


# Memory


def peak_of(look: Callable[[], object]) -> int:
    """Give the most memory that was held at once by what a look allocated."""
    tracemalloc.start()
    try:
        look()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def in_chunks(one: Conversation) -> None:
    one.say(http("200 OK", b"", b"Transfer-Encoding: chunked", length=False))
    part = b"%x\r\n%b\r\n" % (MEGABYTE, b" " * MEGABYTE)
    for _ in range(50):
        one.say(part)
    one.say(b"0\r\n\r\n")


def announced(one: Conversation) -> None:
    one.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (50 * MEGABYTE))
    part = b" " * MEGABYTE
    for _ in range(50):
        one.say(part)


def unannounced(one: Conversation) -> None:
    one.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    part = b" " * MEGABYTE
    for _ in range(50):
        one.say(part)
    one.hang_up()


@pytest.mark.parametrize(
    ("says", "most"),
    [(announced, 6), (in_chunks, 45), (unannounced, 45)],
    ids=["announced", "in chunks", "unannounced"],
)
def test_fifty_megabytes_are_refused_within_bounded_memory(
    odd: Odd, says: Callable[[Conversation], None], most: int
) -> None:
    odd.says = says
    seen: list[capture.Look] = []
    peak = peak_of(lambda: seen.append(odd.look()))
    assert seen[0].outcome is capture.Outcome.UNREADABLE
    assert "longer than the 16,777,216 bytes that are read" in seen[0].detail
    assert peak < most * MEGABYTE, f"{peak:,}"
    assert everything_kept() == (0, 0)


@pytest.mark.parametrize("name", [name for name, body in ENCODINGS.items() if len(body) > 20])
def test_a_compression_bomb_is_never_opened(odd: Odd, name: str) -> None:
    odd.answer(http("200 OK", ENCODINGS[name], b"Content-Encoding: " + name.encode()))
    odd.look()  # the token, the first connection
    peak = peak_of(odd.look)
    assert peak < 5 * MEGABYTE, f"{peak:,}"


# Lists, tokens, errors, analytics


@pytest.mark.parametrize(
    "page",
    [
        {"nextUri": f"{BILLING_PATH}/versions?pageNumber=1&pageSize=100"},
        {"nextUri": "https://stranger.example/api/v2/agentassist/configs/cfg-1/versions?pageNumber=2"},
        {"nextUri": "/api/v2/tokens/me"},
        {"nextUri": "//stranger.example/steal"},
        {"pageNumber": 1, "pageCount": 10**9},
    ],
    ids=["to itself", "to a stranger", "to another list", "to a stranger by name", "the same page for ever"],
)
def test_a_history_that_leads_in_a_circle_or_away_is_left_with_a_sentence(odd: Odd, page: dict[str, object]) -> None:
    hosts: list[bytes | None] = []

    def talk(one: Conversation) -> None:
        hosts.append(one.header("Host"))
        one.say(http("200 OK", json.dumps({"entities": [{"version": "none"}], **page}).encode()))

    odd.says = talk
    done = importing.import_history(odd.config, odd.platform)

    assert is_sentence(done.stopped), done
    assert done.imported == 0
    assert len(hosts) <= 3
    assert all(host is not None and host.startswith(b"127.0.0.1:") for host in hosts)
    odd.config.refresh_from_db()
    assert odd.config.history_imported_at is None
    assert everything_kept() == (0, 0)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_about_conversations_that_is_none_is_no_sighting(name: str) -> None:
    body = ANSWERS[name].partition(b"\r\n\r\n")[2]
    try:
        whole = isinstance(load(body), dict)
    except InvalidDocument:
        whole = False
    if whole:
        assert activities(body, config_id="cfg-1") == []
        return
    with pytest.raises(UnreadableAnswer) as refused:
        activities(body, config_id="cfg-1")
    assert is_sentence(str(refused.value))


def test_every_refused_file_is_refused_as_an_error_a_token_and_a_list_too(odd: Odd) -> None:
    for path in sorted(corpus("corpora", "JSONTestSuite", "test_parsing").glob("n_*.json")):
        raw = path.read_bytes()
        with pytest.raises(InvalidDocument):
            load(raw)
        odd.answer(http("400 Bad Request", b'{"code": "invalid.property", "more": ' + raw + b"}"))
        seen = odd.look()
        assert seen.outcome is capture.Outcome.UNREADABLE
        assert "invalid.property" not in seen.detail, path.name
        odd.answer(http("404 Not Found", b'{"message": ' + raw + b"}"))
        seen = odd.look()
        assert "it is not known whether the object is there" in seen.detail, path.name
    assert everything_kept() == (0, 0)


def test_a_tenant_whose_token_endpoint_says_nonsense_is_told_so(db: None) -> None:
    nonsense = http("200 OK", b'{"access_token": "a", "access_token": "b", "token_type": "bearer", "expires_in": 9}')
    with OddServer(lambda one: one.say(http("200 OK", GOOD)), token_answer=nonsense) as server:
        tenant: Tenant = actions.add_tenant(
            "odd",
            name="Odd Bank",
            api_url=server.url,
            login_url=server.url,
            client_id="client-1",
            client_secret="secret-1",
            organization_id="org-1",
            acting_user=None,
        )
        config = track(tenant, "cfg-1", type_name=ASSIST)
        seen = capture.look(config, connections.connect(tenant), now=timezone.now())
    close_idle_connections()
    assert seen.outcome is capture.Outcome.UNREACHABLE
    assert "something that is no token" in seen.detail
    assert server.conversations == []
