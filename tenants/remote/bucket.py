"""Keep objects in a bucket of an S3-compatible store, each written once, through botocore where it is installed.

Nothing of the platform plays a part here: the address and the keys come from the settings. botocore signs each request
(Signature Version 4) and knows where a machine's own role comes from; retries and its checks of newer checksums, which
not every store knows, are off. An object is written only where there is none yet (`If-None-Match: *`), its content is
named by `Content-MD5`, and where days of retention are given it is locked for them in compliance mode, in which not
even the owner of the bucket can delete it.
"""

import base64
import hashlib
import importlib
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from tenants.remote import addresses
from tenants.remote.answers import clean_text

INSTALL: Final = "pip install 'config-vault[s3]'"
_CONNECT_SECONDS: Final = 3.0
_READ_SECONDS: Final = 10.0
_ALREADY_THERE: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class BucketDown(Exception):
    """The store did not do what it was asked; the message says so in a sentence, `code` in the store's word, if any."""

    def __init__(self, sentence: str, *, code: str = "") -> None:
        self.code = code
        super().__init__(sentence)


def is_installed() -> bool:
    """Tell whether botocore is there."""
    return importlib.util.find_spec("botocore") is not None


def why_no_bucket(url: str) -> str:
    """Say why an address is not that of a bucket, `https://STORE/BUCKET[/FOLDER]`; nothing where it is."""
    parts = urlsplit(url)
    if parts.fragment or parts.query or not url.isascii() or any(letter.isspace() for letter in url):
        return "is no plain address"
    if not parts.path.strip("/"):
        return "names no bucket: https://STORE/BUCKET/FOLDER"
    return addresses.why_no_base(f"{parts.scheme}://{parts.netloc}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket, or a folder in one. Without a key, the machine's own role is used."""

    url: str
    region: str
    key_id: str = ""
    secret: str = field(default="", repr=False)
    retention_days: int = 0

    @property
    def _names(self) -> tuple[str, str]:
        """Give the bucket's own name, and what every object's name begins with."""
        name, _, folder = urlsplit(self.url).path.strip("/").partition("/")
        return name, f"{folder.strip('/')}/" if folder.strip("/") else ""

    def check(self) -> None:
        """Return where the bucket answers and these keys may list it; raise BucketDown else."""
        name, folder = self._names
        self._ask("list_objects_v2", Bucket=name, Prefix=folder, MaxKeys=1)

    def put(self, key: str, body: bytes) -> bool:
        """Write an object and return True; False, with nothing written, where there is one of this name.

        Raises BucketDown, also where the store can do nothing under a condition.
        """
        name, folder = self._names
        lock: dict[str, Any] = {}
        if self.retention_days:
            until = datetime.now(UTC) + timedelta(days=self.retention_days)
            lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
        try:
            self._ask(
                "put_object",
                Bucket=name,
                Key=folder + key,
                Body=body,
                ContentType="application/json",
                ContentMD5=base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
                IfNoneMatch="*",
                **lock,
            )
        except BucketDown as down:
            if down.code in _ALREADY_THERE:
                return False
            raise
        return True

    def read(self, key: str) -> bytes:
        """Give the bytes of an object; raise BucketDown where there is none."""
        name, folder = self._names
        body: bytes = self._ask("get_object", Bucket=name, Key=folder + key, read="Body")
        return body

    def keys(self, beginning: str, *, after: str = "") -> Iterator[str]:
        """Give the names of objects that begin like this, in their order, those behind `after` alone."""
        name, folder = self._names
        asked: dict[str, Any] = {"Bucket": name, "Prefix": folder + beginning, "StartAfter": folder + after}
        while True:
            found = self._ask("list_objects_v2", **asked)
            yield from (one["Key"].removeprefix(folder) for one in found.get("Contents", ()))
            if not found.get("IsTruncated"):
                return
            asked["ContinuationToken"] = found["NextContinuationToken"]

    def _ask(self, what: str, *, read: str = "", **asked: Any) -> Any:
        host = urlsplit(self.url).netloc
        if not is_installed():
            raise BucketDown(f"{host} was not asked: the library for it is not installed ({INSTALL}).")
        errors = importlib.import_module("botocore.exceptions")
        try:
            answer = getattr(_client(self), what)(**asked)
            return answer[read].read() if read else answer
        except errors.ClientError as error:
            told = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            why = clean_text(f"{told.get('Code', '')}: {told.get('Message', '')}")[:200]
            raise BucketDown(
                f"{host} answered {status} ({why}), so it did not do it.", code=told.get("Code", "")
            ) from error
        except (errors.BotoCoreError, OSError) as error:
            raise BucketDown(f"{host} gave no complete answer ({type(error).__name__}).") from error


@lru_cache(maxsize=4)
def _client(bucket: Bucket) -> Any:
    """Give the client of a store; it takes a third of a second to make, and may be used by all threads."""
    session = importlib.import_module("botocore.session").Session()
    # What somebody's ~/.aws says has no say here.
    for name in ("config_file", "credentials_file"):
        session.set_config_variable(name, os.devnull)
    parts = urlsplit(bucket.url)
    return session.create_client(
        "s3",
        region_name=bucket.region,
        endpoint_url=f"{parts.scheme}://{parts.netloc}",
        aws_access_key_id=bucket.key_id or None,
        aws_secret_access_key=bucket.secret or None,
        config=importlib.import_module("botocore.config").Config(
            signature_version="s3v4",
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path", "payload_signing_enabled": True},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
