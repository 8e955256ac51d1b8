"""The platform's own audits: who changed what, when, through which client and from where (PLATFORM.md).

Two ways to ask: a query that is answered at once, over the last 14 days, and one that runs for a while and is then read
page by page behind a cursor. Nothing promises when an entry shows: a switch lets it come late, another one never.
"""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from console.practice.answers import Answer, Refusal, Request, not_found, ok, page
from console.practice.families import FAMILIES
from console.practice.observing import bad_request, body_of, interval_of
from console.practice.permissions import EVERYTHING
from console.practice.permitting import require
from console.practice.raw_json import load
from console.practice.resource import method_not_allowed
from console.practice.state import AuditQuery, Organization, Revision, StoredObject, timestamp

AUDITS = "audits:audit:view"
assert AUDITS in EVERYTHING  # noqa: S101 - a typing mistake here would take a permission away in silence
PATH = "/api/v2/audits/query"
KEPT_DAYS = 14
"""So far back the query that is answered at once reaches, as the published SDKs say of it."""
LARGEST_RESULTS = 500
_SERVICES = {one.family: one.service for one in FAMILIES}
_ENTITIES = {one.family: one.label for one in FAMILIES}
_FILTERS = {"userid", "trusteeorganizationid", "clientid", "action", "entitytype", "entityid"}


def answer(request: Request, organization: Organization) -> Answer | None:
    """Answer a request about audits; None for a path that has nothing to do with them."""
    if request.path == f"{PATH}/realtime":
        return _realtime(_only("POST", request), organization)
    if request.path == PATH:
        return _begin(_only("POST", request), organization)
    if not request.path.startswith(f"{PATH}/"):
        return None
    name, _, rest = request.path.removeprefix(f"{PATH}/").partition("/")
    if rest not in ("", "results"):
        return None
    _only("GET", request)
    require(request, organization, AUDITS)
    query = organization.audit_queries.get(name)
    if query is None:
        raise not_found(request.path)
    return _results(request, organization, query) if rest else ok(_status(organization, query))


def _only(method: str, request: Request) -> Request:
    if request.method != method:
        raise method_not_allowed(request, method)
    return request


def _realtime(request: Request, organization: Organization) -> Answer:
    """Answer who changed what in the interval, newest first."""
    require(request, organization, AUDITS)
    told = body_of(request)
    border = datetime.now(UTC) - timedelta(days=KEPT_DAYS)
    found = [one for at, one in _entries(organization, told) if at >= border]
    request.query = {key: str(told[key]) for key in ("pageNumber", "pageSize") if key in told}
    shown, members = page(request, found)
    counts = {key: members[key] for key in ("pageSize", "pageNumber", "total", "pageCount")}
    return ok({"entities": list(shown), **counts})


def _begin(request: Request, organization: Organization) -> Answer:
    """Begin a query that runs for a while, and say under which id to ask for it."""
    require(request, organization, AUDITS)
    told = body_of(request)
    if "interval" not in told:
        raise bad_request("The interval is missing.")
    _entries(organization, told)  # one that cannot be understood is refused now and not when it is read
    query = AuditQuery(str(uuid.uuid4()), told, datetime.now(UTC))
    organization.audit_queries[query.id] = query
    return ok(_status(organization, query))


def _is_done(organization: Organization, query: AuditQuery) -> bool:
    return datetime.now(UTC) >= query.at + timedelta(seconds=organization.switches.audit_query_seconds)


def _status(organization: Organization, query: AuditQuery) -> dict[str, Any]:
    asked = {key: query.asked[key] for key in ("interval", "serviceName", "filters", "sort") if key in query.asked}
    state = "Succeeded" if _is_done(organization, query) else "Running"
    return {"id": query.id, "state": state, "startDate": timestamp(query.at), **asked}


def _results(request: Request, organization: Organization, query: AuditQuery) -> Answer:
    if not _is_done(organization, query):
        raise Refusal(HTTPStatus.CONFLICT, "query.not.done", f"The query {query.id} is still running.")
    size, cursor = request.query.get("pageSize", "25"), request.query.get("cursor", "0")
    if not (size.isdecimal() and 1 <= int(size) <= LARGEST_RESULTS and cursor.isdecimal() and len(cursor) < 10):
        raise bad_request(f"pageSize must be 1 to {LARGEST_RESULTS}, and cursor one that was given out.")
    found = [one for _, one in _entries(organization, query.asked)]
    first, last = int(cursor), int(cursor) + int(size)
    more = {"cursor": str(last)} if last < len(found) else {}
    return ok({"id": query.id, "pageSize": int(size), "entities": found[first:last], **more})


def _entries(organization: Organization, told: dict[str, Any]) -> list[tuple[datetime, dict[str, Any]]]:
    """Return the entries that fit a query and have arrived, newest first. Raises `Refusal`."""
    start, end = interval_of(told, timedelta(days=KEPT_DAYS))
    service, wanted = told.get("serviceName"), _filters(told)
    arrived = datetime.now(UTC) - timedelta(seconds=organization.switches.audit_delay_seconds)
    found = []
    for stored in organization.objects.values():
        if service not in (None, _SERVICES[stored.family]):
            continue
        for before, after in zip(stored.revisions, stored.revisions[1:], strict=False):
            if start <= after.at <= end and after.at <= arrived and after.audited:
                entry = _entry(organization, stored, before, after)
                if all(value == _property(entry, name) for name, value in wanted):
                    found.append((after.at, entry))
    return sorted(found, key=lambda one: one[0], reverse=True)


def _filters(told: dict[str, Any]) -> list[tuple[str, str]]:
    wanted = []
    for one in told.get("filters") or []:
        name = str(one.get("property", "")).lower() if isinstance(one, dict) else ""
        if name not in _FILTERS:
            raise bad_request("A filter's property must be UserId, TrusteeOrganizationId, ClientId, Action, …")
        wanted.append((name, str(one.get("value"))))
    return wanted


def _property(entry: dict[str, Any], name: str) -> str | None:
    client = entry["client"] or {}
    return {
        "entityid": entry["entity"]["id"],
        "entitytype": entry["entityType"],
        "userid": entry["user"]["id"],
        "clientid": client.get("id"),
        "action": entry["action"],
    }.get(name)


def _entry(organization: Organization, stored: StoredObject, before: Revision, after: Revision) -> dict[str, Any]:
    changes = [
        {"property": key, "oldValues": [_short(before.members.get(key, b""))], "newValues": [_short(value)]}
        for key, value in after.members.items()
        if _differ(before.members.get(key), value)
    ]
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{organization.id}/{stored.family}/{stored.id}/{after.version}")),
        "user": after.by.as_json(),
        "client": {"id": after.app, "selfUri": f"/api/v2/oauth/clients/{after.app}"} if after.app else None,
        "remoteIp": [after.remote] if after.remote else [],
        "serviceName": _SERVICES[stored.family],
        "eventDate": timestamp(after.at),
        "action": "Update",
        "entityType": _ENTITIES[stored.family],
        "entity": {"id": stored.id, "name": _name(after)},
        "status": "SUCCESS",
        "propertyChanges": changes,
    }


def _differ(before: bytes | None, after: bytes) -> bool:
    """Tell whether a writer changed a value; another spelling of the same one is no change."""
    return before != after and (before is None or load(before) != load(after))


def _name(revision: Revision) -> str:
    members = revision.members
    return str(json.loads(members.get("name") or members.get("title") or b'""'))


def _short(raw: bytes) -> str:
    text = re.sub(r"\s+", " ", raw.decode("utf-8", "replace")).strip()
    return text if len(text) <= 200 else text[:200] + "…"
