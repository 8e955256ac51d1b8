"""Scheduled looks: what is due is looked at once, whoever else sweeps, and one object never holds up the others."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connections as databases
from django.utils import timezone

from console.practice.server import PracticeServer
from tenants import tasks
from tenants.models import Tenant, TrackedConfig
from tests import world as making
from tests.world import BILLING_PATH, World

Presence = TrackedConfig.Presence


def looks_at(practice: PracticeServer, object_id: str) -> int:
    """Count the requests for an object's live state."""
    return sum(1 for one in practice.requests() if one["path"].endswith(f"/configs/{object_id}"))


def test_a_sweep_looks_at_what_is_due_and_imports_its_history(world: World) -> None:
    due = making.track(world.northwind, "cfg-2")
    before = looks_at(world.practice, "cfg-1")

    assert tasks.sweep_configs() == 1

    due.refresh_from_db()
    assert due.presence == Presence.PRESENT
    assert due.snapshots.count() == 13
    assert due.history_imported_at is not None
    assert due.next_look_at is not None
    assert due.next_look_at > timezone.now() + timedelta(minutes=4)
    assert looks_at(world.practice, "cfg-1") == before
    assert tasks.sweep_configs() == 0


def test_versions_that_came_and_went_between_two_looks_are_filled_in(world: World) -> None:
    for _ in range(3):
        world.practice.foreign_write(BILLING_PATH)
    TrackedConfig.objects.update(next_look_at=timezone.now())

    tasks.sweep_configs()

    assert set(world.config.snapshots.values_list("version", flat=True)) == set(range(1, 46))


@pytest.mark.django_db(transaction=True)
def test_an_object_that_cannot_be_asked_for_does_not_hold_up_the_others(world: World) -> None:
    broken = making.track(world.tailspin, "cfg-21")
    Tenant.objects.filter(pk=world.tailspin.pk).update(client_secret_sealed=b"not sealed by us")
    TrackedConfig.objects.filter(pk=broken.pk).update(next_look_at=timezone.now() - timedelta(hours=1))
    fine = making.track(world.northwind, "cfg-2")

    assert tasks.sweep_configs() == 2

    fine.refresh_from_db()
    broken.refresh_from_db()
    assert fine.presence == Presence.PRESENT
    assert broken.presence == Presence.UNSEEN
    assert broken.next_look_at is not None
    assert broken.next_look_at > timezone.now()


def test_a_look_at_a_config_that_is_gone_is_nothing(world: World) -> None:
    tasks.look_at_config("00000000-0000-4000-8000-000000000000")
    tasks.look_at_config(str(world.config.pk))
    world.config.refresh_from_db()
    assert world.config.looked_at is not None


@pytest.mark.django_db(transaction=True)
def test_eight_sweeps_at_once_look_at_each_due_object_once(practice: PracticeServer) -> None:
    tenant = making.make_tenant(practice, "northwind")
    configs = [making.track(tenant, object_id) for object_id in ("cfg-1", "cfg-2")]
    for config in configs:
        making.look(config)
        TrackedConfig.objects.filter(pk=config.pk).update(
            next_look_at=timezone.now(), history_imported_at=timezone.now()
        )
    before = {one.object_id: looks_at(practice, one.object_id) for one in configs}
    barrier = Barrier(8)

    def sweep(_: int) -> int:
        try:
            barrier.wait(timeout=30)
            return tasks.sweep_configs()
        finally:
            databases.close_all()

    with ThreadPoolExecutor(max_workers=8) as pool:
        looks = sum(pool.map(sweep, range(8)))

    assert looks == 2
    for config in configs:
        assert looks_at(practice, config.object_id) == before[config.object_id] + 1
