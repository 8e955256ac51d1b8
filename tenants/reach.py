"""The gate that all workers share: one budget and one circuit breaker for each OAuth client (`remote.manners`).

**The budget** is exact: at most so many requests in any stretch of a minute, whoever sends them, counted by the second
in a row of the OAuth client, which is known by the host where it logs in and its id: two tenants that bear one client
share its budget, because the platform counts by client. Each purpose leaves the reserve of the more urgent ones alone.
A 429 pauses everybody but a rollback for as long as the platform asked, and teaches a lower rate: four fifths of what
was being sent, which grows back by a twentieth of the tenant's own rate a minute. One storm of 429s teaches once.

**The circuit breaker** counts failures of the way (no connection, no answer in time, 408, 5xx) in a row, by all
workers; any other answer ends the row. It opens after five of them, or after one sweep's request that got no answer
in time, because such a one has held a worker for its whole deadline. While it is open no sweep sends anything, except
one at a time that probes: after thirty seconds, then after twice as long each time, at most five minutes. People and
rollbacks may always try once. Opening and closing are entries in the trail.

The clock is the database's, so that workers on several machines agree.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from tenants import aside, trail
from tenants.models import OAuthClient, RequestBudget
from tenants.remote.errors import RemoteUnknown, TimedOut
from tenants.remote.manners import WINDOW_SECONDS, Admission, Purpose

if TYPE_CHECKING:
    from tenants.models import Tenant

logger = logging.getLogger(__name__)

FAILURES_THAT_OPEN: Final = 5
FIRST_REST = timedelta(seconds=30)
"""From the opening of the circuit breaker to the first probe; it doubles with each probe that fails."""
LONGEST_REST = timedelta(minutes=5)
PROBE_SECONDS: Final = 60
"""After so long a probe that never told its end counts as lost, and another one may go."""
PAUSE_WITHOUT_WORD: Final = 15.0
"""After a 429 that does not say for how long, in seconds."""
LONGEST_PAUSE: Final = 3600.0
"""However long a 429 asks for; in seconds."""
TURN_SECONDS: Final = 90
"""After so long the turn of a sweep that never told its end counts as over."""
# One slot more than the window: a request of the running second's first moment counts until a whole minute is over.
_SLOTS: Final = WINDOW_SECONDS + 1

# Single statements each. FOR UPDATE gives the row as the last writer left it, and nobody writes it in between.
_MINE: Final = """
WITH mine AS MATERIALIZED (
    SELECT *, COALESCE(to_timestamp(%(now)s), clock_timestamp()) AS t
    FROM tenants_requestbudget WHERE login_host = %(host)s AND client_id = %(client)s FOR UPDATE
), timed AS (
    SELECT mine.*, floor(extract(epoch FROM t))::bigint AS second,
        LEAST(%(slots)s, GREATEST(0, floor(extract(epoch FROM t))::bigint - spent_second))::int AS gone,
        LEAST(%(rate)s, COALESCE(learned
            + %(rate)s / 20.0 * GREATEST(0, extract(epoch FROM t - learned_at)) / 60, %(rate)s))::float8 AS allowed
    FROM mine
), counted AS (
    SELECT timed.*, slots, (SELECT COALESCE(sum(n), 0) FROM unnest(slots) AS n)::int AS used
    FROM timed, LATERAL (SELECT array_fill(0, ARRAY[gone]) || spent[1:%(slots)s - gone] AS slots) AS shifted
)"""
# The row of the tenant's own is locked after that of the budget, by everybody.
_ADMIT: Final = f"""{_MINE}, way AS MATERIALIZED (
    SELECT own.id AS way_id, own.opened_at, own.probe_at, own.failures, own.failure, own.token_generation
    FROM tenants_oauthclient AS own, mine
    WHERE own.tenant_id = %(tenant)s AND own.client_id = %(client)s FOR UPDATE OF own
), judged AS (
    SELECT counted.*, way.*, opened_at IS NOT NULL AS down,
        COALESCE(opened_at IS NOT NULL AND %(heeds_breaker)s AND t < probe_at, FALSE) AS shut,
        COALESCE(paused_until > t AND %(heeds_pause)s, FALSE) AS paused,
        used + 1 <= GREATEST(1, allowed - ceil(allowed * %(reserve)s)) AS room
    FROM counted, way
), granted AS (
    UPDATE tenants_requestbudget AS budget
    SET spent = (COALESCE(slots[1], 0) + 1) || slots[2:%(slots)s],
        spent_second = GREATEST(judged.second, budget.spent_second)
    FROM judged WHERE budget.id = judged.id AND NOT shut AND NOT paused AND room
    RETURNING budget.id
), probing AS (
    UPDATE tenants_oauthclient AS own SET probe_at = t + make_interval(secs => %(probe)s)
    FROM judged WHERE own.id = way_id AND down AND %(heeds_breaker)s AND NOT shut AND NOT paused AND room
    RETURNING own.id
)
SELECT t, slots, used, allowed, down, shut, paused, room, paused_until, opened_at, probe_at, failures, failure,
    token_generation, EXISTS (SELECT FROM granted) AS granted
