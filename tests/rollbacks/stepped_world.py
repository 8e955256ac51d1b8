"""Objects of the types that take several steps back, at the bank: each tracked, changed at night, ready to go back."""

import json
from dataclasses import dataclass
from typing import Any

from rollbacks import actions, applying, driving
from rollbacks.models import AuditEntry, Rollback
from tenants import archive, discovery, importing, object_paths
from tenants.documents import Value
from tenants.models import Snapshot, TrackedConfig
from tenants.resource_types import Paging, catalogue
from tenants.resource_types.definition import PARENT_AND_ID
from tests import world as making
from tests.rollbacks.conftest import QUICK, REASON, Desk

MESSENGER = "webdeployments.configuration"
DEPLOYMENT = "webdeployments.deployment"
ACTION = "integrations.action"
TABLE = "businessrules.decisiontable"
ARTICLE = "knowledge.document"

DRAFTS = "/versions/draft$"
PUBLISH = "/draft/publish$"
AT_NIGHT: dict[str, list[dict[str, Any]]] = {
    ACTION: [
        {"method": "POST", "path": "/draft"},
        {
            "method": "PATCH",
            "path": "/draft",
            "body": {"version": 1, "name": "Look up order (test)", "secure": True},
        },
        {"method": "POST", "path": "/draft/publish", "body": {"version": 2}},
    ],
    TABLE: [
        {"method": "POST", "path": "/versions/2/rollback", "body": {}},
        {"method": "PATCH", "path": "", "body": {"name": "Call routing (old)"}},
    ],
}
"""What somebody does at night, below the path of the object."""
DEPLOYMENTS = "/webdeployments/deployments/"


@dataclass(frozen=True)
class Bench:
    """One object at the bank, its good version and its live one, and what people do with it."""

    desk: Desk
    config: TrackedConfig
    good: Snapshot

    @property
    def live(self) -> Snapshot:
        """What was last seen live."""
        self.config.refresh_from_db()
        assert self.config.live is not None
        return self.config.live

    def request(self, **changes: object) -> Rollback:
        """Let Alice ask for the good version."""
        known: dict[str, object] = {"reason": REASON, "acting_user": self.desk.world.alice}
        return actions.request_rollback(self.config, self.good, **(known | changes))  # type: ignore[arg-type]

    def approved(self) -> Rollback:
        """Give a rollback that only has to be carried out."""
        return self.desk.approve(self.request())

    def run(self, rollback: Rollback, pace: driving.Pace = QUICK) -> Rollback:
        """Carry it out in this process."""
        return applying.apply(rollback.pk, pace=pace)

    def look(self) -> dict[str, Value]:
        """Look at live now, and give it."""
        making.look(self.config)
        return dict(archive.value_of(self.live))

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """Read a path of the platform as the console's client does."""
        answer = self.desk.world.platform.read(path, params=params or None)
        return dict(json.loads(answer.body))

    def fault(self, kind: str, method: str, path: str, **rule: object) -> None:
        """Make the platform misbehave on the next request of this kind."""
        self.desk.world.practice.add_fault(kind, method=method, path=path, **rule)


def bench(desk: Desk, type_name: str) -> Bench:
    """Track an object of the bank, of which somebody published a bad change at night; the good version is before it.

    A messenger configuration and an article have their bad change in the platform's own history. Of a decision table
    and a data action the console has seen the good state before.
    """
    world = desk.world
    world.practice.set_switches("northwind", propagation_seconds=0.1)
    rtype = catalogue.get(type_name)
    config = making.track(world.northwind, _first(desk, type_name), type_name=type_name)
    looked = making.look(config)
    assert looked.snapshot is not None, looked.detail
    if type_name in AT_NIGHT:
        good = looked.snapshot
        path = object_paths.object_path(rtype, config.object_id)
        for step in AT_NIGHT[type_name]:
            told = {**step, "path": f"{path}{step['path']}"}
            world.practice.foreign_write(path, by="Tom Becker", step=told)
        making.look(config)
    else:
        imported = importing.import_history(config, world.platform)
        assert not imported.refused, imported.refused
        good = making.version(config, looked.snapshot.version - 1)
    config.refresh_from_db()
    return Bench(desk, config, good)


def _first(desk: Desk, type_name: str) -> str:
    platform = desk.world.platform
    if type_name != ARTICLE:
        return discovery.discover(desk.world.northwind, catalogue.get(type_name), platform)[0][0]
    bases = "/api/v2/knowledge/knowledgebases"
    base = str(json.loads(next(platform.entities(bases, paging=Paging.CURSOR)))["id"])
    documents = platform.entities(f"{bases}/{base}/documents", paging=Paging.CURSOR)
    several = (one for one in map(json.loads, documents) if one["lastPublishedVersionNumber"] > 1)
    return f"{base}{PARENT_AND_ID}{next(several)['id']}"


def deployments_of(found: Bench) -> dict[str, str]:
    """Give each deployment of a messenger configuration with the version that it uses."""
    listed = found.desk.world.platform.entities("/api/v2/webdeployments/deployments")
    shown = [json.loads(raw) for raw in listed]
    named = [one for one in shown if one["configuration"]["id"] == found.config.object_id]
    return {one["name"]: one["configuration"]["version"] for one in named}


def steps_of(rollback: Rollback) -> list[tuple[str, str]]:
    """Give each step's kind with its verdict, "" where it was not begun."""
    steps = rollback.steps.select_related("attempt")
    return [(step.kind, step.attempt.verdict if hasattr(step, "attempt") else "") for step in steps]


def entries_of(rollback: Rollback) -> list[str]:
    """Give the trail's entries about a rollback's writes, in their order."""
    entries = AuditEntry.objects.filter(rollback=rollback, action__startswith="write.").order_by("seq")
    return list(entries.values_list("action", flat=True))
