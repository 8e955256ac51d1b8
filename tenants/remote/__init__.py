"""The only place that speaks HTTP (PLATFORM.md): hosts, tokens, sessions, the client and its errors."""

from tenants.remote.addresses import fill_path
from tenants.remote.answers import Answer, ErrorBody, error_body
from tenants.remote.client import Organization, Platform
from tenants.remote.errors import (
    AddressNotAllowed,
    BudgetSpent,
    ConnectionLost,
    CredentialsRefused,
    CyclicList,
    Locked,
    NotJson,
    ObjectMissing,
    PermissionMissing,
    RateLimited,
    Redirected,
    RemoteError,
    RemoteRefused,
    RemoteUnavailable,
    RemoteUnknown,
    RemoteWrong,
    RequestRefused,
    TenantDown,
    TimedOut,
    TokenUnusable,
    TooLarge,
    UnexpectedAnswer,
    Unreachable,
    VersionConflict,
    WrongOrganization,
)
from tenants.remote.etags import usable_for_if_match
from tenants.remote.limits import Limits
from tenants.remote.manners import Purpose
from tenants.remote.permissions import holds

__all__ = [
    "AddressNotAllowed",
    "Answer",
    "BudgetSpent",
    "ConnectionLost",
    "CredentialsRefused",
    "CyclicList",
    "ErrorBody",
    "Limits",
    "Locked",
    "NotJson",
    "ObjectMissing",
    "Organization",
    "PermissionMissing",
    "Platform",
    "Purpose",
    "RateLimited",
    "Redirected",
    "RemoteError",
    "RemoteRefused",
    "RemoteUnavailable",
    "RemoteUnknown",
    "RemoteWrong",
    "RequestRefused",
    "TenantDown",
    "TimedOut",
    "TokenUnusable",
    "TooLarge",
    "UnexpectedAnswer",
    "Unreachable",
    "VersionConflict",
    "WrongOrganization",
    "error_body",
    "fill_path",
    "holds",
    "usable_for_if_match",
]
