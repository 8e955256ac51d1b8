"""One history of a seed: people ask for rollbacks, workers carry them out, the way and the others do their worst."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.db import connection

from rollbacks import tasks
from tenants.remote import Answer, ConnectionLost, TimedOut, Unreachable
from tests.torture import asking, faults, simulated
from tests.torture.people import People
from tests.torture.preparing import HOST, Beginning, content_of, put_back
from tests.torture.simulated import KINDS, Content, Platform, Reply, Request
from tests.torture.stage import BEGINNING, MICROS_BEFORE, Actor, Killed, Stage, here
from tests.torture.standing import STANDING as _STANDING
from tests.torture.standing import Row, Standing

if TYPE_CHECKING:
    from rollbacks.models import Attempt
    from tenants.models import Tenant, TrackedConfig

ORGANIZATION: Final = "5b0c1a3e-7d52-4f0b-9c39-0e6f3b1f7a10"
QUIET_AFTER: Final = 1800.0
"""So many seconds later nothing goes wrong any more."""
LONGEST: Final = 6 * 3600.0
"""What is open after so many virtual seconds is stuck."""
LONGEST_REST: Final = 240.0
"""Between two looks of a worker for which nothing is due."""
IN_VAIN: Final = 0.1
"""How often a worker sweeps although nothing is due: then the rows must keep it from doing anything."""
LONGEST_LAG: Final = 40.0
"""Reads are stale for less than any type's visibility horizon; beyond it PROTOCOL.md promises nothing."""

WAYS: Final = ("plain", "people", "wire")
"""How a history is played: as it is, with people who do more than ask, over a socket of the real HTTP client."""


@dataclass
class Carried:
    """One write that left, and its answer where one came."""

    micros: int
    request: Request
    status: int | None = None
    correlation_id: str = ""


