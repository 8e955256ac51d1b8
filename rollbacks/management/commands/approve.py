"""`approve ROLLBACK --as USER`."""

from typing import TYPE_CHECKING, Any

from rollbacks import actions, since
from rollbacks.terminal import RollbackCommand, describe, exit_code_of, find_rollback, find_user
from tenants.terminal import ExitCode, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence

    from rollbacks.models import Rollback
    from rollbacks.showing import ChangeRow


class Command(RollbackCommand):
    help = "Approve exactly the plan of a rollback that somebody else asked for."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("rollback", metavar="ROLLBACK")
        parser.add_argument("--as", dest="user", required=True, metavar="USER", help="who approves")
        parser.add_argument("--comment", default="")
        parser.add_argument(
            "--plan",
            default="",
            metavar="DIGEST",
            help="only where the plan is the one with this digest (its beginning)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show what is different since USER approved before; approve nothing"
        )

    def guarded(self, **options: Any) -> ExitCode:
        rollback = find_rollback(options["rollback"])
        user = find_user(options["user"])
        wanted = options["plan"]
        if wanted and (len(wanted) < 8 or not rollback.plan_digest.startswith(wanted.lower())):
            raise WrongUse(f"Its plan is {rollback.plan_digest}, not {wanted!r}. Nothing was approved. Look again.")
        different = since.since_approval(rollback, user)
        if options["dry_run"]:
            return self._show_only(rollback, different)
        approved = actions.approve_rollback(
            rollback, acting_user=user, plan_digest=rollback.plan_digest, comment=options["comment"]
        )
        return self.show(approved)

    def _show_only(self, rollback: "Rollback", different: since.Since | None) -> ExitCode:
        if self.as_json:
            self.print_json({**describe(rollback), "since": None if different is None else different.to_json()})
            return exit_code_of(rollback)
        if different is None:
            self.tell("Nothing of this was approved by them before. The whole plan:")
            return self.show(rollback)
        self.tell(f"Since they approved the plan on v{different.earlier.base.version}: {different.because}")
        if different.same_plan:
            self.tell("  The plan is the same, byte for byte.")
        self._tell_rows("live", different.base)
        self._tell_rows("new", different.new)
        self._tell_rows("no more", different.gone)
        for body in different.bodies:
            self.tell(
                f"  sent     {'the same bytes' if body.same else 'other bytes'}: {body.title}, sha256 {body.after}"
            )
        self.tell(f"  {different.kept} changes as they were. Nothing was approved.")
        return exit_code_of(rollback)

    def _tell_rows(self, what: str, rows: "Sequence[ChangeRow]") -> None:
        for row in rows:
            self.tell(f"  {what:8} {row.sign} {row.kind} {row.where}")
