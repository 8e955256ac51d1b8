"""Exact bytes in and out of a real database, and which sightings are new."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from tenants import archive, capture, trail
from tenants.archive import UnusableContent
from tenants.models import Document, Snapshot, Tenant, TrackedConfig
from tenants.remote.answers import Answer
from tenants.resource_types import catalogue

pytestmark = pytest.mark.django_db

ASSIST = catalogue.get("agentassist.config")
QUEUE = catalogue.get("routing.queue")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AWKWARD = b'{"id": "cfg-1",\r\n\t"version": 7, "name": "Kreditkarten \\u00fc", "content": {"ratio": 1.50, "n": 1E2}}\n'


def an_answer(body: bytes, etag: bytes | None = b'"7-a"') -> Answer:
    return Answer(
        status=200,
        body=body,
        etag=etag,
        correlation_id="c-1",
        elapsed_ms=3,
        received_at=NOON,
        content_type="application/json",
    )


@pytest.fixture
def config() -> TrackedConfig:
    tenant = Tenant.objects.create(
        slug="bank", name="Bank", region="mypurecloud.de", client_id="c", client_secret_sealed=b"sealed"
    )
    return TrackedConfig.objects.create(tenant=tenant, resource_type=ASSIST.name, object_id="cfg-1")


@pytest.fixture
def queue(config: TrackedConfig) -> TrackedConfig:
    return TrackedConfig.objects.create(tenant=config.tenant, resource_type=QUEUE.name, object_id="q-1")


def seen(config: TrackedConfig, body: bytes, etag: bytes | None = b'"7-a"') -> tuple[Snapshot, bool]:
    rtype = catalogue.get(config.resource_type)
    return archive.record(config, rtype, an_answer(body, etag), source=Snapshot.Source.LIVE, seen_at=NOON)


@pytest.fixture
def alarms() -> Iterator[list[str]]:
    heard: list[str] = []

    def listen(action: str, *, outcome: str, **_: object) -> None:
        if outcome == "alarm":
            heard.append(action)

    previous = trail.set_recorder(listen)
    yield heard
    trail.set_recorder(previous)


def test_bytes_come_back_exactly_and_each_content_is_stored_once(config: TrackedConfig) -> None:
    snapshot, new = seen(config, AWKWARD)

    assert new
    assert archive.bytes_of(snapshot) == AWKWARD
    assert snapshot.document_id == hashlib.sha256(AWKWARD).hexdigest()
    assert snapshot.version == 7
    assert bytes(snapshot.etag or b"") == b'"7-a"'
    assert archive.keep(AWKWARD).pk == snapshot.document_id
    assert Document.objects.count() == 1
    assert archive.value_of(snapshot)["name"] == "Kreditkarten ü"


def test_a_new_version_of_live_takes_fourteen_statements_with_its_entry_and_all(
    config: TrackedConfig, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    capture.remember(config, ASSIST, an_answer(AWKWARD), source=Snapshot.Source.LIVE, now=NOON)
    newer = an_answer(AWKWARD.replace(b'"version": 7', b'"version": 8'))
    with django_assert_num_queries(14):
        look = capture.remember(config, ASSIST, newer, source=Snapshot.Source.LIVE, now=NOON)
    assert look is not None
    assert look.outcome == capture.Outcome.CHANGED


def test_the_version_before_is_found_however_often_a_version_was_seen(config: TrackedConfig) -> None:
    seen(config, AWKWARD)
    newer = AWKWARD.replace(b'"version": 7', b'"version": 8')
    sightings = [newer.replace(b"1.50", f"{number}.50".encode()) for number in range(6)]
    for raw in sightings:
        assert seen(config, raw)[1]
        assert not seen(config, raw)[1]
    for raw in sightings:
        assert not seen(config, raw)[1]
    assert Snapshot.objects.filter(config=config, version=8).count() == 6


def test_a_sighting_seen_again_is_no_new_row(config: TrackedConfig) -> None:
    first, _ = seen(config, AWKWARD)
    again, new = seen(config, AWKWARD)
    without_etag, new_without = seen(config, AWKWARD, None)

    assert (again.pk, new) == (first.pk, False)
    assert (without_etag.pk, new_without) == (first.pk, False)
    assert Snapshot.objects.count() == 1


def test_the_same_version_with_another_content_or_etag_is_another_row_and_an_alarm(
    config: TrackedConfig, alarms: list[str]
) -> None:
    seen(config, AWKWARD)
    assert alarms == []
    assert seen(config, AWKWARD, b'"7-b"')[1]
    assert alarms == ["config.version_changed_etag"]
    assert seen(config, AWKWARD.replace(b"1.50", b"1.75"), b'"7-c"')[1]
    assert alarms == ["config.version_changed_etag", "config.version_changed_content"]
    assert config.snapshots.filter(version=7).count() == 3


def test_a_weak_mark_or_an_etag_that_was_unknown_is_no_contradiction(config: TrackedConfig, alarms: list[str]) -> None:
    seen(config, AWKWARD, None)
    assert seen(config, AWKWARD, b'"7-a"')[1]
    assert seen(config, AWKWARD, b'W/"7-a"')[1]
    assert alarms == []


def test_a_type_without_versions_gets_the_consoles_own_running_number(queue: TrackedConfig) -> None:
    gold, silver = b'{"id":"q-1","name":"Gold","memberCount":3}', b'{"id":"q-1","name":"Silver"}'

    numbers = [seen(queue, body, None) for body in (gold, gold.replace(b"3", b"4"), silver, gold)]

    assert [(snapshot.version, new) for snapshot, new in numbers] == [(1, True), (1, False), (2, True), (3, True)]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<html>Maintenance</html>", "not accepted"),
        (b"[1, 2]", "not an object"),
        (b'{"id": "cfg-1", "name": "no version"}', "no version number at /version"),
        (b'{"id": "cfg-2", "version": 7}', "another object: its id is 'cfg-2'"),
        (b'{"id": "cfg-1", "version": 7, "version": 8}', "twice"),
        (b'{"id": "cfg-1", "version": 99999999999999999999}', "larger than any"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_no_version_of_the_object_is_refused_and_nothing_is_kept(
    config: TrackedConfig, body: bytes, sentence: str
) -> None:
    with pytest.raises(UnusableContent, match=sentence):
        seen(config, body)
    assert not Snapshot.objects.exists()
    assert not Document.objects.exists()


def test_stored_bytes_that_were_changed_behind_our_back_are_not_used(config: TrackedConfig) -> None:
    snapshot, _ = seen(config, AWKWARD)
    Document.objects.filter(pk=snapshot.document_id).update(body=AWKWARD.replace(b"1.50", b"9.99"))

    with pytest.raises(UnusableContent, match="not the ones that came"):
        archive.bytes_of(snapshot)
