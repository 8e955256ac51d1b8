"""`audit verify [SLUG]` and `audit export SLUG --output FILE`."""

from argparse import SUPPRESS, ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollbacks import audit, exporting
from tenants import addresses, trail
from tenants.models import Tenant
from tenants.terminal import ExitCode, TerminalCommand, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser


def moment(text: str) -> datetime:
    """Read an ISO 8601 date or time; without an offset it is UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no ISO 8601 date or time, for example 2026-11-21T22:47") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


class Command(TerminalCommand):
    help = "Prove the trail, or hand it over."
    steps = ("verify", "export")

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        ways = parser.add_subparsers(dest="way", required=True, metavar="verify | export")
        verify = ways.add_parser("verify", help="walk every entry and compare every link")
        verify.add_argument("slug", nargs="?")
        export = ways.add_parser("export", help="write a tenant's entries to a file")
        export.add_argument("slug")
        export.add_argument("--output", required=True, metavar="FILE")
        export.add_argument("--format", choices=["jsonl", "csv"], default="jsonl")
        export.add_argument("--since", type=moment, metavar="T")
        export.add_argument("--until", type=moment, metavar="T")
        for way in (verify, export):
            # Without a default of its own, so that `audit --json verify` stays what it says.
            way.add_argument(
                "--json",
                action="store_true",
                dest="as_json",
                default=SUPPRESS,
                help="print one JSON document on stdout",
            )

    def run(self, **options: Any) -> ExitCode:
        return self._verify(options["slug"]) if options["way"] == "verify" else self._export(options)

    def _verify(self, slug: str | None) -> ExitCode:
        tenants = [addresses.find_tenant(None, slug)] if slug else list(Tenant.objects.order_by("slug"))
        found = [audit.verify(tenant) for tenant in tenants]
        if self.as_json:
            self.print_json(
                [
                    {
                        "tenant": one.tenant.slug,
                        "entries": one.entries,
                        "holds": one.holds,
                        "broken_at": one.broken.seq if one.broken else None,
                        "message": one.broken.message if one.broken else None,
                    }
                    for one in found
                ]
            )
        else:
            for one in found:
                result = "the chain holds" if one.broken is None else one.broken.message
                self.tell(f"{one.tenant.slug}: {one.entries} entries, {result}")
        return ExitCode.DONE if all(one.holds for one in found) else ExitCode.ERROR

    def _export(self, options: dict[str, Any]) -> ExitCode:
        tenant = addresses.find_tenant(None, options["slug"])
        target = Path(options["output"])
        if options["output"] == "-":
            raise WrongUse("An export needs a file; - for stdout is not known here. Nothing was exported.")
        if options["since"] and options["until"] and options["since"] >= options["until"]:
            raise WrongUse(
                f"Nothing can lie between --since {options['since'].isoformat()} and --until "
                f"{options['until'].isoformat()}. Nothing was exported."
            )
        try:
            count = exporting.export(
                tenant,
                target,
                form=options["format"],
                since=options["since"],
                until=options["until"],
                actor=trail.actor_name(None),
            )
        except OSError as error:
            raise WrongUse(f"{target} cannot be written: {error.strerror}. Nothing was exported.") from error
        if self.as_json:
            self.print_json(
                {"tenant": tenant.slug, "entries": count, "output": str(target), "format": options["format"]}
            )
        else:
            self.tell(f"{count} entries of {tenant.slug} written to {target}.")
        return ExitCode.DONE
