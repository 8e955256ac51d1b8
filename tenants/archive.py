"""Exact bytes in and out of the database, each content once (`chains`); every version seen, each sighting once.

A sighting is `(version, digest, ETag)` of one object. Seen again, with that ETag or without any, it costs no row. The
same version with another digest, or with another ETag, is a new row *and* an alarm in the trail: a number that the
platform calls one state has shown two (PROTOCOL.md, "The verdict": never adopt it silently). An ETag that is missing
(an imported version has none) or that differs only in its weakness mark (RFC 9110 section 8.8.3.2, weak comparison)
contradicts nothing.

Order of locks, so that two writers never wait for each other in a ring: the config's row, then documents and snapshots,
then whatever the trail's recorder takes.
"""

import contextlib
import functools
from typing import TYPE_CHECKING, Final, cast

from django.db import transaction

from tenants import chains, trail
from tenants.documents import InvalidDocument, load
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import projection
from tenants.resource_types.definition import PARENT_AND_ID, ResourceType, VersionRule

SIGHTINGS: Final = 4
"""Of one version seldom more are kept; one query gives them and the version before."""

UnusableContent = chains.UnusableContent
keep = chains.keep

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tenants.documents import Value
    from tenants.remote.answers import Answer


def bytes_of(snapshot: Snapshot) -> bytes:
    """Give the exact bytes that came, proved against their SHA-256; raises UnusableContent when they were changed."""
    return chains.read(snapshot.document_id)


def bytes_of_all(documents: "Iterable[str]") -> "dict[str, bytes | UnusableContent]":
    """Give the exact bytes of documents by their SHA-256, each proved, or why they cannot be used; one query."""
    return chains.read_all(set(documents))


def value_of(snapshot: Snapshot) -> "dict[str, Value]":
    """Give the snapshot's content as a value: shared between callers, so read it and never change it."""
    return _value(snapshot.document_id)


@functools.lru_cache(maxsize=64)
def _value(sha256: str) -> "dict[str, Value]":
    return value_from(chains.read(sha256))


def value_from(raw: bytes) -> "dict[str, Value]":
    """Read an object's bytes strictly; raises UnusableContent with a sentence for anything but one JSON object."""
    try:
        value = load(raw)
    except InvalidDocument as error:
        raise UnusableContent(str(error)) from error
    if not isinstance(value, dict):
        raise UnusableContent("The answer is valid JSON, but not an object, so it is no configuration.")
    return value


def check(config: TrackedConfig, rtype: ResourceType, raw: bytes, *, version: int | None = None) -> "dict[str, Value]":
    """Give the value of an answer that is this object, in this `version` when one is asked for.

    Raises UnusableContent for anything else. Where a version of the platform's holds the object inside itself, the
    number stands beside the object and was checked there.
    """
    value = value_from(raw)
    shown_id = value.get("id")
    asked_for = _shown_id(config, rtype)
    if isinstance(shown_id, str) and asked_for is not None and shown_id != asked_for:
        raise UnusableContent(f"The answer is another object: its id is {shown_id!r}, not {asked_for!r}.")
    if rtype.version_rule is not VersionRule.NONE:
        beside = version is not None and rtype.history_content_pointer
        shown = version if beside else projection.version_of(rtype, value)
        if shown is None:
            raise UnusableContent(f"The answer has no version number at {rtype.version_pointer}.")
        if not -(2**63) <= shown < 2**63:
            raise UnusableContent(f"The version number {shown} is larger than any that can be kept.")
        if version is not None and shown != version:
            raise UnusableContent(f"The answer to version {version} is version {shown}.")
    return value


def _shown_id(config: TrackedConfig, rtype: ResourceType) -> str | None:
    """Give the id that the object shows; None where its path ends in something else than that, so it may be another."""
    if not rtype.object_path.endswith("{id}"):
        return None
    return config.object_id.rpartition(PARENT_AND_ID)[2] if rtype.in_parent else config.object_id


