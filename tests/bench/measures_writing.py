"""What the guards, the approval and the record cost on top of a plain write, and what an import costs.

The practice platform is a process of its own, reached over real HTTP.
"""

from __future__ import annotations

import itertools
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.utils import timezone

from rollbacks import actions, applying
from tenants import actions as tenant_actions
from tenants import capture, connections, importing
from tenants.access import Role
from tests import world as making
from tests.bench.measuring import AT_THE_END, measure
from tests.real.serving import Served, serving

if TYPE_CHECKING:
    from tenants.models import Tenant, TrackedConfig

VERSIONS = 60
_numbers = itertools.count(1)


def add_tenant(served: Served) -> Tenant:
    """Make what is served a tenant under a name that nobody has yet."""
    return tenant_actions.add_tenant(
        f"bench-{next(_numbers)}",
        name=served.credentials["organization_name"],
        api_url=served.url,
        login_url=served.url,
        client_id=served.credentials["client_id"],
        client_secret=served.credentials["client_secret"],
        organization_id=served.credentials["organization_id"],
        acting_user=None,
    )


@cache
def bank() -> Served:
    """Serve the bank."""
    return AT_THE_END.enter_context(serving(organization="northwind"))


@cache
def desk() -> tuple[TrackedConfig, User, User]:
    """Return the bank's `cfg-1` with its history, somebody who asks and somebody who approves."""
    tenant = add_tenant(bank())
    asks, approves = (User.objects.create_user(f"bench-{word}") for word in ("asks", "approves"))
    making.give_roles(asks, tenant, Role.OPERATOR)
    making.give_roles(approves, tenant, Role.APPROVER)
    config = making.track(tenant, making.BILLING)
    making.look(config)
    importing.import_history(config, connections.connect(tenant))
    return config, asks, approves


def other_version() -> int:
    """Return 40 and 41 in turn, so that there is always something to change."""
    return 40 + next(_numbers) % 2


@measure("GET, PUT, GET by a script", prepare=bank)
def plain_write(served: object) -> str:
    """Write an old content as a script would: no plan, no guard but the ETag, no approval, no record."""
    assert isinstance(served, Served)
    old = json.loads(served.bytes_of(making.BILLING, other_version()))
    answer = served.get(making.BILLING)
    live = answer.json()
    body = {"version": live["version"] + 1, "name": old["name"], "content": old["content"]}
    body |= {key: live[key] for key in ("id", "trafficPercent", "deployed", "deploymentId")}
    served.put(making.BILLING, json.dumps(body).encode(), if_match=answer.headers["ETag"])
    assert served.get(making.BILLING).json()["version"] == live["version"] + 1
    return f"{len(answer.content) / 1024:.1f} KB"


@measure("a rollback, from the request to verified", prepare=desk, against="GET, PUT, GET by a script")
def guarded_write(prepared: object) -> str:
    """Plan, request, approve, check again, record, send once, read back, judge, record."""
    assert isinstance(prepared, tuple)
    config, asks, approves = prepared
    live = making.look(config).snapshot
    targets = [making.version(config, number) for number in (40, 41)]
    target = next(one for one in targets if live is None or one.digest != live.digest)
    rollback = actions.request_rollback(config, target, reason="Measuring the way back", acting_user=asks)
    actions.approve_rollback(rollback, acting_user=approves, plan_digest=rollback.plan_digest)
    rollback = applying.apply(rollback.pk)
    assert rollback.verdict == "verified", rollback.explanation
    return ""


@cache
def archive() -> Served:
    """Serve a history of 60 versions, each of about ten kilobytes."""
    folder = Path(AT_THE_END.enter_context(TemporaryDirectory(prefix="config-vault-bench-")))
    (folder / "claims-assist").mkdir()
    for number in range(1, VERSIONS + 1):
        rules = [
            {"id": f"r-{rule}", "name": f"Claim step {rule}", "confidence": 0.5 + (rule * number % 40) / 100}
            for rule in range(150)
        ]
        raw = json.dumps({"language": "en-GB", "rules": rules}, indent=1)
        (folder / "claims-assist" / f"v{number:04}.json").write_text(raw)
    return AT_THE_END.enter_context(serving(folder))


@measure(f"{VERSIONS} GETs by a script", prepare=archive)
def plain_reads(served: object) -> str:
    """Read every version and keep it in memory."""
    assert isinstance(served, Served)
    size = sum(len(served.bytes_of("claims-assist", number)) for number in range(1, VERSIONS + 1))
    return f"{size / 1024:.0f} KB"


@measure(f"importing a history of {VERSIONS}", prepare=archive, against=f"{VERSIONS} GETs by a script")
def import_history(served: object) -> str:
    """Track, look, and import every version: read strictly, digested, archived, each in a transaction of its own."""
    assert isinstance(served, Served)
    tenant = add_tenant(served)
    config = making.track(tenant, "claims-assist")
    platform = connections.connect(tenant)
    capture.look(config, platform, now=timezone.now())
    imported = importing.import_history(config, platform)
    assert (imported.imported, imported.refused) == (VERSIONS - 1, [])
    return f"{imported.imported + 1} versions"
