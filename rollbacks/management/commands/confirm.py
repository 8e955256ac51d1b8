"""`confirm ROLLBACK --as USER`."""

from typing import TYPE_CHECKING, Any

from rollbacks import actions
from rollbacks.terminal import RollbackCommand, find_rollback, find_user

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.terminal import ExitCode


class Command(RollbackCommand):
    help = "Keep what a rollback left that would be undone otherwise (rollback --confirm-within MINUTES)."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("rollback", metavar="ROLLBACK")
        parser.add_argument("--as", dest="user", required=True, metavar="USER", help="who keeps it")

    def guarded(self, **options: Any) -> "ExitCode":
        rollback = find_rollback(options["rollback"])
        actions.keep_rollback(rollback, acting_user=find_user(options["user"]))
        rollback.refresh_from_db()
        return self.show(rollback)
