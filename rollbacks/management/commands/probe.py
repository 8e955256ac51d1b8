"""`probe CONFIG`."""

from typing import TYPE_CHECKING, Any

from rollbacks import actions
from rollbacks.models import GuardProbe
from rollbacks.probing import NotProbed
from rollbacks.terminal import RollbackCommand, find_user
from tenants import addresses
from tenants.terminal import ExitCode, Stopped

if TYPE_CHECKING:
    from argparse import ArgumentParser

_EXIT_OF_RESULT = {
    GuardProbe.Result.ENFORCED: ExitCode.DONE,
    GuardProbe.Result.NOT_ENFORCED: ExitCode.ERROR,
    GuardProbe.Result.UNCLEAR: ExitCode.OPEN,
}


class Command(RollbackCommand):
    help = "Prove that the platform checks the guard of a type: send live as it is under a stale guard, expect a no."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        self.add_config_arguments(parser)
        parser.add_argument("--as", dest="user", metavar="USER", help="who probes; default: this terminal")

    def guarded(self, **options: Any) -> ExitCode:
        user = find_user(options["user"]) if options["user"] else None
        config = addresses.find_config(user, (options["tenant"], options["address"]))
        try:
            probe = actions.probe_guard(config, acting_user=user, pace=self.pace)
        except NotProbed as refused:
            raise Stopped(str(refused), ExitCode.REFUSED) from refused
        if self.as_json:
            self.print_json(describe(probe))
        else:
            self._show(probe)
        return _EXIT_OF_RESULT[GuardProbe.Result(probe.result)] if probe.result else ExitCode.OPEN

    def _show(self, probe: GuardProbe) -> None:
        self.tell(f"Probe {probe.pk} of the guard of {probe.resource_type}, with {probe.config.address}")
        for sent in probe.requests:
            guard = f"If-Match {sent['if_match']}" if sent["if_match"] else "no If-Match"
            version = f", version {sent['sent_version']}" if sent["sent_version"] is not None else ""
            self.tell(f"  sent     {sent['method']} under a stale {sent['part']} ({guard}{version})")
            self.tell(f"  answer   {sent.get('status') or 'none'} {sent.get('code', '')}".rstrip())
        self.tell(f"  result   {probe.get_result_display() if probe.result else 'still open'}")
        self.tell(f"  level    {probe.level_before}{f', now {probe.level}' if probe.level else ''}")
        self.tell(f"  {probe.explanation}")


def describe(probe: GuardProbe) -> dict[str, Any]:
    """Give the document that `probe --json` prints (CONTRACT.md)."""
    return {
        "id": str(probe.pk),
        "type": probe.resource_type,
        "object": probe.config.address,
        "result": probe.result or None,
        "wrote": probe.wrote,
        "level_before": probe.level_before,
        "level": probe.level or None,
        "requests": [
            {
                "part": sent["part"],
                "if_match": sent["if_match"],
                "sent_version": sent["sent_version"],
                "status": sent.get("status"),
                "code": sent.get("code") or None,
                "correlation_id": sent.get("correlation_id") or None,
                "result": sent.get("result"),
            }
            for sent in probe.requests
        ],
        "explanation": probe.explanation,
        "probed_by": probe.prober,
    }
