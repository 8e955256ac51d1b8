"""From a tenant to its platform: the secret opened, the hosts checked, the token shared, the identity proven.

One OAuth client belongs to one organization (PLATFORM.md, "Access"). A client id that was pasted into the wrong tenant
would roll back somebody else's configuration, so the organization is asked for before the first write and compared with
the tenant's.
"""

import hashlib
import threading
import time
from typing import Final

from django.conf import settings

from tenants import sealing
from tenants.models import Tenant
from tenants.reach import Reach
from tenants.remote import Limits, Platform, WrongOrganization
from tenants.remote.client import Credentials
from tenants.remote.limits import LIMITS
from tenants.remote.manners import Purpose
from tenants.shared_tokens import SharedToken

SECRET_FIELD: Final = "client_secret"  # noqa: S105 - the field's name
_IDENTITY_HOLDS_SECONDS: Final = 300.0
SWEEP_LIMITS: Final = Limits(read_seconds=10.0, total_seconds=15.0, longest_wait_seconds=0.0, patience_seconds=20.0)
"""A sweep has others to look after, so it waits for nobody for long."""

_checked: dict[tuple[str, ...], float] = {}
_checked_lock = threading.Lock()


def seal_client_secret(tenant: Tenant, secret: str) -> None:
    """Set a tenant's client secret, sealed for it; the caller saves. Raises `sealing.CannotSeal`."""
    tenant.client_secret_sealed = sealing.seal(secret, tenant_id=tenant.id, field=SECRET_FIELD)


def connect(tenant: Tenant, *, purpose: Purpose = Purpose.PERSON) -> Platform:
    """Give the client of a tenant's organization; nothing is sent yet.

    All workers share the OAuth client's budget, its token, and what they know of whether the tenant answers; `purpose`
    says how much of the budget the requests leave to others, and how long they wait (`remote.manners`). Raises
    `sealing.CannotUnseal`, and `AddressNotAllowed` for hosts of the tenant's own without CONSOLE_ALLOW_CUSTOM_HOSTS.
    """
    secret = sealing.unseal(tenant.client_secret_sealed, tenant_id=tenant.id, field=SECRET_FIELD)
    return Platform(
        api_base=tenant.api_base,
        login_base=tenant.login_base,
        credentials=Credentials(client_id=tenant.client_id, client_secret=secret),
        custom_hosts=settings.CONSOLE_ALLOW_CUSTOM_HOSTS,
        tenant_key=(str(tenant.id), _fingerprint(tenant)),
        limits=SWEEP_LIMITS if purpose is Purpose.SWEEP else LIMITS,
        purpose=purpose,
        gate=Reach(tenant),
        shared_tokens=SharedToken(tenant),
    )


def check_identity(tenant: Tenant, platform: Platform) -> None:
    """Raise `WrongOrganization` unless the OAuth client belongs to the tenant's organization.

    A tenant without one learns it here and keeps it. What was found right holds for five minutes in this process.
    Raises what `Platform.organization` raises.
    """
    proof = (str(tenant.id), platform.api_base, tenant.client_id, _fingerprint(tenant), tenant.organization_id)
    now = time.monotonic()
    with _checked_lock:
        if tenant.organization_id and now - _checked.get(proof, -_IDENTITY_HOLDS_SECONDS) < _IDENTITY_HOLDS_SECONDS:
            return
    found = platform.organization()
    if not tenant.organization_id:
        # Of two that learn it at once, the first one counts; the other compares with it.
        Tenant.objects.filter(pk=tenant.pk, organization_id="").update(organization_id=found.id)
        tenant.refresh_from_db(fields=["organization_id"])
    if found.id != tenant.organization_id:
        forget_identity(tenant)
        named = f"{found.name} ({found.id})" if found.name else found.id
        message = (
            f"The OAuth client {tenant.client_id} belongs to the organization {named}, but the tenant {tenant.name} is "
            f"the organization {tenant.organization_id}. Nothing was written; correct the tenant's client id or its "
            "organization."
        )
        raise WrongOrganization(message, sent=False)
    with _checked_lock:
        _checked[(*proof[:-1], tenant.organization_id)] = now


def forget_identity(tenant: Tenant) -> None:
    """Make the next `check_identity` of a tenant ask the platform again."""
    with _checked_lock:
        for proof in [proof for proof in _checked if proof[0] == str(tenant.id)]:
            del _checked[proof]


def _fingerprint(tenant: Tenant) -> str:
    """Give what changes when the secret is set anew, and tells nothing about it."""
    return hashlib.sha256(bytes(tenant.client_secret_sealed)).hexdigest()
