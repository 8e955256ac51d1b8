"""Histories of configurations as a contact centre has them: many objects, each changed a little again and again.

The same ones each time, round by round, so that nobody has to hold them all: the first version of every configuration,
then the second of every one. Only the standard library, since peers make them in environments of their own.
"""

from __future__ import annotations

import json
import random
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

QUEUES = ("Billing", "Retention", "Payments", "Claims", "Onboarding", "Technical help")
REGIONS = ("EMEA", "DACH", "Iberia", "Nordics")


def rounds(configs: int, versions: int, *, size: int = 20_000) -> Iterator[list[bytes]]:
    """Give for each version number the bytes of every configuration at it."""
    chances = [random.Random(number) for number in range(configs)]  # noqa: S311 - no secret
    documents = [_document(number, chance, size) for number, chance in enumerate(chances)]
    for version in range(1, versions + 1):
        for document, chance in zip(documents, chances, strict=True):
            if version > 1:
                _change(document, chance)
            _stamp(document, version, chance)
        yield [json.dumps(document, ensure_ascii=False).encode() for document in documents]


def _guid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _rule(number: int, chance: random.Random) -> dict[str, Any]:
    queue = f"{chance.choice(QUEUES)} {chance.choice(REGIONS)}"
    return {
        "id": _guid(chance),
        "name": f"Rule {number}: {queue}",
        "enabled": chance.random() < 0.9,
        "priority": chance.randrange(20),
        "queue": {"id": _guid(chance), "name": queue},
        "triggers": [
            {"type": "phrase", "value": f"{queue.lower()} {chance.randrange(10_000)}", "confidence": chance.random()}
            for _ in range(2)
        ],
        "knowledge": {"knowledgeBaseId": _guid(chance), "minConfidence": chance.randrange(100) / 100},
    }


def _document(number: int, chance: random.Random, size: int) -> dict[str, Any]:
    document: dict[str, Any] = {"id": _guid(chance), "name": f"Agent Assist {number}", "version": 1, "rules": []}
    while len(json.dumps(document, ensure_ascii=False)) < size:
        document["rules"].append(_rule(len(document["rules"]), chance))
    return document


def _change(document: dict[str, Any], chance: random.Random) -> None:
    """Change one thing, as people do: mostly a number or a word, now and then a rule that comes or goes."""
    rules = document["rules"]
    rule = chance.choice(rules)
    way = chance.random()
    if way < 0.5:
        rule["knowledge"]["minConfidence"] = chance.randrange(100) / 100
    elif way < 0.75:
        rule["triggers"][0]["value"] = f"{rule['triggers'][0]['value'].split()[0]} {chance.randrange(10_000)}"
    elif way < 0.9:
        rule["enabled"] = not rule["enabled"]
        rule["priority"] = chance.randrange(20)
    elif way < 0.95:
        rules.insert(chance.randrange(len(rules)), _rule(len(rules), chance))
    else:
        rules.remove(rule)


def _stamp(document: dict[str, Any], version: int, chance: random.Random) -> None:
    """Let the platform say who wrote it and when."""
    day, second = 1 + version % 28, chance.randrange(86_400)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{chance.randrange(1000):03}"
    document["version"] = version
    document["dateModified"] = f"2026-{1 + version % 12:02}-{day:02}T{clock}Z"
    document["modifiedBy"] = {"id": _guid(chance)}
