"""The platform's own record of who changed what: the question for one object, and the records in an answer; pure.

PLATFORM.md, "Noticing changes", names the query; the shape of its records is that of the published SDKs. A record names
user, OAuth client, addresses and changed properties. It bears **no version number and no correlation id**, and nothing
says how late one may come, so what follows from records is judged by object, client and time alone.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tenants.documents import InvalidDocument, Value, load, visible

PERMISSION: Final = "audits:audit:view"
PAGE_SIZE: Final = 100
KEPT: Final = timedelta(days=14)
"""So far back the query that is answered at once reaches; what is older takes the asynchronous one."""
_LONGEST: Final = 300
_MOST_CHANGES: Final = 50
_MOST_ADDRESSES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of the platform's audit; texts have what hides made visible, and are cut."""

    id: str
    at: datetime
    user_id: str = ""
    user_name: str = ""
    client_id: str = ""
    addresses: tuple[str, ...] = ()
    service: str = ""
    action: str = ""
    entity_id: str = ""
    entity_type: str = ""
    entity_name: str = ""
    status: str = ""
    changed: tuple[str, ...] = ()
    """The names of the properties that it says were changed; their values are not kept, for some are secrets."""

    @property
    def failed(self) -> bool:
        """Whether it says that nothing came of it."""
        return self.status.upper() == "FAILURE"

    @property
    def named(self) -> bool:
        """Whether it names anybody at all."""
        return bool(self.client_id or self.user_id or self.user_name)

    @property
    def who(self) -> str:
        """Who it was, in words."""
        user = self.user_name or self.user_id
        if user and self.client_id:
            return f"{user} through the OAuth client {self.client_id}"
        if self.client_id:
            return f"the OAuth client {self.client_id}"
        return user or "somebody whom the record does not name"

    def to_json(self) -> dict[str, Any]:
        """Give what is kept of it, and shown in JSON."""
        return {
            "id": self.id,
            "at": self.at.astimezone(UTC).isoformat(),
            "user": {"id": self.user_id, "name": self.user_name},
            "client": self.client_id,
            "addresses": list(self.addresses),
            "service": self.service,
            "action": self.action,
            "entity": {"id": self.entity_id, "type": self.entity_type, "name": self.entity_name},
            "status": self.status,
            "changed": list(self.changed),
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Record":
        """Give the record that `to_json` kept."""
        return cls(
            id=kept["id"],
            at=datetime.fromisoformat(kept["at"]),
            user_id=kept["user"]["id"],
            user_name=kept["user"]["name"],
            client_id=kept["client"],
            addresses=tuple(kept["addresses"]),
            service=kept["service"],
            action=kept["action"],
            entity_id=kept["entity"]["id"],
            entity_type=kept["entity"]["type"],
            entity_name=kept["entity"]["name"],
            status=kept["status"],
            changed=tuple(kept["changed"]),
        )


class UnreadableAnswer(Exception):
    """The answer to the question is not the one that is known; the message is a sentence."""


def entity_id_of(object_id: str) -> str:
    """Give the id under which records name an object: of one inside another, its own."""
    return object_id.rpartition("~")[2]


def question(entity_id: str, *, since: datetime, until: datetime, page: int | None = None) -> bytes:
    """Give the body that asks for the records of one object; with `page` that of the query answered at once."""
    asked: dict[str, Any] = {
        "interval": f"{_moment(since)}/{_moment(max(since, until))}",
        "filters": [{"property": "EntityId", "value": entity_id}],
    }
    if page is not None:
        asked |= {"pageNumber": page, "pageSize": PAGE_SIZE}
    return json.dumps(asked).encode()


def answer_in(body: bytes) -> dict[str, Value]:
    """Give the object that an answer is. Raises UnreadableAnswer."""
    try:
        answer = load(body)
    except InvalidDocument as error:
        message = f"What the platform's audit query answered could not be read: {error}"
        raise UnreadableAnswer(message) from error
    if not isinstance(answer, dict):
        message = "What the platform's audit query answered is no object, so it was not used."
        raise UnreadableAnswer(message)
    return answer


def records_in(answer: dict[str, Value]) -> list[Record]:
    """Give the records in an answer, as they come; one with no id or no time is refused with the whole answer."""
    entities = answer.get("entities")
    if entities is None and answer.get("total") == 0:
        return []
    if not isinstance(entities, list):
        message = "What the platform's audit query answered has no list of entities, so it was not used."
        raise UnreadableAnswer(message)
    return [_record(one) for one in entities]


def page_count(answer: dict[str, Value]) -> int | None:
    """Give how many pages there are; None where the answer does not say."""
    count = answer.get("pageCount")
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def text_in(answer: dict[str, Value], key: str) -> str:
    """Give a text of an answer; empty where there is none."""
    value = answer.get(key)
    return value if isinstance(value, str) else ""


def unique(records: Iterable[Record]) -> list[Record]:
    """Give each record once, the oldest first: pages that were read while records came show some twice."""
    return sorted({one.id: one for one in records}.values(), key=lambda one: (one.at, one.id))


def _record(told: Value) -> Record:
    if not isinstance(told, dict):
        message = "What the platform's audit query answered has an entity that is no object, so it was not used."
        raise UnreadableAnswer(message)
    key, at = told.get("id"), _time(told.get("eventDate"))
    if not isinstance(key, str) or not key or at is None:
        message = "What the platform's audit query answered has a record without an id or a time, so it was not used."
        raise UnreadableAnswer(message)
    changes = told.get("propertyChanges")
    addresses = told.get("remoteIp")
    named = [
        _text(one.get("property")) for one in (changes if isinstance(changes, list) else ()) if isinstance(one, dict)
    ]
    return Record(
        id=visible(key)[:_LONGEST],
        at=at,
        user_id=_of(told, "user", "id"),
        user_name=_of(told, "user", "name"),
        client_id=_of(told, "client", "id"),
        addresses=tuple(map(_text, addresses if isinstance(addresses, list) else ()))[:_MOST_ADDRESSES],
        service=_text(told.get("serviceName")),
        action=_text(told.get("action")),
        entity_id=_of(told, "entity", "id"),
        entity_type=_text(told.get("entityType")),
        entity_name=_of(told, "entity", "name"),
        status=_text(told.get("status")),
        changed=tuple(dict.fromkeys(name for name in named if name))[:_MOST_CHANGES],
    )


def _of(told: dict[str, Value], key: str, inner: str) -> str:
    value = told.get(key)
    return _text(value.get(inner)) if isinstance(value, dict) else ""


def _text(value: Value) -> str:
    return visible(value)[:_LONGEST] if isinstance(value, str) else ""


def _time(value: Value) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if at is None:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