def record(
    config: TrackedConfig,
    rtype: ResourceType,
    answer: "Answer",
    *,
    source: Snapshot.Source,
    seen_at: "datetime",
    version: int | None = None,
    value: "dict[str, Value] | None" = None,
    locked: bool = False,
) -> tuple[Snapshot, bool]:
    """Keep what an answer shows as a version of the config; give its snapshot and whether it is a new one.

    `version` is the one that was asked for, where the answer comes from the platform's own history; `value` is what
    `check` gave for the same answer, which spares reading it again.

    Takes the lock of the config's row until the caller's transaction ends, so two workers with one answer make one row;
    `locked` says that the caller holds it already.
    A type without versions is numbered here: the content of the highest number is that number again, any other content
    is the next one. Raises UnusableContent for what cannot be kept; then nothing is.
    """
    if value is None:
        value = check(config, rtype, answer.body, version=version)
    digest = projection.content_digest(rtype, value)
    with contextlib.nullcontext() if locked else transaction.atomic():
        if not locked:
            TrackedConfig.objects.select_for_update(no_key=True).only("pk").get(pk=config.pk)
        if rtype.version_rule is VersionRule.NONE:
            newest = config.snapshots.order_by("-version", "-pk").first()
            if newest is not None and newest.digest == digest:
                return newest, False
            number = newest.version + 1 if newest is not None else 1
        else:
            number = version if version is not None else cast("int", projection.version_of(rtype, value))
        before = list(config.snapshots.filter(version__lte=number).order_by("-version", "-pk")[:SIGHTINGS])
        same_number = [known for known in before if known.version == number]
        if len(same_number) == SIGHTINGS:
            same_number = list(config.snapshots.filter(version=number))
        for known in same_number:
            if known.digest == digest and answer.etag in (None, _bytes_or_none(known.etag)):
                return known, False
        author = projection.author_of(value)
        snapshot = Snapshot.objects.create(
            config=config,
            version=number,
            document=keep(answer.body, after=before[0].document_id if before else _oldest(config)),
            etag=answer.etag,
            digest=digest,
            source=source,
            author_id=author.id[:200],
            author_name=author.name[:300],
            written_at=projection.written_at(value),
            captured_at=seen_at,
            correlation_id=answer.correlation_id[:100],
        )
        if rtype.version_rule is not VersionRule.NONE:
            _alarm_on_contradiction(config, snapshot, same_number)
    return snapshot, True


def _oldest(config: TrackedConfig) -> str | None:
    """Give the document of the version after one that has none before it: a history is imported from its end."""
    return config.snapshots.values_list("document_id", flat=True).order_by("version", "-pk").first()


def _alarm_on_contradiction(config: TrackedConfig, snapshot: Snapshot, same_number: list[Snapshot]) -> None:
    others = [known for known in same_number if known.digest != snapshot.digest]
    if others:
        action = "config.version_changed_content"
    else:
        others = [known for known in same_number if _contradict(known.etag, snapshot.etag)]
        action = "config.version_changed_etag"
    if others:
        trail.report(
            action,
            tenant=config.tenant,
            actor=trail.SYSTEM,
            outcome="alarm",
            config=config,
            detail={
                "version": str(snapshot.version),
                "digest": snapshot.digest,
                "etag": snapshot.etag_text,
                "known": [{"digest": known.digest, "etag": known.etag_text} for known in others],
                "correlation_id": snapshot.correlation_id,
            },
        )


def _contradict(one: "bytes | memoryview[int] | None", other: "bytes | memoryview[int] | None") -> bool:
    if one is None or other is None:
        return False
    return bytes(one).removeprefix(b"W/") != bytes(other).removeprefix(b"W/")


def _bytes_or_none(etag: "bytes | memoryview[int] | None") -> bytes | None:
    return None if etag is None else bytes(etag)
