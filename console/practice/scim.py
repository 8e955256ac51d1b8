"""SCIM users and groups (RFC 7643, RFC 7644): ETags that are quoted numbers, and errors of a shape of their own.

A stale If-Match is 400 with the scimType `invalidVers` (PLATFORM.md, "Two families of resource"); without one nothing
is compared.
"""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from console.practice.answers import Answer, Refusal, Request, ok
from console.practice.permitting import require
from console.practice.raw_json import dump, load
from console.practice.resource import Mount, Resource, allow, strongly_in
from console.practice.state import Organization, Revision, StoredObject, timestamp

CONTENT_TYPE = "application/scim+json; charset=utf-8"
_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_MOST = 100
_FILTER = re.compile(r'(\w+) eq "?([^"]*)"?', re.IGNORECASE)
# How the platform's own refusals are called in SCIM (RFC 7644 section 3.12).
_TYPES = {
    "invalid.property": "invalidSyntax",
    "bad.request": "invalidSyntax",
    "missing.required.property": "invalidValue",
}


class ScimRefusal(Refusal):
    """A refusal in the shape of RFC 7644 section 3.12; `code` is the scimType."""

    def answer(self, correlation_id: str) -> Answer:  # noqa: ARG002 - the shape has no place for it
        """Return the refusal: schemas, status as a text, scimType where there is one, detail."""
        body = {"schemas": [_ERROR], "status": str(int(self.status)), "detail": self.message}
        if self.code:
            body["scimType"] = self.code
        return Answer(self.status, dump(body), dict(self.headers), CONTENT_TYPE)


class _Scim(Resource):
    """What users and groups share."""

    schema: ClassVar[str]
    kind: ClassVar[str]
    service = "SCIM"

    def is_version(self, key: str) -> bool:  # noqa: ARG002
        """Know no version in a body: `meta` shows it."""
        return False

    def etag(self, organization: Organization, stored: StoredObject, revision: Revision) -> str | None:  # noqa: ARG002
        """Return the version as a quoted number."""
        return f'"{revision.version}"'

    def answer(self, request: Request, organization: Organization, mount: Mount) -> Answer:
        """Answer a request; what the service itself refuses is refused in SCIM's shape."""
        try:
            answer = super().answer(request, organization, mount)
        except ScimRefusal:
            raise
        except Refusal as refusal:
            if refusal.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
                raise
            kind = _TYPES.get(refusal.code, "invalidValue") if refusal.status == HTTPStatus.BAD_REQUEST else ""
            raise ScimRefusal(refusal.status, kind, refusal.message) from refusal
        answer.content_type = CONTENT_TYPE
        return answer

    def guard(
        self,
        request: Request,
        organization: Organization,
        stored: StoredObject,
        members: Mapping[str, bytes],  # noqa: ARG002
    ) -> None:
        """Compare If-Match, where it came, with the live ETag."""
        if_match = request.header("If-Match")
        live = self.etag(organization, stored, stored.live) or ""
        if if_match is not None and if_match.strip() != "*" and not strongly_in(live, if_match):
            raise ScimRefusal(
                HTTPStatus.BAD_REQUEST,
                "invalidVers",
                f"The version in If-Match does not match the current version {stored.live.version}.",
            )

    def list_of(self, request: Request, organization: Organization, mount: Mount) -> Answer:
        """Answer a list by `startIndex` (from 1) and `count`, with a filter `ATTRIBUTE eq VALUE` if one is sent."""
        allow(request, "GET")
        require(request, organization, mount.read)
        start = _number(request, "startIndex", 1)
        count = min(_number(request, "count", 25), _MOST)
        found = [_listed(self, one, request, mount) for one in organization.of_family(self.family)]
        wanted = request.query.get("filter", "").strip()
        if wanted:
            match = _FILTER.fullmatch(wanted)
            if match is None:
                raise ScimRefusal(HTTPStatus.BAD_REQUEST, "invalidFilter", f"The filter [{wanted}] is not understood.")
            name, value = match[1].lower(), match[2]
            found = [one for one in found if str({k.lower(): v for k, v in one.items()}.get(name)) == value]
        first = max(start, 1) - 1
        shown = found[first : first + count]
        return ok(
            {
                "schemas": [_LIST],
                "totalResults": len(found),
                "startIndex": first + 1,
                "itemsPerPage": len(shown),
                "Resources": shown,
            }
        )

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the resource with its schemas and its meta, whose version is the ETag's number."""
        shown = {key: value for key, value in revision.members.items() if value != b"null"}
        meta = {
            "resourceType": self.kind,
            "lastModified": timestamp(revision.at),
            "location": path,
            "version": str(revision.version),
        }
        return {"id": dump(stored.id), "schemas": dump([self.schema]), **shown, "meta": dump(meta)}


class ScimGroups(_Scim):
    """Groups: who belongs to them, and what another system calls them."""

    family = "scimgroup"
    label = "ScimV2Group"
    kind = "Group"
    schema = "urn:ietf:params:scim:schemas:core:2.0:Group"
    mounts = (Mount("/api/v2/scim/v2/groups", "directory:group:edit", "directory:group:edit"),)
    server_managed = frozenset({"schemas", "meta", "displayName"})
    required = ("schemas",)
    hidden: ClassVar[Mapping[str, bytes]] = {"displayName": b"null"}
    writable: ClassVar[Mapping[str, bytes]] = {"externalId": b"null", "members": b"[]"}

    def check(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:  # noqa: ARG002
        """Refuse a member who is not there any more."""
        for one in load(members.get("members", b"[]")) or []:
            found = organization.objects.get(("user", str(one.get("value"))))
            if found is None or found.deleted:
                raise ScimRefusal(HTTPStatus.BAD_REQUEST, "invalidValue", f"The member {one.get('value')} is unknown.")


class ScimUsers(_Scim):
    """Users, as a system that hires and dismisses people writes them."""

    family = "scimuser"
    label = "ScimV2User"
    kind = "User"
    schema = "urn:ietf:params:scim:schemas:core:2.0:User"
    mounts = (Mount("/api/v2/scim/v2/users", "directory:user:edit", "directory:user:edit"),)
    server_managed = frozenset({"schemas", "meta", "groups"})
    required = ("schemas", "userName", "displayName")
    writable: ClassVar[Mapping[str, bytes]] = {
        "userName": b"null",
        "displayName": b"null",
        "title": b"null",
        "active": b"true",
        "emails": b"[]",
        "phoneNumbers": b"[]",
        "externalId": b"null",
        "roles": b"[]",
    }


def _listed(family: _Scim, stored: StoredObject, request: Request, mount: Mount) -> dict[str, Any]:
    """Return what a list shows of a resource."""
    served = family.served(stored, stored.seen(request.stale_for), f"{mount.path}/{stored.id}")
    return {key: json.loads(value) for key, value in served.items()}


def _number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise ScimRefusal(HTTPStatus.BAD_REQUEST, "invalidValue", f"The value [{text}] of [{name}] is no number.")
    return max(0, int(text))


SCIM: tuple[type[Resource], ...] = (ScimGroups, ScimUsers)
