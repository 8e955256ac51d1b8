"""Scheduled looks: which objects are due is a matter of their rows; a message only says "now".

A round goes from tenant to tenant, several of them beside each other, and each gets a short turn; who has more to look
at waits for the next turn behind the others. So a tenant with thousands of objects delays nobody, and one that does not
answer holds one place of the round, for the deadline of one request: then its circuit breaker is open (`reach`), and
rounds pass it by until its next probe. Tenants that gave trouble lately come last in a round.

Of several rounds at once, one has the turn at a tenant. A due row is claimed by a conditional UPDATE that repeats what
was read and moves `next_look_at` behind a lease, so that nobody looks at one object twice for the same due time, and a
worker that dies in between costs one lease.
"""

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from celery import shared_task
from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils import timezone

from tenants import capture, connections, importing, indexing, onboarding, reach, repacking, retention, trail
from tenants.models import OAuthClient, Tenant, TrackedConfig
from tenants.reach import Reach
from tenants.remote import BudgetSpent, Purpose, RateLimited, RemoteError, TenantDown, TimedOut
from tenants.resource_types import catalogue
from tenants.sealing import CannotUnseal
from tenants.threads import beside_each_other

if TYPE_CHECKING:
    from uuid import UUID

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
"""How long a claimed row is left alone by other sweeps."""
ROUND_SECONDS = 20.0
"""A round ends after so long and leaves the rest to the next one."""
TURN_SECONDS = 5.0
"""A tenant's turn ends after so long, and after so many looks."""
LOOKS_A_TURN = 20
PACK_SECONDS = 10.0
INDEX_SECONDS = 20.0
"""A round that works out what versions changed ends after so long."""
FAILURES_A_TURN = 3
"""A turn ends after so many looks that found nobody, even where the circuit breaker is still closed."""

_ENDS_THE_TURN = (BudgetSpent, CannotUnseal, RateLimited, TenantDown, TimedOut)
"""What says of the whole tenant that there is no use in going on now."""


@shared_task(ignore_result=True)
def sweep_configs() -> int:
    """Look once at every tracked config that is due, turn by turn; give how many looks were made."""
    _tell_trail()
    waiting = _Round(deque(_due_tenants()), time.monotonic() + ROUND_SECONDS)
    places = min(settings.CONSOLE_SWEEPS_AT_ONCE, len(waiting.tenants))
    beside_each_other(_Round.work, [waiting] * places, at_once=places)
    return waiting.looks


@dataclass(slots=True)
class _Round:
    """The tenants that wait for a turn, and what came of the turns."""

    tenants: deque[Tenant]
    ends: float
    looks: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self) -> None:
        """Give turns until no tenant waits for one, or the round is over."""
        while time.monotonic() < self.ends:
            try:
                tenant = self.tenants.popleft()
            except IndexError:
                return
            try:
                looks, more = _turn(tenant, ends=min(self.ends, time.monotonic() + TURN_SECONDS))
            except Exception:
                # One tenant must not keep the round from the others.
                logger.exception("%s was not looked at", tenant.slug, extra={"tenant": tenant.slug})
                continue
            with self.lock:
                self.looks += looks
            if more:
                self.tenants.append(tenant)


def _due_tenants() -> list[Tenant]:
    """Give the tenants with an object that is due, the longest overdue first, those that gave trouble last."""
    due = TrackedConfig.objects.filter(tenant=OuterRef("pk"), next_look_at__lte=timezone.now())
    trouble = OAuthClient.objects.filter(tenant=OuterRef("pk"), client_id=OuterRef("client_id"), failures__gt=0)
    tenants = Tenant.objects.annotate(
        due_since=Subquery(due.order_by("next_look_at").values("next_look_at")[:1]), in_trouble=Exists(trouble)
    )
    return list(tenants.filter(due_since__isnull=False).order_by("in_trouble", "due_since"))


def _turn(tenant: Tenant, *, ends: float) -> tuple[int, bool]:
    """Look at what is due of one tenant for a while; give how many looks were made, and whether more may be due."""
    gate = Reach(tenant)
    if not gate.begin_turn():
        return 0, False
    looks = failures = 0
    try:
        due = TrackedConfig.objects.filter(tenant=tenant, next_look_at__lte=timezone.now()).order_by("next_look_at")
        rows = list(due.values_list("pk", "next_look_at")[:LOOKS_A_TURN])
        for pk, seen in rows:
            if time.monotonic() > ends:
                return looks, True
            claimed = TrackedConfig.objects.filter(pk=pk, next_look_at=seen).update(next_look_at=timezone.now() + LEASE)
            if not claimed:
                continue
            found = _look(pk, purpose=Purpose.SWEEP)
            looks += 1
            failures += isinstance(found, RemoteError)
            if isinstance(found, _ENDS_THE_TURN) or failures >= FAILURES_A_TURN:
                return looks, False
        return looks, len(rows) == LOOKS_A_TURN
    finally:
        gate.end_turn()


