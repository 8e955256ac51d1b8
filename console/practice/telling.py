"""Tell the history of a configuration as its people made it: a first content and one step after another."""

import copy
import uuid
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from console.practice.raw_json import dump
from console.practice.state import Person, Revision

NAMESPACE = uuid.UUID("5d1f0b7e-90a8-4bb9-8a3a-6f3f0d0f1c11")


def known_id(*parts: str) -> str:
    """Return the same UUID for the same words, at every start."""
    return str(uuid.uuid5(NAMESPACE, "/".join(parts)))


@dataclass(frozen=True)
class Edit:
    """One change: `kind` is put, add, drop or move; items of a list are named by name, value or text."""

    kind: str
    path: str
    value: Any = None


def put(path: str, value: Any) -> Edit:
    """Set what stands at `path`."""
    return Edit("put", path, value)


def add(path: str, item: Any) -> Edit:
    """Append `item` to the list at `path`."""
    return Edit("add", path, item)


def drop(path: str) -> Edit:
    """Remove what stands at `path`."""
    return Edit("drop", path)


def move(path: str, position: int) -> Edit:
    """Move an item of a list to `position`, counted from 0."""
    return Edit("move", path, position)


@dataclass(frozen=True)
class Step:
    """One version: made `days` before now, at that time of day, by somebody."""

    days: int
    at: str
    by: str
    edits: tuple[Edit, ...]
    members: dict[str, Any] = field(default_factory=dict)  # of the object itself, beside its content


def step(days: int, at: str, by: str, *edits: Edit, **members: Any) -> Step:
    """Return a step; members of the object are named by keyword."""
    return Step(days, at, by, edits, members)


def _position(items: list[Any], name: str) -> int:
    for index, item in enumerate(items):
        called = item.get("name", item.get("value")) if isinstance(item, dict) else item
        if called == name:
            return index
    raise LookupError(f"the history names {name}, which is not there")


def apply(content: dict[str, Any], edit: Edit) -> None:
    """Change `content` as the edit says."""
    *steps, last = edit.path.split("/")
    target: Any = content
    for one in steps:
        target = target[_position(target, one)] if isinstance(target, list) else target[one]
    key: Any = _position(target, last) if isinstance(target, list) else last
    match edit.kind:
        case "put":
            target[key] = edit.value
        case "add":
            target[key].append(copy.deepcopy(edit.value))
        case "drop":
            del target[key]
        case _:
            target.insert(edit.value, target.pop(key))


def moment(now: datetime, days: int, at: str, salt: str) -> datetime:
    """Return that time of day `days` before `now`, in the zone of `now`, with believable seconds."""
    hour, minute = (int(part) for part in at.split(":"))
    noise = zlib.crc32(salt.encode())
    day = now - timedelta(days=days)
    return day.replace(hour=hour, minute=minute, second=noise % 60, microsecond=noise // 60 % 1000 * 1000)


def tell(
    now: datetime,
    people: dict[str, Person],
    salt: str,
    *,
    member: str,
    content: dict[str, Any],
    beside: dict[str, Any],
    steps: list[Step],
) -> list[Revision]:
    """Return one revision for each step; the first step's edits are made to `content` as well.

    `member` is the name under which the content stands, `beside` the object's other members.
    """
    content = copy.deepcopy(content)
    beside = dict(beside)
    revisions: list[Revision] = []
    for version, one in enumerate(steps, start=1):
        for edit in one.edits:
            apply(content, edit)
        beside |= one.members
        revisions.append(
            Revision(
                version=version,
                members={**{key: dump(value) for key, value in beside.items()}, member: dump(content)},
                at=moment(now, one.days, one.at, f"{salt}/{version}"),
                by=people[one.by],
            )
        )
    return revisions


# The building blocks of an assist configuration's content.


def rule(name: str, priority: int, phrases: list[tuple[str, float]], knowledge: str, **more: Any) -> dict[str, Any]:
    """Return one rule: phrases that trigger it and the knowledge base that it searches."""
    return {
        "id": known_id("rule", name),
        "name": name,
        "enabled": True,
        "priority": priority,
        "triggers": [{"type": "phrase", "value": text, "confidence": confidence} for text, confidence in phrases],
        "knowledge": {
            "knowledgeBaseId": known_id("knowledge", knowledge),
            "minConfidence": 0.7,
            "maxSuggestions": 3,
        },
        **more,
    }


def queue(name: str, *, alerting: int, percentage: float = 0.8, duration: int = 20_000) -> dict[str, Any]:
    """Return one queue with its media settings."""

    def medium(seconds: int, target: float, milliseconds: int) -> dict[str, Any]:
        return {
            "alertingTimeoutSeconds": seconds,
            "serviceLevel": {"percentage": target, "durationMs": milliseconds},
        }

    return {
        "id": known_id("queue", name),
        "name": name,
        "mediaSettings": {
            "call": medium(alerting, percentage, duration),
            "callback": medium(alerting * 3, percentage, duration * 3),
            "message": medium(30, percentage, 60_000),
        },
    }


def assist(
    *,
    division: str,
    language: str,
    description: str,
    fallback: str,
    rules: list[dict[str, Any]],
    queues: list[dict[str, Any]],
    tags: list[str],
) -> dict[str, Any]:
    """Return the content of an assist configuration."""
    return {
        "division": {"id": known_id("division", division), "name": division},
        "enabled": True,
        "language": language,
        "description": description,
        "transcription": {"engine": "genesys", "contentSearchEnabled": True, "lowLatency": True},
        "suggestions": {
            "maxPerUtterance": 3,
            "minConfidence": 0.65,
            "feedbackEnabled": True,
            "fallback": {"type": "message", "text": fallback},
        },
        "rules": rules,
        "queues": queues,
        "tags": tags,
    }