FROM judged"""  # noqa: S608 - put together from constants
_THROTTLED: Final = f"""{_MINE}
UPDATE tenants_requestbudget AS budget
SET learned = CASE WHEN budget.paused_until > t THEN budget.learned
        ELSE GREATEST(%(rate)s / 10.0, LEAST(allowed, GREATEST(used, allowed / 2)) * 0.8) END,
    learned_at = GREATEST(budget.paused_until, t + make_interval(secs => %(pause)s)),
    paused_until = GREATEST(budget.paused_until, t + make_interval(secs => %(pause)s))
FROM counted WHERE budget.id = counted.id
RETURNING budget.learned, budget.paused_until"""  # noqa: S608
_FAILED: Final = """
WITH clock AS (SELECT COALESCE(to_timestamp(%(now)s), clock_timestamp()) AS t)
UPDATE tenants_oauthclient
SET failures = failures + 1, failure = %(failure)s,
    opened_at = CASE WHEN opened_at IS NULL AND failures + %(weight)s >= %(opens)s THEN t ELSE opened_at END,
    probe_at = CASE
        WHEN opened_at IS NULL AND failures + %(weight)s >= %(opens)s THEN t + make_interval(secs => %(rest)s)
        WHEN opened_at IS NOT NULL AND %(probed)s
            THEN t + make_interval(secs => LEAST(%(longest)s, %(rest)s * 2 ^ LEAST(probes + 1, 10)))
        ELSE probe_at END,
    probes = CASE WHEN opened_at IS NOT NULL AND %(probed)s THEN probes + 1 ELSE probes END
FROM clock
WHERE tenant_id = %(tenant)s AND client_id = %(client)s
RETURNING opened_at, told_open"""
_ANSWERED: Final = """
UPDATE tenants_oauthclient
SET failures = 0, failure = '', opened_at = NULL, probe_at = NULL, probes = 0
WHERE tenant_id = %(tenant)s AND client_id = %(client)s AND (failures > 0 OR opened_at IS NOT NULL)
RETURNING told_open"""
_MAKE: Final = """
WITH budget AS (
    INSERT INTO tenants_requestbudget (login_host, client_id) VALUES (%(host)s, %(client)s)
    ON CONFLICT (login_host, client_id) DO NOTHING RETURNING id
), own AS (
    INSERT INTO tenants_oauthclient (tenant_id, client_id) VALUES (%(tenant)s, %(client)s)
    ON CONFLICT (tenant_id, client_id) DO NOTHING RETURNING id
)
SELECT id FROM budget UNION ALL SELECT id FROM own"""
_BEGIN_TURN: Final = """
WITH clock AS (SELECT COALESCE(to_timestamp(%(now)s), clock_timestamp()) AS t)
UPDATE tenants_oauthclient SET swept_until = t + make_interval(secs => %(turn)s)
FROM clock
WHERE tenant_id = %(tenant)s AND client_id = %(client)s AND (swept_until IS NULL OR swept_until <= t)
    AND (opened_at IS NULL OR probe_at <= t) AND NOT EXISTS (
        SELECT FROM tenants_requestbudget AS budget
        WHERE budget.login_host = %(host)s AND budget.client_id = %(client)s AND budget.paused_until > t)
RETURNING id"""
_END_TURN: Final = """
UPDATE tenants_oauthclient SET swept_until = NULL
WHERE tenant_id = %(tenant)s AND client_id = %(client)s RETURNING id"""
_NEED_THE_ROW: Final = (_ADMIT, _THROTTLED, _FAILED)


def rate_of(tenant: "Tenant") -> int:
    """Give how many requests a tenant's OAuth client may send in any minute, before a 429 taught less."""
    rate: int = tenant.requests_a_minute or settings.CONSOLE_REQUESTS_A_MINUTE
    return rate


