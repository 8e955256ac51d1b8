"""Where a change shows after it was written: the routing side, with its delay."""

import json
import math
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from console.practice.answers import Answer, Refusal, Request, ok
from console.practice.permissions import EVERYTHING
from console.practice.permitting import require
from console.practice.state import Organization, Revision, StoredObject, timestamp

ANALYTICS = "analytics:conversationAggregate:view"
assert ANALYTICS in EVERYTHING  # noqa: S101 - a typing mistake here would take a permission away in silence


def bad_request(message: str) -> Refusal:
    """Return the refusal of a query that cannot be understood."""
    return Refusal(HTTPStatus.BAD_REQUEST, "bad.request", message)


def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object in a query's body. Raises `Refusal`."""
    try:
        told = json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The request body cannot be read: {error}.") from error
    if not isinstance(told, dict):
        raise bad_request("The request body must be a JSON object.")
    return told


def interval_of(told: dict[str, Any], default: timedelta) -> tuple[datetime, datetime]:
    """Return the two ends of what a query is about. Raises `Refusal`."""
    now = datetime.now(UTC)
    text = told.get("interval")
    if text is None:
        return now - default, now
    try:
        start, end = (datetime.fromisoformat(part) for part in str(text).split("/"))
    except ValueError as error:
        raise bad_request(f"The interval [{text}] is not two ISO 8601 times with a slash between them.") from error
    if start.tzinfo is None or end.tzinfo is None or end < start:
        raise bad_request(f"The interval [{text}] needs two times with a zone, the earlier one first.")
    return start, end


def _predicates(told: dict[str, Any]) -> dict[str, set[str]]:
    """Return the wanted values of each dimension; values of one dimension are alternatives."""
    found: dict[str, set[str]] = {}
    pending = [told.get("filter") or {}]
    while pending:
        one = pending.pop()
        if not isinstance(one, dict):
            raise bad_request("The filter must be an object with predicates.")
        pending.extend(one.get("clauses") or [])
        for predicate in one.get("predicates") or []:
            if not isinstance(predicate, dict) or predicate.get("dimension") not in _DIMENSIONS:
                raise bad_request(f"A predicate's dimension must be one of {', '.join(_DIMENSIONS)}.")
            found.setdefault(predicate["dimension"], set()).add(str(predicate.get("value")))
    return found


_DIMENSIONS = ("configurationId", "configurationVersionId")


def query_conversations(request: Request, organization: Organization) -> Answer:
    """Answer how many conversations each version of a configuration has served in the interval.

    The version whose interval reaches the end of the asked one is active in routing. It follows a write after
    the organization's propagation delay.
    """
    require(request, organization, ANALYTICS)
    told = body_of(request)
    start, end = interval_of(told, timedelta(minutes=5))
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
