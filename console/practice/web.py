"""Web deployments: a draft that anybody overwrites, versions that are published from it, and who uses which.

A draft is Pending until it has settled and cannot be published before (PLATFORM.md, "Writing"); nothing else
guards any of the three. The draft and the published versions of a configuration share one id.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import ClassVar

from console.practice.answers import Answer, Refusal, Request, cursor_listing, not_found
from console.practice.declared import Declared, ids_of
from console.practice.permitting import require
from console.practice.raw_json import dump, join_members
from console.practice.resource import Mount, allow, bad_value
from console.practice.state import Organization, Revision, StoredObject, timestamp

VIEW = "webDeployments:configuration:view"
EDIT = "webDeployments:configuration:edit"
_CONFIGURATIONS = "/api/v2/webdeployments/configurations"


class WebConfigurations(Declared):
    """Published versions of messenger configurations: 1, 2, 3 …, as strings; below each, the draft."""

    family = "webconfig"
    label = "WebDeploymentConfigurationVersion"
    service = "WebDeployments"
    mounts = (Mount(_CONFIGURATIONS, VIEW, EDIT),)
    required = ("name",)
    stamps = (
        "version",
        "dateCreated",
        "dateModified",
        "datePublished",
        "createdUser",
        "lastModifiedUser",
        "publishedUser",
        "status",
    )
    writable: ClassVar[Mapping[str, bytes]] = {
        "name": b"null",
        "description": b"null",
        "headlessMode": b"null",
        "languages": b"[]",
        "defaultLanguage": b"null",
        "customI18nLabels": b"[]",
        "messenger": b"null",
        "position": b"null",
        "supportCenter": b"null",
        "cobrowse": b"null",
        "journeyEvents": b"null",
        "authenticationSettings": b"null",
        "video": b"null",
    }

    def answer(self, request: Request, organization: Organization, mount: Mount) -> Answer:
        """Answer for the configurations, their versions, the draft, and its publication."""
        rest = [part for part in request.path.removeprefix(mount.path).split("/") if part]
        if not rest:
            allow(request, "GET")
            require(request, organization, mount.read)
            shown = [self._of(organization, one) for one in organization.of_family(self.family)]
            return cursor_listing(request, shown, counted=True)
        stored = self.find(request, organization, rest[0], mount)
        draft = organization.objects[Drafts.family, stored.id]
        match rest[1:]:
            case ["versions"]:
                allow(request, "GET")
                return cursor_listing(
                    request, [self._version(stored, one) for one in stored.history_seen(request.stale_for)]
                )
            case ["versions", "draft"]:
                allow(request, "GET", "PUT")
                drafts = Drafts(self.store)
                if request.method == "PUT":
                    return drafts.write(request, organization, draft)
                return Answer(HTTPStatus.OK, join_members(drafts.shown(organization, draft)))
            case ["versions", "draft", "publish"]:
                allow(request, "POST")
                return self._publish(request, organization, stored, draft)
            case ["versions", number]:
                allow(request, "GET")
                for one in stored.history_seen(request.stale_for):
                    if str(one.version) == number:
                        return Answer(HTTPStatus.OK, join_members(self._version(stored, one)))
        raise not_found(request.path)

    def _of(self, organization: Organization, stored: StoredObject) -> dict[str, bytes]:
        """Return what the list of configurations shows: the draft of each."""
        draft = organization.objects[Drafts.family, stored.id]
        return Drafts(self.store).shown(organization, draft)

    def _version(self, stored: StoredObject, revision: Revision) -> dict[str, bytes]:
        return self.served(stored, revision, f"{_CONFIGURATIONS}/{stored.id}/versions/{revision.version}")

    def stamped(self, stored: StoredObject, revision: Revision) -> dict[str, bytes]:
        """Return the version as a string, when and by whom it was published, and that it is in use."""
        by = dump({"id": revision.by.id, "selfUri": f"/api/v2/users/{revision.by.id}"})
        return super().stamped(stored, revision) | {
            "version": dump(str(revision.version)),
            "datePublished": dump(timestamp(revision.at)),
            "lastModifiedUser": by,
            "publishedUser": by,
            "status": b'"Active"',
        }

    def _publish(
        self, request: Request, organization: Organization, stored: StoredObject, draft: StoredObject
    ) -> Answer:
        if pending(organization, draft):
            raise Refusal(
                HTTPStatus.CONFLICT,
                "web.deployments.configuration.not.active",
                f"The draft of the configuration [{stored.id}] is Pending; only an Active one can be published.",
                params={"id": stored.id},
            )
        revision = self.revise(request, organization, stored, draft.live.members)
        self.accept(request, organization, stored, revision)
        return Answer(HTTPStatus.OK, join_members(self._version(stored, revision)))


class Drafts(Declared):
    """The draft of each messenger configuration; it is reached below the configuration."""

    family = "webdraft"
    label = WebConfigurations.label
    service = "WebDeployments"
    mounts = WebConfigurations.mounts
    tail = "/versions/draft"
    routed = False
    required = WebConfigurations.required
    stamps = WebConfigurations.stamps
    writable = WebConfigurations.writable

    def shown(self, organization: Organization, stored: StoredObject) -> dict[str, bytes]:
        """Return the draft as it stands, Pending or Active."""
        path = f"{_CONFIGURATIONS}/{stored.id}/versions/draft"
        status = "Pending" if pending(organization, stored) else "Active"
        return self.served(stored, stored.live, path) | {"status": dump(status)}

    def stamped(self, stored: StoredObject, revision: Revision) -> dict[str, bytes]:
        """Return the version DRAFT; fresh from a write, it is Pending."""
        by = dump({"id": revision.by.id, "selfUri": f"/api/v2/users/{revision.by.id}"})
        return super().stamped(stored, revision) | {
            "version": b'"DRAFT"',
            "lastModifiedUser": by,
            "status": b'"Pending"',
        }


class Deployments(Declared):
    """Where a messenger runs and which published version it uses."""

    family = "webdeployment"
    label = "WebDeployment"
    service = "WebDeployments"
    mounts = (
        Mount("/api/v2/webdeployments/deployments", "webDeployments:deployment:view", "webDeployments:deployment:edit"),
    )
    paging = "counted cursor"
    required = ("name", "configuration")
    stamps = ("dateCreated", "dateModified", "lastModifiedUser", "snippet")
    writable: ClassVar[Mapping[str, bytes]] = {
        "name": b"null",
        "description": b"null",
        "allowAllDomains": b"false",
        "allowedDomains": b"[]",
        "supportedContent": b"null",
        "flow": b"null",
        "status": b'"Active"',
        "pushIntegrations": b"null",
        "configuration": b"null",
    }

    def stamped(self, stored: StoredObject, revision: Revision) -> dict[str, bytes]:
        """Return who wrote last, and the script that a page loads."""
        by = dump({"id": revision.by.id, "selfUri": f"/api/v2/users/{revision.by.id}"})
        snippet = f"<script>Genesys('init', {{deploymentId: '{stored.id}'}});</script>"
        return super().stamped(stored, revision) | {"lastModifiedUser": by, "snippet": dump(snippet)}

    def check(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:  # noqa: ARG002
        """Refuse a version that was never published."""
        for object_id in ids_of(members, "configuration"):
            found = organization.objects.get((WebConfigurations.family, object_id))
            version = str(json.loads(members["configuration"]).get("version"))
            if found is None or found.deleted or version not in {str(one.version) for one in found.revisions}:
                raise bad_value("configuration", members["configuration"], "a published version of a configuration")


def pending(organization: Organization, draft: StoredObject) -> bool:
    """Tell whether a draft was written too short a time ago to be published."""
    delay = timedelta(seconds=organization.switches.propagation_seconds)
    # What was there at the start came from nowhere, and has settled long ago.
    return draft.live.remote != "" and datetime.now(UTC) < draft.live.at + delay
