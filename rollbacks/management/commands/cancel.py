"""`cancel ROLLBACK --as USER`."""

from typing import TYPE_CHECKING, Any

from rollbacks import actions
from rollbacks.terminal import RollbackCommand, find_rollback, find_user
from tenants.terminal import ExitCode

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(RollbackCommand):
    help = "Take a rollback back before anything was sent."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("rollback", metavar="ROLLBACK")
        parser.add_argument("--as", dest="user", required=True, metavar="USER", help="who cancels")

    def guarded(self, **options: Any) -> ExitCode:
        cancelled = actions.cancel_rollback(find_rollback(options["rollback"]), acting_user=find_user(options["user"]))
        self.show(cancelled)
        return ExitCode.DONE
