"""`audit verify`, `audit export`, `audit evidence`, `audit checkpoint` and `audit key`."""

from argparse import SUPPRESS, ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from rollbacks import checkpointing, checkpoints, evidence, exporting, files, terminal, verifying
from tenants import addresses, trail
from tenants.models import Tenant
from tenants.terminal import ExitCode, Stopped, TerminalCommand, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.terminal import Progress


def moment(text: str) -> datetime:
    """Read an ISO 8601 date or time; without an offset it is UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no ISO 8601 date or time, for example 2026-11-21T22:47") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


class Bar:
    """The progress of one walk, as a bar of thirty signs."""

    def __init__(self, slug: str, line: "Progress") -> None:
        self._slug, self._line = slug, line

    def __call__(self, done: int, of: int) -> None:
        filled = 30 * done // max(of, 1)
        self._line.say(f"{self._slug} [{'#' * filled}{'.' * (30 - filled)}] {done:,} of {of:,} entries")


def _document(one: verifying.Verification) -> dict[str, Any]:
    return {
        "tenant": one.tenant.slug,
        "entries": one.entries,
        "holds": one.holds,
        "broken_at": one.broken.seq if one.broken else None,
        "message": one.broken.message if one.broken else None,
        "findings": [{"entry": each.seq, "kind": each.kind, "message": each.message} for each in one.findings],
        "covered": one.covered,
        "covered_at": one.at or None,
        "checkpoints": one.checkpoints,
    }


class Command(TerminalCommand):
    help = "Prove the trail, or hand it over."
    steps = ("verify", "export", "evidence", "checkpoint", "key")

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        ways = parser.add_subparsers(dest="way", required=True, metavar="verify | export | evidence | checkpoint | key")
        verify = ways.add_parser("verify", help="walk every entry, and hold it against checkpoints from outside")
        verify.add_argument("slug", nargs="?")
        verify.add_argument(
            "--checkpoints",
            action="append",
            default=[],
            metavar="PATH",
            help="a file or folder of checkpoints beside the folder of the settings; may be given again",
        )
        export = ways.add_parser("export", help="write a tenant's entries to a file")
        export.add_argument("slug")
        export.add_argument("--output", required=True, metavar="FILE")
        export.add_argument("--format", choices=["jsonl", "csv"], default="jsonl")
        for name in ("action", "outcome", "actor"):
            export.add_argument(f"--{name}", default="", help=f"only entries with this {name}")
        export.add_argument("--since", type=moment, metavar="T")
        export.add_argument("--until", type=moment, metavar="T")
        evidence = ways.add_parser("evidence", help="write one rollback as a zip that proves itself")
        evidence.add_argument("rollback", metavar="ROLLBACK")
        evidence.add_argument("--output", required=True, metavar="FILE")
        checkpoint = ways.add_parser("checkpoint", help="sign what is new now, and bring it to the sinks")
        key = ways.add_parser("key", help="print the public key that checkpoints are signed for")
        for way in (verify, export, evidence, checkpoint, key):
            # Without a default of its own, so that `audit --json verify` stays what it says.
            way.add_argument(
                "--json",
                action="store_true",
                dest="as_json",
                default=SUPPRESS,
                help="print one JSON document on stdout",
            )

    def run(self, **options: Any) -> ExitCode:
        match options["way"]:
            case "verify":
                return self._verify(options["slug"], [Path(path) for path in options["checkpoints"]])
            case "export":
                return self._export(options)
            case "evidence":
                return self._evidence(options["rollback"], options["output"])
            case "checkpoint":
                return self._checkpoint()
            case _:
                return self._key()

    def _verify(self, slug: str | None, paths: list[Path]) -> ExitCode:
        for path in paths:
            if not path.exists():
                raise WrongUse(f"There are no checkpoints at {path}. Nothing was verified.")
        tenants = [addresses.find_tenant(None, slug)] if slug else list(Tenant.objects.order_by("slug"))
        outside = verifying.read_outside(paths, tenants=tenants)
        found = []
        with self.progress() as line:
            for tenant in tenants:
                told = Bar(tenant.slug, line)
                found.append(verifying.verify(tenant, outside=outside, progress=told))
        foreign = verifying.strangers(outside) if slug is None else []
        if self.as_json:
            self.print_json([_document(one) for one in found])
        else:
            for one in found:
                self._tell_found(one)
        for sentence in foreign:
            self.warn(sentence)
        return ExitCode.DONE if not foreign and all(one.holds for one in found) else ExitCode.ERROR

    def _tell_found(self, one: verifying.Verification) -> None:
        if one.holds:
            self.tell(f"{one.tenant.slug}: {one.entries} entries, the chain holds. {one.coverage}")
            return
        self.tell(f"{one.tenant.slug}: {one.entries} entries, THE TRAIL DOES NOT HOLD. {one.coverage}")
        for finding in one.findings:
            self.tell(f"  {finding.kind}: {finding.message}")
        if len(one.findings) >= verifying.MOST_FINDINGS:
            self.tell("  There may be more; the walk ended here.")

    def _evidence(self, word: str, output: str) -> ExitCode:
        rollback = terminal.find_rollback(word)
        if output == "-":
            raise WrongUse("A pack needs a file; - for stdout is not known here. Nothing was written.")
        target = Path(output)
        try:
            # The file takes its place before the commit: without it there is no entry.
            with transaction.atomic(), files.appearing(target) as file:
                told = evidence.pack(rollback, file, actor=trail.actor_name(None))
        except OSError as error:
            raise WrongUse(f"{target} cannot be written: {error.strerror}. Nothing was written.") from error
        except evidence.NotSigned as why:
            raise Stopped(evidence.refusal(rollback, why), ExitCode.ERROR) from why
        if self.as_json:
            self.print_json({"rollback": str(rollback.pk), "output": str(target), "covered": bool(told["covered"])})
        else:
            self.tell(f"The evidence of rollback {rollback.pk} was written to {target}.")
            if not told["covered"]:
                self.warn("No checkpoint covers it: there is no CONSOLE_CHECKPOINT_KEY to sign with.")
        return ExitCode.DONE

    def _checkpoint(self) -> ExitCode:
        if settings.CONSOLE_CHECKPOINT_KEY is None:
            raise WrongUse("There is no CONSOLE_CHECKPOINT_KEY to sign with. Nothing was signed.")
        refused, made = [], 0
        for tenant in list(checkpointing.uncovered()):
            try:
                while checkpointing.make(tenant) is not None:
                    made += 1
            except checkpointing.NotSigned as why:
                refused.append(str(why))
        taken = 0
        while step := checkpointing.deliver_due():
            taken += step
        down = [f"{state.sink}: {state.problem}" for state in checkpointing.failing()]
        if self.as_json:
            self.print_json({"made": made, "taken": taken, "refused": [*refused], "down": [*down]})
        else:
            self.tell(f"{made} checkpoints signed; the sinks took {taken} lines.")
            for sentence in (*refused, *down):
                self.warn(sentence)
        return ExitCode.ERROR if refused or down else ExitCode.DONE

    def _key(self) -> ExitCode:
        if settings.CONSOLE_CHECKPOINT_KEY is None:
            raise WrongUse("There is no CONSOLE_CHECKPOINT_KEY, so there is no public key to print.")
        public = checkpoints.public_key_of(settings.CONSOLE_CHECKPOINT_KEY)
        if self.as_json:
            self.print_json({"id": checkpoints.key_id_of(public), "public_key": public.hex()})
        else:
            self.tell(public.hex())
            self.warn(f"Ed25519 public key {checkpoints.key_id_of(public)}. Give it to auditors by a way of its own.")
        return ExitCode.DONE

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
                only={name: options[name] for name in ("action", "outcome", "actor")},
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
