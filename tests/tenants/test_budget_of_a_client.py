"""A console in use goes on with what was counted for each OAuth client, added up over the tenants that bear it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from console.practice.server import PracticeServer
from tenants.models import RequestBudget, Tenant
from tests import world as making

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def back_to_today() -> Iterator[None]:
    """Leave the tables as every other test expects them, whatever happens."""
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.mark.slow
def test_what_was_counted_by_tenant_is_added_up_by_client(practice: PracticeServer, back_to_today: None) -> None:
    bank, shop = (making.make_tenant(practice, slug) for slug in ("northwind", "tailspin"))
    Tenant.objects.filter(pk=shop.pk).update(client_id=bank.client_id)
    executor = MigrationExecutor(connection)
    then = executor.migrate([("tenants", "0003_onboarding")]).apps.get_model("tenants", "OAuthClient")
    early, late = datetime(2026, 3, 11, 12, tzinfo=UTC), datetime(2026, 3, 11, 13, tzinfo=UTC)
    named = {"client_id": bank.client_id}
    then.objects.create(
        tenant_id=bank.pk, spent=[5, 0, 7], spent_second=1000, learned=80.0, paused_until=early, **named
    )
    then.objects.create(tenant_id=shop.pk, spent=[1, 2], spent_second=1002, learned=60.0, paused_until=late, **named)
    then.objects.create(tenant_id=bank.pk, spent=[9], spent_second=900, client_id="the-client-before")

    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

    budget = RequestBudget.objects.get(client_id=bank.client_id)
    assert (budget.login_host, budget.client_id) == bank.budget_key
    assert (budget.spent_second, budget.spent[:6], sum(budget.spent)) == (1002, [1, 2, 5, 0, 7, 0], 15)
    assert (budget.learned, budget.paused_until) == (60.0, late)
    before = RequestBudget.objects.get(client_id="the-client-before")
    assert (before.spent_second, before.spent[0], before.learned) == (900, 9, None)
