"""`track SLUG TYPE [OBJECT_ID …] [--all]`, and `track SLUG --all` for everything that an organization has."""

import contextlib
import logging
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import connections as databases

from tenants import actions, addresses, choosing, connections, discovery, estimating, reporting, sweeping
from tenants.documents.labels import visible
from tenants.progress_bar import ProgressBar
from tenants.remote.manners import Purpose
from tenants.resource_types import catalogue
from tenants.terminal import ExitCode, Stopped, TerminalCommand, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator, Sequence

    from tenants.discovery import Found, Survey
    from tenants.models import Tenant, TrackedConfig
    from tenants.reporting import Group, Report
    from tenants.resource_types.definition import ResourceType

MOST_LINES = 12
"""So many lines of each group of a report are printed; `--json` has all."""


class Command(TerminalCommand):
    help = "Start keeping the history of objects: some of a type, all of a type, or everything in an organization."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("slug", help="the tenant")
        known = ", ".join(rtype.name for rtype in catalogue.all_types())
        parser.add_argument(
            "type", nargs="?", metavar="TYPE", help=f"one of: {known}; without one, --all is everything"
        )
        parser.add_argument("object_ids", nargs="*", metavar="OBJECT_ID")
        parser.add_argument(
            "--all",
            action="store_true",
            help="every object of the type that the tenant's client sees; without a type, of every type: what is there "
            "is shown by type, you choose, and what you chose is read for the first time",
        )
        parser.add_argument("--types", metavar="A,B", help="with --all and no type: these types, without asking")
        parser.add_argument("--yes", action="store_true", help="with --all and no type: all of it, without asking")
        parser.add_argument("--dry-run", action="store_true", help="with --all and no type: only show what is there")

    def run(self, **options: Any) -> ExitCode:
        tenant = addresses.find_tenant(None, options["slug"])
        named: list[str] = options["object_ids"]
        if options["type"] is None:
            if not options["all"]:
                raise WrongUse(
                    f"Name a TYPE and the ids of its objects, or write --all for everything that is there: manage.py "
                    f"track {tenant.slug} --all. Nothing was tracked."
                )
            return self._everything(tenant, **options)
        if options["types"] or options["yes"] or options["dry_run"]:
            raise WrongUse(
                f"--types, --yes and --dry-run go with everything: manage.py track {tenant.slug} --all. With a TYPE "
                "leave them out. Nothing was tracked."
            )
        rtype = catalogue.get(options["type"])
        if bool(named) == bool(options["all"]):
            raise WrongUse("Name the ids of the objects, or write --all; one of the two. Nothing was tracked.")
        if options["all"]:
            with self.progress() as progress:
                progress.say(f"Listing {rtype.name} in {tenant.slug} …")
                wanted = dict(discovery.discover(tenant, rtype, connections.connect(tenant, purpose=Purpose.BULK)))
        else:
            wanted = dict.fromkeys(named, "")
        tracking = actions.track_configs(tenant, rtype, wanted, acting_user=None)
        if self.as_json:
            self.print_json(
                {
                    "tenant": tenant.slug,
                    "type": rtype.name,
                    "added": [config.object_id for config in tracking.added],
                    "already": [config.object_id for config in tracking.already],
                }
            )
        self.tell(
            f"{len(tracking.added)} new, {len(tracking.already)} tracked before. They are due for a look at once; "
            f"to look now: manage.py capture {tenant.slug}"
        )
        return ExitCode.DONE

    # Everything

    def _everything(self, tenant: "Tenant", **options: Any) -> ExitCode:
        asks = not (options["types"] or options["yes"] or options["dry_run"])
        if asks and (self.as_json or not sys.stdin.isatty()):
            raise WrongUse(
                "There is no terminal to choose at. Write --yes for everything, --types A,B for some types, or "
                "--dry-run to see what is there. Nothing was tracked."
            )
        types = None
        if options["types"]:
            types = [catalogue.get(word) for word in options["types"].replace(",", " ").split()]
        survey = self._survey(tenant, types)
        self._show(tenant, survey)
        if options["dry_run"]:
            return self._end_of_dry_run(tenant, survey)
        chosen = self._choose(survey.offered) if asks else survey.offered
        if not chosen:
            why = "Nothing was chosen, and" if survey.offered else "There is nothing to track;"
            self.tell(f"{why} nothing was tracked.")
        return self._take_in(tenant, survey, chosen)

    def _survey(self, tenant: "Tenant", types: "Sequence[ResourceType] | None") -> "Survey":
        try:
            with ProgressBar(self.stderr, what="Types listed", shown=not self.as_json) as bar:
                connect = partial(connections.connect, tenant, purpose=Purpose.BULK)
                connections.check_identity(tenant, connect())
                survey = discovery.survey(
                    connect, types, progress=lambda done, total, title: bar.tell(done, total, f"Listing {title}")
                )
        except KeyboardInterrupt:
            raise Stopped("Stopped while listing. Nothing was tracked; run it again.", ExitCode.ERROR) from None
        for found in survey.found:
            discovery.compare_with(tenant, found)
        return survey

    def _show(self, tenant: "Tenant", survey: "Survey") -> None:
        offered, blocked = survey.offered, [one for one in survey.found if one.troubles]
        empty = sum(not one.count and not one.troubles for one in survey.found)
        if self.as_json:
            return
        self.tell(self.paint(f"{visible(tenant.name)}: {_many(len(offered), 'type')} with objects", "bold"))
        if offered:
            rows = [
                (
                    str(number),
                    one.rtype.name,
                    f"{one.count:,}",
                    f"{one.tracked:,}",
                    f"{one.unread:,}",
                    f"{one.requests:,}",
                    one.rtype.title,
                )
                for number, one in enumerate(offered, start=1)
            ]
            sums = (sum(one.count for one in offered), sum(one.tracked for one in offered))
            unread = sum(one.unread for one in offered)
            last = ("", "all", f"{sums[0]:,}", f"{sums[1]:,}", f"{unread:,}", f"{_requests(offered):,}", "")
            self.table(
                ("#", "TYPE", "OBJECTS", "TRACKED", "TO READ", "REQUESTS", ""), [*rows, last], numbers=(0, 2, 3, 4, 5)
            )
            self.tell(f"To read all of it: {estimating.pace_of(tenant).in_words(_requests(offered))}.")
        if empty:
            self.tell(f"{_many(empty, 'more type')} may be read and {'has' if empty == 1 else 'have'} no object here.")
        if blocked:
            self.tell(f"{_many(len(blocked), 'type')} could not be listed, or not whole; the report below says why.")

    def _choose(self, offered: "list[Found]") -> "list[Found]":
        if not offered:
            return []
        while True:
            self.stdout.write("Which? Numbers such as 1,3-5, all, or none [all]: ", ending="")
            self.stdout.flush()
            typed = sys.stdin.readline()
            if not typed:  # the terminal was closed
                return []
            try:
                return [offered[number - 1] for number in choosing.chosen(typed, count=len(offered))]
            except choosing.NotAChoice as error:
                self.tell(str(error))

    def _end_of_dry_run(self, tenant: "Tenant", survey: "Survey") -> ExitCode:
        report = reporting.report(tenant, survey, [])
        if self.as_json:
            self.print_json(_document(tenant, survey, [], report, dry_run=True))
        else:
            self._tell_report(report)
            self.tell("")
            self.tell(f"Nothing was tracked. To take it in: manage.py track {tenant.slug} --all")
        return ExitCode.DONE

    def _take_in(self, tenant: "Tenant", survey: "Survey", chosen: "list[Found]") -> ExitCode:
        types = [one.rtype for one in chosen]
        added = 0
        run = sweeping.FirstLooks(total=0)
        try:
            for found in chosen:
                tracking = actions.track_configs(tenant, found.rtype, found.objects, acting_user=None)
                added += len(tracking.added)
            if chosen:
                run = self._read(tenant, types)
        except KeyboardInterrupt:
            databases.close_all()  # a second Ctrl-C may have cut a query in two
            left = sweeping.unread_of(tenant, types).count()
            again = f"manage.py track {tenant.slug} --all"
            raise Stopped(
                f"Stopped. What was read is kept; still to be read: {_many(left, 'object')}. Nothing is read twice "
                f"when you run it again: {again}",
                ExitCode.ERROR,
            ) from None
        report = reporting.report(tenant, survey, types)
        if self.as_json:
            document = _document(tenant, survey, chosen, report, dry_run=False)
            self.print_json({**document, "added": added, "versions_kept": run.versions, "stopped": run.stopped})
        else:
            if chosen:
                read = f"{report.read:,} of {_many(report.tracked, 'object')} read"
                kept = f"{_many(run.versions, 'version')} kept by this run"
                self.tell(f"{_many(added, 'object')} newly tracked, {read}, {kept}.")
            self._tell_report(report)
            self._tell_next(tenant, report, run)
        if run.stopped:
            self.warn(f"{run.stopped} To go on: manage.py track {tenant.slug} --all")
        return ExitCode.ERROR if run.stopped else ExitCode.DONE

    def _read(self, tenant: "Tenant", types: "Sequence[ResourceType]") -> sweeping.FirstLooks:
        bar = ProgressBar(self.stderr, what="Objects read", shown=not self.as_json)
        with _report_instead_of_log(), bar, _between_objects() as asked_to_stop:

            def tell(done: int, total: int, config: "TrackedConfig | None") -> None:
                if asked_to_stop:
                    raise KeyboardInterrupt
                bar.tell(done, total, _named(config))

            connect = partial(connections.connect, tenant, purpose=Purpose.BULK)
            return sweeping.first_looks(tenant, types, connect=connect, progress=tell)

    def _tell_next(self, tenant: "Tenant", report: "Report", run: sweeping.FirstLooks) -> None:
        if not report.tracked or run.stopped:
            return
        self.tell("")
        self.tell(
            "From now on the worker looks at each object every few minutes. What changed shows in the browser, and "
            f"here: manage.py tenant list, manage.py history {tenant.slug} TYPE:OBJECT_ID"
        )

    def _tell_report(self, report: "Report") -> None:
        self.tell("")
        self.tell(self.paint("What could not be read", "bold"))
        sign = self.paint("  " if report.sees_all else "! ", "changed")
        self.tell(f"{sign}{visible(report.divisions)}")
        for sentence in report.blind:
            self.tell(f"{self.paint('! ', 'changed')}{visible(sentence)}")
        for group in report.groups:
            self._tell_group(group)
        if not report.groups:
            self.tell("  Everything else that the OAuth client may see could be read.")

    def _tell_group(self, group: "Group") -> None:
        self.tell("")
        sign = self.paint("! ", "changed") if group.fault else "  "
        self.tell(f"{sign}{self.paint(f'{group.heading}: {group.count:,}', 'bold')}")
        self.tell(f"  {group.advice}")
        for line in group.lines[:MOST_LINES]:
            self.tell(f"    {visible(line)}")
        if len(group.lines) > MOST_LINES:
            self.tell(f"    … and {len(group.lines) - MOST_LINES} more; --json has all of them.")


