"""`rollback CONFIG --to VERSION --reason TEXT`."""

from typing import TYPE_CHECKING, Any

from rollbacks import actions, step_rows
from rollbacks.states import State
from rollbacks.terminal import RollbackCommand, describe_plan, find_user
from tenants import addresses, trail
from tenants.terminal import ExitCode, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from rollbacks.surveys import Survey


class Command(RollbackCommand):
    help = "Plan a rollback, check every guard and, where no approval is missing, carry it out in this process."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        self.add_config_arguments(parser)
        parser.add_argument("--to", required=True, metavar="VERSION", help="the version to go back to, or known-good")
        parser.add_argument("--reason", default="", help="why, in at least 10 characters")
        parser.add_argument("--ticket", default="", help="the ticket that this belongs to")
        parser.add_argument("--as", dest="user", metavar="USER", help="who asks; default: this terminal")
        parser.add_argument(
            "--only", action="append", default=[], metavar="POINTER", help="restore just the value at this JSON Pointer"
        )
        parser.add_argument(
            "--despite-label", default="", metavar="REASON", help="why it goes back to a version that is labelled bad"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show the plan and its guards; store and send nothing"
        )

    def guarded(self, **options: Any) -> ExitCode:
        user = find_user(options["user"]) if options["user"] else None
        config = addresses.find_config(user, (options["tenant"], options["address"]))
        target = addresses.find_snapshot(config, options["to"])
        if options["dry_run"]:
            survey = actions.plan_rollback(
                config, target, acting_user=user, only=options["only"], despite=options["despite_label"]
            )
            return self._show_plan(survey, user_name=trail.actor_name(user))
        if not options["reason"].strip():
            raise WrongUse("A rollback needs --reason TEXT, for whoever reads the record tomorrow. Nothing was sent.")
        try:
            actions.check_reason(options["reason"])
            if options["despite_label"]:
                actions.check_reason(options["despite_label"])
        except actions.NotAllowed as error:
            raise WrongUse(str(error)) from error
        try:
            rollback = actions.request_rollback(
                config,
                target,
                reason=options["reason"],
                ticket=options["ticket"],
                acting_user=user,
                only=options["only"],
                despite=options["despite_label"],
            )
        except actions.RequestRefused as refused:
            return self._show_plan(refused.survey, user_name=trail.actor_name(user))
        if rollback.state == State.APPROVED:
            actions.run_rollback(rollback, acting_user=user)
            rollback = self.carry_out(rollback)
        return self.show(rollback)

    def _show_plan(self, survey: "Survey", *, user_name: str) -> ExitCode:
        if self.as_json:
            self.print_json(describe_plan(survey, requester=user_name))
        else:
            self.tell(
                f"Plan for {survey.config.address}: back to version {survey.target.version}, guard {survey.guard_level}"
            )
            if survey.proof.sentence:
                self.tell(f"  {survey.proof.sentence}")
            if survey.difference is not None:
                self.show_changes(survey.difference)
            rows = step_rows.planned_rows(survey.steps) if step_rows.in_steps(survey.steps) else []
            self.show_steps(rows, survey.notes)
            self.show_checks(survey.checks)
            self.tell("Nothing was sent.")
        return ExitCode.REFUSED if survey.refusals else ExitCode.DONE
