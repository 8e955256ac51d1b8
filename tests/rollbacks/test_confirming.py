"""Undone unless somebody keeps it: the countdown, the guarded undo, and everybody who writes in between."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from rollbacks import actions, applying, audit, confirming, driving, leases, tasks, transitions, undoing
from rollbacks.models import Attempt, AuditEntry, Confirmation, Notice, Rollback
from rollbacks.verdicts import Verdict
from tenants import actions as tenants
from tenants.labelling import Word
from tenants.models import Snapshot, Tenant
from tests.rollbacks.conftest import QUICK, REASON, Desk
from tests.rollbacks.terminal_shapes import DOCUMENT, check_shape, set_pace
from tests.tenants.running import run
from tests.world import BILLING_PATH, content, look

pytestmark = pytest.mark.django_db(transaction=True)


def counting(desk: Desk, minutes: int = 10) -> Rollback:
    """Give a rollback that was carried out and now counts down to its undo."""
    rollback = desk.run(desk.approve(desk.request(confirm_minutes=minutes)))
    assert (rollback.state, rollback.verdict) == ("applied", "verified")
    return rollback


def time_is_over(rollback: Rollback) -> Confirmation:
    """Let the countdown of a rollback have ended a moment ago."""
    ended = timezone.now() - timedelta(seconds=1)
    Confirmation.objects.filter(rollback=rollback).update(until=ended, look_at=ended)
    return Confirmation.objects.get(rollback=rollback)


def undone(rollback: Rollback) -> Rollback:
    """Give the undo of a rollback as it stands, after everything that is due was done."""
    [undo] = undoing.undo_due()
    return applying.apply(undo.pk, pace=QUICK)


def live(desk: Desk) -> Snapshot:
    seen = look(desk.world.config).snapshot
    assert seen is not None
    return seen


def actions_of(rollback: Rollback) -> list[str]:
    return list(AuditEntry.objects.filter(rollback=rollback).order_by("seq").values_list("action", flat=True))


def freeze(desk: Desk) -> None:
    tenants.freeze(desk.world.northwind, reason="Quarter-end change freeze", acting_user=desk.world.alice)


def test_what_nobody_keeps_is_undone_on_exactly_the_version_that_we_left_and_on_the_first_approval(desk: Desk) -> None:
    before = live(desk)
    rollback = counting(desk)
    left = live(desk)
    time_is_over(rollback)
    undo = undone(rollback)
    assert (undo.state, undo.verdict) == ("applied", "verified")
    assert (undo.undoes_id, undo.target_id) == (rollback.pk, rollback.base_id)
    assert (undo.base_version, bytes(undo.base_etag or b""), undo.base_digest) == (
        left.version,
        bytes(left.etag or b""),
        left.digest,
    )
    assert content(live(desk)) == content(before)
    assert len(desk.writes()) == 2
    assert not undo.approvals.exists()
    assert actions_of(rollback)[-2:] == ["confirmation.begun", "confirmation.lapsed"]
    intent = AuditEntry.objects.get(rollback=undo, action="write.intent")
    details: Any = audit.payload_of(intent)["details"]
    assert (details["approved_by"], details["approved_with"]) == ([], str(rollback.pk))
    confirmation = confirming.confirmation_of(rollback)
    assert confirmation is not None
    assert (confirmation.state, confirmation.undo_id) == ("undoing", undo.pk)
    assert confirming.told(confirmation).headline == "Nobody kept it. It was undone."
    assert undoing.undo_due() == []


def test_what_somebody_keeps_is_never_undone_and_the_trail_says_who_kept_it(desk: Desk) -> None:
    rollback = counting(desk)
    actions.keep_rollback(rollback, acting_user=desk.world.bob)
    time_is_over(rollback)
    assert undoing.undo_due(everything=True) == []
    assert len(desk.writes()) == 1
    entry = AuditEntry.objects.get(action="confirmation.kept")
    assert (entry.actor, entry.rollback_id) == ("bob", rollback.pk)
    with pytest.raises(actions.NotAllowed, match=r"bob kept it on .* Nothing was changed\."):
        actions.keep_rollback(rollback, acting_user=desk.world.alice)
    assert AuditEntry.objects.filter(action="confirmation.kept").count() == 1


def test_who_may_only_look_may_not_keep_it_and_where_nothing_counts_nobody_can(desk: Desk) -> None:
    rollback = counting(desk)
    with pytest.raises(PermissionDenied):
        actions.keep_rollback(rollback, acting_user=desk.world.carol)
    assert confirming.is_counting(rollback)
    time_is_over(rollback)
    undo = undone(rollback)
    with pytest.raises(actions.NotAllowed, match="No countdown runs after this rollback"):
        actions.keep_rollback(undo, acting_user=desk.world.bob)
    with pytest.raises(actions.NotAllowed, match="so it was undone"):
        actions.keep_rollback(rollback, acting_user=desk.world.bob)


def test_it_stops_and_says_so_where_somebody_else_has_written_since(desk: Desk, settings: Settings) -> None:
    settings.CONSOLE_NOTICE_WEBHOOK = "https://hooks.northwind.example/notices"
    rollback = counting(desk)
    desk.world.practice.foreign_write(BILLING_PATH, by="Ines Duarte")
    theirs = live(desk)
    time_is_over(rollback)
    assert undoing.undo_due() == []
    confirmation = Confirmation.objects.get(rollback=rollback)
    assert confirmation.state == "stopped"
    assert "written by Ines Duarte" in confirmation.problem
    assert "Nothing was written over it." in confirmation.problem
    assert live(desk).version == theirs.version
    assert len(desk.writes()) == 1
    assert actions_of(rollback)[-1] == "confirmation.stopped"
    told = Notice.objects.filter(kind__startswith="confirmation.").order_by("created_at")
    assert [(one.kind, sorted(one.people)) for one in told] == [
        ("confirmation.begun", ["alice", "bob"]),
        ("confirmation.stopped", ["alice", "bob"]),
    ]
    assert "written by Ines Duarte" in told[1].text
    assert not Rollback.objects.filter(undoes=rollback).exists()


def test_a_write_that_comes_between_the_undos_plan_and_its_send_ends_it_in_conflict(desk: Desk) -> None:
    rollback = counting(desk)
    time_is_over(rollback)
    [undo] = undoing.undo_due()
    desk.world.practice.foreign_write(BILLING_PATH, by="Ines Duarte")
    assert applying.apply(undo.pk, pace=QUICK).state == "conflict"
    confirmation = confirming.confirmation_of(rollback)
    assert confirmation is not None
    stands = confirming.told(confirmation)
    assert stands.headline == "Nobody kept it, and the undo did not succeed."
    assert "Ines Duarte" in stands.sentence
    assert len(desk.writes()) == 1


def test_a_frozen_tenant_holds_the_undo_up_and_it_can_still_be_kept(desk: Desk) -> None:
    rollback = counting(desk)
    freeze(desk)
    time_is_over(rollback)
    assert undoing.undo_due() == []
    confirmation = Confirmation.objects.get(rollback=rollback)
    assert (confirmation.state, confirmation.tries) == ("counting", 1)
    assert "Quarter-end change freeze" in confirmation.problem
    assert undoing.undo_due() == []  # not before its pause is over
    assert undoing.undo_due(everything=True) == []
    held_up = AuditEntry.objects.filter(action="confirmation.held_up")
    assert held_up.count() == 1  # told once, not at every try
    actions.keep_rollback(rollback, acting_user=desk.world.alice)
    tenants.unfreeze(desk.world.northwind, acting_user=desk.world.alice)
    assert undoing.undo_due(everything=True) == []
    assert len(desk.writes()) == 1


@pytest.mark.slow
def test_a_freeze_that_comes_after_the_undo_was_asked_for_leaves_it_queued(desk: Desk) -> None:
    rollback = counting(desk)
    time_is_over(rollback)
    [undo] = undoing.undo_due()
    freeze(desk)
    undo = applying.apply(undo.pk, pace=QUICK)
    assert (undo.state, undo.run_requested_at is not None) == ("approved", True)
    assert "Quarter-end change freeze" in undo.explanation
    assert len(desk.writes()) == 1
    tenants.unfreeze(desk.world.northwind, acting_user=desk.world.alice)
    assert applying.apply(undo.pk, pace=QUICK).verdict == "verified"
    assert len(desk.writes()) == 2


@pytest.mark.slow
def test_a_platform_that_refuses_the_undo_for_good_is_told_and_nothing_is_sent_again(desk: Desk) -> None:
    rollback = counting(desk)
    time_is_over(rollback)
    desk.fault("refused", refusal={"status": 403, "code": "forbidden", "message": "Not now."})
    undo = undone(rollback)
    assert (undo.state, undo.verdict) == ("refused", "not_applied")
    confirmation = confirming.confirmation_of(rollback)
    assert confirmation is not None
    assert "the undo ended as refused" in confirming.told(confirmation).sentence
    assert undoing.undo_due(everything=True) == []
    assert len(desk.writes()) == 1


@pytest.mark.slow
def test_an_undo_whose_answer_is_lost_is_judged_by_what_live_shows_and_written_once(desk: Desk) -> None:
    rollback = counting(desk)
    time_is_over(rollback)
    desk.fault("gateway_504")
    assert undone(rollback).state == "applied"
    assert len(desk.writes()) == 2


@pytest.mark.slow
def test_what_stands_in_the_way_is_waited_for_a_day_and_then_the_countdown_stops(desk: Desk) -> None:
    rollback = counting(desk)
    freeze(desk)
    long_ago = timezone.now() - confirming.PATIENCE - timedelta(minutes=1)
    Confirmation.objects.update(until=long_ago, look_at=long_ago)
    assert undoing.undo_due() == []
    confirmation = Confirmation.objects.get(rollback=rollback)
    assert confirmation.state == "stopped"
    assert "For 24 hours something stood in the way" in confirmation.problem


def test_the_countdown_begins_with_the_verdict_and_not_while_the_outcome_is_open(desk: Desk) -> None:
    rollback = desk.approve(desk.request(confirm_minutes=10))
    desk.fault("unavailable_503", when="before")
    rollback = desk.run(rollback, pace=driving.Pace(patience=0.0, first_wait=0.01, horizon=600.0))
    assert rollback.state in {"applying", "unknown"}
    assert confirming.confirmation_of(rollback) is None
    Attempt.objects.update(horizon_at=timezone.now())
    applying.recover(pace=QUICK, everything=True)
    assert confirming.is_counting(rollback)


def test_nothing_counts_down_after_what_is_not_proven_to_be_ours(desk: Desk) -> None:
    seen = live(desk)
    may_have_landed = (Verdict.REACHED, Verdict.OVERWRITTEN, Verdict.DIVERGENT, Verdict.INDETERMINATE)
    for verdict in (*may_have_landed, Verdict.CONFLICT, Verdict.NOT_APPLIED):
        rollback = desk.approve(desk.request(confirm_minutes=10))
        lease = leases.Lease("test", 60)
        attempt = transitions.begin_attempt(rollback, lease=lease, horizon_seconds=60, actor="alice")
        transitions.close_attempt(
            attempt, verdict=verdict, evidence={}, explanation="", read_back=seen, sends=0, actor="console"
        )
        assert confirming.confirmation_of(rollback) is None
        told = AuditEntry.objects.filter(action="confirmation.not_begun", rollback=rollback).exists()
        assert told is (verdict in may_have_landed), verdict
        rollback.refresh_from_db()
        assert confirming.has_ended(rollback)


def test_the_minutes_are_signed_and_an_altered_option_sends_nothing(desk: Desk) -> None:
    plain, with_option, other = desk.request(), desk.request(confirm_minutes=10), desk.request(confirm_minutes=11)
    assert len({plain.plan_digest, with_option.plan_digest, other.plan_digest}) == 3
    approved = desk.approve(plain)
    Rollback.objects.filter(pk=approved.pk).update(confirm_minutes=5)
    assert "no longer the one that was approved" in desk.run(approved).explanation
    assert desk.writes() == []


def test_an_option_that_was_altered_after_the_write_undoes_nothing(desk: Desk) -> None:
    rollback = counting(desk, 240)
    time_is_over(rollback)
    Rollback.objects.filter(pk=rollback.pk).update(confirm_minutes=5)
    assert undoing.undo_due() == []
    assert "no longer the one that was approved" in Confirmation.objects.get(rollback=rollback).problem
    assert len(desk.writes()) == 1


def test_the_approval_covers_only_the_way_back_from_what_was_left(desk: Desk) -> None:
    rollback = counting(desk)
    time_is_over(rollback)
    [undo] = undoing.undo_due()
    Rollback.objects.filter(pk=undo.pk).update(base_version=(undo.base_version or 0) - 1)
    with pytest.raises(transitions.RunRefused, match="a colleague must approve"):
        transitions.begin_attempt(undo, lease=leases.Lease("test", 60), horizon_seconds=1, actor="console")
    assert not Attempt.objects.filter(rollback=undo).exists()


@pytest.mark.parametrize(
    ("state", "headline"),
    [
        ("approved", "Nobody kept it. It is being undone."),
        ("applying", "Nobody kept it. It is being undone."),
        ("applied", "Nobody kept it. It was undone."),
        ("unknown", "Nobody kept it, and nobody can say whether its undo landed."),
        ("conflict", "Nobody kept it, and the undo did not succeed."),
        ("refused", "Nobody kept it, and the undo did not succeed."),
        ("cancelled", "Nobody kept it, and the undo did not succeed."),
    ],
)
def test_how_the_undo_stands_is_told_and_never_more_than_is_known(state: str, headline: str) -> None:
    undo = Rollback(state=state, explanation="Live tells no more.")
    told = confirming.told(Confirmation(state="undoing", minutes=10, undo=undo))
    assert told.headline == headline
    assert told.sentence.startswith("Nobody kept it within 10 minutes")
    assert state == "applied" or "Live tells no more." in told.sentence


def test_minutes_out_of_bounds_are_refused_by_name() -> None:
    for minutes in (0, 4, 241):
        with pytest.raises(actions.NotAllowed, match=f"5 to 240 minutes; this says {minutes}"):
            actions.check_confirm_minutes(minutes)
    for within in (None, 5, 240):
        actions.check_confirm_minutes(within)


def at_once(works: list[Callable[[], object]]) -> list[object]:
    """Do everything at the same moment, each in a session of its own; an error is given as what came of it."""
    ready = Barrier(len(works))

    def one(work: Callable[[], object]) -> object:
        try:
            ready.wait(30)
            return work()
        except Exception as error:  # noqa: BLE001 - what each of them met is what the test asks about
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return [working.result(60) for working in [pool.submit(one, work) for work in works]]


def test_two_workers_that_sweep_at_once_ask_for_one_undo(desk: Desk) -> None:
    rollback = counting(desk)
    confirmation = time_is_over(rollback)

    def sweep() -> object:
        # As if the lease of the first had ended while it was looking: the database alone decides.
        return undoing.undo_one(confirmation.pk, everything=True)

    asked = [undo for undo in at_once([sweep, sweep, sweep]) if isinstance(undo, Rollback)]
    assert len(asked) == 1
    assert Rollback.objects.filter(undoes=rollback).count() == 1
    assert AuditEntry.objects.filter(action="confirmation.lapsed").count() == 1


def test_of_a_person_who_keeps_it_and_a_worker_that_undoes_it_the_database_lets_one(desk: Desk) -> None:
    rollback = counting(desk)
    confirmation = time_is_over(rollback)
    kept, undo = at_once(
        [
            lambda: actions.keep_rollback(rollback, acting_user=desk.world.bob),
            lambda: undoing.undo_one(confirmation.pk, everything=True),
        ]
    )
    assert isinstance(kept, Confirmation) is not isinstance(undo, Rollback), (kept, undo)
    assert Rollback.objects.filter(undoes=rollback).count() == isinstance(undo, Rollback)
    ended = AuditEntry.objects.filter(action__in=["confirmation.kept", "confirmation.lapsed"])
    assert ended.count() == 1


def test_the_sweep_of_the_workers_finds_it_without_any_message(desk: Desk) -> None:
    rollback = counting(desk)
    time_is_over(rollback)
    tasks.sweep_confirmations()
    tasks.sweep_attempts()
    undo = Rollback.objects.get(undoes=rollback)
    assert (undo.state, undo.verdict) == ("applied", "verified")


def test_the_terminal_asks_for_it_keeps_it_and_undoes_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    set_pace(monkeypatch, QUICK)
    config = ("northwind", "agentassist.config:cfg-1")
    Tenant.objects.filter(pk=desk.world.northwind.pk).update(approvals_needed=0)
    way = ("--to", str(desk.good_version), "--reason", REASON, "--as", "alice")
    wrong = run("rollback", *config, *way, "--confirm-within", "3", "--json")
    assert (wrong.code, "5 to 240" in wrong.document["error"]) == (2, True)
    planned = run("rollback", *config, *way, "--confirm-within", "15", "--dry-run", "--json")
    assert planned.document["confirmation"] == {"state": "planned", "minutes": 15}
    ran = run("rollback", *config, *way, "--confirm-within", "15", "--json")
    assert ran.code == 0, ran.err
    check_shape(ran.document, DOCUMENT)
    assert (ran.document["confirmation"]["state"], ran.document["confirmation"]["minutes"]) == ("counting", 15)
    rollback = Rollback.objects.get(pk=ran.document["id"])
    kept = run("confirm", ran.document["id"][:8], "--as", "bob", "--json")
    assert (kept.code, kept.document["confirmation"]["kept_by"]) == (0, "bob")
    again = run("confirm", ran.document["id"][:8], "--as", "bob", "--json")
    assert (again.code, "bob kept it" in again.document["error"]) == (3, True)
    Confirmation.objects.filter(rollback=rollback).update(state="counting", ended_at=None, keeper="", kept_by=None)
    time_is_over(rollback)
    recovered = run("recover", "--json")
    assert recovered.code == 0, recovered.err
    told = run("apply", ran.document["id"][:8], "--json").document["confirmation"]
    assert told["state"] == "undoing"
    assert told["sentence"] == "Nobody kept it within 15 minutes, so it was undone."


@pytest.mark.slow
def test_content_that_is_labelled_bad_comes_back_because_that_was_signed_too(desk: Desk) -> None:
    rollback = counting(desk)
    tenants.label_version(rollback.base, Word.BAD, reason="Misroutes refunds to sales", acting_user=desk.world.alice)
    time_is_over(rollback)
    undo = undone(rollback)
    assert undo.verdict == "verified"
    assert undo.despite_label == undo.reason
