"""Documents of a contact centre in pairs, with the true changes between the two: whoever makes them knows."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES: Final = {"5 KB": 5_000, "200 KB": 200_000, "5 MB": 5_000_000}
LONG: Final = 2000


@dataclass(frozen=True)
class Case:
    """Two documents as bytes, and how many changes of which kinds lie between them."""

    name: str
    before: bytes
    after: bytes
    kinds: dict[str, int]

    @property
    def truth(self) -> int:
        """How many changes there are."""
        return sum(self.kinds.values())


def cases(sizes: dict[str, int] = SIZES) -> Iterator[Case]:
    """Give all pairs, the same ones each time."""
    for size, wanted in sizes.items():
        chance = random.Random(wanted)  # noqa: S311 - no secret
        document = _of_size(wanted, chance)
        for share in (1, 10):
            yield _case(
                f"{size}, {share} % of the rules changed", document, partial(_edited, percent=share, chance=chance)
            )
        yield _case(f"{size}, one rule put in front", document, _put_in_front)
        yield _case(f"{size}, one rule moved", document, _moved)
        yield _case(f"{size}, one rule moved and edited", document, _moved_and_edited)
    chance = random.Random(LONG)  # noqa: S311 - no secret
    rules = [{"id": f"r-{number}", "name": f"Rule {number}", "enabled": True} for number in range(LONG)]
    yield _case("2,000 rules, one put in front", {"rules": rules}, _put_in_front)
    yield _case("2,000 phrases, one put in front", {"rules": [f"phrase {n}" for n in range(LONG)]}, _put_in_front)
    keyless = [
        {"weight": chance.randrange(9), "confidence": chance.randrange(100) / 100, "any of": [f"phrase {n}", "please"]}
        for n in range(LONG)
    ]
    yield _case("2,000 triggers without a key, one put in front", {"rules": keyless}, _put_in_front)
    yield _case("2,000 triggers without a key, 1 % changed", {"rules": keyless}, partial(_reweighed, chance=chance))


def _case(name: str, document: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, int]]) -> Case:
    after = copy.deepcopy(document)
    kinds = change(after)
    before, new = (json.dumps(side, ensure_ascii=False).encode() for side in (document, after))
    return Case(name, before, new, kinds)


def _of_size(wanted: int, chance: random.Random) -> dict[str, Any]:
    document: dict[str, Any] = {"name": "Agent Assist – Billing EMEA", "version": 41, "rules": []}
    each = len(json.dumps(_rule(1, chance), ensure_ascii=False).encode())
    document["rules"] = [_rule(number, chance) for number in range(max(2, round(wanted / each)))]
    return document


def _rule(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "id": f"{chance.getrandbits(48):012x}-{number}",
        "name": f"Rule {number}: refund request",
        "enabled": chance.random() < 0.9,
        "priority": chance.randrange(5),
        "triggers": [
            {"type": "phrase", "value": f"money back {number}-{which}", "confidence": chance.randrange(100) / 100}
            for which in range(2)
        ],
        "knowledge": {
            "knowledgeBaseId": f"{chance.getrandbits(64):016x}",
            "minConfidence": chance.randrange(100) / 100,
            "maxSuggestions": 3,
        },
    }


def _edited(document: dict[str, Any], *, percent: int, chance: random.Random) -> dict[str, int]:
    rules = document["rules"]
    chosen = chance.sample(range(len(rules)), max(1, round(len(rules) * percent / 100)))
    kinds = {"changed": 0, "added": 0, "removed": 0}
    leaving, arriving = [], []
    for turn, place in enumerate(chosen):
        rule, way = rules[place], turn % 7
        if way == 0:
            rule["knowledge"]["minConfidence"] = 1.5
        elif way == 1:
            rule["name"] = f"{rule['name']}, second line"
        elif way == 2:
            rule["triggers"][1]["value"] += " please"
        elif way == 3:
            rule["note"] = "Asked for by the floor."
        elif way == 4:
            del rule["priority"]
        elif way == 5:
            leaving.append(rule["id"])
        else:
            arriving.append((place, _rule(len(rules) + turn, chance)))
        kinds[("changed", "changed", "changed", "added", "removed", "removed", "added")[way]] += 1
    for place, rule in sorted(arriving, key=lambda pair: pair[0], reverse=True):
        rules.insert(place, rule)
    document["rules"] = [rule for rule in rules if rule["id"] not in leaving]
    return kinds


def _put_in_front(document: dict[str, Any]) -> dict[str, int]:
    rules = document["rules"]
    new: Any = "a new phrase" if isinstance(rules[0], str) else {**copy.deepcopy(rules[0]), "note": "new"}
    if isinstance(new, dict) and "id" in new:
        new |= {"id": "r-new", "name": "Payment failed"}
    rules.insert(0, new)
    return {"added": 1}


def _moved(document: dict[str, Any]) -> dict[str, int]:
    rules = document["rules"]
    rules.insert(len(rules) // 4, rules.pop(len(rules) * 3 // 4))
    return {"moved": 1}


def _moved_and_edited(document: dict[str, Any]) -> dict[str, int]:
    kinds = _moved(document)
    rules = document["rules"]
    rules[len(rules) // 4]["knowledge"]["maxSuggestions"] = 5
    return {**kinds, "changed": 1}


def _reweighed(document: dict[str, Any], *, chance: random.Random) -> dict[str, int]:
    for rule in chance.sample(document["rules"], LONG // 100):
        rule["weight"] += 10
    return {"changed": LONG // 100}
