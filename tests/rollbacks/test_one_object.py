"""One remote object that is tracked twice, and two rollbacks on one base: never two attempts that claim one write."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from rollbacks import actions, leases, transitions
from rollbacks.models import Attempt, Rollback
from tenants import actions as tenants
from tenants import importing
from tenants.models import TrackedConfig
from tenants.resource_types import catalogue
from tests.rollbacks.conftest import REASON, Desk
from tests.world import BILLING, platform_of, track

pytestmark = pytest.mark.django_db(transaction=True)

LEASE = leases.Lease("test", 60)


def the_alias(desk: Desk) -> TrackedConfig:
    """Track the object under its second address too."""
    config = track(desk.world.northwind, BILLING, type_name="analytics.agentassist.config")
    importing.import_history(config, platform_of(config))
    return config


def the_same_organization_again(desk: Desk) -> TrackedConfig:
    """Track the object in a second tenant that is the same organization."""
    one, url = desk.world.practice.credentials["northwind"], desk.world.practice.url
    again = tenants.add_tenant(
        "northwind-again",
        name="Northwind again",
        api_url=url,
        login_url=url,
        client_id=one.client_id,
        client_secret=one.client_secret,
        organization_id=one.organization_id,
        acting_user=None,
    )
    config = track(again, BILLING)
    importing.import_history(config, platform_of(config))
    return config


def request(desk: Desk, config: TrackedConfig) -> Rollback:
    """Ask at the console's terminal."""
    target = config.snapshots.get(version=desk.good_version)
    return actions.request_rollback(config, target, reason=REASON, acting_user=None)


@pytest.mark.parametrize("tracked_twice", [the_alias])
def test_a_write_under_way_at_one_address_refuses_a_request_at_the_other(
    desk: Desk, tracked_twice: Callable[[Desk], TrackedConfig]
) -> None:
    other = tracked_twice(desk)
    transitions.begin_attempt(desk.approved(), lease=LEASE, horizon_seconds=1, actor="alice")
    with pytest.raises(actions.RequestRefused) as refused:
        request(desk, other)
    assert [check.guard for check in refused.value.refusals] == ["in_flight"]
    assert "as agentassist.config:cfg-1" in str(refused.value)


@pytest.mark.parametrize("tracked_twice", [the_alias, the_same_organization_again])
def test_of_two_approved_rollbacks_of_one_object_only_one_begins(
    desk: Desk, tracked_twice: Callable[[Desk], TrackedConfig]
) -> None:
    first, second = desk.approved(), request(desk, tracked_twice(desk))
    actions.approve_rollback(second, acting_user=owner(desk), plan_digest=second.plan_digest)
    transitions.begin_attempt(first, lease=LEASE, horizon_seconds=1, actor="alice")
    with pytest.raises(transitions.RunRefused, match="under way") as refused:
        transitions.begin_attempt(second, lease=LEASE, horizon_seconds=1, actor="alice")
    assert [check.guard for check in refused.value.checks] == ["in_flight"]
    assert Attempt.objects.count() == 1


def owner(desk: Desk) -> User:
    """Make Bob a platform owner, who may approve in every tenant."""
    desk.world.bob.is_superuser = True
    desk.world.bob.save()
    return desk.world.bob


def test_a_second_rollback_on_the_base_of_one_that_has_landed_never_begins_whatever_it_had_read(desk: Desk) -> None:
    first, second = desk.approved(), desk.approved(desk.good_version - 1)
    # One that is queued already has its own survey to go by; any other ends by itself as soon as live is seen to move.
    transitions.request_run(second, actor="alice")
    assert desk.run(first).verdict == "verified"
    with pytest.raises(transitions.RunRefused, match="was seen meanwhile"):
        transitions.begin_attempt(second, lease=LEASE, horizon_seconds=1, actor="alice")
    assert desk.run(second).state == "conflict"
    assert len(desk.writes()) == 1


def test_an_alias_and_what_it_stands_for_are_one_object() -> None:
    both = ("agentassist.config", "analytics.agentassist.config")
    assert catalogue.names_of_one_object("agentassist.config") == both
    assert catalogue.names_of_one_object("analytics.agentassist.config") == both
    assert catalogue.names_of_one_object("routing.queue") == ("routing.queue",)


def test_a_version_of_another_object_is_no_target(desk: Desk) -> None:
    other = the_alias(desk).snapshots.get(version=desk.good_version)
    with pytest.raises(actions.RequestRefused, match="is a version of another object than agentassist"):
        actions.request_rollback(desk.world.config, other, reason=REASON, acting_user=desk.world.alice)
    assert not Rollback.objects.exists()
