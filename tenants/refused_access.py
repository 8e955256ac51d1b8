"""Who was refused what their role does not allow: in the trail of the tenant, and each time in the log (ASVS 16.3.2).

A refusal that concerns no single tenant, such as that of the pages of people, is like a sign-in in the trails of all
tenants that the person belongs to. What a stranger asks of a tenant is in no trail: for them it is not there, and a
chain that strangers can write to could be flooded by them; the log has it.

Nobody can flood a chain: of one person, one page or command and one tenant an entry is made at most once a minute, and
it says how many refusals came since the one before. Each process counts for itself.
"""

import hashlib
from typing import TYPE_CHECKING, Final

import structlog
from django.core.cache import cache
from django.db import transaction

from tenants import access, trail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.core.exceptions import PermissionDenied

    from tenants.models import Tenant

log = structlog.get_logger(__name__)

QUIET_SECONDS: Final = 60
"""For so long after an entry, further refusals of the same are only counted."""
COUNTED_SECONDS: Final = 24 * 60 * 60
"""So long a count waits for the entry that tells it."""


def record(
    refused: "PermissionDenied",
    *,
    user: "AbstractBaseUser | AnonymousUser",
    tried: str,
    path: str = "",
    tenants: "Iterable[Tenant] | None" = None,
) -> None:
    """Log a refusal and append it to the trails that it concerns, in a transaction of its own.

    Called where the refusal is answered, when the transaction that it ended is over. `tried` names the page or the
    command out of a bounded number of them, `path` what it was asked of. `tenants` are those that it concerns where
    the refusal itself names none; without, all that the user belongs to.
    """
    told = {"tried": tried, "path": path[:300], "needed": [], "held": []}
    if isinstance(refused, access.Refused):
        tenants = [refused.tenant]
        told |= {"needed": list(refused.needed), "held": list(refused.held)}
    stranger = isinstance(refused, access.Stranger)
    name = trail.actor_name(user)
    log.warning("access.refused", actor=name, why=str(refused), stranger=stranger, **told, **trail.source())
    if stranger:
        return
    for tenant in sorted(access.tenants_of(user) if tenants is None else tenants, key=lambda one: one.pk):
        key = hashlib.sha256(f"{user.pk} {tenant.pk} {tried}".encode()).hexdigest()
        counted, quiet = f"refused-count-{key}", f"refused-quiet-{key}"
        if not cache.add(quiet, 1, timeout=QUIET_SECONDS):
            cache.add(counted, 0, timeout=COUNTED_SECONDS)
            cache.incr(counted)
            continue
        detail = {**told, "why": str(refused), "uncounted_before": cache.get(counted, 0)}
        try:
            with transaction.atomic():
                trail.report("access.refused", tenant=tenant, actor=name, outcome="refused", detail=detail)
        except Exception:
            cache.delete(quiet)
            raise
        cache.delete(counted)
