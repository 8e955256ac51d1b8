"""The catalogue: what the console knows of each type of remote object, as data (`data/`)."""

from tenants.resource_types.catalogue import InvalidCatalogue, UnknownType, all_types, get
from tenants.resource_types.definition import Guard, Paging, Procedure, ResourceType, StepRules, VersionRule
from tenants.resource_types.kinds import Kind
from tenants.resource_types.projection import Author, author_of, content_digest, project, version_of, written_at
from tenants.resource_types.refusals import Refusal, Understood, classify, understand

__all__ = [
    "Author",
    "Guard",
    "InvalidCatalogue",
    "Kind",
    "Paging",
    "Procedure",
    "Refusal",
    "ResourceType",
    "StepRules",
    "Understood",
    "UnknownType",
    "VersionRule",
    "all_types",
    "author_of",
    "classify",
    "content_digest",
    "get",
    "project",
    "understand",
    "version_of",
    "written_at",
]
