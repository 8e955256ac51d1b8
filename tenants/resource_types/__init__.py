"""The catalogue: what the console knows of each type of remote object, as data (`catalogue.toml`)."""

from tenants.resource_types.definition import Guard, Paging, ResourceType, VersionRule

__all__ = ["Guard", "Paging", "ResourceType", "VersionRule"]
