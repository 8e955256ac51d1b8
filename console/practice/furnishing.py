"""Make an estate's furniture into objects with a history, by the organization's own people."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from console.practice.call_flows import Scripts
from console.practice.dialing import ResponseSets
from console.practice.estates import Estate
from console.practice.published import (
    CallableTimeSets,
    ContactLists,
    DataTables,
    DncLists,
    Groups,
    Libraries,
    Locations,
    Responses,
    ScheduleGroups,
    Schedules,
    Sites,
    Users,
    WrapupCodes,
)
from console.practice.raw_json import dump
from console.practice.resource import Resource
from console.practice.state import Person, Revision, StoredObject, timestamp
from console.practice.telling import known_id, moment
from console.practice.web import Deployments, Drafts, WebConfigurations

MACHINES = "Answering machines and persons"  # a call analysis response set
OUTBOUND_SCRIPT = "Outbound call"


class Furnisher:
    """Makes the objects of one organization; the same ids and times at every start."""

    def __init__(self, slug: str, people: list[Person], estate: Estate, now: datetime) -> None:
        """Work for one organization, back from `now`."""
        self._slug = slug
        self.people = people
        self._estate = estate
        self._now = now
        self.home = home_of(slug, estate)

    def objects(self) -> Iterator[StoredObject]:
        """Give every object."""
        yield from self._hours()
        yield from self._outbound()
        yield from self._directory()
        yield from self._texts()
        yield from self._routing()
        yield from self._web()

    def made(
        self,
        kind: type[Resource],
        name: str,
        *states: dict[str, Any],
        fixed: dict[str, Any] | None = None,
        by: int = 0,
        object_id: str | None = None,
    ) -> StoredObject:
        """Return an object with one revision for each of `states`; each adds to the one before."""
        object_id = object_id or known_id(self._slug, kind.family, name)
        author = self.people[by % len(self.people)]
        salt = f"{self._slug}/{kind.family}/{name}"
        start = 40 + sum(salt.encode()) % 260
        members = dict(kind.writable) | dict(kind.hidden)
        if "name" in members:
            members["name"] = dump(name)
        revisions = []
        for version, state in enumerate(states, start=1):
            members = members | {key: dump(value) for key, value in state.items()}
            days = max(3, start // version)
            at = moment(self._now, days, f"{9 + version}:{10 + len(name) % 40}", salt)
            revisions.append(Revision(version, members, at, self.people[(by + version - 1) % len(self.people)]))
        stamps = {"dateCreated": timestamp(revisions[0].at), "createdBy": author.id, "state": "active"}
        return StoredObject(kind.family, object_id, revisions, stamps | (fixed or {}))

    def reference(self, kind: type[Resource], name: str) -> dict[str, str]:
        """Return a reference to the object of that name."""
        return {"id": known_id(self._slug, kind.family, name), "name": name}

    def _hours(self) -> Iterator[StoredObject]:
        estate, day = self._estate, "2026-01-05"
        for name, description, opens, closes, rule in estate.hours:
            first = {"division": self.home, "description": description, "rrule": f"{rule};INTERVAL=1"}
            first |= {"start": f"{day}T{opens}:00.000", "end": f"{day}T17:00:00.000"}
            yield self.made(Schedules, name, first, {"end": f"{day}T{closes}:00.000"})
        for name, date in estate.holidays:
            whole = {"start": f"{date}T00:00:00.000", "end": f"{date}T23:59:59.000", "division": self.home}
            yield self.made(Schedules, name, whole, by=1)
        week = [self.reference(Schedules, one[0]) for one in estate.hours]
        free = [self.reference(Schedules, one[0]) for one in estate.holidays]
        group = {"division": self.home, "timeZone": estate.zone, "openSchedules": week[:1]}
        yield self.made(
            ScheduleGroups,
            estate.hours_group,
            group,
            {"openSchedules": week},
            {"holidaySchedules": free, "description": "Used by every inbound flow"},
        )

    def _outbound(self) -> Iterator[StoredObject]:
        estate = self._estate
        for name, columns, size in estate.contact_lists:
            phones = [one for one in columns if one.lower().startswith(("phone", "telefon"))]
            first = {
                "division": self.home,
                "columnNames": list(columns),
                "phoneColumns": [{"columnName": one, "type": "Cell"} for one in phones],
                "columnDataTypeSpecifications": [
                    {"columnName": columns[0], "columnDataType": "TEXT", "maxLength": 40},
                ],
                "timeZone": estate.zone,
            }
            keep = {"retentionType": "RetentionDays", "retentionDays": 180}
            yield self.made(ContactLists, name, first, keep, fixed={"size": size})
        for name in estate.dnc_lists:
            # Of several, the last is in the division apart.
            where = apart_of(self._slug, estate) if name in estate.dnc_lists[1:] else self.home
            first = {"division": where, "contactMethod": "Phone"}
            rds = {"dncSourceType": "rds", "size": 40 * len(name)}
            yield self.made(DncLists, name, first, {"contactMethod": "Any"}, fixed=rds, by=1)
        responses = {
            "callable.machine": {"name": "machine", "reactionType": "hangup"},
            "callable.person": {"name": "person", "reactionType": "transfer"},
        }
        odd = {"responses": {**responses, "callable.person": {"name": "person", "reactionType": "hangup"}}}
        yield self.made(ResponseSets, MACHINES, {"responses": responses, "beepDetectionEnabled": True}, odd)
        page = known_id(self._slug, "page", "start")
        pages = [{"id": page, "name": "Start", "rootContainer": {"type": "verticalStack"}}]
        script = {"division": self.home, "pages": pages, "startPageId": page, "startPageName": "Start"}
        stamps = {"versionId": known_id(self._slug, "script version"), "createdDate": "2026-02-11T10:20:00.000Z"}
        yield self.made(Scripts, OUTBOUND_SCRIPT, script, fixed=stamps)
        for name, start, stop in estate.callable_times:
            days = [{"startTime": start, "stopTime": stop, "day": day} for day in range(1, 6)]
            times = {"callableTimes": [{"timeSlots": days[:4], "timeZoneId": estate.zone}]}
            yield self.made(
                CallableTimeSets, name, times, {"callableTimes": [{"timeSlots": days, "timeZoneId": estate.zone}]}
            )

    def _directory(self) -> Iterator[StoredObject]:
        estate = self._estate
        for place in estate.places:
            first = {
                "address": {
                    "street1": place.street,
                    "city": place.city,
                    "zipcode": place.zipcode,
                    "country": place.country,
                    "countryName": place.country,
                },
                "emergencyNumber": {"e164": place.number, "number": place.number, "type": "default"},
                "contactUser": self.people[0].id,
            }
            note = {"notes": "Reception until 18:00, then the guard at the back door."}
            yield self.made(Locations, place.name, first, note, fixed={"addressVerified": True, "addressStored": True})
            site = {
                "division": self.home,
                "location": self.reference(Locations, place.name),
                "mediaModel": "Cloud",
                "mediaRegions": ["eu-west-2", "eu-central-1"],
                "callerId": place.number,
                "edgeAutoUpdateConfig": {
                    "timeZone": estate.zone,
                    "rrule": "FREQ=WEEKLY;BYDAY=SU",
                    "start": "2026-01-04T02:00:00.000",
                    "end": "2026-01-04T05:00:00.000",
                },
                "ntpSettings": {"servers": ["0.pool.ntp.example", "1.pool.ntp.example"]},
            }
            named = {"callerName": place.city}
            yield self.made(Sites, f"{place.name} – telephony", site, named, fixed={"managed": False})
        yield self.made(
            Sites,
            "PureCloud Voice – AWS",
            {"location": self.reference(Locations, estate.places[0].name), "mediaModel": "Cloud"},
            fixed={"managed": True},
        )
        for number, (person, title) in enumerate(zip(self.people, estate.titles, strict=True)):
            mail = f"{person.name.split()[0].lower()}.{number + 1}@{estate.mail}"
            first = {"email": mail, "username": mail, "title": title, "department": "Contact centre"}
            boss: dict[str, Any] = {"manager": self.people[0].id} if number else {"certifications": ["GCP-GCX-ADM"]}
            contact = [{"address": mail, "mediaType": "EMAIL", "type": "PRIMARY"}]
            yield self.made(
                Users,
                person.name,
                first,
                boss,
                object_id=person.id,
                fixed={"division": self.home, "primaryContactInfo": contact},
            )
        for name, description, members in estate.groups:
            first = {"description": description, "visibility": "members", "ownerIds": [self.people[0].id]}
            more = {"ownerIds": [one.id for one in self.people[:2]]}
            yield self.made(Groups, name, first, more, fixed={"memberCount": members, "type": "official"})

    def _texts(self) -> Iterator[StoredObject]:
        author = self.people[1]
        user = {"createdBy": {"id": author.id, "name": author.name, "selfUri": f"/api/v2/users/{author.id}"}}
        for library, responses in self._estate.libraries:
            yield self.made(Libraries, library, {"division": self.home}, fixed=user, by=1)
            for name, before, now in responses:
                first = {"libraries": [self.reference(Libraries, library)], "texts": _text(before)}
                yield self.made(Responses, name, first, {"texts": _text(now)}, fixed=user, by=1)

    def _routing(self) -> Iterator[StoredObject]:
        for name, description, columns in self._estate.tables:
            schema = {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "type": "object",
                "required": ["key"],
                "additionalProperties": False,
                "properties": {
                    "key": {"type": "string", "title": "key", "$id": "/properties/key"},
                    **{
                        one: {"type": kind, "title": one, "$id": f"/properties/{one}", "displayOrder": order}
                        for order, (one, kind) in enumerate(columns.items(), start=1)
                    },
                },
            }
            table = {"division": self.home, "description": description, "schema": schema}
            yield self.made(DataTables, name, table | {"description": "New table"}, table)
        for number, name in enumerate(self._estate.codes):
            yield self.made(WrapupCodes, name, {"division": self.home}, by=number)

    def _web(self) -> Iterator[StoredObject]:
        name, colour, former = self._estate.messenger
        author = self.people[0]
        reference = {"id": author.id, "selfUri": f"/api/v2/users/{author.id}"}
        look = {
            "languages": [self._estate.language],
            "defaultLanguage": self._estate.language,
            "messenger": _messenger(former),
            "position": {"alignment": "Auto", "sideSpace": 20, "bottomSpace": 20},
        }
        object_id = known_id(self._slug, "webconfig", name)
        made = {"createdUser": reference}
        states = (look, {"messenger": _messenger(colour)})
        yield self.made(WebConfigurations, name, *states, object_id=object_id, fixed=made)
        later = {"description": "Waiting for the new privacy notice"}
        yield self.made(Drafts, name, *states, later, object_id=object_id, fixed=made)
        yield self.made(
            Deployments,
            f"{name} – production",
            {"configuration": {"id": object_id, "version": "1"}, "allowedDomains": [f"www.{self._estate.mail}"]},
            {"configuration": {"id": object_id, "version": "2"}},
        )


def home_of(slug: str, estate: Estate) -> dict[str, str]:
    """Return the division that the organization's objects are in."""
    return {"id": known_id(slug, "division", estate.division), "name": estate.division}


def apart_of(slug: str, estate: Estate) -> dict[str, str]:
    """Return the division that few may see."""
    return {"id": known_id(slug, "division", estate.apart), "name": estate.apart}


def _text(content: str) -> list[dict[str, str]]:
    return [{"content": content, "contentType": "text/plain"}]


def _messenger(colour: str) -> dict[str, Any]:
    return {
        "enabled": True,
        "styles": {"primaryColor": colour},
        "launcherButton": {"visibility": "On"},
        "fileUpload": {
            "enableAttachments": True,
            "modes": [{"fileTypes": ["image/png", "image/jpeg"], "maxFileSizeKB": 10240}],
        },
        "homeScreen": {"enabled": False},
    }
