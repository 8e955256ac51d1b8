"""Two hundred tenants do not share a fate: who hangs, answers 503 or has thousands of objects delays nobody."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from console.practice.server import PracticeServer
from tenants import connections, pacing, reach, tasks
from tenants.models import OAuthClient, RequestBudget, Snapshot, Tenant, TrackedConfig
from tenants.reach import Reach
from tenants.remote import Limits, Purpose
from tests import world as making
from tests.tenants.running import run

if TYPE_CHECKING:
    from uuid import UUID

pytestmark = pytest.mark.django_db(transaction=True)
QUEUE = "routing.queue"
HURRIED = Limits(read_seconds=2.0, total_seconds=3.0, longest_wait_seconds=0.0, first_pause_seconds=0.01)


def queues_of(practice: PracticeServer, slug: str) -> list[str]:
    """Give the ids of an organization's three queues, and of seven that are gone by now."""
    kept = practice.platform.store.organizations[slug].objects
    return [object_id for family, object_id in kept if family == "queue"] + [f"gone-{number}" for number in range(7)]


def tenants_of(practice: PracticeServer, slug: str, count: int, **changes: object) -> list[Tenant]:
    """Make so many tenants of one practice organization."""
    one = practice.credentials[slug]
    made = [
        making.make_tenant(practice, slug, **changes)
        if number == 0
        else Tenant.objects.create(
            slug=f"{slug}-{number}",
            name=f"{one.organization_name} {number}",
            region="custom",
            api_url=practice.url,
            login_url=practice.url,
            client_id=one.client_id,
            client_secret_sealed=b"",
            organization_id=one.organization_id,
            **changes,
        )
        for number in range(count)
    ]
    for tenant in made[1:]:
        connections.seal_client_secret(tenant, one.client_secret)
        tenant.save()
    return made


def track(tenants: list[Tenant], ids: list[str]) -> None:
    """Track these queues in each tenant; all are due."""
    due = timezone.now() - timedelta(minutes=1)
    TrackedConfig.objects.bulk_create(
        TrackedConfig(tenant=tenant, resource_type=QUEUE, object_id=one, next_look_at=due)
        for tenant in tenants
        for one in ids
    )


def asked(practice: PracticeServer, slug: str = "northwind") -> int:
    """Count the requests for an organization's queues; one that hangs bears no organization yet."""
    ids = set(queues_of(practice, slug))
    return sum(1 for one in practice.requests() if one["path"].rpartition("/")[2] in ids)


