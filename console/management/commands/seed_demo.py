"""Fill the console from the practice platform: people, tenants, roles, histories; `make demo` runs it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from console import demo_data, demo_scene
from tenants.models import Snapshot
from tenants.terminal import ExitCode, Stopped, TerminalCommand

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(TerminalCommand):
    help = "Fill the console from the practice platform; what is there already stays as it is."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("--practice-url", default="http://127.0.0.1:8001", help="where the practice platform is")

    def run(self, **options: Any) -> ExitCode:
        folder = Path(settings.DATA_DIR)
        url: str = options["practice_url"].rstrip("/")
        try:
            people = demo_data.logins(folder)
            users = demo_data.make_people(people)
            owner = users["admin"]
            tenants = demo_data.make_tenants(url, folder / "practice" / "credentials.json", acting_user=owner)
            demo_data.make_memberships(users, tenants)
            configs = demo_data.track_everything(url, tenants, acting_user=owner)
        except demo_data.PracticeUnusable as error:
            raise Stopped(str(error), ExitCode.ERROR) from error
        with self.progress() as progress:
            failed = demo_data.capture_all(
                configs,
                acting_user=owner,
                progress=lambda done, total: progress.say(f"Reading histories: {done} of {total} objects"),
            )
        demo_data.label_versions(configs, users=users)
        demo_scene.plan_a_freeze(configs, acting_user=owner)
        failed += filter(None, [demo_scene.meet_somebody(url, configs, users=users)])
        for sentence in failed:
            self.warn(sentence)
        kept = Snapshot.objects.filter(config__tenant__in=tenants).count()
        if self.as_json:
            self.print_json(
                {
                    "tenants": [tenant.slug for tenant in tenants],
                    "captured": len(configs),
                    "snapshots": kept,
                    "failed": list(failed),
                    "logins": [{"username": one.username, "password": one.password} for one in people],
                }
            )
        else:
            self.tell(f"{len(tenants)} practice organizations with {kept} versions. Sign in as:")
            for one in people:
                self.tell(f"    {one.username.ljust(6)} {one.password.ljust(16)} {one.what}")
        return ExitCode.DONE  # what failed is due for another look, and shown as such on the pages
