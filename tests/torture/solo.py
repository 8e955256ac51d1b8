"""One rollback, carried out by the real code on PostgreSQL, again and again from the same beginning: no threads.

`Ground` lets people agree on one rollback and commits that. Each `Play` then carries it out inside a transaction that
is thrown away: what the code commits are savepoints in it. One worker acts at a time, a dead one is followed by the
next, and a paused one lets another act in its place, so nobody else looks at what is committed or not; the seeded
simulation (`simulation`) is where transactions commit for real and workers act beside each other.

Whatever can go wrong goes wrong at a *moment*: an exchange, the edges of a transaction, a statement that commits by
itself. A play with the same faults comes by the same moments, so a fault is placed by counting them.

Not here: the budget that workers share and the shared token (`reach`, `shared_tokens`); they decide when is sent, never
what happened.
"""

import hashlib
import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from rollbacks import actions, tasks
from rollbacks.models import Attempt, Rollback
from rollbacks.states import State
from rollbacks.verdicts import Verdict
from tenants import actions as tenants
from tenants import capture, connections
from tenants.access import Role
from tenants.models import Membership, Tenant, TrackedConfig
from tenants.remote import Answer, Platform, Purpose
from tenants.remote.client import Credentials
from tenants.remote.limits import LIMITS
from tenants.remote.tokens import TokenCache
from tests import world
from tests.torture import simulated
from tests.torture.simulated import CLIENT, Content, Kind, Reply, Request, Revision
from tests.torture.solo_way import (
    ETAGS,
    PAUSE,
    SCHEMA,
    Fault,
    Killed,
    Organization,
    Way,
    read_badly,
    received,
    write_badly,
)

HOST: Final = "http://127.0.0.1:9"
BEGINNING: Final = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
BEGINS: Final = 10_800 * 1_000_000
"""The virtual microsecond in which the worker begins."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that a play came by, where something can go wrong."""

    what: str
    """exchange, after (an exchange), commit, or point."""
    name: str
    key: tuple[object, ...] = ()
    """What the worker, the database and the platform knew then, where that was asked for."""
    durable: tuple[object, ...] = ()
    """The part of it that outlives the worker."""


class Ground:
    """A tenant, an object with a past, and a rollback that is agreed on and asked to run."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.micros = 0
        self.organization = str(uuid4())
        self.playing: Play | None = None
        self.begins = BEGINS
        """The virtual microsecond in which plays begin."""
        self.tenant: Tenant
        self.rollback: UUID
        self.past: list[Revision] = []
        self._platform = Organization(kind, self.organization, lambda: self.micros)

    def now(self) -> datetime:
        """Give the virtual moment; no two askers get the same one."""
        self.micros += 1
        return BEGINNING + timedelta(microseconds=self.micros)

    def seconds(self) -> float:
        """Give the virtual seconds since the beginning."""
        self.micros += 1
        return 1000.0 + self.micros / 1e6

    def content(self, name: str) -> Content:
        """Give a content of this name."""
        if self.kind is ETAGS:
            return {"name": "Billing EMEA", "content": {"topic": name, "rules": [1, 2, 3]}}
        if self.kind is SCHEMA:
            return {"enabled": True, "jsonSchema": {"title": name, "type": "object"}}
        days = {"start": "2026-03-02T08:00:00.000", "end": "2026-03-02T18:00:00.000"}
        return {"name": name, **days, "rrule": "FREQ=DAILY;INTERVAL=1"}

    def prepare(self) -> None:
        """Let Alice and Bob agree on going back; call it within `held`."""
        alice, bob = (User.objects.get_or_create(username=name, is_staff=True)[0] for name in ("alice", "bob"))
        self.tenant = tenants.add_tenant(
            f"solo-{self.organization[:8]}",
            name="Northwind Bank",
            api_url=HOST,
            login_url=HOST,
            client_id=CLIENT,
            client_secret="known to everybody",
            organization_id=self.organization,
            requests_a_minute=6000,
            acting_user=None,
        )
        Membership.objects.create(user=alice, tenant=self.tenant, role=Role.OPERATOR)
        Membership.objects.create(user=bob, tenant=self.tenant, role=Role.APPROVER)
        config = world.track(self.tenant, simulated.OBJECT, type_name=self.kind.name)
        self._platform.begin([self.content("Retention")])
        for name in ("Card stolen", "Billing disputes"):
            self._look(config)
            self.micros += 3_600_000_000
            self._platform.write_elsewhere(self.content(name), by="tom-becker")
        self._look(config)
        rollback = actions.request_rollback(
            config,
            config.snapshots.get(version=1),
            reason="Retention rules misfire since last night",
            acting_user=alice,
        )
        actions.approve_rollback(rollback, acting_user=bob, plan_digest=rollback.plan_digest)
        actions.run_rollback(Rollback.objects.get(pk=rollback.pk), acting_user=alice)
        self.rollback = rollback.pk
        self.past = list(self._platform.revisions)

    def _look(self, config: TrackedConfig) -> None:
        config.refresh_from_db()
        capture.look(config, self.connect(self.tenant), now=timezone.now(), conditional=False)
        config.refresh_from_db()

    def connect(self, tenant: Tenant, *, purpose: Purpose = Purpose.PERSON) -> Platform:
        """Give the client of the tenant's organization, without the budget that workers share."""
        tokens = self.playing.tokens if self.playing else TokenCache(clock=lambda: 0.0)
        limits = connections.SWEEP_LIMITS if purpose is Purpose.SWEEP else LIMITS
        return Platform(
            api_base=HOST,
            login_base=HOST,
            credentials=Credentials(client_id=CLIENT, client_secret="known to everybody"),
            custom_hosts=True,
            tenant_key=str(tenant.pk),
            limits=limits,
            purpose=purpose,
            tokens=tokens,
            clock=self.seconds,
            sleep=self.wait,
            jitter=random.random,
        )

    def wait(self, seconds: float) -> None:
        """Let virtual time pass, and happen what happens meanwhile."""
        if self.playing:
            self.playing.wait(seconds)

    def exchange(self, method: str, url: str, *, headers: Any, body: bytes | None, limits: Any, **_: Any) -> Answer:
        """Carry one request to the platform, as the transport does."""
        request = Request(method, url.removeprefix(HOST), body or b"", headers.get("If-Match"))
        if self.playing:
            return self.playing.exchange(request, limits)
        return received(self._platform.answer(request), self.now(), 0)


