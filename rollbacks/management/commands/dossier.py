"""`dossier ROLLBACK`."""

from typing import TYPE_CHECKING, Any, Final

from rollbacks import dossier
from rollbacks.dossier import STANDINGS, Dossier
from rollbacks.terminal import find_rollback
from tenants.documents import Missing, to_text, visible
from tenants.terminal import ExitCode, TerminalCommand, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.documents import Value

SHOWN_ROWS: Final = 40
LONGEST_SIDE: Final = 200


class Command(TerminalCommand):
    help = "Show what a conflict was about: the refused body, live then, who wrote it, and both beside the base."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("rollback", metavar="ROLLBACK", help="its id, or the first characters of it")

    def run(self, **options: Any) -> ExitCode:
        rollback = find_rollback(options["rollback"])
        found = dossier.dossier_of(rollback)
        if found is None:
            raise WrongUse(
                f"The rollback {rollback.pk} of {rollback.config.address} has met no foreign write, so there is no "
                f"dossier of it; it is {rollback.get_state_display()}. Nothing was done."
            )
        if self.as_json:
            self.print_json(dossier.to_json(found))
        else:
            self._show(found)
        return ExitCode.DONE

    def _show(self, found: Dossier) -> None:
        rollback = found.rollback
        self.tell(f"Rollback {rollback.pk} of {rollback.tenant.slug} {rollback.config.address} {rollback.goal}")
        self.tell(f"  {found.headline} {found.sentence}")
        if found.theirs is not None:
            when = f", {found.theirs.written_at:%d %b %Y %H:%M:%S} UTC" if found.theirs.written_at else ""
            self.tell(f"  live     v{found.theirs.version}, ETag {visible(found.theirs.etag_text) or 'none'}")
            self.tell(f"  author   {visible(found.author)}{when}, as the version itself says")
        asked = found.asked.sentence if found.asked is not None else "not asked yet; `attest` asks now."
        self.tell(f"  audit    {asked}")
        for body in found.bodies:
            word = "refused" if body.sent else "not sent"
            self.tell(f"  {word:<8} {body.step.method} {body.step.path}, sha256 {body.step.body_sha256}")
            for send in body.sends:
                self.tell(f"  answer   {send.status or 'none'} {send.code}".rstrip())
        if found.problem:
            self.tell(f"  {found.problem}")
        for row in found.rows[:SHOWN_ROWS]:
            self.tell(f"  {STANDINGS[row.standing][1]}: {row.where} ({row.place})")
            for name, side in zip(("base", "ours", "theirs"), row.raw, strict=True):
                self.tell(f"      {name:<7}{_on_a_line(side)}")
        hidden = len(found.rows) - SHOWN_ROWS + found.more
        if hidden > 0:
            self.tell(f"  and {hidden} more places; --json shows them")
        self.tell(f"Plan again on the new live: again {rollback.pk}")


def _on_a_line(side: "Value | Missing") -> str:
    if isinstance(side, Missing):
        return "nothing"
    text = visible(to_text(side))
    return text if len(text) <= LONGEST_SIDE else f"{text[:LONGEST_SIDE]}…"
