"""What the platform's own audit says of one write of ours, and of a write that came before it; pure.

Records name object, client and time, and neither a version nor the request (`tenants.audit_records`), so what follows
rests on clocks and on the order in which the platform itself puts its records. Nothing here ever touches a verdict.

    our write                                       standing
    one record of our client can only be it         matched
    several could be it, or it could be another's   unclear
    none, and one may still come                    looking
    none by the end, and we know that we wrote      missing
    none by the end, and nobody knows that          absent: it agrees with a write that did not land

    beside it, somebody else's record               standing
    after our last look and before ours             foreign: a write between what we read and what we wrote
    where that may be so, or may not                unclear

How a foreign write is placed. With our own record at P and somebody's at F, P - F is a distance on the platform's clock
alone. Ours landed between the moment it was sent (`begun`) and the end of the wait (`ended`), so F happened between
begun - (P - F) and ended - (P - F) by our clock. All of that after our last look (`looked`): in between. All of it
before: it was in what we read. A record so near to the base that it may be the base's own, dated late, proves nothing
either. That what it changed was not in what we read proves nothing, for a further record, which
has not come yet, may have undone it. Within one millisecond the platform's records have no order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from tenants.audit_records import Record, unique

SLACK: Final = timedelta(milliseconds=500)
"""By so much two clocks may have drifted between a write and the question about it."""
MILLISECOND: Final = timedelta(milliseconds=1)
"""Records bear whole milliseconds."""
LAG: Final = timedelta(seconds=1)
"""By so much later than its write the record of the base may be dated: then it looks like a write after our look."""
UNKNOWN_CLOCK: Final = timedelta(minutes=2)
"""How far the clocks may be apart where the platform's answers bear no date."""


class Standing(StrEnum):
    """How the platform's audit stands to one write of ours or, of a conflict, to what came before it."""

    LOOKING = "looking"
    MATCHED = "matched"
    MISSING = "missing"
    ABSENT = "absent"
    FOREIGN = "foreign"
    UNCLEAR = "unclear"
    UNREADABLE = "unreadable"
    NAMED = "named"
    UNNAMED = "unnamed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """How far the platform's clock may be ahead of ours: at least `low`, at most `high`."""

    low: timedelta = -UNKNOWN_CLOCK
    high: timedelta = UNKNOWN_CLOCK

    def earliest(self, at: datetime) -> datetime:
        """Give the earliest moment by our clock that a platform's time can mean."""
        return at - self.high - SLACK

    def latest(self, at: datetime) -> datetime:
        """Give the latest moment by our clock that a platform's time can mean."""
        return at - self.low + SLACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One write of ours: times by our clock."""

    looked: datetime
    """Our last look before it, which showed the base, is not older than this."""
    begun: datetime
    """Nothing of it left before this."""
    ended: datetime
    """It landed by then, or nobody knows when."""
    clients: frozenset[str]
    """The OAuth clients that sent it."""
    certain: bool
    """Whether the verdict says that it landed as ours."""
    base_at: datetime | None = None
    """When the platform says that the base was written, by its clock."""
    base_seen: datetime | None = None
    """When we first saw the base."""


@dataclass(frozen=True, slots=True)
class Span:
    """Another thing that our client did to the object: when, by our clock."""

    begun: datetime
    ended: datetime
    certain: bool = True
    """Whether it is known to have landed, so that it has a record of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What follows from the records that there are by now."""

    standing: Standing
    ours: Record | None = None
    foreign: tuple[Record, ...] = ()
    """Records of others that lie, or may lie, between what we read and what we wrote."""
    several: tuple[Record, ...] = ()
    """Records of our client of which any may be this write's."""


def judge(
    deed: Deed,
    records: Iterable[Record],
    *,
    offset: Offset,
    others: Sequence[Span] = (),
    over: bool,
    complete: bool = True,
) -> Finding:
    """Give what follows, by the tables above; `over` says whether the time to wait for a record is.

    `others` are our client's other writes of the object. An answer that is not `complete` shows what it shows, and
    shows nothing missing.
    """
    told = [one for one in unique(records) if not one.failed]
    ours, several = _ours(deed, told, offset, others)
    if several:
        return Finding(standing=Standing.UNCLEAR, several=several)
    between = _between(deed, told, ours, offset) if ours is not None or deed.certain else _Between()
    if between.certain:
        return Finding(standing=Standing.FOREIGN, ours=ours, foreign=between.certain)
    if between.possible and (ours is not None or over):
        return Finding(standing=Standing.UNCLEAR, ours=ours, foreign=between.possible)
    if ours is not None:
        return Finding(standing=Standing.MATCHED, ours=ours)
    if not over:
        return Finding(standing=Standing.LOOKING)
    if not complete:
        return Finding(standing=Standing.UNREADABLE)
    return Finding(standing=Standing.MISSING if deed.certain else Standing.ABSENT)


