"""Knowledge bases and their documents: a draft, and published versions that can be restored.

A PATCH changes the draft. `POST …/versions` publishes the draft as the next version, or with `restoreFromVersionId`
makes a new version with the content of an older one (PLATFORM.md, "Writing"). Nothing guards either.
"""

import json
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from console.practice.answers import Answer, Refusal, Request, cursor_listing, not_found, ok
from console.practice.declared import Declared
from console.practice.permitting import require
from console.practice.raw_json import dump, join_members, load
from console.practice.resource import Mount, Resource, allow, bad_value
from console.practice.state import Organization, Revision, StoredObject, timestamp

_BASES = "/api/v2/knowledge/knowledgebases"
# What a read shows only where `expand` names it.
_EXPANDED = ("category", "labels", "variations")


class KnowledgeBases(Declared):
    """Knowledge bases; a request about a document below one goes to the documents."""

    family = "knowledgebase"
    label = "KnowledgeBase"
    service = "Knowledge"
    update = "PATCH"
    paging = "cursor"
    mounts = (Mount(_BASES, "knowledge:knowledgebase:view", "knowledge:knowledgebase:edit"),)
    required = ("name",)
    stamps = (
        "coreLanguage",
        "dateCreated",
        "dateModified",
        "faqCount",
        "articleCount",
        "published",
        "contentSearchEnabled",
    )
    writable: ClassVar[Mapping[str, bytes]] = {"name": b"null", "description": b"null"}

    def answer(self, request: Request, organization: Organization, mount: Mount) -> Answer:
        """Answer for the bases, and for the documents in one."""
        rest = [part for part in request.path.removeprefix(mount.path).split("/") if part]
        if len(rest) < 2:
            return super().answer(request, organization, mount)
        base = organization.objects.get((self.family, rest[0]))
        if rest[1] != "documents" or base is None or not self.there(base):
            raise not_found(request.path)
        return KnowledgeDocuments(self.store).answer_below(request, organization, base, rest[2:])


