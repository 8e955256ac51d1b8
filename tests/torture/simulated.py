"""A platform in memory, written from PLATFORM.md alone: it shares no code with the console or the practice platform.

It keeps its own log of every write that it accepted, by whom and on which state; the checker holds that log against the
console's database. It knows nothing of faults: `faults` stands between it and the console.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

CLIENT: Final = "7f1d8f7a-5e0c-4a43-9f0d-9a3f6b1c2d01"
OBJECT: Final = "cfg-1"

Content = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One type of object, as the platform serves it."""

    name: str
    path: str
    level: str
    permissions: tuple[str, ...]
    members: tuple[str, ...]


KINDS: Final = (
    Kind(
        "agentassist.config",
        f"/api/v2/agentassist/configs/{OBJECT}",
        "A",
        ("agentassist:config:read", "agentassist:config:write"),
        ("name", "content"),
    ),
    Kind(
        "outbound.callabletimeset",
        f"/api/v2/outbound/callabletimesets/{OBJECT}",
        "B",
        ("outbound:callableTimeSet:view", "outbound:callableTimeSet:edit"),
        ("name", "callableTimes"),
    ),
    Kind(
        "routing.wrapupcode",
        f"/api/v2/routing/wrapupcodes/{OBJECT}",
        "C",
        ("routing:wrapupCode:view", "routing:wrapupCode:edit"),
        ("name", "description"),
    ),
)


@dataclass(frozen=True)
class Request:
    """One request as it leaves the console."""

    method: str
    path: str
    body: bytes = b""
    if_match: str | None = None
    number: int = 0
    """Which of the writes that left it is, counted from one; 0 for a read."""


@dataclass(frozen=True)
class Reply:
    """One answer as it leaves the platform."""

    status: int
    body: bytes = b""
    etag: str | None = None
    retry_after: float | None = None
    content_type: str = "application/json"


@dataclass(frozen=True)
class Revision:
    """One state of the object."""

    version: int
    content: Content
    by: str
    app: str | None
    micros: int


@dataclass(frozen=True)
class Accepted:
    """One write that the platform accepted."""

    micros: int
    ours: bool
    by: str
    body: bytes
    if_match: str | None
    before: Revision
    after: Revision
    altered: bool = False
    """Whether it was stored otherwise than it was sent."""


