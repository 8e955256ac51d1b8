"""A tenant with thousands of configurations, and what it takes to say what was live in all of them at a moment."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants import as_of
from tenants.chronicle import LiveSpan
from tenants.models import Snapshot, Tenant, TrackedConfig
from tests import page_world


def fill(configs: int, versions: int) -> Tenant:
    """Make a tenant of so many configurations, each with a version an hour, seen live for half of each hour."""
    tenant = page_world.tenant("crowded", "Fabrikam Outsourcing")
    example = page_world.version(page_world.config(tenant, "cfg-0", "Agent Assist – Team 0"), 1, {"enabled": True})
    now = timezone.now()
    made = TrackedConfig.objects.bulk_create(
        TrackedConfig(
            tenant=tenant, resource_type=example.config.resource_type, object_id=f"cfg-{n}", name=f"Agent Assist – {n}"
        )
        for n in range(1, configs)
    )
    for start in range(0, len(made), 500):
        snapshots = Snapshot.objects.bulk_create(
            Snapshot(
                config=config,
                version=number,
                document_id=example.document_id,
                digest=f"{number:064x}",
                source=Snapshot.Source.LIVE,
                author_name="Ines Duarte",
                written_at=now - timedelta(hours=versions - number, minutes=40),
                captured_at=now - timedelta(hours=versions - number, minutes=35),
            )
            for config in made[start : start + 500]
            for number in range(1, versions + 1)
        )
        LiveSpan.objects.bulk_create(
            LiveSpan(
                config_id=one.config_id,
                snapshot=one,
                version=one.version,
                digest=one.digest,
                first_seen_at=one.captured_at,
                last_seen_at=one.captured_at + timedelta(minutes=30),
                open=one.version == versions,
            )
            for one in snapshots
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return tenant


def measures(tenant: Tenant, client: Client, versions: int) -> list[tuple[str, Callable[[], Any]]]:
    """Give what is measured: the name, and what to do."""
    middle = timezone.now() - timedelta(hours=versions // 2, minutes=3)
    address = reverse("admin:tenants_tenant_as_of", args=[tenant.pk])

    def ask(query: str) -> None:
        assert client.get(f"{address}?{query}").status_code == 200

    one, other = (f"{at:%Y-%m-%dT%H:%M:%S}" for at in (middle, middle - timedelta(hours=1)))
    return [
        ("as of: the decision alone", lambda: as_of.as_of(tenant.configs.order_by("name", "pk"), middle)),
        ("page: as of a moment", partial(ask, f"at={one}")),
        ("page: between two moments", partial(ask, f"at={other}&until={one}")),
    ]