def _tell_trail() -> None:
    """Tell the trail what it was not told when a circuit breaker opened or closed."""
    untold = OAuthClient.objects.filter(
        Q(opened_at__isnull=False, told_open=False) | Q(opened_at__isnull=True, told_open=True),
        client_id=F("tenant__client_id"),
    )
    for client in untold.select_related("tenant").defer("token_sealed"):
        reach.tell_trail(client.tenant)


@shared_task(ignore_result=True)
def look_at_config(config_id: str) -> None:
    """Look once at one tracked config, due or not."""
    look_once(config_id)


@shared_task(ignore_result=True)
def drive_onboarding(onboarding_id: str) -> None:
    """Work for a few seconds on one request to take in what an organization has."""
    onboarding.drive(onboarding_id)


@shared_task(ignore_result=True)
def sweep_onboardings() -> None:
    """Go on with every such request that no worker holds."""
    for pk in onboarding.due(now=timezone.now()):
        onboarding.drive(pk)


@shared_task(ignore_result=True)
def sweep_indices() -> int:
    """Work out what new versions changed, for a while; give how many configurations were brought up to date."""
    ends, caught_up = time.monotonic() + INDEX_SECONDS, 0
    for config in indexing.due(TrackedConfig.objects.all()).select_related("tenant"):
        left = ends - time.monotonic()
        if left <= 0:
            break
        try:
            caught_up += indexing.catch_up(config, seconds=left).complete
        except Exception:
            # One configuration must not keep the round from the others.
            told = {"tenant": config.tenant.slug, "config": config.address}
            logger.exception("%s was not worked out", config.address, extra=told)
    return caught_up


@shared_task(ignore_result=True)
def pack_archive() -> int:
    """Take documents from before the chains into them, for a while; give how many."""
    return repacking.take_in_some(seconds=PACK_SECONDS)


@shared_task(ignore_result=True)
def drop_old_versions() -> int:
    """Drop what the rules of tenants let go that a person has seen at work and confirmed; give how many versions."""
    dropped = 0
    for tenant in Tenant.objects.exclude(retention_confirmed=""):
        rule = retention.rule_of(tenant)
        if rule is None or rule.words != tenant.retention_confirmed:
            continue
        try:
            done = retention.carry_out(retention.plan(tenant, rule, now=timezone.now()), actor=trail.SYSTEM)
        except Exception:
            # One tenant must not keep the round from the others.
            logger.exception("Nothing more was dropped of %s", tenant.slug, extra={"tenant": tenant.slug})
            continue
        dropped += done.versions
        for sentence in done.left:
            logger.warning("%s: %s", tenant.slug, sentence, extra={"tenant": tenant.slug})
    return dropped


def drive_onboarding_soon(onboarding_id: "UUID") -> None:
    """Ring the bell for one request; when no broker hears it, the sweep will."""
    try:
        drive_onboarding.delay(str(onboarding_id))
    except Exception as error:  # noqa: BLE001 - whatever the broker raises, the row is queued already
        logger.warning("The broker cannot be reached (%s); the next sweep takes up %s.", error, onboarding_id)


def look_once(config_id: "UUID | str", *, purpose: Purpose = Purpose.PERSON) -> capture.Look | None:
    """Look at live, and fill the gaps from the platform's history when it moved; None when there is no such config.

    Whatever goes wrong with one object is written to the log and leaves the others alone.
    """
    found = _look(config_id, purpose=purpose)
    return found if isinstance(found, capture.Look) else None


def _look(config_id: "UUID | str", *, purpose: Purpose) -> capture.Look | Exception | None:
    """Look as `look_once` does; give the error, where nobody answered or nobody could be asked."""
    config = TrackedConfig.objects.select_related("tenant", "live").filter(pk=config_id).first()
    if config is None:
        return None
    told = {"tenant": config.tenant.slug, "config": config.address}
    try:
        platform = connections.connect(config.tenant, purpose=purpose)
        seen = capture.look(config, platform, now=timezone.now())
        rtype = catalogue.get(config.resource_type)
        moved = seen.outcome in {capture.Outcome.FIRST, capture.Outcome.CHANGED}
        if rtype.history_path is not None and (moved or _history_is_missing(config)):
            importing.import_history(config, platform)
    except RemoteError as error:
        logger.warning(
            "%s was not looked at: %s",
            config.address,
            error.sentence,
            extra={**told, "correlation_id": error.correlation_id},
        )
        return error
    except CannotUnseal as error:
        logger.warning("%s was not looked at: %s", config.address, error, extra=told)
        return error
    except Exception:
        # One object must not keep the sweep from the others; its lease ends and it is tried again.
        logger.exception("%s was not looked at", config.address, extra=told)
        return None
    if seen.outcome is capture.Outcome.UNREACHABLE and seen.error is not None:
        logger.info(
            "%s was not seen: %s",
            config.address,
            seen.detail,
            extra={**told, "correlation_id": seen.error.correlation_id},
        )
        return seen.error
    return seen


def _history_is_missing(config: TrackedConfig) -> bool:
    return config.history_imported_at is None and config.presence == TrackedConfig.Presence.PRESENT
