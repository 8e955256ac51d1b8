"""`attest [SLUG]`."""

from typing import TYPE_CHECKING, Any, Final

from rollbacks import attestations, inquiries
from rollbacks.models import Inquiry
from tenants.addresses import find_tenant
from tenants.models import Tenant
from tenants.terminal import ExitCode, Progress, TerminalCommand

if TYPE_CHECKING:
    from argparse import ArgumentParser

SHOWN: Final = 200


class Command(TerminalCommand):
    help = "Ask the platform's own audit now about every write that landed or may have, and about conflicts."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("slug", nargs="?", metavar="SLUG", help="only this organization")

    def run(self, **options: Any) -> ExitCode:
        tenants = [find_tenant(None, options["slug"])] if options["slug"] else list(Tenant.objects.order_by("slug"))
        documents: list[Any] = []
        for tenant in tenants:
            while inquiries.begin(tenant.pk, whenever=True):
                pass
            with self.progress() as progress:

                def say(done: int, of: int, line: Progress = progress, slug: str = tenant.slug) -> None:
                    line.say(f"{slug}: {done} of {of} asked")

                inquiries.look_at_due(tenant.pk, everything=True, progress=say)
            documents.append(self._told(tenant))
        if self.as_json:
            self.print_json(documents)
        worrying = any(attestations.summary([tenant]).worrying for tenant in tenants)
        return ExitCode.ERROR if worrying else ExitCode.DONE

    def _told(self, tenant: Tenant) -> dict[str, Any]:
        summary = attestations.summary([tenant])
        related = Inquiry.objects.filter(rollback__tenant=tenant).select_related(
            "rollback__tenant", "rollback__config", "rollback__target", "rollback__reverts", "attempt__step"
        )
        latest = list(related.order_by("-ended_by", "-pk")[:SHOWN])
        if not self.as_json:
            self.tell(f"{tenant.slug}: {summary.sentence or 'no write to ask about.'}")
            for one in latest:
                told = attestations.told(one)
                self.tell(f"  {one.rollback_id} {one.resource_type}:{one.object_id}: {told.words}. {told.sentence}")
        return {
            "tenant": tenant.slug,
            "counts": summary.to_json(),
            "inquiries": [
                {
                    "rollback": str(one.rollback_id),
                    **inquiries.facts_of(one),
                    "sentence": attestations.told(one).sentence,
                }
                for one in latest
            ],
        }
