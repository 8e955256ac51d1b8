"""Published types that administrators change often, each a few lines: paths, members, permissions, guard.

The shapes are those of the published API as PLATFORM.md and `resource_types.json` describe it. What a type
refuses beside a stale version stands in its `check`.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from console.practice.answers import Refusal
from console.practice.declared import (
    DIRECTORY,
    ELSEWHERE,
    OUTBOUND,
    Declared,
    ids_of,
    refuse_lost_references,
)
from console.practice.raw_json import dump, load
from console.practice.resource import Mount, bad_value
from console.practice.state import Organization, Revision, StoredObject

Members = Mapping[str, bytes]

_DATES = ("dateCreated", "dateModified")
_ARCHITECT = (*_DATES, "modifiedBy", "createdBy", "state", "modifiedByApp", "createdByApp")
_TELEPHONY = "telephony:plugin:all"


def _nulls(*keys: str, **resets: bytes) -> dict[str, bytes]:
    """Return what a left-out member becomes: null, unless it is said otherwise."""
    return {**dict.fromkeys(keys, b"null"), **resets}


def _refuse_object(key: str, members: Members) -> None:
    """Raise `Refusal` unless a member that names somebody by id is a string or null."""
    if not isinstance(load(members.get(key, b"null")), str | None):
        raise bad_value(key, members[key], "the id of a user")


class ContactLists(Declared):
    """Outbound contact lists; their columns are fixed for good."""

    family = "contactlist"
    label = "ContactList"
    service = "Outbound"
    mounts = (Mount("/api/v2/outbound/contactlists", "outbound:contactList:view", "outbound:contactList:edit"),)
    mismatch = OUTBOUND
    stamps = (*_DATES, "importStatus", "size")
    not_listed = frozenset({"importStatus", "size"})
    required = ("name", "columnNames")
    writable: ClassVar[Members] = _nulls(
        "name",
        "division",
        "columnNames",
        "phoneColumns",
        "emailColumns",
        "whatsAppColumns",
        "previewModeColumnName",
        "previewModeAcceptedValues",
        "attemptLimits",
        "zipCodeColumnName",
        "columnDataTypeSpecifications",
        "retentionType",
        "retentionDays",
        "dateExpiration",
        "timeZone",
        automaticTimeZoneMapping=b"false",
        trimWhitespace=b"true",
    )

    def check(self, organization: Organization, stored: StoredObject, members: Members) -> None:  # noqa: ARG002
        """Refuse other columns than those that the list was made with."""
        for key, code in (("columnNames", "cannot.update.columns"), ("phoneColumns", "cannot.update.phone.columns")):
            if load(members.get(key, b"null")) != load(stored.live.members[key]):
                raise Refusal(
                    HTTPStatus.BAD_REQUEST,
                    code,
                    f"The property [{key}] of a contact list cannot be changed after it was created.",
                    params={"property": key},
                )


class DncLists(Declared):
    """Outbound lists of numbers that must not be called."""

    family = "dnclist"
    label = "DncList"
    service = "Outbound"
    mounts = (Mount("/api/v2/outbound/dnclists", "outbound:dncList:view", "outbound:dncList:edit"),)
    mismatch = OUTBOUND
    stamps = (*_DATES, "importStatus", "size", "dncSourceType")
    not_listed = frozenset({"importStatus", "size"})
    required = ("name",)
    writable: ClassVar[Members] = _nulls(
        "name", "contactMethod", "loginId", "campaignId", "dncCodes", "licenseId", "division", "customExclusionColumn"
    )


class CallableTimeSets(Declared):
    """Outbound times at which people may be called."""

    family = "callabletimeset"
    label = "CallableTimeSet"
    service = "Outbound"
    mounts = (
        Mount("/api/v2/outbound/callabletimesets", "outbound:callableTimeSet:view", "outbound:callableTimeSet:edit"),
    )
    mismatch = OUTBOUND
    stamps = _DATES
    required = ("name", "callableTimes")
    writable: ClassVar[Members] = _nulls("name", "callableTimes")


class Schedules(Declared):
    """Architect schedules: opening hours and holidays, as local times with a rule of repetition."""

    family = "schedule"
    label = "Schedule"
    service = "Architect"
    mounts = (Mount("/api/v2/architect/schedules", "routing:schedule:view", "routing:schedule:edit"),)
    mismatch = ELSEWHERE
    stamps = _ARCHITECT
    required = ("name", "start", "end")
    writable: ClassVar[Members] = _nulls("name", "division", "description", "start", "end", "rrule")


class ScheduleGroups(Declared):
    """Architect schedule groups: which schedules open, which close, which are holidays."""

    family = "schedulegroup"
    label = "ScheduleGroup"
    service = "Architect"
    mounts = (Mount("/api/v2/architect/schedulegroups", "routing:scheduleGroup:view", "routing:scheduleGroup:edit"),)
    mismatch = ELSEWHERE
    stamps = _ARCHITECT
    required = ("name",)
    writable: ClassVar[Members] = _nulls(
        "name",
        "division",
        "description",
        "timeZone",
        openSchedules=b"[]",
        closedSchedules=b"[]",
        holidaySchedules=b"[]",
    )

    def check(self, organization: Organization, stored: StoredObject, members: Members) -> None:  # noqa: ARG002
        """Refuse a schedule that is not there any more."""
        for key in ("openSchedules", "closedSchedules", "holidaySchedules"):
            refuse_lost_references(organization, members, key, "schedule", "architect.schedule.not.found")


class DataTables(Declared):
    """Architect data tables: a schema that nothing guards."""

    family = "datatable"
    label = "DataTable"
    service = "Architect"
    mounts = (Mount("/api/v2/flows/datatables", "architect:datatable:view", "architect:datatable:edit"),)
    not_listed = frozenset({"schema"})
    required = ("name",)
    writable: ClassVar[Members] = _nulls("name", "division", "description", "schema")


class WrapupCodes(Declared):
    """Wrap-up codes: what an agent picks at the end of a conversation; the last write wins."""

    family = "wrapupcode"
    label = "WrapupCode"
    service = "ContactCenter"
    mounts = (Mount("/api/v2/routing/wrapupcodes", "routing:wrapupCode:view", "routing:wrapupCode:edit"),)
    stamps = (*_DATES, "createdBy", "modifiedBy")
    required = ("name",)
    writable: ClassVar[Members] = _nulls("name", "division", "description")


class Groups(Declared):
    """Groups of people; a write names the owners by id, an answer as users."""

    family = "group"
    label = "Group"
    service = "Directory"
    mounts = (Mount("/api/v2/groups", "", "directory:group:edit"),)
    mismatch = DIRECTORY
    stamps = ("dateModified", "memberCount", "type", "owners")
    required = ("name", "version")
    writable: ClassVar[Members] = _nulls(
        "name",
        "description",
        "images",
        "email",
        state=b'"active"',
        addresses=b"[]",
        rulesVisible=b"true",
        visibility=b'"public"',
        rolesEnabled=b"false",
        includeOwners=b"true",
        callsEnabled=b"false",
        ownerIds=b"[]",
    )

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the group with its owners as users."""
        shown = super().served(stored, revision, path)
        owners = json.loads(shown.pop("ownerIds", b"[]"))
        users = [{"id": one, "selfUri": f"/api/v2/users/{one}"} for one in owners]
        return {**shown, "owners": dump(users)}


