"""The page of one rollback: who may do what, what it says in each state, and what its script is told."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from rollbacks import actions, banners, driving, leases, propagation, transitions
from rollbacks.models import Approval, AuditEntry, Rollback
from tenants import actions as tenant_actions
from tenants.access import Role
from tests import world as making
from tests.rollbacks.conftest import QUICK, REASON, UNTIL_NOTHING_IS_DUE, Desk
from tests.rollbacks.page_reading import address_of, browser_of, main_of, plan_address, send, status_address, text_of
from tests.world import BILLING_PATH

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(desk: Desk) -> Client:
    return browser_of(desk.world.alice)


@pytest.fixture
def bob(desk: Desk) -> Client:
    return browser_of(desk.world.bob)


@pytest.fixture
def carol(desk: Desk) -> Client:
    return browser_of(desk.world.carol)


@pytest.fixture
def rollback(desk: Desk) -> Rollback:
    return desk.request()


def say(client: Client, rollback: Rollback, do: str, **fields: Any) -> Any:
    answer = send(client, address_of(rollback), {"do": do, "plan_digest": rollback.plan_digest, **fields})
    rollback.refresh_from_db()
    return answer


def test_who_asked_sees_for_whom_it_waits_and_is_never_offered_to_decide(alice: Client, rollback: Rollback) -> None:
    page = alice.get(address_of(rollback))
    text = text_of(page)
    assert "Waiting for approval. Nothing has been sent." in text
    assert "It waits for Bob" in text
    assert "You asked for this rollback, so somebody else must decide on it." in text
    assert "Cancel the request" in text
    assert 'value="approve"' not in page.content.decode()
    answer = say(alice, rollback, "approve", run="1")
    assert answer.status_code == 403
    assert "somebody else must decide" in text_of(answer)
    assert (rollback.state, Approval.objects.count()) == ("awaiting_approval", 0)


def test_who_approves_sees_the_same_difference_as_who_asked(
    desk: Desk, alice: Client, bob: Client, rollback: Rollback
) -> None:
    def rows(page: Any) -> str:
        return main_of(page).split('changes-table">', 1)[1].split("</tbody>", 1)[0].split("<tbody>", 1)[1]

    planned = alice.get(plan_address(desk.world.config, rollback.target))
    asked, decided = alice.get(address_of(rollback)), bob.get(address_of(rollback))
    assert rows(planned) == rows(asked) == rows(decided)
    assert "minConfidence" in rows(decided)


def test_an_approval_runs_it_as_soon_as_given_unless_the_box_is_cleared(bob: Client, rollback: Rollback) -> None:
    page = bob.get(address_of(rollback)).content.decode()
    assert '<input type="checkbox" name="run" value="1" checked>' in page
    answer = say(bob, rollback, "approve", comment="Checked with the floor lead.", run="1")
    assert answer["Location"] == address_of(rollback)
    assert rollback.state == "approved"
    assert rollback.run_requested_at is not None
    text = text_of(bob.get(address_of(rollback)))
    assert "Run asked for by bob" in text
    assert "Checked with the floor lead." in text


def test_an_approval_without_the_box_waits_for_somebody_to_run_it(
    desk: Desk, alice: Client, bob: Client, rollback: Rollback
) -> None:
    say(bob, rollback, "approve")
    assert (rollback.state, rollback.run_requested_at) == ("approved", None)
    assert "Run now" in text_of(alice.get(address_of(rollback)))
    assert say(alice, rollback, "run").status_code == 302
    queued = rollback.run_requested_at
    assert queued is not None
    assert say(alice, rollback, "run").status_code == 302
    assert rollback.run_requested_at == queued
    assert "was not started twice" in text_of(alice.get(address_of(rollback)))
    assert AuditEntry.objects.filter(action="rollback.run_requested").count() == 1
    desk.run(rollback)
    assert say(alice, rollback, "run").status_code == 302
    assert len(desk.writes()) == 1


def test_the_same_approval_sent_twice_counts_once(bob: Client, rollback: Rollback) -> None:
    for _ in range(2):
        assert say(bob, rollback, "approve").status_code == 302
    assert Approval.objects.count() == 1


def test_a_rejection_needs_a_reason_and_gives_back_what_was_typed(bob: Client, rollback: Rollback) -> None:
    answer = say(bob, rollback, "reject", comment="  ")
    assert answer.status_code == 409
    assert "A rejection needs a reason" in text_of(answer)
    assert 'value="1" checked' not in answer.content.decode()
    assert rollback.state == "awaiting_approval"
    assert say(bob, rollback, "reject", comment="Still under test.").status_code == 302
    assert rollback.state == "cancelled"
    assert "bob rejected it: Still under test." in text_of(bob.get(address_of(rollback)))


def test_an_approval_of_another_plan_than_the_one_shown_is_refused(bob: Client, rollback: Rollback) -> None:
    answer = say(bob, rollback, "approve", plan_digest="0" * 64, comment="Looks right to me.")
    assert answer.status_code == 409
    assert "is not the plan of this request" in text_of(answer)
    assert "Looks right to me." in text_of(answer)
    assert rollback.state == "awaiting_approval"


def test_a_request_can_be_taken_back_once_or_twice_and_then_nothing_is_sent(
    desk: Desk, alice: Client, rollback: Rollback
) -> None:
    for _ in range(2):
        assert say(alice, rollback, "cancel").status_code == 302
    assert rollback.state == "cancelled"
    assert "Cancelled. Nothing was sent." in text_of(alice.get(address_of(rollback)))
    answer = say(alice, rollback, "run")
    assert answer.status_code == 302
    assert rollback.run_requested_at is None
    assert desk.writes() == []


@pytest.mark.parametrize("do", ["approve", "reject", "cancel", "run"])
def test_who_may_only_look_is_offered_nothing_and_refused_everything(
    carol: Client, rollback: Rollback, do: str
) -> None:
    page = carol.get(address_of(rollback))
    assert "needs the role approver" in text_of(page)
    assert 'name="do"' not in page.content.decode()
    assert say(carol, rollback, do, comment="I want it").status_code == 403
    assert (rollback.state, rollback.run_requested_at) == ("awaiting_approval", None)


def test_another_tenants_rollback_does_not_exist(desk: Desk, rollback: Rollback) -> None:
    stranger = User.objects.create_user("dana", is_staff=True)
    making.give_roles(stranger, desk.world.tailspin, Role.OPERATOR, Role.APPROVER)
    dana = browser_of(stranger)
    for address in (address_of(rollback), status_address(rollback)):
        assert dana.get(address).status_code == 404
    assert send(dana, address_of(rollback), {"do": "approve", "plan_digest": rollback.plan_digest}).status_code == 404
    rollback.refresh_from_db()
    assert rollback.state == "awaiting_approval"


@pytest.mark.parametrize("pk", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_an_address_of_nothing_is_not_found(alice: Client, pk: str) -> None:
    assert alice.get(f"/rollbacks/rollback/{pk}/change/").status_code == 404
    assert alice.get(f"/rollbacks/rollback/{pk}/status/").status_code == 404


def test_a_form_that_asks_for_nothing_known_changes_nothing(alice: Client, rollback: Rollback) -> None:
    assert say(alice, rollback, "explode").status_code == 400
    assert alice.post(address_of(rollback), {"do": "cancel"}).status_code == 403
    assert rollback.state == "awaiting_approval"


def test_the_script_is_told_each_step_of_a_run_from_the_rows_alone(desk: Desk, alice: Client) -> None:
    rollback = desk.approved()
    address = status_address(rollback)
    assert (alice.get(address).json()["running"], alice.get(address).json()["html"]) == (False, "")
    actions.run_rollback(rollback, acting_user=desk.world.bob)
    queued = alice.get(address).json()
    assert (queued["running"], queued["sentence"]) == (True, "Looking at live and checking every guard again")
    lease = leases.Lease("a worker", 60)
    attempt = transitions.begin_attempt(rollback, lease=lease, horizon_seconds=0.1, actor="bob")
    intent = AuditEntry.objects.get(action="write.intent")
    assert f"entry #{intent.seq}" in alice.get(address).json()["html"]
    transitions.begin_send(attempt, lease=lease, horizon_seconds=0.1, race_window_ms=None)
    sent = alice.get(address).json()
    assert (sent["state"], sent["sentence"]) == ("applying", "Sent as request 1 of at most 6")
    assert "no answer yet" in sent["html"]
    assert sent["mark"] != queued["mark"]
    leases.release_attempt(attempt, lease=lease, look_again_at=timezone.now())
    driving.drive(attempt.pk, pace=QUICK)
    done = alice.get(address).json()
    assert (done["running"], done["state"]) == (False, "applied")
    assert "Verdict recorded" in done["html"]
    concluded = AuditEntry.objects.get(action="write.outcome")
    for place in (rollback, concluded):
        shown = text_of(browser_of(desk.world.carol).get(address_of(place)))
        assert "no answer was recorded" in shown
        assert "no answer yet" not in shown


def test_a_running_page_asks_by_script_and_without_one_reloads_itself(desk: Desk, alice: Client) -> None:
    rollback = desk.approved()
    actions.run_rollback(rollback, acting_user=desk.world.bob)
    page = alice.get(address_of(rollback)).content.decode()
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page.split("</head>")[0]
    assert f'data-watch="{status_address(rollback)}"' in page
    desk.run(rollback)
    page = alice.get(address_of(rollback)).content.decode()
    assert '<noscript><meta http-equiv="refresh" content="15"></noscript>' in page.split("</head>")[0]
    desk.world.practice.set_switches("northwind", propagation_seconds=0)
    propagation.sweep(everything=True)
    page = alice.get(address_of(rollback)).content.decode()
    assert "http-equiv" not in page
    assert "data-watch" not in page


def test_a_page_on_which_somebody_types_does_not_reload_itself(bob: Client, rollback: Rollback) -> None:
    page = bob.get(address_of(rollback)).content.decode()
    assert "http-equiv" not in page
    assert "data-watch" not in page


def test_a_verified_rollback_shows_the_evidence_the_entries_and_an_undo(desk: Desk, alice: Client) -> None:
    base = desk.world.live_version
    rollback = desk.run(desk.approved())
    page = alice.get(address_of(rollback))
    text = text_of(page)
    assert f"Verified: the content of v{base - 1} is live as v{base + 1}." in text
    assert "the platform names our OAuth client" in text
    assert rollback.attempts.get().sends.get().correlation_id in text
    assert bytes(rollback.base_etag or b"").decode() in text
    assert "as sent" in text
    assert "Undo this rollback" in text
    for entry in AuditEntry.objects.filter(rollback=rollback):
        assert address_of(entry) in page.content.decode()


def test_a_conflict_says_who_moved_what_and_offers_a_plan_on_the_new_live(desk: Desk, alice: Client) -> None:
    rollback = desk.approved()
    desk.world.practice.foreign_write(BILLING_PATH)
    desk.run(rollback)
    page = alice.get(address_of(rollback))
    text = text_of(page)
    base = rollback.base_version
    assert "Conflict: live had moved. Nothing of this rollback landed." in text
    assert f"it was version {base} and is version {desk.world.live_version}, written by" in text
    again = f"{plan_address(desk.world.config, rollback.target)}?again={rollback.pk}"
    assert f'href="{again}"' in page.content.decode()
    plan = text_of(alice.get(again))
    assert f"Live is v{desk.world.live_version}." in plan
    assert REASON in plan


def test_the_difference_is_the_one_that_was_approved_however_live_moves(desk: Desk, alice: Client) -> None:
    rollback = desk.request()

    def rows() -> str:
        planned = main_of(alice.get(address_of(rollback))).split('id="what-changes"', 1)[1]
        shown = planned.split("<tbody>", 1)[1].split("</tbody>", 1)[0]
        return shown.replace('"Before (v', '"Now (v')  # the plan is void then, and the page says what was planned

    before = rows()
    desk.world.practice.foreign_write(BILLING_PATH)
    making.look(desk.world.config)
    assert rows() == before


def test_a_run_that_a_guard_refused_says_so_and_waits_for_the_word_that_the_freeze_voided(
    desk: Desk, alice: Client
) -> None:
    rollback = desk.approved()
    tenant_actions.freeze(desk.world.northwind, reason="Black Friday", acting_user=desk.world.bob)
    desk.run(rollback)
    text = text_of(alice.get(address_of(rollback)))
    assert "Waiting for approval. Nothing has been sent." in text
    assert "It waits for approval again: The freeze of Northwind Bank was changed after bob had approved." in text
    desk.approve(rollback)
    desk.run(rollback)
    text = text_of(alice.get(address_of(rollback)))
    assert "The run was refused. Nothing was sent." in text
    assert "is frozen: Black Friday" in text
    assert "Run now" in text


def unknown_outcome(desk: Desk) -> Rollback:
    rollback = desk.approved()
    desk.fault("unavailable_503", when="before", times=None)
    return desk.run(rollback, pace=UNTIL_NOTHING_IS_DUE)


def test_an_unknown_outcome_says_what_it_means_and_only_an_approver_may_close_it(
    desk: Desk, alice: Client, bob: Client
) -> None:
    rollback = unknown_outcome(desk)
    assert rollback.state == "unknown"
    for client in (alice, bob):
        text = text_of(client.get(address_of(rollback)))
        assert "The outcome is still open. The console keeps reading." in text
        assert "may have landed or may still land" in text
    assert 'value="close"' not in alice.get(address_of(rollback)).content.decode()
    assert say(alice, rollback, "close", comment="I think it is fine").status_code == 403
    short = say(bob, rollback, "close", comment="no idea")
    assert short.status_code == 409
    assert "no idea" in text_of(short)
    assert rollback.state == "unknown"
    assert say(bob, rollback, "close", comment="The vendor confirms that it was dropped.").status_code == 302
    assert rollback.state == "refused"
    text = text_of(bob.get(address_of(rollback)))
    assert "Closed by a person: presumed not applied." in text
    assert "The vendor confirms that it was dropped." in text


def refused_by_platform(desk: Desk) -> Rollback:
    rollback = desk.approved()
    desk.fault("unauthorized_401", times=None)
    return desk.run(rollback)


def test_a_refusal_for_good_says_that_nothing_was_changed(desk: Desk, alice: Client) -> None:
    rollback = refused_by_platform(desk)
    assert rollback.state == "refused"
    assert "Refused: nothing was changed." in text_of(alice.get(address_of(rollback)))


def test_an_expired_request_says_that_nothing_was_sent_and_offers_a_new_plan(desk: Desk, alice: Client) -> None:
    rollback = transitions.expire(desk.request())
    text = text_of(alice.get(address_of(rollback)))
    assert "Expired. Nothing was sent." in text
    assert "Plan again on the new live" in text


def test_a_change_by_somebody_else_right_after_ours_is_told_with_the_version_that_overwrote_it(
    desk: Desk, alice: Client
) -> None:
    rollback = desk.approved()
    desk.fault("drop_after_commit")
    desk.world.practice.add_fault("foreign_write", method="GET", path="/configs/cfg-1$", after=2)
    rollback = desk.run(rollback)
    assert rollback.state == "applied"
    assert f"overwritten by version {desk.world.live_version}" in text_of(alice.get(address_of(rollback)))


@pytest.mark.parametrize(
    ("state", "verdict", "tone", "said"),
    [
        ("failed", "divergent", "danger", "Alarm: the platform stored something else than was sent."),
        ("applied", "reached", "info", "who wrote it is not proven"),
        ("applied", "overwritten", "warn", "Overwritten: the write landed"),
        ("unknown", "indeterminate", "danger", "nobody can say whether the write landed"),
    ],
)
def test_no_end_is_told_better_than_it_was(desk: Desk, state: str, verdict: str, tone: str, said: str) -> None:
    rollback = desk.request()
    rollback.state, rollback.verdict = state, verdict
    banner = banners.banner_of(rollback, None)
    assert (banner.tone, said in banner.headline) == (tone, True)


def test_a_type_that_the_platform_does_not_guard_shows_its_race_window_and_no_number(desk: Desk, alice: Client) -> None:
    objects = desk.world.practice.platform.store.organizations["northwind"].objects
    queue_id = next(object_id for kind, object_id in objects if kind == "queue")
    queue = making.track(desk.world.northwind, queue_id, type_name="routing.queue")
    making.look(queue)
    queue.refresh_from_db()
    before = queue.live
    assert before is not None
    desk.world.practice.foreign_write(f"/api/v2/routing/queues/{queue_id}")
    making.look(queue)
    assert "Guard level C (compared). The platform checks nothing" in text_of(alice.get(plan_address(queue, before)))
    rollback = actions.request_rollback(queue, before, reason=REASON, acting_user=desk.world.alice)
    done = desk.run(desk.approve(rollback))
    attempt = done.attempts.get()
    assert (done.state, done.guard_level) == ("applied", "C")
    text = text_of(alice.get(address_of(done)))
    assert f"{attempt.race_window_ms} ms from comparing live to the answer of the write" in text
    assert f"The content of version {before.version} is live, written by us and read back." in text
    entry = AuditEntry.objects.get(action="write.outcome", rollback=done)
    assert f"race window {attempt.race_window_ms} ms" in text_of(alice.get(address_of(entry)))