def name_writers(
    records: Iterable[Record], *, since: datetime, until: datetime, offset: Offset, over: bool, complete: bool = True
) -> Finding:
    """Give whose writes moved an object between two looks of ours, the latest last; `since` and `until` by our clock.

    Every record that may lie between them is told; which of them left what was read is for people to judge.
    """
    found = tuple(one for one in unique(records) if not one.failed and _may_be(one, since, until, offset))
    if found:
        return Finding(standing=Standing.NAMED, foreign=found)
    if not over:
        return Finding(standing=Standing.LOOKING)
    return Finding(standing=Standing.UNNAMED if complete else Standing.UNREADABLE)


def _ours(
    deed: Deed, told: Sequence[Record], offset: Offset, others: Sequence[Span]
) -> tuple[Record | None, tuple[Record, ...]]:
    """Give the one record that is this write's, or those of which any may be; neither where there is none.

    Where a record may be another write's of ours as well, all of these writes are taken together: as many records as
    writes that are known to have landed follow one another in the same order. Anything else tells nothing.
    """
    of_client = [one for one in told if one.client_id in deed.clients]
    own = Span(deed.begun, deed.ended, deed.certain)
    spans, mine = [own], [one for one in of_client if _may_be(one, own.begun, own.ended, offset)]
    while True:
        more = [
            span
            for span in others
            if span not in spans and any(_may_be(one, span.begun, span.ended, offset) for one in mine)
        ]
        if not more:
            break
        spans += more
        mine = [one for one in of_client if any(_may_be(one, span.begun, span.ended, offset) for span in spans)]
    if not mine:
        return None, ()
    if len(spans) == 1:
        return (mine[0], ()) if len(mine) == 1 else (None, tuple(mine))
    spans.sort(key=lambda span: span.begun)
    in_order = all(before.ended <= after.begun for before, after in pairwise(spans))
    apart = all(before.at < after.at for before, after in pairwise(mine))
    if len(mine) == len(spans) and in_order and apart and all(span.certain for span in spans):
        found = mine[spans.index(own)]
        if _may_be(found, deed.begun, deed.ended, offset):
            return found, ()
    return None, tuple(one for one in mine if _may_be(one, deed.begun, deed.ended, offset)) or tuple(mine)


def _may_be(record: Record, begun: datetime, ended: datetime, offset: Offset) -> bool:
    return offset.earliest(record.at) <= ended and offset.latest(record.at) >= begun


@dataclass(frozen=True, slots=True)
class _Between:
    certain: tuple[Record, ...] = ()
    possible: tuple[Record, ...] = ()


def _between(deed: Deed, told: Sequence[Record], ours: Record | None, offset: Offset) -> _Between:
    """Give the records of others between what we read and what we wrote: those that are for certain, and all."""
    possible: list[Record] = []
    certain: list[Record] = []
    for one in told:
        if one is ours or one.client_id in deed.clients:
            continue
        if (
            _is_of_the_base(one, deed, offset)
            or _is_before_look(one, deed, ours, offset)
            or _is_after(one, deed, ours, offset)
        ):
            continue
        possible.append(one)
        placed = _is_before(one, deed, ours, offset) and _is_after_look(one, deed, ours, offset)
        if one.named and placed and not _may_be_of_the_base(one, deed, offset):
            certain.append(one)
    return _Between(tuple(certain), tuple(possible))


def _is_of_the_base(one: Record, deed: Deed, offset: Offset) -> bool:
    """Say whether it was written no later than the base, which is what we read."""
    if deed.base_at is not None:
        return one.at <= deed.base_at
    return deed.base_seen is not None and offset.latest(one.at) < deed.base_seen


def _may_be_of_the_base(one: Record, deed: Deed, offset: Offset) -> bool:
    """Say whether it may be the record of the base itself, dated late."""
    if deed.base_at is not None:
        return one.at <= deed.base_at + LAG
    return deed.base_seen is None or offset.earliest(one.at) <= deed.base_seen + LAG


def _is_before_look(one: Record, deed: Deed, ours: Record | None, offset: Offset) -> bool:
    if ours is not None and deed.ended - (ours.at - one.at) + MILLISECOND < deed.looked:
        return True
    return offset.latest(one.at) < deed.looked


def _is_after_look(one: Record, deed: Deed, ours: Record | None, offset: Offset) -> bool:
    if ours is not None and deed.begun - (ours.at - one.at) - MILLISECOND > deed.looked:
        return True
    return offset.earliest(one.at) > deed.looked


def _is_after(one: Record, deed: Deed, ours: Record | None, offset: Offset) -> bool:
    """Say whether it came after ours for certain; within the same millisecond nobody can."""
    return one.at > ours.at if ours is not None else offset.earliest(one.at) > deed.ended


def _is_before(one: Record, deed: Deed, ours: Record | None, offset: Offset) -> bool:
    return one.at < ours.at if ours is not None else offset.latest(one.at) < deed.begun
