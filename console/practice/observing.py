"""Where a change shows after it was written: the routing side, with its delay, and the platform's own audits."""

import json
import math
import re
import uuid
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from console.practice.answers import Answer, Refusal, Request, ok, page
from console.practice.families import FAMILIES
from console.practice.permissions import EVERYTHING
from console.practice.permitting import require
from console.practice.raw_json import load
from console.practice.state import Organization, Revision, StoredObject, timestamp

ANALYTICS = "analytics:conversationAggregate:view"
AUDITS = "audits:audit:view"
assert {ANALYTICS, AUDITS} <= EVERYTHING  # noqa: S101 - a typing mistake here would take a permission away in silence
_SERVICES = {one.family: one.service for one in FAMILIES}
_ENTITIES = {one.family: one.label for one in FAMILIES}


def _bad(message: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "bad.request", message)


def _body(request: Request) -> dict[str, Any]:
    try:
        told = json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise _bad(f"The request body cannot be read: {error}.") from error
    if not isinstance(told, dict):
        raise _bad("The request body must be a JSON object.")
    return told


def _interval(told: dict[str, Any], default: timedelta) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    text = told.get("interval")
    if text is None:
        return now - default, now
    try:
        start, end = (datetime.fromisoformat(part) for part in str(text).split("/"))
    except ValueError as error:
        raise _bad(f"The interval [{text}] is not two ISO 8601 times with a slash between them.") from error
    if start.tzinfo is None or end.tzinfo is None or end < start:
        raise _bad(f"The interval [{text}] needs two times with a zone, the earlier one first.")
    return start, end


def _predicates(told: dict[str, Any]) -> dict[str, set[str]]:
    """Return the wanted values of each dimension; values of one dimension are alternatives."""
    found: dict[str, set[str]] = {}
    pending = [told.get("filter") or {}]
    while pending:
        one = pending.pop()
        if not isinstance(one, dict):
            raise _bad("The filter must be an object with predicates.")
        pending.extend(one.get("clauses") or [])
        for predicate in one.get("predicates") or []:
            if not isinstance(predicate, dict) or predicate.get("dimension") not in _DIMENSIONS:
                raise _bad(f"A predicate's dimension must be one of {', '.join(_DIMENSIONS)}.")
            found.setdefault(predicate["dimension"], set()).add(str(predicate.get("value")))
    return found


_DIMENSIONS = ("configurationId", "configurationVersionId")


def query_conversations(request: Request, organization: Organization) -> Answer:
    """Answer how many conversations each version of a configuration has served in the interval.

    The version whose interval reaches the end of the asked one is active in routing. It follows a write after
    the organization's propagation delay.
    """
    require(request, organization, ANALYTICS)
    told = _body(request)
    start, end = _interval(told, timedelta(minutes=5))
    wanted = _predicates(told)
    results = []
    for stored in organization.of_family("assist"):
        if stored.id not in wanted.get("configurationId", {stored.id}):
            continue
        for revision, since, until in () if organization.switches.quiet else _served(organization, stored):
            first, last = max(since, start), min(until, end)
            version = str(revision.version)
            if last < first or version not in wanted.get("configurationVersionId", {version}):
                continue
            count = 1 + int((last - first).total_seconds()) // 20
            results.append(
                {
                    "group": {
                        "configurationId": stored.id,
                        "configurationVersionId": version,
                        "mediaType": "voice",
                    },
                    "data": [
                        {
                            "interval": f"{timestamp(first)}/{timestamp(last)}",
                            "metrics": [{"metric": "nConversations", "stats": {"count": count}}],
                        }
                    ],
                }
            )
    return ok({"results": results})


def _served(organization: Organization, stored: StoredObject) -> list[tuple[Revision, datetime, datetime]]:
    """Return each revision with the time in which routing uses it; a new one's may lie in the future."""
    delay = organization.switches.propagation_seconds
    old = -math.inf  # what was there at the start has long arrived
    starts = [one.at if one.settled == old else one.at + timedelta(seconds=delay) for one in stored.revisions]
    ends = [*starts[1:], datetime.max.replace(tzinfo=UTC)]
    return list(zip(stored.revisions, starts, ends, strict=True))


def query_audits(request: Request, organization: Organization) -> Answer:
    """Answer who changed what in the interval, newest first."""
    require(request, organization, AUDITS)
    told = _body(request)
    start, end = _interval(told, timedelta(days=14))
    service = told.get("serviceName")
    filters = {
        str(one.get("property")).lower(): str(one.get("value"))
        for one in told.get("filters") or []
        if isinstance(one, dict)
    }
    found = []
    for stored in organization.objects.values():
        if service not in (None, _SERVICES[stored.family]):
            continue
        for before, after in zip(stored.revisions, stored.revisions[1:], strict=False):
            if start <= after.at <= end:
                found.append(_audit(organization, stored, before, after))
    chosen = [
        one
        for one in found
        if filters.get("entityid", one["entity"]["id"]) == one["entity"]["id"]
        and filters.get("entitytype", one["entityType"]) == one["entityType"]
        and filters.get("userid", one["user"]["id"]) == one["user"]["id"]
    ]
    chosen.sort(key=lambda one: str(one["eventDate"]), reverse=True)
    request.query = {key: str(told[key]) for key in ("pageNumber", "pageSize") if key in told}
    shown, members = page(request, chosen)
    counts = {key: members[key] for key in ("pageSize", "pageNumber", "total", "pageCount")}
    return ok({"entities": list(shown), **counts})


def _audit(organization: Organization, stored: StoredObject, before: Revision, after: Revision) -> dict[str, Any]:
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
