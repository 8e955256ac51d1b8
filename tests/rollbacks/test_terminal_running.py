"""The commands that carry a rollback on: approve, apply, cancel, recover; exit codes and what reached the platform."""

from uuid import UUID

import pytest
from django.utils import timezone

from rollbacks import leases, transitions
from rollbacks.models import Attempt, Rollback
from tenants.access import Role
from tenants.models import Tenant
from tests import world as making
from tests.rollbacks.conftest import QUICK, Desk
from tests.rollbacks.terminal_shapes import DOCUMENT, check_shape, set_pace
from tests.tenants.running import run, run_process
from tests.world import BILLING_PATH

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands of this process wait shortly; nothing else is different."""
    set_pace(monkeypatch, QUICK)


def test_bob_approves_by_the_beginning_of_the_id_and_alice_applies_it(desk: Desk, database_url: str) -> None:
    rollback = desk.request()
    short = str(rollback.pk)[:8]
    approved = run("approve", short, "--as", "bob", "--comment", "Seen with the shift lead", "--json")
    assert approved.code == 0
    check_shape(approved.document, DOCUMENT)
    assert (approved.document["state"], approved.document["approved_by"]) == ("approved", ["bob"])
    applied = run_process("apply", short.upper(), "--json", database_url=database_url)
    assert applied.code == 0, applied.err
    check_shape(applied.document, DOCUMENT)
    assert (applied.document["state"], applied.document["verdict"]) == ("applied", "verified")
    again = run("apply", short, "--json")
    assert (again.code, again.document["verdict"]) == (0, "verified")
    assert len(desk.writes()) == 1


@pytest.mark.parametrize("command", [("approve", "--as", "bob"), ("apply",), ("cancel", "--as", "alice")])
@pytest.mark.parametrize("word", ["", "ab12", "zzzzzzzz", "deadbeef", "00000000-0000-4000-8000-000000000000"])
def test_an_id_that_names_no_rollback_is_wrong_use(db: None, command: tuple[str, ...], word: str) -> None:
    making.make_people()
    name, *more = command
    ran = run(name, word, *more, "--json")
    assert ran.code == 2
    assert "Nothing was done." in ran.document["error"]


def test_the_beginning_of_two_ids_is_ambiguous(desk: Desk) -> None:
    first, second = desk.request(), desk.request(desk.good_version - 1)
    for number, rollback in enumerate((first, second)):  # a copy each, whose ids begin alike
        rollback.pk = UUID(f"deadbeef-0000-4000-8000-00000000000{number}")
        rollback.save(force_insert=True)
    ran = run("cancel", "deadbeef", "--as", "alice", "--json")
    assert (ran.code, "fits several rollbacks" in ran.document["error"]) == (2, True)


def test_nobody_approves_what_they_asked_for(desk: Desk) -> None:
    making.give_roles(desk.world.alice, desk.world.northwind, Role.APPROVER)
    rollback = desk.request()
    ran = run("approve", str(rollback.pk), "--as", "alice", "--json")
    assert ran.code == 3
    assert ran.document["exit"] == 3
    assert "somebody else must decide" in ran.document["error"]
    assert run("approve", str(rollback.pk), "--as", "carol", "--json").code == 2
    rollback.refresh_from_db()
    assert rollback.state == "awaiting_approval"


def test_apply_before_the_approval_sends_nothing(desk: Desk) -> None:
    rollback = desk.request()
    ran = run("apply", str(rollback.pk), "--json")
    assert ran.code == 3
    assert "still waits for an approval. Nothing was sent." in ran.document["error"]
    assert desk.writes() == []


def test_apply_after_live_has_moved_is_a_conflict_and_says_who_moved_it(desk: Desk) -> None:
    rollback = desk.approved()
    desk.world.practice.foreign_write(BILLING_PATH, by="Ines Duarte")
    ran = run("apply", str(rollback.pk), "--json")
    assert ran.code == 4
    check_shape(ran.document, DOCUMENT)
    assert (ran.document["state"], ran.document["attempts"]) == ("conflict", [])
    assert "Ines Duarte" in ran.document["refusals"][0]["message"]
    assert desk.writes() == []


def test_apply_in_a_frozen_tenant_is_refused_and_works_once_the_freeze_is_lifted(desk: Desk) -> None:
    rollback = desk.approved()
    Tenant.objects.update(frozen=True)
    ran = run("apply", str(rollback.pk), "--json")
    assert ran.code == 3
    check_shape(ran.document, DOCUMENT)
    assert (ran.document["state"], [one["guard"] for one in ran.document["refusals"]]) == ("approved", ["tenant"])
    assert desk.writes() == []
    Tenant.objects.update(frozen=False)
    ran = run("apply", str(rollback.pk), "--json")
    assert (ran.code, ran.document["refusals"]) == (0, [])
    assert len(desk.writes()) == 1


def test_apply_of_a_request_whose_time_is_over_sends_nothing_and_is_exit_code_3(desk: Desk) -> None:
    rollback = desk.approved()
    Rollback.objects.filter(pk=rollback.pk).update(expires_at=timezone.now())
    ran = run("apply", str(rollback.pk), "--json")
    assert ran.code == 3
    check_shape(ran.document, DOCUMENT)
    assert (ran.document["state"], ran.document["attempts"]) == ("expired", [])
    assert desk.writes() == []


def test_apply_that_the_platform_refuses_for_good_is_exit_code_6(desk: Desk) -> None:
    rollback = desk.approved()
    lease = leases.Lease("test", 60)
    attempt = transitions.begin_attempt(rollback, lease=lease, horizon_seconds=60, actor="alice")
    leases.release_attempt(attempt, lease=lease, look_again_at=timezone.now())
    desk.take_away("agentassist:config:write")
    ran = run("apply", str(rollback.pk), "--json")
    assert ran.code == 6
    check_shape(ran.document, DOCUMENT)
    assert (ran.document["state"], ran.document["verdict"]) == ("refused", "not_applied")
    (send,) = ran.document["attempts"][0]["sends"]
    assert (send["status"], send["code"]) == (403, "missing.any.permissions")
    assert send["refusal"] == ran.document["refusal"]
    assert ran.document["refusal"] == {"kind": "missing_permission", "name": "agentassist:config:write"}
    assert send["correlation_id"]
    assert desk.writes() == []


def test_cancel_takes_a_request_back_once(desk: Desk) -> None:
    rollback = desk.approved()
    ran = run("cancel", str(rollback.pk), "--as", "alice", "--json")
    assert ran.code == 0
    check_shape(ran.document, DOCUMENT)
    assert ran.document["state"] == "cancelled"
    again = run("cancel", str(rollback.pk), "--as", "alice", "--json")
    assert (again.code, again.document["exit"]) == (3, 3)
    assert "cancelled cannot become cancelled" in again.document["error"]
    assert run("apply", str(rollback.pk), "--json").code == 3
    assert run("cancel", str(desk.request().pk), "--as", "carol", "--json").code == 2
    assert desk.writes() == []


def test_recover_with_nothing_to_do_says_so(db: None) -> None:
    ran = run("recover", "--json")
    assert (ran.code, ran.document) == (0, {"driven": [], "open": 0})
    assert "0 looked at, 0 still open." in run("recover").out


def test_recover_sends_what_a_dead_worker_left_unsent(desk: Desk) -> None:
    rollback = desk.approved()
    lease = leases.Lease("elsewhere:1:1", 60)
    attempt = transitions.begin_attempt(rollback, lease=lease, horizon_seconds=60, actor="alice")
    held = run("recover", "--json")
    assert (held.code, held.document) == (5, {"driven": [], "open": 1})
    Attempt.objects.filter(pk=attempt.pk).update(driven_until=timezone.now())
    ran = run("recover")
    assert ran.code == 0
    assert f"{rollback.pk} agentassist.config:cfg-1: applied, verified" in ran.out
    assert len(desk.writes()) == 1
