"""`approve ROLLBACK --as USER`."""

from typing import TYPE_CHECKING, Any

from rollbacks import actions
from rollbacks.terminal import RollbackCommand, find_rollback, find_user

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.terminal import ExitCode


class Command(RollbackCommand):
    help = "Approve exactly the plan of a rollback that somebody else asked for."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("rollback", metavar="ROLLBACK")
        parser.add_argument("--as", dest="user", required=True, metavar="USER", help="who approves")
        parser.add_argument("--comment", default="")

    def guarded(self, **options: Any) -> "ExitCode":
        rollback = find_rollback(options["rollback"])
        approved = actions.approve_rollback(
            rollback,
            acting_user=find_user(options["user"]),
            plan_digest=rollback.plan_digest,
            comment=options["comment"],
        )
        return self.show(approved)
