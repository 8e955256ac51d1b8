"""Tenants, people and versions for the tests of pages: rows written directly, so that no platform has to run.

Northwind Bank keeps the Agent Assist configuration "Billing EMEA", version 41 was accepted as right, and last night
Marek Wolski wrote version 42. alice is operator there, bob approver, carol viewer; dana is operator of Litware Retail
and has no role at Northwind; rae owns the platform.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from tenants import archive
from tenants.models import Membership, Snapshot, Tenant, TrackedConfig
from tenants.resource_types import catalogue, projection

Content = dict[str, Any]

RULES = (
    "Refund request",
    "Cancel contract",
    "Upgrade offer",
    "Complaint",
    "Password reset",
    "Invoice copy",
    "Change of address",
    "Direct debit",
    "Late fee",
    "Tariff question",
)


@dataclass(frozen=True, slots=True)
class PageWorld:
    """What the tests name."""

    northwind: Tenant
    litware: Tenant
    billing: TrackedConfig
    foreign: TrackedConfig
    people: dict[str, User]


def person(name: str, first: str, last: str, *, owner: bool = False) -> User:
    """Add a user whose password is the name followed by `-password`."""
    return User.objects.create_user(
        name, password=f"{name}-password", first_name=first, last_name=last, is_staff=True, is_superuser=owner
    )


def tenant(slug: str, name: str, **columns: Any) -> Tenant:
    """Add a tenant whose client secret nobody can unseal."""
    columns = {"region": "mypurecloud.de", "client_id": f"{slug}-client", "client_secret_sealed": b"sealed", **columns}
    return Tenant.objects.create(slug=slug, name=name, **columns)


def rule(name: str, number: int) -> Content:
    """Give one rule of an Agent Assist configuration."""
    words = name.lower()
    return {
        "id": f"90c192cf-d3ac-94af-0f21-{number:012d}",
        "name": name,
        "enabled": True,
        "priority": number,
        "triggers": [
            {"type": "phrase", "value": f"{words} please", "confidence": 0.66},
            {"type": "phrase", "value": f"i have a question about a {words}", "confidence": 0.63},
        ],
        "knowledge": {
            "knowledgeBaseId": f"d23f0824-128b-2f33-0c5c-{number:012d}",
            "minConfidence": 0.7,
            "maxSuggestions": 3,
        },
    }


def first_content() -> Content:
    """Give the configuration as it was long ago: about 300 lines."""
    return {
        "enabled": True,
        "language": "en-GB",
        "description": "Surfaces knowledge articles and canned responses to billing agents.",
        "transcription": {"engine": "genesys", "contentSearchEnabled": True, "lowLatency": True},
        "suggestions": {
            "maxPerUtterance": 3,
            "minConfidence": 0.65,
            "feedbackEnabled": True,
            "fallback": {"type": "none"},
        },
        "rules": [rule(name, number) for number, name in enumerate(RULES, start=1)],
        "queues": [
            {
                "id": f"2f1c8a7e-0000-4000-8000-{number:012d}",
                "name": name,
                "mediaSettings": {
                    "call": {
                        "alertingTimeoutSeconds": 8,
                        "serviceLevel": {"percentage": 0.8, "durationMs": 20000},
                    },
                    "chat": {
                        "alertingTimeoutSeconds": 30,
                        "serviceLevel": {"percentage": 0.8, "durationMs": 60000},
                    },
                },
            }
            for number, name in enumerate(("Billing – EMEA", "Retention – EMEA", "Payments – EMEA"), start=1)
        ],
        "tags": ["billing", "emea", "tier-1"],
    }


def last_night(content: Content) -> Content:
    """Give the configuration after the change that is to be found."""
    changed = copy.deepcopy(content)
    changed["description"] = "Surfaces knowledge articles and scripted responses to billing agents in real time."
    changed["suggestions"]["fallback"] = {"type": "message", "text": "No suggestion"}
    rules = changed["rules"]
    rules.insert(0, rules.pop(3))
    refund, cancel = rules[1], rules[2]
    refund["knowledge"]["minConfidence"] = 0.35
    cancel["triggers"][0]["value"] = "cancel contract now"
    del rules[3]
    rules.append(rule("Payment failed", 11))
    changed["queues"][1]["mediaSettings"]["call"]["alertingTimeoutSeconds"] = 12
    changed["tags"][2] = "tier-2"
    return changed


def config(owner: Tenant, object_id: str, name: str, *, rtype: str = "agentassist.config") -> TrackedConfig:
    """Track an object."""
    return TrackedConfig.objects.create(tenant=owner, resource_type=rtype, object_id=object_id, name=name)


def version(
    of: TrackedConfig,
    number: int,
    content: Mapping[str, Any] | bytes,
    *,
    author: str = "Ines Duarte",
    written_at: datetime | None = None,
    source: str = Snapshot.Source.HISTORY,
) -> Snapshot:
    """Keep one version of an Agent Assist configuration; bytes are kept as they are, readable or not."""
    written_at = written_at or timezone.now() - timedelta(days=50 - number)
    if isinstance(content, bytes):
        raw, digest = content, f"{number:064x}"
    else:
        value = {
            "id": of.object_id,
            "name": of.name,
            "version": number,
            "content": content,
            "trafficPercent": 100,
            "dateModified": written_at.isoformat(),
            "modifiedBy": {"id": f"user-{author.split(maxsplit=1)[0].lower()}", "name": author},
        }
        raw = json.dumps(value, ensure_ascii=False).encode()
        digest = projection.content_digest(catalogue.get(of.resource_type), archive.value_from(raw))
    return Snapshot.objects.create(
        config=of,
        version=number,
        document=archive.keep(raw),
        etag=f'"{number}-9f3c"'.encode(),
        digest=digest,
        source=source,
        author_id=f"user-{author.split(maxsplit=1)[0].lower()}",
        author_name=author,
        written_at=written_at,
        captured_at=written_at + timedelta(minutes=3),
    )


def settle(of: TrackedConfig, *, live: Snapshot, baseline: Snapshot) -> TrackedConfig:
    """Say what is live and what was accepted."""
    of.live, of.baseline = live, baseline
    of.presence = TrackedConfig.Presence.PRESENT
    of.looked_at = timezone.now() - timedelta(minutes=2)
    of.changed_at = live.captured_at
    of.save()
    return of


def build() -> PageWorld:
    """Write the world into the database."""
    people = {
        "alice": person("alice", "Alice", "Moreau"),
        "bob": person("bob", "Bob", "Adeyemi"),
        "carol": person("carol", "Carol", "Jensen"),
        "dana": person("dana", "Dana", "Reyes"),
        "rae": person("rae", "Rae", "Lindqvist", owner=True),
    }
    northwind = tenant("northwind", "Northwind Bank")
    litware = tenant("litware", "Litware Retail")
    for name, role in (("alice", "operator"), ("bob", "approver"), ("carol", "viewer")):
        Membership.objects.create(user=people[name], tenant=northwind, role=role)
    Membership.objects.create(user=people["dana"], tenant=litware, role="operator")

    billing = config(northwind, "cfg-billing-emea", "Agent Assist – Billing EMEA")
    content = first_content()
    versions = {}
    for number in range(36, 42):
        content = copy.deepcopy(content)
        content["rules"][number % len(RULES)]["triggers"][0]["confidence"] = round(0.5 + number / 100, 2)
        versions[number] = version(billing, number, content, author="Ines Duarte" if number % 2 else "Tom Becker")
    night = timezone.now() - timedelta(hours=6)
    live = version(billing, 42, last_night(content), author="Marek Wolski", written_at=night, source="live")
    settle(billing, live=live, baseline=versions[41])

    foreign = config(litware, "cfg-retail-secret", "Agent Assist – Litware Returns")
    only = version(foreign, 7, first_content(), author="Zoe Litwin", source="live")
    settle(foreign, live=only, baseline=only)
    return PageWorld(northwind=northwind, litware=litware, billing=billing, foreign=foreign, people=people)


def many(owner: Tenant, count: int, *, drifted: int = 0) -> list[TrackedConfig]:
    """Track many configurations of one version, the first `drifted` of them with a second one that nobody accepted."""
    made = []
    base = {"enabled": True, "rules": [rule("Complaint", 1)]}
    for number in range(count):
        one = config(owner, f"cfg-{number:04d}", f"Agent Assist – Team {number:04d}")
        first = version(one, 1, {**base, "team": number}, author="Ines Duarte")
        live = first
        if number < drifted:
            live = version(one, 2, {**base, "team": number, "enabled": False}, author="Marek Wolski")
        made.append(settle(one, live=live, baseline=first))
    return made
