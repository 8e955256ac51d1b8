"""The states of a rollback, and every legal move between them.

    awaiting_approval ──approve──▶ approved ──begin──▶ applying ──close──▶ applied | conflict | refused | failed |
    unknown
            │                         │                    │
            │                         ├─refuse──▶ refused   ├─next──▶ applying
            │                         │                     └─overrun──▶ unknown ──close──▶ (any of the above)
            │                         └─move────▶ conflict
            │                         └─glass closed▶ awaiting_approval
            └── cancel ▶ cancelled    expire ▶ expired      (both from the first two only)

Before anything is sent a plan may become void by itself: live moved (*conflict*), or the plan, or whoever asked may not
ask any more (*cancelled*). Where approvals are void, what was approved is *awaiting approval* again.

`unknown` is a state of its own: nobody can say yet, or ever, what happened. While the attempt is still open it can be
left for any end, or for *applying* when its step turns out to stand and another one follows; once the attempt is closed
as *indeterminate* it is an end itself.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a rollback stands; the words of CONTRACT.md."""

    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    APPLYING = "applying"
    APPLIED = "applied"
    REFUSED = "refused"
    CONFLICT = "conflict"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_ENDS_OF_A_WRITE = frozenset({State.APPLIED, State.CONFLICT, State.REFUSED, State.FAILED, State.UNKNOWN})

MOVES: dict[State, frozenset[State]] = {
    State.AWAITING_APPROVAL: frozenset({State.APPROVED, State.CONFLICT, State.CANCELLED, State.EXPIRED}),
    State.APPROVED: frozenset(
        {State.AWAITING_APPROVAL, State.APPLYING, State.REFUSED, State.CONFLICT, State.CANCELLED, State.EXPIRED}
    ),
    State.APPLYING: _ENDS_OF_A_WRITE,
    State.UNKNOWN: _ENDS_OF_A_WRITE | {State.APPLYING},
    State.APPLIED: frozenset(),
    State.REFUSED: frozenset(),
    State.CONFLICT: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
    State.EXPIRED: frozenset(),
}

PENDING = frozenset({State.AWAITING_APPROVAL, State.APPROVED})
"""Nothing has been sent yet, and a person may still change their mind."""

RUNNING = frozenset({State.APPLYING, State.UNKNOWN})
"""An attempt may be open."""


class IllegalMove(Exception):
    """A rollback was asked to go where no move leads; nothing was changed."""

    def __init__(self, before: State, after: State) -> None:
        super().__init__(f"A rollback that is {before.replace('_', ' ')} cannot become {after.replace('_', ' ')}.")
        self.before = before
        self.after = after


def check_move(before: State, after: State) -> None:
    """Return when the move is legal; raise IllegalMove otherwise."""
    if after not in MOVES[before]:
        raise IllegalMove(before, after)


def check_begin(before: State) -> None:
    """Return when a rollback may be carried out from its start; raise IllegalMove otherwise."""
    if before is not State.APPROVED:
        raise IllegalMove(before, State.APPLYING)


def sources_of(after: State) -> frozenset[State]:
    """Give every state from which a legal move leads to `after`."""
    return frozenset(before for before, targets in MOVES.items() if after in targets)
