"""PROTOCOL.md as a small model that is walked whole: every state that can be reached within bounds, breadth first.

What is modelled: one object with versions, content and a guard; workers with a lease that may end at any time; T1, the
row of a send, the bytes that leave, the row of its answer and T2 as steps of their own; copies of a request that are
delivered, delivered twice, late or never; answers that get lost, are wrong or come from a gateway; reads that show an
older state until the horizon; foreign writes, equal ones too; servers that alter what they store or answer an equal
change with 2xx; workers that die or stand still between any two steps. A lost answer of a COMMIT is the worker's death
right after it. Who decides is the product's own `rollbacks.verdicts.judge`, so model and code cannot drift apart.

In every state the promises must hold, and after the last fault an end must be within reach of every state.

Not modelled: types with several steps, ETags (a version and its content are one here, as at level A and B alike), level
C, which the promise of no lost update leaves out, and people, who may close what waits for them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from rollbacks.verdicts import Close, Decision, Guarded, Seen, SendNow, SendOutcome, Sent, Vanished, judge

BASE: Final = 10
GUARDED: Final = Guarded(
    base_version=BASE,
    base_etag=b'"10"',
    base_digest="base",
    target_digest="target",
    expected_version=BASE + 1,
    level="A",
    client_id="us",
)
OURS, ALTERED, OTHER, EQUAL = "o", "a", "f", "e"
"""What a version after the base is: ours, ours stored otherwise, somebody's, somebody's with our content."""
_DIGESTS: Final = {OURS: "target", ALTERED: "altered", OTHER: "other", EQUAL: "target"}

UNDER_WAY, UNKNOWN, RACE, REFUSED = "w", "u", "r", "x"
_OUTCOMES: Final = {
    UNDER_WAY: SendOutcome.UNDER_WAY,
    UNKNOWN: SendOutcome.UNKNOWN,
    RACE: SendOutcome.LOST_RACE,
    REFUSED: SendOutcome.REFUSED,
    "t": SendOutcome.UNAUTHORIZED,
    "n": SendOutcome.NOT_SENT,
    "l": SendOutcome.LOCKED,
    "m": SendOutcome.RATE_LIMITED,
}
"""Besides them a digit: a 2xx that carries the base version plus so many."""
TURNED_AWAY: Final = "xtnlm"
"""What a gateway, or nobody at all, may answer while the bytes never arrive."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far the walk goes, and what the platform is like."""

    workers: int = 2
    sends: int = 2
    others: int = 1
    equals: int = 1
    duplicates: int = 1
    deaths: int = 1
    turned_away: str = REFUSED
    names_authors: bool = True
    keeps_history: bool = True
    equal_succeeds: bool = False
    """Whether a late write of what stands already is answered with 2xx (RFC 9110 section 13.1.1)."""
    alters: bool = False
    stale_reads: bool = True
    hiccups: int = 1
    """How often a read says that the object is not there, or a freeze comes and goes, right when it is looked at."""

    def __str__(self) -> str:
        said = [
            "authors named" if self.names_authors else "no author named",
            "history readable" if self.keeps_history else "no history",
        ]
        said += ["equal changes answered 2xx"] if self.equal_succeeds else []
        said += ["the server may alter"] if self.alters else []
        return ", ".join(said)


class Worker(NamedTuple):
    """What one worker is about to do, and what it knows."""

    at: str = "idle"
    seen: int = -1
    """How many versions after the base its last read showed; -2 for an object that was not found."""
    send: int = -1
    outcome: str = ""
    verdict: str = ""
    assumes: str = ""
    known: str = ""
    """The sends as it read them, before it looked at the object."""
    judged: int = -1
    """How many sends the verdict that it is about to record rests on."""
    leased: bool = False
    doubts: bool = False
    """Whether its look before this one ended the attempt and rests on that one look alone."""


class Copy(NamedTuple):
    """One copy of a request under way."""

    send: int
    guard: int
    """How many versions after the base it expects; 0 in everything that the console may send."""


class World(NamedTuple):
    """One state of everything."""

    versions: str
    """What came after the base, one letter each."""
    attempt: str
    """none, open, closed or void."""
    verdict: str
    assumes: str
    sends: str
    """One letter for each row of a send."""
    overdue: bool
    copies: tuple[Copy, ...]
    workers: tuple[Worker, ...]
    intents: int
    outcomes: int
    others: int
    equals: int
    duplicates: int
    deaths: int
    hiccups: int
    equal_answered: bool
    """Whether somebody's equal write was answered to us as a success."""


Judge = Callable[..., Decision]
IDLE: Final = Worker()


class Step(NamedTuple):
    """One thing that may happen next."""

    what: str
    fault: bool
    """Whether it is a fault, or somebody else's doing: none of it is needed for an end."""
    world: World