@pytest.mark.slow
def test_of_two_hundred_tenants_forty_are_in_trouble_and_the_others_are_all_looked_at(
    practice: PracticeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SWEEP_LIMITS", HURRIED)
    # They all bear one client for each organization, and so share its budget.
    plenty = {"requests_a_minute": 10_000}
    hanging = tenants_of(practice, "tailspin", 20, **plenty)
    refusing = tenants_of(practice, "lamna", 20, **plenty)
    fine = tenants_of(practice, "northwind", 160, **plenty)
    track(hanging, queues_of(practice, "tailspin")[:3])
    track(refusing, queues_of(practice, "lamna")[:3])
    track(fine, queues_of(practice, "northwind")[:1])
    practice.add_fault("timeout", organization="tailspin", path="/queues/", seconds=30, when="before", times=10_000)
    practice.add_fault("unavailable_503", organization="lamna", path="/queues/", times=10_000)

    rounds = 0
    while TrackedConfig.objects.filter(tenant__in=fine, live=None).exists():
        rounds += 1
        assert rounds <= 6
        tasks.sweep_configs()

    assert not TrackedConfig.objects.filter(tenant__in=fine, failures__gt=0).exists()
    assert Snapshot.objects.filter(config__tenant__in=[*hanging, *refusing]).count() == 0
    down = OAuthClient.objects.filter(opened_at__isnull=False)
    assert {client.tenant_id for client in down} == {tenant.pk for tenant in [*hanging, *refusing]}
    # One deadline each, and a probe in a later round at most; five failures each, and a probe.
    assert 20 <= asked(practice, "tailspin") <= 20 * rounds
    assert 100 <= asked(practice, "lamna") <= 20 * (4 + rounds)
    for tenant in (hanging[3], refusing[3]):
        assert tenant.audit_entries.filter(action="tenant.unreachable").count() == 1
    assert not fine[5].audit_entries.filter(action="tenant.unreachable").exists()

    TrackedConfig.objects.update(next_look_at=timezone.now())
    OAuthClient.objects.filter(opened_at__isnull=False).update(probe_at=timezone.now() + timedelta(minutes=5))
    before = asked(practice, "tailspin"), asked(practice, "lamna")
    assert tasks.sweep_configs() == 160
    assert (asked(practice, "tailspin"), asked(practice, "lamna")) == before
    listed = {one["slug"]: one["reach"] for one in run("tenant", "list", "--json").document}
    assert listed["tailspin-7"]["state"] in {"open", "half-open"}
    assert listed["northwind-7"]["state"] == "closed"


def test_a_tenant_that_is_well_again_is_looked_at_after_one_probe(practice: PracticeServer) -> None:
    (tenant,) = tenants_of(practice, "northwind", 1)
    track([tenant], queues_of(practice, "northwind")[:3])
    practice.add_fault("unavailable_503", path="/queues/", times=5)
    tasks.sweep_configs()
    assert reach.standing_of(tenant).state == "open"
    assert tasks.sweep_configs() == 0
    assert asked(practice) == 5
    OAuthClient.objects.update(probe_at=timezone.now())
    TrackedConfig.objects.update(next_look_at=timezone.now())
    assert tasks.sweep_configs() == 3
    assert TrackedConfig.objects.filter(live=None).count() == 0
    assert [one.action for one in tenant.audit_entries.filter(action__contains="reachable").order_by("seq")] == [
        "tenant.unreachable",
        "tenant.reachable",
    ]


def test_a_tenant_with_many_objects_gets_turns_and_delays_nobody(
    practice: PracticeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "LOOKS_A_TURN", 2)
    huge, *small = tenants_of(practice, "northwind", 3)
    track([huge], queues_of(practice, "northwind")[:7])
    TrackedConfig.objects.update(next_look_at=timezone.now() - timedelta(days=1))
    track(small, queues_of(practice, "northwind")[:1])
    order: list[str] = []
    look = tasks._look

    def noted(pk: "UUID | str", *, purpose: Purpose) -> object:
        order.append(TrackedConfig.objects.get(pk=pk).tenant.slug)
        return look(pk, purpose=purpose)

    monkeypatch.setattr(tasks, "_look", noted)
    monkeypatch.setattr("django.conf.settings.CONSOLE_SWEEPS_AT_ONCE", 1)
    assert tasks.sweep_configs() == 9
    assert order[:2] == [huge.slug] * 2, "it has waited longest"
    assert set(order[2:4]) == {one.slug for one in small}
    assert order[4:] == [huge.slug] * 5


def test_no_sweep_asks_before_the_time_that_a_429_named(practice: PracticeServer) -> None:
    (tenant,) = tenants_of(practice, "northwind", 1)
    track([tenant], queues_of(practice, "northwind")[:3])
    practice.add_fault("rate_limited_429", path="/queues/", times=1, seconds=600)
    tasks.sweep_configs()
    assert asked(practice) == 1
    for _ in range(3):
        TrackedConfig.objects.update(next_look_at=timezone.now())
        assert tasks.sweep_configs() == 0
    assert asked(practice) == 1
    assert not TrackedConfig.objects.filter(failures__gt=0).exists()
    assert reach.standing_of(tenant).paused_until is not None
    checked = run("tenant", "check", tenant.slug, "--json").document
    assert "asked for a pause until" in " ".join(one["message"] for one in checked["checks"])
    RequestBudget.objects.update(paused_until=timezone.now())
    assert tasks.sweep_configs() == 3


def test_a_sweep_that_spent_its_share_leaves_the_rest_due_and_the_reserve_alone(practice: PracticeServer) -> None:
    (tenant,) = tenants_of(practice, "northwind", 1, requests_a_minute=10)
    ids = queues_of(practice, "northwind")
    track([tenant], ids)
    assert len(ids) == 10
    tasks.sweep_configs()
    assert asked(practice) == 8
    assert TrackedConfig.objects.filter(presence=TrackedConfig.Presence.UNSEEN, failures=0).count() == 2
    assert connections.connect(tenant).organization().name == "Northwind Bank"
    assert connections.connect(tenant, purpose=Purpose.ROLLBACK).organization().name == "Northwind Bank"


@pytest.mark.slow
@pytest.mark.parametrize(("objects", "minutes"), [(10, 5), (900, 5), (2000, 11), (20_000, 111)])
def test_the_interval_grows_with_the_objects_so_that_the_budget_holds(
    practice: PracticeServer, objects: int, minutes: int
) -> None:
    (tenant,) = tenants_of(practice, "northwind", 1, requests_a_minute=300)
    TrackedConfig.objects.bulk_create(
        TrackedConfig(tenant=tenant, resource_type=QUEUE, object_id=f"queue-{number}") for number in range(objects)
    )
    pace = pacing.pace_of(tenant)
    assert round(pace.look_every / timedelta(minutes=1)) == minutes
    assert objects / (pace.look_every / timedelta(minutes=1)) <= 300 * 0.8
    checked = run("tenant", "check", tenant.slug, "--json").document["checks"]
    (limits,) = [one for one in checked if one["name"] == "limits"]
    assert f"{objects} tracked objects can be looked at every {minutes} minutes" in limits["message"]
    assert limits["ok"] is (True if minutes == 5 else None if minutes < 60 else False)
    Reach(tenant).throttled(0)
    assert pacing.pace_of(tenant).look_every >= pace.look_every


def test_one_slow_round_and_another_beside_it_look_at_each_object_once(practice: PracticeServer) -> None:
    (tenant,) = tenants_of(practice, "northwind", 1)
    track([tenant], queues_of(practice, "northwind")[:2])
    assert Reach(tenant).begin_turn()
    assert tasks.sweep_configs() == 0
    Reach(tenant).end_turn()
    assert tasks.sweep_configs() == 2
