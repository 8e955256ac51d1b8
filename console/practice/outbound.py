"""Outbound campaigns: the body echoes the live version, the server counts, `campaignStatus` lives its own life."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from console.practice.answers import Refusal, Request
from console.practice.raw_json import MalformedJson, dump, load
from console.practice.resource import Mount, Resource, bad_value, whole_number
from console.practice.state import Organization, Revision, StoredObject, timestamp

VIEW = "outbound:campaign:view"
EDIT = "outbound:campaign:edit"

TRANSITIONS: dict[str, frozenset[str]] = {
    "off": frozenset({"off", "on"}),
    "on": frozenset({"on", "off", "stopping"}),
    "stopping": frozenset({"stopping", "off"}),
    "complete": frozenset({"complete", "on"}),
    "invalid": frozenset({"invalid", "off"}),
}
_WHILE_ON = ("contactList", "dialingMode", "queue", "script")  # what a running campaign does not let change


class Campaigns(Resource):
    """Outbound campaigns."""

    family = "campaign"
    label = "Campaign"
    service = "Outbound"
    mounts = (Mount("/api/v2/outbound/campaigns", VIEW, EDIT),)
    writable = {  # noqa: RUF012 - declared as a class variable in the base
        "name": b"null",
        "contactList": b"null",
        "queue": b"null",
        "dialingMode": b"null",
        "script": b"null",
        "edgeGroup": b"null",
        "site": b"null",
        "campaignStatus": b'"off"',
        "phoneColumns": b"[]",
        "abandonRate": b"null",
        "dncLists": b"[]",
        "callableTimeSet": b"null",
        "callAnalysisResponseSet": b"null",
        "callerName": b"null",
        "callerAddress": b"null",
        "outboundLineCount": b"null",
        "ruleSets": b"[]",
        "skipPreviewDisabled": b"false",
        "previewTimeOutSeconds": b"0",
        "alwaysRunning": b"false",
        "contactSort": b"null",
        "contactSorts": b"[]",
        "noAnswerTimeout": b"null",
        "callAnalysisLanguage": b"null",
        "priority": b"5",
        "contactListFilters": b"[]",
        "division": b"null",
        "agentOwnedColumn": b"null",
        "dynamicContactQueueingSettings": b"null",
        "skillColumns": b"[]",
        "previewAutoEnd": b"false",
        "maxCallsPerAgent": b"null",
        "maxCallsPerAgentDecimal": b"null",
        "callbackAutoAnswer": b"null",
        "dynamicLineBalancingSettings": b"null",
        "diagnosticsSettings": b"null",
        "preciseDialingEnabled": b"false",
    }
    server_managed = frozenset({"dateCreated", "dateModified", "errors", "selfUri"})
    required = ("name", "contactList", "dialingMode", "phoneColumns", "callerName", "callerAddress")

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the campaign; members that are null are left out, as the platform does."""
        shown = {key: value for key, value in revision.members.items() if key != "name" and value != b"null"}
        return {
            "id": dump(stored.id),
            "name": revision.members["name"],
            "dateCreated": dump(stored.fixed["dateCreated"]),
            "dateModified": dump(timestamp(revision.at)),
            "version": dump(revision.version),
            **shown,
            "errors": b"[]",
            "selfUri": dump(path),
        }

    def guard(
        self,
        request: Request,  # noqa: ARG002
        organization: Organization,  # noqa: ARG002
        stored: StoredObject,
        members: Mapping[str, bytes],
    ) -> None:
        """Ask for the live version, unchanged, and for a status that can follow the live one."""
        sent = whole_number(members.get("version"))
        if sent != stored.live.version:
            shown = members.get("version", b"none").strip().decode("utf-8", "replace")[:40]
            raise Refusal(
                HTTPStatus.CONFLICT,
                "invalid.update.wrong.version",
                f"Supplied version {shown} does not match the latest version {stored.live.version}",
                params={"version": shown},
            )
        self._check_status(stored, members)

    def _check_status(self, stored: StoredObject, members: Mapping[str, bytes]) -> None:
        was = str(json.loads(stored.live.members["campaignStatus"]))
        wanted = str(load(members.get("campaignStatus", self.writable["campaignStatus"])))
        if wanted not in TRANSITIONS[was]:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "invalid.status.transition",
                f"Invalid transition from <{was.upper()}> to <{wanted.upper()}>",
                params={"from": was.upper(), "to": wanted.upper()},
            )
        if was == wanted == "on":
            after = self.contents(members)
            for key in _WHILE_ON:
                if load(after[key]) != load(stored.live.members[key]):
                    raise Refusal(
                        HTTPStatus.CONFLICT,
                        "invalid.update.campaign.active",
                        f"The property [{key}] cannot be changed while the campaign is running.",
                        params={"property": key},
                    )

    def check(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:  # noqa: ARG002
        """Refuse a status that does not exist."""
        status = members.get("campaignStatus", self.writable["campaignStatus"])
        try:
            known = load(status) in TRANSITIONS
        except (MalformedJson, TypeError):
            known = False
        if not known:
            raise bad_value("campaignStatus", status, "one of " + ", ".join(TRANSITIONS))
