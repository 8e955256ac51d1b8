"""`capture [SLUG [TYPE:OBJECT_ID]]`."""

from typing import TYPE_CHECKING, Any

from tenants import actions, addresses, connections
from tenants.capture import Look, Outcome
from tenants.documents.labels import visible
from tenants.importing import HistoryImport
from tenants.models import TrackedConfig
from tenants.remote.errors import RemoteError, RemoteRefused
from tenants.remote.manners import Purpose
from tenants.sealing import CannotUnseal
from tenants.terminal import ExitCode, Progress, TerminalCommand

if TYPE_CHECKING:
    from argparse import ArgumentParser

_FOUND = frozenset({Outcome.UNCHANGED, Outcome.CHANGED, Outcome.FIRST, Outcome.STALE})


class Command(TerminalCommand):
    help = "Look at live now, and import the platform's own history where it has one."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        parser.add_argument("slug", nargs="?", help="only this tenant")
        parser.add_argument("address", nargs="?", metavar="TYPE:OBJECT_ID", help="only this object")

    def run(self, **options: Any) -> ExitCode:
        configs = self._wanted(options["slug"], options["address"])
        if not configs:
            self.warn("Nothing is tracked there yet. Start with: manage.py track SLUG TYPE --all")
        done = []
        with self.progress() as progress:
            for number, config in enumerate(configs, start=1):
                progress.say(f"{number} of {len(configs)}: {config.tenant.slug} {config.address}")
                done.append(self._capture(config, progress, place=f"{number} of {len(configs)}"))
        if self.as_json:
            self.print_json([_as_json(*one) for one in done])
        else:
            for one in done:
                self._say(*one)
        return _exit_code([seen for _, seen, _ in done], named=options["address"] is not None)

    def _wanted(self, slug: str | None, address: str | None) -> list[TrackedConfig]:
        if slug is not None and address is not None:
            return [addresses.find_config(None, [slug, address])]
        configs = TrackedConfig.objects.select_related("tenant", "live", "baseline").order_by(
            "tenant__slug", "resource_type", "object_id"
        )
        return list(configs.filter(tenant=addresses.find_tenant(None, slug)) if slug is not None else configs)

    def _capture(
        self, config: TrackedConfig, progress: Progress, *, place: str
    ) -> tuple[TrackedConfig, Look, HistoryImport]:
        def tell(done: int, total: int) -> None:
            progress.say(f"{place}: {config.tenant.slug} {config.address}, version {done} of {total} of its history")

        try:
            platform = connections.connect(config.tenant, purpose=Purpose.BULK)
            seen, imported = actions.capture_now(config, acting_user=None, platform=platform, progress=tell)
        except (RemoteError, CannotUnseal) as error:  # the other tenants are still looked at
            seen = Look(
                outcome=Outcome.UNREACHABLE,
                detail=str(error),
                error=error if isinstance(error, RemoteError) else None,
            )
            imported = HistoryImport()
        return config, seen, imported

    def _say(self, config: TrackedConfig, seen: Look, imported: HistoryImport) -> None:
        live = f" v{seen.snapshot.version}" if seen.snapshot is not None else ""
        line = f"{config.tenant.slug} {config.address} {seen.outcome.value}{live}"
        if imported.imported:
            line += f", {imported.imported} earlier versions imported"
        self.tell(visible(f"{line}. {seen.detail}".rstrip()))
        for version, reason in imported.refused:
            self.tell(visible(f"    v{version} was not imported. {reason}"))
        if imported.stopped:
            self.tell(visible(f"    {imported.stopped}"))


def _as_json(config: TrackedConfig, seen: Look, imported: HistoryImport) -> dict[str, Any]:
    return {
        "config": f"{config.tenant.slug} {config.address}",
        "outcome": seen.outcome.value,
        "version": seen.snapshot.version if seen.snapshot is not None else None,
        "digest": seen.snapshot.digest if seen.snapshot is not None else None,
        "message": seen.detail,
        "history": {
            "imported": imported.imported,
            "already": imported.already,
            "refused": [{"version": version, "message": reason} for version, reason in imported.refused],
            "stopped": imported.stopped,
        },
    }


def _exit_code(looks: list[Look], *, named: bool) -> ExitCode:
    """Give the worst: nobody knows (1), then refused (6); where many are looked at, a vanished one is no failure."""
    failed = [seen for seen in looks if seen.outcome not in _FOUND and (named or seen.outcome is not Outcome.VANISHED)]
    if not failed:
        return ExitCode.DONE
    if all(isinstance(seen.error, RemoteRefused) for seen in failed):
        return ExitCode.REFUSED_BY_PLATFORM
    return ExitCode.ERROR
