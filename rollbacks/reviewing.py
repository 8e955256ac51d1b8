"""Whatever the tenants' side reports is asked at once which pending requests it leaves without their ground.

A move of live is judged in the transaction that records it, under the lock of the config's row. Roles, people and the
tenant's settings are judged once they are committed, because they are changed under the tenant's lock, which comes
after a rollback's. A sweep asks the same of everything that is pending, so a process that dies in between leaves
nothing standing; and T1 asks it again under its own locks.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction

from rollbacks import audit, voiding
from rollbacks.models import Rollback
from rollbacks.states import PENDING
from tenants.models import Tenant, TrackedConfig

log = structlog.get_logger(__name__)

_LIVE_MOVED: Final = frozenset({"config.changed", "config.set_back", "config.first_seen", "config.vanished"})
_BASE_OF_APPROVALS: Final = (
    "tenant.changed",
    "tenant.frozen",
    "tenant.unfrozen",
    "role.",
    "person.",
    "group.",
    "claim.",
    "freeze.",
)
"""How the actions begin after which an approval may count no more."""


def record_for_tenants(
    action: str,
    *,
    tenant: Tenant,
    actor: str,
    outcome: str = "ok",
    config: TrackedConfig | None = None,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Append what the app of tenants reports through its port (`tenants.trail`), and void what it leaves void."""
    if action in _LIVE_MOVED and config is not None:
        voiding.void_planned_on(config)  # first: the head of the trail is locked last
    audit.append(action, tenant=tenant, actor=actor, outcome=outcome, config=config, details=detail)
    if action.startswith(_BASE_OF_APPROVALS):
        before = _approvals_before(detail)
        transaction.on_commit(lambda: review(tenant.pk, approvals_before=before), robust=True)


def review(tenant_id: UUID | None = None, *, approvals_before: int | None = None) -> int:
    """Void what holds no more of everything that is pending, in one tenant or in all; give how many were looked at.

    `approvals_before` is how many approvals the tenant has asked for until now, where that was changed.
    """
    pending = Rollback.objects.filter(state__in=[state.value for state in PENDING])
    if tenant_id is not None:
        pending = pending.filter(tenant=tenant_id)
    looked = 0
    for rollback in pending.select_related("tenant", "config__live", "requested_by").order_by("pk"):
        looked += 1
        try:
            if approvals_before == 0 == rollback.approvals_needed and rollback.tenant.approvals_needed:
                voiding.ask_for_approvals(rollback)
            elif voiding.holds_no_more(rollback):
                voiding.void(rollback)
        except Exception:
            # One request that cannot be judged must not keep the others from being so; T1 judges it again.
            log.exception("rollback.not_reviewed", rollback=str(rollback.pk))
    return looked


def _approvals_before(detail: Mapping[str, object] | None) -> int | None:
    told = (detail or {}).get("approvals_needed")
    before = told.get("before") if isinstance(told, Mapping) else None
    return before if isinstance(before, int) else None
