"""Who tries what their role does not allow is in the trail of the tenant, once a minute, and in no other."""

import time
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.cache.backends import base, db
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from rollbacks import audit, verifying
from rollbacks.models import AuditEntry
from tenants import actions, refused_access, trail
from tenants.access import Role
from tenants.models import Membership, Tenant
from tests.rollbacks.conftest import Desk
from tests.tenants.running import run

pytestmark = pytest.mark.django_db


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture(autouse=True)
def viewer(desk: Desk) -> Client:
    """Give the browser of carol, who may only look at Northwind, and forget what was refused in other tests."""
    cache.clear()
    Membership.objects.filter(user=desk.world.carol).exclude(role=Role.VIEWER).delete()
    return browser_of(desk.world.carol)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Give the clock of the cache, to be moved on."""
    clock = SimpleNamespace(later=0.0)
    monkeypatch.setattr(base, "time", SimpleNamespace(time=lambda: time.time() + clock.later))
    monkeypatch.setattr(db, "tz_now", lambda: timezone.now() + timedelta(seconds=clock.later))
    return clock


def refused(tenant: Tenant) -> list[dict[str, Any]]:
    """Give the payloads of the refusals in a trail, the first one first."""
    found = AuditEntry.objects.filter(tenant=tenant, action="access.refused").order_by("seq")
    return [audit.payload_of(entry) for entry in found]


def addresses(desk: Desk) -> Iterator[tuple[str, dict[str, str], str]]:
    """Give what carol may not do: address, form, and the role that it needs."""
    config, tenant = desk.world.config, desk.world.northwind
    version = config.snapshots.earliest("pk")
    rollback = desk.request()
    row = actions.ask_for_everything(tenant, acting_user=desk.world.alice)
    own = Membership.objects.filter(tenant=tenant, user=desk.world.alice).earliest("pk")
    seen = {"plan_digest": rollback.plan_digest, "comment": "Looks right to me."}

    def at(name: str, *args: object) -> str:
        return reverse(f"admin:{name}", args=args)

    yield (
        at("tenants_tenant_freeze", tenant.pk),
        {"frozen": "yes", "reason": "Release night"},
        "administrator, approver, operator",
    )
    yield at("tenants_tenant_edit", tenant.pk), {"name": "Mine"}, "administrator"
    yield at("tenants_tenant_delete", tenant.pk), {"post": "yes"}, ""
    yield at("tenants_membership_delete", own.pk), {"post": "yes"}, ""
    yield at("tenants_trackedconfig_track"), {}, ""
    yield at("tenants_trackedconfig_accept", config.pk, version.pk), {}, "approver, operator"
    yield at("tenants_everything", row.pk), {"do": "cancel"}, "operator"
    yield (
        at("rollbacks_rollback_plan", config.pk, version.pk),
        {"reason": "The new rules send calls astray"},
        "operator",
    )
    yield at("rollbacks_rollback_change", rollback.pk), {"do": "approve", **seen}, "approver"
    yield at("rollbacks_rollback_change", rollback.pk), {"do": "cancel"}, "approver, operator"
    yield at("rollbacks_rollback_evidence", rollback.pk), {}, "approver, auditor, operator"
    yield at("rollbacks_guardprobe_of_config", config.pk), {"confirm": "yes"}, "operator"
    yield f"{at('rollbacks_auditentry_export')}?tenant=northwind", {"format": "csv"}, "auditor"
    yield at("auth_user_changelist"), {}, ""


def test_whatever_a_role_does_not_allow_is_in_the_tenants_trail(desk: Desk, viewer: Client) -> None:
    for number, (address, form, needed) in enumerate(addresses(desk), start=1):
        before = AuditEntry.objects.filter(tenant=desk.world.northwind).exclude(action="access.refused").count()
        assert viewer.post(address, form).status_code in {403, 409}, address
        found = refused(desk.world.northwind)
        assert len(found) == number, address
        assert (found[-1]["actor"], found[-1]["outcome"]) == ("carol", "refused")
        assert found[-1]["details"]["path"] == address.partition("?")[0]
        assert ", ".join(found[-1]["details"]["needed"]) == needed, address
        assert found[-1]["details"]["held"] == (["viewer"] if needed else [])
        assert found[-1]["from"]["address"] == "127.0.0.1"
        after = AuditEntry.objects.filter(tenant=desk.world.northwind).exclude(action="access.refused").count()
        assert after == before, "nothing else happened"
    assert refused(desk.world.tailspin) == []
    assert verifying.verify(desk.world.northwind).holds


def test_the_same_again_is_counted_and_told_by_the_next_entry(
    desk: Desk, viewer: Client, clock: SimpleNamespace
) -> None:
    address = reverse("admin:tenants_tenant_freeze", args=[desk.world.northwind.pk])
    for _ in range(5):
        assert viewer.post(address, {"frozen": "yes", "reason": "Release night"}).status_code == 403
    assert [one["details"]["uncounted_before"] for one in refused(desk.world.northwind)] == [0]
    clock.later = refused_access.QUIET_SECONDS + 1
    viewer.post(address, {"frozen": "yes", "reason": "Release night"})
    clock.later *= 2
    viewer.post(address, {"frozen": "yes", "reason": "Release night"})
    assert [one["details"]["uncounted_before"] for one in refused(desk.world.northwind)] == [0, 4, 0]


def test_each_refusal_is_in_the_log_and_a_strangers_is_there_alone(desk: Desk, viewer: Client) -> None:
    freeze = [
        reverse("admin:tenants_tenant_freeze", args=[one.pk]) for one in (desk.world.northwind, desk.world.tailspin)
    ]
    with structlog.testing.capture_logs() as said:
        for address in freeze * 2:
            viewer.post(address, {"frozen": "yes", "reason": "Release night"})
    assert [(one["event"], one["actor"], one["path"]) for one in said] == [
        *(("access.refused", "carol", freeze[0]), ("access.not_found", "carol", freeze[1])) * 2
    ]
    assert len(refused(desk.world.northwind)) == 1
    assert refused(desk.world.tailspin) == []


def test_nobody_decides_on_their_own_request_and_that_they_tried_is_recorded(desk: Desk) -> None:
    rollback = desk.request()
    Membership.objects.create(user=desk.world.alice, tenant=desk.world.northwind, role=Role.APPROVER)
    address = reverse("admin:rollbacks_rollback_change", args=[rollback.pk])
    form = {"do": "approve", "plan_digest": rollback.plan_digest, "comment": ""}
    assert browser_of(desk.world.alice).post(address, form).status_code == 403
    assert refused(desk.world.northwind)[-1]["details"]["needed"] == ["another approver"]
    assert run("approve", str(rollback.pk), "--as", "alice").code == 3
    ran = refused(desk.world.northwind)[-1]
    assert (ran["actor"], ran["from"]["part"], ran["details"]["tried"]) == ("alice", "terminal", "manage.py approve")
    rollback.refresh_from_db()
    assert rollback.state == "awaiting_approval"


def test_a_command_in_the_name_of_somebody_without_the_role_is_recorded(desk: Desk) -> None:
    rollback = desk.request()
    assert run("approve", str(rollback.pk), "--as", "carol").code == 2
    assert [(one["actor"], one["from"]["part"]) for one in refused(desk.world.northwind)] == [("carol", "terminal")]


def test_a_refusal_that_cannot_be_recorded_is_tried_again_by_the_next(desk: Desk, viewer: Client) -> None:
    address = reverse("admin:tenants_tenant_freeze", args=[desk.world.northwind.pk])

    def full(*_args: object, **_fields: object) -> None:
        raise OSError("No space left on device")

    recorder = trail.set_recorder(full)
    try:
        with pytest.raises(OSError, match="No space"):
            viewer.post(address, {"frozen": "yes", "reason": "Release night"})
    finally:
        trail.set_recorder(recorder)
    viewer.post(address, {"frozen": "yes", "reason": "Release night"})
    assert len(refused(desk.world.northwind)) == 1
    assert not Tenant.objects.get(pk=desk.world.northwind.pk).frozen
