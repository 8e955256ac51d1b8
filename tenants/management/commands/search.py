"""`search SLUG TEXT`."""

from typing import TYPE_CHECKING, Any

from tenants import addresses, searching
from tenants.documents.labels import shortened
from tenants.resource_types import catalogue
from tenants.terminal import ExitCode, TerminalCommand, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.documents import Value
    from tenants.models import Snapshot
    from tenants.searching import Found, Hit

_LONGEST_VALUE = 50


class Command(TerminalCommand):
    help = "Find a text in all versions of a tenant: where it stands or stood, since when, and what took it away."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument("text", metavar="TEXT", help="words as they stand in a value; case means nothing")
        parser.add_argument("--type", default="", metavar="TYPE", dest="type_name", help="only objects of this type")

    def run(self, **options: Any) -> ExitCode:
        tenant = addresses.find_tenant(None, options["slug"])
        type_name = catalogue.get(options["type_name"]).name if options["type_name"] else ""
        with self.progress() as progress:
            progress.say(f"Reading the new versions of {tenant.slug} …")
            searching.catch_up(tenant, seconds=None)
        try:
            found = searching.search(tenant, options["text"], type_name=type_name)
        except searching.NothingToFind as error:
            raise WrongUse(str(error)) from error
        if self.as_json:
            self.print_json(
                {
                    "tenant": tenant.slug,
                    "text": options["text"],
                    "gone": [_as_json(hit) for hit in found.gone],
                    "live": [_as_json(hit) for hit in found.live],
                    "more": found.more_gone or found.more_live,
                }
            )
        else:
            self._say(options["text"], tenant.slug, found)
        return ExitCode.DONE

    def _say(self, text: str, slug: str, found: "Found") -> None:
        if not found.gone and not found.live:
            self.tell(f"No version of any configuration of {slug} holds {text!r} in a value.")
            return
        if found.gone:
            self.tell(self.paint("Gone", "bold"))
            self.table(
                ("CONFIG", "PATH", "VALUE", "APPEARED", "DISAPPEARED", "BY"),
                (
                    (
                        hit.config.address,
                        hit.path,
                        shortened(hit.text, longest=_LONGEST_VALUE),
                        _appeared(hit),
                        "" if hit.gone_in is None else _version(hit.gone_in),
                        "" if hit.gone_in is None else _who(hit.gone_in),
                    )
                    for hit in found.gone
                ),
            )
        if found.live:
            self.tell(self.paint("Still there", "bold"))
            self.table(
                ("CONFIG", "PATH", "VALUE", "APPEARED", "BY"),
                (
                    (
                        hit.config.address,
                        hit.path,
                        shortened(hit.text, longest=_LONGEST_VALUE),
                        _appeared(hit),
                        _who(hit.since),
                    )
                    for hit in found.live
                ),
            )
        if found.more_gone or found.more_live:
            self.tell(
                f"Only the first {searching.MOST_HITS} of a kind are shown; type more of the text, or give --type."
            )


def _version(snapshot: "Snapshot") -> str:
    return f"v{snapshot.version} {snapshot.written_at or snapshot.captured_at:%Y-%m-%d %H:%M}"


def _appeared(hit: "Hit") -> str:
    return f"{_version(hit.since)}{' or before' if hit.first_seen else ''}"


def _who(snapshot: "Snapshot") -> str:
    return snapshot.author_name or snapshot.author_id


def _as_json(hit: "Hit") -> "dict[str, Value]":
    return {
        "config": hit.config.address,
        "path": hit.path,
        "value": hit.text,
        "appeared": _snapshot_json(hit.since),
        "first_seen": hit.first_seen,
        "disappeared": None if hit.gone_in is None else _snapshot_json(hit.gone_in),
        "last": hit.last.version,
        "became": hit.became or None,
        "rollback": None if hit.origin is None else {"id": hit.origin.id, "reason": hit.origin.reason},
    }


def _snapshot_json(one: "Snapshot") -> "dict[str, Value]":
    return {
        "version": one.version,
        "author": _who(one) or None,
        "written_at": one.written_at.isoformat() if one.written_at is not None else None,
        "captured_at": one.captured_at.isoformat(),
    }
