"""`recover`."""

from typing import Any

from rollbacks import applying, probing, propagation, undoing
from rollbacks.models import Attempt, Rollback
from rollbacks.states import State
from rollbacks.terminal import describe
from tenants.terminal import ExitCode, TerminalCommand


class Command(TerminalCommand):
    help = "Drive every open attempt to its end, reading first, and look at every watch of routing that is due."

    def run(self, **_options: Any) -> ExitCode:
        for undo in undoing.undo_due(everything=True):
            applying.apply(undo.pk)
        attempts = applying.recover(everything=True)
        probes = probing.recover()
        propagation.sweep()
        rollbacks = list(
            Rollback.objects.filter(attempts__in=[attempt.pk for attempt in attempts]).select_related(
                "config", "target", "base"
            )
        )
        still_open = Attempt.objects.filter(state=Attempt.State.OPEN).count()
        if self.as_json:
            self.print_json({"driven": [describe(rollback) for rollback in rollbacks], "open": still_open})
        else:
            for rollback in rollbacks:
                verdict = rollback.verdict.replace("_", " ") or "no verdict yet"
                self.tell(f"{rollback.pk} {rollback.config.address}: {rollback.get_state_display()}, {verdict}")
            for probe in probes:
                self.tell(f"{probe.pk} {probe.config.address}: probe of the guard, {probe.get_result_display()}")
            self.tell(f"{len(rollbacks)} looked at, {still_open} still open.")
        unknown = any(rollback.state in {State.UNKNOWN, State.APPLYING} for rollback in rollbacks)
        return ExitCode.OPEN if still_open or unknown else ExitCode.DONE
