"""A real worker dies by SIGKILL while three rollbacks stand at a named point; another one ends each of them once."""

from pathlib import Path

import pytest

from rollbacks import driving, tasks
from rollbacks.models import Attempt, Rollback
from tenants.models import Tenant
from tests.torture import evidence_of_trials, killing
from tests.torture.cluster import machines, until
from tests.torture.ground import ground
from tests.torture.killing import Blow, Field
from tests.torture.processes import Figures

pytestmark = pytest.mark.django_db(transaction=True)

POINT = "PUT: under way"
SCHEDULED = ("-P", "threads", "-c", "4", "-B")


def test_a_worker_killed_with_three_writes_under_way_leaves_three_that_end_once_each(
    database_url: str, tmp_path: Path
) -> None:
    with machines(tmp_path, database_url=database_url) as running, ground() as here:
        field = Field(here, running)
        tenants = [here.found_tenant(f"northwind-{number}") for number in range(3)]
        field.prepare("test", [POINT], objects=3, tenants=tenants)
        wave = field.stand(
            Blow.KILLED, "test", {POINT: 3}, pool=(*SCHEDULED, "-s", str(tmp_path / "first")), tell=lambda _: None
        )
        assert len(wave.stood) == 3
        field.strike(wave)
        assert [len(here.accepted(trial)) for trial in wave.trials] == [1, 1, 1]
        assert Attempt.objects.filter(state="open", sends__ended_at__isnull=True).count() == 3
        running.worker("second", *SCHEDULED, "-s", str(tmp_path / "second"))
        until(lambda: not killing.unended(wave.trials), "That all were recovered", seconds=40)
        assert evidence_of_trials.broken(here, wave.trials) == []
        assert evidence_of_trials.broken_trails(Tenant.objects.all()) == []
        assert set(Rollback.objects.values_list("state", "verdict")) == {("applied", "verified")}
        lost = wave.trials[0]
        lost.place.stored.revisions.pop()
        here.forget_writes(lost.place)
        assert "is false: the platform accepted 0 writes" in " ".join(evidence_of_trials.broken(here, wave.trials))


def test_the_lease_of_the_proof_is_the_products_and_a_claimed_run_waits_no_longer() -> None:
    assert driving.PACE.lease == killing.LEASE
    assert tasks.CLAIM_SECONDS <= killing.LEASE


def test_the_95th_percentile_is_one_of_the_measured_seconds() -> None:
    assert Figures().p95 == 0.0
    assert Figures(seconds=[float(one) for one in range(20, 0, -1)]).p95 == 20.0
    assert Figures(seconds=[float(one) for one in range(100)]).p95 == 95.0
