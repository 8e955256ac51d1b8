"""`blame CONFIG [VERSION]`."""

from typing import TYPE_CHECKING, Any

from tenants import addresses, blaming
from tenants.documents import InvalidPointer, NotFound, to_text
from tenants.documents.labels import shortened
from tenants.resource_types import catalogue
from tenants.terminal import ExitCode, TerminalCommand, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.blaming import Blamed, Writer
    from tenants.documents import Field, Value
    from tenants.models import Snapshot, TrackedConfig

_LONGEST_VALUE = 60


class Command(TerminalCommand):
    help = "Say for each field of a version which version last changed it, when, by whom, and by which rollback."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        self.add_config_arguments(parser)
        parser.add_argument(
            "version",
            metavar="VERSION",
            nargs="?",
            default=addresses.LIVE,
            help="a number such as 12, or baseline; without it what was live when it was last seen",
        )
        parser.add_argument("--path", default="", metavar="POINTER", help="only what is at this JSON Pointer")
        parser.add_argument("--all", action="store_true", help="also what the platform sets by itself")

    def run(self, **options: Any) -> ExitCode:
        config = addresses.find_config(None, (options["tenant"], options["address"]))
        snapshot = _chosen(config, options["version"])
        with self.progress() as progress:
            progress.say(f"Comparing the versions of {config.address} …")
            blamed = blaming.blame_of(snapshot)
        apart = catalogue.get(config.resource_type).set_by_platform
        try:
            fields = [
                field
                for field in blamed.blame.fields(blamed.value, under=options["path"])
                if options["all"] or options["path"] or field.path.split("/")[1] not in apart
            ]
        except (NotFound, InvalidPointer) as error:
            raise WrongUse(str(error)) from error
        if self.as_json:
            self.print_json(
                {
                    "config": f"{config.tenant.slug} {config.address}",
                    "version": snapshot.version,
                    "digest": snapshot.digest,
                    "fields": [_as_json(field, blamed) for field in fields],
                }
            )
        else:
            self._say(config, snapshot, blamed, fields)
        return ExitCode.DONE

    def _say(self, config: "TrackedConfig", snapshot: "Snapshot", blamed: "Blamed", fields: "list[Field]") -> None:
        self.tell(self.paint(f"{config.tenant.slug} {config.address}: v{snapshot.version}", "bold"))
        rows = []
        for field in fields:
            writer = blamed.writers[field.told.since]
            rows.append(
                (
                    f"v{writer.snapshot.version}",
                    f"{writer.at:%Y-%m-%d %H:%M}",
                    writer.who,
                    field.path or "(the whole document)",
                    shortened(to_text(field.value), longest=_LONGEST_VALUE),
                    _moved(field, blamed),
                )
            )
        self.table(("VERSION", "WRITTEN", "BY", "PATH", "VALUE", ""), rows)
        named = {field.told.since for field in fields}
        for place in sorted(named):
            writer = blamed.writers[place]
            if writer.origin is not None:
                origin = writer.origin
                ticket = f" ({origin.ticket})" if origin.ticket else ""
                self.tell(
                    f"v{writer.snapshot.version} was written by rollback {origin.id}, which {origin.requester} asked "
                    f"for: {origin.reason}{ticket}"
                )
            if writer.before is None:
                self.tell(f"v{writer.snapshot.version} is the first version seen: its fields may be older.")


def _chosen(config: "TrackedConfig", word: str) -> "Snapshot":
    if word != addresses.LIVE:
        return addresses.find_snapshot(config, word)
    if config.live is None:
        raise WrongUse(f"{config.address} was not looked at yet, so nobody is to blame. Run manage.py capture first.")
    return config.live


def _moved(field: "Field", blamed: "Blamed") -> str:
    return "" if field.told.moved is None else f"moved by v{blamed.writers[field.told.moved].snapshot.version}"


def _as_json(field: "Field", blamed: "Blamed") -> "dict[str, Value]":
    writer = blamed.writers[field.told.since]
    moved = None if field.told.moved is None else blamed.writers[field.told.moved].snapshot.version
    return {
        "path": field.path,
        "trail": list(field.trail),
        "value": field.value,
        **written(writer),
        "moved": moved,
    }


def written(writer: "Writer") -> "dict[str, Value]":
    """Give a version as the one that wrote something."""
    one, origin = writer.snapshot, writer.origin
    return {
        "version": one.version,
        "first_seen": writer.before is None,
        "author": one.author_name or one.author_id or None,
        "written_at": one.written_at.isoformat() if one.written_at is not None else None,
        "captured_at": one.captured_at.isoformat(),
        "rollback": None
        if origin is None
        else {
            "id": origin.id,
            "reason": origin.reason,
            "ticket": origin.ticket,
            "requested_by": origin.requester,
        },
    }
