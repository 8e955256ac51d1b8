"""Between two sends: full jitter, a doubling bound, and never earlier than the platform asked for."""

import random
from datetime import timedelta

import pytest

from rollbacks import driving
from rollbacks.driving import PACE
from rollbacks.models import Send
from tests.rollbacks.conftest import QUICK, Desk


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    random.seed(20260311)


@pytest.mark.parametrize(
    ("sent", "locked", "bound"), [(1, False, 0.4), (3, False, 1.6), (6, False, 8.0), (6, True, 12.8), (20, True, 60.0)]
)
def test_a_pause_is_drawn_from_all_of_the_stretch_up_to_its_bound(sent: int, locked: bool, bound: float) -> None:
    drawn = sorted(driving.full_jitter(PACE, sent, locked=locked) for _ in range(4000))
    assert drawn[0] >= 0
    assert drawn[-1] <= bound
    for part in range(1, 20):
        assert drawn[part * 200] == pytest.approx(bound * part / 20, abs=bound * 0.05)


@pytest.mark.django_db
def test_what_the_platform_asks_for_is_waited_for_however_short_the_draw(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("rate_limited_429", seconds=2)
    desk.run(rollback, pace=QUICK)
    first = Send.objects.get(attempt__rollback=rollback, number=1)
    assert first.retry_at is not None
    assert first.ended_at is not None
    assert first.retry_at - first.begun_at >= timedelta(seconds=2)
