"""What works with a tenant and what does not: token, organization, permissions, clock, limits."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from tenants import capture, connections
from tenants.remote.errors import RemoteError, RemoteUnknown
from tenants.remote.permissions import holds
from tenants.resource_types import catalogue
from tenants.sealing import CannotUnseal

if TYPE_CHECKING:
    from tenants.models import Tenant
    from tenants.remote.client import Platform

LARGEST_SKEW = timedelta(seconds=30)
"""More than this between the two clocks is worth a word; times in the trail are this machine's."""
FIRST_TYPE = "agentassist.config"
REQUESTS_A_MINUTE = 300
"""The platform's default for one client-credentials token (PLATFORM.md, "Errors and limits")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was checked."""

    name: str
    ok: bool | None
    """None where it is neither right nor wrong."""
    sentence: str
    unreachable: bool = False
    """Whether the platform did not answer at all, so that nothing is known of it."""


def check(tenant: "Tenant") -> list[Finding]:
    """Ask the platform what the tenant's client may do; what fails is a finding, and nothing is raised for it."""
    try:
        platform = connections.connect(tenant)
        organization = platform.organization()
    except (RemoteError, CannotUnseal) as error:
        silent = isinstance(error, RemoteUnknown)
        return [Finding(name="token", ok=False, sentence=str(error), unreachable=silent)]
    findings = [Finding(name="token", ok=True, sentence=f"{tenant.login_base} gave a token for {tenant.client_id}.")]
    try:
        connections.check_identity(tenant, platform)
        findings.append(
            Finding(name="organization", ok=True, sentence=f"It belongs to {organization.name} ({organization.id}).")
        )
    except RemoteError as error:
        findings.append(Finding(name="organization", ok=False, sentence=error.sentence))
    return [*findings, *_permissions(tenant, platform), _clock(platform), _limits(tenant)]


def _permissions(tenant: "Tenant", platform: "Platform") -> list[Finding]:
    """Say of each type whether the client may read and write it; only what is tracked has to be so.

    Where nothing is tracked yet, the family that the console is made for stands in for it.
    """
    try:
        held = platform.client_permissions()
    except RemoteError as error:
        return [Finding(name="permissions", ok=False, sentence=error.sentence)]
    tracked = set(tenant.configs.values_list("resource_type", flat=True)) or {FIRST_TYPE}
    findings, out_of_reach = [], []
    for rtype in catalogue.all_types():
        wanted = {"read": rtype.read_permissions, "write": rtype.write_permissions}
        missing = [f"{use} ({lack})" for use, needed in wanted.items() for lack in needed.missing(partial(holds, held))]
        if missing and rtype.name not in tracked:
            out_of_reach.append(rtype.title)
            continue
        needed = ", ".join(str(needed) for needed in wanted.values() if needed.names)
        findings.append(
            Finding(
                name="permissions",
                ok=not missing,
                sentence=f"{rtype.title}: missing to {' and to '.join(missing)}. Add it to a role of the OAuth client."
                if missing
                else f"{rtype.title}: {needed or 'none needed'}.",
            )
        )
    if out_of_reach:
        sentence = (
            f"{len(out_of_reach)} types that are not tracked here are out of this client's reach: "
            f"{', '.join(out_of_reach)}. Add permissions to its role before you track them."
        )
        findings.append(Finding(name="permissions", ok=None, sentence=sentence))
    return findings


def _clock(platform: "Platform") -> Finding:
    try:
        answer = platform.read("/api/v2/tokens/me")
    except RemoteError as error:
        return Finding(name="clock", ok=False, sentence=error.sentence)
    if answer.server_date is None:
        return Finding(name="clock", ok=None, sentence="The platform's answers bear no date to compare the clock with.")
    skew = answer.received_at - answer.server_date
    seconds = abs(skew).total_seconds()
    if abs(skew) <= LARGEST_SKEW:
        return Finding(name="clock", ok=True, sentence=f"It is within {max(seconds, 1):.0f} s of the platform's.")
    way = "ahead of" if skew > timedelta(0) else "behind"
    return Finding(
        name="clock",
        ok=False,
        sentence=f"This machine's clock is {seconds:.0f} s {way} the platform's, so times in the trail are off by "
        f"that. Set it by a time server.",
    )


def _limits(tenant: "Tenant") -> Finding:
    tracked = tenant.configs.count()
    looks = tracked / (capture.LOOK_EVERY / timedelta(minutes=1))
    return Finding(
        name="limits",
        ok=looks <= REQUESTS_A_MINUTE / 2,
        sentence=f"{tracked} tracked objects need about {looks:.0f} of the {REQUESTS_A_MINUTE} requests a minute that "
        f"a token has by default; the platform no longer says what is left.",
    )
