"""The one function that moves a rollback from state to state; `transitions` and `voiding` say when, and record it."""

from django.utils import timezone

from rollbacks.models import Rollback
from rollbacks.states import IllegalMove, State, sources_of


def move(rollback: Rollback, after: State, **fields: object) -> None:
    """Move a rollback; raise IllegalMove, with nothing changed, when its state does not lead there."""
    moved = Rollback.objects.filter(pk=rollback.pk, state__in=[state.value for state in sources_of(after)]).update(
        state=after, state_changed_at=timezone.now(), **fields
    )
    if moved == 0:
        rollback.refresh_from_db()
        raise IllegalMove(State(rollback.state), after)
    rollback.refresh_from_db()