class KnowledgeDocuments(Resource):
    """Documents, each in one knowledge base."""

    family = "knowledgedocument"
    label = "KnowledgeDocument"
    service = "Knowledge"
    update = "PATCH"
    routed = False
    mounts = (Mount(_BASES, "knowledge:document:view", "knowledge:document:edit"),)
    required = ("title",)
    writable: ClassVar[Mapping[str, bytes]] = {
        "title": b"null",
        "visible": b"true",
        "alternatives": b"[]",
        "categoryId": b"null",
        "labelIds": b"[]",
        "externalId": b"null",
        "externalUrl": b"null",
    }
    # `versions` is a list, oldest first, of {id, versionNumber, datePublished, by, content}; a content is all of the
    # writable members and the variations.
    hidden: ClassVar[Mapping[str, bytes]] = {"variations": b"[]", "versions": b"[]"}

    def is_version(self, key: str) -> bool:  # noqa: ARG002
        """Know no version in a body."""
        return False

    def object_id(self, path: str) -> str | None:
        """Return the document's id from a path below a knowledge base."""
        rest = [part for part in path.removeprefix(_BASES).split("/") if part]
        inside = path.startswith(_BASES + "/") and len(rest) >= 3 and rest[1] == "documents"
        return rest[2] if inside else None

    def answer_below(self, request: Request, organization: Organization, base: StoredObject, rest: list[str]) -> Answer:
        """Answer for the documents of one base, for one of them, and for its versions."""
        [mount] = self.mounts
        require(request, organization, mount.read if request.method == "GET" else mount.write)
        inside = [one for one in organization.of_family(self.family) if one.fixed["knowledgeBase"]["id"] == base.id]
        if not rest:
            allow(request, "GET")
            drafts = request.query.get("includeDrafts") == "true"
            seen = [(one, one.seen(request.stale_for)) for one in inside]
            shown = [self._document(request, one, revision) for one, revision in seen if drafts or _versions(revision)]
            return cursor_listing(request, [_members(one) for one in shown])
        stored = next((one for one in inside if one.id == rest[0]), None)
        if stored is None:
            raise not_found(request.path)
        revision = stored.seen(request.stale_for)
        match rest[1:]:
            case []:
                allow(request, "GET", "PATCH")
                if request.method == "PATCH":
                    return self.write(request, organization, stored)
                return ok(self._document(request, stored, revision))
            case ["versions"] if request.method == "POST":
                return self._publish(request, organization, stored)
            case ["versions"]:
                allow(request, "GET", "POST")
                versions = [self._version(request, stored, one, revision) for one in reversed(_versions(revision))]
                return cursor_listing(request, [_members(one) for one in versions])
            case ["versions", version_id]:
                allow(request, "GET")
                for one in _versions(revision):
                    if one["id"] == version_id:
                        return ok(self._version(request, stored, one, revision))
        raise not_found(request.path)

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:  # noqa: ARG002
        """Return the draft, as the answer to a PATCH shows it."""
        return _members(self._shown(stored, revision, None))

    def check(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:  # noqa: ARG002
        """Refuse a category or a label that the knowledge base does not have."""
        wanted = load(members.get("categoryId", b"null"))
        if wanted not in (None, *(one["id"] for one in stored.fixed["categories"])):
            raise _not_there("categoryId", str(wanted), "knowledge.category.not.found")
        for label in load(members.get("labelIds", b"[]")) or []:
            if label not in {one["id"] for one in stored.fixed["labels"]}:
                raise _not_there("labelIds", str(label), "knowledge.label.not.found")

    def _document(self, request: Request, stored: StoredObject, revision: Revision) -> dict[str, Any]:
        """Return the published document, or the draft where it is asked for or nothing was published."""
        versions = _versions(revision)
        draft = request.query.get("state") == "Draft" or not versions
        return _expanded(request, self._shown(stored, revision, None if draft else versions[-1]))

    def _shown(self, stored: StoredObject, revision: Revision, version: dict[str, Any] | None) -> dict[str, Any]:
        """Return the document as a version has it, or the draft."""
        versions = _versions(revision)
        content = _draft(revision) if version is None else version["content"]
        fixed = stored.fixed
        path = f"{_BASES}/{fixed['knowledgeBase']['id']}/documents/{stored.id}"
        by = revision.by.id if version is None else version["by"]
        shown: dict[str, Any] = {
            "id": stored.id,
            **{key: content[key] for key in ("title", "visible", "alternatives")},
            "state": "Draft" if version is None else "Published" if version == versions[-1] else "Archived",
            "dateCreated": fixed["dateCreated"],
            "dateModified": timestamp(revision.at) if version is None else version["datePublished"],
            "lastPublishedVersionNumber": None,
            "datePublished": None,
            "createdBy": fixed["createdBy"],
            "modifiedBy": {"id": by, "selfUri": f"/api/v2/users/{by}"},
            "documentVersion": None,
            "category": next((one for one in fixed["categories"] if one["id"] == content["categoryId"]), None),
            "labels": [one for one in fixed["labels"] if one["id"] in (content["labelIds"] or [])],
            "knowledgeBase": fixed["knowledgeBase"],
            "externalId": content["externalId"],
            "externalUrl": content["externalUrl"],
            "readonly": False,
            "variations": content["variations"],
            "selfUri": path,
        }
        standing = version or (versions[-1] if versions else None)
        if standing is not None:
            shown |= {
                "lastPublishedVersionNumber": standing["versionNumber"],
                "datePublished": standing["datePublished"],
                "documentVersion": {"id": standing["id"], "selfUri": f"{path}/versions/{standing['id']}"},
            }
        return {key: value for key, value in shown.items() if value is not None}

    def _version(
        self, request: Request, stored: StoredObject, version: dict[str, Any], revision: Revision
    ) -> dict[str, Any]:
        document = self._shown(stored, revision, version)
        return {
            "id": version["id"],
            "datePublished": version["datePublished"],
            "document": _expanded(request, document),
            "versionNumber": version["versionNumber"],
            "selfUri": document["documentVersion"]["selfUri"],
            **({"restoreFromVersionId": version["restored"]} if version.get("restored") else {}),
        }

    def _publish(self, request: Request, organization: Organization, stored: StoredObject) -> Answer:
        """Make the next version, from the draft or from the version that the body names."""
        members = self.body_of(request, optional=True)
        known = {"id", "datePublished", "document", "restoreFromVersionId", "versionNumber", "dateExpires", "selfUri"}
        for key in members.keys() - known:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "invalid.property",
                f"Value [{key}] is not a valid property for object [KnowledgeDocumentVersion]",
                params={"value": key, "object": "KnowledgeDocumentVersion"},
            )
        versions = _versions(stored.live)
        raw = members.get("restoreFromVersionId", b"null")
        wanted = load(raw)
        if not isinstance(wanted, str | None):
            raise bad_value("restoreFromVersionId", raw, "the id of a version")
        content = _draft(stored.live)
        if wanted is not None:
            source = next((one for one in versions if one["id"] == wanted), None)
            if source is None:
                raise _not_there("restoreFromVersionId", wanted, "knowledge.document.version.not.found")
            content = source["content"]
        number = versions[-1]["versionNumber"] + 1 if versions else 1
        made = {
            "id": str(uuid.uuid5(uuid.UUID(stored.id), f"{number}/{len(stored.revisions)}")),
            "versionNumber": number,
            "datePublished": timestamp(self.moment(stored)),
            "by": request.person.id if request.person else organization.client.id,
            "content": content,
            "restored": wanted,
        }
        kept = {**_members(content), "versions": dump([*versions, made])}
        revision = self.revise(request, organization, stored, kept)
        self.accept(request, organization, stored, revision)
        return Answer(HTTPStatus.OK, join_members(_members(self._version(request, stored, made, revision))))


def _versions(revision: Revision) -> list[dict[str, Any]]:
    return list(json.loads(revision.members["versions"]))


def _draft(revision: Revision) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in revision.members.items() if key != "versions"}


def _members(value: dict[str, Any]) -> dict[str, bytes]:
    return {key: dump(one) for key, one in value.items()}


def _expanded(request: Request, shown: dict[str, Any]) -> dict[str, Any]:
    wanted = request.query.get("expand", "").split(",")
    return {key: value for key, value in shown.items() if key not in _EXPANDED or key in wanted}


def _not_there(key: str, wanted: str, code: str) -> Refusal:
    return Refusal(
        HTTPStatus.BAD_REQUEST, code, f"The [{key}] [{wanted}] was not found.", params={"property": key, "id": wanted}
    )
