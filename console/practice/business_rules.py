"""Decision tables: versions with rows, of which one is Published, and a way back to one that was.

A version is a Draft, then Published, then Superseded by the next one. Rolling back re-publishes a superseded version
as it stands: no version is made, `published` names the older one (PLATFORM.md, "Writing"). Nothing guards any of it.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, ClassVar

from console.practice.answers import Answer, Refusal, Request, cursor_listing, not_found, ok, page
from console.practice.declared import Declared
from console.practice.raw_json import dump, join_members, load
from console.practice.resource import Mount, allow, bad_value
from console.practice.state import Organization, Revision, StoredObject, timestamp

VIEW = "businessrules:decisionTable:view"
EDIT = "businessrules:decisionTable:edit+businessrules:businessRulesSchema:view+routing:queue:view"
_TABLES = "/api/v2/businessrules/decisiontables"
_LONGEST_REASON = 200  # characters
_APART = frozenset({"rows", "contract"})


class DecisionTables(Declared):
    """Decision tables, their versions, the versions' rows, and which version decides."""

    family = "decisiontable"
    label = "DecisionTable"
    service = "BusinessRules"
    update = "PATCH"
    paging = "cursor"
    mounts = (Mount(_TABLES, VIEW, EDIT),)
    required = ("name",)
    stamps = (
        "division",
        "dateCreated",
        "dateModified",
        "datePublished",
        "published",
        "latest",
        "latestVersionStatus",
        "snapshotCount",
        "publishedContract",
    )
    writable: ClassVar[Mapping[str, bytes]] = {"name": b"null", "description": b"null", "columns": b"null"}
    # `versions` is a list, oldest first, of what `_shown` shows and the rows; `published` one of their numbers or null.
    hidden: ClassVar[Mapping[str, bytes]] = {"versions": b"[]", "published": b"null"}

    def answer(self, request: Request, organization: Organization, mount: Mount) -> Answer:
        """Answer for the tables, and for the versions below one."""
        rest = [part for part in request.path.removeprefix(mount.path).split("/") if part]
        if len(rest) < 2 or rest[1] != "versions":
            return super().answer(request, organization, mount)
        stored = self.find(request, organization, rest[0], mount)
        revision = stored.seen(request.stale_for)
        match rest[2:]:
            case [] if request.method == "POST":
                return self._draft(request, organization, stored)
            case []:
                allow(request, "GET", "POST")
                wanted = request.query.get("status")
                versions = [one for one in reversed(_versions(revision)) if wanted in (None, one["status"])]
                return cursor_listing(request, [_members(self._shown(stored, revision, one)) for one in versions])
            case [number, *deeper]:
                found = next((one for one in _versions(revision) if str(one["version"]) == number), None)
                if found is None:
                    raise not_found(request.path)
                return self._below(request, organization, stored, revision, found, deeper)
        raise not_found(request.path)

    def _below(
        self,
        request: Request,
        organization: Organization,
        stored: StoredObject,
        revision: Revision,
        version: dict[str, Any],
        deeper: list[str],
    ) -> Answer:
        match deeper:
            case []:
                allow(request, "GET")
                return ok(self._shown(stored, revision, version))
            case ["rows"]:
                allow(request, "GET")
                return _rows(request, stored, version)
            case ["publish"]:
                allow(request, "PUT")
                return self._publish(request, organization, stored, version, was="Draft", reason=None)
            case ["rollback"]:
                allow(request, "POST")
                return self._publish(
                    request, organization, stored, version, was="Superseded", reason=self._reason(request)
                )
        raise not_found(request.path)

    def stamped(self, stored: StoredObject, revision: Revision) -> dict[str, bytes]:
        """Return which version is published and which is the newest, and since when."""
        versions = _versions(revision)
        published = _published(revision)
        values: dict[str, Any] = {
            **stored.fixed,
            "dateModified": timestamp(revision.at),
            "latest": _entity(stored, versions[-1]["version"]),
            "latestVersionStatus": versions[-1]["status"],
            "snapshotCount": 0,
        }
        if published is not None:
            values |= {
                "datePublished": published["datePublished"],
                "published": _entity(stored, published["version"]),
                "publishedContract": stored.fixed["contract"],
            }
        return {key: dump(values[key]) for key in self.stamps if key in values}

    def _shown(self, stored: StoredObject, revision: Revision, version: dict[str, Any]) -> dict[str, Any]:
        path = f"{_TABLES}/{stored.id}/versions/{version['version']}"
        return {
            "id": stored.id,
            "name": json.loads(revision.members["name"]),
            "division": stored.fixed["division"],
            **{key: value for key, value in version.items() if key not in _APART and value is not None},
            "rowCount": len(version["rows"]),
            "rowsUri": f"{path}/rows",
            "contract": stored.fixed["contract"],
            "selfUri": path,
        }

    def _reason(self, request: Request) -> str | None:
        """Return the note of a rollback, which may go without a body."""
        members = self.body_of(request, optional=True)
        for key in members:
            if key != "rollbackReason":
                raise Refusal(
                    HTTPStatus.BAD_REQUEST,
                    "invalid.property",
                    f"Value [{key}] is not a valid property for object [RollbackDecisionTableVersionRequest]",
                    params={"value": key, "object": "RollbackDecisionTableVersionRequest"},
                )
        raw = members.get("rollbackReason", b"null")
        reason = load(raw)
        if not isinstance(reason, str | None) or len(reason or "") > _LONGEST_REASON:
            raise bad_value("rollbackReason", raw, f"a text of at most {_LONGEST_REASON} characters")
        return reason

    def _publish(
        self,
        request: Request,
        organization: Organization,
        stored: StoredObject,
        version: dict[str, Any],
        *,
        was: str,
        reason: str | None,
    ) -> Answer:
        """Make a version the published one; the one that is, is superseded."""
        versions = _versions(stored.live)
        chosen = next(one for one in versions if one["version"] == version["version"])
        if chosen["status"] != was:
            raise Refusal(
                HTTPStatus.CONFLICT,
                "general.conflict",
                f"Version {chosen['version']} of the decision table is {chosen['status']}; it must be {was}.",
                params={"status": chosen["status"], "wanted": was},
            )
        at = self.moment(stored)
        for one in versions:
            if one["status"] == "Published":
                one["status"] = "Superseded"
                one.pop("rollbackReason", None)
        by = request.person.id if request.person else organization.client.id
        chosen |= {"status": "Published", "datePublished": timestamp(at), "publishedBy": _who(by)}
        if reason is not None:
            chosen["rollbackReason"] = reason
        kept = {"versions": dump(versions), "published": dump(chosen["version"]), "columns": dump(chosen["columns"])}
        revision = self.revise(request, organization, stored, {**stored.live.members, **kept})
        self.accept(request, organization, stored, revision)
        return ok(self._shown(stored, revision, chosen))

    def _draft(self, request: Request, organization: Organization, stored: StoredObject) -> Answer:
        """Make a draft with the rows of the published version, or of the newest."""
        versions = _versions(stored.live)
        if versions[-1]["status"] == "Draft":
            raise Refusal(
                HTTPStatus.CONFLICT,
                "general.conflict",
                f"Version {versions[-1]['version']} of the decision table is a Draft already.",
                params={"version": str(versions[-1]["version"])},
            )
        source = _published(stored.live) or versions[-1]
        now = timestamp(datetime.now(UTC))
        by = request.person.id if request.person else organization.client.id
        draft = {
            "version": versions[-1]["version"] + 1,
            "status": "Draft",
            "description": source.get("description"),
            "columns": source["columns"],
            "rows": source["rows"],
            "dateCreated": now,
            "dateModified": now,
            "createdBy": _who(by),
        }
        kept = {"versions": dump([*versions, draft])}
        revision = self.revise(request, organization, stored, {**stored.live.members, **kept})
        self.accept(request, organization, stored, revision)
        return ok(self._shown(stored, revision, draft))


