"""What else Northwind Bank has in the published types: at least one object of each, with what it was before.

The last state of many is a change that somebody would want to take back.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from console.practice import administration as adm
from console.practice import assistants as ast
from console.practice import call_flows as arc
from console.practice import dialing as out
from console.practice import trunks as tel
from console.practice import workforce as wfm
from console.practice.estates import Estate
from console.practice.furnishing import Furnisher
from console.practice.outbound import Campaigns
from console.practice.published import ContactLists, DncLists, ScheduleGroups
from console.practice.scim import ScimGroups, ScimUsers
from console.practice.state import Person, StoredObject
from console.practice.telling import known_id

_SLUG = "northwind"
_FLOW = "Main menu – banking"
_CLOSED = "Closed – night and holidays"
_CONTACTS = "Card renewals – autumn"


def _id(kind: str, name: str) -> str:
    return known_id(_SLUG, kind, name)


def _tag(kind: str, name: str) -> dict[str, str]:
    return {"id": _id(kind, name), "name": name}


class TypesFurnisher(Furnisher):
    """Makes the bank's objects of the types that only it has."""

    def __init__(self, people: list[Person], estate: Estate, now: datetime, organization_id: str) -> None:
        """Work for the bank."""
        super().__init__(_SLUG, people, estate, now)
        self._organization_id = organization_id

    def objects(self) -> Iterator[StoredObject]:
        """Give every object."""
        yield from self._call_flows()
        yield from self._rules()
        yield from self._dialing()
        yield from self._trunks()
        yield from self._assistants()
        yield from self._guides()
        yield from self._organization()
        yield from self._access()
        yield from self._named()
        yield from self._watching()
        yield from self._work()
        yield from self._scim()

    def _user(self, position: int) -> dict[str, str]:
        person = self.people[position]
        return {"id": person.id, "selfUri": f"/api/v2/users/{person.id}"}

    def _references(self) -> dict[str, Any]:
        """Return the stamp of services that name their people by references."""
        return {"createdBy": self._user(1)}

    def _flow(self, name: str, kind: str, numbers: tuple[str, ...], **fixed: Any) -> StoredObject:
        flow = _id("flow", name)

        def version(number: str) -> dict[str, Any]:
            return {"id": number, "name": number, "type": "PUBLISH", "commitVersion": number, "secure": False}

        last = {**version(numbers[-1]), "selfUri": f"/api/v2/flows/{flow}/versions/{numbers[-1]}"}
        told = {
            "type": kind,
            "active": True,
            "system": False,
            "deleted": False,
            "publishedVersion": last,
            "savedVersion": last,
            "versions": [version(one) for one in reversed(numbers)],
            **fixed,
        }
        words = {"division": self.home, "description": "What a caller hears first"}
        return self.made(arc.Flows, name, words, {"description": "Test copy – do not use"}, fixed=told, by=2)

    def _call_flows(self) -> Iterator[StoredObject]:
        yield self._flow(_FLOW, "INBOUNDCALL", ("1.0", "2.0", "3.0"))
        yield self._flow(_CLOSED, "INBOUNDCALL", ("1.0",))
        holder = {"id": self.people[1].id, "name": self.people[1].name}
        yield self._flow("Card stolen – night line", "INBOUNDCALL", ("1.0", "2.0"), lockedUser=holder)
        first = {
            "division": self.home,
            "description": "Main number",
            "dnis": ["+441134960100"],
            "openHoursFlow": self.reference(arc.Flows, _FLOW),
            "closedHoursFlow": self.reference(arc.Flows, _CLOSED),
            "scheduleGroup": self.reference(ScheduleGroups, self._estate.hours_group),
        }
        wrong = {"openHoursFlow": self.reference(arc.Flows, _CLOSED)}
        yield self.made(
            arc.Ivrs, "Retail banking – main number", first, {"dnis": ["+441134960100", "+441134960101"]}, wrong
        )
        ivr = self.reference(arc.Ivrs, "Retail banking – main number")
        calm = {
            "division": self.home,
            "description": "Switched on by hand when branches and centre are cut off",
            "emergencyCallFlows": [{"emergencyFlow": self.reference(arc.Flows, _CLOSED), "ivrs": [ivr]}],
        }
        yield self.made(arc.EmergencyGroups, "Storm and power cut", calm, {"enabled": True}, by=3)
        for name, text in (("Greeting_EN", "Welcome to Northwind Bank."), ("Hold_EN", "You are next but two.")):
            path = f"/api/v2/architect/prompts/{_id('prompt', name)}/resources/en-gb"
            asset = {"id": "en-gb", "language": "en-gb", "ttsString": text, "uploadStatus": "created", "selfUri": path}
            words = ({"division": self.home, "description": f"“{text}”"}, {"description": "Placeholder"})
            yield self.made(arc.Prompts, name, *words, fixed={"resources": [asset]})

    def _rules(self) -> Iterator[StoredObject]:
        def schema(*intents: str) -> dict[str, Any]:
            return {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "title": "Call routing",
                "type": "object",
                "required": ["intent"],
                "properties": {
                    "intent": {"type": "string", "enum": list(intents)},
                    "segment": {"type": "string"},
                    "amount": {"type": "integer"},
                },
                "additionalProperties": False,
            }

        known = ("card stolen", "unknown payment", "cancel contract")
        fixed = {"name": "Call routing", "appliesTo": ["BUSINESSRULES"], "createdBy": {"id": self.people[2].id}}
        states = ({"jsonSchema": schema(*known[:2])}, {"jsonSchema": schema(*known, "billing question")})
        yield self.made(arc.RulesSchemas, "Call routing", *states, {"jsonSchema": schema(known[1])}, fixed=fixed)
        trigger = {
            "topicName": "v2.detail.events.conversation.{id}.customer.end",
            "target": {"type": "Workflow", "id": _id("flow", _FLOW)},
            "matchCriteria": [{"jsonPath": "mediaType", "operator": "Equal", "value": "VOICE"}],
            "eventTTLSeconds": 60,
            "enabled": True,
            "description": "Asks how the call was",
        }
        yield self.made(arc.Triggers, "Survey after a call", trigger, {"eventTTLSeconds": 600}, {"enabled": False})

    def _dialing(self) -> Iterator[StoredObject]:
        contacts = self.reference(ContactLists, _CONTACTS)
        message = {
            "division": self.home,
            "contactList": contacts,
            "messagesPerMinute": 60,
            "dncLists": [self.reference(DncLists, self._estate.dnc_lists[0])],
            "smsConfig": {
                "messageColumn": "cardExpires",
                "phoneColumn": "phone",
                "senderSmsPhoneNumber": {"phoneNumber": "+447700900111"},
            },
        }
        name = "Your new card is on its way"
        yield self.made(out.MessagingCampaigns, name, message, {"messagesPerMinute": 6000}, {"dncLists": []})
        one = self.reference(Campaigns, "Card renewal reminders – autumn")
        two = self.reference(Campaigns, "Overdraft review calls 2026")
        first = {"campaigns": [one, two], "status": "off"}
        yield self.made(out.Sequences, "Autumn calls", first, {"campaigns": [two, one]}, fixed={"currentCampaign": 0})
        condition = {
            "id": _id("condition", "progress"),
            "conditionType": "campaignProgress",
            "parameters": {"operator": "greaterThan", "value": "90"},
        }
        action = {
            "id": _id("action", "on"),
            "actionType": "turnOnCampaign",
            "campaignRuleActionEntities": {"campaigns": [two], "useTriggeringEntity": False},
        }
        rule = {
            "campaignRuleEntities": {"campaigns": [one], "sequences": []},
            "campaignRuleConditions": [condition],
            "campaignRuleActions": [action],
            "enabled": True,
        }
        early = {"campaignRuleConditions": [{**condition, "parameters": {"operator": "greaterThan", "value": "5"}}]}
        yield self.made(out.CampaignRules, "Start the review when renewals are done", rule, early)
        clause = {"column": "cardExpires", "columnType": "alphabetic", "operator": "BEGINS_WITH", "value": "2026"}
        found = {
            "contactList": contacts,
            "sourceType": "ContactList",
            "filterType": "AND",
            "clauses": [{"filterType": "AND", "predicates": [clause]}],
        }
        yield self.made(out.ContactListFilters, "Cards that expire in 2026", found, {"filterType": "OR"})
        hang_up = {
            "id": _id("rule", "vulnerable"),
            "name": "Do not dial vulnerable customers",
            "order": 0,
            "category": "DIALER_PRECALL",
            "conditions": [
                {
                    "type": "contactAttributeCondition",
                    "attributeName": "vulnerable",
                    "operator": "EQUALS",
                    "value": "yes",
                    "valueType": "STRING",
                }
            ],
            "actions": [{"type": "Action", "actionTypeName": "DO_NOT_DIAL"}],
        }
        yield self.made(out.RuleSets, "Before a call", {"contactList": contacts, "rules": [hang_up]}, {"rules": []})
        limits = {"maxAttemptsPerContact": 4, "maxAttemptsPerNumber": 2, "timeZoneId": self._estate.zone}
        limits |= {"recallEntries": {"busy": {"nbrAttempts": 2, "minutesBetweenAttempts": 15}}, "resetPeriod": "TODAY"}
        yield self.made(out.AttemptLimits, "Four in all, two a day", limits, {"maxAttemptsPerContact": 40})
        settings = {
            "maxCallsPerAgent": 3,
            "maxLineUtilization": 0.8,
            "abandonSeconds": 2.0,
            "complianceAbandonRateDenominator": "ALL_CALLS",
            "contactListDefaultRetentionType": "Never",
        }
        ceiling = {"maxConfigurableCallsPerAgent": 15}
        yield self.made(out.OutboundSettings, "Outbound", settings, {"maxCallsPerAgent": 12}, fixed=ceiling)
        sets = {"Right_Party_Contact", "Contact_UnCallable"}
        mapped: dict[str, Any] = {
            "defaultSet": sorted(sets),
            "mapping": {_id("wrapupcode", "Refund agreed"): ["Right_Party_Contact"]},
        }
        yield self.made(out.WrapUpCodeMappings, "Wrap-up codes", mapped, {"mapping": {}})

    def _trunks(self) -> Iterator[StoredObject]:
        kind = "External trunk – carrier A"
        trunk = {
            "division": self.home,
            "trunkMetabase": {"id": "external_sip.json", "name": "Generic BYOC Carrier"},
            "trunkType": "EXTERNAL",
            "properties": {"trunk_transport_serverProxyList": {"type": "array", "value": {"instance": ["192.0.2.10"]}}},
        }
        moved = {
            "properties": {"trunk_transport_serverProxyList": {"type": "array", "value": {"instance": ["192.0.2.99"]}}}
        }
        yield self.made(tel.TrunkBases, kind, trunk, moved)
        webrtc = {"division": self.home, "trunkType": "PHONE"}
        webrtc |= {"trunkMetabase": {"id": "phone_connections_webrtc.json"}}
        yield self.made(tel.TrunkBases, "Phones", webrtc, {"description": "WebRTC only"})
        phones: dict[str, Any] = {"id": _id("trunkbase", "Phones"), "name": "Phones", "trunkType": "PHONE"}
        phones["trunkMetabase"] = {"id": "phone_connections_webrtc.json"}
        group = {
            "division": self.home,
            "edgeTrunkBaseAssignment": {"family": 1, "trunkBase": {"id": _id("trunkbase", kind), "name": kind}},
            "phoneTrunkBases": [phones],
        }
        yield self.made(tel.EdgeGroups, "Data centres Leeds and Slough", group, {"description": "No phones for now"})
        line = {"id": _id("line", "1"), "name": "Line 1", "lineMetaBase": {"id": "inin_webrtc_softphone_lines.json"}}
        phone = {
            "division": self.home,
            "phoneMetaBase": {"id": "inin_webrtc_softphone.json", "name": "WebRTC phone"},
            "lines": [line],
            "properties": {"phone_maxLineKeys": {"type": "integer", "value": {"instance": 1}}},
        }
        two = {"properties": {"phone_maxLineKeys": {"type": "integer", "value": {"instance": 0}}}}
        yield self.made(tel.PhoneBases, "Agents' softphones", phone, two)
        pool = {
            "division": self.home,
            "startPhoneNumber": "+441134960100",
            "endPhoneNumber": "+441134960199",
            "provider": "PURE_CLOUD_VOICE",
        }
        yield self.made(tel.DidPools, "Leeds 0100 to 0199", pool, {"comments": "Shortened"}, {"comments": "Given back"})

    def _assistants(self) -> Iterator[StoredObject]:
        base = _id("knowledgebase", "Opening hours and returns")
        knowledge = {"vendorName": "GenesysKnowledgeV3", "knowledgeBase": {"id": base}}
        both = {**self._references(), "state": "Active"}
        name = "Branch and card desk"
        first = {"transcriptionConfig": {"vendorName": "Genesys"}, "knowledgeSuggestionConfig": knowledge}
        unheard = {"transcriptionConfig": {"vendorName": "Unknown"}}
        yield self.made(ast.Assistants, name, first, unheard, fixed=both)
        parent = _id("assistant", name)
        copilot = {
            "liveOnQueue": True,
            "defaultLanguage": "en-GB",
            "knowledgeAnswerConfig": {"enabled": True},
            "summaryGenerationConfig": {"enabled": True},
            "wrapupCodePredictionConfig": {"enabled": True},
        }
        silent = {"liveOnQueue": False, "knowledgeAnswerConfig": {"enabled": False}}
        yield self.made(ast.Copilots, name, copilot, silent, fixed={"enabled": True}, object_id=parent)
        below = {**both, "parent": parent}
        second = {**first, "copilot": copilot}
        yield self.made(ast.Variations, "With summaries only", second, {"copilot": {**copilot, **silent}}, fixed=below)
        queue = known_id("queue", "Billing – EMEA")
        media = ({"mediaTypes": ["CALL", "MESSAGE"]}, {"mediaTypes": ["MESSAGE"]})
        yield self.made(ast.AssistantQueues, name, *media, fixed=below, object_id=queue)
        items = [
            {"id": _id("item", one), "name": one, "automatedCheckEnabled": True, "important": True}
            for one in ("Caller verified", "Card blocked", "New card ordered")
        ]
        told = {"language": "en-GB", "checklistItems": items}
        fixed = self._references()
        yield self.made(ast.Checklists, "Card stolen", told, {"checklistItems": items[2:]}, fixed=fixed)
        summary = {
            "language": "en-gb",
            "summaryType": "Concise",
            "format": "BulletPoints",
            "maskPII": {"all": True},
            "predefinedInsights": ["ReasonForContact", "Resolution"],
            "settingType": "Basic",
        }
        live = {"interactionType": "Live"}
        # The vendor's SDK asks for a random kind of id (RFC 9562 version 4) here.
        at = str(uuid.UUID(_id("summarysetting", "After a call"), version=4))
        loose = {"maskPII": {"all": False}}
        yield self.made(ast.SummarySettings, "After a call", summary, loose, fixed=live, object_id=at)

    def _guides(self) -> Iterator[StoredObject]:
        name = "Replace a card"
        guide = _id("guide", name)
        yield self.made(ast.Guides, name, {}, fixed={"status": "Published", "source": "Manual"})
        steps = ("Verify the caller.", "Ask which card, and block it.", "Order a new one and say when it comes.")
        for number, state, texts in (
            ("1.0", "ProductionReady", (" ".join(steps[:2]), " ".join(steps))),
            ("2.0", "Draft", (" ".join(steps), steps[2])),
        ):
            fixed = {"parent": guide, "number": number, "state": state}
            states = [{"instruction": text, "variables": []} for text in texts]
            yield self.made(ast.GuideVersions, number, *states, fixed=fixed, object_id=f"{guide}/{number}")

    def _organization(self) -> Iterator[StoredObject]:
        first = {
            "name": "Northwind Bank",
            "defaultLanguage": "en-us",
            "defaultCountryCode": "GB",
            "domain": "northwind-bank",
            "supportURI": "https://help.northwind-bank.example",
            "voicemailEnabled": True,
        }
        now = {"defaultLanguage": "en-gb"}
        wrong = {"supportURI": "https://help.northwind-bank.test", "voicemailEnabled": False}
        fixed = {"productPlatform": "GenesysCloud", "features": {"chat": True, "directory": True}}
        me = self._organization_id
        yield self.made(adm.OrganizationMe, "Northwind Bank", first, now, wrong, fixed=fixed, object_id=me)
        yield self.made(
            adm.RoutingSettings,
            "Routing",
            {"resetAgentScoreOnPresenceChange": False},
            {"resetAgentScoreOnPresenceChange": True},
        )
        skills = {
            "division": self.home,
            "skillConditions": [
                {
                    "routingSkillConditions": [
                        {"routingSkill": "Fraud", "comparator": "GreaterThan", "proficiency": 3, "childConditions": []}
                    ],
                    "languageSkillConditions": [],
                    "operation": "And",
                }
            ],
        }
        count = {"memberCount": 7, "status": "Complete"}
        name = "Fraud, experienced"
        yield self.made(adm.SkillGroups, name, skills, {"description": "Proficiency above 3"}, fixed=count)

    def _access(self) -> Iterator[StoredObject]:
        policy = {"domain": "routing", "entityName": "queue", "actionSet": ["view", "edit"], "allowConditions": False}
        everything = {**policy, "entityName": "*", "actionSet": ["*"]}
        role = {"description": "Changes queues and nothing else", "permissionPolicies": [policy]}
        yield self.made(
            adm.Roles,
            "Queue editor",
            role,
            {"permissionPolicies": [everything]},
            fixed={"userCount": 4, "roleNeedsUpdate": False, "default": False, "base": False},
        )
        client = {
            "authorizedGrantType": "CLIENT-CREDENTIALS",
            "description": "Reads figures for the wallboard",
            "roleIds": [_id("role", "Queue editor")],
            "roleDivisions": [{"roleId": _id("role", "Queue editor"), "divisionId": self.home["id"]}],
        }
        made = {"createdBy": {"id": self.people[0].id}}
        yield self.made(adm.OAuthClients, "Wallboard", client, {"accessTokenValiditySeconds": 172800}, fixed=made)
        name = "Payments core – REST"
        kind = {"id": "custom-rest-actions", "name": "Web services data actions"}
        at = _id("integration", name)
        yield self.made(adm.Integrations, name, {"integrationType": kind}, fixed={"intendedState": "ENABLED"})
        secret = {"basicAuth": {"id": _id("credential", name), "name": "Payments core", "type": {"name": "basicAuth"}}}
        config = {
            "properties": {"timeout": 10},
            "advanced": {},
            "notes": "Owner: payments team",
            "credentials": secret,
        }
        yield self.made(adm.IntegrationConfigs, name, config, {"properties": {"timeout": 1}}, object_id=at)

    def _named(self) -> Iterator[StoredObject]:
        """Give what others refer to, and nothing else is known of."""
        yield self.made(adm.Credentials, "Payments core – REST", {"type": {"name": "basicAuth"}})
        yield self.made(adm.Workbins, "Disputes", {"division": self.home})
        yield self.made(adm.WorkitemSchemas, "Dispute", {}, fixed={"version": 3})
        yield self.made(adm.Skills, "Fraud", {})
        yield self.made(adm.Languages, "English - Spoken", {})
        yield self.made(adm.Teams, "Night shift", {"division": self.home})

    def _watching(self) -> Iterator[StoredObject]:
        watch = {
            "type": "And",
            "predicates": [
                {
                    "metric": "oWaiting",
                    "metricType": "Instance",
                    "metricValueType": "Count",
                    "comparisonOperator": "Gt",
                    "value": 25.0,
                    "mediaType": "Voice",
                }
            ],
        }
        rule = {"enabled": True, "conditions": watch, "waitBetweenNotificationMs": 900000, "notifications": []}
        deaf = {"conditions": {**watch, "predicates": [{**watch["predicates"][0], "value": 2500.0}]}}  # type: ignore[dict-item]
        fixed = {"type": "ConversationMetrics", "inAlarm": False, "user": self._user(2)}
        yield self.made(adm.AlertingRules, "More than 25 callers wait", rule, deaf, fixed=fixed)
        form = _id("evaluationform", "Card desk calls")
        question = {
            "id": _id("question", "verified"),
            "text": "Was the caller verified?",
            "type": "multipleChoiceQuestion",
            "naEnabled": False,
            "isKill": True,
            "isCritical": True,
            "answerOptions": [
                {"id": _id("answer", "yes"), "text": "Yes", "value": 1},
                {"id": _id("answer", "no"), "text": "No", "value": 0},
            ],
        }
        group = {"id": _id("group", "security"), "name": "Security", "weight": 1.0, "questions": [question]}
        told = {"division": self.home, "questionGroups": [group]}
        loose = {"questionGroups": [{**group, "questions": [{**question, "isKill": False}]}]}
        context = {"contextId": _id("context", form), "latestVersionFormName": "Card desk calls"}
        yield self.made(adm.EvaluationForms, "Card desk calls", told, loose, fixed=context)
        keep = {"retainRecording": True, "retentionDuration": {"deleteRetention": {"days": 2555}}}
        drop = {"actions": {**keep, "retentionDuration": {"deleteRetention": {"days": 7}}}}
        policy = {"order": 1, "enabled": True, "actions": keep, "conditions": {"directions": ["INBOUND"]}}
        created = {"createdDate": "2026-01-12T09:00:00.000Z"}
        yield self.made(adm.RecordingPolicies, "Keep for seven years", policy, drop, fixed=created)

    def _work(self) -> Iterator[StoredObject]:
        worktype = _id("worktype", "Disputed payment")
        where = f"/api/v2/taskmanagement/worktypes/{worktype}/statuses"
        statuses = [
            {"id": _id("status", name), "name": name, "category": kind, "selfUri": f"{where}/{_id('status', name)}"}
            for name, kind in (("New", "Open"), ("With the other bank", "Waiting"), ("Decided", "Closed"))
        ]
        first = {
            "description": "A customer does not know a payment",
            "defaultStatusId": statuses[0]["id"],
            "defaultWorkbinId": _id("workbin", "Disputes"),
            "defaultPriority": 50,
            "defaultDueDurationSeconds": 864000,
            "defaultTtlSeconds": 31536000,
            "assignmentEnabled": True,
            "schemaId": _id("workitemschema", "Dispute"),
            "schemaVersion": 3,
            "defaultQueueId": known_id("queue", "Billing – EMEA"),
        }
        changes = ({"defaultPriority": 60}, {"defaultDueDurationSeconds": 86400, "assignmentEnabled": False})
        fixed = {"division": self.home, "statuses": statuses}
        yield self.made(adm.Worktypes, "Disputed payment", first, *changes, fixed=fixed)
        unit = _id("businessunit", "Contact centre UK")
        yield self.made(wfm.BusinessUnits, "Contact centre UK", {"division": {"id": self.home["id"]}}, object_id=unit)
        goal = _id("goal", "80 in 20")

        def paths(*queues: str) -> dict[str, Any]:
            return {"values": [{"queueId": known_id("queue", one), "mediaType": "Voice"} for one in queues]}

        for name, queues, later in (
            ("Billing and retention", ("Billing – EMEA", "Retention – EMEA"), ("Retention – EMEA",)),
            ("Fraud desk", ("Fraud desk – 24 h",), ("Fraud desk – 24 h", "Billing – EMEA")),
        ):
            states = ({"routePaths": paths(*queues), "serviceGoalTemplateId": goal}, {"routePaths": paths(*later)})
            fixed = {"parent": unit, "serviceGoalTemplates": [goal, _id("goal", "90 in 10")]}
            yield self.made(wfm.PlanningGroups, name, *states, fixed=fixed)

    def _scim(self) -> Iterator[StoredObject]:
        def member(person: Person) -> dict[str, str]:
            return {"type": "User", "value": person.id, "$ref": f"/api/v2/scim/v2/users/{person.id}"}

        for name, _, _ in self._estate.groups:
            all_of_them = [member(one) for one in self.people]
            external = f"CN={name},OU=Contact centre"
            many = {"displayName": name, "externalId": external, "members": all_of_them[:4]}
            yield self.made(ScimGroups, name, many, {"members": all_of_them[:1]}, object_id=_id("group", name))
        for number, (person, title) in enumerate(zip(self.people, self._estate.titles, strict=True)):
            mail = f"{person.name.split()[0].lower()}.{number + 1}@{self._estate.mail}"
            emails = [{"type": "work", "value": mail, "primary": True}]
            first = {"userName": mail, "displayName": person.name, "title": "Agent", "emails": emails}
            yield self.made(ScimUsers, person.name, first, {"title": title}, object_id=person.id)
