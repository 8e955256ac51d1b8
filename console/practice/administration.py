"""The organization itself, who may do what in it, how it is connected, watched, judged and recorded."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from console.practice.answers import Refusal
from console.practice.declared import DIRECTORY, ELSEWHERE, Declared, declare
from console.practice.raw_json import dump, join_members, load
from console.practice.resource import Mount
from console.practice.state import Organization, Revision, StoredObject
from console.practice.versioned import Versioned


class _EvaluationForms(Versioned):
    """Evaluation forms; one that is published cannot go back to a draft."""

    def check(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:  # noqa: ARG002
        """Refuse to take back a publication."""
        if stored.live.members["published"] == b"true" and load(members.get("published", b"false")) is not True:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "quality.form.published",
                "A published evaluation form cannot be changed to unpublished by a write.",
                params={"form": stored.id},
            )

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the form; whether it is redacted does not show."""
        shown = super().served(stored, revision, path)
        shown.pop("redacted", None)
        return shown


class Worktypes(Versioned):
    """Types of work items; a body names by an id what an answer shows as a reference."""

    family = "worktype"
    label = "Worktype"
    service = "TaskManagement"
    update = "PATCH"
    listed = False
    numbers_versions = True
    people_by_reference = True
    mounts = (Mount("/api/v2/taskmanagement/worktypes", "workitems:worktype:view", "workitems:worktype:edit"),)
    required = ("name",)
    stamps = ("division", "dateCreated", "dateModified", "statuses", "modifiedBy")
    writable: ClassVar[Mapping[str, bytes]] = dict.fromkeys(
        (
            "name",
            "description",
            "defaultWorkbinId",
            "defaultDurationSeconds",
            "defaultExpirationSeconds",
            "defaultDueDurationSeconds",
            "defaultPriority",
            "defaultTtlSeconds",
            "assignmentEnabled",
            "schemaId",
            "schemaVersion",
            "serviceLevelTarget",
            "ruleSettings",
            "unassignedDivisionContactsEnabled",
            "defaultStatusId",
            "defaultLanguageId",
            "defaultSkillIds",
            "defaultQueueId",
            "defaultScriptId",
        ),
        b"null",
    )
    _REFERENCES: ClassVar[Mapping[str, tuple[str, str]]] = {
        "defaultWorkbinId": ("defaultWorkbin", "/api/v2/taskmanagement/workbins"),
        "defaultLanguageId": ("defaultLanguage", "/api/v2/routing/languages"),
        "defaultQueueId": ("defaultQueue", "/api/v2/routing/queues"),
        "defaultScriptId": ("defaultScript", "/api/v2/scripts"),
    }

    def is_version(self, key: str) -> bool:  # noqa: ARG002
        """Know no version in a body."""
        return False

    def check(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:  # noqa: ARG002
        """Refuse a status that the type does not have."""
        wanted = load(members.get("defaultStatusId", b"null"))
        if wanted not in (None, *(one["id"] for one in stored.fixed["statuses"])):
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "workitem.status.not.found",
                f"The [defaultStatusId] [{wanted}] was not found.",
                params={"property": "defaultStatusId", "id": str(wanted)},
            )

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the type with its references in place of ids."""
        shown = super().served(stored, revision, path)
        for key, (name, where) in self._REFERENCES.items():
            if key in shown:
                found = json.loads(shown.pop(key))
                shown[name] = dump({"id": found, "selfUri": f"{where}/{found}"})
        wanted = json.loads(shown.pop("defaultStatusId", b"null"))
        for status in stored.fixed["statuses"]:
            if status["id"] == wanted:
                shown["defaultStatus"] = dump({key: status[key] for key in ("id", "name", "selfUri")})
        skills = json.loads(shown.pop("defaultSkillIds", b"null"))
        if skills is not None:
            shown["defaultSkills"] = dump([{"id": one, "selfUri": f"/api/v2/routing/skills/{one}"} for one in skills])
        schema, version = shown.pop("schemaId", b"null"), shown.pop("schemaVersion", b"1")
        if schema != b"null":
            shown["schema"] = join_members({"id": schema, "version": version})
        return shown


class _RoutingSettings(Declared):
    """The settings of routing; one object without an id or an address of its own."""

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the settings, bare."""
        shown = super().served(stored, revision, path)
        shown.pop("selfUri")
        return shown


