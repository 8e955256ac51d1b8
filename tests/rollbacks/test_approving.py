"""Whose word counts, when it counts no more, and what whoever had approved is asked then."""

import json
import time
from functools import partial

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from rollbacks import actions, differences, facts, freeze_actions, reviewing, since, waiting
from rollbacks.models import Approval, AuditEntry, FreezeWindow, Notice, Rollback
from tenants import actions as tenant_actions
from tenants import trail
from tenants.access import Role
from tenants.models import Membership, Tenant
from tests import world as making
from tests.rollbacks.conftest import Desk
from tests.rollbacks.page_reading import address_of, browser_of, main_of, send, text_of
from tests.tenants.running import run
from tests.world import BILLING_PATH

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(desk: Desk) -> tuple[User, User]:
    """Let two of three approvers approve at the bank: Bob, Dana and Erik."""
    Tenant.objects.filter(pk=desk.world.northwind.pk).update(approvals_needed=2)
    desk.world.config.refresh_from_db()
    dana, erik = (User.objects.create_user(name, is_staff=True, first_name=name.title()) for name in ("dana", "erik"))
    for person in (dana, erik):
        making.give_roles(person, desk.world.northwind, Role.APPROVER)
    return dana, erik


def approve(rollback: Rollback, user: User) -> Rollback:
    return actions.approve_rollback(rollback, acting_user=user, plan_digest=rollback.plan_digest)


def last_entry(rollback: Rollback) -> tuple[str, dict[str, object]]:
    entry = AuditEntry.objects.filter(rollback=rollback).order_by("-seq")[0]
    details: dict[str, object] = json.loads(bytes(entry.payload))["details"]
    return entry.action, details


def move_live(desk: Desk) -> None:
    """Let Marek write on the platform, and the console look at it."""
    desk.world.practice.foreign_write(BILLING_PATH)
    making.look(desk.world.config)


def test_two_of_three_must_approve_and_the_pages_say_who_may(desk: Desk, two: tuple[User, User]) -> None:
    dana, _ = two
    rollback = desk.request()
    assert (
        waiting.approvers_of(rollback).sentence == "0 of 2 approvals given; 3 people may approve: Bob, Dana and Erik."
    )
    desk.approve(rollback)
    rollback.refresh_from_db()
    assert rollback.state == "awaiting_approval"
    shown = text_of(browser_of(desk.world.carol).get(address_of(rollback)))
    assert "1 of 2 approvals given; 3 people may approve: Bob, Dana and Erik. It waits for Dana or Erik." in shown
    with pytest.raises(actions.NotAllowed, match="already decided"):
        desk.approve(rollback)
    assert approve(rollback, dana).state == "approved"
    assert run("approve", str(rollback.pk), "--as", "erik").code == 3


def test_an_approval_asks_first_who_is_at_the_browser_and_keeps_what_was_typed(desk: Desk) -> None:
    rollback = desk.request()
    bob = Client()
    bob.force_login(desk.world.bob)
    session = bob.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": time.time() - 3600}]
    session.save()
    form = {"do": "approve", "plan_digest": rollback.plan_digest, "comment": "Seen with Ines"}
    asked = bob.post(address_of(rollback), form)
    assert asked.status_code == 302
    assert asked["Location"].startswith("/confirm/?next=")
    assert not Approval.objects.exists()
    assert ">Seen with Ines</textarea>" in bob.get(address_of(rollback)).content.decode()
    form |= {"do": "reject"}
    assert bob.post(address_of(rollback), form)["Location"] == address_of(rollback), "stopping needs no proof"


def test_too_few_approvers_are_named_when_it_is_asked_for(desk: Desk) -> None:
    Tenant.objects.filter(pk=desk.world.northwind.pk).update(approvals_needed=2)
    desk.world.config.refresh_from_db()
    told = waiting.approvers_of(desk.request())
    assert told.too_few.startswith("2 approvals are needed and only 1 person may give one.")
    assert run(
        "rollback", "northwind", "agentassist.config:cfg-1", "--to", str(desk.good_version), "--reason", "x" * 10
    ).out
    Membership.objects.filter(role=Role.APPROVER).delete()
    desk.world.northwind.refresh_from_db()
    assert waiting.approvers_in(desk.world.northwind, asker=None).too_few.startswith(
        "2 approvals are needed and nobody may give one."
    )


