"""`again ROLLBACK`."""

from typing import TYPE_CHECKING, Any

from rollbacks import actions
from rollbacks.states import State
from rollbacks.terminal import RollbackCommand, find_rollback, find_user

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.terminal import ExitCode


class Command(RollbackCommand):
    help = "Ask for the same once more on the live state of now, in the place of a request that ended without effect."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("rollback", metavar="ROLLBACK")
        parser.add_argument("--as", dest="user", metavar="USER", help="who asks; default: this terminal")
        parser.add_argument(
            "--confirm", default="", metavar="NAME", help="the object's name, which a tenant in production asks for"
        )

    def guarded(self, **options: Any) -> "ExitCode":
        user = find_user(options["user"]) if options["user"] else None
        rollback = actions.plan_again(
            find_rollback(options["rollback"]), acting_user=user, confirm_name=options["confirm"]
        )
        if rollback.state == State.APPROVED:
            actions.run_rollback(rollback, acting_user=user)
            rollback = self.carry_out(rollback)
        return self.show(rollback)
