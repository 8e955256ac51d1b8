"""What somebody with every right in the database does to a trail, thousands of times, and whether it is seen.

Two tenants have trails that the product appended; checkpoints outside the database cover most of each. A seed makes one
attack: it changes the rows, mostly with all links and heads computed anew so that the chain holds, as its owner could.
What is expected is not told by the attack but by comparison: if any row up to the last checkpoint differs from what was
there when it was signed, the attack has to be found. Behind the last checkpoint lies the window in which the database's
owner can rewrite, unseen, what follows no checkpoint; what was not found there is counted and told.
"""

import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.test import override_settings

from rollbacks import audit, chain, checkpointing, verifying
from rollbacks.models import AuditHead
from tenants.models import Tenant
from tests.torture.proofs import Report, Scale, Table, Tell

SEED_OF_THE_KEY: Final = b"the key of a torture, 32 bytes.."
COLUMNS: Final = ("id", "tenant_id", "seq", "at", "action", "outcome", "actor", "payload", "previous_hash", "hash")
COVERED: Final = (6, 13, 20)
"""After so many entries there was a checkpoint."""
ENTRIES: Final = 24

Row = dict[str, Any]
Trail = list[Row]


@dataclass
class State:
    """All rows of both trails, and the ends that their heads name."""

    trails: dict[UUID, Trail]
    heads: dict[UUID, tuple[int, bytes]]

    def copy(self) -> "State":
        """Give the same rows for somebody to change."""
        trails = {tenant: [dict(row) for row in trail] for tenant, trail in self.trails.items()}
        return State(trails, dict(self.heads))


@dataclass
class Count:
    """What came of one kind of attack."""

    tried: int = 0
    covered: int = 0
    found: int = 0
    refused: int = 0
    """Of the covered ones, those that the database itself did not take."""
    missed: list[int] = field(default_factory=list)
    """Seeds of covered attacks that were not found."""
    in_the_window: int = 0
    found_in_the_window: int = 0


class Tampering:
    """Two trails with their checkpoints outside, ready to be tampered with again and again."""

    def __init__(self, folder: Path) -> None:
        """Let the product append and sign; `folder` is the sink."""
        self.tenants = [
            Tenant.objects.create(
                slug=slug, name=slug, region="mypurecloud.de", client_id="c", client_secret_sealed=b"s"
            )
            for slug in (f"torture-{folder.name}-a".lower()[:50], f"torture-{folder.name}-b".lower()[:50])
        ]
        for tenant in self.tenants:
            for number in range(1, ENTRIES + 1):
                with transaction.atomic():
                    audit.append(
                        ("write.intent", "write.outcome", "rollback.approved")[number % 3],
                        tenant=tenant,
                        actor=("alice", "bob", "console")[number % 3],
                        outcome=("ok", "conflict")[number % 2],
                        details={"number": number, "if_match": f'"{number}-9f3c"', "reason": "Card stolen is gone"},
                    )
                if number in COVERED:
                    checkpointing.make(tenant)
        checkpointing.deliver_due()
        self.outside = verifying.read_outside()
        self.before = self._read()

    def _read(self) -> State:
        trails = {}
        with connection.cursor() as cursor:
            for tenant in self.tenants:
                cursor.execute(
                    f"SELECT {', '.join(COLUMNS)} FROM rollbacks_auditentry WHERE tenant_id = %s ORDER BY seq",  # noqa: S608
                    [tenant.pk],
                )
                trails[tenant.pk] = [dict(zip(COLUMNS, row, strict=True)) for row in cursor.fetchall()]
        heads = {
            head.tenant_id: (head.seq, bytes(head.hash)) for head in AuditHead.objects.filter(tenant__in=self.tenants)
        }
        return State(trails, heads)

    def attack(self, seed: int, counts: dict[str, Count]) -> None:
        """Make the attack of this seed, count what came of it, and take it back."""
        draw = random.Random(seed)  # noqa: S311 - the same seed is the same attack
        kind = draw.choice(sorted(ATTACKS))
        after = self.before.copy()
        while after == self.before:
            ATTACKS[kind](after, draw)
        count = counts.setdefault(kind, Count())
        count.tried += 1
        covered = self._touches_what_is_covered(after)
        count.covered += covered
        count.in_the_window += not covered
        found, refused = self._is_found(after)
        count.refused += refused and covered
        if covered:
            count.found += found
            if not found:
                count.missed.append(seed)
        else:
            count.found_in_the_window += found

    def _touches_what_is_covered(self, after: State) -> bool:
        return any(
            [row for row in after.trails[tenant.pk] if row["seq"] <= COVERED[-1]]
            != self.before.trails[tenant.pk][: COVERED[-1]]
            for tenant in self.tenants
        )

    def _is_found(self, after: State) -> tuple[bool, bool]:
        try:
            with transaction.atomic():
                self._write(after)
                found = any(not verifying.verify(tenant, outside=self.outside).holds for tenant in self.tenants)
                transaction.set_rollback(True)
        except IntegrityError:
            return True, True
        return found, False

    def _write(self, after: State) -> None:
        names, holes = ", ".join(COLUMNS), ", ".join(["%s"] * len(COLUMNS))
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for tenant in self.tenants:
                kept = {row["id"]: row for row in after.trails[tenant.pk]}
                gone = [row["id"] for row in self.before.trails[tenant.pk] if kept.get(row["id"]) != row]
                cursor.execute("DELETE FROM rollbacks_auditentry WHERE id = ANY(%s)", [gone])
            for tenant in self.tenants:
                before = {row["id"]: row for row in self.before.trails[tenant.pk]}
                trail = after.trails[tenant.pk]
                new = [[row[name] for name in COLUMNS] for row in trail if before.get(row["id"]) != row]
                cursor.executemany(f"INSERT INTO rollbacks_auditentry ({names}) VALUES ({holes})", new)  # noqa: S608
                seq, own = after.heads[tenant.pk]
                AuditHead.objects.filter(tenant=tenant).update(seq=seq, hash=own)


