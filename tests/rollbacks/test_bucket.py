"""Checkpoints in a bucket: signed requests, each object once, read back by `audit verify`, and told by the doctor."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from console import trail_diagnosis
from rollbacks import checkpointing, sinks, tasks, verifying
from rollbacks.models import Checkpoint, SinkState
from tenants.models import Tenant
from tenants.remote import bucket
from tests.rollbacks.storing import KEY_ID, REGION, SECRET, Stored, storing
from tests.rollbacks.trail_world import SEED, append, as_owner, make_bank, rechain
from tests.tenants.running import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(settings: Settings) -> Iterator[Stored]:
    """Give a store that is the only sink."""
    with storing() as stored:
        settings.CONSOLE_CHECKPOINT_KEY = SEED
        settings.CONSOLE_CHECKPOINT_FOLDER = None
        settings.CONSOLE_CHECKPOINT_S3 = stored.url
        settings.CONSOLE_CHECKPOINT_S3_REGION = REGION
        settings.CONSOLE_CHECKPOINT_S3_KEY_ID = KEY_ID
        settings.CONSOLE_CHECKPOINT_S3_SECRET = SECRET
        yield stored


@pytest.fixture
def bank(store: Stored) -> Tenant:
    """Give a bank of six entries whose first five are covered by two checkpoints in the store."""
    bank = make_bank()
    for count in (3, 2):
        append(bank, count)
        tasks.seal_trail()
    append(bank)
    return bank


def name_of(bank: Tenant, number: int) -> str:
    return f"/audit-vault/console-1/northwind-{bank.pk}/{number:012}.json"


def again_at_once() -> None:
    SinkState.objects.update(next_try_at=timezone.now())


def doctor() -> tuple[str, str, str]:
    found = next(one for one in trail_diagnosis.findings() if one.name == "checkpoint bucket")
    return found.state, found.message, found.remedy


def test_each_checkpoint_is_one_object_that_holds_the_signed_line(bank: Tenant, store: Stored) -> None:
    lines = [bytes(line) + b"\n" for line in Checkpoint.objects.order_by("number").values_list("line", flat=True)]
    assert store.objects == {name_of(bank, 1): lines[0], name_of(bank, 2): lines[1]}
    assert store.headers[name_of(bank, 1)]["if-none-match"] == "*"
    assert "x-amz-object-lock-mode" not in store.headers[name_of(bank, 1)]
    assert not checkpointing.lagging().exists()


def test_what_is_in_the_bucket_is_believed_where_it_is_signed(bank: Tenant, store: Stored) -> None:
    found = verifying.verify(bank)
    assert (found.holds, found.covered, found.checkpoints) == (True, 5, 2)
    with as_owner():
        bank.audit_entries.filter(seq=4).update(payload=b'{"altered":true}')
        rechain(bank, 4)
    assert verifying.verify(bank).covered == 3
    assert run("audit", "verify", "northwind").code == 1


def test_an_object_that_is_there_is_taken_and_another_of_its_name_is_not_overwritten(
    bank: Tenant, store: Stored
) -> None:
    SinkState.objects.update(delivered=0, next_try_at=timezone.now())
    assert checkpointing.deliver_due() == 2, "the answers were lost, the objects are there"
    held = store.objects[name_of(bank, 2)]
    store.objects[name_of(bank, 2)] = held.replace(b'"size":5', b'"size":4')
    SinkState.objects.update(delivered=1, next_try_at=timezone.now())
    checkpointing.deliver_due()
    assert "holds another checkpoint 2 than this database" in SinkState.objects.get().problem
    assert store.objects[name_of(bank, 2)] != held


def test_a_store_that_is_down_gets_what_it_missed_in_order(bank: Tenant, store: Stored) -> None:
    store.statuses = [503, 0]
    for _ in range(2):
        tasks.seal_trail()
        again_at_once()
        assert SinkState.objects.get().delivered == 2
    assert doctor()[0] == "works"
    append(bank)
    tasks.seal_trail()
    assert SinkState.objects.get().delivered == 4
    assert sorted(store.objects) == [name_of(bank, number) for number in (1, 2, 3, 4)]
    assert verifying.verify(bank).covered == 7


def test_days_of_retention_lock_each_object(bank: Tenant, store: Stored, settings: Settings) -> None:
    settings.CONSOLE_CHECKPOINT_S3_RETENTION_DAYS = 3650
    tasks.seal_trail()
    told = store.headers[name_of(bank, 3)]
    assert told["x-amz-object-lock-mode"] == "COMPLIANCE"
    until = datetime.fromisoformat(told["x-amz-object-lock-retain-until-date"])
    assert timedelta(days=3649) < until - datetime.now(UTC) <= timedelta(days=3650)
    assert "locked for 3650 days" in doctor()[1]


def test_another_secret_is_refused_and_the_doctor_says_so(bank: Tenant, store: Stored, settings: Settings) -> None:
    assert doctor()[0] == "works"
    settings.CONSOLE_CHECKPOINT_S3_SECRET = SECRET[:-1]
    state, message, _ = doctor()
    assert state == "broken"
    assert "answered 403 (SignatureDoesNotMatch" in message
    assert SECRET[:-1] not in message
    tasks.seal_trail()
    assert "SignatureDoesNotMatch" in SinkState.objects.get().problem
    found = verifying.verify(bank)
    assert [one.kind for one in found.findings] == ["checkpoint"]
    assert "cannot be read" in found.findings[0].message


def test_without_the_library_the_doctor_says_how_to_have_it(
    bank: Tenant, store: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "is_installed", lambda: False)
    state, message, remedy = doctor()
    assert (state, remedy) == ("broken", "Install it: pip install 'config-vault[s3]'")
    assert "not installed" in message
    tasks.seal_trail()
    assert "not installed" in SinkState.objects.get().problem


def test_the_newest_of_thousands_is_found_without_listing_them(bank: Tenant, store: Stored) -> None:
    held = store.objects[name_of(bank, 2)]
    for number in range(3, 3400):
        store.objects[name_of(bank, number)] = held
    store.asked.clear()
    (kept,) = [sink for sink in sinks.configured() if isinstance(sink, sinks.Store)]
    places = [place for place, _ in kept.newest(bank)]
    assert places[-1].endswith("/000000003399.json")
    assert len(places) == sinks.READ_BACK
    assert sum(path.startswith("/audit-vault?") for _, path in store.asked) < 10


def test_objects_that_were_deleted_are_missed(bank: Tenant, store: Stored) -> None:
    del store.objects[name_of(bank, 2)]
    found = verifying.verify(bank)
    assert [one.kind for one in found.findings] == ["checkpoint"]
    assert "once took checkpoint 2 of northwind, but its last one now is 1" in found.findings[0].message


def test_an_address_that_is_no_bucket_stops_the_start() -> None:
    for url in ("https://store.example", "http://store.example/vault", "https://a:b@store.example/v", "ftp://x/y", "x"):
        assert bucket.why_no_bucket(url), url
    assert bucket.why_no_bucket("https://s3.eu-central-1.amazonaws.com/audit-vault/console-1") == ""


def test_what_the_machine_keeps_for_its_own_tools_has_no_say(
    bank: Tenant, store: Stored, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[default]\nregion = mars-1\ns3 =\n  addressing_style = virtual\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    bucket._client.cache_clear()
    tasks.seal_trail()
    assert json.loads(store.objects[name_of(bank, 3)])["checkpoint"]["size"] == 6
