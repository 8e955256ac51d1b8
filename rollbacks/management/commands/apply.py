"""`apply ROLLBACK [--at T | --when-open | --unschedule]`."""

from typing import TYPE_CHECKING, Any

from rollbacks import actions, breaking_glass, schedule_actions
from rollbacks.states import State
from rollbacks.terminal import RollbackCommand, find_rollback, find_user
from tenants import access
from tenants.access import Role
from tenants.terminal import ExitCode, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(RollbackCommand):
    help = "Carry an approved rollback out in this process, or go on with one that is under way."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("rollback", metavar="ROLLBACK")
        parser.add_argument("--as", dest="user", metavar="USER", help="who; default: this terminal")
        parser.add_argument(
            "--under-glass",
            action="store_true",
            help="carry it out without its approvals, under the glass that USER has broken on its object",
        )
        parser.add_argument("--zone", default="", help="the time zone of --at, such as Europe/Berlin; default: UTC")
        when = parser.add_mutually_exclusive_group()
        when.add_argument("--at", metavar="T", help="let the workers run it then: 02:30, or 2026-11-23 02:30")
        when.add_argument("--when-open", action="store_true", help="let the workers run it once no freeze is on")
        when.add_argument("--unschedule", action="store_true", help="take the schedule back; it stays approved")

    def guarded(self, **options: Any) -> ExitCode:
        rollback = find_rollback(options["rollback"])
        user = find_user(options["user"]) if options["user"] else None
        if user is not None and not options["under_glass"]:
            access.require(user, rollback.tenant, Role.OPERATOR, Role.APPROVER)
        if options["under_glass"]:
            if user is None:
                raise WrongUse("--under-glass needs --as USER, who broke the glass. Nothing was sent.")
            breaking_glass.run_under_glass(rollback, acting_user=user)
            return self.show(self.carry_out(rollback))
        if rollback.state == State.AWAITING_APPROVAL:
            raise actions.NotAllowed(
                f"Rollback {rollback.pk} still waits for an approval. Nothing was sent. "
                f"Have a colleague run: manage.py approve {rollback.pk} --as USER"
            )
        if options["unschedule"]:
            return self.show(schedule_actions.cancel_schedule(rollback, acting_user=user))
        if options["at"] is not None or options["when_open"]:
            at, zone = None, options["zone"] or "UTC"
            if options["at"] is not None:
                at, zone = schedule_actions.read_time(options["at"], options["zone"])
            schedule_actions.schedule_run(rollback, at=at, zone=zone, acting_user=user)
            return self.show(rollback)
        if rollback.state == State.APPROVED:
            actions.run_rollback(rollback, acting_user=user)
        return self.show(self.carry_out(rollback))
