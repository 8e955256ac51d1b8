"""Routing queues: nothing guards them, the last write wins, and some members move by themselves."""

from datetime import UTC, datetime

from console.practice.raw_json import dump
from console.practice.resource import Mount, Resource
from console.practice.state import Revision, StoredObject, timestamp

VIEW = "routing:queue:view"
EDIT = "routing:queue:edit"


class Queues(Resource):
    """Routing queues."""

    family = "queue"
    label = "Queue"
    service = "ContactCenter"
    mounts = (Mount("/api/v2/routing/queues", VIEW, EDIT),)
    writable = {  # noqa: RUF012 - declared as a class variable in the base
        "name": b"null",
        "division": b"null",
        "description": b"null",
        "mediaSettings": b"{}",
        "routingRules": b"[]",
        "conditionalGroupRouting": b"null",
        "conditionalGroupActivation": b"null",
        "bullseye": b"null",
        "scoringMethod": b'"TimestampAndPriority"',
        "lastAgentRoutingMode": b'"Disabled"',
        "acwSettings": b"null",
        "skillEvaluationMethod": b'"ALL"',
        "memberGroups": b"[]",
        "queueFlow": b"null",
        "emailInQueueFlow": b"null",
        "messageInQueueFlow": b"null",
        "whisperPrompt": b"null",
        "onHoldPrompt": b"null",
        "defaultMediaLanguage": b"null",
        "autoAnswerOnly": b"true",
        "cannedResponseLibraries": b"null",
        "enableTranscription": b"false",
        "enableAudioMonitoring": b"false",
        "enableManualAssignment": b"false",
        "agentOwnedRouting": b"null",
        "directRouting": b"null",
        "callingPartyName": b"null",
        "callingPartyNumber": b"null",
        "defaultScripts": b"{}",
        "outboundMessagingAddresses": b"null",
        "outboundEmailAddress": b"null",
        "peerId": b"null",
        "suppressInQueueCallRecording": b"true",
    }
    server_managed = frozenset(
        {
            "dateCreated",
            "dateModified",
            "modifiedBy",
            "createdBy",
            "memberCount",
            "userMemberCount",
            "joinedMemberCount",
            "selfUri",
        }
    )
    required = ("name",)

    def is_version(self, key: str) -> bool:  # noqa: ARG002
        """Know no version: sent as an unknown key, it is treated as one."""
        return False

    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the queue; members that are null are left out, and agents come and go."""
        members = int(stored.fixed["memberCount"])
        joined = members - datetime.now(UTC).minute % 5
        shown = {key: value for key, value in revision.members.items() if key != "name" and value != b"null"}
        return {
            "id": dump(stored.id),
            "name": revision.members["name"],
            **shown,
            "dateCreated": dump(stored.fixed["dateCreated"]),
            "dateModified": dump(timestamp(revision.at)),
            "modifiedBy": dump(revision.by.id),
            "createdBy": dump(stored.fixed["createdBy"]),
            "memberCount": dump(members),
            "userMemberCount": dump(members),
            "joinedMemberCount": dump(joined),
            "selfUri": dump(path),
        }
