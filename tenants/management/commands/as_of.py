"""`as-of SLUG [TYPE[:OBJECT_ID]] TIME [--until TIME]`."""

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from tenants import addresses, as_of, comparing, moments
from tenants.as_of import Between, Standing
from tenants.documents.labels import visible
from tenants.moments import NotAMoment, Zone
from tenants.resource_types import catalogue
from tenants.terminal import ExitCode, TerminalCommand, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from datetime import datetime

    from django.db.models import QuerySet

    from tenants.documents import Value
    from tenants.models import TrackedConfig


class Command(TerminalCommand):
    help = (
        "Say what was live at a moment, for a configuration, a type or a whole tenant, and how sure that is; with "
        "--until what differed between two moments (exit 0 nothing, 1 something)."
    )

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("tenant", metavar="SLUG")
        parser.add_argument("words", metavar="[TYPE[:OBJECT_ID]] TIME", nargs="+", help="such as 2026-11-22T02:47")
        parser.add_argument("--until", default="", metavar="TIME", help="compare with this moment")
        parser.add_argument("--zone", default="UTC", help="time zone of moments without an offset; default UTC")

    def run(self, **options: Any) -> ExitCode:
        tenant = addresses.find_tenant(None, options["tenant"])
        configs = tenant.configs.select_related("tenant", "live").order_by("resource_type", "name", "pk")
        words = list(options["words"])
        chosen, when = (words[0], words[1:]) if ":" in words[0] or "." in words[0] else ("", words)
        if chosen and chosen[0].isdigit():
            chosen, when = "", words
        shown = self._chosen(configs, options["tenant"], chosen) if chosen else configs
        try:
            self.zone = moments.read_zone(options["zone"])
            at = moments.read_moment(" ".join(when), self.zone, now=timezone.now())
            until = moments.read_moment(options["until"], self.zone, now=timezone.now()) if options["until"] else None
        except NotAMoment as error:
            raise WrongUse(f"{error} Nothing was done.") from error
        if until is None:
            return self._show(as_of.as_of(shown, at), at)
        return self._compare(as_of.between(shown, *sorted((at, until))), *sorted((at, until)))

    def _chosen(self, configs: "QuerySet[TrackedConfig]", slug: str, word: str) -> "QuerySet[TrackedConfig]":
        if ":" in word:
            return configs.filter(pk=addresses.find_config(None, (slug, word)).pk)
        return configs.filter(resource_type=catalogue.get(word).name)

    def _show(self, standings: list[Standing], at: "datetime") -> ExitCode:
        if self.as_json:
            self.print_json({"at": at.isoformat(), "configurations": [_as_json(one) for one in standings]})
            return ExitCode.DONE
        self.tell(_told(at, self.zone))
        self.table(
            ("OBJECT", "NAME", "LIVE THEN", "HOW SURE", "WHY"),
            (
                (one.config.address, one.config.name, one.what, str(one.verdict.sureness), self._why(one))
                for one in standings
            ),
        )
        return ExitCode.DONE

    def _why(self, one: Standing) -> str:
        return moments.explain(one.verdict, lambda moment: _told(moment, self.zone))

    def _compare(self, both: list[Between], at: "datetime", until: "datetime") -> ExitCode:
        told = [one for one in both if one.differs is not False]
        pairs = [(*one.pair, one.config.resource_type) for one in told if one.pair is not None]
        summaries = iter(comparing.summaries(pairs))
        found = [(one, next(summaries) if one.pair is not None else None) for one in told]
        if self.as_json:
            self.print_json(
                {
                    "from": at.isoformat(),
                    "to": until.isoformat(),
                    "equal": not told,
                    "same": len(both) - len(told),
                    "configurations": [
                        {
                            "object": one.config.address,
                            "differs": one.differs,
                            "from": _as_json(one.earlier),
                            "to": _as_json(one.later),
                            "changes": None if summary is None else summary.count,
                        }
                        for one, summary in found
                    ],
                }
            )
        else:
            self.tell(f"{_told(at, self.zone)} → {_told(until, self.zone)}: {len(both) - len(told)} are the same.")
            for one, summary in found:
                changes = "" if summary is None else f", {summary.count} changes"
                sure = "" if one.sure else f" ({one.earlier.verdict.sureness}; {one.later.verdict.sureness})"
                name = visible(f"{one.config.address} {one.config.name}")
                told_so = "cannot be told" if one.differs is None else f"{one.earlier.what} → {one.later.what}"
                self.tell(f"{name}: {told_so}{changes}{sure}")
                for change in () if summary is None else summary.first:
                    self.tell(f"    {change.sign} {visible(change.where)}")
        return ExitCode.ERROR if told else ExitCode.DONE


def _told(at: "datetime", zone: Zone) -> str:
    local = at.astimezone(zone.info)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def _as_json(one: Standing) -> "dict[str, Value]":
    verdict = one.verdict
    return {
        "object": one.config.address,
        "name": one.config.name,
        "version": None if verdict.version is None else verdict.version.number,
        "gone": one.gone,
        "digest": None if one.snapshot is None else one.snapshot.digest,
        "sureness": str(verdict.sureness),
        "since": None if verdict.since is None else verdict.since.isoformat(),
        "until": None if verdict.until is None else verdict.until.isoformat(),
        "candidates": [candidate.number for candidate in verdict.candidates],
        "why": moments.explain(verdict, lambda moment: moment.isoformat()),
    }