def _pick(state: State, draw: random.Random) -> tuple[UUID, Trail, int]:
    """Choose a tenant and the place of an entry."""
    tenant = draw.choice(sorted(state.trails))
    return tenant, state.trails[tenant], draw.randrange(len(state.trails[tenant]))


def _respell(row: Row, **changes: Any) -> None:
    """Change members of a payload as its owner would: canonical again, and the columns with it."""
    told = json.loads(row["payload"]) | changes
    row["payload"] = chain.canonical_payload(told)
    for name in ("action", "outcome", "actor", "seq"):
        row[name] = told[name]


def _link(state: State, tenant: UUID, first: int = 0) -> None:
    """Number and link all entries of a trail anew from a place on, and move its head."""
    trail = state.trails[tenant]
    previous = trail[first - 1]["hash"] if first else chain.GENESIS
    for place in range(first, len(trail)):
        row = trail[place]
        _respell(row, seq=place + 1)
        row["previous_hash"], row["hash"] = previous, chain.link(previous, row["payload"])
        previous = row["hash"]
    state.heads[tenant] = (len(trail), previous)


def flip(state: State, draw: random.Random) -> None:
    """Flip one bit of one column, and leave everything else as it is."""
    _, trail, place = _pick(state, draw)
    row = trail[place]
    column = draw.choice(("payload", "previous_hash", "hash", "actor", "action", "outcome"))
    if column in {"payload", "previous_hash", "hash"}:
        altered = bytearray(row[column])
        altered[draw.randrange(len(altered))] ^= 1 << draw.randrange(8)
        row[column] = bytes(altered)
        return
    text = bytearray(row[column].encode())
    text[draw.randrange(len(text))] ^= 1 << draw.randrange(4)  # stays a letter or its neighbour, never NUL
    row[column] = text.decode("latin-1")


def delete(state: State, draw: random.Random) -> None:
    """Take one or several entries out, sometimes with everything behind them numbered and linked anew."""
    tenant, trail, place = _pick(state, draw)
    del trail[place : place + draw.choice((1, 1, 2, 5))]
    if draw.random() < 0.7:
        _link(state, tenant, place)


def insert(state: State, draw: random.Random) -> None:
    """Put an entry in that never was, with everything behind it numbered and linked anew."""
    tenant, trail, place = _pick(state, draw)
    forged = dict(trail[place])
    forged["id"] = UUID(int=draw.getrandbits(128), version=4)
    trail.insert(place, forged)
    _respell(forged, id=str(forged["id"]), actor="mallory")
    _link(state, tenant, place)


def swap(state: State, draw: random.Random) -> None:
    """Exchange two entries, as they are or linked anew."""
    tenant, trail, place = _pick(state, draw)
    other = draw.choice([one for one in range(len(trail)) if one != place])
    trail[place], trail[other] = trail[other], trail[place]
    first = min(place, other)
    if draw.random() < 0.7:
        _link(state, tenant, first)
    else:
        for one in (place, other):
            trail[one]["seq"] = one + 1


def cut_the_tail(state: State, draw: random.Random) -> None:
    """Take the last entries away, and mostly move the head with them."""
    tenant, trail, place = _pick(state, draw)
    del trail[place:]
    if draw.random() < 0.8:
        state.heads[tenant] = (len(trail), trail[-1]["hash"] if trail else chain.GENESIS)


