"""Workforce management: the version stands in `metadata`, lists in a body are wrapped, and ids become references."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from console.practice.answers import Refusal, Request
from console.practice.declared import Declared, declare
from console.practice.raw_json import MalformedJson, dump, split_members
from console.practice.resource import Mount, bad_value, whole_number
from console.practice.state import Organization, Revision, StoredObject, timestamp

_UNITS = "/api/v2/workforcemanagement/businessunits"

BusinessUnits = declare(
    "businessunit",
    "BusinessUnit",
    "WorkforceManagement",
    _UNITS,
    "wfm:businessUnit:view /",
    writable="name division",
    update="",
    paging="unpaged",
)


class PlanningGroups(Declared):
    """Planning groups of a business unit: which contacts are planned together."""

    family = "planninggroup"
    label = "PlanningGroup"
    service = "WorkforceManagement"
    update = "PATCH"
    paging = "unpaged"
    parent_family = "businessunit"
    mounts = (Mount(f"{_UNITS}/{{parent}}/planninggroups", "wfm:planningGroup:view", "wfm:planningGroup:edit"),)
    required = ("metadata",)
    writable: ClassVar[Mapping[str, bytes]] = {
        "name": b"null",
        "routePaths": b'{"values":[]}',
        "serviceGoalTemplateId": b"null",
    }

    def is_version(self, key: str) -> bool:
        """Know the version inside `metadata`."""
        return key == "metadata"

    def check(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:
        """Refuse paths that are not wrapped, that lead to a queue that is gone, and an unknown service goal."""
        try:
            paths: Any = json.loads(members["routePaths"])["values"]
            queues = [str(one["queueId"]) for one in paths]
        except (KeyError, TypeError, ValueError) as error:
            raise bad_value("routePaths", members["routePaths"], 'an object {"values": [{"queueId", …}]}') from error
        for queue in queues:
            found = organization.objects.get(("queue", queue))
            if found is None or found.deleted:
                raise _gone("routePaths", queue, "routing.queue.not.found")
        template = json.loads(members["serviceGoalTemplateId"])
        if template not in (None, *stored.fixed["serviceGoalTemplates"]):
            raise _gone("serviceGoalTemplateId", str(template), "wfm.service.goal.template.not.found")

    def guard(
        self,
        request: Request,  # noqa: ARG002
        organization: Organization,
        stored: StoredObject,
        members: Mapping[str, bytes],
    ) -> None:
        """Ask for the live version in `metadata`."""
        try:
            sent = whole_number(split_members(members["metadata"]).get("version"))
        except MalformedJson as error:
            raise bad_value("metadata", members["metadata"], "an object with a version") from error
        if sent == stored.live.version:
            return
        shown = "none" if sent is None else str(sent)
        raise Refusal(
            organization.switches.wrong_version_status,
            "wfm.version.mismatch",
            f"The supplied version {shown} does not match the current version {stored.live.version}.",
            params={"version": shown},
        )

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the group with its metadata, its paths bare, and references for the ids."""
        shown = super().served(stored, revision, path)
        paths = json.loads(shown.pop("routePaths"))["values"]
        template = json.loads(shown.pop("serviceGoalTemplateId", b"null"))
        first = stored.revisions[0]
        metadata = {
            "version": revision.version,
            "modifiedBy": {"id": revision.by.id, "selfUri": f"/api/v2/users/{revision.by.id}"},
            "dateModified": timestamp(revision.at),
            "createdBy": {"id": first.by.id, "selfUri": f"/api/v2/users/{first.by.id}"},
            "dateCreated": timestamp(first.at),
        }
        shown["routePaths"] = dump([_path(one) for one in paths])
        if template is not None:
            where = f"{_UNITS}/{stored.fixed['parent']}/servicegoaltemplates/{template}"
            shown["serviceGoalTemplate"] = dump({"id": template, "selfUri": where})
        return {**shown, "metadata": dump(metadata)}


def _path(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a route path as an answer shows one."""
    queue, skills = told["queueId"], told.get("skillIds")
    shown: dict[str, Any] = {
        "queue": {"id": queue, "selfUri": f"/api/v2/routing/queues/{queue}"},
        "mediaType": told.get("mediaType", "Voice"),
    }
    if told.get("languageId"):
        shown["language"] = {"id": told["languageId"], "selfUri": f"/api/v2/routing/languages/{told['languageId']}"}
    if skills:
        shown["skills"] = [{"id": one, "selfUri": f"/api/v2/routing/skills/{one}"} for one in skills]
    return shown


def _gone(key: str, wanted: str, code: str) -> Refusal:
    return Refusal(
        HTTPStatus.BAD_REQUEST, code, f"The [{key}] [{wanted}] was not found.", params={"property": key, "id": wanted}
    )


WORKFORCE: tuple[type[Declared], ...] = (BusinessUnits, PlanningGroups)
