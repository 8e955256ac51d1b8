"""`reject ROLLBACK --as USER --comment TEXT`."""

from typing import TYPE_CHECKING, Any

from rollbacks import actions
from rollbacks.terminal import RollbackCommand, find_rollback, find_user
from tenants.terminal import ExitCode

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(RollbackCommand):
    help = "Reject the plan of a rollback that somebody else asked for, with a reason; that ends the request."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("rollback", metavar="ROLLBACK")
        parser.add_argument("--as", dest="user", required=True, metavar="USER", help="who rejects")
        parser.add_argument("--comment", required=True, help="why, for whoever asked")

    def guarded(self, **options: Any) -> ExitCode:
        rollback = find_rollback(options["rollback"])
        rejected = actions.reject_rollback(
            rollback,
            acting_user=find_user(options["user"]),
            plan_digest=rollback.plan_digest,
            comment=options["comment"],
        )
        self.show(rejected)
        return ExitCode.DONE
