"""Divisions of an organization, and in which of them its OAuth client may do something."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from console.practice.answers import Answer, Refusal, Request, ok, page
from console.practice.declared import Declared
from console.practice.permitting import divisions_with
from console.practice.resource import Mount, allow
from console.practice.state import Organization, StoredObject

_PATH = "/api/v2/authorization/divisions"


class Divisions(Declared):
    """Divisions; everybody with a token may read them, whatever is granted there."""

    family = "division"
    label = "AuthzDivision"
    service = "Authorization"
    mounts = (Mount(_PATH, "", "authorization:division:edit"),)
    stamps = ("homeDivision", "objectCounts")
    required = ("name", "description")
    writable: ClassVar[Mapping[str, bytes]] = {"name": b"null", "description": b"null"}

    def answer(self, request: Request, organization: Organization, mount: Mount) -> Answer:
        """Answer for the divisions, and for the home division by that name."""
        if request.path == f"{mount.path}/home":
            allow(request, "GET")
            home = next(one for one in organization.of_family(self.family) if one.fixed["homeDivision"])
            request.path = f"{mount.path}/{home.id}"
        return super().answer(request, organization, mount)


def permitted(request: Request, organization: Organization) -> Answer:
    """Answer `GET /api/v2/authorization/divisionspermitted/me`, and `…/paged/me` with pages."""
    permission = request.query.get("permission")
    if not permission:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "missing.required.parameter",
            "The parameter [permission] is required.",
            params={"parameter": "permission"},
        )
    found = [_shown(one) for one in divisions_with(organization, permission)]
    if "/paged/" not in request.path:
        return ok(found)
    chosen, members = page(request, found)
    all_of_them = len(found) == len(organization.of_family(Divisions.family))
    return ok({"entities": list(chosen), **members, "allDivsPermitted": all_of_them})


def _shown(stored: StoredObject) -> dict[str, Any]:
    members = stored.live.members
    return {
        "id": stored.id,
        "name": json.loads(members["name"]),
        "description": json.loads(members["description"]),
        "homeDivision": stored.fixed["homeDivision"],
        "selfUri": f"{_PATH}/{stored.id}",
    }