@pytest.mark.parametrize("how", ["approver", "owner", "session", "terminal", "account"])
def test_whoever_asked_never_approves_by_whatever_way(desk: Desk, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = desk.world.alice
    making.give_roles(alice, desk.world.northwind, Role.APPROVER)
    if how == "owner":
        User.objects.filter(pk=alice.pk).update(is_superuser=True)
    if how == "account":
        monkeypatch.setattr(trail, "machine_account", lambda: "Alice")
        rollback = desk.request(acting_user=None)
    else:
        rollback = desk.request()
    if how in {"terminal", "account"}:
        refused = run("approve", str(rollback.pk), "--as", "alice")
        assert refused.code == 3
        assert "alice asked for this rollback" in refused.err
    else:
        for client in (browser_of(alice), browser_of(alice)):
            form = {"do": "approve", "plan_digest": rollback.plan_digest}
            assert send(client, address_of(rollback), form).status_code == 403
    assert not waiting.waiting_for(User.objects.get(pk=alice.pk)).exists()
    assert not Approval.objects.exists()


def test_another_name_at_one_s_own_terminal_does_not_help(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    rollback = desk.request()
    monkeypatch.setattr(trail, "machine_account", lambda: "alice")
    refused = run("approve", str(rollback.pk), "--as", "bob")
    assert refused.code == 3
    assert "decides here from the account alice" in refused.err
    assert not Approval.objects.exists()


@pytest.mark.parametrize("how", ["role", "person"])
def test_an_approver_who_is_none_any_more_does_not_count_at_t1_nor_before(desk: Desk, how: str) -> None:
    rollback = desk.approved()
    if how == "role":
        Membership.objects.filter(user=desk.world.bob).delete()
    else:
        User.objects.filter(pk=desk.world.bob.pk).update(is_active=False)
    ended = desk.run(rollback)
    assert desk.writes() == []
    assert ended.state == "awaiting_approval"
    assert "bob approved and is not" in ended.explanation
    assert [entry for entry in AuditEntry.objects.values_list("action", flat=True) if entry == "approval.voided"]
    approval = Approval.objects.get()
    assert approval.voided_at is not None
    if how == "role":
        making.give_roles(desk.world.bob, desk.world.northwind, Role.APPROVER)
        assert facts.approvals_given(ended) == 0, "what was void stays void"
        assert desk.run(desk.approve(ended)).state == "applied"


def test_revoking_a_role_freezing_and_asking_for_more_void_by_themselves(
    desk: Desk, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    tenant = desk.world.northwind
    rollback = desk.approved()

    def expect_wait(because: str) -> None:
        rollback.refresh_from_db()
        assert rollback.state == "awaiting_approval"
        assert because in rollback.explanation

    with django_capture_on_commit_callbacks(execute=True):
        tenant_actions.freeze(tenant, reason="Black Friday", acting_user=desk.world.bob)
    expect_wait("The freeze of Northwind Bank was changed after bob had approved.")
    desk.approve(rollback)
    with django_capture_on_commit_callbacks(execute=True):
        tenant_actions.unfreeze(tenant, acting_user=desk.world.bob)
    expect_wait("The freeze of Northwind Bank was changed")
    told = since.since_approval(rollback, desk.world.bob)
    assert told is not None
    assert told.same_plan
    desk.approve(rollback)
    with django_capture_on_commit_callbacks(execute=True):
        tenant.refresh_from_db()
        tenant.approvals_needed = 2
        tenant_actions.change_tenant(tenant, acting_user=None)
    expect_wait("Northwind Bank asks for 2 approvals by now.")
    assert facts.approvals_given(rollback) == 1, "Bob's word stands; one more is missing"
    with django_capture_on_commit_callbacks(execute=True):
        tenant_actions.revoke_role(Membership.objects.get(user=desk.world.alice), acting_user=None)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("cancelled", "")
    assert "alice, who asked for it, is not operator in Northwind Bank any more." in rollback.explanation
    assert desk.writes() == []


def test_a_freeze_and_its_end_between_approval_and_run_are_not_overlooked(desk: Desk) -> None:
    rollback = desk.approved()
    tenant_actions.freeze(desk.world.northwind, reason="Black Friday", acting_user=None)
    tenant_actions.unfreeze(desk.world.northwind, acting_user=None)
    assert desk.run(rollback).state == "awaiting_approval"
    assert desk.writes() == []


def test_a_tenant_that_asked_for_no_approval_and_now_does_gets_them(
    desk: Desk, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    tenant = desk.world.northwind
    Tenant.objects.update(approvals_needed=0)
    desk.world.config.refresh_from_db()
    rollback = desk.request()
    assert rollback.state == "approved"
    tenant.refresh_from_db()
    tenant.approvals_needed = 1
    with django_capture_on_commit_callbacks(execute=True):
        tenant_actions.change_tenant(tenant, acting_user=None)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.approvals_needed) == ("awaiting_approval", 1)


@pytest.mark.parametrize("approved", [False, True])
def test_a_look_that_sees_live_move_voids_the_plan_at_once(desk: Desk, approved: bool) -> None:
    rollback = desk.approved() if approved else desk.request()
    move_live(desk)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("conflict", "conflict")
    assert f"live is version {desk.world.live_version} by now" in rollback.explanation
    action, details = last_entry(rollback)
    assert action == "rollback.voided"
    assert details["approved_by"] == (["bob"] if approved else [])
    with pytest.raises(actions.NotAllowed):
        desk.approve(rollback)
    assert desk.run(rollback).state == "conflict"
    assert desk.writes() == []


def gone(desk: Desk, **rule: object) -> None:
    """Let the platform say that there is no such object, as often as the rule says."""
    answer = {"status": 404, "code": "not.found", "message": "The requested resource was not found"}
    desk.world.practice.add_fault("refused", method="GET", path="/configs/cfg-1$", refusal=answer, **rule)


@pytest.mark.parametrize("found_by", ["look", "another survey", "sweep"])
def test_a_plan_of_an_object_that_has_vanished_is_void_at_once(desk: Desk, found_by: str) -> None:
    rollback, good, config = desk.approved(), desk.good_version, desk.world.config
    desk.world.practice.platform.control.delete({"object": BILLING_PATH})
    if found_by == "look":
        making.look(config)
    elif found_by == "another survey":
        with pytest.raises(actions.RequestRefused):
            desk.request(to=good)
    else:
        type(config).objects.filter(pk=config.pk).update(presence="vanished")
        reviewing.review()
    rollback.refresh_from_db()
    assert (rollback.state, rollback.verdict) == ("conflict", "conflict")
    assert rollback.explanation.startswith("The plan is void: the object is gone from the platform.")
    assert last_entry(rollback)[0] == "rollback.voided"
    assert "gone from the platform" in text_of(browser_of(desk.world.bob).get(address_of(rollback)))
    with pytest.raises(actions.NotAllowed):
        desk.approve(rollback)


def test_one_answer_that_says_so_alone_voids_nothing(desk: Desk) -> None:
    rollback = desk.approved()
    gone(desk, times=1)
    assert making.look(desk.world.config).outcome == "unchanged"
    rollback.refresh_from_db()
    assert (rollback.state, desk.world.config.presence) == ("approved", "present")
    gone(desk, times=1)
    assert desk.run(rollback).state == "applied"


def test_a_run_that_finds_the_object_gone_ends_its_rollback(desk: Desk) -> None:
    rollback = desk.approved()
    desk.world.practice.platform.control.delete({"object": BILLING_PATH})
    ended = desk.run(rollback)
    assert (ended.state, ended.verdict) == ("conflict", "conflict")
    assert "it is gone from the platform" in ended.explanation
    assert AuditEntry.objects.filter(rollback=rollback, action="write.not_sent").count() == 1
    desk.world.config.refresh_from_db()
    assert desk.world.config.presence == "vanished"
    assert desk.writes() == []


def test_what_a_look_missed_the_sweep_and_the_approval_itself_find(desk: Desk) -> None:
    swept, decided = desk.request(), desk.request(to=desk.good_version - 1)
    live = desk.world.config.snapshots.filter(version=desk.good_version)[0]
    type(desk.world.config).objects.filter(pk=desk.world.config.pk).update(live=live)
    with pytest.raises(actions.NotAllowed, match="Your decision was not recorded"):
        desk.approve(decided)
    reviewing.review()
    for rollback in (swept, decided):
        rollback.refresh_from_db()
        assert rollback.state == "conflict"
    assert not Approval.objects.exists()


def test_an_altered_plan_is_void_before_anybody_can_approve_it(desk: Desk) -> None:
    rollback = desk.request()
    rollback.steps.update(path="/api/v2/agentassist/configs/cfg-2")
    with pytest.raises(actions.NotAllowed, match="what is stored is not what was planned"):
        desk.approve(rollback)
    rollback.refresh_from_db()
    assert rollback.state == "cancelled"


@pytest.fixture
def told(settings: Settings) -> None:
    settings.CONSOLE_NOTICE_WEBHOOK = "http://127.0.0.1:1/hook"


@pytest.mark.usefixtures("told")
def test_after_live_moved_one_click_plans_again_and_bob_is_asked_for_the_difference_alone(desk: Desk) -> None:
    rollback = desk.approved()
    move_live(desk)
    alice = browser_of(desk.world.alice)
    page = alice.get(address_of(rollback))
    assert "Plan again on the new live" in text_of(page)
    again = send(alice, address_of(rollback), {"do": "again"})
    successor = Rollback.objects.get(succeeds=rollback)
    assert again["Location"] == address_of(successor)
    assert (successor.reason, successor.base_version) == (rollback.reason, desk.world.live_version)
    assert successor.state == "awaiting_approval"

    # The link of the notice leads through the sign-in to the same difference.
    notice = Notice.objects.get(kind="approval.wanted_again")
    assert (notice.people, notice.path) == (["bob"], address_of(successor))
    assert "only for what is different since then" in notice.text
    somebody = Client()
    entrance = somebody.get(notice.path)
    assert entrance.status_code == 302
    signed_in = somebody.post(entrance["Location"], {"username": "bob", "password": making.PASSWORD})
    assert signed_in["Location"] == address_of(successor)
    assert "waits for you changed since you approved" in text_of(somebody.get("/"))
    asked = somebody.get(signed_in["Location"])
    words, markup = text_of(asked), main_of(asked)
    assert "What is different since you approved" in words
    assert f"v{rollback.base_version} → v{successor.base_version}" in words
    assert (
        markup.index("since-title") < markup.index('<details class="card whole-plan">') < markup.index("decide-title")
    )
    told = since.since_approval(successor, desk.world.bob)
    assert told is not None
    assert told.earlier == rollback
    assert told.base, "what Marek changed is the difference of the bases"
    [body] = told.bodies
    assert body.before != body.after
    assert body.rows
    assert told.kept + len(told.new) == sum(
        not change.volatile for change in differences.difference_of(successor).changes
    )
    assert since.since_approval(successor, desk.world.carol) is None
    assert "What is different since" not in text_of(browser_of(desk.world.carol).get(address_of(successor)))

    document = run("approve", str(successor.pk), "--as", "bob", "--dry-run", "--json").document
    assert document["succeeds"] == str(rollback.pk)
    assert document["since"]["approved"] == str(rollback.pk)
    assert not Approval.objects.filter(rollback=successor).exists()
    form = {"do": "approve", "plan_digest": successor.plan_digest}
    assert send(browser_of(desk.world.bob), address_of(successor), form).status_code == 302
    assert desk.run(successor).state == "applied"
    successor.refresh_from_db()
    with pytest.raises(actions.NotAllowed, match="is applied, so nothing takes its place"):
        actions.plan_again(successor, acting_user=desk.world.alice)


def test_the_terminal_plans_again_rejects_and_approves_one_plan_only(desk: Desk) -> None:
    rollback = desk.approved()
    move_live(desk)
    document = run("again", str(rollback.pk), "--as", "alice", "--json").document
    assert document["succeeds"] == str(rollback.pk)
    assert (document["approvals_needed"], document["may_approve"]) == (1, ["bob"])
    assert run("again", str(rollback.pk), "--as", "alice").code == 3
    assert run("approve", document["id"], "--as", "bob", "--plan", rollback.plan_digest).code == 2
    assert run("reject", document["id"], "--as", "bob", "--comment", " ").code == 3
    assert run("reject", document["id"], "--as", "bob", "--comment", "Not tonight").code == 0
    ended = Rollback.objects.get(pk=document["id"])
    assert (ended.state, ended.explanation) == ("cancelled", "bob rejected it: Not tonight")


def test_a_freeze_window_that_is_added_or_ended_voids_what_was_approved_under_others(
    desk: Desk, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    tenant, rollback = desk.world.northwind, desk.approved()
    add = partial(
        freeze_actions.add_window,
        tenant,
        zone="Europe/Berlin",
        effect=FreezeWindow.Effect.DENY,
        acting_user=desk.world.bob,
    )
    with django_capture_on_commit_callbacks(execute=True):
        window = add(when="every friday 16:00 to monday 06:00", reason="Weekend")
    rollback.refresh_from_db()
    assert rollback.state == "awaiting_approval"
    assert desk.approve(rollback).state == "approved"
    elsewhere = making.track(tenant, "cfg-2")
    with django_capture_on_commit_callbacks(execute=True):
        add(when="every sunday", config=elsewhere, reason="Another object's")
    rollback.refresh_from_db()
    assert rollback.state == "approved", "it bears on another object"
    with django_capture_on_commit_callbacks(execute=True):
        freeze_actions.end_window(window, reason="The release went well", acting_user=desk.world.bob)
    rollback.refresh_from_db()
    assert rollback.state == "awaiting_approval"
    assert [one.void_because for one in Approval.objects.order_by("pk")] == [
        "The freeze of Northwind Bank was changed after bob had approved."
    ] * 2
