"""A rollback does not wait behind looks and take-ins: two places of each worker are kept for the queue "rollbacks"."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from console import broker, places
from console.celery import app
from rollbacks import actions
from tenants import reach
from tenants.models import OAuthClient, TrackedConfig
from tests import world as making
from tests.rollbacks.conftest import Desk
from tests.rollbacks.test_recovery import state_of, worker
from tests.waiting import until

LOOKS, TAKE_INS = "tenants.tasks.sweep_configs", "tenants.tasks.sweep_onboardings"
APPLY, RECOVER = "rollbacks.tasks.apply_rollback", "rollbacks.tasks.sweep_attempts"


def test_a_worker_that_was_asked_for_few_places_has_two_more_than_that() -> None:
    assert [places.add_kept(asked) for asked in (1, 2, 4, 8)] == [4, 4, 6, 10]


@pytest.mark.parametrize("total", [4, 6, 10])
def test_whatever_rings_a_place_stays_free_for_the_recovery_and_one_for_a_rollback(total: int) -> None:
    taken: list[str] = []
    rings = [LOOKS, TAKE_INS, "tenants.tasks.drive_onboarding", "rollbacks.tasks.seal_trail", RECOVER]
    for name in rings * total:
        if name != RECOVER and places.has_room(name, taken=taken, places=total):
            taken.append(name)
    assert len(taken) == total - places.KEPT
    assert len({*taken}) > 1, "no kind of ring has all places"
    assert places.has_room(RECOVER, taken=taken, places=total)
    taken.append(RECOVER)
    assert not places.has_room(RECOVER, taken=taken, places=total)
    assert places.has_room(APPLY, taken=taken, places=total)
    assert places.has_room(APPLY, taken=[*taken, APPLY], places=total), "it waits for the next one that is free"


@pytest.mark.parametrize("name", [LOOKS, RECOVER, APPLY])
def test_a_worker_with_a_single_place_does_everything_in_turn(name: str) -> None:
    assert places.has_room(name, taken=[], places=1)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_rollback_runs_while_the_looks_at_a_dead_organization_hang(
    desk: Desk, database_url: str, tmp_path: Path
) -> None:
    world = desk.world
    dead = making.track(world.tailspin, "cfg-gone")
    TrackedConfig.objects.filter(pk=dead.pk).update(next_look_at=timezone.now() - timedelta(minutes=1))
    world.practice.add_fault("timeout", method="GET", path="/configs/cfg-gone$", times=None, seconds=12)
    rollback = desk.approved()
    with worker(database_url, tmp_path, name="small", places=1):
        hanging = OAuthClient.objects.filter(tenant=world.tailspin, swept_until__isnull=False)
        with app.connection_for_write(transport_options=broker.options(tmp_path / "broker")) as connection:
            app.send_task(LOOKS, connection=connection)
            until(hanging.exists)
            actions.run_rollback(rollback, acting_user=world.alice)
            app.send_task(APPLY, args=(str(rollback.pk),), connection=connection)
        until(lambda: state_of(rollback) == "applied")
        assert hanging.exists(), "the look at the dead organization had ended before"
    assert len(desk.writes()) == 1
    assert reach.standing_of(world.tailspin).state == "closed"
