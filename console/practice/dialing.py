"""The rest of outbound: what decides whom a campaign calls, when, how often, and what happens then; all echo."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from console.practice.answers import Answer, Refusal, Request
from console.practice.declared import OUTBOUND, Declared, declare, refuse_lost_references
from console.practice.raw_json import load
from console.practice.state import Organization, StoredObject

_DATES = "dateCreated dateModified"
_PATH = "/api/v2/outbound"


class _WithStatus(Declared):
    """What is complete stays so: nobody sets it to off or on again."""

    status = "campaignStatus"

    def check(self, organization: Organization, stored: StoredObject, members: Mapping[str, bytes]) -> None:
        """Refuse to leave `complete`, and a contact list that is gone."""
        super().check(organization, stored, members)
        if "contactList" in self.writable:
            refuse_lost_references(organization, members, "contactList", "contactlist", "contact.list.not.found")
        was = str(json.loads(stored.live.members[self.status]))
        wanted = str(load(members.get(self.status, self.writable[self.status])))
        if was == "complete" and wanted != was:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "invalid.status.transition",
                f"Invalid transition from <{was.upper()}> to <{wanted.upper()}>",
                params={"from": was.upper(), "to": wanted.upper()},
            )


class _Settings(Declared):
    """The settings of outbound: one object, whose PATCH is answered without a body."""

    def get_live(self, request: Request, organization: Organization, stored: StoredObject) -> Answer:
        """Answer a write; a read shows what it left."""
        return Answer(HTTPStatus.NO_CONTENT, headers=super().get_live(request, organization, stored).headers)


def _outbound(family: str, label: str, path: str, entity: str, **more: Any) -> type[Declared]:
    told = {"permissions": f"outbound:{entity}:view / outbound:{entity}:edit", "stamps": _DATES, **more}
    return declare(family, label, "Outbound", f"{_PATH}/{path}", mismatch=OUTBOUND, **told)


_THREE = "outbound:messagingCampaign:{0} outbound:emailCampaign:{0} outbound:whatsAppCampaign:{0}"
MessagingCampaigns = _outbound(
    "messagingcampaign",
    "MessagingCampaign",
    "messagingcampaigns",
    "messagingCampaign",
    permissions=f"{_THREE.format('view')} / {_THREE.format('edit')}",
    writable="name division campaignStatus callableTimeSet contactList dncLists contactSorts messagesPerMinute "
    "ruleSets contactListFilters dynamicContactQueueingSettings emailConfig smsConfig whatsAppConfig",
    resets={"campaignStatus": "off", "alwaysRunning": False},
    required="contactList messagesPerMinute",
    stamps=f"{_DATES} errors",
    base=_WithStatus,
)
Sequences = _outbound(
    "sequence",
    "CampaignSequence",
    "sequences",
    "campaignSequence",
    writable="name campaigns",
    resets={"status": "off", "repeat": False},
    required="name campaigns status",
    stamps=f"{_DATES} currentCampaign stopMessage",
    base=_WithStatus,
    status="status",
)
CampaignRules = _outbound(
    "campaignrule",
    "CampaignRule",
    "campaignrules",
    "campaignRule",
    writable="name campaignRuleEntities campaignRuleConditions campaignRuleActions campaignRuleProcessing "
    "conditionGroups executionSettings timeZoneId",
    resets={"matchAnyConditions": False, "enabled": False},
    required="name campaignRuleEntities campaignRuleConditions campaignRuleActions",
    stamps=f"{_DATES} warnings",
)
ContactListFilters = _outbound(
    "contactlistfilter",
    "ContactListFilter",
    "contactlistfilters",
    "contactListFilter",
    writable="name contactList contactListTemplate sourceType clauses filterType",
    required="name",
)
RuleSets = _outbound(
    "ruleset",
    "RuleSet",
    "rulesets",
    "ruleSet",
    writable="name contactList queue rules",
    required="name rules",
)
ResponseSets = _outbound(
    "responseset",
    "ResponseSet",
    "callanalysisresponsesets",
    "responseSet",
    writable="name responses liveSpeakerDetectionMode",
    resets={"beepDetectionEnabled": False, "amdSpeechDistinguishEnabled": False},
    required="name responses",
)
AttemptLimits = _outbound(
    "attemptlimits",
    "AttemptLimits",
    "attemptlimits",
    "attemptLimits",
    writable="name maxAttemptsPerContact maxAttemptsPerNumber timeZoneId recallEntries",
    resets={"resetPeriod": "NEVER"},
    required="name",
)
OutboundSettings = _outbound(
    "outboundsettings",
    "OutboundSettings",
    "settings",
    "settings",
    writable="name maxCallsPerAgent maxCallsPerAgentDecimal maxLineUtilization abandonSeconds "
    "complianceAbandonRateDenominator automaticTimeZoneMapping rescheduleTimeZoneSkippedContacts "
    "contactListDefaultRetentionType contactListDefaultRetentionDays timeZone",
    stamps=f"{_DATES} maxConfigurableCallsPerAgent",
    base=_Settings,
    singleton=True,
    update="PATCH",
)
WrapUpCodeMappings = _outbound(
    "wrapupcodemapping",
    "WrapUpCodeMapping",
    "wrapupcodemappings",
    "wrapUpCodeMapping",
    writable="name defaultSet mapping",
    singleton=True,
)
DIALING: tuple[type[Declared], ...] = (
    MessagingCampaigns,
    Sequences,
    CampaignRules,
    ContactListFilters,
    RuleSets,
    ResponseSets,
    AttemptLimits,
    OutboundSettings,
    WrapUpCodeMappings,
)