@dataclass(frozen=True)
class Bug:
    """What a planted bug changes; the protocol itself changes nothing."""

    judge: Judge = judge
    checks_state_at_t2: bool = True
    checks_sends_at_t2: bool = True
    """Whether T2 closes only an attempt with exactly the sends that were judged."""
    guards: bool = True
    keeps_base: bool = True
    """Whether what is sent again has the guard that was approved."""
    reads_first: bool = True
    looks_twice: bool = True
    """Whether what rests on one look ends an attempt only at a second one."""
    checks_lease: bool = True
    intent_first: bool = True
    """Whether T1 is committed before the bytes leave."""
    row_first: bool = True
    """Whether the row of a send is committed before the bytes leave."""


RIGHT: Final = Bug()


class Model:
    """What may happen in each state, and what must hold there."""

    def __init__(self, bounds: Bounds, bug: Bug = RIGHT) -> None:
        self.bounds, self.bug = bounds, bug
        self.decided = lru_cache(maxsize=None)(self._decide)

    def beginning(self) -> World:
        """Give the state in which a rollback is approved and nobody has begun it."""
        bounds = self.bounds
        workers = (IDLE,) * bounds.workers
        budget = (bounds.others, bounds.equals, bounds.duplicates, bounds.deaths, bounds.hiccups)
        return World("", "none", "", "", "", False, (), workers, 0, 0, *budget, False)

    def steps(self, world: World) -> Iterator[Step]:
        """Give everything that may happen next."""
        for number, worker in enumerate(world.workers):
            yield from self._work(world, number, worker)
            if worker.at != "idle" and world.deaths:
                dead = _with_worker(world, number, IDLE)
                yield Step(f"a worker dies at {worker.at}", True, dead._replace(deaths=world.deaths - 1))
            if worker.leased and worker.at != "idle":
                yield Step("a lease ends", True, _with_worker(world, number, worker._replace(leased=False)))
        for copy in dict.fromkeys(world.copies):
            yield from self._deliver(world, copy)
        if world.others:
            foreign = world._replace(versions=world.versions + OTHER, others=world.others - 1)
            yield Step("somebody writes", True, foreign)
        if world.equals:
            foreign = world._replace(versions=world.versions + EQUAL, equals=world.equals - 1)
            yield Step("somebody writes our content", True, foreign)
        if world.attempt == "open" and not world.overdue:
            yield Step("the horizon ends", False, world._replace(overdue=True))

    # Workers

    def _work(self, world: World, number: int, worker: Worker) -> Iterator[Step]:  # noqa: C901 - the procedure
        def now(what: str, worker: Worker, *, fault: bool = False, **changes: object) -> Step:
            return Step(what, fault, _with_worker(world._replace(**changes), number, worker))  # type: ignore[arg-type]

        match worker.at:
            case "idle" if world.attempt == "none":
                if world.versions:
                    yield now("the survey finds that live has moved", IDLE, attempt="void")
                elif self.bug.intent_first:
                    yield now("the survey holds", Worker("surveyed"))
                else:
                    yield now("bytes leave before T1", Worker("surveyed"), copies=_and(world.copies, Copy(0, 0)))
            case "surveyed" if world.attempt == "none":
                leased = not any(one.leased for one in world.workers)
                claimed = Worker("claimed", leased=True) if leased else IDLE
                yield now("T1", claimed, attempt="open", intents=world.intents + 1, overdue=False)
            case "surveyed":
                yield now("T1 finds another", IDLE)
            case "idle" if world.attempt == "open" and not any(one.leased for one in world.workers):
                if self.bug.reads_first or not world.sends:
                    yield now("a lease is taken", Worker("claimed", leased=True))
                else:
                    yield now(
                        "a lease is taken, without a read", Worker("read", seen=0, known=world.sends, leased=True)
                    )
            case "claimed":
                worker = worker._replace(at="read", known=world.sends)
                yield now("a read", worker._replace(seen=len(world.versions)))
                if self.bounds.stale_reads and not world.overdue:
                    for seen in range(len(world.versions)):
                        yield now("a stale read", worker._replace(seen=seen), fault=True)
                if world.hiccups:
                    yield now("a read finds nothing", worker._replace(seen=-2), fault=True, hiccups=world.hiccups - 1)
            case "read":
                yield self._judge(world, number, worker)
            case "sending":
                yield from self._begin_send(world, number, worker)
            case "leaving":
                guard = 0 if self.bug.keeps_base else worker.seen
                waiting = worker._replace(at="waiting")
                yield now("bytes leave", waiting, copies=_and(world.copies, Copy(worker.send, guard)))
                for outcome in self.bounds.turned_away:
                    answered = worker._replace(at="answered", outcome=outcome)
                    yield now("the way turns it away", answered, fault=True)
            case "writing the row":
                sends = _at(world.sends, worker.send, UNDER_WAY)
                yield now("the row of a send, too late", worker._replace(at="waiting"), sends=sends, overdue=False)
            case "waiting":
                answered = worker._replace(at="answered", outcome=UNKNOWN)
                yield now("no answer comes", answered, fault=any(one.send == worker.send for one in world.copies))
            case "answered":
                sends = _at(world.sends, worker.send, worker.outcome)
                yield now("the answer is kept", self._go_on(worker), sends=sends, overdue=False)
            case "closing" if self._may_close(world, worker):
                verdict, outcomes = worker.verdict, world.outcomes + 1
                closed = world._replace(attempt="closed", verdict=verdict, assumes=worker.assumes, outcomes=outcomes)
                yield Step("T2", False, _with_worker(closed, number, IDLE))
            case "closing":
                yield now("T2 finds it closed, or sent again", IDLE)

    def _may_close(self, world: World, worker: Worker) -> bool:
        if self.bug.checks_state_at_t2 and world.attempt != "open":
            return False
        return not self.bug.checks_sends_at_t2 or worker.judged == len(world.sends)

    def _go_on(self, worker: Worker) -> Worker:
        """Look again where the lease still holds; a claim is the first step of the next look."""
        return Worker("claimed", leased=True) if worker.leased else IDLE

    def _judge(self, world: World, number: int, worker: Worker) -> Step:
        shown = None if worker.seen == -2 else world.versions[: worker.seen]
        decision = self.decided(worker.known, shown, world.overdue)
        if isinstance(decision, Close) and decision.rests_on_one_look and self.bug.looks_twice and not worker.doubts:
            after = self._go_on(worker)._replace(doubts=worker.leased)
        elif isinstance(decision, Close):
            assumes = str(decision.evidence.get("assumes", ""))
            after = _closing(worker, str(decision.verdict), len(worker.known), assumes)
        elif isinstance(decision, SendNow) and len(world.sends) < self.bounds.sends:
            seen = worker.seen if not self.bug.keeps_base else -1
            after = worker._replace(at="sending", known="", seen=seen, doubts=False)
        else:
            after = IDLE
        return Step("the verdict is asked", False, _with_worker(world, number, after))

    def _begin_send(self, world: World, number: int, worker: Worker) -> Iterator[Step]:
        lost = self.bug.checks_lease and not worker.leased
        if world.attempt != "open" or lost or len(world.sends) >= self.bounds.sends:
            yield Step("the lease is lost, nothing leaves", False, _with_worker(world, number, IDLE))
            return
        if world.hiccups:
            frozen = IDLE if world.sends else _closing(worker, "not_applied", 0)
            held = _with_worker(world._replace(hiccups=world.hiccups - 1), number, frozen)
            yield Step("a freeze holds it", True, held)
        leaving = worker._replace(at="leaving", send=len(world.sends))
        if self.bug.row_first:
            begun = world._replace(sends=world.sends + UNDER_WAY, overdue=False)
        else:
            begun = world._replace(copies=_and(world.copies, Copy(len(world.sends), 0)))
            leaving = worker._replace(at="writing the row", send=len(world.sends))
        yield Step("the row of a send", False, _with_worker(begun, number, leaving))

    def _decide(self, sends: str, shown: str | None, overdue: bool) -> Decision:
        known = [Sent(SendOutcome.APPLIED, BASE + int(one)) if one.isdigit() else Sent(_OUTCOMES[one]) for one in sends]
        if shown is None:
            return self.bug.judge(GUARDED, known, Vanished(), successor=None, horizon_over=overdue)
        readable = len(shown) > 1 and self.bounds.keeps_history
        successor = self._seen(shown[:1]) if readable else None
        return self.bug.judge(GUARDED, known, self._seen(shown), successor=successor, horizon_over=overdue)

    def _seen(self, shown: str) -> Seen:
        version = BASE + len(shown)
        if not shown:
            return Seen(version, b'"10"', "base", "tom" if self.bounds.names_authors else None)
        author = ("us" if shown[-1] in OURS + ALTERED else "tom") if self.bounds.names_authors else None
        return Seen(version, b'"%d"' % version, _DIGESTS[shown[-1]], author)

    # The way and the platform

    def _deliver(self, world: World, copy: Copy) -> Iterator[Step]:
        gone = list(world.copies)
        gone.remove(copy)
        without = world._replace(copies=tuple(gone))
        yield Step("a copy is lost", True, without)
        for after, answers in self._taken(without, copy):
            yield from self._answered(after, copy, answers)
        if world.duplicates:
            for after, answers in self._taken(world._replace(duplicates=world.duplicates - 1), copy):
                yield from self._answered(after, copy, answers, twice=True)

    def _taken(self, world: World, copy: Copy) -> Iterator[tuple[World, str]]:
        """Give what the platform does with a copy, and what it answers."""
        if len(world.versions) == copy.guard or not self.bug.guards:
            yield world._replace(versions=world.versions + OURS), str(len(world.versions) + 1)
            if self.bounds.alters:
                yield world._replace(versions=world.versions + ALTERED), str(len(world.versions) + 1)
        elif self.bounds.equal_succeeds and world.versions[-1:] in (OURS, EQUAL):
            yield world, str(len(world.versions))
        else:
            yield world, RACE

    def _answered(self, world: World, copy: Copy, answer: str, *, twice: bool = False) -> Iterator[Step]:
        """Give what its sender hears, if it still listens: the answer, nothing, or a 409 that is not true."""
        what = "a copy is delivered, and again" if twice else "a copy is delivered"
        waiting = [n for n, one in enumerate(world.workers) if one.at == "waiting" and one.send == copy.send]
        if not waiting:
            yield Step(what, twice, world)
            return
        equal = answer.isdigit() and world.versions[int(answer) - 1] == EQUAL
        for heard in dict.fromkeys((answer, UNKNOWN, RACE)):
            worker = world.workers[waiting[0]]._replace(at="answered", outcome=heard)
            heard_of = world._replace(equal_answered=world.equal_answered or (equal and heard == answer))
            yield Step(
                f"{what}, heard is {heard}", twice or heard != answer, _with_worker(heard_of, waiting[0], worker)
            )

    # What must hold

    def broken(self, world: World) -> str:
        """Name the promise that does not hold in this state; empty where all do."""
        ours = [at for at, one in enumerate(world.versions) if one in OURS + ALTERED]
        if any(at > 0 for at in ours):
            return "lost update: ours landed on a version that nobody approved"
        if len(ours) > 1:
            return "duplicate effect: one attempt changed the object twice"
        if (ours or world.copies) and not world.intents:
            return "unaudited write: bytes have left before their intent"
        if any(copy.send >= len(world.sends) for copy in world.copies):
            return "unaudited write: bytes have left without a row of their send"
        if world.outcomes != (world.attempt == "closed"):
            return f"unaudited write: {world.outcomes} outcomes of an attempt that is {world.attempt}"
        if world.attempt == "closed" and not self._is_true(world):
            return f"false verdict: {world.verdict} after {world.versions or 'nothing'}"
        if world.attempt == "void" and ours:
            return "false verdict: nothing was sent, and ours stands"
        return ""

    def _is_true(self, world: World) -> bool:
        first = world.versions[:1]
        if world.assumes == "equal_write_not_answered_as_ours" and world.equal_answered:
            return True
        if world.assumes == "stored_as_sent" and ALTERED in world.versions:
            return True
        match world.verdict:
            case "verified":
                return first == OURS
            case "reached":
                return first in (OURS, EQUAL) and bool(first)
            case "divergent":
                return first == ALTERED
            case "overwritten":
                return first in (OURS, ALTERED) and len(world.versions) > 1
            case "not_applied":
                return OURS not in world.versions and ALTERED not in world.versions
            case "conflict":
                return OURS not in world.versions and ALTERED not in world.versions and self._is_told(world, 1)
            case "indeterminate":
                return self._is_told(world, 2)
        return False

    def _is_told(self, world: World, versions: int) -> bool:
        """Say whether there are so many versions, or reads said often enough to be believed that nothing is there."""
        return len(world.versions) >= versions or self.bounds.hiccups - world.hiccups > 1

    def has_ended(self, world: World) -> bool:
        """Tell whether nothing more has to happen: closed, void, or open in a way that waits for a person.

        So does one whose last copy was refused for good while an earlier one may still land, or that was sent as often
        as it may be; the walk's own bound of sends stands for the console's.
        """
        if world.attempt in ("closed", "void"):
            return True
        waits = len(world.sends) >= self.bounds.sends or world.sends[-1:] in (REFUSED, "t")
        return world.attempt == "open" and not world.versions and waits


def _with_worker(world: World, number: int, worker: Worker) -> World:
    """Put a worker's next state in; which of them is which makes no difference, so they are kept in order."""
    others = world.workers[:number] + world.workers[number + 1 :]
    return world._replace(workers=tuple(sorted((*others, worker))))


def _closing(worker: Worker, verdict: str, judged: int, assumes: str = "") -> Worker:
    closing = Worker("closing", verdict=verdict, assumes=assumes, judged=judged)
    return closing._replace(leased=worker.leased)


def _and(copies: tuple[Copy, ...], copy: Copy) -> tuple[Copy, ...]:
    return tuple(sorted((*copies, copy)))


def _at(sends: str, number: int, outcome: str) -> str:
    return (sends + UNDER_WAY * (number + 1 - len(sends)))[:number] + outcome + sends[number + 1 :]