OrganizationMe = declare(
    "organization",
    "Organization",
    "Directory",
    "/api/v2/organizations/me",
    " / directory:organization:admin",
    writable="name defaultLanguage defaultCountryCode thirdPartyURI domain defaultSiteId supportURI",
    resets={"voicemailEnabled": False, "state": "active"},
    required="name",
    stamps="thirdPartyOrgName features productPlatform",
    mismatch=DIRECTORY,
    singleton=True,
)
Roles = declare(
    "role",
    "DomainOrganizationRole",
    "Authorization",
    "/api/v2/authorization/roles",
    "authorization:role:view / authorization:role:edit",
    writable="name description",
    resets={"permissions": [], "permissionPolicies": []},
    required="name",
    stamps="defaultRoleId unusedPermissions userCount roleNeedsUpdate default base",
)
Integrations = declare(
    "integration",
    "Integration",
    "Integrations",
    "/api/v2/integrations",
    "integrations:integration:view /",
    writable="name notes integrationType",
    stamps="intendedState",
    update="",
)
IntegrationConfigs = declare(
    "integrationconfig",
    "IntegrationConfiguration",
    "Integrations",
    "/api/v2/integrations",
    "integrations:integration:view / integrations:integration:edit",
    writable="name properties advanced notes credentials",
    required="name version properties advanced credentials",
    mismatch=ELSEWHERE,
    tail="/config/current",
    listed=False,
)
OAuthClients = declare(
    "oauthclient",
    "OAuthClient",
    "OAuth",
    "/api/v2/oauth/clients",
    "oauth:client:view / oauth:client:edit",
    writable="name description authorizedGrantType dateToDelete",
    resets={
        "accessTokenValiditySeconds": 86400,
        "registeredRedirectUri": [],
        "roleIds": [],
        "scope": [],
        "roleDivisions": [],
        "state": "active",
    },
    required="name authorizedGrantType",
    stamps="dateCreated dateModified createdBy modifiedBy",
    people_by_reference=True,
    paging="unpaged",
)
RoutingSettings = declare(
    "routingsettings",
    "RoutingSettings",
    "ContactCenter",
    "/api/v2/routing/settings",
    " / routing:settings:edit",
    writable="",
    resets={"resetAgentScoreOnPresenceChange": False},
    singleton=True,
    shows_id=False,
    base=_RoutingSettings,
)
SkillGroups = declare(
    "skillgroup",
    "SkillGroup",
    "ContactCenter",
    "/api/v2/routing/skillgroups",
    "routing:skillGroup:view / routing:skillGroup:edit",
    writable="name division description skillConditions",
    required="name skillConditions",
    stamps="memberCount dateCreated dateModified status",
    not_listed=frozenset({"skillConditions", "status"}),
    update="PATCH",
    paging="cursor",
)
AlertingRules = declare(
    "alertingrule",
    "CommonRule",
    "Alerting",
    "/api/v2/alerting/rules",
    "alerting:rule:view / alerting:rule:edit",
    writable="name description notifications waitBetweenNotificationMs conditions",
    resets={"enabled": False, "sendExitingAlarmNotifications": False},
    required="name",
    stamps="type inAlarm user version dateCreated dateLastModified",
    listed=False,
)
EvaluationForms = declare(
    "evaluationform",
    "EvaluationForm",
    "Quality",
    "/api/v2/quality/forms/evaluations",
    "quality:evaluationForm:view / quality:evaluationForm:edit",
    writable="name division questionGroups evaluationSettings dialect",
    resets={"published": False, "redacted": False},
    required="name questionGroups",
    stamps="modifiedDate contextId latestVersionFormName weightMode",
    not_listed=frozenset({"questionGroups"}),
    base=_EvaluationForms,
)
RecordingPolicies = declare(
    "recordingpolicy",
    "Policy",
    "Recording",
    "/api/v2/recording/mediaretentionpolicies",
    "recording:retentionPolicy:view / recording:retentionPolicy:edit",
    writable="name description mediaPolicies conditions actions",
    resets={"order": 0, "enabled": False},
    required="name",
    stamps="createdDate modifiedDate",
)


def _named(family: str, label: str, service: str, path: str, permission: str, **more: Any) -> type[Declared]:
    """Return a family that others refer to and that is only read here."""
    return declare(family, label, service, path, f"{permission} /", update="", **{"writable": "name", **more})


Credentials = _named(
    "credential",
    "Credential",
    "Integrations",
    "/api/v2/integrations/credentials",
    "integrations:credential:view integrations:integration:view",
    writable="name type",
)
Workbins = _named(
    "workbin",
    "Workbin",
    "TaskManagement",
    "/api/v2/taskmanagement/workbins",
    "workitems:workbin:view workitems:worktype:view",
    writable="name division",
    listed=False,
)
WorkitemSchemas = _named(
    "workitemschema",
    "DataSchema",
    "TaskManagement",
    "/api/v2/taskmanagement/workitems/schemas",
    "workitems:workitemSchema:view workitems:worktype:view",
    stamps="version",
    paging="unpaged",
)
Skills = _named("skill", "RoutingSkill", "ContactCenter", "/api/v2/routing/skills", "")
Languages = _named("language", "Language", "ContactCenter", "/api/v2/routing/languages", "")
Teams = _named("team", "Team", "Teams", "/api/v2/teams", "", writable="name division", paging="cursor")
ADMINISTRATION: tuple[type[Declared], ...] = (
    OrganizationMe,
    Roles,
    Integrations,
    IntegrationConfigs,
    OAuthClients,
    RoutingSettings,
    SkillGroups,
    AlertingRules,
    EvaluationForms,
    RecordingPolicies,
    Worktypes,
    Credentials,
    Workbins,
    WorkitemSchemas,
    Skills,
    Languages,
    Teams,
)
