"""The types that the SDK is taken through: how it calls them, what is changed, and what a stale version is answered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _nothing(_live: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Type:
    """One published type, in the SDK's words."""

    name: str  # as in resource_types.json
    api: str
    list: str
    get: str
    update: str
    change: tuple[str, Any]  # attribute of the body's model, new value
    stale: tuple[int, str, str] | None  # status, code, words of the message; None: no version
    body: str | None = None  # the model that a write takes, where it is not the one that a read gives
    adapt: Callable[[Any], dict[str, Any]] = _nothing  # attributes that a write spells otherwise than an answer
    position: int = 0  # of the object on the list


OUTBOUND = (409, "invalid.update.wrong.version", "does not match the latest version")
DIRECTORY = (409, "general.conflict", "is out of date")
ELSEWHERE = (400, "bad.request", "does not match the current version")


def _outbound(name: str, noun: str, change: tuple[str, Any], **more: Any) -> Type:
    calls = (f"get_outbound_{noun}s", f"get_outbound_{noun}", f"put_outbound_{noun}")
    return Type(f"outbound.{name}", "OutboundApi", *calls, change, OUTBOUND, **more)


TYPES = [
    _outbound("campaign", "campaign", ("priority", 2)),
    _outbound("contactlist", "contactlist", ("retention_days", 90)),
    _outbound("dnclist", "dnclist", ("contact_method", "Phone")),
    _outbound("callabletimeset", "callabletimeset", ("name", "Weekdays, lunch left out")),
    Type(
        "architect.schedule",
        "ArchitectApi",
        "get_architect_schedules",
        "get_architect_schedule",
        "put_architect_schedule",
        ("description", "Advisers, and the phone at the door"),
        ELSEWHERE,
    ),
    Type(
        "architect.schedulegroup",
        "ArchitectApi",
        "get_architect_schedulegroups",
        "get_architect_schedulegroup",
        "put_architect_schedulegroup",
        ("time_zone", "Europe/Dublin"),
        ELSEWHERE,
    ),
    Type(
        "architect.datatable",
        "ArchitectApi",
        "get_flows_datatables",
        "get_flows_datatable",
        "put_flows_datatable",
        ("description", "Sort code to branch, queue and language"),
        None,
    ),
    Type(
        "routing.queue",
        "RoutingApi",
        "get_routing_queues",
        "get_routing_queue",
        "put_routing_queue",
        ("description", "Billing, without the refunds"),
        None,
        body="QueueRequest",
    ),
    Type(
        "routing.wrapupcode",
        "RoutingApi",
        "get_routing_wrapupcodes",
        "get_routing_wrapupcode",
        "put_routing_wrapupcode",
        ("description", "A supervisor has agreed"),
        None,
        body="WrapupCodeRequest",
    ),
    Type(
        "groups.group",
        "GroupsApi",
        "get_groups",
        "get_group",
        "put_group",
        ("description", "Rung at night and on Sundays"),
        DIRECTORY,
        body="GroupUpdate",
        adapt=lambda live: {"owner_ids": [one.id for one in live.owners]},
    ),
    Type(
        "users.user",
        "UsersApi",
        "get_users",
        "get_user",
        "patch_user",
        ("title", "Editor in chief"),
        DIRECTORY,
        body="UpdateUser",
        adapt=lambda live: {"manager": live.manager.id},
        position=1,
    ),
    Type(
        "locations.location",
        "LocationsApi",
        "get_locations",
        "get_location",
        "patch_location",
        ("notes", "The lift is out of order."),
        ELSEWHERE,
        body="LocationUpdateDefinition",
        adapt=lambda live: {"contact_user": live.contact_user.id},
    ),
    Type(
        "telephony.site",
        "TelephonyProvidersEdgeApi",
        "get_telephony_providers_edges_sites",
        "get_telephony_providers_edges_site",
        "put_telephony_providers_edges_site",
        ("caller_name", "Northwind"),
        ELSEWHERE,
    ),
    Type(
        "responsemanagement.library",
        "ResponseManagementApi",
        "get_responsemanagement_libraries",
        "get_responsemanagement_library",
        "put_responsemanagement_library",
        ("name", "Billing replies, reviewed"),
        ELSEWHERE,
    ),
]
ECHOED = [one for one in TYPES if one.stale is not None]
UNGUARDED = [one for one in TYPES if one.stale is None]
