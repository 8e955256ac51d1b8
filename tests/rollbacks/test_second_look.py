"""What one answer alone says ends no attempt: a second look, after a pause, has to say so too."""

import pytest

from rollbacks import applying, driving, leases, transitions
from rollbacks.driving import Pace
from rollbacks.models import Attempt, AuditEntry, Rollback
from rollbacks.readiness import judge_draft
from rollbacks.verdicts import Close, Guarded, Seen, SendNow, SendOutcome, Sent, Vanished, Verdict, judge
from tests import world
from tests.rollbacks.conftest import QUICK, Desk

pytestmark = pytest.mark.django_db(transaction=True)

GONE = {"status": 404, "code": "not.found", "message": "The requested resource was not found"}
ONE_LOOK_EACH = Pace(patience=0.0, first_wait=0.01, horizon=0.5)
ETAG = b'"42-9c0b"'
BASE = Guarded(
    base_version=42,
    base_etag=ETAG,
    base_digest="base",
    target_digest="target",
    expected_version=43,
    level="A",
    client_id="northwind",
)


def begun(desk: Desk) -> tuple[Rollback, Attempt]:
    rollback = desk.approved()
    lease = leases.Lease(driving.driver_name(), 60)
    return rollback, transitions.begin_attempt(rollback, lease=lease, horizon_seconds=0.5, actor="alice")


def alarms(desk: Desk) -> list[str]:
    found = AuditEntry.objects.filter(tenant=desk.world.northwind, outcome="alarm").order_by("seq")
    return list(found.values_list("action", flat=True))


def missing(desk: Desk, **rule: object) -> None:
    desk.fault("refused", method="GET", refusal=GONE, **rule)


def reads(desk: Desk) -> int:
    return sum(
        one["method"] == "GET" and one["path"].endswith("/configs/cfg-1") for one in desk.world.practice.requests()
    )


@pytest.mark.parametrize("kind", ["missing", "weak_etag"])
def test_a_single_answer_that_shows_something_else_before_the_first_send_is_doubted(desk: Desk, kind: str) -> None:
    rollback, attempt = begun(desk)
    if kind == "missing":
        missing(desk)
    else:
        desk.fault(kind, method="GET")
    driven = driving.drive(attempt.pk, pace=QUICK)
    assert (driven.state, driven.verdict) == ("closed", "verified")
    assert len(desk.writes()) == 1
    assert AuditEntry.objects.filter(rollback=rollback, action="write.outcome").count() == 1


def test_a_single_404_after_a_send_that_was_turned_away_for_certain_is_doubted(desk: Desk) -> None:
    _, attempt = begun(desk)
    desk.fault("unauthorized_401")
    missing(desk, after=1)
    driven = driving.drive(attempt.pk, pace=QUICK)
    assert driven.verdict == "verified"
    assert [send.outcome for send in driven.sends.all()] == ["unauthorized", "applied"]


def test_what_a_second_look_says_too_is_believed_also_where_the_patience_is_over_by_then(desk: Desk) -> None:
    rollback, attempt = begun(desk)
    missing(desk, times=None)
    driven = driving.drive(attempt.pk, pace=ONE_LOOK_EACH)
    assert (driven.state, driven.verdict) == ("closed", "conflict")
    assert driven.evidence["vanished"] is True
    rollback.refresh_from_db()
    assert rollback.state == "conflict"
    assert desk.writes() == []


def test_a_first_look_that_could_not_be_repeated_is_held_on_to_but_one_that_showed_the_base_ends_the_doubt(
    desk: Desk,
) -> None:
    _, attempt = begun(desk)
    missing(desk)
    desk.fault("unavailable_503", method="GET", times=1)
    missing(desk)
    driven = driving.drive(attempt.pk, pace=QUICK)
    assert driven.verdict == "conflict"
    assert desk.writes() == []


def test_a_driver_that_dies_between_the_two_looks_leaves_an_attempt_that_begins_with_two_anew(desk: Desk) -> None:
    _, attempt = begun(desk)
    missing(desk)

    def die(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        driving.drive(attempt.pk, pace=QUICK, sleep=die)
    attempt.refresh_from_db()
    assert attempt.state == "open"
    leases.end_lease_of(attempt, driver=attempt.driver)
    missing(desk)
    applying.recover(pace=QUICK, everything=True)
    attempt.refresh_from_db()
    assert attempt.verdict == "verified"


def test_a_single_strange_etag_in_the_last_survey_does_not_void_the_plan(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("weak_etag", method="GET")
    carried_out = desk.run(rollback)
    assert (carried_out.state, carried_out.verdict) == ("applied", "verified")
    assert len(desk.writes()) == 1
    assert alarms(desk) == []


def test_a_single_strange_etag_that_a_sweep_sees_voids_no_plan(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("weak_etag", method="GET")
    world.look(rollback.config)
    rollback.refresh_from_db()
    assert rollback.state == "approved"
    assert rollback.config.live_id == rollback.base_id
    assert alarms(desk) == []


def test_a_strange_etag_that_a_second_look_shows_too_voids_the_plan(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("weak_etag", method="GET", times=2)
    ended = desk.run(rollback)
    assert ended.state == "conflict"
    assert "its ETag changed although its version and content did not" in ended.explanation
    assert desk.writes() == []


def test_a_newer_version_shows_itself_whole_and_is_looked_at_once(desk: Desk) -> None:
    _, attempt = begun(desk)
    desk.fault("foreign_write", method="GET")
    before = reads(desk)
    driven = driving.drive(attempt.pk, pace=QUICK)
    assert driven.verdict == "conflict"
    assert reads(desk) == before + 1


def test_the_judge_says_what_rests_on_one_look() -> None:
    unmoved = Seen(42, ETAG, "base")
    refused = [Sent(SendOutcome.REFUSED)]
    doubtful = [
        judge(BASE, [], Vanished(), horizon_over=False),
        judge(BASE, [], Seen(42, b'W/"42-9c0b"', "base"), horizon_over=False),
        judge(BASE, [], Seen(41, ETAG, "older"), horizon_over=True),
        judge(BASE, refused, Vanished(), horizon_over=False),
        judge(BASE, [Sent(SendOutcome.UNKNOWN)], Vanished(), horizon_over=True),
        judge(BASE, [Sent(SendOutcome.UNKNOWN)], Seen(42, b'"42-9c0b-gzip"', "base"), horizon_over=False),
        judge_draft(SendNow(""), None, target_digest="d", sent_version=None, sends=[], horizon_over=True),
    ]
    assert [isinstance(one, Close) and one.rests_on_one_look for one in doubtful] == [True] * len(doubtful)
    certain = [
        judge(BASE, [], Seen(43, b'"43-1"', "other"), horizon_over=False),
        judge(BASE, refused, unmoved, horizon_over=False),
        judge(BASE, refused, Seen(43, b'"43-1"', "other"), horizon_over=False),
    ]
    assert [one.verdict for one in certain if isinstance(one, Close) and not one.rests_on_one_look] == [
        Verdict.CONFLICT,
        Verdict.NOT_APPLIED,
        Verdict.CONFLICT,
    ]
