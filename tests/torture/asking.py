"""People ask for another rollback in the middle of a history: a new plan, on what is live by then."""

from typing import TYPE_CHECKING, Final

from django.contrib.auth.models import User

from rollbacks import actions
from tests.torture import stage
from tests.torture.preparing import snapshot_of

if TYPE_CHECKING:
    from tests.torture.history import History

MOST: Final = 2
"""So many more rollbacks people ask for in one history."""
MOST_TRIES: Final = 6
PAUSE: Final = 100.0
"""Virtual seconds until they try again what was refused."""


def ask_again(history: "History") -> bool:
    """Let Alice ask, Bob approve and Alice run it, where the history was to show faults that had no chance yet.

    Nothing goes wrong with what they do themselves; False where nothing could be asked for.
    """
    over = len(history.rollbacks) >= history.requests + MOST or history.asked_again >= MOST_TRIES
    if over or history.people is not None or history.plan.quiet or not history.nothing_is_open():
        return False
    history.asked_again += 1
    number = _target(history)
    if number is None:
        return False
    history.plan.place_anew(history.stage.random)
    history.platform.lag_until = 0
    with stage.alone():
        alice, bob = (User.objects.get(username=name) for name in ("alice", "bob"))
        history.config.refresh_from_db()
        try:
            rollback = actions.request_rollback(
                history.config,
                snapshot_of(history.config, history.kind, number),
                reason="It misfires again",
                acting_user=alice,
            )
        except Exception as refused:  # noqa: BLE001 - whatever it is, they try later
            # The platform asked for a pause, for example.
            history.stage.tell("alice", f"asks again and is refused: {type(refused).__name__}")
            history.stage.later(PAUSE, lambda: None)
            return True
        actions.approve_rollback(rollback, acting_user=bob, plan_digest=rollback.plan_digest)
        history.rollbacks.append(rollback.pk)
        history.targets[rollback.pk] = history.platform.revisions[number - 1].content
        history.based_on[rollback.pk] = history.platform.live
        actions.run_rollback(rollback, acting_user=alice)
    history.changed = True
    history.stage.tell("alice", f"asks again, for version {number} over {history.platform.live.version}")
    return True


def _target(history: "History") -> int | None:
    """Choose what to go back to: another content than live, and no body that another attempt has sent already."""
    live = history.platform.live
    asked = [
        content
        for key, content in history.targets.items()
        if history.kind.level == "C" or history.based_on[key].version == live.version
    ]
    for number in (1, 2):
        content = history.platform.revisions[number - 1].content
        if content != live.content and content not in asked:
            return number
    return None
