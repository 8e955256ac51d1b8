"""`glass break`, `glass end`, `glass settle` and `glass list`."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from rollbacks import breaking_glass, emergencies
from rollbacks.models import BrokenGlass
from rollbacks.terminal import RollbackCommand, find_user
from tenants import addresses
from tenants.models import Tenant
from tenants.terminal import ExitCode, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(RollbackCommand):
    help = "Carry out rollbacks of one object without their approvals in an emergency, and review that afterwards."
    steps = ("break", "end", "settle", "list")

    def add_arguments(self, parser: "ArgumentParser") -> None:
        ways = parser.add_subparsers(dest="way", required=True, metavar="break | end | settle | list")
        opened = ways.add_parser("break", help="break the glass on one object")
        super().add_arguments(opened)
        self.add_config_arguments(opened)
        opened.add_argument("--as", dest="user", required=True, metavar="USER", help="who breaks it")
        opened.add_argument("--reason", required=True, help="why it cannot wait, in at least 10 characters")
        opened.add_argument("--name", required=True, help="the object's name, exactly as the console shows it")
        opened.add_argument("--minutes", type=int, default=emergencies.DEFAULT_MINUTES, help="5 to 240; default 60")
        for name, said in (("end", "close it before its time"), ("settle", "say whether it was justified")):
            way = ways.add_parser(name, help=said)
            super().add_arguments(way)
            way.add_argument("glass", metavar="GLASS")
            way.add_argument("--as", dest="user", required=True, metavar="USER")
            if name == "settle":
                way.add_argument("--verdict", required=True, choices=["justified", "not-justified"])
                way.add_argument("--comment", required=True, help="in at least 10 characters")
        listed = ways.add_parser("list", help="the latest broken glasses, and the reviews that are owed")
        super().add_arguments(listed)
        listed.add_argument("slug", nargs="?")

    def guarded(self, **options: Any) -> ExitCode:
        if options["way"] == "list":
            return self._list(options["slug"])
        user = find_user(options["user"])
        match options["way"]:
            case "break":
                config = addresses.find_config(user, (options["tenant"], options["address"]))
                glass = breaking_glass.break_glass(
                    config,
                    acting_user=user,
                    reason=options["reason"],
                    typed_name=options["name"],
                    minutes=options["minutes"],
                )
            case "end":
                glass = breaking_glass.end_glass(_find(options["glass"]), acting_user=user)
            case _:
                glass = breaking_glass.settle_review(
                    _find(options["glass"]),
                    acting_user=user,
                    verdict=BrokenGlass.Verdict(options["verdict"].replace("-", "_")),
                    comment=options["comment"],
                )
        if self.as_json:
            self.print_json(emergencies.facts_of(glass))
        else:
            self._show(glass)
        return ExitCode.DONE

    def _list(self, slug: str | None) -> ExitCode:
        found = BrokenGlass.objects.select_related("tenant", "config__tenant", "settled_by").order_by("-broken_at")
        if slug is not None:
            if not Tenant.objects.filter(slug=slug).exists():
                raise WrongUse(f"There is no tenant {slug!r}. Nothing was done.")
            found = found.filter(tenant__slug=slug)
        glasses = list(found[:50])
        if self.as_json:
            self.print_json([emergencies.facts_of(glass) for glass in glasses])
        for glass in [] if self.as_json else glasses:
            self._show(glass)
        return ExitCode.DONE

    def _show(self, glass: BrokenGlass) -> None:
        self.tell(f"Glass {glass.pk} on {glass.config.address}")
        self.tell(f"  {emergencies.sentence_of(glass)}")
        if emergencies.is_open(glass):
            self.tell(f"  open     until {glass.until:%d %b %Y at %H:%M} UTC")
        if glass.settled_by is not None:
            self.tell(f"  review   {glass.get_verdict_display()}, {glass.settled_by.get_username()}: {glass.comment}")
        else:
            overdue = ", overdue" if emergencies.is_overdue(glass) else ""
            self.tell(f"  review   owed by {glass.due_at:%d %b %Y at %H:%M} UTC{overdue}")


def _find(word: str) -> BrokenGlass:
    try:
        found = BrokenGlass.objects.select_related("tenant", "config__tenant").filter(pk=UUID(word)).first()
    except ValueError:
        found = None
    if found is None:
        raise WrongUse(f"{word!r} is no broken glass. Give the id that `glass break` printed. Nothing was done.")
    return found
