"""Ask the platform who changed an object: at once where that reaches back far enough, else by a query that runs.

The OAuth client needs `audits:audit:view`; without it `PermissionMissing` is raised, as by any other request.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from tenants import audit_records
from tenants.audit_records import Record, UnreadableAnswer
from tenants.remote import Answer, Platform

QUERY: Final = "/api/v2/audits/query"
MOST_PAGES: Final = 10
"""So many pages are read of one object; an answer that goes on is said to be incomplete."""
_RESULTS: Final = 500
_LOOKS: Final = 5
_BETWEEN_LOOKS: Final = 0.3
_MARGIN: Final = timedelta(hours=1)
_ENDED_BADLY: Final = frozenset({"failed", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How far the platform's clock may be ahead of this machine's: at least `low`, at most `high`."""

    low: timedelta
    high: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one question brought."""

    records: tuple[Record, ...] = ()
    complete: bool = True
    """Whether all the records that there are by now were read."""
    clock: Clock | None = None
    running: str = ""
    """The id of an asynchronous query that still runs; to be read the next time."""


def ask(
    platform: Platform,
    entity_id: str,
    *,
    since: datetime,
    until: datetime,
    running: str = "",
    sleep: Callable[[float], object] = time.sleep,
) -> Asked:
    """Give the records of one object in a time, the oldest first; raises the tree of remote errors, UnreadableAnswer.

    `running` is the id of a query that an earlier call left running.
    """
    if not running and since >= timezone.now() - audit_records.KEPT + _MARGIN:
        return _at_once(platform, entity_id, since=since, until=until)
    return _in_a_while(platform, entity_id, since=since, until=until, running=running, sleep=sleep)


def _at_once(platform: Platform, entity_id: str, *, since: datetime, until: datetime) -> Asked:
    found: list[Record] = []
    clock: Clock | None = None
    for page in range(1, MOST_PAGES + 1):
        body = audit_records.question(entity_id, since=since, until=until, page=page)
        answer = platform.ask(f"{QUERY}/realtime", body)
        told = audit_records.answer_in(answer.body)
        records = audit_records.records_in(told)
        found += records
        clock = clock or clock_of(answer)
        count = audit_records.page_count(told)
        if not records or (count is not None and page >= count) or (count is None and len(records) < _page_size()):
            return Asked(records=tuple(audit_records.unique(found)), clock=clock)
    return Asked(records=tuple(audit_records.unique(found)), clock=clock, complete=False)


def _page_size() -> int:
    return audit_records.PAGE_SIZE


def _in_a_while(
    platform: Platform,
    entity_id: str,
    *,
    since: datetime,
    until: datetime,
    running: str,
    sleep: Callable[[float], object],
) -> Asked:
    if not running:
        begun = platform.ask(QUERY, audit_records.question(entity_id, since=since, until=until))
        running = audit_records.text_in(audit_records.answer_in(begun.body), "id")
        # It becomes part of a path.
        if not running.replace("-", "").isalnum() or not running.isascii() or len(running) > 100:
            message = "The platform's audit query was begun without an id that could be asked for."
            raise UnreadableAnswer(message)
    for look in range(_LOOKS):
        if look:
            sleep(_BETWEEN_LOOKS * 2**look)
        answer = platform.read(f"{QUERY}/{running}")
        state = audit_records.text_in(audit_records.answer_in(answer.body), "state").lower()
        if state in _ENDED_BADLY:
            message = f"The platform's audit query {running} ended as {state}."
            raise UnreadableAnswer(message)
        if state == "succeeded":
            return _results(platform, running, clock_of(answer))
    return Asked(complete=False, running=running)


def _results(platform: Platform, running: str, clock: Clock | None) -> Asked:
    found: list[Record] = []
    params: dict[str, str | int] = {"pageSize": _RESULTS}
    for _ in range(MOST_PAGES):
        told = audit_records.answer_in(platform.read(f"{QUERY}/{running}/results", params=params).body)
        found += audit_records.records_in(told)
        cursor = audit_records.text_in(told, "cursor")
        if not cursor or cursor == params.get("cursor"):
            return Asked(records=tuple(audit_records.unique(found)), clock=clock)
        params["cursor"] = cursor
    return Asked(records=tuple(audit_records.unique(found)), clock=clock, complete=False)


def clock_of(answer: Answer) -> Clock | None:
    """Give how far the platform's clock may be ahead, by the `Date` of an answer, which counts whole seconds.

    None where it bears none (RFC 9110 section 6.6.1).
    """
    if answer.server_date is None:
        return None
    sent_at = answer.received_at - timedelta(milliseconds=answer.elapsed_ms)
    return Clock(low=answer.server_date - answer.received_at, high=answer.server_date - sent_at + timedelta(seconds=1))
