"""`history CONFIG`."""

from typing import TYPE_CHECKING, Any

from tenants import addresses, labelling
from tenants.terminal import ExitCode, TerminalCommand

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(TerminalCommand):
    help = "List the versions seen: number, ETag, digest, when, by whom, labels."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        self.add_config_arguments(parser)

    def run(self, **options: Any) -> ExitCode:
        config = addresses.find_config(None, (options["tenant"], options["address"]))
        snapshots = list(config.snapshots.order_by("-version", "-captured_at", "-pk"))
        labels = labelling.of_config(config)
        if self.as_json:
            self.print_json(
                [
                    {
                        "version": one.version,
                        "etag": one.etag_text or None,
                        "digest": one.digest,
                        "captured_at": one.captured_at.isoformat(),
                        "author": one.author_name or one.author_id or None,
                        "labels": list(addresses.labels_of(config, one, labels)),
                        "live": one.pk == config.live_id,
                    }
                    for one in snapshots
                ]
            )
            return ExitCode.DONE
        if config.presence != config.Presence.PRESENT:
            self.warn(f"{config.address} is {config.get_presence_display()}. {config.presence_detail}".rstrip())
        self.table(
            ("VERSION", "DIGEST", "WRITTEN", "BY", "ETAG", ""),
            (
                (
                    f"v{one.version}",
                    one.digest[:12],
                    f"{one.written_at or one.captured_at:%Y-%m-%d %H:%M}",
                    one.author_name or one.author_id,
                    one.etag_text,
                    " ".join(
                        [*(["live"] if one.pk == config.live_id else []), *addresses.labels_of(config, one, labels)]
                    ),
                )
                for one in snapshots
            ),
        )
        return ExitCode.DONE
