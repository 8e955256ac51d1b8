"""Every family of objects that the platform has, in the order in which a path is looked up."""

from console.practice.administration import ADMINISTRATION
from console.practice.assist import AssistConfigs
from console.practice.assistants import ASSISTANTS
from console.practice.business_rules import DecisionTables
from console.practice.call_flows import CALL_FLOWS
from console.practice.data_actions import ActionDrafts, DataActions
from console.practice.dialing import DIALING
from console.practice.divisions import Divisions
from console.practice.knowledge import KnowledgeBases, KnowledgeDocuments
from console.practice.outbound import Campaigns
from console.practice.published import PUBLISHED
from console.practice.resource import Resource
from console.practice.routing import Queues
from console.practice.scim import SCIM
from console.practice.scripting import ScriptingSessions
from console.practice.trunks import TRUNKS
from console.practice.web import Deployments, Drafts, WebConfigurations
from console.practice.workforce import WORKFORCE

FAMILIES: tuple[type[Resource], ...] = (
    AssistConfigs,
    ScriptingSessions,
    Campaigns,
    Queues,
    *PUBLISHED,
    WebConfigurations,
    Drafts,
    Deployments,
    DecisionTables,
    KnowledgeBases,
    KnowledgeDocuments,
    DataActions,
    ActionDrafts,
    Divisions,
    *CALL_FLOWS,
    *DIALING,
    *TRUNKS,
    *ASSISTANTS,
    *ADMINISTRATION,
    *WORKFORCE,
    *SCIM,
)