@dataclass
class Platform:
    """One organization with one object, and how its services behave where PLATFORM.md allows more than one way."""

    kind: Kind
    organization: str
    micros: Callable[[], int]
    names_authors: bool = True
    keeps_history: bool = True
    lost_race: int = 409
    equal_write_succeeds: bool = False
    etag_of_content: bool = False
    """The ETag is of the content alone, so it comes back when the content does."""
    answered_equal_writes: int = 0
    """So many writes were not stored and yet answered as a success, because what they ask for stood already."""
    alters: int = 0
    """So many of the next writes are stored otherwise than they were sent."""
    lag_micros: int = 0
    """Reads show the object as it was so long ago."""
    lag_until: int = 0
    revisions: list[Revision] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)

    @property
    def live(self) -> Revision:
        """The newest state."""
        return self.revisions[-1]

    @property
    def tells_authors(self) -> bool:
        """Whether what it shows names who wrote it."""
        return self.names_authors and self.kind.level != "B"

    def begin(self, contents: list[Content]) -> None:
        """Have a history."""
        for number, content in enumerate(contents, 1):
            self.revisions.append(Revision(number, content, "tom-becker", None, self.micros()))

    def write_elsewhere(self, content: Content, *, by: str) -> None:
        """Let somebody else write, who has looked at live right before."""
        self._store(content, ours=False, by=by, body=b"", if_match=None)

    def shown(self, revision: Revision) -> bytes:
        """Give what a read of the object shows while it is in this state."""
        return self._show(revision).body

    def answer(self, request: Request) -> Reply:
        """Answer a request of the console."""
        path = request.path.partition("?")[0]
        if request.method == "POST" and path == "/oauth/token":
            return _json({"access_token": "simulated", "token_type": "bearer", "expires_in": 86_399})
        if request.method == "GET" and path == "/api/v2/tokens/me":
            return _json({"organization": {"id": self.organization, "name": "Northwind Bank"}})
        if request.method == "GET" and path == "/api/v2/authorization/subjects/me":
            return _json({"grants": [self._grant()]})
        if path == self.kind.path:
            return self._put(request) if request.method == "PUT" else self._show(self._seen())
        if self.kind.level == "A" and path.startswith(f"{self.kind.path}/versions/") and self.keeps_history:
            wanted = path.rpartition("/")[2]
            for revision in self.revisions:
                if str(revision.version) == wanted:
                    return self._show(revision)
        return _refusal(404, "not.found", "The requested resource was not found")

    def _grant(self) -> dict[str, Any]:
        domain, entity, _ = self.kind.permissions[0].split(":")
        actions = [permission.split(":")[2] for permission in self.kind.permissions]
        policies = [{"domain": domain, "entityName": entity, "actions": actions}]
        return {
            "role": {"id": "role-1", "name": "Rollbacks", "policies": policies},
            "division": {"id": "*", "name": "*"},
        }

    def _seen(self) -> Revision:
        now = self.micros()
        if now >= self.lag_until:
            return self.live
        border = now - self.lag_micros
        return [self.revisions[0], *(one for one in self.revisions if one.micros <= border)][-1]

    def _etag(self, revision: Revision) -> str | None:
        if self.kind.level != "A":
            return None
        if self.etag_of_content:
            return f'"{hashlib.sha256(_bytes(revision.content)).hexdigest()[:6]}"'
        return f'"{revision.version}-{hashlib.sha256(_bytes(revision.content)).hexdigest()[:6]}"'

    def _show(self, revision: Revision) -> Reply:
        shown: dict[str, Any] = {"id": OBJECT, **revision.content}
        if self.kind.level != "C":
            shown["version"] = revision.version
        if self.tells_authors:
            shown["modifiedBy"] = {"id": revision.by}
            if self.kind.level == "A" and revision.app is not None:
                shown["modifiedByApp"] = {"id": revision.app, "name": "Config Vault"}
        return Reply(200, _bytes(shown), self._etag(revision))

    def content_in(self, request: Request) -> Content:
        """Give what a write asks to be stored."""
        sent = json.loads(request.body)
        return {name: sent[name] for name in self.kind.members if name in sent}

    def _put(self, request: Request) -> Reply:
        content = self.content_in(request)
        refused = self._refusal(request, json.loads(request.body))
        if refused is not None:
            if self.equal_write_succeeds and content == self.live.content:
                self.answered_equal_writes += 1
                return self._show(self.live)
            return refused
        altered = self.alters > 0
        if altered:
            self.alters -= 1
            content = {**content, "name": f"{content['name']} (checked)"}
        self._store(content, ours=True, by=CLIENT, body=request.body, if_match=request.if_match)
        if altered:
            self.accepted[-1] = replace(self.accepted[-1], altered=True)
        return self._show(self.live)

    def _refusal(self, request: Request, sent: Content) -> Reply | None:
        if self.kind.level == "A":
            if request.if_match is None:
                return _refusal(428, "precondition.required", "Send If-Match.")
            if request.if_match != self._etag(self.live):
                return _refusal(self.lost_race, "general.conflict", "It has been modified by another request.")
            if sent.get("version") != self.live.version + 1:
                return _refusal(400, "bad.request", "The version does not match the current version.")
        if self.kind.level == "B" and sent.get("version") != self.live.version:
            return _refusal(409, "invalid.update.wrong.version", "The version does not match the current version.")
        return None

    def _store(self, content: Content, *, ours: bool, by: str, body: bytes, if_match: str | None) -> None:
        before = self.live
        app = CLIENT if ours else None
        self.revisions.append(Revision(before.version + 1, content, by, app, self.micros()))
        self.accepted.append(Accepted(self.micros(), ours, by, body, if_match, before, self.live))


def _bytes(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _json(value: object) -> Reply:
    return Reply(200, _bytes(value))


def _refusal(status: int, code: str, message: str, *, retry_after: float | None = None) -> Reply:
    body = {"message": message, "code": code, "status": status, "messageParams": {}}
    return Reply(status, _bytes(body), retry_after=retry_after)


def refusal(status: int, code: str, message: str, *, retry_after: float | None = None) -> Reply:
    """Give a no in the platform's shape, for whoever stands in between."""
    return _refusal(status, code, message, retry_after=retry_after)
