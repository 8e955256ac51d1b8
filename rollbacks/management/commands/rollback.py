"""`rollback CONFIG --to VERSION --reason TEXT`, `rollback CONFIG --undo VERSION --reason TEXT`."""

from typing import TYPE_CHECKING, Any

from rollbacks import actions, step_rows
from rollbacks.states import State
from rollbacks.terminal import RollbackCommand, describe_plan, find_user
from tenants import addresses, trail
from tenants.models import Snapshot, TrackedConfig
from tenants.terminal import ExitCode, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from rollbacks.surveys import Survey


class Command(RollbackCommand):
    help = "Plan a rollback, check every guard and, where no approval is missing, carry it out in this process."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        self.add_config_arguments(parser)
        parser.add_argument("--to", metavar="VERSION", help="the version to go back to, or known-good")
        parser.add_argument(
            "--undo", metavar="VERSION", help="take back just what this version changed, and keep all later work"
        )
        parser.add_argument("--reason", default="", help="why, in at least 10 characters")
        parser.add_argument("--ticket", default="", help="the ticket that this belongs to")
        parser.add_argument("--as", dest="user", metavar="USER", help="who asks; default: this terminal")
        parser.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="POINTER",
            help="restore just what is at this JSON Pointer; items of lists by what names them: /rules/id=refund",
        )
        parser.add_argument(
            "--keep",
            action="append",
            default=[],
            metavar="POINTER",
            help="leave what is at this place as it is on live",
        )
        parser.add_argument(
            "--despite-label", default="", metavar="REASON", help="why it goes back to a version that is labelled bad"
        )
        parser.add_argument(
            "--confirm", default="", metavar="NAME", help="the object's name, which a tenant in production asks for"
        )
        parser.add_argument(
            "--confirm-within",
            type=int,
            metavar="MINUTES",
            help="undo it unless somebody keeps it (manage.py confirm) within so many minutes, 5 to 240",
        )
        parser.add_argument(
            "--later", action="store_true", help="ask for it while a freeze window is on; it runs once none is"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show the plan and its guards; store and send nothing"
        )

    def guarded(self, **options: Any) -> ExitCode:
        user = find_user(options["user"]) if options["user"] else None
        config = addresses.find_config(user, (options["tenant"], options["address"]))
        target, reverts = _way(config, options)
        wish = {
            "only": options["only"],
            "keep": options["keep"],
            "reverts": reverts,
            "confirm_minutes": options["confirm_within"],
            "later": options["later"],
        }
        try:
            actions.check_confirm_minutes(options["confirm_within"])
        except actions.NotAllowed as error:
            raise WrongUse(str(error)) from error
        if options["dry_run"]:
            survey = actions.plan_rollback(config, target, acting_user=user, despite=options["despite_label"], **wish)
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
                despite=options["despite_label"],
                confirm_name=options["confirm"],
                **wish,
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
            way = f"back to version {survey.target.version}"
            if survey.reverts is not None:
                way = f"without what version {survey.reverts.version} changed"
            self.tell(f"Plan for {survey.config.address}: {way}, guard {survey.guard_level}")
            if survey.proof.sentence:
                self.tell(f"  {survey.proof.sentence}")
            if survey.difference is not None:
                self.show_changes(survey.difference)
            self.show_later(survey)
            rows = step_rows.planned_rows(survey.steps) if step_rows.in_steps(survey.steps) else []
            self.show_steps(rows, survey.notes)
            self.show_checks(survey.checks)
            self.tell("Nothing was sent.")
        return ExitCode.REFUSED if survey.refusals else ExitCode.DONE


def _way(config: TrackedConfig, options: dict[str, Any]) -> tuple[Snapshot, Snapshot | None]:
    """Give the version whose content is restored and, where it is only that, the one whose change is taken back."""
    if (options["undo"] is None) is (options["to"] is None):
        raise WrongUse(
            "A rollback needs --to VERSION, to go back to a version, or --undo VERSION, to take back just what that "
            "version changed: one of them. Nothing was sent."
        )
    if options["undo"] is None:
        return addresses.find_snapshot(config, options["to"]), None
    reverts = addresses.find_snapshot(config, options["undo"])
    target = actions.before(reverts)
    if target is None:
        raise WrongUse(
            f"v{reverts.version} is the first version of {config.address} that was seen, so what it changed is not "
            "known. Nothing was sent."
        )
    return target, reverts
