"""What people do to tenants and tracked configs: the role it needs, the change, and its entry in the trail."""

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError

from console.practice.server import PracticeServer
from rollbacks import audit
from rollbacks.models import AuditEntry
from tenants import actions, capture, drift, trail
from tenants.actions import NotPossible
from tenants.models import Tenant, TrackedConfig
from tests import world as making
from tests.world import BILLING_PATH, World

pytestmark = pytest.mark.django_db


def actions_in_trail() -> list[tuple[str, str]]:
    """Give action and actor of every entry of people, oldest first."""
    ours = AuditEntry.objects.exclude(actor=trail.SYSTEM).exclude(action="tenant.added").order_by("tenant", "seq")
    return list(ours.values_list("action", "actor"))


def test_an_operator_or_an_approver_accepts_a_version_and_the_drift_ends(world: World) -> None:
    world.practice.foreign_write(BILLING_PATH)
    making.look(world.config)
    config = TrackedConfig.objects.get(pk=world.config.pk)
    assert config.live is not None
    assert drift.is_drifted(config)

    with pytest.raises(PermissionDenied, match="carol is auditor, viewer in northwind"):
        actions.accept_version(config, config.live, acting_user=world.carol)
    assert actions_in_trail() == []
    assert drift.is_drifted(TrackedConfig.objects.get(pk=config.pk))

    actions.accept_version(config, config.live, acting_user=world.alice)
    actions.accept_version(config, config.live, acting_user=world.bob)  # already so: nothing to say

    assert not drift.is_drifted(TrackedConfig.objects.get(pk=config.pk))
    assert actions_in_trail() == [("baseline.accepted", "alice")]
    details = audit.payload_of(AuditEntry.objects.get(action="baseline.accepted"))["details"]
    assert isinstance(details, dict)
    assert (details["version"], details["previous_version"]) == ("43", "42")


def test_a_snapshot_of_another_object_is_never_a_baseline(world: World) -> None:
    other = making.track(world.northwind, "cfg-2")
    making.look(other)
    assert other.live is not None
    before = world.config.baseline

    with pytest.raises(NotPossible, match="belongs to another object"):
        actions.accept_version(world.config, other.live, acting_user=world.alice)

    world.config.refresh_from_db()
    assert world.config.baseline == before
    assert actions_in_trail() == []


def test_a_stranger_may_neither_track_nor_capture_nor_freeze(world: World) -> None:
    there = making.track(world.tailspin, "cfg-21")

    with pytest.raises(PermissionDenied, match="has no role there"):
        actions.track_configs(world.tailspin, making.type_of(there), ["cfg-22"], acting_user=world.alice)
    with pytest.raises(PermissionDenied, match="has no role there"):
        actions.capture_now(there, acting_user=world.alice)
    with pytest.raises(PermissionDenied, match="has no role there"):
        actions.freeze(world.tailspin, reason="maintenance", acting_user=world.alice)

    there.refresh_from_db()
    assert there.looked_at is None
    assert TrackedConfig.objects.filter(tenant=world.tailspin).count() == 1
    assert not Tenant.objects.get(slug="tailspin").frozen


def test_who_may_only_look_may_capture_but_not_track(world: World) -> None:
    world.practice.foreign_write(BILLING_PATH)

    seen, history = actions.capture_now(world.config, acting_user=world.carol)

    assert seen.outcome is capture.Outcome.CHANGED
    assert (history.imported, history.already) == (0, 43)
    with pytest.raises(PermissionDenied):
        actions.track_configs(world.northwind, making.type_of(world.config), ["cfg-2"], acting_user=world.carol)


def test_freezing_needs_a_reason_and_says_who_and_why(world: World) -> None:
    tenant = world.northwind
    with pytest.raises(NotPossible, match="say why"):
        actions.freeze(tenant, reason="  ", acting_user=world.alice)

    actions.freeze(tenant, reason="Year-end close", acting_user=world.alice)
    actions.freeze(tenant, reason="Year-end close", acting_user=world.alice)
    tenant.refresh_from_db()
    assert (tenant.frozen, tenant.frozen_reason) == (True, "Year-end close")

    actions.unfreeze(tenant, acting_user=world.bob)
    tenant.refresh_from_db()
    assert (tenant.frozen, tenant.frozen_reason) == (False, "")
    assert actions_in_trail() == [("tenant.frozen", "alice"), ("tenant.unfrozen", "bob")]


def test_only_a_platform_owner_adds_a_tenant(practice: PracticeServer, people: making.People) -> None:
    with pytest.raises(PermissionDenied, match="alice is no platform owner"):
        making.make_tenant(practice, "lamna", acting_user=people.alice)
    assert not Tenant.objects.exists()

    root = User.objects.create_superuser("root")
    tenant = making.make_tenant(practice, "lamna", acting_user=root)
    assert AuditEntry.objects.get(tenant=tenant).actor == "root"


def test_a_tenant_that_breaks_a_rule_is_not_added_and_leaves_no_entry(practice: PracticeServer) -> None:
    with pytest.raises(ValidationError):
        making.make_tenant(practice, "lamna", name="")
    with pytest.raises(ValidationError):
        making.make_tenant(practice, "lamna", approvals_needed=12)
    with pytest.raises(NotPossible, match="client secret of lamna is empty"):
        making.make_tenant(practice, "lamna", client_secret=" ")
    assert not Tenant.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_change_whose_entry_cannot_be_appended_does_not_happen(world: World) -> None:
    class TrailFullError(Exception):
        pass

    def refuse(*_: object, **__: object) -> None:
        raise TrailFullError

    previous = trail.set_recorder(refuse)
    try:
        with pytest.raises(TrailFullError):
            actions.accept_version(world.config, making.version(world.config, 3), acting_user=world.alice)
        with pytest.raises(TrailFullError):
            actions.freeze(world.northwind, reason="close", acting_user=world.alice)
        with pytest.raises(TrailFullError):
            actions.track_configs(world.northwind, making.type_of(world.config), ["cfg-2"], acting_user=world.alice)
    finally:
        trail.set_recorder(previous)

    config = TrackedConfig.objects.select_related("baseline").get()
    assert config.baseline is not None
    assert config.baseline.version == 42
    assert not Tenant.objects.get(slug="northwind").frozen
