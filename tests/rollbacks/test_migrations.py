"""A console that is in use is brought up to the tables of today: nothing that was recorded is lost."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from rollbacks import verifying
from rollbacks.models import Attempt, Rollback, Step
from tests.rollbacks.conftest import Desk

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE_STEPS = [("rollbacks", "0003_refusal_kinds")]


@pytest.fixture
def back_to_today() -> Iterator[None]:
    """Leave the tables as every other test expects them, whatever happens."""
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.mark.slow
def test_each_rollback_of_before_gets_its_one_step_and_its_attempt_points_at_it(
    desk: Desk, back_to_today: None
) -> None:
    done = desk.run(desk.approved())
    waiting = desk.request(desk.world.live_version - 1)
    frozen = {step.rollback_id: (step.method, step.path, bytes(step.body), step.sent_version) for step in _steps()}
    assert len(frozen) == 2
    executor = MigrationExecutor(connection)
    old = executor.migrate(BEFORE_STEPS).apps.get_model("rollbacks", "Rollback")
    kept = {row.pk: (row.method, row.path, bytes(row.body), row.sent_version) for row in old.objects.all()}
    assert kept == frozen
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    again = {step.rollback_id: (step.method, step.path, bytes(step.body), step.sent_version) for step in _steps()}
    assert again == frozen
    assert Attempt.objects.get().step.rollback_id == done.pk
    assert not Attempt.objects.filter(rollback=waiting).exists()
    assert verifying.verify(desk.world.northwind).holds


def _steps() -> list[Step]:
    return [rollback.steps.get() for rollback in Rollback.objects.all()]