class Reach:
    """The shared gate of one tenant's OAuth client; what cannot be shared because the database is away is let through.

    `clock` gives seconds since 1970 in place of the database's clock, for tests.
    """

    def __init__(self, tenant: "Tenant", *, clock: Callable[[], float] | None = None) -> None:
        self._tenant = tenant
        self._clock = clock

    def admit(self, purpose: Purpose) -> Admission:
        """Count one request and let it through, or say for how long not."""
        found = self._row(
            _ADMIT,
            heeds_breaker=purpose.heeds_breaker,
            heeds_pause=purpose.heeds_pause,
            reserve=purpose.reserve,
            probe=PROBE_SECONDS,
        )
        return Admission() if found is None else self._admission(found, purpose)

    def _admission(self, found: Mapping[str, Any], purpose: Purpose) -> Admission:
        known = {"failures": found["failures"], "token_generation": found["token_generation"], "down": found["down"]}
        if found["granted"]:
            return Admission(**known)
        if found["shut"]:
            wait = (found["probe_at"] - found["t"]).total_seconds()
            why = f"{self._tenant.name} has not answered since {_time(found['opened_at'])}: {found['failure']}"
            return Admission(**known, shut=True, wait_seconds=max(1.0, wait), why=why)
        if found["paused"]:
            wait = (found["paused_until"] - found["t"]).total_seconds()
            why = f"The platform asked {self._tenant.name} for a pause until {_time(found['paused_until'])}."
            return Admission(**known, wait_seconds=max(0.05, wait), why=why)
        allowed, reserve = found["allowed"], math.ceil(found["allowed"] * purpose.reserve)
        kept = f", {reserve} of which are kept for those in more of a hurry" if reserve else ""
        why = (
            f"{found['used']} of the {allowed:.0f} requests a minute of {self._tenant.name}'s OAuth client are "
            f"spent{kept}."
        )
        wait = _until_room(found["slots"], found["t"], most=max(1.0, allowed - reserve) - 1)
        return Admission(**known, wait_seconds=wait, why=why)

    def answered(self, admission: Admission) -> None:
        """Note that the platform answered; never raises."""
        if admission.failures == 0 and not admission.down:
            return
        found = self._row(_ANSWERED)
        if found is not None and found["told_open"]:
            tell_trail(self._tenant)

    def throttled(self, retry_after: float | None) -> None:
        """Note a 429; never raises."""
        pause = PAUSE_WITHOUT_WORD if retry_after is None else min(retry_after, LONGEST_PAUSE)
        found = self._row(_THROTTLED, pause=pause)
        if found is not None:
            logger.warning(
                "The platform takes no more requests of %s for %.0f seconds; %.0f a minute are sent after that.",
                self._tenant.slug,
                pause,
                found["learned"],
            )

    def failed(self, admission: Admission, error: RemoteUnknown, *, purpose: Purpose) -> bool:
        """Note that the way failed, and tell whether the tenant counts as down now; never raises."""
        held_a_worker = purpose is Purpose.SWEEP and isinstance(error, TimedOut)
        found = self._row(
            _FAILED,
            failure=error.sentence[:1000],
            weight=FAILURES_THAT_OPEN if held_a_worker else 1,
            opens=FAILURES_THAT_OPEN,
            rest=FIRST_REST.total_seconds(),
            longest=LONGEST_REST.total_seconds(),
            probed=admission.down and purpose.heeds_breaker,
        )
        if found is None or found["opened_at"] is None:
            return False
        if not found["told_open"]:
            tell_trail(self._tenant)
        return True

    def begin_turn(self) -> bool:
        """Take the turn to sweep this tenant; False while another worker has it, and while there is no use in it."""
        return self._row(_BEGIN_TURN, turn=TURN_SECONDS) is not None

    def end_turn(self) -> None:
        """Give the turn back."""
        self._row(_END_TURN)

    def _row(self, sql: str, **parameters: object) -> Mapping[str, Any] | None:
        given = {
            "tenant": self._tenant.pk,
            "client": self._tenant.client_id,
            "host": self._tenant.budget_key[0],
            "now": None if self._clock is None else self._clock(),
            "rate": rate_of(self._tenant),
            "slots": _SLOTS,
            **parameters,
        }
        try:
            found = aside.row(sql, given)
            if found is None and sql not in (_ANSWERED, _END_TURN):
                # Made by us or, in this moment, by somebody else.
                made = aside.row(_MAKE, given) is not None
                found = aside.row(sql, given) if made or sql in _NEED_THE_ROW else None
        except DatabaseError:
            # Manners are no guard: without the database nothing is written anyway, and an answer must not be lost.
            logger.exception("What all workers know of %s could not be asked or kept.", self._tenant.slug)
            return None
        return found


def _until_room(slots: list[int], now: datetime, *, most: float) -> float:
    """Give the seconds until so many of the counted requests are too old to count that at most `most` are left."""
    left = sum(slots)
    part = now.timestamp() % 1
    for age in range(len(slots) - 1, -1, -1):
        left -= slots[age]
        if left <= most:
            return _SLOTS - age - part
    return float(_SLOTS)


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%H:%M:%S} UTC"


