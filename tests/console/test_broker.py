"""The embedded broker: messages are files that appear whole, go to one worker each, and do not pile up."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from console import broker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "broker"


@pytest.fixture
def channel(folder: Path) -> Iterator[broker.Channel]:
    broker.register()
    with Connection(f"{broker.SCHEME}://localhost", transport_options=broker.options(folder)) as link:
        channel = link.channel()
        assert isinstance(channel, broker.Channel)
        yield channel


def messages(folder: Path) -> list[Path]:
    return sorted((folder / "messages").iterdir())


def test_messages_come_back_in_their_order_and_once(channel: broker.Channel, folder: Path) -> None:
    for number in range(12):
        channel._put("console", {"body": f"look at rollback {number}"})
    fetched = [channel._get("console")["body"] for _ in range(12)]
    assert fetched == [f"look at rollback {number}" for number in range(12)]
    with pytest.raises(Empty):
        channel._get("console")
    assert messages(folder) == []


def test_a_message_of_another_queue_stays_there(channel: broker.Channel, folder: Path) -> None:
    channel._put("elsewhere", {"body": "not ours"})
    with pytest.raises(Empty):
        channel._get("console")
    assert len(messages(folder)) == 1


def test_nobody_ever_sees_half_a_message(channel: broker.Channel) -> None:
    text = "agent assist rule " * 20_000
    seen: list[str] = []

    def fetch() -> None:
        while len(seen) < 30:
            try:
                seen.append(channel._get("console")["body"])
            except Empty:
                continue

    worker = threading.Thread(target=fetch)
    worker.start()
    for _ in range(30):
        channel._put("console", {"body": text})
    worker.join(60)
    assert seen == [text] * 30


def test_each_message_goes_to_one_of_two_workers(channel: broker.Channel) -> None:
    for number in range(40):
        channel._put("console", {"body": number})
    seen: list[int] = []

    def fetch() -> None:
        while True:
            try:
                seen.append(channel._get("console")["body"])
            except Empty:
                return

    workers = [threading.Thread(target=fetch) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(seen) == list(range(40))


def test_a_damaged_message_is_left_out_and_does_not_stop_the_queue(channel: broker.Channel, folder: Path) -> None:
    (folder / "messages" / "00000000000000000000_x.console.msg").write_text('{"body": ')
    channel._put("console", {"body": "look at rollback 7"})
    assert channel._get("console") == {"body": "look at rollback 7"}
    assert messages(folder) == []


def test_tidying_removes_what_nobody_will_fetch_and_keeps_the_rest(channel: broker.Channel, folder: Path) -> None:
    channel._put("celery@gone.celery.pidbox", {"body": "for a worker that is no more"})
    old = messages(folder)[0]
    long_ago = time.time() - broker.STALE_SECONDS - 1
    os.utime(old, (long_ago, long_ago))
    channel._put("console", {"body": "look at rollback 8"})
    assert broker.tidy(folder) == 1
    assert channel._get("console") == {"body": "look at rollback 8"}
