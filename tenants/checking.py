"""What works with a tenant and what does not: token, organization, permissions, clock, limits, whether it answers."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from tenants import connections, coverage, divisions, pacing, reach
from tenants.archive import UnusableContent
from tenants.audit_records import PERMISSION
from tenants.causes import Cause
from tenants.models import TrackedConfig
from tenants.remote.errors import RemoteError, RemoteUnknown
from tenants.remote.permissions import holds
from tenants.resource_types import catalogue
from tenants.resource_types.definition import Permissions
from tenants.sealing import CannotUnseal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenants.models import Tenant
    from tenants.remote.client import Platform
    from tenants.resource_types.definition import ResourceType

LARGEST_SKEW = timedelta(seconds=30)
"""More than this between the two clocks is worth a word; times in the trail are this machine's."""
LONGEST_INTERVAL = timedelta(hours=1)
"""Between two looks at one object; more is no watch over it."""
FIRST_TYPE = "agentassist.config"
MOST_NAMED: Final = 5
"""Of objects, in one sentence."""


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
        token = Finding(name="token", ok=False, sentence=str(error), unreachable=silent)
        return [token, _reach(tenant)] if silent else [token]
    findings = [Finding(name="token", ok=True, sentence=f"{tenant.login_base} gave a token for {tenant.client_id}.")]
    try:
        connections.check_identity(tenant, platform)
        findings.append(
            Finding(name="organization", ok=True, sentence=f"It belongs to {organization.name} ({organization.id}).")
        )
    except RemoteError as error:
        findings.append(Finding(name="organization", ok=False, sentence=error.sentence))
    try:
        held = divisions.reach(platform)
    except (RemoteError, UnusableContent) as error:
        rights = [Finding(name="permissions", ok=False, sentence=str(error))]
    else:
        rights = [*_permissions(tenant, held), _audits(held), *_divisions(tenant, held)]
    return [*findings, *rights, *_unreadable(tenant), _clock(platform), _limits(tenant), _reach(tenant)]


