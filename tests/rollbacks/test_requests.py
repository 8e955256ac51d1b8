"""Asking for a rollback and deciding on it: every guard on real HTTP, all refusals at once, and nothing sent."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from rollbacks import actions, audit, leases, transitions
from rollbacks.models import Approval, AuditEntry, Rollback
from rollbacks.tasks import expire_rollbacks
from tenants import archive
from tenants.access import Role
from tenants.documents import compose, root_members
from tenants.models import Document, Snapshot, Tenant
from tenants.remote import Answer
from tests import world as making
from tests.rollbacks.conftest import REASON, Desk
from tests.world import BILLING_PATH, version

pytestmark = pytest.mark.django_db(transaction=True)

Refuses = Callable[..., dict[str, str]]

STRANGER = "7f0cf2ea-28d1-4d0c-9a49-2f4f4d7a6a10"


def keep_version(desk: Desk, number: int, **members: object) -> int:
    """Keep a version as if the platform had once shown the good one with these members more."""
    good = root_members(archive.bytes_of(version(desk.world.config, desk.good_version)))
    changed = {"version": number, **members}
    raw = compose(good | {key: json.dumps(value).encode() for key, value in changed.items()})
    answer = Answer(
        status=200,
        body=raw,
        etag=None,
        correlation_id="",
        elapsed_ms=1,
        received_at=timezone.now(),
        content_type="application/json",
    )
    config = desk.world.config
    archive.record(config, making.type_of(config), answer, source=Snapshot.Source.HISTORY, seen_at=answer.received_at)
    return number


def last_entry(desk: Desk) -> AuditEntry:
    return AuditEntry.objects.filter(config=desk.world.config).latest("seq")


# the guards of a request


def test_a_frozen_tenant_refuses_and_says_why(desk: Desk, refuses: Refuses) -> None:
    Tenant.objects.update(frozen=True, frozen_reason="year-end close")
    desk.world.config.refresh_from_db()
    assert refuses() == {
        "tenant": "Northwind Bank is frozen: year-end close. Nothing was sent. Lift the freeze, then plan again."
    }


def test_a_client_of_another_organization_refuses(desk: Desk, refuses: Refuses) -> None:
    Tenant.objects.filter(pk=desk.world.northwind.pk).update(organization_id=STRANGER)
    desk.world.config.refresh_from_db()
    (guard, sentence) = refuses().popitem()
    assert guard == "identity"
    assert STRANGER in sentence
    assert desk.world.northwind.organization_id in sentence


def test_a_missing_permission_refuses_by_its_name(desk: Desk, refuses: Refuses) -> None:
    desk.take_away("agentassist:config:write")
    assert refuses() == {
        "permissions": "The OAuth client lacks agentassist:config:write. Nothing was sent. "
        "Add agentassist:config:write to its role “Config Vault”. Then plan again."
    }


def test_permissions_that_cannot_be_learned_refuse(desk: Desk, refuses: Refuses) -> None:
    desk.world.practice.add_fault("unavailable_503", path="/authorization/subjects/me$", times=None)
    assert refuses().keys() == {"permissions"}


def test_a_live_object_that_cannot_be_read_refuses(desk: Desk, refuses: Refuses) -> None:
    desk.take_away("agentassist:config:read")
    refused = refuses()
    assert refused.keys() == {"live_readable", "permissions"}
    assert "agentassist:config:read" in refused["permissions"]
    assert refused["live_readable"].endswith("Nothing was sent.")


def test_a_live_object_that_has_vanished_refuses(desk: Desk, refuses: Refuses) -> None:
    good = desk.good_version
    desk.world.practice.platform.control.delete({"object": BILLING_PATH})
    assert refuses(to=good).keys() == {"live_readable"}


def test_unknown_fields_of_a_kept_version_are_refused_by_name_with_the_known_one_suggested(
    desk: Desk, refuses: Refuses
) -> None:
    odd = keep_version(desk, 900, versionRevert=True, trafficShift=50, contents={})
    refused = refuses(to=odd)
    assert refused.keys() == {"schema"}
    assert "the unknown field contents (did you mean content?)" in refused["schema"]
    assert "trafficShift (did you mean trafficPercent" in refused["schema"]
    assert "versionRevert (there is no revert flag" in refused["schema"]


def test_damaged_bytes_are_refused_before_anything_is_composed_from_them(desk: Desk, refuses: Refuses) -> None:
    good = version(desk.world.config, desk.good_version)
    raw = archive.bytes_of(good)
    Document.objects.filter(pk=good.document_id).update(body=raw.replace(b"0.62", b"0.26").replace(b"0.65", b"0.56"))
    refused = refuses()
    assert refused.keys() == {"target_readable", "target_digest"}
    assert f"document {good.document_id[:12]} are not the ones that came" in refused["target_readable"]


def test_a_target_with_another_digest_than_was_recorded_is_refused(desk: Desk, refuses: Refuses) -> None:
    good = version(desk.world.config, desk.good_version)
    Snapshot.objects.filter(pk=good.pk).update(digest="0" * 64)
    refused = refuses()
    assert refused.keys() == {"target_digest"}
    assert "000000000000… was recorded" in refused["target_digest"]


def test_going_back_to_what_is_live_is_refused_as_nothing_to_do(desk: Desk, refuses: Refuses) -> None:
    live = desk.world.live_version
    assert refuses(to=live) == {
        "no_op": f"Live already has the content of version {live}. Nothing was sent; there is nothing to do."
    }


def test_a_second_rollback_waits_for_the_end_of_the_first(desk: Desk) -> None:
    rollback = desk.approved()
    lease = leases.Lease("elsewhere:1:1", seconds=60)
    transitions.begin_attempt(rollback, lease=lease, horizon_seconds=1, actor="alice")
    with pytest.raises(actions.RequestRefused) as refused:
        desk.request(desk.good_version - 1)
    (check,) = refused.value.refusals
    assert check.guard == "in_flight"
    assert f"to version {desk.good_version} is under way" in check.message
    assert desk.writes() == []


def test_all_refusals_are_told_at_once_and_stand_in_the_trail(desk: Desk, refuses: Refuses) -> None:
    odd = keep_version(desk, 900, versionRevert=True)
    Snapshot.objects.filter(version=odd).update(digest="0" * 64)
    desk.take_away("agentassist:config:write")
    Tenant.objects.update(frozen=True, organization_id=STRANGER)
    desk.world.config.refresh_from_db()
    refused = refuses(to=odd)
    assert refused.keys() == {"tenant", "identity", "permissions", "schema", "target_digest"}
    entry = last_entry(desk)
    assert (entry.action, entry.outcome, entry.actor) == ("rollback.refused", "refused", "alice")
    details = audit.payload_of(entry)["details"]
    assert isinstance(details, dict)
    assert {one["guard"]: one["message"] for one in details["refusals"]} == refused
    assert (details["reason"], details["target_version"]) == (REASON, odd)


def test_a_plan_that_changed_between_the_look_and_the_request_is_refused_with_who_changed_it(desk: Desk) -> None:
    target = version(desk.world.config, desk.good_version)
    seen = actions.plan_rollback(desk.world.config, target, acting_user=desk.world.alice)
    assert not seen.refusals
    desk.world.practice.foreign_write(BILLING_PATH, by="Ines Duarte")
    with pytest.raises(actions.RequestRefused) as refused:
        desk.request(target.version, expected_plan_digest=seen.plan_digest)
    (check,) = refused.value.refusals
    assert check.guard == "live_unchanged"
    assert f"live is now version {desk.world.live_version}, written by Ines Duarte" in check.message
    assert not Rollback.objects.exists()
    again = actions.plan_rollback(desk.world.config, target, acting_user=desk.world.alice)
    assert desk.request(target.version, expected_plan_digest=again.plan_digest).plan_digest == again.plan_digest
    assert desk.writes() == []


def test_a_plan_shows_every_guard_and_writes_nothing_anywhere(desk: Desk) -> None:
    before = last_entry(desk).seq
    target = version(desk.world.config, desk.good_version)
    survey = actions.plan_rollback(desk.world.config, target, acting_user=desk.world.carol)
    assert [(check.guard, check.standing) for check in survey.checks] == [
        *(
            (guard, "holds")
            for guard in ("type", "tenant", "freeze", "identity", "permissions", "routing", "live_unchanged")
        ),
        *(
            (guard, "holds")
            for guard in (
                *(
                    "target_readable",
                    "target_digest",
                    "label",
                    "restorable",
                    "references",
                    "schema",
                    "version",
                    "no_op",
                ),
            )
        ),
        ("in_flight", "holds"),
        ("approvals", "pending"),
    ]
    assert last_entry(desk).seq == before
    assert not Rollback.objects.exists()
    assert desk.writes() == []


@pytest.mark.parametrize("reason", ["", "   oops   ", "\n\t         "])
def test_a_reason_that_says_nothing_is_not_accepted(desk: Desk, reason: str) -> None:
    with pytest.raises(actions.NotAllowed, match="at least 10 characters"):
        desk.request(reason=reason)
    assert not Rollback.objects.exists()


# who may ask and decide


def test_a_viewer_a_stranger_and_somebody_who_left_cannot_ask(desk: Desk) -> None:
    mallory = User.objects.create_user("mallory")
    making.give_roles(mallory, desk.world.tailspin, Role.OPERATOR, Role.APPROVER)
    User.objects.filter(username="alice").update(is_active=False)
    desk.world.alice.refresh_from_db()
    for user in (desk.world.carol, mallory, desk.world.alice):
        with pytest.raises(PermissionDenied):
            desk.request(acting_user=user)
    with pytest.raises(PermissionDenied):
        actions.plan_rollback(desk.world.config, version(desk.world.config, 1), acting_user=mallory)
    assert not Rollback.objects.exists()
    assert desk.writes() == []


def test_a_stranger_can_neither_approve_cancel_nor_run(desk: Desk) -> None:
    mallory = User.objects.create_user("mallory")
    making.give_roles(mallory, desk.world.tailspin, Role.OPERATOR, Role.APPROVER)
    rollback = desk.request()
    for user in (mallory, desk.world.carol):
        with pytest.raises(PermissionDenied):
            actions.approve_rollback(rollback, acting_user=user, plan_digest=rollback.plan_digest)
        with pytest.raises(PermissionDenied):
            actions.cancel_rollback(rollback, acting_user=user)
        with pytest.raises(PermissionDenied):
            actions.run_rollback(rollback, acting_user=user)
    rollback.refresh_from_db()
    assert (rollback.state, rollback.approvals.count()) == ("awaiting_approval", 0)


def test_nobody_decides_on_their_own_request(desk: Desk) -> None:
    making.give_roles(desk.world.alice, desk.world.northwind, Role.APPROVER)
    rollback = desk.request()
    for decide in (actions.approve_rollback, actions.reject_rollback):
        with pytest.raises(actions.NotAllowed, match="alice asked for this rollback"):
            decide(rollback, acting_user=desk.world.alice, plan_digest=rollback.plan_digest, comment="my own")
    assert not Approval.objects.exists()


def test_an_approval_is_for_the_plan_that_was_seen(desk: Desk) -> None:
    first, second = desk.request(), desk.request(desk.good_version - 1)
    with pytest.raises(actions.NotAllowed, match="is not the plan of this request"):
        actions.approve_rollback(second, acting_user=desk.world.bob, plan_digest=first.plan_digest)
    assert not Approval.objects.exists()


def test_where_two_must_approve_one_person_counts_once(desk: Desk) -> None:
    Tenant.objects.update(approvals_needed=2)
    desk.world.config.tenant.refresh_from_db()
    dora = User.objects.create_user("dora")
    making.give_roles(dora, desk.world.northwind, Role.APPROVER)
    rollback = desk.approve(desk.request())
    assert rollback.state == "awaiting_approval"
    with pytest.raises(actions.NotAllowed, match="bob has already decided"):
        desk.approve(rollback)
    with pytest.raises(actions.NotAllowed, match="Nothing was sent"):
        actions.run_rollback(rollback, acting_user=desk.world.alice)
    assert desk.run(rollback).state == "awaiting_approval"
    assert desk.writes() == []
    rollback = actions.approve_rollback(rollback, acting_user=dora, plan_digest=rollback.plan_digest)
    assert rollback.state == "approved"
    assert desk.run(rollback).verdict == "verified"
    assert len(desk.writes()) == 1


def test_a_rejection_needs_a_reason_and_ends_the_request(desk: Desk) -> None:
    rollback = desk.request()
    bob, digest = desk.world.bob, rollback.plan_digest
    with pytest.raises(actions.NotAllowed, match="A rejection needs a reason"):
        actions.reject_rollback(rollback, acting_user=bob, plan_digest=digest, comment="  ")
    why = "Retention asked to wait until Monday"
    rejected = actions.reject_rollback(rollback, acting_user=bob, plan_digest=digest, comment=why)
    assert rejected.state == "cancelled"
    assert "bob rejected it: Retention asked to wait until Monday" in rejected.explanation
    assert (last_entry(desk).action, last_entry(desk).outcome) == ("rollback.rejected", "refused")
    with pytest.raises(actions.NotAllowed):
        desk.approve(rejected)
    assert desk.run(rejected).state == "cancelled"
    assert desk.writes() == []


# a request that is over


def test_an_expired_request_can_neither_be_approved_nor_run_and_the_schedule_ends_it(desk: Desk) -> None:
    waiting, approved = desk.request(), desk.approved(desk.good_version - 1)
    Rollback.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    for rollback in (waiting, approved):
        rollback.refresh_from_db()
    with pytest.raises(actions.NotAllowed, match="has expired"):
        desk.approve(waiting)
    assert desk.run(approved).state == "expired"
    expire_rollbacks()
    waiting.refresh_from_db()
    assert waiting.state == "expired"
    assert "Nothing was sent" in waiting.explanation
    assert AuditEntry.objects.filter(action="rollback.expired").count() == 2
    assert desk.writes() == []


def test_a_cancelled_request_can_neither_be_approved_nor_run_nor_cancelled_again(desk: Desk) -> None:
    rollback = actions.cancel_rollback(desk.request(), acting_user=desk.world.alice)
    steps: list[Callable[[], Rollback]] = [
        lambda: desk.approve(rollback),
        lambda: actions.run_rollback(rollback, acting_user=desk.world.alice),
        lambda: actions.cancel_rollback(rollback, acting_user=desk.world.bob),
    ]
    for step in steps:
        with pytest.raises(actions.NotAllowed, match="cancelled cannot become"):
            step()
    assert desk.run(rollback).state == "cancelled"
    assert desk.writes() == []


def test_what_has_been_carried_out_cannot_be_taken_back_but_undone(desk: Desk) -> None:
    bad = desk.world.live_version
    rollback = desk.run(desk.approved())
    with pytest.raises(actions.NotAllowed, match="applied cannot become cancelled"):
        actions.cancel_rollback(rollback, acting_user=desk.world.alice)
    undone = desk.run(desk.approve(desk.request(bad, undoes=rollback)))
    assert (undone.verdict, undone.undoes) == ("verified", rollback)
    assert [write["version"] for write in desk.writes()] == [bad + 1, bad + 2]


def test_only_an_outcome_that_stays_unknown_can_be_closed_by_a_person(desk: Desk) -> None:
    for rollback in (desk.request(), desk.run(desk.approved(desk.good_version - 1))):
        with pytest.raises(actions.NotAllowed, match="still unknown"):
            actions.close_presumed(rollback, acting_user=desk.world.bob, reason="Checked with the vendor's desk")
