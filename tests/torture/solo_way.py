"""The way of a solo play: how the platform behaves there, what can go wrong with an exchange, what is then answered."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tenants.remote import Answer, ConnectionLost, TimedOut, Unreachable
from tests.torture import simulated
from tests.torture.simulated import Content, Kind, Reply, Request, Revision

if TYPE_CHECKING:
    from tests.torture.solo import Play

PAUSE: Final = 90.0
"""Longer than a lease."""
LAG: Final = 25.0
"""Reads that are stale show the object as it was so long ago: less than any type's visibility horizon."""

ETAGS: Final = simulated.KINDS[0]
SCHEMA: Final = Kind(
    "businessrules.schema",
    f"/api/v2/businessrules/schemas/{simulated.OBJECT}",
    "B",
    ("businessrules:businessRulesSchema:view", "businessrules:businessRulesSchema:edit"),
    ("enabled", "jsonSchema"),
)
"""A type of level B whose history of versions can be read; it names no author of a change."""
SCHEDULE: Final = Kind(
    "architect.schedule",
    f"/api/v2/architect/schedules/{simulated.OBJECT}",
    "B",
    ("routing:schedule:view", "routing:schedule:edit"),
    ("name", "start", "end", "rrule"),
)
"""A type of level B that names the author of a change; it has no history of versions."""


class Killed(BaseException):
    """End a worker as SIGKILL does."""


class Organization(simulated.Platform):
    """The simulated platform, which here may name authors and show its history at each level."""

    stores_otherwise = 0
    """So many of the next writes of ours are stored otherwise than they were sent."""

    @property
    def tells_authors(self) -> bool:
        """Whether what it shows names who wrote it."""
        return self.names_authors and self.kind is not SCHEMA

    def answer(self, request: Request) -> Reply:
        """Answer a request of the console."""
        path = request.path.partition("?")[0]
        if path.startswith(f"{self.kind.path}/versions/") and self.kind is not SCHEDULE:
            found = [one for one in self.revisions if str(one.version) == path.rpartition("/")[2]]
            if found and self.keeps_history:
                return self._show(found[0])
            return simulated.refusal(404, "not.found", "The requested resource was not found")
        return super().answer(request)

    def _show(self, revision: Revision) -> Reply:
        reply = super()._show(revision)
        if self.kind is SCHEDULE and self.names_authors and revision.app is not None:
            shown = {**json.loads(reply.body), "modifiedByApp": revision.app}
            return Reply(reply.status, json.dumps(shown).encode(), reply.etag)
        return reply

    def _store(self, content: Content, *, ours: bool, by: str, body: bytes, if_match: str | None) -> None:
        if ours and self.stores_otherwise:
            self.stores_otherwise -= 1
            content = {**content, **({"enabled": False} if self.kind is SCHEMA else {"name": "Checked by the server"})}
        super()._store(content, ours=ours, by=by, body=body, if_match=if_match)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong at one moment."""

    kind: str
    takes_effect: bool = True
    """Where there are two ways: the request arrived, the COMMIT took effect."""
    status: int = 503
    seconds: float = LAG

    def __str__(self) -> str:
        return self.kind if self.takes_effect else f"{self.kind}, without effect"


@dataclass
class Way:
    """How the platform of a play behaves where PLATFORM.md allows more than one way."""

    names_authors: bool = True
    keeps_history: bool = True
    lost_race: int = 409
    equal_write_succeeds: bool = False


def read_badly(play: "Play", fault: Fault, limits: Any) -> Reply:
    """Let a read go wrong."""
    match fault.kind:
        case "drop":
            raise ConnectionLost("The connection broke before the answer was complete.")
        case "timeout":
            play.wait(limits.total_seconds)
            raise TimedOut("There was no complete answer in time.")
        case "refused connection":
            raise Unreachable("The host could not be reached, so nothing was sent.", sent=False)
        case "html 200":
            return Reply(200, b"<!doctype html><title>Signed out</title>", content_type="text/html")
    return refused(fault.status, play.kind)


def write_badly(  # noqa: C901 - one case for each fault
    play: "Play", request: Request, fault: Fault, limits: Any
) -> Reply:
    """Let a write go wrong."""
    arrives = partial(play.arrive, request)
    lost = ConnectionLost("The connection broke before the answer was complete.")
    late = TimedOut("There was no complete answer in time.")
    match fault.kind:
        case "refused connection":
            raise Unreachable("The host could not be reached, so nothing was sent.", sent=False)
        case "death under way":
            if fault.takes_effect:
                play.later(0.05, arrives)
            raise Killed
        case "drop":
            if fault.takes_effect:
                arrives()
            raise lost
        case "timeout":
            if fault.takes_effect:
                arrives()
            play.wait(limits.total_seconds)
            raise late
        case "answer":
            if fault.takes_effect:
                arrives()
            return refused(fault.status, play.kind)
        case "locked":
            return refused(409 if play.kind.level == "A" else 423, play.kind, locked=True)
        case "html 200":
            if fault.takes_effect:
                arrives()
            return Reply(200, b"<!doctype html><title>Signed out</title>", content_type="text/html")
        case "duplicated delivery":
            first, second = arrives(), arrives()
            return first if fault.takes_effect else second
        case "delayed duplicate":
            play.later(fault.seconds, arrives)
            return arrives()
        case "delayed delivery":
            play.later(limits.total_seconds + fault.seconds, arrives)
            play.wait(limits.total_seconds)
            raise late
        case "lease overrun":
            reply = arrives()
            play.wait(PAUSE)
            return reply
        case "server alters":
            play.platform.stores_otherwise = 1
            return arrives()
    raise AssertionError(fault.kind)


def received(reply: Reply, moment: datetime, number: int) -> Answer:
    """Give a reply as the transport does."""
    return Answer(
        status=reply.status,
        body=reply.body,
        etag=None if reply.etag is None else reply.etag.encode(),
        correlation_id=f"solo-{number}",
        elapsed_ms=20,
        received_at=moment,
        content_type=reply.content_type,
        retry_after=reply.retry_after,
    )


_SAID: Final = {
    401: ("bad.credentials", "Invalid login credentials."),
    403: ("not.authorized", "You are not authorized to perform the requested action."),
    404: ("not.found", "The requested resource was not found."),
    408: ("request.timeout", "The request timed out."),
    409: ("general.conflict", "It has been modified by another request."),
    412: ("precondition.failed", "The entity tag does not match."),
    428: ("precondition.required", "Send If-Match."),
    429: ("too.many.requests", "Rate limit exceeded."),
}


def refused(status: int, kind: Kind, *, locked: bool = False, retry_after: float | None = None) -> Reply:
    """Give a no of this status in the platform's shape."""
    code, message = _SAID.get(status, ("service.unavailable", "The service is unavailable."))
    if locked:
        message = "The requested resource is currently locked."
    return simulated.refusal(status, code, message, retry_after=retry_after)
