"""What routing shows of a version that was just written: the question, the answer, and what follows from it; pure.

A 200 and a verified read-back prove what the platform *stores*. Routing keeps caches of its own and takes minutes to
follow, so the active version is looked for where it leaves traces: in the conversations that it served (PLATFORM.md,
"The assist contract in detail").

    conversations under our version                  seen
    none, but some under a newer version             overtaken by that one
    none, and live bears a newer version             overtaken by that one
    none, and the time is over                       not seen: an older version was active, or nobody called
    none, the time is over, no look was answered     unreadable
    none, and there is time                          wait

Nothing here says anything about the write: its verdict stands whatever routing does.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from tenants.documents import InvalidDocument, Number, Value, load, visible

CONVERSATIONS: Final = "nConversations"
LONGEST_INTERVAL: Final = timedelta(days=1)
"""No question is about more: a worker that comes back after a week must not be refused for its interval."""
_LARGEST_COUNT: Final = 2**31 - 1


class Watched(StrEnum):
    """How the watch of one version stands."""

    WATCHING = "watching"
    SEEN = "seen"
    NOT_SEEN = "not_seen"
    OVERTAKEN = "overtaken"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Activity:
    """One version of a configuration at work: how many conversations it served, and when the last of them was."""

    version: str
    """As the platform names it, with what hides made visible."""
    conversations: int
    until: datetime | None
    """The end of the latest interval with a conversation; None where the answer does not say."""

    @property
    def number(self) -> int | None:
        """The version as a number; None where it is none that a version of ours could have."""
        plain = self.version.isascii() and self.version.isdecimal() and len(self.version) < 19
        return int(self.version) if plain else None


@dataclass(frozen=True, slots=True)
class Finding:
    """What follows from one look."""

    state: Watched
    active: Activity | None = None
    """The version that was seen at work: ours where it was seen, else the one that was at work last."""
    overtaken_by: int | None = None


class UnreadableAnswer(Exception):
    """The answer to the question is not the one that is known; the message is a sentence."""


def question(config_id: str, *, version: int | None, since: datetime, now: datetime) -> bytes:
    """Give the body that asks which versions of a configuration served conversations, or whether this one did."""
    predicates = [_is("configurationId", config_id)]
    if version is not None:
        predicates.append(_is("configurationVersionId", str(version)))
    end = max(since, min(now, since + LONGEST_INTERVAL))
    asked = {
        "interval": f"{_moment(since)}/{_moment(end)}",
        "filter": {"type": "and", "predicates": predicates},
        "groupBy": ["configurationId", "configurationVersionId"],
        "metrics": [CONVERSATIONS],
    }
    return json.dumps(asked).encode()


def activities(body: bytes, *, config_id: str) -> list[Activity]:
    """Give each version of the configuration that served a conversation, the one that did so last first.

    An answer without results is an answer: nobody called. Raises UnreadableAnswer for what is no answer to the
    question.
    """
    try:
        answer = load(body)
    except InvalidDocument as error:
        message = f"What the platform answered about its conversations could not be read: {error}"
        raise UnreadableAnswer(message) from error
    results = answer.get("results", []) if isinstance(answer, dict) else None
    if not isinstance(results, list):
        message = "What the platform answered about its conversations has no list of results, so it was not used."
        raise UnreadableAnswer(message)
    found: dict[str, Activity] = {}
    for result in results:
        group = result.get("group") if isinstance(result, dict) else None
        data = result.get("data") if isinstance(result, dict) else None
        if not isinstance(group, dict) or not isinstance(data, list):
            message = "What the platform answered about its conversations has a result without a group and its data."
            raise UnreadableAnswer(message)
        version = group.get("configurationVersionId")
        # The platform was asked about one configuration; a stranger's conversations prove nothing about ours.
        if group.get("configurationId", config_id) != config_id or not isinstance(version, str | int):
            continue
        for one in data:
            count = _count(one)
            if count > 0:
                known = found.get(str(version), Activity(visible(str(version))[:100], 0, None))
                until = max(filter(None, (known.until, _end_of(one))), default=None)
                found[str(version)] = Activity(known.version, min(known.conversations + count, _LARGEST_COUNT), until)
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(found.values(), key=lambda one: (one.until or never, one.number or 0), reverse=True)


def find(
    version: int, seen: Sequence[Activity], *, live_version: int | None, over: bool, answered: bool = True
) -> Finding:
    """Give what follows from the versions that were seen at work, by the table above.

    `live_version` is the newest version of the object that the console knows, `over` whether the time of the watch is,
    `answered` whether any look at all was answered.
    """
    ours = next((one for one in seen if one.number == version), None)
    last = seen[0] if seen else None
    if ours is not None:
        return Finding(Watched.SEEN, ours)
    newer = [one for one in seen if one.number is not None and one.number > version]
    if newer:
        return Finding(Watched.OVERTAKEN, newer[0], newer[0].number)
    if live_version is not None and live_version > version:
        return Finding(Watched.OVERTAKEN, last, live_version)
    if not over:
        return Finding(Watched.WATCHING, last)
    return Finding(Watched.NOT_SEEN if answered else Watched.UNREADABLE, last)


def _is(dimension: str, value: str) -> dict[str, str]:
    return {"type": "dimension", "dimension": dimension, "operator": "matches", "value": value}


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _count(data: Value) -> int:
    metrics = data.get("metrics") if isinstance(data, dict) else None
    total = 0
    for metric in metrics if isinstance(metrics, list) else ():
        stats = metric.get("stats") if isinstance(metric, dict) and metric.get("metric") == CONVERSATIONS else None
        count = stats.get("count") if isinstance(stats, dict) else None
        if isinstance(count, Number) and count.normal[2] >= 0 and len(count.canonical) < 20:
            count = int(count.canonical)  # 3.0 is how some services spell 3
        if isinstance(count, int) and not isinstance(count, bool):
            total += min(max(count, 0), _LARGEST_COUNT)
    return total


def _end_of(data: Value) -> datetime | None:
    interval = data.get("interval") if isinstance(data, dict) else None
    if not isinstance(interval, str):
        return None
    try:
        end = datetime.fromisoformat(interval.rpartition("/")[2])
    except ValueError:
        return None
    return end if end.tzinfo is not None else end.replace(tzinfo=UTC)