class Users(Declared):
    """People, who are patched; a write names the manager by id, an answer as a user."""

    family = "user"
    label = "User"
    service = "Directory"
    update = "PATCH"
    mounts = (Mount("/api/v2/users", "", "admin directory:user:edit directory:organization:admin"),)
    mismatch = DIRECTORY
    stamps = ("division", "primaryContactInfo")
    required = ("name", "version")
    writable: ClassVar[Members] = _nulls(
        "name",
        "chat",
        "department",
        "email",
        "title",
        "username",
        "preferredName",
        "manager",
        "profileSkills",
        "certifications",
        "biography",
        "employerInfo",
        images=b"[]",
        addresses=b"[]",
        locations=b"[]",
        groups=b"[]",
        state=b'"active"',
        acdAutoAnswer=b"false",
    )

    def check(self, organization: Organization, stored: StoredObject, members: Members) -> None:  # noqa: ARG002
        """Refuse a manager as an answer shows one."""
        _refuse_object("manager", members)

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the user with the manager as a user."""
        shown = super().served(stored, revision, path)
        if "manager" in shown:
            boss = json.loads(shown["manager"])
            shown["manager"] = dump({"id": boss, "selfUri": f"/api/v2/users/{boss}"})
        return shown


class Locations(Declared):
    """Places of work, which are patched."""

    family = "location"
    label = "Location"
    service = "Directory"
    update = "PATCH"
    mounts = (Mount("/api/v2/locations", "", "directory:location:edit"),)
    mismatch = ELSEWHERE
    stamps = ("addressVerified", "addressStored")
    required = ("name", "version")
    writable: ClassVar[Members] = _nulls(
        "name", "notes", "contactUser", "emergencyNumber", "address", state=b'"active"', path=b"[]"
    )

    def check(self, organization: Organization, stored: StoredObject, members: Members) -> None:  # noqa: ARG002
        """Refuse a contact as an answer shows one."""
        _refuse_object("contactUser", members)

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the location with its contact as a reference."""
        shown = super().served(stored, revision, path)
        if "contactUser" in shown:
            person = json.loads(shown["contactUser"])
            shown["contactUser"] = dump({"id": person, "selfUri": f"/api/v2/users/{person}"})
        return shown