# --- what people are shown -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the way to a tenant stands, as all workers know it."""

    rate: int
    """Requests a minute that the tenant's OAuth client may send."""
    allowed: float
    """The same after what a 429 taught."""
    used: int
    """In the last minute."""
    paused_until: datetime | None = None
    down_since: datetime | None = None
    probe_at: datetime | None = None
    failures: int = 0
    failure: str = ""

    @property
    def state(self) -> str:
        """Give the circuit breaker's state: `closed`, `open` or `half-open`."""
        if self.down_since is None:
            return "closed"
        return "half-open" if self.probe_at is not None and self.probe_at <= datetime.now(UTC) else "open"

    @property
    def sentence(self) -> str:
        """Say it to people."""
        if self.down_since is not None:
            again = f"; sweeps try again at {_time(self.probe_at)}" if self.probe_at else ""
            return f"No answer since {self.down_since:%d %b} {_time(self.down_since)}{again}. {self.failure}".strip()
        if self.paused_until is not None:
            return f"The platform asked for a pause until {_time(self.paused_until)}."
        if self.failures:
            return f"{self.failures} request{'' if self.failures == 1 else 's'} in a row failed. {self.failure}"
        return "It answers."

    def to_json(self) -> dict[str, object]:
        """Give the shape of CONTRACT.md's `reach`."""
        return {
            "state": self.state,
            "since": self.down_since.isoformat() if self.down_since else None,
            "probe_at": self.probe_at.isoformat() if self.probe_at else None,
            "failures": self.failures,
            "paused_until": self.paused_until.isoformat() if self.paused_until else None,
            "requests_a_minute": self.rate,
            "allowed_now": math.floor(self.allowed),
            "message": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a tenant's OAuth client: its own row, and the budget that it may share with another tenant."""

    own: OAuthClient
    budget: RequestBudget


def standing_of(tenant: "Tenant", *, clients: Mapping[object, Known] | None = None) -> Standing:
    """Give how the way to a tenant stands; with `clients` (`clients_of`) without asking the database."""
    known = (clients_of([tenant]) if clients is None else clients).get(tenant.pk)
    rate = rate_of(tenant)
    if known is None or known.own.client_id != tenant.client_id:
        return Standing(rate=rate, allowed=rate, used=0)
    client, budget = known.own, known.budget
    now = datetime.now(UTC)
    allowed = float(rate)
    if budget.learned is not None and budget.learned_at is not None:
        minutes = max(0.0, (now - budget.learned_at).total_seconds()) / 60
        allowed = min(rate, budget.learned + rate / 20 * minutes)
    gone = max(0, math.floor(now.timestamp()) - budget.spent_second)
    return Standing(
        rate=rate,
        allowed=allowed,
        used=sum(budget.spent[: max(0, _SLOTS - gone)]),
        paused_until=budget.paused_until if budget.paused_until and budget.paused_until > now else None,
        down_since=client.opened_at,
        probe_at=client.probe_at,
        failures=client.failures,
        failure=client.failure,
    )


def clients_of(tenants: "Sequence[Tenant]") -> dict[object, Known]:
    """Give what is known of each tenant's OAuth client, by the tenant's id, with two queries."""
    named = {(tenant.pk, tenant.client_id): tenant.budget_key for tenant in tenants}
    shared = RequestBudget.objects.filter(client_id__in={tenant.client_id for tenant in tenants})
    budgets = {(budget.login_host, budget.client_id): budget for budget in shared}
    found = OAuthClient.objects.filter(tenant__in=tenants).defer("token_sealed")
    return {
        client.tenant_id: Known(client, budgets.get(key) or RequestBudget(spent=[], spent_second=0))
        for client in found
        if (key := named.get((client.tenant_id, client.client_id))) is not None
    }


def tell_trail(tenant: "Tenant") -> bool:
    """Append to the trail that the circuit breaker opened or closed, where the trail says otherwise; True when it was.

    Inside a transaction of the caller nothing is told, because what is told here must not hang on that: the next sweep
    tells it.
    """
    if connection.in_atomic_block:
        return False
    try:
        with transaction.atomic():
            row = OAuthClient.objects.select_for_update(no_key=True).filter(tenant=tenant, client_id=tenant.client_id)
            client = row.defer("token_sealed").first()
            if client is None or client.told_open == (client.opened_at is not None):
                return False
            down = client.opened_at is not None
            OAuthClient.objects.filter(pk=client.pk).update(told_open=down)
            detail: dict[str, object] = {"client_id": client.client_id}
            if client.opened_at is not None:
                detail |= {"since": client.opened_at.isoformat(), "failures": client.failures, "last": client.failure}
            trail.report(
                "tenant.unreachable" if down else "tenant.reachable",
                tenant=tenant,
                actor=trail.SYSTEM,
                outcome="alarm" if down else "ok",
                detail=detail,
            )
    except Exception:
        # An answer of the platform must not be lost because the trail could not be told of the breaker.
        logger.exception("The trail of %s was not told how the way to it stands; the next sweep tells it.", tenant.slug)
        return False
    return True
