"""The organizations that the platform starts with: hand-made, the same at every start, dated back from `now`."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

from console.practice import lamna, northwind, tailspin
from console.practice.estates import ESTATES
from console.practice.founding import Founder
from console.practice.furnishing import MACHINES, OUTBOUND_SCRIPT, Furnisher, apart_of, home_of
from console.practice.history import KeptHistory
from console.practice.northwind_types import TypesFurnisher
from console.practice.outbound import Campaigns
from console.practice.permissions import EVERYTHING
from console.practice.raw_json import dump
from console.practice.routing import Queues
from console.practice.state import Client, Organization, Person, Revision, StoredObject, Switches, timestamp
from console.practice.telling import known_id, moment, tell


def found_organizations(now: datetime) -> list[Organization]:
    """Return the bank, the retailer and the health insurer with their histories up to `now`."""
    return [
        _found(now, "northwind", "Northwind Bank", northwind, Switches()),
        _found(
            now,
            "tailspin",
            "Tailspin Outdoor",
            tailspin,
            Switches(unknown_keys="drop", wrong_version_status=409),
        ),
        _found(now, "lamna", "Lamna Health", lamna, Switches(lost_race_status=412, session_etag=True)),
    ]


def found_archive(now: datetime, histories: list[KeptHistory]) -> Organization:
    """Return the organization whose assist configurations are folders of versions."""
    organization = _empty("archive", "Archive of real configurations", Switches())
    author = Person(known_id("archive", "author"), "Author of the original")
    for history in histories:
        revisions = [
            Revision(
                version=number,
                members={
                    "name": dump(history.name),
                    "content": kept.content,
                    "trafficPercent": b"100",
                    "deployed": b"true",
                    "deploymentId": dump(known_id("archive", history.name)),
                },
                at=min(kept.at, now),
                by=author,
                label=kept.subject,
            )
            for number, kept in enumerate(history.versions, start=1)
        ]
        organization.objects["assist", history.name] = StoredObject("assist", history.name, revisions)
    return organization


def _empty(slug: str, name: str, switches: Switches) -> Organization:
    client = Client(known_id(slug, "client"), "Config Vault", "", set(EVERYTHING))
    return Organization(slug, known_id(slug), name, client, switches=switches)


def _found(now: datetime, slug: str, name: str, told: ModuleType, switches: Switches) -> Organization:
    organization = _empty(slug, name, switches)
    people = {one: Person(known_id(slug, "person", one), one) for one in told.PEOPLE}
    organization.people = list(people.values())

    def keep(stored: StoredObject) -> None:
        organization.objects[stored.family, stored.id] = stored

    for one in told.ASSIST:
        object_id = one["id"] or known_id(slug, "assist", one["name"])
        beside = {
            "name": one["name"],
            "trafficPercent": 100,
            "deployed": True,
            "deploymentId": known_id(slug, "deployment", one["name"]),
        }
        revisions = tell(
            now,
            people,
            object_id,
            member="content",
            content=one["content"],
            beside=beside,
            steps=one["steps"],
        )
        keep(StoredObject("assist", object_id, revisions))
    keep(_session(now, slug, told.SESSION, next(iter(people.values()))))
    for number, (title, status, mode, author) in enumerate(told.CAMPAIGNS):
        keep(_campaign(now, slug, title, status, mode, people[author], number, told.QUEUES[number][0]))
    for number, (title, members) in enumerate(told.QUEUES):
        last = number and number == len(told.QUEUES) - 1
        where = apart_of(slug, ESTATES[slug]) if last else {"id": known_id(slug, "division"), "name": "Home"}
        keep(_queue(now, title, members, list(people.values())[number], number, where))
    for stored in _divisions(now, slug, next(iter(people.values()))):
        keep(stored)
    for stored in Furnisher(slug, organization.people, ESTATES[slug], now).objects():
        keep(stored)
    if slug == "northwind":
        for stored in Founder(organization.people, home_of(slug, ESTATES[slug]), now).objects():
            keep(stored)
        for stored in TypesFurnisher(organization.people, ESTATES[slug], now, organization.id).objects():
            keep(stored)
    return organization


def _divisions(now: datetime, slug: str, by: Person) -> Iterator[StoredObject]:
    """Give the home division, the one that nearly everything is in, and one apart."""
    estate = ESTATES[slug]
    told = (
        ({"id": known_id(slug, "division"), "name": "Home"}, "Default division of the organization"),
        (home_of(slug, estate), "Where the contact centre keeps what it works with"),
        (apart_of(slug, estate), "For the people who were told about it"),
    )
    at = moment(now, 390, "09:00", slug)
    for number, (division, description) in enumerate(told):
        members = {"name": dump(division["name"]), "description": dump(description)}
        yield StoredObject("division", division["id"], [Revision(1, members, at, by)], {"homeDivision": number == 0})


def _session(now: datetime, slug: str, data: dict[str, Any], by: Person) -> StoredObject:
    at = moment(now - timedelta(days=1), 0, "16:20", slug)
    fixed = {
        "scriptId": known_id(slug, "script"),
        "conversationId": known_id(slug, "conversation"),
        "dateCreated": timestamp(at - timedelta(minutes=9)),
    }
    revisions = []
    for version in (1, 2, 3):  # the agent filled it in page by page
        shown = {key: data[key] for key in list(data)[: version + 1]}
        revisions.append(Revision(version, {"data": dump(shown)}, at + timedelta(minutes=version), by))
    return StoredObject("session", known_id(slug, "session"), revisions, fixed)


def _campaign(
    now: datetime, slug: str, title: str, status: str, mode: str, by: Person, number: int, queue: str
) -> StoredObject:
    def reference(kind: str, label: str) -> bytes:
        return dump({"id": known_id(slug, kind, label), "name": label})

    estate = ESTATES[slug]
    contacts = estate.contact_lists[number % len(estate.contact_lists)][0]
    made = moment(now, 120 + 17 * number, "10:15", title)
    members = dict(Campaigns.writable) | {
        "name": dump(title),
        "contactList": reference("contactlist", contacts),
        "dialingMode": dump(mode),
        "campaignStatus": dump(status),
        "phoneColumns": dump([{"columnName": "phone", "type": "Cell"}, {"columnName": "phone2", "type": "Home"}]),
        "abandonRate": b"3.0",
        "callerName": dump(title.split(" – ", maxsplit=1)[0][:30]),
        "callerAddress": dump(f"+4420794601{10 + number}"),
        "outboundLineCount": b"12",
        "callAnalysisResponseSet": reference("responseset", MACHINES),
        "callableTimeSet": reference("callabletimeset", estate.callable_times[0][0]),
        "dncLists": b"[" + reference("dnclist", estate.dnc_lists[0]) + b"]",
        "noAnswerTimeout": b"30",
        "callAnalysisLanguage": dump("en-gb"),
        "priority": b"5",
    }
    if mode != "agentless":
        members |= {
            "queue": dump({"id": known_id("queue", queue), "name": queue}),
            "script": reference("script", OUTBOUND_SCRIPT),
        }
    changes: list[tuple[int, dict[str, bytes]]] = [
        (120 + 17 * number, {"campaignStatus": b'"off"', "outboundLineCount": b"8"}),
        (90 + number, {"campaignStatus": b'"off"'}),
        (61 + number, {"campaignStatus": b'"on"'}),
        (30 + number, {"campaignStatus": dump(status), "priority": b"3"}),
    ]
    revisions = [
        Revision(version, members | change, moment(now, days, f"{9 + version}:2{number}", title), by)
        for version, (days, change) in enumerate(changes, start=1)
    ]
    return StoredObject("campaign", known_id(slug, "campaign", title), revisions, {"dateCreated": timestamp(made)})


def _queue(now: datetime, title: str, count: int, by: Person, number: int, division: dict[str, str]) -> StoredObject:
    def medium(seconds: int, target: float, duration: int) -> dict[str, Any]:
        return {
            "alertingTimeoutSeconds": seconds,
            "serviceLevel": {"percentage": target, "durationMs": duration},
            "enableAutoAnswer": False,
        }

    made = moment(now, 380 - 20 * number, "11:05", title)
    media = {
        "call": medium(8 + 2 * number, 0.8, 20_000),
        "callback": medium(30, 0.8, 60_000),
        "email": medium(300, 0.8, 86_400_000),
        "message": medium(30, 0.8, 60_000),
    }
    first = dict(Queues.writable) | {
        "name": dump(title),
        "division": dump(division),
        "description": dump(f"{title}: calls, messages and e-mail"),
        "mediaSettings": dump(media),
        "acwSettings": dump({"wrapupPrompt": "MANDATORY_TIMEOUT", "timeoutMs": 90_000}),
        "routingRules": dump([{"operator": "MEETS_THRESHOLD", "threshold": 9, "waitSeconds": 30.0}]),
        "enableTranscription": b"true",
        "callingPartyName": dump(title[:24]),
    }
    second = first | {"mediaSettings": dump(media | {"call": medium(10 + 2 * number, 0.85, 20_000)})}
    revisions = [
        Revision(1, first, made, by),
        Revision(2, second, moment(now, 40 + number, "14:12", title), by),
    ]
    fixed = {"memberCount": count, "dateCreated": timestamp(made), "createdBy": by.id}
    return StoredObject("queue", known_id("queue", title), revisions, fixed)