class Sites(Declared):
    """Telephony sites; a managed one belongs to the platform and is not written by anybody."""

    family = "site"
    label = "Site"
    service = "Telephony"
    mounts = (Mount("/api/v2/telephony/providers/edges/sites", f"{_TELEPHONY} telephony:sites:view", _TELEPHONY),)
    mismatch = ELSEWHERE
    stamps = (*_ARCHITECT, "managed")
    required = ("name", "location")
    writable: ClassVar[Members] = _nulls(
        "name",
        "division",
        "description",
        "addresses",
        "edgeAutoUpdateConfig",
        "location",
        "ntpSettings",
        "mediaModel",
        "mediaRegions",
        "callerId",
        "callerName",
        primarySites=b"[]",
        secondarySites=b"[]",
        primaryEdges=b"[]",
        secondaryEdges=b"[]",
        edges=b"[]",
        siteConnections=b"[]",
        mediaRegionsUseLatencyBased=b"true",
        coreSite=b"false",
        cloudProxyForceTurn=b"false",
    )

    def check(self, organization: Organization, stored: StoredObject, members: Members) -> None:
        """Refuse a location that is not there any more, and any write to a managed site."""
        if stored.fixed.get("managed"):
            raise Refusal(
                HTTPStatus.CONFLICT, "general.conflict", "A managed site cannot be updated.", params={"site": stored.id}
            )
        refuse_lost_references(organization, members, "location", "location", "location.not.found")


class Libraries(Declared):
    """Libraries of canned responses."""

    family = "library"
    label = "Library"
    service = "ResponseManagement"
    mounts = (Mount("/api/v2/responsemanagement/libraries", "responses:library:view", "responses:library:edit"),)
    mismatch = ELSEWHERE
    stamps = ("createdBy", "dateCreated")
    required = ("name",)
    writable: ClassVar[Members] = _nulls("name", "responseType", "division")


class Responses(Declared):
    """Canned responses, each in one library or more; a list is always of one library."""

    family = "response"
    label = "Response"
    service = "ResponseManagement"
    mounts = (Mount("/api/v2/responsemanagement/responses", "responses:response:view", "responses:response:edit"),)
    mismatch = ELSEWHERE
    listed_by = "libraryId"
    stamps = ("createdBy", "dateCreated")
    required = ("name", "libraries")
    writable: ClassVar[Members] = _nulls(
        "name",
        "interactionType",
        "substitutions",
        "substitutionsSchema",
        "responseType",
        "messagingTemplate",
        "footer",
        "form",
        "appleInvitation",
        libraries=b"[]",
        texts=b"[]",
        assets=b"[]",
    )

    def belongs(self, stored: StoredObject, wanted: str) -> bool:
        """Tell whether the response stands in that library."""
        return wanted in ids_of(stored.live.members, "libraries")

    def check(self, organization: Organization, stored: StoredObject, members: Members) -> None:  # noqa: ARG002
        """Refuse a library that is not there any more."""
        refuse_lost_references(organization, members, "libraries", "library", "response.library.not.found")


PUBLISHED: tuple[type[Declared], ...] = (
    ContactLists,
    DncLists,
    CallableTimeSets,
    Schedules,
    ScheduleGroups,
    DataTables,
    WrapupCodes,
    Groups,
    Users,
    Locations,
    Sites,
    Libraries,
    Responses,
)
