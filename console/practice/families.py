"""Every family of objects that the platform has, in the order in which a path is looked up."""

from console.practice.assist import AssistConfigs
from console.practice.business_rules import DecisionTables
from console.practice.data_actions import ActionDrafts, DataActions
from console.practice.divisions import Divisions
from console.practice.knowledge import KnowledgeBases, KnowledgeDocuments
from console.practice.outbound import Campaigns
from console.practice.published import PUBLISHED
from console.practice.resource import Resource
from console.practice.routing import Queues
from console.practice.scripting import ScriptingSessions
from console.practice.web import Deployments, Drafts, WebConfigurations

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
)
