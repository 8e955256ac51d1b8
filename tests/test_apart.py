"""No test finds what another one has left, even where that was committed outside its transaction."""

import pytest

from tenants import aside
from tenants.models import OAuthClient, RequestBudget
from tenants.reach import Reach
from tenants.remote.manners import Purpose
from tests.rollbacks.trail_world import make_bank


@pytest.mark.django_db
@pytest.mark.parametrize("time", ["once", "and once more"])
def test_a_budget_that_was_spent_aside_is_whole_again_in_the_next_test(time: str) -> None:
    assert not RequestBudget.objects.exists()
    assert not OAuthClient.objects.exists()
    bank = make_bank()
    assert Reach(bank).admit(Purpose.SWEEP).granted
    seen = aside.row("SELECT count(*) AS budgets FROM tenants_requestbudget", {})
    assert seen == {"budgets": 1}, "it is committed, whatever becomes of this test's transaction"
    assert OAuthClient.objects.filter(tenant_id=bank.pk).exists()
