"""What people do while workers carry rollbacks out, and what somebody with the rights of the database does to rows.

A tenant is frozen and freed again, by its switch or by a freeze window, the time of a request runs out, a second
rollback is carried out at a terminal beside the workers' queue, somebody writes and takes it back, or writes just what
ours is to leave; an approval is gone from the database, or a stored body is another one than was approved. All of it is
drawn from the seed, apart from everything else that is.
"""

import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from rollbacks import applying, freeze_actions
from rollbacks.models import Approval, Attempt, FreezeWindow, Rollback, Step
from tenants import actions
from tests.torture.stage import Actor

if TYPE_CHECKING:
    from tests.torture.history import History

_SOON: Final = (0.1, 0.2, 0.3, 0.4, 0.6, 1.0, 3.0, 30.0)


class People:
    """What the people of one history do besides asking and approving, and what they saw."""

    def __init__(self, history: "History") -> None:
        self._history = history
        chance = random.Random(f"people of {history.seed}")  # noqa: S311 - the same seed is the same history
        self.deeds = {
            deed
            for deed in ("freeze", "expiry", "terminal", "takes back", "approval gone", "body altered", "same idea")
            if chance.random() < 0.3
        }
        self._after = {deed: chance.choice(_SOON) for deed in sorted(self.deeds)}
        self._thaw_after = chance.choice((5.0, 60.0, 600.0))
        self._hesitation = chance.choice((0.0, 0.3, 0.6, 1.0)) if "terminal" in self.deeds else 0.0
        self._by_window = chance.random() >= 0.5
        self.signed: dict[UUID, bytes] = {}
        """The bytes that were approved, for each rollback."""

    def begin(self) -> None:
        """Let them begin together with the workers."""
        history = self._history
        self.signed = {
            step.rollback_id: bytes(step.body) for step in Step.objects.filter(rollback__in=history.rollbacks)
        }
        first, last = history.rollbacks[0], history.rollbacks[-1]
        if "expiry" in self.deeds:
            over = timezone.now() + timedelta(seconds=self._after["expiry"])
            Rollback.objects.filter(pk=first).update(expires_at=over)
        if "approval gone" in self.deeds:
            Approval.objects.filter(rollback=first).update(plan_digest="0" * 64)
        if "freeze" in self.deeds:
            self._let("dave", self._after["freeze"], self._freeze)
        if "body altered" in self.deeds:
            self._let("mallory", self._after["body altered"], partial(self._alter, first))
        if "terminal" in self.deeds and last != first:
            Rollback.objects.filter(pk=last).update(run_requested_at=None)
            history.queue.remove(last)
            self._let("alice", self._after["terminal"], partial(applying.apply, last))

    @property
    def takes_back(self) -> bool:
        """Whether whoever writes elsewhere puts back right after what stood before."""
        return "takes back" in self.deeds

    def hesitation(self, point: str) -> float:
        """Give for how long whoever comes by a named point stands still there, in seconds.

        Where somebody carries another rollback out at a terminal, everybody does between the survey and T1, so that two
        of them get there together: what only T1 itself can tell is asked there and nowhere else.
        """
        return self._hesitation if point == "begin_attempt: before" else 0.0

    def _let(self, name: str, seconds: float, deed: Callable[[], object]) -> None:
        history = self._history
        actor = Actor(name)

        def life() -> None:
            assert history.wrapper is not None
            with connection.execute_wrapper(history.wrapper):
                history.stage.wait(seconds)
                try:
                    deed()
                except Exception as error:  # noqa: BLE001 - their command failed; they do something else
                    history.stage.tell(name, f"sees {type(error).__name__}")
                    connection.close()

        history.stage.start(actor, life)

    def _freeze(self) -> None:
        history = self._history
        if self._by_window:
            window = freeze_actions.add_window(
                history.tenant,
                when="every day",
                zone="UTC",
                effect=FreezeWindow.Effect.DENY,
                reason="Audit week",
                acting_user=None,
            )
        else:
            actions.freeze(history.tenant, reason="Audit week", acting_user=None)
        history.stage.tell("dave", "has frozen the tenant")
        history.stage.wait(self._thaw_after)
        if self._by_window:
            freeze_actions.end_window(window, reason="The audit is over", acting_user=None)
        else:
            actions.unfreeze(history.tenant, acting_user=None)
        history.stage.tell("dave", "has freed the tenant")

    def _alter(self, rollback_id: UUID) -> None:
        body = self.signed[rollback_id].replace(b'"name"', b'"name" ')
        Step.objects.filter(rollback=rollback_id).update(body=body)
        self._history.stage.tell("mallory", "has altered the stored body")

    def end(self) -> None:
        """Put back what was altered, so that the checker compares with what was approved."""
        for rollback_id, body in self.signed.items():
            Step.objects.filter(rollback=rollback_id).update(body=body)

    # What must hold whatever they do

    def broken(self, attempts: list[Attempt]) -> list[str]:
        """Give every promise about people's word that this history broke."""
        found = self._under_a_freeze()
        for attempt in attempts:
            rollback = attempt.rollback
            if attempt.opened_at > rollback.expires_at + timedelta(milliseconds=1):
                found.append("an attempt was opened after its request had expired")
            approved = Approval.objects.filter(rollback=rollback, plan_digest=rollback.plan_digest).count()
            if approved < rollback.approvals_needed:
                found.append("an attempt was opened without the approval that it needs")
        if any(body not in set(self.signed.values()) for _, _, body in self._history.sent):
            found.append("other bytes left than those that were approved")
        return found

    def _under_a_freeze(self) -> list[str]:
        frozen = False
        for worker, name in self._history.commits:
            if name in ("_set_frozen", "add_window", "end_window"):
                frozen = not frozen
            elif frozen and name in ("begin_attempt", "begin_send"):
                return [f"{worker} committed {name} while the tenant was frozen"]
        return []
