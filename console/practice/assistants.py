"""The published assist types: assistants with their copilot, variations and queues; checklists, summaries, guides."""

from typing import Any

from console.practice.declared import Declared, declare
from console.practice.raw_json import dump
from console.practice.state import Revision, StoredObject

_PATH = "/api/v2/assistants"
_STAMPS = "dateCreated dateModified createdBy modifiedBy"


class _Variations(Declared):
    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the variation with the assistant that it varies."""
        parent = stored.fixed["parent"]
        return super().served(stored, revision, path) | {
            "variationParent": dump({"id": parent, "selfUri": f"{_PATH}/{parent}"})
        }


class _AssistantQueues(Declared):
    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the queue with its assistant."""
        parent = stored.fixed["parent"]
        return super().served(stored, revision, path) | {
            "assistant": dump({"id": parent, "selfUri": f"{_PATH}/{parent}"})
        }


class _GuideVersions(Declared):
    def served(self, stored: StoredObject, revision: Revision, path: str) -> dict[str, bytes]:
        """Return the version with its guide; both are named in the path and have no id of their own."""
        parent = stored.fixed["parent"]
        return {
            **super().served(stored, revision, path),
            "guide": dump({"id": parent, "selfUri": f"/api/v2/guides/{parent}"}),
            "version": dump(stored.fixed["number"]),
        }


def _assistant(family: str, label: str, path: str, entity: str, **more: Any) -> type[Declared]:
    told = {"stamps": _STAMPS, "people_by_reference": True, **more}
    return declare(
        family, label, "Assistants", f"{_PATH}{path}", f"assistants:{entity}:view / assistants:{entity}:edit", **told
    )


Assistants = _assistant(
    "assistant",
    "Assistant",
    "",
    "assistant",
    writable="name googleDialogflowConfig transcriptionConfig knowledgeSuggestionConfig",
    required="name transcriptionConfig",
    stamps=f"{_STAMPS} state",
    update="PATCH",
    paging="cursor",
)
Copilots = _assistant(
    "copilot",
    "Copilot",
    "",
    "copilot",
    writable="liveOnQueue defaultLanguage knowledgeAnswerConfig summaryGenerationConfig wrapupCodePredictionConfig "
    "answerGenerationConfig nluEngineType nluConfig ruleEngineConfig autoSearchConfig manualSearchConfig",
    required="liveOnQueue defaultLanguage",
    stamps="enabled",
    tail="/copilot",
    listed=False,
    shows_id=False,
)
Variations = _assistant(
    "assistantvariation",
    "AssistantCopilotVariation",
    "/{parent}/variations",
    "copilot",
    writable="name googleDialogflowConfig transcriptionConfig knowledgeSuggestionConfig copilot",
    required="name transcriptionConfig copilot",
    stamps=f"{_STAMPS} state variationParent",
    paging="unpaged",
    parent_family="assistant",
    base=_Variations,
)
AssistantQueues = _assistant(
    "assistantqueue",
    "AssistantQueue",
    "/{parent}/queues",
    "queue",
    writable="mediaTypes",
    required="id mediaTypes",
    stamps="dateCreated dateModified assistant",
    paging="cursor",
    parent_family="assistant",
    base=_AssistantQueues,
)
Checklists = _assistant(
    "agentchecklist",
    "AgentChecklist",
    "/agentchecklists",
    "agentchecklist",
    writable="name language checklistItems",
    required="name language checklistItems",
    paging="cursor",
)
SummarySettings = declare(
    "summarysetting",
    "SummarySetting",
    "AIStudio",
    "/api/v2/conversations/summaries/settings",
    "aiStudio:summaryConfig:view / aiStudio:summaryConfig:edit",
    writable="name language summaryType format maskPII participantLabels predefinedInsights customEntities settingType "
    "prompt serviceType integrationId timeoutDuration",
    required="name language",
    stamps="dateCreated dateModified interactionType",
)
Guides = declare(
    "guide",
    "Guide",
    "AIStudio",
    "/api/v2/guides",
    "aiStudio:guide:view /",
    writable="name",
    stamps="status source dateCreated dateModified",
    update="",
)
GuideVersions = declare(
    "guideversion",
    "GuideVersion",
    "AIStudio",
    "/api/v2/guides/{parent}/versions",
    "aiStudio:guideVersion:view / aiStudio:guideVersion:edit",
    writable="instruction variables resources knowledgeSettings",
    stamps="guide version state dateCreated dateModified",
    update="PATCH",
    parent_family="guide",
    ids_by_parent=True,
    shows_id=False,
    base=_GuideVersions,
)
ASSISTANTS: tuple[type[Declared], ...] = (
    Assistants,
    Copilots,
    Variations,
    AssistantQueues,
    Checklists,
    SummarySettings,
    Guides,
    GuideVersions,
)
