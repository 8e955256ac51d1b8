"""A rollback through the whole protocol, over real HTTP: each verdict, and what the platform really accepted."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from rollbacks import applying, audit, driving, leases, transitions, verdicts, verifying
from rollbacks.models import Attempt, AuditEntry, Rollback
from tenants import archive, drift
from tests.rollbacks.conftest import QUICK, UNTIL_NOTHING_IS_DUE, Desk
from tests.world import content, version

pytestmark = pytest.mark.django_db(transaction=True)


def actions_of(rollback: Rollback) -> list[str]:
    return list(AuditEntry.objects.filter(rollback=rollback).order_by("seq").values_list("action", flat=True))


def test_an_approved_rollback_lands_as_the_next_version_and_is_verified(desk: Desk) -> None:
    base = desk.world.live_version
    rollback = desk.run(desk.approved())
    assert (rollback.state, rollback.verdict, rollback.guard_level) == ("applied", "verified", "A")
    (write,) = desk.writes()
    assert write["version"] == base + 1 == desk.world.live_version
    assert write["if_match"] == bytes(rollback.base_etag or b"").decode()
    desk.world.config.refresh_from_db()
    live, good = desk.world.config.live, version(desk.world.config, base - 1)
    assert live is not None
    assert content(live) == content(good)
    assert archive.bytes_of(live) != archive.bytes_of(good)
    assert not drift.is_drifted(desk.world.config)
    assert actions_of(rollback) == [
        "rollback.requested",
        "rollback.approved",
        "write.intent",
        "write.outcome",
        "propagation.watched",
    ]
    assert verifying.verify(desk.world.northwind).holds


def test_the_intent_is_older_than_the_write_and_the_outcome_tells_everything(desk: Desk) -> None:
    rollback = desk.run(desk.approved())
    outcome = AuditEntry.objects.get(rollback=rollback, action="write.outcome")
    details = audit.payload_of(outcome)["details"]
    assert isinstance(details, dict)
    assert details["verdict"] == "verified"
    assert details["base"]["etag"] == details["if_match"]
    assert details["after"]["version"] == details["expected_version"] == desk.world.live_version
    assert details["sends"][0]["status"] == 200
    assert details["sends"][0]["correlation_id"]
    assert details["requested_by"] == "alice"
    assert details["approved_by"] == ["bob"]
    attempt = Attempt.objects.get(rollback=rollback)
    assert attempt.sends.get().begun_at > AuditEntry.objects.get(rollback=rollback, action="write.intent").at


@pytest.mark.parametrize(
    "kind", ["drop_after_commit", "unavailable_503", "gateway_504", "false_409", "false_412", "half_body"]
)
def test_a_write_that_landed_and_whose_answer_was_lost_is_verified_and_never_repeated(desk: Desk, kind: str) -> None:
    rollback = desk.approved()
    desk.fault(kind, when="after")
    rollback = desk.run(rollback)
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    assert len(desk.writes()) == 1
    assert rollback.attempts.get().sends.count() == 1


@pytest.mark.parametrize("kind", ["drop_before_commit", "unavailable_503"])
def test_a_write_that_was_lost_on_its_way_is_sent_again_with_the_same_bytes_after_the_horizon(
    desk: Desk, kind: str
) -> None:
    rollback = desk.approved()
    desk.fault(kind, when="before")
    rollback = desk.run(rollback)
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    assert len(desk.writes()) == 1
    assert rollback.attempts.get().sends.count() == 2
    assert "write.resend" in actions_of(rollback)


def test_a_foreign_write_between_our_read_and_our_write_is_a_conflict_and_nothing_of_ours_lands(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("foreign_write")
    rollback = desk.run(rollback)
    assert (rollback.state, rollback.verdict) == ("conflict", "conflict")
    assert desk.writes() == []
    assert "Nothing of ours landed" in rollback.explanation
    assert actions_of(rollback)[-1] == "write.outcome"


def test_live_that_moved_after_the_approval_sends_nothing_and_says_who_moved_it(desk: Desk) -> None:
    rollback = desk.approved()
    desk.world.practice.foreign_write("/api/v2/agentassist/configs/cfg-1", by="Ines Duarte")
    rollback = desk.run(rollback)
    assert rollback.state == "conflict"
    assert desk.writes() == []
    assert not rollback.attempts.exists()
    assert "Ines Duarte" in rollback.explanation
    assert "plan again" in rollback.explanation
    assert actions_of(rollback)[-1] == "write.not_sent"


def test_an_equal_write_of_somebody_else_is_reached_but_never_claimed(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("foreign_write", content="request")
    rollback = desk.run(rollback)
    assert (rollback.state, rollback.verdict) == ("applied", "reached")
    assert desk.writes() == []
    assert "nothing proves" in rollback.explanation


def test_an_equal_write_that_is_answered_to_us_as_a_success_is_not_claimed_either(desk: Desk) -> None:
    desk.world.practice.set_switches("northwind", equal_write_succeeds=True)
    rollback = desk.approved()
    desk.fault("foreign_write", content="request")
    rollback = desk.run(rollback)
    assert (rollback.state, rollback.verdict) == ("applied", "reached")
    assert desk.writes() == []


def test_a_write_that_landed_and_was_overwritten_before_it_could_be_read_is_found_in_the_history(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("drop_after_commit")
    practice = desk.world.practice
    practice.add_fault("unavailable_503", method="GET", path="/configs/cfg-1$", after=2, times=3)
    rollback = desk.run(rollback, pace=driving.Pace(patience=0.0, first_wait=0.01, horizon=0.5))
    assert rollback.state in {"applying", "unknown"}
    practice.foreign_write("/api/v2/agentassist/configs/cfg-1", by="Ines Duarte")
    desk.world.practice.clear_faults()
    applying.recover(pace=QUICK, everything=True)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    assert f"overwritten by version {desk.world.live_version}" in rollback.explanation


def test_a_lock_is_waited_out_within_the_same_attempt(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("locked_409", times=2)
    rollback = desk.run(rollback)
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    statuses = [send.status for send in rollback.attempts.get().sends.all()]
    assert statuses == [409, 409, 200]
    assert len(desk.writes()) == 1


def test_a_lock_that_never_ends_is_not_a_storm_and_stays_open(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("locked_409", times=None)
    for _ in range(2):
        rollback = desk.run(rollback, pace=UNTIL_NOTHING_IS_DUE)
        assert rollback.state == "unknown"
        assert rollback.attempts.get().state == "open"
        assert rollback.attempts.get().sends.count() == verdicts.MAX_LOCKED
    assert desk.writes() == []


def test_a_permission_that_is_taken_away_before_the_run_keeps_everything_here(desk: Desk) -> None:
    rollback = desk.approved()
    desk.take_away("agentassist:config:write")
    rollback = desk.run(rollback)
    assert rollback.state == "approved"
    assert [refusal["guard"] for refusal in rollback.refusals] == ["permissions"]
    assert "agentassist:config:write" in rollback.explanation
    assert desk.writes() == []


def test_a_write_that_the_platform_refuses_for_good_ends_as_refused(desk: Desk) -> None:
    rollback = desk.approved()
    lease = leases.Lease("test", 60)
    attempt = transitions.begin_attempt(rollback, lease=lease, horizon_seconds=60, actor="alice")
    leases.release_attempt(attempt, lease=lease, look_again_at=timezone.now())
    desk.take_away("agentassist:config:write")
    driving.drive(attempt.pk, pace=QUICK)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("refused", "not_applied")
    assert rollback.attempts.get().sends.get().status == 403
    assert desk.writes() == []


def test_a_stale_read_after_the_write_is_polled_until_the_write_shows(desk: Desk) -> None:
    rollback = desk.approved()
    desk.world.practice.add_fault("stale_reads", path="/configs/cfg-1$", after=2, times=3)
    rollback = desk.run(rollback)
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    assert rollback.attempts.get().sends.count() == 1


def test_two_runs_of_one_rollback_make_one_attempt(desk: Desk) -> None:
    rollback = desk.approved()
    first, second = desk.run(rollback), desk.run(rollback)
    assert first.state == second.state == "applied"
    assert Attempt.objects.count() == 1
    assert len(desk.writes()) == 1


def test_eight_workers_at_once_make_one_attempt_and_one_write(desk: Desk) -> None:
    rollback = desk.approved()

    def work(_number: int) -> str:
        try:
            return desk.run(rollback).state
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    assert Attempt.objects.count() == 1
    assert len(desk.writes()) == 1
    assert actions_of(rollback).count("write.outcome") == 1


def test_a_platform_that_cannot_be_reached_sends_nothing_and_keeps_the_approval(desk: Desk) -> None:
    rollback = desk.approved()
    desk.world.practice.stop()
    rollback = desk.run(rollback)
    assert rollback.state == "approved"
    assert "Nothing was sent" in rollback.explanation
    assert not rollback.attempts.exists()
