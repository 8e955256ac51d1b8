"""`apply ROLLBACK`."""

from typing import TYPE_CHECKING, Any

from rollbacks import actions
from rollbacks.states import State
from rollbacks.terminal import RollbackCommand, find_rollback
from tenants.terminal import ExitCode

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(RollbackCommand):
    help = "Carry an approved rollback out in this process, or go on with one that is under way."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("rollback", metavar="ROLLBACK")

    def guarded(self, **options: Any) -> ExitCode:
        rollback = find_rollback(options["rollback"])
        if rollback.state == State.AWAITING_APPROVAL:
            raise actions.NotAllowed(
                f"Rollback {rollback.pk} still waits for an approval. Nothing was sent. "
                f"Have a colleague run: manage.py approve {rollback.pk} --as USER"
            )
        if rollback.state == State.APPROVED:
            actions.run_rollback(rollback, acting_user=None)
        return self.show(self.carry_out(rollback))
