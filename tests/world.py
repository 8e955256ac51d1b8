"""The world of the tests: three people, a practice server on real HTTP, a tenant on it and a config with a past.

Alice asks (operator), Bob approves (approver), Carol may only look (viewer and auditor). They work at Northwind Bank;
none of them has a role at Tailspin Outdoor, unless a test gives one. `tests/conftest.py` makes fixtures of these.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from console.practice.server import PracticeServer
from tenants import actions, archive, capture, connections, importing
from tenants.access import Role
from tenants.models import Document, Membership, Snapshot, Tenant, TrackedConfig
from tenants.remote.client import Platform
from tenants.resource_types import catalogue
from tenants.resource_types.definition import ResourceType

PASSWORD = "correct horse battery staple"
ASSIST = "agentassist.config"
BILLING = "cfg-1"
BILLING_PATH = f"/api/v2/agentassist/configs/{BILLING}"


@dataclass(frozen=True)
class People:
    """Who there is."""

    alice: User
    bob: User
    carol: User


def make_people() -> People:
    """Make Alice, Bob and Carol; all of them may sign in with PASSWORD."""
    return People(
        *(
            User.objects.create_user(name, password=PASSWORD, is_staff=True, first_name=name.title())
            for name in ("alice", "bob", "carol")
        )
    )


def make_tenant(practice: PracticeServer, slug: str, **changes: object) -> Tenant:
    """Make a practice organization a tenant, as `tenant add` does."""
    one = practice.credentials[slug]
    known: dict[str, object] = {
        "name": one.organization_name,
        "api_url": practice.url,
        "login_url": practice.url,
        "client_id": one.client_id,
        "client_secret": one.client_secret,
        "organization_id": one.organization_id,
        "acting_user": None,
    }
    return actions.add_tenant(slug, **(known | changes))  # type: ignore[arg-type]


def give_roles(user: User, tenant: Tenant, *roles: Role) -> None:
    """Give a user roles in a tenant."""
    for role in roles:
        Membership.objects.create(user=user, tenant=tenant, role=role)


def track(tenant: Tenant, object_id: str, *, type_name: str = ASSIST) -> TrackedConfig:
    """Track an object without looking at it yet."""
    return capture.track(tenant, catalogue.get(type_name), [object_id]).added[0]


def look(config: TrackedConfig) -> capture.Look:
    """Look at live now, whole."""
    return capture.look(config, platform_of(config), now=timezone.now(), conditional=False)


def platform_of(config: TrackedConfig) -> Platform:
    """Give the client of a config's tenant."""
    return connections.connect(config.tenant)


def type_of(config: TrackedConfig) -> ResourceType:
    """Give a config's resource type."""
    return catalogue.get(config.resource_type)


def version(config: TrackedConfig, number: int) -> Snapshot:
    """Give the kept snapshot of a version."""
    return config.snapshots.filter(version=number).order_by("-pk")[0]


def content(snapshot: Snapshot) -> object:
    """Give what an assist configuration of a snapshot holds."""
    return archive.value_of(snapshot)["content"]


@dataclass(frozen=True)
class World:
    """A config with its whole history at the bank, and everybody around it."""

    practice: PracticeServer
    people: People
    northwind: Tenant
    tailspin: Tenant
    config: TrackedConfig
    """`cfg-1`, "Agent Assist – Billing EMEA", with every version since the first; live is last night's bad change."""

    @property
    def alice(self) -> User:
        """She asks: operator at Northwind."""
        return self.people.alice

    @property
    def bob(self) -> User:
        """He approves: approver at Northwind."""
        return self.people.bob

    @property
    def carol(self) -> User:
        """She may only look: viewer and auditor at Northwind."""
        return self.people.carol

    @property
    def platform(self) -> Platform:
        """The client of the bank."""
        return connections.connect(self.northwind)

    @property
    def live_version(self) -> int:
        """The version that is live on the platform now."""
        return int(self.practice.platform.store.organizations["northwind"].objects["assist", BILLING].live.version)


_HISTORY: dict[date, tuple[list[tuple[str, bytes]], list[Snapshot]]] = {}
"""What the first import of a run kept; the practice platform tells the same history all day, byte for byte."""


def import_history(config: TrackedConfig, practice: PracticeServer) -> None:
    """Import the config's history over HTTP, once in a run; later worlds get the rows that the first import made."""
    told_on = practice.platform.store.organizations["northwind"].objects["assist", BILLING].revisions[0].at.date()
    if told_on not in _HISTORY:
        imported = importing.import_history(config, connections.connect(config.tenant))
        assert not imported.refused, imported.refused
        assert not imported.stopped, imported.stopped
        rows = list(config.snapshots.filter(source=Snapshot.Source.HISTORY).select_related("document").order_by("pk"))
        raws = archive.bytes_of_all(row.document_id for row in rows)
        _HISTORY[told_on] = ([(pk, raw) for pk, raw in raws.items() if isinstance(raw, bytes)], rows)
        return
    _keep_again(config, *_HISTORY[told_on])
    config.history_imported_at = timezone.now()
    config.save(update_fields=["history_imported_at"])


_CONFIG = object()
_TOLD: dict[int, list[tuple[str, list[Any]]]] = {}
"""The statements that kept a history again, by its list of rows: Django takes ten times as long to make them up."""


def _keep_again(config: TrackedConfig, documents: list[tuple[str, bytes]], rows: list[Snapshot]) -> None:
    """Keep them as they were kept before there were chains: whatever was stored once goes on being read."""
    if id(rows) not in _TOLD:
        told: list[tuple[str, list[Any]]] = []

        def noted(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if sql.startswith("INSERT"):
                told.append((sql, [_CONFIG if one == config.pk else one for one in params]))
            return execute(sql, params, many, context)

        plain = [Document(sha256=pk, body=raw, size=len(raw)) for pk, raw in documents]
        for row in rows:
            row.pk, row.config = None, config
        with connection.execute_wrapper(noted):
            Document.objects.bulk_create(plain, ignore_conflicts=True)
            Snapshot.objects.bulk_create(rows)
        _TOLD[id(rows)] = told
        return
    with connection.cursor() as cursor:
        for sql, params in _TOLD[id(rows)]:
            cursor.execute(sql, [config.pk if one is _CONFIG else one for one in params])


def make_world(practice: PracticeServer, people: People) -> World:
    """Make the world, with the whole history of `cfg-1`."""
    with pytest.MonkeyPatch.context() as patch:
        # The database holds the same rules; to ask it for each beforehand takes a third of the world's making.
        patch.setattr(Tenant, "full_clean", lambda _: None)
        northwind, tailspin = make_tenant(practice, "northwind"), make_tenant(practice, "tailspin")
    give_roles(people.alice, northwind, Role.OPERATOR)
    give_roles(people.bob, northwind, Role.APPROVER)
    give_roles(people.carol, northwind, Role.VIEWER, Role.AUDITOR)
    config = track(northwind, BILLING)
    look(config)
    import_history(config, practice)
    return World(practice=practice, people=people, northwind=northwind, tailspin=tailspin, config=config)
