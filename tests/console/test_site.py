"""The navigation, and the overview: what needs a person now comes first, and only of the user's own tenants."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from console.overview import overview
from rollbacks.models import Approval, AuditEntry, Rollback
from rollbacks.waiting import waiting_for
from tenants import sign_ins
from tenants.models import TrackedConfig
from tests import page_world
from tests.page_world import PageWorld

pytestmark = pytest.mark.django_db


@pytest.fixture
def night() -> PageWorld:
    return page_world.build()


@pytest.fixture
def page_of(night: PageWorld) -> Callable[[str], str]:
    def get(name: str) -> str:
        client = Client()
        client.force_login(night.people[name])
        answer = client.get("/")
        assert answer.status_code == 200
        return answer.content.decode()

    return get


def rollback(night: PageWorld, *, by: str, **columns: Any) -> Rollback:
    now = timezone.now()
    config = night.billing
    return Rollback.objects.create(
        **{
            "tenant": config.tenant,
            "config": config,
            "target": config.baseline,
            "base": config.live,
            "base_digest": "1" * 64,
            "target_digest": "2" * 64,
            "guard_level": "A",
            "type_profile": "3" * 64,
            "plan_digest": "4" * 64,
            "reason": "Retention rules misfire since last night",
            "requested_by": night.people[by],
            "requested_at": now,
            "expires_at": now + timedelta(hours=8),
            "approvals_needed": 1,
            "state": Rollback.State.AWAITING_APPROVAL,
            "state_changed_at": now,
            **columns,
        }
    )


def test_the_newest_drift_is_first_with_who_what_and_when(night: PageWorld, page_of: Callable[[str], str]) -> None:
    page_world.many(night.northwind, 4, drifted=2)
    seen = overview(night.people["alice"])
    assert seen.drifted == 3
    first = seen.attention[0]
    assert first.config.pk == night.billing.pk
    assert first.summary is not None
    assert first.summary.count == 10
    assert first.summary.first[0].where == "content › description"
    page = page_of("alice")
    assert page.index("Marek Wolski") < page.index("Recent activity")
    assert f"/tenants/trackedconfig/{night.billing.pk}/compare/?from=baseline&amp;to=live" in page


def test_the_numbers_count_only_what_the_user_may_see(night: PageWorld) -> None:
    page_world.many(night.litware, 7, drifted=3)
    for name, tenants, configs, drifted in (("alice", 1, 1, 1), ("dana", 1, 8, 3), ("rae", 2, 9, 4)):
        seen = overview(night.people[name])
        assert (seen.tenants, seen.configs, seen.drifted) == (tenants, configs, drifted), name


def test_signing_in_is_in_the_trail_and_does_not_push_what_was_done_off_the_overview(night: PageWorld) -> None:
    sign_ins.record_sign_in(night.people["alice"])
    sign_ins.record_refused_sign_in("alice")
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"login.succeeded", "login.failed"}
    assert [entry.action for entry in overview(night.people["alice"]).entries] == ["login.failed"]


def test_a_rollback_waits_for_approvers_who_neither_asked_nor_decided(night: PageWorld) -> None:
    asked = rollback(night, by="alice")

    def waits_for() -> set[str]:
        return {name for name, user in night.people.items() if waiting_for(user).exists()}

    assert waits_for() == {"bob", "rae"}
    Approval.objects.create(
        rollback=asked,
        approver=night.people["bob"],
        decision="approved",
        plan_digest=asked.plan_digest,
        decided_at=timezone.now(),
    )
    assert waits_for() == {"rae"}
    Rollback.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert waits_for() == set()


def test_an_outcome_that_nobody_knows_yet_is_on_the_overview(night: PageWorld, page_of: Callable[[str], str]) -> None:
    rollback(night, by="alice", state=Rollback.State.UNKNOWN)
    rollback(night, by="alice", state=Rollback.State.CANCELLED)
    page = page_of("carol")
    assert page.count("outcome unknown") == 1
    assert "cancelled" not in page
    assert "outcome unknown" not in page_of("dana")


def test_what_vanished_or_cannot_be_read_is_named_with_its_reason(
    night: PageWorld, page_of: Callable[[str], str]
) -> None:
    TrackedConfig.objects.filter(pk=night.billing.pk).update(
        presence="unreadable", presence_detail="The platform answered 403 missing.any.permissions."
    )
    page = page_of("carol")
    assert "403 missing.any.permissions" in page
    assert "every version seen before is kept" in page


def test_a_baseline_that_is_no_json_still_leaves_the_overview_standing(
    night: PageWorld, page_of: Callable[[str], str]
) -> None:
    broken = page_world.version(night.billing, 35, b"{broken")
    TrackedConfig.objects.filter(pk=night.billing.pk).update(baseline=broken)
    assert "v35 → v42" in page_of("carol")


def test_the_overview_asks_as_few_questions_for_200_configurations_as_for_one(
    night: PageWorld, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    user = night.people["alice"]
    with django_assert_max_num_queries(9):
        overview(user)
    page_world.many(night.northwind, 200, drifted=40)
    with django_assert_max_num_queries(10):  # one more: the drifted ones no longer fit on the page and are counted
        assert overview(user).drifted == 41


def test_the_navigation_marks_the_page_and_names_only_what_may_be_opened(
    night: PageWorld, page_of: Callable[[str], str]
) -> None:
    page = page_of("alice")
    assert page.count('aria-current="page"') == 2, "the side and the short menu"
    assert "<span>Users</span>" not in page
    assert "<span>Users</span>" in page_of("rae")
