"""How the console's rows stand in a history: what is open, when a sweep finds it due, and what waits for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tests.torture.stage import BEGINNING

MOST_SENDS: Final = 6
"""So often the same bytes leave at most, PROTOCOL.md says, apart from those that met a lock."""
STANDING: Final = """
SELECT r.state, r.run_requested_at IS NOT NULL, r.run_again_at, a.id IS NOT NULL, a.look_again_at, a.driven_until,
    ARRAY(SELECT s.outcome FROM rollbacks_send AS s WHERE s.attempt_id = a.id ORDER BY s.number)
FROM rollbacks_rollback AS r LEFT JOIN rollbacks_attempt AS a ON a.rollback_id = r.id AND a.state = 'open'
WHERE r.id = ANY(%s)
"""


@dataclass(frozen=True)
class Row:
    """One rollback, and its open attempt where it has one."""

    state: str
    asked: bool
    run_again_at: datetime | None
    opened: bool
    look_again_at: datetime | None
    driven_until: datetime | None
    outcomes: Sequence[str]

    @property
    def queued(self) -> bool:
        """Whether it waits to be run."""
        return self.state == "approved" and self.asked

    @property
    def waits_for_a_person(self) -> bool:
        """Tell what PROTOCOL.md leaves open until a person closes it: no copy may follow, an earlier one may land."""
        worn_out = len([one for one in self.outcomes if one != "locked"]) >= MOST_SENDS
        refused_last = bool(self.outcomes) and self.outcomes[-1] in ("refused", "unauthorized")
        return self.opened and self.state == "unknown" and (worn_out or refused_last)


@dataclass(frozen=True)
class Standing:
    """All rollbacks of a history."""

    rows: tuple[Row, ...]

    @property
    def settled(self) -> bool:
        """Whether nothing more is to be done, except by a person; what is queued behind that waits with it."""
        if any(row.opened and not row.waits_for_a_person for row in self.rows):
            return False
        return any(row.opened for row in self.rows) or not any(row.queued for row in self.rows)

    def due_at(self) -> list[datetime]:
        """Give from when on a sweep does something, for each that is open or queued."""
        moments = [
            max(row.look_again_at or BEGINNING, row.driven_until or BEGINNING) for row in self.rows if row.opened
        ]
        return [*moments, *(row.run_again_at or BEGINNING for row in self.rows if row.queued)]