@contextlib.contextmanager
def _report_instead_of_log() -> "Iterator[None]":
    """Keep the lines of the log off the bar: what they tell is in the trail, and in the report at the end."""
    log = logging.getLogger("tenants.trail")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


@contextlib.contextmanager
def _between_objects() -> "Iterator[list[int]]":
    """Let Ctrl-C end the run after the object that is being read; a second one ends it at once."""
    asked: list[int] = []

    def note(number: int, _frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _requests(found: "list[Found]") -> int:
    return sum(one.requests for one in found)


def _named(config: "TrackedConfig | None") -> str:
    if config is None:
        return "Waiting for objects that the worker is reading"
    return f"{config.resource_type} {config.name or config.object_id}"


def _document(
    tenant: "Tenant", survey: "Survey", chosen: "list[Found]", report: "Report", *, dry_run: bool
) -> dict[str, Any]:
    requests, pace = _requests(survey.offered), estimating.pace_of(tenant)
    sight = survey.reach.sight() if survey.reach is not None else None
    return {
        "tenant": tenant.slug,
        "dry_run": dry_run,
        "types": [
            {
                "type": one.rtype.name,
                "title": one.rtype.title,
                "objects": one.count,
                "tracked": one.tracked,
                "to_read": one.unread,
                "requests": one.requests,
                "chosen": one in chosen,
                "missing_permissions": list(one.lacking),
                "troubles": [{"cause": str(trouble.cause), "message": trouble.sentence} for trouble in one.troubles],
            }
            for one in survey.found
        ],
        "divisions": {
            "seen": None if sight is None else [{"id": one.id, "name": one.name} for one in sight.seen],
            "unseen": None if sight is None else [{"id": one.id, "name": one.name} for one in sight.unseen],
            "message": report.divisions,
        },
        "estimate": {
            "requests": requests,
            "requests_a_minute": pace.a_minute,
            "minutes": pace.minutes(requests),
        },
        "report": report.to_json(),
    }
