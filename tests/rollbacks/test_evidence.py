"""What counts as evidence that a write was ours, and what is only similar to it."""

import pytest

from rollbacks import applying, driving
from rollbacks.models import Rollback
from tests.rollbacks.conftest import QUICK, Desk

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_history_that_cannot_be_read_for_the_moment_is_asked_again_before_anybody_judges(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("drop_after_commit")
    practice = desk.world.practice
    practice.add_fault("unavailable_503", method="GET", path="/configs/cfg-1$", after=2, times=3)
    desk.run(rollback, pace=driving.Pace(patience=0.0, first_wait=0.01, horizon=0.0))
    practice.foreign_write("/api/v2/agentassist/configs/cfg-1", by="Ines Duarte")
    practice.clear_faults()
    practice.add_fault("unavailable_503", method="GET", path="/configs/cfg-1/versions/", times=None)
    applying.recover(pace=driving.Pace(patience=0.0, first_wait=0.01, horizon=0.0), everything=True)
    rollback.refresh_from_db()
    assert rollback.state == "unknown"
    assert rollback.attempts.get().state == "open"
    assert "still open" in rollback.explanation
    practice.clear_faults()
    applying.recover(pace=QUICK, everything=True)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    assert len(desk.writes()) == 1
    assert Rollback.objects.count() == 1
