"""Where processes are killed: many objects of one practice organization, tracked by many tenants, and their rollbacks.

Alice asks, Bob approves, and the message goes to whichever worker is meant. The platform runs in this process and keeps
its own log of what it accepted.
"""

import contextlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone
from kombu import Connection

from console.practice.assist import AssistConfigs
from console.practice.raw_json import dump
from console.practice.server import PracticeServer
from console.practice.state import Revision, StoredObject
from rollbacks import actions, transitions
from rollbacks.models import Rollback
from rollbacks.tasks import apply_rollback
from tenants import actions as tenants
from tenants.access import Role
from tenants.models import Membership, Tenant, TrackedConfig
from tests import world
from tests.torture.faults import POINTS

SLUG: Final = "northwind"
ALIAS: Final = "analytics.agentassist.config"
OVERDUE: Final = "overdue"
HORIZON: Final = 3.0
TYPES: Final = f'["{ALIAS}"]\nvisibility_horizon_seconds = {HORIZON}\n'
"""So that an outcome is overdue while the first driver is still there."""
ALONE: Final = tuple(point for point in POINTS if point.endswith("at the commit") and not point.startswith("end_send"))
"""Standing there holds the tenant's row or the head of its trail, so nobody else of that tenant gets on."""
REASON: Final = "Retention rules misfire since last night"


@dataclass(frozen=True, slots=True)
class Place:
    """One object, and the tenant that has it."""

    object_id: str
    tenant: Tenant
    config: TrackedConfig
    stored: StoredObject


@dataclass(slots=True)
class Trial:
    """One rollback that is to stand at one point."""

    point: str
    number: int
    place: Place
    rollback: UUID
    based_on: int
    """The version that was live when it was approved."""
    wanted: bytes
    """The content that it is to restore."""

    @property
    def order(self) -> dict[str, object]:
        """Give what the worker is told: reads are stood at before the intent, before the write and after it."""
        skip = self.number % 3 if self.point.startswith("GET") else 0
        return {"point": self.point, "skip": skip, "object": self.place.object_id}


class Ground:
    """The practice organization and everybody at it."""

    def __init__(self, practice: PracticeServer) -> None:
        self._practice = practice
        self._organization = practice.platform.store.organizations[SLUG]
        self.client_id = self._organization.client.id
        self.alice, self.bob = (
            User.objects.get_or_create(username=name, is_staff=True)[0] for name in ("alice", "bob")
        )

    def insist_on_stale_reads(self, word: str) -> None:
        """Let objects that are to be overdue and bear this word show only what stood before."""
        self._practice.add_fault("stale_reads", path=f"/{OVERDUE}-{word}-", seconds=3600)

    def forgive_stale_reads(self, word: str) -> None:
        """Let everybody see what was written."""
        for rule in self._practice.platform.faults.standing():
            if rule.path == f"/{OVERDUE}-{word}-":
                rule.times = 0

    def found_tenant(self, slug: str) -> Tenant:
        """Make the organization a tenant once more."""
        one = self._practice.credentials[SLUG]
        tenant = tenants.add_tenant(
            slug,
            name=f"Northwind Bank, {slug}",
            api_url=self._practice.url,
            login_url=self._practice.url,
            client_id=one.client_id,
            client_secret=one.client_secret,
            organization_id=one.organization_id,
            requests_a_minute=6000,
            acting_user=None,
        )
        Membership.objects.create(user=self.alice, tenant=tenant, role=Role.OPERATOR)
        Membership.objects.create(user=self.bob, tenant=tenant, role=Role.APPROVER)
        return tenant

    def found_place(self, tenant: Tenant, object_id: str) -> Place:
        """Make an object with two versions, both of them kept."""
        store = self._practice.platform.store
        stored = StoredObject(AssistConfigs.family, object_id, [self._revision(1, "Card stolen")])
        with store.lock:
            self._organization.objects[stored.family, object_id] = stored
        type_name = ALIAS if object_id.startswith(OVERDUE) else world.ASSIST
        place = Place(object_id, tenant, world.track(tenant, object_id, type_name=type_name), stored)
        self.look(place)
        self.write_elsewhere(place, "Billing disputes")
        self.look(place)
        return place

    @staticmethod
    def look(place: Place) -> None:
        """Keep what is live now."""
        world.look(TrackedConfig.objects.get(pk=place.config.pk))

    def write_elsewhere(self, place: Place, topic: str) -> None:
        """Let somebody else write an object."""
        with self._practice.platform.store.lock:
            place.stored.revisions.append(self._revision(place.stored.live.version + 1, topic))

    def _revision(self, version: int, topic: str) -> Revision:
        members = {
            "name": dump(f"Agent Assist – {topic}"),
            "content": dump({"topic": topic, "rules": [{"id": f"r-{n}", "priority": n} for n in range(1, 9)]}),
            "trafficPercent": b"0",
            "deployed": b"false",
            "deploymentId": b"null",
        }
        at = timezone.now() - timedelta(days=30 - min(version, 29))
        return Revision(version, members, at, self._organization.people[0])

    def agree(self, point: str, number: int, place: Place) -> Trial:
        """Let Alice ask for the version that is not live, and Bob approve it."""
        config = TrackedConfig.objects.select_related("tenant").get(pk=place.config.pk)
        for revision in place.stored.revisions:
            # What stands by now is old enough for a stale read to show it.
            revision.settled = -math.inf
        live = place.stored.live
        version = next(
            one.version for one in place.stored.revisions if one.members["content"] != live.members["content"]
        )
        target = config.snapshots.filter(version=version).order_by("-pk")[0]
        rollback = actions.request_rollback(config, target, reason=REASON, acting_user=self.alice)
        actions.approve_rollback(rollback, acting_user=self.bob, plan_digest=rollback.plan_digest)
        wanted = place.stored.revisions[version - 1].members["content"]
        trial = Trial(point, number, place, rollback.pk, live.version, wanted)
        if point.startswith("refuse_run"):
            # Somebody else writes after the approval: the last look refuses.
            self.write_elsewhere(place, f"Tom's word {live.version + 1}")
        return trial

    @staticmethod
    def run(trial: Trial, bell: Connection | None) -> None:
        """Ask for the run, and tell the worker that listens there; without a bell the schedule finds it."""
        transitions.request_run(Rollback.objects.get(pk=trial.rollback), actor="alice")
        if bell is not None:
            apply_rollback.apply_async((str(trial.rollback),), connection=bell)  # type: ignore[call-arg]

    def writes_of_ours(self, place: Place, *, after: int = 0) -> list[dict[str, Any]]:
        """Give every write of ours that the platform accepted on an object after a version, oldest first."""
        writes = self._practice.writes(place.object_id)
        return [one for one in writes if one["client"] == self.client_id and one["version"] > after]

    def forget_writes(self, place: Place) -> None:
        """Lose the log of an object, so that a test can see that the log is looked at."""
        store = self._practice.platform.store
        with store.lock:
            store.writes = [one for one in store.writes if one["object"] != place.object_id]

    def accepted(self, trial: Trial) -> list[dict[str, Any]]:
        """Give every write of ours that the platform accepted on a trial's object after its approval."""
        return self.writes_of_ours(trial.place, after=trial.based_on)


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """Serve a practice platform, and give the ground on it."""
    with PracticeServer() as practice:
        yield Ground(practice)


def topic(content: bytes) -> str:
    """Give what a content is about, for a sentence."""
    return str(json.loads(content)["topic"])