def _versions(revision: Revision) -> list[dict[str, Any]]:
    return list(json.loads(revision.members["versions"]))


def _published(revision: Revision) -> dict[str, Any] | None:
    number = json.loads(revision.members["published"])
    return next((one for one in _versions(revision) if one["version"] == number), None)


def _who(person: str) -> dict[str, str]:
    return {"id": person, "selfUri": f"/api/v2/users/{person}"}


def _entity(stored: StoredObject, number: int) -> dict[str, Any]:
    return {"id": stored.id, "version": number, "selfUri": f"{_TABLES}/{stored.id}/versions/{number}"}


def _members(value: dict[str, Any]) -> dict[str, bytes]:
    return {key: dump(one) for key, one in value.items()}


def _rows(request: Request, stored: StoredObject, version: dict[str, Any]) -> Answer:
    path = f"{_TABLES}/{stored.id}/versions/{version['version']}"
    chosen, members = page(request, list(enumerate(version["rows"], start=1)))
    entities = [
        {
            **row,
            "table": _entity(stored, version["version"]),
            "rowIndex": index,
            "selfUri": f"{path}/rows/{row['id']}",
        }
        for index, row in chosen
    ]
    return Answer(HTTPStatus.OK, join_members({"entities": dump(entities), **_members(members)}))
