"""Agent assist configurations: ETag and version + 1 on every write, and a history of full snapshots (PLATFORM.md)."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from console.practice.answers import Answer, Refusal, Request, not_found, ok, page
from console.practice.raw_json import dump, join_members
from console.practice.resource import (
    Mount,
    Resource,
    bad_value,
    managed,
    strongly_in,
    whole_number,
)
from console.practice.state import Organization, Revision, StoredObject, timestamp

READ = "agentassist:config:read"
WRITE = "agentassist:config:write"
ANALYTICS_WRITE = "analytics:agentassist-config:write"

# What a value may begin with says which kind it is, whatever the length of a number.
_KINDS: dict[str, tuple[tuple[bytes, ...], str]] = {
    "name": ((b'"',), "a string"),
    "trafficPercent": ((*(b"%d" % digit for digit in range(10)), b"-"), "a number from 0 to 100"),
    "deployed": ((b"t", b"f"), "true or false"),
    "deploymentId": ((b'"', b"n"), "a string or null"),
}


class AssistConfigs(Resource):
    """Assist configurations, under their own path and under the alias of the analytics service."""

    family = "assist"
    label = "AgentAssistConfig"
    service = "AgentAssist"
    mounts = (
        Mount("/api/v2/agentassist/configs", READ, WRITE),
        Mount("/api/v2/analytics/agentassist/configs", READ, ANALYTICS_WRITE),
    )
    writable = {  # noqa: RUF012 - declared as a class variable in the base
        "name": b"null",
        "content": b"{}",
        "trafficPercent": b"0",
        "deployed": b"false",
        "deploymentId": b"null",
    }
    server_managed = frozenset({"dateModified", "modifiedBy", "modifiedByApp", "selfUri"})
    required = ("name",)
    not_listed = frozenset({"content"})
    verbatim = frozenset({"content"})
    history = True

    def etag(self, organization: Organization, stored: StoredObject, revision: Revision) -> str | None:  # noqa: ARG002
        """Return version and content hash, for example `"42-9f3c1a"`."""
        salt = f".{stored.salt}" if stored.salt else ""
        return f'"{revision.version}-{revision.content_hash}{salt}"'

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the configuration with `content` as the exact bytes that came."""
        members = revision.members
        return {
            "id": dump(stored.id),
            "name": members["name"],
            "version": dump(revision.version),
            "content": members["content"],
            "trafficPercent": members["trafficPercent"],
            "deployed": members["deployed"],
            "deploymentId": members["deploymentId"],
            **managed(revision),
            "selfUri": dump(path),
        }

    def check(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:  # noqa: ARG002
        """Refuse a known member of the wrong type."""
        for key, (kinds, wanted) in _KINDS.items():
            if key in members and members[key].strip()[:1] not in kinds:
                raise bad_value(key, members[key], wanted)
        percent = members.get("trafficPercent", self.writable["trafficPercent"])
        if not 0 <= float(percent) <= 100:
            raise bad_value("trafficPercent", percent, _KINDS["trafficPercent"][1])

    def guard(
        self, request: Request, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]
    ) -> None:
        """Ask for the live ETag in If-Match and for the live version + 1 in the body."""
        live = self.etag(organization, stored, stored.live) or ""
        if_match = request.header("If-Match")
        if if_match is None or if_match.strip() == "*":
            if organization.switches.if_match_required:
                raise Refusal(
                    HTTPStatus.PRECONDITION_REQUIRED,
                    "precondition.required",
                    "This request must be conditional: send If-Match with the entity tag of the last GET.",
                )
        elif organization.switches.etags_enforced and not strongly_in(live, if_match):
            raise lost_race(organization, stored)
        check_increment(organization, stored, members)

    def answer_history(self, request: Request, stored: StoredObject, rest: list[str], mount: Mount) -> Answer:
        """Return the list of versions, newest first, or the full snapshot of one; neither has an ETag."""
        base = f"{mount.path}/{stored.id}/versions"
        seen = stored.history_seen(request.stale_for)
        if rest:
            found = next((one for one in seen if str(one.version) == rest[0]), None)
            if found is None:
                raise not_found(request.path)
            return Answer(HTTPStatus.OK, join_members(self.served(stored, found, f"{base}/{found.version}")))
        chosen, members = page(request, seen[::-1])
        entities = [
            {
                "version": one.version,
                "name": one.label or json.loads(one.members["name"]),
                "dateModified": timestamp(one.at),
                "modifiedBy": one.by.as_json(),
                "modifiedByApp": one.app,
                "selfUri": f"{base}/{one.version}",
            }
            for one in chosen
        ]
        return ok({"entities": entities, **members})


def lost_race(organization: Organization, stored: StoredObject) -> Refusal:
    """Return the refusal of a write whose base is not live any more: 409, or 412 as some gateways say it."""
    version = str(stored.live.version)
    if organization.switches.lost_race_status == HTTPStatus.PRECONDITION_FAILED:
        return Refusal(
            HTTPStatus.PRECONDITION_FAILED,
            "precondition.failed",
            "The entity tag in If-Match does not match the current state of the resource.",
        )
    return Refusal(
        HTTPStatus.CONFLICT,
        "general.conflict",
        f"The configuration has been modified by another request; its current version is {version}.",
        params={"version": version},
    )


def check_increment(organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:
    """Raise `Refusal` unless the body's version is the live one + 1."""
    sent = whole_number(members.get("version"))
    if sent == stored.live.version + 1 or not organization.switches.versions_enforced:
        return
    shown = members.get("version", b"none").strip().decode("utf-8", "replace")[:40]
    expected = str(stored.live.version + 1)
    raise Refusal(
        organization.switches.wrong_version_status,
        "invalid.version",
        f"Supplied version {shown} does not follow the current version; expected {expected}.",
        params={"version": shown, "expected": expected},
    )
