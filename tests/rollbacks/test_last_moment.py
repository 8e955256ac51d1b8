"""What changes between T1 and a send: a freeze, other credentials, a person who has seen enough."""

import hashlib
from collections.abc import Callable

import pytest
from django.db import transaction
from django.utils import timezone

from rollbacks import actions, applying, driving, leases, transitions
from rollbacks.models import Attempt, Rollback
from tenants import actions as tenants
from tenants import connections
from tests.rollbacks import test_freezing as freezes
from tests.rollbacks.conftest import QUICK, UNTIL_NOTHING_IS_DUE, Desk
from tests.rollbacks.test_locks import in_another_session, waits_for_a_lock
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = driving.Pace(patience=0.0, first_wait=0.01, horizon=0.0)


def begun(rollback: Rollback) -> Attempt:
    """Begin an attempt whose worker is gone before it has sent anything."""
    lease = leases.Lease("gone", 60)
    attempt = transitions.begin_attempt(rollback, lease=lease, horizon_seconds=60, actor="alice")
    leases.release_attempt(attempt, lease=lease, look_again_at=timezone.now())
    return attempt


def freeze(desk: Desk) -> None:
    tenants.freeze(desk.world.northwind, reason="Quarter-end change freeze", acting_user=desk.world.alice)


def add_a_window(desk: Desk) -> None:
    freezes.add(desk)


# The switch on the tenant and a window of its calendar are asked in the same two moments.
either_freeze = pytest.mark.parametrize(
    ("set_it", "words"),
    [
        pytest.param(freeze, "Quarter-end change freeze", id="switch"),
        pytest.param(add_a_window, freezes.REASON, id="window"),
    ],
)


@either_freeze
def test_a_freeze_that_is_being_set_is_waited_for_and_refuses_the_intent(
    desk: Desk, set_it: Callable[[Desk], None], words: str
) -> None:
    rollback = desk.approved()
    lease = leases.Lease("test", 60)
    with in_another_session(
        lambda: transitions.begin_attempt(rollback, lease=lease, horizon_seconds=1, actor="alice")
    ) as begin:
        with transaction.atomic():
            set_it(desk)
            beginning = begin()
            until(waits_for_a_lock)
        with pytest.raises(transitions.RunRefused, match=words):
            beginning.result(timeout=30)
    assert not Attempt.objects.exists()


@either_freeze
def test_a_freeze_after_the_intent_keeps_the_first_byte_here_and_frees_the_object(
    desk: Desk, set_it: Callable[[Desk], None], words: str
) -> None:
    rollback = desk.approved()
    attempt = begun(rollback)
    set_it(desk)
    driving.drive(attempt.pk, pace=QUICK)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("refused", "not_applied")
    assert words in rollback.explanation
    assert not attempt.sends.exists()
    assert desk.writes() == []


def test_a_freeze_after_a_lost_send_keeps_the_second_one_here_until_it_is_lifted(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("unavailable_503", when="before")
    desk.run(rollback, pace=driving.Pace(patience=0.0, first_wait=0.01, horizon=600.0))
    Attempt.objects.update(horizon_at=timezone.now())
    freeze(desk)
    applying.recover(pace=QUICK, everything=True)
    rollback.refresh_from_db()
    assert rollback.state == "unknown"
    assert rollback.attempts.get().sends.count() == 1
    assert desk.writes() == []
    tenants.unfreeze(desk.world.northwind, acting_user=desk.world.alice)
    applying.recover(pace=QUICK, everything=True)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    assert len(desk.writes()) == 1


def test_an_attempt_is_not_judged_by_what_another_organizations_credentials_show(desk: Desk) -> None:
    rollback = desk.approved()
    attempt = begun(rollback)
    bank, stranger = desk.world.northwind, desk.world.practice.credentials["tailspin"]
    right = bank.client_id, bank.client_secret_sealed
    bank.client_id = stranger.client_id
    connections.seal_client_secret(bank, stranger.client_secret)
    bank.save()
    driving.drive(attempt.pk, pace=AT_ONCE)
    rollback.refresh_from_db()
    assert rollback.state in {"applying", "unknown"}
    assert rollback.attempts.get().state == "open"
    bank.client_id, bank.client_secret_sealed = right
    bank.save()
    applying.recover(pace=QUICK, everything=True)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("applied", "verified")


def test_nobody_closes_an_attempt_as_presumed_while_a_worker_drives_it(desk: Desk) -> None:
    rollback = desk.approved()
    desk.fault("locked_409", times=None)
    rollback = desk.run(rollback, pace=UNTIL_NOTHING_IS_DUE)
    assert rollback.state == "unknown"
    attempt = rollback.attempts.get()
    assert leases.claim_attempt(attempt, lease=leases.Lease("elsewhere:1:1", 60))
    reason = "The vendor's desk says that it never arrived"
    with pytest.raises(actions.NotAllowed, match="driving this attempt at this moment"):
        actions.close_presumed(rollback, acting_user=desk.world.bob, reason=reason)
    leases.end_lease_of(attempt, driver="elsewhere:1:1")
    closed = actions.close_presumed(rollback, acting_user=desk.world.bob, reason=reason)
    assert (closed.state, closed.verdict) == ("refused", "not_applied")
    assert "bob" in closed.explanation


def test_a_stored_body_that_was_altered_after_the_approval_is_not_sent(desk: Desk) -> None:
    rollback = desk.approved()
    step = rollback.steps.get()
    altered = bytes(step.body).replace(b"0.65", b"0.05")
    rollback.steps.update(body=altered)
    refused = desk.run(rollback)
    assert refused.state == "approved"
    assert "no longer the one that was approved" in refused.explanation
    # Whoever altered the bytes may have known to write down their digest as well; the approval still signs another one.
    rollback.steps.update(body_sha256=hashlib.sha256(altered).hexdigest())
    refused = desk.run(rollback)
    assert refused.state == "approved"
    assert "no longer the one that was approved" in refused.explanation
    assert desk.writes() == []


def test_a_ticket_that_is_too_long_to_keep_is_refused_in_a_sentence(desk: Desk) -> None:
    with pytest.raises(actions.NotAllowed, match="at most 100 characters"):
        desk.request(ticket="CHG-" * 26)
    assert not Rollback.objects.exists()
