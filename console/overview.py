"""What the first page shows: what needs a person now, and what happened last.

Everything starts from `tenants.access`, so a row of a tenant without a membership is in no list and in no number. The
number of queries does not depend on the number of configurations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from rollbacks import attestations, checkpointing, confirming, emergencies, propagation
from rollbacks.models import AuditEntry, BrokenGlass, Confirmation, PropagationWatch, Rollback
from rollbacks.waiting import asked_again, waiting_for
from tenants import access, comparing, drift, labelling
from tenants.access import Role
from tenants.models import Snapshot, Tenant, TrackedConfig

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

SHOWN_BAD: Final = 6
SHOWN_DRIFTED: Final = 6
SHOWN_ABSENT: Final = 5
SHOWN_ROLLBACKS: Final = 6
SHOWN_ENTRIES: Final = 10
SHOWN_UNATTESTED: Final = 4

_ROUTINE: Final = ("login.succeeded", "login.ended", "step_up.succeeded")
"""Left out of what happened last: each sign-in is an entry in every tenant of the person, and hides what was done."""

_OPEN_STATES: Final = (
    Rollback.State.AWAITING_APPROVAL,
    Rollback.State.APPROVED,
    Rollback.State.APPLYING,
    Rollback.State.UNKNOWN,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """One configuration whose live state is not what somebody accepted as right."""

    config: TrackedConfig
    summary: comparing.Summary | None
    """What changed, in a few lines; None where one of the two documents cannot be compared."""
    known_good: Snapshot | None
    """The version to go back to, where one is known and the user may ask for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLive:
    """One configuration whose live content is labelled bad, here or in another tenant."""

    config: TrackedConfig
    sentences: Sequence[str]
    known_good: Snapshot | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything on the page, read already."""

    tenants: int
    frozen: Sequence[Tenant]
    configs: int
    drifted: int
    absent: int
    waiting: int
    not_seen: int
    """Configurations whose live version was written by a rollback and not seen in routing in time."""
    bad: Sequence[BadLive]
    attention: Sequence[Drifted]
    missing: Sequence[TrackedConfig]
    rollbacks: Sequence[Rollback]
    entries: Sequence[AuditEntry]
    counting: Sequence[Confirmation]
    """What is undone unless somebody keeps it, and what waits for its undo."""
    owed: Sequence[tuple[BrokenGlass, bool, bool]]
    """Broken glass whose review is owed, whether it is open, and whether the review is overdue."""
    attested: attestations.Summary
    """How the platform's own audit stands to our writes."""
    unattested: Sequence[attestations.Told]
    """The latest writes to which it does not simply say yes."""
    worries: Sequence[str]
    """Why the trail is not proven outside the database, where it is not."""


def overview(user: "AbstractBaseUser | AnonymousUser") -> Overview:
    """Read what the user may see of all tenants."""
    # Said with the tenants, for the whole page: what most days have none of costs no question of its own.
    tenants = list(
        access.tenants_of(user)
        .only("id", "name", "slug", "frozen", "frozen_reason")
        .annotate(
            may_ask=Exists(access.tenants_with_role(user, Role.OPERATOR).filter(pk=OuterRef("pk"))),
            owes=Exists(emergencies.unsettled().filter(tenant=OuterRef("pk"))),
            counts_down=Exists(confirming.unkept().filter(rollback__tenant=OuterRef("pk"))),
            has_written=Exists(attestations.about_writes().filter(rollback__tenant=OuterRef("pk"))),
        )
    )
    configs = access.configs_of(user)
    absent = Q(presence__in=(TrackedConfig.Presence.VANISHED, TrackedConfig.Presence.UNREADABLE))
    not_seen = Exists(PropagationWatch.objects.filter(propagation.not_seen(), config=OuterRef("pk")))
    counts = configs.aggregate(
        all=Count("pk"), absent=Count("pk", filter=absent), not_seen=Count("pk", filter=not_seen)
    )
    drifted = drift.drifted(configs)
    attention = list(
        drifted.select_related("tenant", "live__document", "baseline__document")
        .defer("live__document__body", "baseline__document__body")
        .order_by(Coalesce("live__written_at", "live__captured_at").desc(), "name")[:SHOWN_DRIFTED]
    )
    bad = list(labelling.with_bad_live(configs).select_related("tenant", "live").order_by("-changed_at")[:SHOWN_BAD])
    operated = {tenant.pk for tenant in tenants if tenant.may_ask}
    mine = [config for config in (*bad, *attention) if config.tenant_id in operated]
    good = labelling.last_known_good_of(mine) if mine else {}
    against = labelling.against_live_of(bad) if bad else {}
    waiting = waiting_for(user)
    open_rollbacks = (
        Rollback.objects.filter(tenant__in=access.tenants_of(user), state__in=_OPEN_STATES)
        .annotate(for_me=Exists(waiting.filter(pk=OuterRef("pk"))), again=asked_again(user))
        .select_related("tenant", "config", "target", "reverts", "requested_by")
        .order_by("-for_me", "-requested_at")
    )
    attested = attestations.summary([tenant for tenant in tenants if tenant.has_written])
    return Overview(
        tenants=len(tenants),
        frozen=[tenant for tenant in tenants if tenant.frozen],
        configs=counts["all"],
        drifted=len(attention) if len(attention) < SHOWN_DRIFTED else drifted.count(),
        absent=counts["absent"],
        waiting=waiting.count(),
        not_seen=counts["not_seen"],
        bad=[
            BadLive(config=config, sentences=against[config.pk].sentences, known_good=good.get(config.pk))
            for config in bad
        ],
        attention=_with_summaries(attention, good),
        missing=list(configs.filter(absent).select_related("tenant", "live").order_by("-looked_at")[:SHOWN_ABSENT])
        if counts["absent"]
        else [],
        rollbacks=list(open_rollbacks[:SHOWN_ROLLBACKS]),
        entries=list(
            AuditEntry.objects.filter(tenant__in=access.tenants_of(user))
            .exclude(action__in=_ROUTINE)
            .select_related("tenant", "config")
            .defer("payload")
            .order_by("-at", "-seq")[:SHOWN_ENTRIES]
        ),
        owed=[
            (one, emergencies.is_open(one), emergencies.is_overdue(one))
            for one in emergencies.owed([tenant for tenant in tenants if tenant.owes])
        ],
        counting=confirming.counting([tenant for tenant in tenants if tenant.counts_down]),
        attested=attested,
        unattested=attestations.worrying(access.tenants_of(user), most=SHOWN_UNATTESTED) if attested.worrying else [],
        worries=checkpointing.worries(access.tenants_of(user)),
    )


def _with_summaries(configs: Sequence[TrackedConfig], good: Mapping[UUID, Snapshot]) -> list[Drifted]:
    pairs = [(config.baseline, config.live, config.resource_type) for config in configs]
    summaries = comparing.summaries([(before, after, name) for before, after, name in pairs if before and after])
    return [
        Drifted(config=config, summary=summary, known_good=good.get(config.pk))
        for config, summary in zip(configs, summaries, strict=True)
    ]