class Play:
    """One way in which the rollback of a ground goes."""

    def __init__(
        self,
        ground: Ground,
        way: Way,
        faults: Mapping[int, Fault],
        *,
        longest: float = 6 * 3600.0,
        asks_keys: bool = False,
    ) -> None:
        self.ground, self.kind, self.faults, self.asks_keys = ground, ground.kind, faults, asks_keys
        ground.micros = ground.begins
        self.platform = Organization(ground.kind, ground.organization, lambda: ground.micros, **vars(way))
        self.platform.revisions = list(ground.past)
        self.base = ground.past[-1]
        self.target = ground.past[0].content
        self.moments: list[Moment] = []
        self.lines: list[str] = []
        self.sent: list[tuple[int, str, bytes]] = []
        self.attempts: list[Attempt] = []
        """Where they end; the checker reads them."""
        self.looks: list[tuple[int, str, bytes]] = []
        """What reads of the object showed: when, to whom, what."""
        self.depth = 0
        """How many of the code's transactions are open, one in the other."""
        self.opened = ""
        """The function whose outermost transaction is open."""
        self.lives = 1
        self.driver = "worker-1"
        self.tokens = TokenCache(clock=lambda: 0.0)
        self.stuck = False
        self.weak = 0
        self.ends_invisible = False
        """Whether a write that was confirmed and is not shown through the horizon will never be."""
        self.write: Callable[[Play, Request, Any], Reply] | None = None
        """Instead of the faults: what becomes of a write."""
        self._longest = longest
        self._ends = ground.begins + round(longest * 1e6)
        self._events: list[tuple[int, int, Callable[[], object]]] = []
        self._count = 0
        self._exchanges = 0
        self._answered: tuple[object, ...] = ()
        """What the worker was answered last, or what came instead."""

    # What the checker asks a history for

    @property
    def rollbacks(self) -> list[UUID]:
        """The one rollback."""
        return [self.ground.rollback]

    @property
    def tenant(self) -> Tenant:
        """Whose it is."""
        return self.ground.tenant

    @property
    def targets(self) -> dict[UUID, Content]:
        """What each rollback is to leave."""
        return {self.ground.rollback: self.target}

    @property
    def based_on(self) -> dict[UUID, Revision]:
        """What was live when it was approved."""
        return {self.ground.rollback: self.base}

    @property
    def people(self) -> SimpleNamespace:
        """What people did besides: nothing; so what must come of a quiet day is not asked."""
        return SimpleNamespace(broken=lambda _attempts: [])

    @property
    def stage(self) -> SimpleNamespace:
        """Whether it went in circles."""
        return SimpleNamespace(over=self.stuck)

    # Time

    def wait(self, seconds: float) -> None:
        """Let virtual time pass."""
        until = self.ground.micros + round(max(0.0, seconds) * 1e6)
        while self._events and self._events[0][0] <= until:
            moment, _, event = heapq.heappop(self._events)
            self.ground.micros = max(self.ground.micros, moment)
            event()
        self.ground.micros = max(self.ground.micros, until)

    def later(self, seconds: float, event: Callable[[], object]) -> None:
        """Let something happen at a moment."""
        self._count += 1
        moment = self.ground.micros + round(seconds * 1e6)
        heapq.heappush(self._events, (moment, self._count, event))

    def tell(self, what: str) -> None:
        """Write a line of what happens."""
        self.lines.append(f"{(self.ground.micros - self.ground.begins) / 1e6:12.6f} {self.driver:<9} {what}")

    # Workers

    def run(self) -> None:
        """Let workers carry the rollback out until it has ended, waits for a person, or is stuck."""
        queue: list[UUID] = [self.ground.rollback]
        pause = 2.0
        while not self._settled(queue):
            try:
                if queue:
                    tasks.apply_rollback(str(queue.pop(0)))
                else:
                    tasks._serve(self.tenant.pk)
            except Killed:
                self._follow()
            except Exception as error:  # noqa: BLE001 - as Celery does: the task failed, the worker goes on
                self.tell(f"the task ended with {type(error).__name__}: {str(error)[:80]}")
            self.wait(pause)
            pause = min(pause * 2, 240.0)

    def _follow(self) -> None:
        self.tell("is dead")
        self.lives += 1
        self._become(f"worker-{self.lives}")
        self.wait(5.0)

    def _become(self, driver: str) -> None:
        self.driver, self.tokens = driver, TokenCache(clock=lambda: 0.0)
        connections._checked.clear()

    def _settled(self, queue: Sequence[UUID]) -> bool:
        if self.ground.micros > self._ends:
            self.stuck = True
            return True
        if self._events or queue:
            return False
        rollback = Rollback.objects.get(pk=self.ground.rollback)
        opened = Attempt.objects.filter(rollback=rollback, state=Attempt.State.OPEN)
        invisible = self.ends_invisible and rollback.verdict == Verdict.NOT_VISIBLE_YET
        if any(not invisible and not waits_for_a_person(attempt, rollback) for attempt in opened):
            return False
        return rollback.state != State.APPROVED or rollback.run_requested_at is None

    def _another_acts(self, act: Callable[[], None]) -> None:
        """Let another worker act while this one stands still."""
        mine, tokens = self.driver, self.tokens
        self.lives += 1
        self._become(f"worker-{self.lives}")
        try:
            act()
        except Killed:
            self._follow()
        except Exception as error:  # noqa: BLE001 - as above
            self.tell(f"the task ended with {type(error).__name__}")
        self.driver, self.tokens = mine, tokens

    # Moments

    def moment(self, what: str, name: str) -> Fault | None:
        """Come by a moment; give what goes wrong here, unless it was something that happens beside it."""
        key, durable = self._known() if self.asks_keys else ((), ())
        self.moments.append(Moment(what, name, (what, name, *key), durable))
        fault = self.faults.get(len(self.moments) - 1)
        if fault is None:
            return None
        self.tell(f"{name}: {fault}")
        match fault.kind:
            case "death":
                raise Killed
            case "pause":
                self.wait(PAUSE)
                self._another_acts(lambda: tasks._serve(self.tenant.pk))
            case "redelivery":
                self._another_acts(lambda: tasks.apply_rollback(str(self.ground.rollback)))
            case "foreign write":
                self.write_elsewhere(self.ground.content(f"Tom's word {self.platform.live.version + 1}"))
            case "equal foreign write":
                self.write_elsewhere(self.target)
            case "stale reads":
                self.platform.lag_micros = round(fault.seconds * 1e6)
                self.platform.lag_until = self.ground.micros + 2 * self.platform.lag_micros
            case "weak ETag" | "ETag of a gateway":
                self.weak = 1 if fault.kind == "weak ETag" else 2
            case _:
                return fault
        return None

    def write_elsewhere(self, content: Content) -> None:
        """Let Tom write."""
        self.platform.write_elsewhere(content, by="tom-becker")
        self.tell(f"Tom writes version {self.platform.live.version}")

    def _known(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        """Give what all this rests on, in so far as anybody's next act depends on it."""
        with connection.cursor() as cursor:
            cursor.execute(_KNOWN, [timezone.now(), self.ground.rollback])
            row = cursor.fetchone()
        shown = self.platform
        durable = (
            *(tuple(one) if isinstance(one, list) else one for one in row),
            tuple((one.version, one.app is None, one.content == self.target) for one in shown.revisions[3:]),
            shown.lag_until > self.ground.micros,
            tuple(sorted(round((moment - self.ground.micros) / 1e7) for moment, _, _ in self._events)),
            shown.stores_otherwise,
        )
        return (*durable, self.driver, self.depth, self.weak, self._answered), durable

    # The way

    def exchange(self, request: Request, limits: Any) -> Answer:
        """Carry one request to the platform and its answer back."""
        self._answered = ("nothing yet",)
        try:
            reply = self._exchange(request, limits)
        except Exception as error:
            self._answered = (type(error).__name__,)
            raise
        self._answered = (reply.status, reply.etag, hashlib.sha256(reply.body).hexdigest())
        path = request.path.partition("?")[0]
        name = self._name_of(request)
        if request.method == "GET" and path == self.kind.path and reply.status == 200:
            self.looks.append((self.ground.micros, self.driver, reply.body))
        self.wait(0.01)
        self.moment("after", name)
        self.tell(f"{name} answered with {reply.status} {reply.etag or ''}".rstrip())
        self._exchanges += 1
        return received(reply, self.ground.now(), self._exchanges)

    def _name_of(self, request: Request) -> str:
        path = request.path.partition("?")[0]
        return f"{request.method} {path.removeprefix(self.kind.path) if path != self.kind.path else 'the object'}"

    def _exchange(self, request: Request, limits: Any) -> Reply:
        name = self._name_of(request)
        self.moment("before", name)
        self.wait(0.01)
        if request.method == "PUT":
            self.sent.append((self.ground.micros, self.driver, request.body))
            if self.write is not None:
                reply = self.write(self, request, limits)
            else:
                fault = self.moment("PUT", name)
                reply = write_badly(self, request, fault, limits) if fault else self.arrive(request)
        else:
            fault = self.moment("GET", name)
            reply = read_badly(self, fault, limits) if fault else self.platform.answer(request)
            if self.weak and reply.etag is not None:
                etag = f"W/{reply.etag}" if self.weak == 1 else f'{reply.etag[:-1]}-gzip"'
                reply, self.weak = Reply(reply.status, reply.body, etag), 0
        return reply

    def arrive(self, request: Request) -> Reply:
        """Let a write reach the platform."""
        before = len(self.platform.accepted)
        reply = self.platform.answer(request)
        took = "is accepted" if len(self.platform.accepted) > before else f"is turned away with {reply.status}"
        self.tell(f"the write {took}, live is {self.platform.live.version}")
        return reply


_KNOWN: Final = """
SELECT r.state, r.verdict, r.run_requested_at IS NULL, r.run_again_at IS NULL, r.run_again_at <= n.now, a.state,
       a.verdict, a.driver, a.driven_until IS NULL, a.driven_until <= n.now, a.horizon_at <= n.now,
       (SELECT array_agg(s.outcome || ' ' || coalesce(s.answered_version::text, '') ORDER BY s.number)
          FROM rollbacks_send s WHERE s.attempt_id = a.id),
       (SELECT bool_and(s.retry_at <= n.now) FROM rollbacks_send s WHERE s.attempt_id = a.id)
  FROM rollbacks_rollback r CROSS JOIN (SELECT %s::timestamptz AS now) n
  LEFT JOIN rollbacks_attempt a ON a.rollback_id = r.id WHERE r.id = %s
"""


def waits_for_a_person(attempt: Attempt, rollback: Rollback) -> bool:
    """Tell what PROTOCOL.md leaves open until a person closes it: no copy may follow, an earlier one may land."""
    outcomes = list(attempt.sends.values_list("outcome", flat=True))
    worn_out = len([one for one in outcomes if one != "locked"]) >= 6
    refused_last = bool(outcomes) and outcomes[-1] in ("refused", "unauthorized")
    return rollback.state == State.UNKNOWN and (worn_out or refused_last)