def _permissions(tenant: "Tenant", own: divisions.Reach) -> list[Finding]:
    """Say of each type whether the client may read and write it; only what is tracked has to be so.

    Where nothing is tracked yet, the family that the console is made for stands in for it.
    """
    held = own.permissions
    tracked = set(tenant.configs.values_list("resource_type", flat=True)) or {FIRST_TYPE}
    findings, out_of_reach = [], []
    for rtype in catalogue.all_types():
        wanted = {"read": rtype.read_permissions, "write": rtype.write_permissions}
        lacking = {use: needed.missing(partial(holds, held)) for use, needed in wanted.items()}
        missing = [f"{use} ({lack})" for use, lacks in lacking.items() for lack in lacks]
        if missing and rtype.name not in tracked:
            out_of_reach.append(rtype.title)
            continue
        unseen = rtype.active_version_permissions.missing(partial(holds, held))
        if unseen and rtype.name in tracked:
            sentence = (
                f"{rtype.title}: {' and '.join(unseen)} is missing, so whether routing uses a version that was just "
                "written cannot be seen here. Rollbacks do not need it."
            )
            findings.append(Finding(name="routing", ok=None, sentence=sentence))
        needed = ", ".join(str(needed) for needed in wanted.values() if needed.names)
        remedies = dict.fromkeys(coverage.remedy(own, wanted[use], None) for use, lacks in lacking.items() if lacks)
        findings.append(
            Finding(
                name="permissions",
                ok=not missing,
                sentence=f"{rtype.title}: missing to {' and to '.join(missing)}. {' '.join(remedies)}"
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


def _audits(own: divisions.Reach) -> Finding:
    """Say whether the client may read the platform's own audit, by which writes are attested and writers are named."""
    if holds(own.permissions, PERMISSION):
        return Finding(name="audit", ok=True, sentence=f"The platform's own audit may be read ({PERMISSION}).")
    sentence = (
        f"{PERMISSION} is missing, so the platform's own audit cannot attest our writes or name who was first in a "
        f"conflict. Rollbacks do not need it. {coverage.remedy(own, Permissions('all', (PERMISSION,)), None)}"
    )
    return Finding(name="audit", ok=None, sentence=sentence)


def _divisions(tenant: "Tenant", reach: divisions.Reach) -> list[Finding]:
    """Say where the client's roles are granted, and which tracked objects are where a permission is not."""
    sight = reach.sight()
    # Some organizations keep a client out of a division on purpose, so a blind spot alone is no fault.
    found = [Finding(name="divisions", ok=True if sight is not None and sight.whole else None, sentence=reach.sentence)]
    tracked = set(tenant.configs.values_list("resource_type", flat=True))
    for rtype in catalogue.all_types():
        if rtype.name in tracked and coverage.has_divisions(rtype):
            found += _reach_of_type(rtype, reach, sight)
    uncovered = coverage.uncovered(tenant, reach)
    return [*found, *(Finding(name="divisions", ok=False, sentence=one.sentence) for one in uncovered)]


def _reach_of_type(
    rtype: "ResourceType", reach: divisions.Reach, overall: divisions.Sight | None
) -> "Iterable[Finding]":
    """Say of a tracked type in which divisions a permission of its is not granted although others are."""
    for use, needed in (("read", rtype.read_permissions), ("write", rtype.write_permissions)):
        sight = reach.sight(needed)
        if sight is None or overall is None or not needed.names or coverage.missing(reach, needed, None):
            continue
        blind = tuple(division for division in sight.unseen if division in overall.seen)
        if blind:
            yield Finding(
                name="divisions",
                ok=None,
                sentence=f"{rtype.title}: the OAuth client may {use} them ({needed}) in "
                f"{divisions.listed(sight.seen) or 'no division'}, but not in {divisions.listed(blind)}. "
                f"{coverage.remedy(reach, needed, blind[0])}",
            )


def _unreadable(tenant: "Tenant") -> list[Finding]:
    """Say which tracked objects the latest look could not read, and why, by cause."""
    away = tenant.configs.filter(presence__in=(TrackedConfig.Presence.UNREADABLE, TrackedConfig.Presence.VANISHED))
    lines: dict[Cause, list[TrackedConfig]] = {}
    for config in away.order_by("resource_type", "name", "object_id"):
        cause = Cause(config.presence_cause) if config.presence_cause in set(Cause) else Cause.OTHER
        lines.setdefault(cause, []).append(config)
    findings = []
    for cause, configs in lines.items():
        number = len(configs)
        who = "One tracked object" if number == 1 else f"{number} tracked objects"
        named = ", ".join(f"{config} ({config.address})" for config in configs[:MOST_NAMED])
        more = f" and {number - MOST_NAMED} more" if number > MOST_NAMED else ""
        why = f" {configs[0].presence_detail}" if number == 1 and configs[0].presence_detail else ""
        findings.append(
            Finding(
                name="objects",
                ok=None if cause in {Cause.GONE, Cause.MISSING} else False,
                sentence=f"{who} cannot be read: {named}{more}. {cause.heading}.{why} {cause.advice}",
            )
        )
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
    """Say how often each object is looked at, and how far that is from what people expect."""
    pace, rate = pacing.pace_of(tenant), reach.rate_of(tenant)
    minutes = pace.look_every / timedelta(minutes=1)
    learned = f" (a 429 taught {pace.allowed:.0f} for now)" if pace.allowed < rate else ""
    plural = "" if pace.objects == 1 else "s"
    sentence = (
        f"{rate} requests a minute{learned}, a fifth of them kept for people and rollbacks: {pace.objects} tracked "
        f"object{plural} can be looked at every {minutes:.0f} minutes."
    )
    if pace.look_every <= pacing.LOOK_EVERY:
        return Finding(name="limits", ok=True, sentence=sentence)
    return Finding(
        name="limits",
        ok=None if pace.look_every <= LONGEST_INTERVAL else False,
        sentence=f"{sentence} Track fewer, or have the platform allow more and give the tenant a higher number.",
    )


def _reach(tenant: "Tenant") -> Finding:
    standing = reach.standing_of(tenant)
    down = standing.down_since is not None
    calm = not down and standing.paused_until is None and not standing.failures
    return Finding(name="answers", ok=False if down else True if calm else None, sentence=standing.sentence)
