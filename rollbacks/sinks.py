"""Where checkpoints are kept outside the database: a folder, a bucket, and a receiver that is told by HTTP.

A sink takes the lines of one tenant in their order, each at least once. What it has taken is not for the console to
change: the folder's files are only appended to, the bucket's objects are written once, and the receiver is somebody
else's.
"""

import contextlib
import fcntl
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from django.conf import settings

from rollbacks import checkpoints
from tenants.models import Tenant
from tenants.remote import RemoteError, bucket, posting

ENDING: Final = ".checkpoints.jsonl"
_TAIL_BYTES: Final = 8192
_SECONDS_AT_ONCE: Final = 30.0
READ_BACK: Final = 20
"""So many of a tenant's newest checkpoints are read from a bucket: each covers all entries of those before it."""
_STRIDE: Final = 1000


class SinkDown(Exception):
    """A sink did not take what it was given; the message says so in a sentence. It is given again later."""


class Sink(Protocol):
    """One place outside the database."""

    @property
    def name(self) -> str:
        """What it is called on pages, and in the rows that say how far it is."""

    def take(self, tenant: Tenant, lines: Sequence[bytes]) -> int:
        """Keep the first of the lines, in order, and give how many are durable now; raise SinkDown for none."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Files of lines in a folder or a mounted share, one for each tenant, only ever appended to and flushed to disk."""

    path: Path

    @property
    def name(self) -> str:
        """Name the folder."""
        return f"folder {self.path}"[:300]

    def file_of(self, tenant: Tenant) -> Path:
        """Name the file of a tenant; the id keeps two consoles apart that share a folder."""
        return self.path / f"{_folder_of(tenant)}{ENDING}"

    def take(self, tenant: Tenant, lines: Sequence[bytes]) -> int:
        """Append the lines that the file does not end with already, and wait until they are on disk."""
        file = self.file_of(tenant)
        try:
            self.path.mkdir(mode=0o750, parents=True, exist_ok=True)
            made = not file.exists()
            descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                written = _missing(descriptor, lines)
                while written:
                    written = written[os.write(descriptor, written) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if made:
                _flush_folder(self.path)
        except OSError as error:
            raise SinkDown(f"{file} cannot be written to: {error.strerror or error}.") from error
        except _SetBack as error:
            raise SinkDown(
                f"{file} ends with checkpoint {error}, which this database never made: it was set back, or the file is "
                "another console's. Nothing was written. Verify the trail, then move the file aside."
            ) from error
        return len(lines)


class _SetBack(Exception):
    """A file is ahead of the database."""


def _missing(descriptor: int, lines: Sequence[bytes]) -> bytes:
    """Give what is to be appended: nothing that the last line has already, and behind half a line a new one."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    last = tail.removesuffix(b"\n").rpartition(b"\n")[2]
    wanted = list(lines)
    if last in wanted:
        wanted = wanted[wanted.index(last) + 1 :]
    else:
        with contextlib.suppress(checkpoints.UnreadableCheckpoint):
            known = checkpoints.read(last).statement.number
            if known >= checkpoints.read(wanted[0]).statement.number:
                raise _SetBack(str(known))
    torn = b"\n" if wanted and tail and not tail.endswith(b"\n") else b""
    return torn + b"".join(line + b"\n" for line in wanted)


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver that each line is posted to until it is acknowledged with a 2xx."""

    url: str
    bearer: str

    @property
    def name(self) -> str:
        """Name the receiver, without a query that may hold a secret."""
        return f"webhook {urlsplit(self.url)._replace(query='').geturl()}"[:300]

    def take(self, tenant: Tenant, lines: Sequence[bytes]) -> int:
        """Post one line after the other until one is not acknowledged, or half a minute has passed."""
        until = time.monotonic() + _SECONDS_AT_ONCE
        for taken, line in enumerate(lines):
            if taken and time.monotonic() > until:
                return taken
            digest = checkpoints.read(line).digest.hex()
            try:
                posting.post(self.url, line, content_type="application/json", bearer=self.bearer, key=digest)
            except RemoteError as error:
                if taken:
                    return taken
                raise SinkDown(f"{tenant.slug}: {error.sentence}") from error
        return len(lines)


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket of an S3-compatible store: one object for each line, written once and named by the line's number."""

    bucket: bucket.Bucket

    @property
    def name(self) -> str:
        """Name the bucket."""
        return f"bucket {self.bucket.url}"[:300]

    def key_of(self, folder: str, number: int) -> str:
        """Name the object of a checkpoint; numbers of one length stand in their order."""
        return f"{folder}/{number:012}.json"

    def take(self, tenant: Tenant, lines: Sequence[bytes]) -> int:
        """Write one object after the other until one is not taken, or half a minute has passed."""
        until = time.monotonic() + _SECONDS_AT_ONCE
        for taken, line in enumerate(lines):
            if taken and time.monotonic() > until:
                return taken
            number = checkpoints.read(line).statement.number
            key = self.key_of(_folder_of(tenant), number)
            try:
                if not self.bucket.put(key, line + b"\n") and self.bucket.read(key) != line + b"\n":
                    raise SinkDown(
                        f"{self.bucket.url}/{key} holds another checkpoint {number} than this database: it was set "
                        "back, or the folder is another console's. Nothing was written. Verify the trail, then name "
                        "another folder of the bucket."
                    )
            except bucket.BucketDown as down:
                if taken:
                    return taken
                raise SinkDown(f"{tenant.slug}: {down}") from down
        return len(lines)

    def newest(self, tenant: Tenant) -> Iterator[tuple[str, bytes]]:
        """Give the last lines that the bucket has of a tenant, with their places; raise BucketDown.

        The last number is found by asking whether anything stands behind another one: a million objects are not listed.
        """
        folder = _folder_of(tenant)

        def behind(number: int) -> Iterator[str]:
            return self.bucket.keys(f"{folder}/", after=self.key_of(folder, number))

        low, stride = 0, _STRIDE
        while next(behind(low + stride), None) is not None:
            low, stride = low + stride, stride * 2
        while stride > _STRIDE:
            stride //= 2
            if next(behind(low + stride), None) is not None:
                low += stride
        for key in deque(behind(max(0, low - READ_BACK)), maxlen=READ_BACK):
            yield f"{self.bucket.url}/{key}", self.bucket.read(key).rstrip(b"\r\n")


def _folder_of(tenant: Tenant) -> str:
    return f"{tenant.slug}-{tenant.pk}"


def configured() -> list[Sink]:
    """Give the sinks of the settings."""
    sinks: list[Sink] = []
    if settings.CONSOLE_CHECKPOINT_S3:
        sinks.append(Store(bucket_of_settings()))
    if settings.CONSOLE_CHECKPOINT_FOLDER:
        sinks.append(Folder(settings.CONSOLE_CHECKPOINT_FOLDER))
    if settings.CONSOLE_CHECKPOINT_WEBHOOK:
        sinks.append(Webhook(settings.CONSOLE_CHECKPOINT_WEBHOOK, settings.CONSOLE_CHECKPOINT_WEBHOOK_TOKEN))
    return sinks


def bucket_of_settings() -> bucket.Bucket:
    """Give the bucket of the settings, which name one."""
    return bucket.Bucket(
        url=(settings.CONSOLE_CHECKPOINT_S3 or "").rstrip("/"),
        region=settings.CONSOLE_CHECKPOINT_S3_REGION,
        key_id=settings.CONSOLE_CHECKPOINT_S3_KEY_ID,
        secret=settings.CONSOLE_CHECKPOINT_S3_SECRET,
        retention_days=settings.CONSOLE_CHECKPOINT_S3_RETENTION_DAYS,
    )


def lines_in(path: Path) -> Iterator[tuple[str, bytes]]:
    """Give every line of a file, or of the files of checkpoints in a folder, with the place where it stands.

    Raises OSError where they cannot be read.
    """
    for file in sorted(path.glob(f"*{ENDING}")) if path.is_dir() else [path]:
        with file.open("rb") as opened:
            for number, line in enumerate(opened, start=1):
                if line.strip():
                    yield f"{file} line {number}", line.rstrip(b"\r\n")
