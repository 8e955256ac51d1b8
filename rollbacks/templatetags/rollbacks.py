"""Tags by which any page says something about rollbacks: those of a configuration, and which versions are ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from rollbacks import facts, origins, progress, proofs, showing
from rollbacks.models import Attempt, Rollback, Send
from rollbacks.refusals import Told
from rollbacks.states import PENDING, RUNNING
from tenants import tickets
from tenants.models import Tenant, TrackedConfig
from tenants.resource_types import catalogue

register = template.Library()

RECENT: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OfConfig:
    """The rollbacks of one configuration."""

    open: tuple[Rollback, ...]
    recent: tuple[Rollback, ...]


@register.simple_tag
def rollbacks_of(config: TrackedConfig) -> OfConfig:
    """Give a configuration's rollbacks: `open` ones, and the `recent` ones that have ended; newest first.

    The page decides who may see the configuration; this adds nothing to that.
    """
    rows = Rollback.objects.filter(config=config).select_related("target", "reverts", "base", "requested_by")
    still = [state.value for state in (*PENDING, *RUNNING)]
    return OfConfig(open=tuple(rows.filter(state__in=still)), recent=tuple(rows.exclude(state__in=still)[:RECENT]))


@register.inclusion_tag("rollbacks/of_config.html")
def config_rollbacks(config: TrackedConfig) -> dict[str, Any]:
    """Give a card with the open and the recent rollbacks of a configuration; nothing where there is none."""
    return {"config": config, "rollbacks": rollbacks_of(config)}


@register.simple_tag
def our_writes(config: TrackedConfig) -> dict[int, Rollback]:
    """Give the versions of a configuration that a rollback of this console wrote: snapshot id to rollback.

    Only where the verdict says so: a version that was merely read back after a conflict is somebody else's.
    """
    attempts = origins.attempts_that_wrote().filter(config=config).select_related("rollback__target")
    return {attempt.read_back_id: attempt.rollback for attempt in attempts if attempt.read_back_id is not None}


@register.simple_tag
def proof_of(config: TrackedConfig) -> proofs.Proof | None:
    """Give what probes have shown of the guard of a configuration's type; None for a type that is not known now."""
    try:
        rtype = catalogue.get(config.resource_type)
    except catalogue.UnknownType:
        return None
    return proofs.proof_of(config.tenant, rtype)


@register.filter
def of_snapshot(ours: dict[int, Rollback], snapshot_id: int) -> Rollback | None:
    """Give the rollback that wrote a snapshot, from what `our_writes` gave; None where it is not ours."""
    return ours.get(snapshot_id)


@register.filter
def ticket_of(ticket: str, tenant: Tenant) -> SafeString | str:
    """Give a ticket as the link that the tenant's address makes of it; the plain text where there is none."""
    address = tickets.link_to(tenant.ticket_url, ticket)
    return format_html('<a href="{}" rel="noreferrer">{}</a>', address, ticket) if address else ticket


@register.filter
def action_words(action: str) -> str:
    """Say an entry's action as people do; an unknown one as it is."""
    return showing.action_words(action)


@register.filter
def refusal_of(send: Send | Mapping[str, Any]) -> Told | None:
    """Give what the platform's no to one send means; None where it said none. An entry in the trail may keep it too."""
    return facts.refusal_of(send) if isinstance(send, Send) else facts.refusal_in_entry(send)


@register.filter
def outcome_words(send: Send | Mapping[str, str]) -> str:
    """Say how one send was answered; what an entry in the trail keeps of it is closed."""
    if isinstance(send, Send):
        return progress.outcome_words(send.outcome, closed=send.attempt.state == Attempt.State.CLOSED)
    return progress.outcome_words(send["outcome"], closed=True)


@register.filter
def step_tone(standing: str) -> str:
    """Give the tone of a pill for how a step stands."""
    return {"ok": "ok", "now": "info", "no": "danger", "warn": "warn"}.get(standing, "plain")
