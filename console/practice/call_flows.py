"""Architect: flows, call routes, emergencies, prompts, schemas, triggers, and agent scripts, which nobody writes."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from console.practice.answers import Answer, Refusal, Request, ok, page
from console.practice.declared import ELSEWHERE, Declared, declare, refuse_lost_references
from console.practice.raw_json import dump
from console.practice.resource import Mount
from console.practice.state import Organization, Revision, StoredObject
from console.practice.versioned import Versioned

_ARCHITECT = "dateCreated dateModified modifiedBy createdBy state modifiedByApp createdByApp"


class _Flows(Declared):
    """Flows: a write changes name, description and division; what a flow does stands in its versions."""

    history = True

    def find(self, request: Request, organization: Organization, object_id: str, mount: Mount) -> StoredObject:
        """Return the flow; one that was deleted is gone for good."""
        stored = organization.objects.get((self.family, object_id))
        if stored is not None and stored.deleted:
            raise Refusal(
                HTTPStatus.GONE, "gone", f"The flow [{object_id}] has been deleted.", params={"id": object_id}
            )
        return super().find(request, organization, object_id, mount)

    def check(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:  # noqa: ARG002
        """Refuse a write while somebody works on the flow."""
        holder = stored.fixed.get("lockedUser")
        if holder:
            raise Refusal(
                HTTPStatus.CONFLICT,
                "architect.flow.locked.by.user",
                f"The flow [{stored.id}] is locked by user [{holder['name']}].",
                params={"flow": stored.id, "user": holder["name"]},
            )

    def answer_history(self, request: Request, stored: StoredObject, rest: list[str], mount: Mount) -> Answer:
        """Return the versions that were saved, checked in or published."""
        versions = [
            {**one, "selfUri": f"{mount.path}/{stored.id}/versions/{one['id']}"} for one in stored.fixed["versions"]
        ]
        if not rest:
            chosen, members = page(request, versions)
            return ok({"entities": list(chosen), **members})
        found = next((one for one in versions if one["id"] == rest[0]), None)
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "not.found", f"The version [{rest[0]}] was not found.")
        return ok(found)


class _Ivrs(Declared):
    def check(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:  # noqa: ARG002
        """Refuse a flow or a schedule group that is not there any more."""
        for key in ("openHoursFlow", "closedHoursFlow", "holidayHoursFlow"):
            refuse_lost_references(organization, members, key, "flow", "architect.flow.not.found")
        refuse_lost_references(
            organization, members, "scheduleGroup", "schedulegroup", "architect.schedule.group.not.found"
        )


class _Schemas(Versioned):
    """Schemas of business rules, named by the title that they were made with."""

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the schema under its own path, in whatever version."""
        return super().served(stored, revision, path) | {"name": dump(stored.fixed["name"])}


def _architect(family: str, label: str, path: str, permissions: str, **more: Any) -> type[Declared]:
    return declare(family, label, "Architect", path, permissions, **more)


Flows = _architect(
    "flow",
    "Flow",
    "/api/v2/flows",
    "architect:flow:view / architect:flow:edit",
    writable="name division description inputSchema outputSchema",
    required="name",
    stamps="type active system deleted lockedUser publishedVersion savedVersion checkedInVersion publishedBy "
    "supportedLanguages virtualAgentEnabled",
    base=_Flows,
)
Ivrs = _architect(
    "ivr",
    "IVR",
    "/api/v2/architect/ivrs",
    "routing:callRoute:view / routing:callRoute:edit",
    writable="name division description openHoursFlow closedHoursFlow holidayHoursFlow scheduleGroup",
    resets={"dnis": []},
    required="name",
    stamps=_ARCHITECT,
    mismatch=ELSEWHERE,
    base=_Ivrs,
)
EmergencyGroups = _architect(
    "emergencygroup",
    "EmergencyGroup",
    "/api/v2/architect/emergencygroups",
    "routing:emergencyGroup:view / routing:emergencyGroup:edit",
    writable="name division description",
    resets={"enabled": False, "emergencyCallFlows": []},
    required="name",
    stamps=_ARCHITECT,
    mismatch=ELSEWHERE,
)
Prompts = _architect(
    "prompt",
    "Prompt",
    "/api/v2/architect/prompts",
    "architect:userPrompt:view / architect:userPrompt:edit",
    writable="name division description",
    required="name",
    stamps="resources currentOperation",
)
RulesSchemas = declare(
    "businessrulesschema",
    "BusinessRulesDataSchema",
    "BusinessRules",
    "/api/v2/businessrules/schemas",
    "businessrules:businessRulesSchema:view / businessrules:businessRulesSchema:edit",
    writable="jsonSchema",
    resets={"enabled": True},
    required="version jsonSchema",
    stamps="name appliesTo createdBy dateCreated",
    mismatch=ELSEWHERE,
    paging="unpaged",
    base=_Schemas,
)
Triggers = declare(
    "trigger",
    "Trigger",
    "ProcessAutomation",
    "/api/v2/processautomation/triggers",
    "processautomation:trigger:view processautomation:trigger:edit / processautomation:trigger:edit",
    writable="target matchCriteria name topicName eventTTLSeconds delayBySeconds description",
    resets={"enabled": False},
    required="version enabled target name topicName",
    mismatch=ELSEWHERE,
    paging="cursor",
)
Scripts = declare(
    "script",
    "Script",
    "Scripts",
    "/api/v2/scripts",
    "scripter:script:view /",
    writable="name division features variables customActions pages startPageId startPageName",
    stamps="versionId createdDate modifiedDate publishedDate",
    update="",
    not_listed=frozenset({"pages", "variables", "customActions", "features"}),
)
CALL_FLOWS: tuple[type[Declared], ...] = (
    Flows,
    Ivrs,
    EmergencyGroups,
    Prompts,
    RulesSchemas,
    Triggers,
    Scripts,
)
