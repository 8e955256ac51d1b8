"""Scripting sessions: version + 1 in the body, an ETag only where a switch says so, one 409 for every trouble."""

from collections.abc import Mapping
from http import HTTPStatus

from console.practice.answers import LOCKED, Refusal, Request
from console.practice.assist import check_increment
from console.practice.raw_json import dump
from console.practice.resource import Mount, Resource, managed, strongly_in, whole_number
from console.practice.state import Organization, Revision, StoredObject

READ = "agent-scripting:read"
WRITE = "agent-scripting:write"


class ScriptingSessions(Resource):
    """Running sessions of agent scripts; `data` is what the agent has filled in so far."""

    family = "session"
    label = "ScriptingSession"
    service = "AgentScripting"
    mounts = (Mount("/api/v2/agent-scripting/sessions", READ, WRITE),)
    writable = {"data": b"{}"}  # noqa: RUF012 - declared as a class variable in the base
    server_managed = frozenset(
        {
            "scriptId",
            "conversationId",
            "dateCreated",
            "dateModified",
            "modifiedBy",
            "modifiedByApp",
            "selfUri",
        }
    )
    not_listed = frozenset({"data"})
    verbatim = frozenset({"data"})

    def etag(self, organization: Organization, stored: StoredObject, revision: Revision) -> str | None:
        """Return version and content hash where the organization's switch asks for an ETag."""
        if not organization.switches.session_etag:
            return None
        salt = f".{stored.salt}" if stored.salt else ""
        return f'"{revision.version}-{revision.content_hash}{salt}"'

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the session with `data` as the exact bytes that came."""
        return {
            "id": dump(stored.id),
            "version": dump(revision.version),
            **{key: dump(value) for key, value in stored.fixed.items()},
            "data": revision.members["data"],
            **managed(revision),
            "selfUri": dump(path),
        }

    def guard(
        self, request: Request, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]
    ) -> None:
        """Ask for the live version + 1, and for the live ETag where one was given out and came back."""
        live = self.etag(organization, stored, stored.live)
        if_match = request.header("If-Match")
        moved = live is not None and if_match is not None and not strongly_in(live, if_match)
        sent = whole_number(members.get("version"))
        if moved or (sent is not None and sent <= stored.live.version):
            raise Refusal(HTTPStatus.CONFLICT, "general.conflict", LOCKED)
        check_increment(organization, stored, members)
