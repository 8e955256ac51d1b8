"""What the platform remembers: organizations, their OAuth clients, and every revision of every object."""

import functools
import hashlib
import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from console.practice.raw_json import join_members


@dataclass(frozen=True)
class Person:
    """Somebody who changes configurations."""

    id: str
    name: str

    def as_json(self) -> dict[str, str]:
        """Return the platform's reference to a user."""
        return {"id": self.id, "name": self.name}


@dataclass
class Revision:
    """One state of an object: the bytes of its writable members, and who left them there."""

    version: int
    members: dict[str, bytes]
    at: datetime
    by: Person
    app: str | None = None  # id of the OAuth client, when a client wrote
    label: str = ""  # name in the list of versions, where it is not the object's own
    remote: str = ""
    settled: float = -math.inf  # monotonic time of the commit; what was there at the start counts as old
    audited: bool = True  # False: the audits have lost it

    @functools.cached_property
    def content_hash(self) -> str:
        """Return a short hash of everything that a writer can set."""
        return hashlib.sha256(join_members(dict(sorted(self.members.items())))).hexdigest()[:6]

    def to_record(self) -> dict[str, Any]:
        """Return the revision as the journal keeps it."""
        return {
            "version": self.version,
            "members": {key: value.decode("utf-8", "surrogateescape") for key, value in self.members.items()},
            "at": self.at.isoformat(),
            "by": self.by.as_json(),
            "app": self.app,
            "label": self.label,
            "remote": self.remote,
            "audited": self.audited,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Revision":
        """Return the revision that `to_record` wrote."""
        return cls(
            version=record["version"],
            members={key: text.encode("utf-8", "surrogateescape") for key, text in record["members"].items()},
            at=datetime.fromisoformat(record["at"]),
            by=Person(**record["by"]),
            app=record["app"],
            label=record["label"],
            remote=record["remote"],
            audited=record.get("audited", True),
        )


@dataclass
class StoredObject:
    """One object with all its revisions, oldest first; `fixed` holds server-managed members that never change."""

    family: str
    id: str
    revisions: list[Revision]
    fixed: dict[str, Any] = field(default_factory=dict)
    deleted: bool = False
    salt: int = 0  # a fault raises it: another ETag for the same version

    @property
    def live(self) -> Revision:
        """Return the newest revision."""
        return self.revisions[-1]

    def seen(self, stale_for: float | None) -> Revision:
        """Return the revision that a read shows when it lags behind by `stale_for` seconds."""
        return self.history_seen(stale_for)[-1]

    def history_seen(self, stale_for: float | None) -> list[Revision]:
        """Return the revisions that a read shows when it lags behind by `stale_for` seconds."""
        if stale_for is None or len(self.revisions) == 1:
            return self.revisions
        if math.isinf(stale_for):
            return self.revisions[:-1]
        border = time.monotonic() - stale_for
        return [one for one in self.revisions if one.settled < border] or self.revisions[:1]


@dataclass
class Client:
    """An OAuth client; one organization's, with the permissions of its roles."""

    id: str
    name: str
    secret: str
    permissions: set[str]
    withheld: dict[str, set[str]] = field(default_factory=dict)  # by division; "*" stands for all of them

    def permissions_in(self, division: str) -> set[str]:
        """Return what the client may do in a division."""
        away = self.withheld.get(division, set())
        return set() if "*" in away else self.permissions - away


@dataclass
class Switches:
    """How one organization's services behave where PLATFORM.md allows more than one way."""

    unknown_keys: str = "refuse"  # or "drop"
    lost_race_status: int = 409  # or 412
    wrong_version_status: int = 400  # or 409
    if_match_required: bool = True
    equal_write_succeeds: bool = False  # RFC 9110 section 13.1.1: a 2xx when an equal change already stands
    session_etag: bool = False
    guards_enforced: bool = True  # False: no write is refused for a stale guard, whatever the family
    etags_enforced: bool = True  # False: the assist family does not compare If-Match
    versions_enforced: bool = True  # False: the assist family does not compare the body's version
    gzip: bool = False
    requests_per_minute: int = 100_000  # the platform's own default is 300
    token_seconds: int = 86_400
    propagation_seconds: float = 3.0
    quiet: bool = False  # nobody calls, so no version serves a conversation
    audit_delay_seconds: float = 0.0  # a write's entry shows in the audits so much later
    audits_lost: bool = False  # what is written while it is on never shows in the audits
    audit_query_seconds: float = 0.0  # an asynchronous query of the audits is running for so long


@dataclass(frozen=True)
class AuditQuery:
    """One asynchronous query of the audits: what was asked, and when."""

    id: str
    asked: dict[str, Any]
    at: datetime


@dataclass
class Organization:
    """One customer of the platform."""

    slug: str
    id: str
    name: str
    client: Client
    objects: dict[tuple[str, str], StoredObject] = field(default_factory=dict)  # (family, id)
    switches: Switches = field(default_factory=Switches)
    people: list[Person] = field(default_factory=list)
    audit_queries: dict[str, "AuditQuery"] = field(default_factory=dict)  # those that were asked for, by id

    def of_family(self, family: str) -> list[StoredObject]:
        """Return the objects of one family that have not been deleted, in the order they were made."""
        return [one for (kind, _), one in self.objects.items() if kind == family and not one.deleted]


@dataclass
class Token:
    """An access token that was handed out."""

    client: Client
    organization: Organization
    expires_at: float  # monotonic
    revoked: bool = False
    window_start: float = 0.0
    window_count: int = 0


def timestamp(moment: datetime) -> str:
    """Return a moment as the platform writes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
