"""`track SLUG TYPE [OBJECT_ID …] [--all]`."""

from typing import TYPE_CHECKING, Any

from tenants import actions, addresses, capture, connections
from tenants.resource_types import catalogue
from tenants.terminal import ExitCode, TerminalCommand, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(TerminalCommand):
    help = "Start keeping the history of objects."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("slug", help="the tenant")
        known = ", ".join(rtype.name for rtype in catalogue.all_types())
        parser.add_argument("type", metavar="TYPE", help=f"one of: {known}")
        parser.add_argument("object_ids", nargs="*", metavar="OBJECT_ID")
        parser.add_argument("--all", action="store_true", help="every object of the type that the tenant's client sees")

    def run(self, **options: Any) -> ExitCode:
        tenant = addresses.find_tenant(None, options["slug"])
        rtype = catalogue.get(options["type"])
        named: list[str] = options["object_ids"]
        if bool(named) == bool(options["all"]):
            raise WrongUse("Name the ids of the objects, or write --all; one of the two. Nothing was tracked.")
        if options["all"]:
            with self.progress() as progress:
                progress.say(f"Listing {rtype.name} in {tenant.slug} …")
                wanted = dict(capture.discover(tenant, rtype, connections.connect(tenant)))
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
