"""Make the objects of Northwind Bank whose versions the platform keeps by itself, dated back from `now`."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from console.practice import northwind_desk as desk
from console.practice.business_rules import DecisionTables
from console.practice.data_actions import ActionDrafts, DataActions
from console.practice.knowledge import KnowledgeBases, KnowledgeDocuments
from console.practice.raw_json import dump
from console.practice.state import Person, Revision, StoredObject, timestamp
from console.practice.telling import known_id, moment

_SLUG = "northwind"


class Founder:
    """Makes a decision table, a knowledge base with its documents, and a data action without a draft."""

    def __init__(self, people: list[Person], division: dict[str, str], now: datetime) -> None:
        """Work for the bank's people, in one division."""
        self._people = people
        self._division = division
        self._now = now

    def objects(self) -> Iterator[StoredObject]:
        """Give every object."""
        yield self._table(desk.ROUTING_TABLE)
        yield from self._knowledge()
        yield from self._action(desk.ACTION)

    def _at(self, days: int, salt: str) -> datetime:
        return moment(self._now, days, "18:41" if days == 1 else f"{9 + days % 7}:{10 + days % 40}", salt)

    def _who(self, author: int) -> dict[str, str]:
        person = self._people[author]
        return {"id": person.id, "selfUri": f"/api/v2/users/{person.id}"}

    def _table(self, told: dict[str, Any]) -> StoredObject:
        name = told["name"]
        versions: list[dict[str, Any]] = []
        revisions = []
        for number, (days, author, change, rows) in enumerate(told["versions"], start=1):
            at = self._at(days, name)
            for one in versions:
                one["status"] = "Superseded"
            versions.append(
                {
                    "version": number,
                    "status": "Published",
                    "description": change,
                    "columns": desk.ROUTING_COLUMNS,
                    "rows": rows,
                    "dateCreated": timestamp(at),
                    "dateModified": timestamp(at),
                    "datePublished": timestamp(at),
                    "createdBy": self._who(author),
                    "publishedBy": self._who(author),
                }
            )
            members = {
                "name": dump(name),
                "description": dump(told["description"]),
                "columns": dump(desk.ROUTING_COLUMNS),
                "versions": dump(versions),
                "published": dump(number),
            }
            revisions.append(Revision(number, members, at, self._people[author]))
        schema = known_id(_SLUG, "businessrulesschema", "Call routing")
        parent = {
            "id": schema,
            "name": "Call routing",
            "selfUri": f"/api/v2/businessrules/schemas/{schema}",
            "version": 1,
        }
        fixed = {
            "division": self._division,
            "dateCreated": timestamp(revisions[0].at),
            "contract": {"parentSchema": parent},
        }
        return StoredObject(DecisionTables.family, known_id(_SLUG, DecisionTables.family, name), revisions, fixed)

    def _knowledge(self) -> Iterator[StoredObject]:
        told = desk.KNOWLEDGE_BASE
        base_id = known_id(_SLUG, KnowledgeBases.family, told["name"])
        made = self._at(310, told["name"])
        members = {"name": dump(told["name"]), "description": dump(told["description"])}
        fixed = {
            "coreLanguage": told["coreLanguage"],
            "dateCreated": timestamp(made),
            "faqCount": 0,
            "articleCount": len(desk.DOCUMENTS),
            "published": True,
            "contentSearchEnabled": True,
        }
        yield StoredObject(KnowledgeBases.family, base_id, [Revision(1, members, made, self._people[4])], fixed)
        reference = {
            "id": base_id,
            "languageCode": told["coreLanguage"],
            "contentSearchEnabled": True,
            "selfUri": f"/api/v2/knowledge/knowledgebases/{base_id}",
        }
        shared = {"knowledgeBase": reference, "categories": _named(base_id, "categories", desk.CATEGORIES)}
        shared |= {"labels": [{**one, "color": "#0B5CAB"} for one in _named(base_id, "labels", desk.LABELS)]}
        for title, phrases, category, labels, versions in desk.DOCUMENTS:
            yield self._document(title, phrases, category, labels, versions, shared)

    def _document(
        self,
        title: str,
        phrases: tuple[str, ...],
        category: int,
        labels: tuple[int, ...],
        told: list[tuple[int, int, tuple[str, ...]]],
        shared: dict[str, Any],
    ) -> StoredObject:
        object_id = known_id(_SLUG, KnowledgeDocuments.family, title)
        made: list[dict[str, Any]] = []
        revisions = []
        for number, (days, author, paragraphs) in enumerate(told, start=1):
            at = self._at(days, title)
            content = {
                "title": title,
                "visible": True,
                "alternatives": [{"phrase": one, "autocomplete": True} for one in phrases],
                "categoryId": shared["categories"][category]["id"],
                "labelIds": [shared["labels"][one]["id"] for one in labels],
                "externalId": None,
                "externalUrl": None,
                "variations": [_variation(object_id, paragraphs, at)],
            }
            made.append(
                {
                    "id": str(uuid.uuid5(uuid.UUID(object_id), str(number))),
                    "versionNumber": number,
                    "datePublished": timestamp(at),
                    "by": self._people[author].id,
                    "content": content,
                }
            )
            members = {**{key: dump(value) for key, value in content.items()}, "versions": dump(made)}
            revisions.append(Revision(number, members, at, self._people[author]))
        fixed = {**shared, "dateCreated": timestamp(revisions[0].at), "createdBy": self._who(told[0][1])}
        return StoredObject(KnowledgeDocuments.family, object_id, revisions, fixed)

    def _action(self, told: dict[str, Any]) -> Iterator[StoredObject]:
        name = told["name"]
        object_id = known_id(_SLUG, DataActions.family, name)
        fixed = {"integrationId": known_id(_SLUG, "integration", told["integration"])}
        revisions = []
        for number, (days, author, config) in enumerate(told["versions"], start=1):
            members = {
                "name": dump(name),
                "category": dump(told["category"]),
                "config": dump(config),
                "contract": dump(desk.ACTION_CONTRACT),
                "secure": b"false",
            }
            revisions.append(Revision(number, members, self._at(days, name), self._people[author]))
        yield StoredObject(DataActions.family, object_id, revisions, fixed)
        last = revisions[-1]
        gone = Revision(1, {**last.members, "present": b"false"}, last.at, last.by)
        yield StoredObject(ActionDrafts.family, object_id, [gone], fixed)


def _named(base: str, kind: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    ids = {one: known_id(_SLUG, base, kind, one) for one in names}
    where = f"/api/v2/knowledge/knowledgebases/{base}/{kind}"
    return [{"id": known, "name": name, "selfUri": f"{where}/{known}"} for name, known in ids.items()]


def _variation(document: str, paragraphs: tuple[str, ...], at: datetime) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid5(uuid.UUID(document), "variation")),
        "dateCreated": timestamp(at),
        "dateModified": timestamp(at),
        "priority": 1,
        "name": "For everybody",
        "contexts": [],
        "body": {
            "blocks": [
                {"type": "Paragraph", "paragraph": {"blocks": [{"type": "Text", "text": {"text": one}}]}}
                for one in paragraphs
            ]
        },
    }