def splice(state: State, draw: random.Random) -> None:
    """Give one tenant an entry, or all the rest, of the other's trail."""
    tenant, trail, place = _pick(state, draw)
    (other,) = set(state.trails) - {tenant}
    end = draw.choice((place + 1, len(trail)))
    foreign = [dict(row) for row in state.trails[other][place:end]]
    for row, mine in zip(foreign, trail[place:end], strict=False):
        row["tenant_id"], row["id"] = tenant, mine["id"]
        if draw.random() < 0.5:
            _respell(row, id=str(mine["id"]), tenant=json.loads(mine["payload"])["tenant"])
    trail[place:end] = foreign
    if draw.random() < 0.7:
        _link(state, tenant, place)


def rechain(state: State, draw: random.Random) -> None:
    """Change what an entry says, canonically and in its columns, and compute all links behind it anew."""
    tenant, trail, place = _pick(state, draw)
    told = json.loads(trail[place]["payload"])
    change: dict[str, Any] = draw.choice(
        (
            {"actor": "mallory"},
            {"outcome": "failed"},
            {"details": {**told["details"], "reason": "Nothing happened here"}},
            {"details": {**told["details"], "number": draw.randrange(10**6)}},
        )
    )
    _respell(trail[place], **change)
    _link(state, tenant, place)


def move_the_head(state: State, draw: random.Random) -> None:
    """Let a head name another number or another hash."""
    tenant, trail, place = _pick(state, draw)
    seq, own = state.heads[tenant]
    state.heads[tenant] = draw.choice(((place + 1, own), (seq, trail[place]["hash"]), (seq + 1, own)))


ATTACKS: Final[dict[str, Callable[[State, random.Random], None]]] = {
    "flip a bit": flip,
    "delete": delete,
    "insert": insert,
    "swap": swap,
    "cut the tail": cut_the_tail,
    "splice tenants": splice,
    "re-chain": rechain,
    "move the head": move_the_head,
}


@contextmanager
def prepared() -> Iterator[Tampering]:
    """Give two trails with a sink of their own, in the database that is connected."""
    with tempfile.TemporaryDirectory(prefix="tamper-") as name:
        folder = Path(name)
        with override_settings(
            CONSOLE_CHECKPOINT_KEY=SEED_OF_THE_KEY,
            CONSOLE_CHECKPOINT_FOLDER=folder,
            CONSOLE_CHECKPOINT_WEBHOOK=None,
            CONSOLE_CHECKPOINT_PUBLIC_KEYS=[],
        ):
            yield Tampering(folder)


def run(first: int, rounds: int, *, tell: Callable[[int], None] = lambda _: None) -> dict[str, Count]:
    """Make the attacks of so many seeds and give what came of each kind."""
    counts: dict[str, Count] = {}
    with prepared() as tampering:
        for seed in range(first, first + rounds):
            tampering.attack(seed, counts)
            tell(seed - first + 1)
    return counts


def prove(scale: Scale, first_seed: int, tell: Tell) -> Report:
    """Make ten thousand attacks at either scale: they take minutes."""
    rounds = 10_000
    counts = run(first_seed, rounds, tell=lambda done: tell(f"{done:,} of {rounds:,} attacks"))
    return report(counts, first=first_seed, rounds=rounds)


def report(counts: dict[str, Count], *, first: int, rounds: int) -> Report:
    """Give the table, the window and the bound in words."""
    total: Counter[str] = Counter()
    for one in counts.values():
        total.update(covered=one.covered, found=one.found, window=one.in_the_window, there=one.found_in_the_window)
    rows = [
        (kind, one.tried, one.covered, one.found, one.refused, one.in_the_window, one.found_in_the_window)
        for kind, one in sorted(counts.items())
    ]
    missed = sorted(seed for one in counts.values() for seed in one.missed)
    return Report(
        tried=f"{rounds:,} attacks, seeds {first} to {first + rounds - 1}, by somebody with every right in the "
        "database. "
        f"Where a checkpoint from outside covers the entry, {total['found']:,} of {total['covered']:,} were found. "
        f"Behind the last checkpoint (here {ENTRIES - COVERED[-1]} of {ENTRIES} entries, in use those of seconds) "
        f"{total['there']:,} of {total['window']:,} were found; the others computed the chain anew, unseen from "
        "outside.",
        broken=[f"the attack of seed {seed} was not found" for seed in missed],
        tables=[
            Table(
                "By kind of attack",
                ("attack", "tried", "covered", "found", "refused by the database", "in the window", "found there"),
                rows,
            )
        ],
        bound=f"Rule of three: under {3 / max(1, total['covered']):.3%} of covered attacks stay unseen.",
    )