class History:
    """What one seed leads to."""

    def __init__(
        self,
        seed: int,
        *,
        given: list[faults.Fault] | None = None,
        kind: simulated.Kind | None = None,
        beyond: bool = False,
        way: str = "plain",
    ) -> None:
        self.seed = seed
        self.way = way
        self.stage = Stage(seed)
        chance = self.stage.random
        drawn = faults.draw(seed, chance) if given is None else given
        # Only where there is an ETag can somebody alter it.
        altered = given is None and any(fault.kind == "weak ETag" for fault in drawn)
        self.kind = kind or (KINDS[0] if altered else chance.choices(KINDS, (6, 3, 1))[0])
        self.platform = Platform(
            self.kind,
            ORGANIZATION,
            lambda: self.stage.micros,
            names_authors=chance.random() < 0.7,
            keeps_history=chance.random() < 0.7,
            lost_race=chance.choice((409, 412)),
            equal_write_succeeds=chance.random() < 0.5,
        )
        self.plan = faults.Plan(drawn)
        if beyond:
            self.platform.names_authors, self.platform.equal_write_succeeds = False, True
        self.workers = chance.randint(1, 8) if given is None else 2
        self.foreign = [
            chance.choice(("before a write", "after a write", "at a moment"))
            for _ in range(chance.choices((0, 1, 2, 3, 4), (6, 4, 2, 1, 1))[0] if given is None else 0)
        ]
        self.foreign_writers = len(self.foreign)
        self.requests = chance.choice((1, 1, 1, 2)) if given is None else 1
        self.people = People(self) if way == "people" else None
        self.commits: list[tuple[str, str]] = []
        """Whose transactions were committed, in their order, and the functions that opened them."""
        if self.people is not None:
            self.requests = 2 if "terminal" in self.people.deeds else self.requests
            self.platform.etag_of_content = self.people.takes_back
            if "same idea" in self.people.deeds:
                self.foreign.insert(0, "the same before a write")
                self.platform.equal_write_succeeds = self.platform.tells_authors
        self.wrapper: Callable[..., Any] | None = None
        self.changed = True
        """Whether anything was written to the database since somebody asked how it stands."""
        self._stood = Standing(())
        self.queue: list[UUID] = []
        self.rollbacks: list[UUID] = []
        self.targets: dict[UUID, Content] = {}
        self.based_on: dict[UUID, simulated.Revision] = {}
        self.sent: list[tuple[int, str, bytes]] = []
        """Every write that left a worker: when, whose, what."""
        self.looks: list[tuple[int, str, bytes]] = []
        """Every read of the object that a worker got an answer to: when, whose, what it showed."""
        self.effects: list[tuple[int, bytes]] = []
        """Every write that the platform accepted: which of those that left, counted from one, and what."""
        self.carried: list[Carried] = []
        """The same with its answer, as far as it got one."""
        self.attempts: list[Attempt] = []
        """What the console has on record of it, once the checker has asked."""
        self.stuck = False
        self.asked_again = 0
        self._weak = 0
        self._exchanges = 0
        self.tenant: Tenant
        self.config: TrackedConfig

    # What people did, before anything goes wrong

    def begin(self, beginning: Beginning) -> None:
        """Stand where the people's part has ended."""
        self.tenant, self.config = beginning.tenant, beginning.config
        self.platform.revisions = list(beginning.revisions)
        self.rollbacks, self.queue = list(beginning.rollbacks), list(beginning.rollbacks)
        self.targets = dict(beginning.targets)
        self.based_on = dict.fromkeys(beginning.rollbacks, beginning.revisions[-1])
        self.stage.micros = MICROS_BEFORE
        # How often chance was asked until here depends on what was drawn; what happens depends on the seed alone.
        self.stage.random.seed(f"what happens in {self.seed}")
        random.seed(self.seed)
        put_back(beginning.script)

    # What workers do

    def ring(self, rollback_id: UUID) -> None:
        """Hear the message that a rollback is to be looked at."""
        self.queue.append(rollback_id)

    def play(self) -> None:
        """Let the workers begin, and end when all is settled or stuck."""
        chance = self.stage.random
        for number in range(1, self.workers + 1):
            self._hire(number, 1)
        if self.people is not None:
            self.people.begin()
        for when in self.foreign:
            if when == "at a moment":
                self.stage.later(chance.choice((0.1, 0.5, 2.0, 8.0, 70.0)), self._foreign_write)
        self.stage.play()
        if self.people is not None:
            self.people.end()

    def _hire(self, number: int, life: int) -> None:
        actor = Actor(f"worker-{number}.{life}")
        self.stage.start(actor, partial(self._work, actor, number, life))

    def _work(self, actor: Actor, number: int, life: int) -> None:
        chance = self.stage.random
        assert self.wrapper is not None
        try:
            with connection.execute_wrapper(self.wrapper):
                self.stage.wait(chance.random())
                while not self._settled():
                    try:
                        if self.queue:
                            tasks.apply_rollback(str(self.queue.pop(0)))
                        elif self._due_in() <= 0 or chance.random() < IN_VAIN:
                            tasks._serve(self.tenant.pk)
                    except Exception as error:  # noqa: BLE001 - as Celery does: the task failed, the worker goes on
                        self.stage.tell(actor.name, f"the task ended with {type(error).__name__}")
                        connection.close()
                    self.stage.wait(self._until_next_turn())
        except Killed:
            if not self.stage.over:
                self.stage.tell(actor.name, "is dead")
                self.stage.later(chance.choice((0.5, 5.0, 100.0)), partial(self._hire, number, life + 1))

    def _until_next_turn(self) -> float:
        """Give how long a worker without a message rests: a sweep comes soon after something is due, rarely in vain."""
        due = self._due_in()
        if due <= 0:
            return self.stage.random.uniform(0.5, 2.0)
        event = self.stage.next_event()
        rest = min(due, LONGEST_REST if event is None else event)
        return rest + self.stage.random.choice((0.001, 0.05, 0.5, 2.0))

    def _standing(self) -> Standing:
        """Give how the rows stand, asking anew only after something was written."""
        if self.changed:
            self.changed = False
            with connection.cursor() as cursor:
                cursor.execute(_STANDING, [self.rollbacks])
                self._stood = Standing(tuple(Row(*row) for row in cursor.fetchall()))
        return self._stood

    def _due_in(self) -> float:
        """Give in how many seconds a sweep would find something to do; not above zero where it would now."""
        moments = self._standing().due_at()
        if not moments:
            return LONGEST_REST
        return (min(moments) - BEGINNING).total_seconds() - self.stage.micros / 1e6

    def nothing_is_open(self) -> bool:
        """Whether no attempt is open, nor anything queued."""
        return not any(row.opened or row.queued for row in self._standing().rows)

    def _settled(self) -> bool:
        elapsed = (self.stage.micros - MICROS_BEFORE) / 1e6
        if elapsed > QUIET_AFTER:
            self.plan.quiet = True
        if elapsed > LONGEST:
            # What is stored is not what was approved: nothing more may be sent, and a person has to close it.
            self.stuck = self.people is None or "body altered" not in self.people.deeds
            return True
        if self.queue or self.stage.next_event() is not None:
            return False
        return self._standing().settled and not (self.plan.missed() and asking.ask_again(self))

    # The way

    def point(self, name: str, *, waits: bool = True) -> None:
        """Come by a named point: others may go on here, and a worker may die or be paused."""
        standing = here()
        if standing is None:
            return
        stage, actor = standing
        if actor.dead:
            raise Killed
        fault = self.plan.at(name)
        if fault is not None and fault.kind == "worker death":
            stage.tell(actor.name, f"dies at {name}")
            actor.dead = True
            raise Killed
        if not waits:
            return
        if fault is not None:
            stage.tell(actor.name, f"is paused at {name} for {fault.seconds} s")
            stage.wait(fault.seconds)
        longer = self.people.hesitation(name) if self.people is not None else 0.0
        stage.wait(stage.random.choice((0.0, 0.0, 0.001, 0.02)) + longer)

    def exchange(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes, limits: Any) -> Answer:
        """Carry one request to the platform and its answer back, as the transport does."""
        path = url.removeprefix(HOST)
        number = len(self.sent) + 1 if method == "PUT" else 0
        request = Request(method, path, body, headers.get("If-Match"), number)
        standing = here()
        if standing is None:
            return self._received(self.platform.answer(request))
        actor = standing[1]
        watched = path.partition("?")[0] == self.kind.path
        if watched:
            self.point(f"{method}: leaves")
        carried = None
        if watched and method == "PUT":
            carried = Carried(self.stage.micros, request)
            self.carried.append(carried)
            reply = self._write(actor, request, limits)
        else:
            reply = self._read(request, watched=watched)
            if watched and reply.status == 200:
                self.looks.append((self.stage.micros, actor.name, reply.body))
        self.stage.wait(self.stage.random.uniform(0.004, 0.08))
        if watched:
            self.point(f"{method}: answered")
        self.stage.tell(actor.name, f"{method} {path} answered with {reply.status} {reply.etag or ''}".rstrip())
        answer = self._received(reply)
        if carried is not None:
            carried.status, carried.correlation_id = answer.status, answer.correlation_id
        return answer

    def _read(self, request: Request, *, watched: bool) -> Reply:
        self.stage.wait(self.stage.random.uniform(0.004, 0.08))
        if watched:
            self.point("GET: under way")
        reply = self.platform.answer(request)
        if watched and self._weak > 0 and reply.etag is not None:
            self._weak -= 1
            changed = f"W/{reply.etag}" if self._weak % 2 else f'{reply.etag[:-1]}-gzip"'
            reply = Reply(reply.status, reply.body, changed)
        return reply

    def _write(self, actor: Actor, request: Request, limits: Any) -> Reply:
        stage = self.stage
        self.sent.append((stage.micros, actor.name, request.body))
        fault = self.plan.for_write()
        around = self.plan.around_write()
        names = [str(one) for one in ([fault] if fault else []) + around]
        stage.tell(actor.name, f"PUT {self._digest(request)} {names or ''}".rstrip())
        for one in around:
            self._happen(one, request)
        try:
            return self._carry(fault, request, limits)
        finally:
            if not actor.dead and any(one.kind == "lease overrun" for one in around):
                stage.wait(90.0)

    def _carry(self, fault: faults.Fault | None, request: Request, limits: Any) -> Reply:  # noqa: C901 - a case each
        stage, chance = self.stage, self.stage.random
        kind = fault.kind if fault else ""
        if kind == "refused connection":
            raise Unreachable("The host could not be reached, so nothing was sent.", sent=False)
        arrives = partial(self._deliver, request)
        stage.wait(chance.uniform(0.004, 0.08))
        try:
            self.point("PUT: under way")
        except Killed:
            # What has left is not called back by the death of its sender.
            stage.later(0.05, arrives)
            raise
        if fault is None:
            return arrives()
        lost = ConnectionLost("The connection broke before the answer was complete.")
        late = TimedOut("There was no complete answer in time.")
        match kind:
            case "drop before":
                raise lost
            case "drop after commit" | "half body":
                arrives()
                raise lost
            case "reset":
                if fault.coin:
                    arrives()
                raise lost
            case "timeout":
                if fault.coin:
                    arrives()
                stage.wait(limits.total_seconds)
                raise late
            case "5xx before":
                return simulated.refusal(fault.status, "service.unavailable", "The service is unavailable.")
            case "5xx after commit":
                arrives()
                return simulated.refusal(fault.status, "request.timeout", "The request timed out.")
            case "false 409":
                arrives()
                return simulated.refusal(409, "general.conflict", "It has been modified by another request.")
            case "false 412":
                arrives()
                return simulated.refusal(412, "precondition.failed", "The entity tag does not match.")
            case "429":
                asked = fault.seconds if fault.coin else None
                return simulated.refusal(429, "too.many.requests", "Rate limit exceeded.", retry_after=asked)
            case "401":
                return simulated.refusal(401, "bad.credentials", "Invalid login credentials.")
            case "locked":
                if self.kind.level == "A":
                    return simulated.refusal(409, "general.conflict", "The requested resource is currently locked.")
                return simulated.refusal(423, "locked", "Somebody has it open.")
            case "html 200":
                if fault.coin:
                    arrives()
                return Reply(200, b"<!doctype html><title>Signed out</title>", content_type="text/html")
            case "delayed delivery":
                stage.later(limits.total_seconds + fault.seconds, arrives)
                stage.wait(limits.total_seconds)
                raise late
        raise AssertionError(kind)

    def _deliver(self, request: Request) -> Reply:
        """Let a write arrive, perhaps more than once."""
        delivery = {fault.kind: fault for fault in self.plan.delivery()}
        if delivery:
            self.stage.tell("the way", f"PUT {self._digest(request)} {[str(one) for one in delivery.values()]}")
        if "server alters" in delivery:
            self.platform.alters = 1
        reply = self._arrive(request)
        if "duplicated delivery" in delivery:
            second = self._arrive(request)
            reply = second if delivery["duplicated delivery"].coin else reply
        if "delayed duplicate" in delivery:
            self.stage.later(delivery["delayed duplicate"].seconds, partial(self._arrive, request))
        return reply

    def _happen(self, fault: faults.Fault, request: Request) -> None:
        match fault.kind:
            case "stale reads":
                self.platform.lag_micros = round(min(fault.seconds, LONGEST_LAG) * 1e6)
                self.platform.lag_until = self.stage.micros + 2 * self.platform.lag_micros
            case "weak ETag":
                self._weak = 2 if fault.coin else 1
            case "equal foreign write":
                wanted = self.platform.content_in(request)
                if fault.coin:
                    self._write_elsewhere(wanted)
                else:
                    self.stage.later(0.2, partial(self._write_elsewhere, wanted))
            case "redelivered task":
                self.stage.later(min(fault.seconds, 90.0), partial(self.ring, self.rollbacks[-1]))

    def _arrive(self, request: Request) -> Reply:
        if "before a write" in self.foreign:
            self.foreign.remove("before a write")
            self._foreign_write()
        if "the same before a write" in self.foreign:
            self.foreign.remove("the same before a write")
            self._write_elsewhere(self.targets[self.rollbacks[0]])
        before = len(self.platform.accepted)
        reply = self.platform.answer(request)
        took = "is accepted" if len(self.platform.accepted) > before else f"is turned away with {reply.status}"
        if len(self.platform.accepted) > before:
            self.effects.append((request.number, request.body))
        self.stage.tell("platform", f"PUT {self._digest(request)} {took}, live is {self.platform.live.version}")
        if "after a write" in self.foreign:
            self.foreign.remove("after a write")
            self.stage.later(self.stage.random.choice((0.001, 0.02, 0.3)), self._foreign_write)
        return reply

    def _foreign_write(self) -> None:
        stood = self.platform.live.content
        self._write_elsewhere(content_of(self.kind, f"Tom's word {self.platform.live.version + 1}"))
        if self.people is not None and self.people.takes_back:
            self._write_elsewhere(stood)

    def _write_elsewhere(self, content: Content) -> None:
        self.platform.write_elsewhere(content, by="tom-becker")
        self.stage.tell("somebody", f"writes version {self.platform.live.version}")

    def _digest(self, request: Request) -> str:
        number = next((n for n, body in enumerate(self._bodies(), 1) if body == request.body), 0)
        return f"body {number} if-match {request.if_match}"

    def _bodies(self) -> list[bytes]:
        return list(dict.fromkeys(body for _, _, body in self.sent))

    def _received(self, reply: Reply) -> Answer:
        self._exchanges += 1
        return Answer(
            status=reply.status,
            body=reply.body,
            etag=None if reply.etag is None else reply.etag.encode(),
            correlation_id=f"sim-{self._exchanges}",
            elapsed_ms=20,
            received_at=self.stage.now(),
            content_type=reply.content_type,
            retry_after=reply.retry_after,
        )
