"""A tenant at work: a row in every state in which a page offers something, and somebody of each role who walks there.

The bank's `cfg-1` has been rolled back, its rollback is kept or undone, another one met a conflict, and one waits for a
word; `cfg-2` lies in a freeze window and has an approved rollback that waits; nobody of those who walk did any of it.
"""

import itertools
from dataclasses import dataclass
from datetime import timedelta

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import models
from django.utils import timezone

from rollbacks import actions, applying, breaking_glass, freeze_actions, schedule_actions
from rollbacks.models import FreezeWindow, Rollback
from tenants import actions as tenants
from tenants import entitling, importing
from tenants.access import Role
from tenants.bisecting import Said
from tenants.discovery import Found, Survey
from tenants.models import Onboarding, Tenant, TrackedConfig
from tenants.resource_types import catalogue
from tests import world as making
from tests.rollbacks.conftest import QUICK
from tests.walk.routes import PLAIN, Route
from tests.walk.worlds import path_to_tenant, rows_of
from tests.world import World

WHY = "Agents see the wrong article since last night"


@dataclass(frozen=True)
class Home:
    """The bank at work, and who walks: one person of each role, one without any, a platform owner, and nobody."""

    world: World
    tenants: tuple[Tenant, ...]
    """Where each walker has their role: the bank, and a shop in which a glass is broken."""
    walkers: dict[str, User | None]

    def rows(self, label: str) -> list[models.Model]:
        """Give the rows that pages are opened for: every one of a kind that has states, else the first of a tenant."""
        model = apps.get_model(label)
        if model is User:
            return [self.world.alice]
        if model is Group:
            return [*Group.objects.all()[:1]]
        path = path_to_tenant(model)
        if path is None:
            return []
        if label == "tenants.snapshot":
            bank, shop = self.world.config, self.world.tailspin.configs.get()
            rows = (bank.live, bank.snapshots.order_by("version").first(), shop.snapshots.order_by("version").first())
            return [row for row in rows if row is not None]
        return [
            row
            for tenant in self.tenants
            for row in rows_of(model, path, tenant).order_by("pk")[: None if label in EVERY_ROW else 1]
        ]

    def addresses(self, route: Route) -> list[str]:
        """Give the addresses of a route for these rows; those of several rows are of one configuration."""
        chosen = [[PLAIN[name][1]] if not label else self.rows(label) for name, label in route.models().items()]
        names = list(route.models())
        found = []
        for rows in itertools.product(*chosen):
            configs = {config for row in rows if (config := _config(row)) is not None}
            if len(configs) <= 1:
                values = [str(row.pk) if isinstance(row, models.Model) else str(row) for row in rows]
                found.append(route.address(dict(zip(names, values, strict=True))))
        return found


def _config(row: object) -> object:
    return row.pk if isinstance(row, TrackedConfig) else getattr(row, "config_id", None)


EVERY_ROW = {
    "rollbacks.rollback",
    "rollbacks.brokenglass",
    "rollbacks.freezewindow",
    "tenants.trackedconfig",
    "tenants.bisection",
    "tenants.onboarding",
}


def build(world: World, why: str = WHY) -> Home:
    """Furnish the bank through the actions."""
    tenant, shop = world.northwind, world.tailspin
    walkers = walkers_in(tenant, shop)
    other = making.track(tenant, "cfg-2")
    making.look(other)
    importing.import_history(other, making.platform_of(other))
    _rollbacks(world, other, why)
    _judgements(world, why)
    group = Group(name="Night shift")
    entitling.keep_group(group, [world.carol], acting_user=None)
    entitling.give_group_role(group, tenant, Role.VIEWER, acting_user=None)
    entitling.add_claim_role("groups", "night-leads", tenant, Role.VIEWER, acting_user=None)
    assist = catalogue.get(making.ASSIST)
    choosing = tenants.ask_for_everything(tenant, acting_user=world.alice)
    Onboarding.objects.filter(pk=choosing.pk).update(
        state=Onboarding.State.CHOOSING,
        survey=Survey(reach=None, found=[Found(rtype=assist, objects={"cfg-3": "Sales"}, count=1, unread=1)]).to_json(),
    )
    return Home(world=world, tenants=(tenant, shop), walkers=walkers)


def walkers_in(*tenants: Tenant) -> dict[str, User | None]:
    """Give one person of each role in these tenants, one without any, a platform owner, and somebody not signed in."""
    walkers: dict[str, User | None] = {"no login": None}
    for role in Role:
        walker = walkers[role.value] = _person(f"walker-{role.value}")
        for tenant in tenants:
            making.give_roles(walker, tenant, role)
    walkers["nobody"] = _person("walker-nobody")
    walkers["owner"] = User.objects.create_superuser("walker-owner", password=making.PASSWORD)
    return walkers


def _person(name: str) -> User:
    return User.objects.create_user(
        name, password=making.PASSWORD, is_staff=True, first_name=name.title(), email=f"{name}@example.com"
    )


def _rollbacks(world: World, other: TrackedConfig, why: str) -> None:
    """Leave a rollback in every state that a page offers something in, and a glass that is broken at Tailspin."""
    alice, bob, config = world.alice, world.bob, world.config
    newest = world.live_version

    def asked(of: TrackedConfig, to: int, **how: int) -> Rollback:
        confirm = how.get("confirm_minutes")
        target = making.version(of, to)
        return actions.request_rollback(of, target, reason=why, acting_user=alice, confirm_minutes=confirm)

    def approved(of: TrackedConfig, to: int, **how: int) -> Rollback:
        one = asked(of, to, **how)
        return actions.approve_rollback(one, acting_user=bob, plan_digest=one.plan_digest)

    done = applying.apply(approved(config, newest - 1, confirm_minutes=240).pk, pace=QUICK)
    assert done.state == "applied", done.state
    late = approved(config, newest - 2)
    world.practice.foreign_write(making.BILLING_PATH)
    assert applying.apply(late.pk, pace=QUICK).state == "conflict"
    asked(config, newest - 2)
    schedule_actions.schedule_run(
        approved(config, newest - 3), at=timezone.now() + timedelta(hours=3), zone="UTC", acting_user=alice
    )
    approved(config, newest - 4)
    oldest = other.snapshots.order_by("version").values_list("version", flat=True)[0]
    approved(other, oldest)
    freeze_actions.add_window(
        world.northwind,
        when=f"{timezone.now().date() - timedelta(days=2)} to {timezone.now().date() + timedelta(days=400)}",
        zone="UTC",
        effect=FreezeWindow.Effect.DENY,
        reason=why,
        config=other,
        acting_user=bob,
    )
    shop = making.track(world.tailspin, "cfg-22")
    making.look(shop)
    importing.import_history(shop, making.platform_of(shop))
    making.give_roles(alice, world.tailspin, Role.INCIDENT)
    breaking_glass.break_glass(
        shop, acting_user=alice, reason=why, typed_name=breaking_glass.name_of(shop), minutes=240
    )


def _judgements(world: World, why: str) -> None:
    """Leave a search for the first bad version that goes on, and one that has found it."""
    config, alice = world.config, world.alice
    versions = list(config.snapshots.order_by("version"))
    tenants.start_bisection(config, versions[0], versions[-1], acting_user=alice)
    found = tenants.start_bisection(config, versions[-3], versions[-1], acting_user=alice)
    tenants.answer_bisection(found, versions[-2], Said.GOOD, note=why, acting_user=alice)
