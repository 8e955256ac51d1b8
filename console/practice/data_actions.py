"""Data actions: what is published, and a draft of each that is made, changed, published or thrown away.

Action and draft count their own versions, and a body echoes the one of what it changes (PLATFORM.md, "Two families of
resource"). Publishing takes the draft over into the action, whose version goes on by one, and removes the draft.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from console.practice.answers import Answer, Refusal, Request, not_found
from console.practice.declared import ELSEWHERE, Declared, Mismatch
from console.practice.raw_json import join_members
from console.practice.resource import Mount, allow
from console.practice.state import Organization, Revision, StoredObject

_ACTIONS = "/api/v2/integrations/actions"
_MOUNT = Mount(_ACTIONS, "integrations:action:view bridge:actions:view", "integrations:action:edit")
_DRAFT = Mismatch(
    HTTPStatus.BAD_REQUEST, "bad.request", "Supplied version {sent} does not match latest draft version {live}"
)
_PUBLISHED = ("name", "category", "config", "contract", "secure")


class _Actions(Declared):
    """What an action and its draft share."""

    label = "Action"
    service = "Integrations"
    update = "PATCH"
    mounts = (_MOUNT,)
    stamps = ("integrationId",)
    required = ("name", "category")

    def asked(self, request: Request, served: dict[str, bytes]) -> dict[str, bytes]:
        """Return the configuration only to who asks for it."""
        wanted = request.query.get("includeConfig") == "true"
        return {key: value for key, value in served.items() if wanted or key != "config"}


class DataActions(_Actions):
    """Published actions; their contract is changed through the draft only."""

    family = "action"
    mismatch = ELSEWHERE
    writable: ClassVar[Mapping[str, bytes]] = {"name": b"null", "category": b"null", "config": b"null"}
    hidden: ClassVar[Mapping[str, bytes]] = {"contract": b"null", "secure": b"false"}
    readable = ("contract", "secure")

    def answer(self, request: Request, organization: Organization, mount: Mount) -> Answer:
        """Answer for the actions, for the draft of one, and for its publication."""
        rest = [part for part in request.path.removeprefix(mount.path).split("/") if part]
        if len(rest) < 2 or rest[1] != "draft" or len(rest) > 3:
            return super().answer(request, organization, mount)
        stored = self.find(request, organization, rest[0], mount)
        draft = organization.objects[ActionDrafts.family, stored.id]
        if rest[2:] == ["publish"]:
            allow(request, "POST")
            return self._publish(request, organization, stored, draft)
        if rest[2:]:
            raise not_found(request.path)
        allow(request, "GET", "POST", "PATCH", "DELETE")
        if request.method == "POST":
            return self._begin(request, organization, stored, draft)
        return ActionDrafts(self.store).answer_one(request, organization, draft)

    def _begin(self, request: Request, organization: Organization, stored: StoredObject, draft: StoredObject) -> Answer:
        """Make a draft with what is published."""
        drafts = ActionDrafts(self.store)
        if drafts.there(draft):
            raise Refusal(
                HTTPStatus.CONFLICT,
                "general.conflict",
                f"The action [{stored.id}] has a draft already.",
                params={"id": stored.id},
            )
        members = {key: stored.live.members[key] for key in _PUBLISHED} | {"present": b"true"}
        # Each draft counts its own versions from the beginning ("latest draft version 1").
        revision = drafts.revise(request, organization, draft, members, version=1)
        drafts.accept(request, organization, draft, revision)
        return drafts.get_live(request, organization, draft)

    def _publish(
        self, request: Request, organization: Organization, stored: StoredObject, draft: StoredObject
    ) -> Answer:
        drafts = ActionDrafts(self.store)
        if not drafts.there(draft):
            raise not_found(request.path)
        told = self.body_of(request)
        for key in told.keys() - {"version"}:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "invalid.property",
                f"Value [{key}] is not a valid property for object [PublishDraftInput]",
                params={"value": key, "object": "PublishDraftInput"},
            )
        drafts.guard(request, organization, draft, told)
        members = {key: draft.live.members[key] for key in _PUBLISHED}
        revision = self.revise(request, organization, stored, members)
        gone = drafts.revise(request, organization, draft, {**draft.live.members, "present": b"false"})
        self.accept(request, organization, stored, revision, also=[(draft, gone)])
        return Answer(HTTPStatus.OK, join_members(self.served(stored, revision, f"{_ACTIONS}/{stored.id}")))


class ActionDrafts(_Actions):
    """The draft of each action, where there is one; it is reached below the action."""

    family = "actiondraft"
    tail = "/draft"
    routed = False
    mismatch = _DRAFT
    writable: ClassVar[Mapping[str, bytes]] = {
        "name": b"null",
        "category": b"null",
        "config": b"null",
        "contract": b"null",
        "secure": b"false",
    }
    hidden: ClassVar[Mapping[str, bytes]] = {"present": b"false"}

    def there(self, stored: StoredObject) -> bool:
        """Tell whether the action has a draft."""
        return super().there(stored) and stored.live.members["present"] == b"true"

    def answer_one(self, request: Request, organization: Organization, draft: StoredObject) -> Answer:
        """Answer for the draft of one action."""
        seen = draft.seen(request.stale_for) if request.method == "GET" else draft.live
        if seen.members["present"] != b"true":
            raise not_found(request.path)
        if request.method == "PATCH":
            return self.write(request, organization, draft)
        if request.method == "GET":
            return self.get(request, organization, draft)
        gone = self.revise(request, organization, draft, {**draft.live.members, "present": b"false"})
        self.accept(request, organization, draft, gone)
        return Answer(HTTPStatus.NO_CONTENT)

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:  # noqa: ARG002
        """Return the draft under its own path."""
        return super().served(stored, revision, f"{_ACTIONS}/{stored.id}/draft")
