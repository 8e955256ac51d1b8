"""`show CONFIG VERSION`."""

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from tenants import addresses, archive, capture, connections
from tenants.documents import InvalidDocument
from tenants.resource_types import catalogue, projection, secrets
from tenants.terminal import ExitCode, TerminalCommand

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.models import TrackedConfig


class Command(TerminalCommand):
    help = "Print the exact bytes of a version, or of what is live now; words stand in place of secrets."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        self.add_config_arguments(parser)
        parser.add_argument(
            "version",
            metavar="VERSION",
            help="a number such as 12, baseline, a label, or live, which asks the platform now",
        )

    def run(self, **options: Any) -> ExitCode:
        config = addresses.find_config(None, (options["tenant"], options["address"]))
        if options["version"] == addresses.LIVE:
            answer = capture.read_live(config, connections.connect(config.tenant))
            raw, etag = answer.body, answer.etag
        else:
            snapshot = addresses.find_snapshot(config, options["version"])
            raw, etag = archive.bytes_of(snapshot), snapshot.etag_text.encode("latin-1") or None
        rtype = catalogue.get(config.resource_type)
        try:
            shown = secrets.hidden_bytes(rtype, raw)
        except InvalidDocument as error:
            raise archive.UnusableContent(f"{error} As it may hold a secret, nothing of it is shown.") from error
        if self.as_json:
            self.print_json(self._as_json(config, options["version"], (raw, shown), etag))
        else:
            self._write(shown)
        return ExitCode.DONE

    def _as_json(
        self, config: "TrackedConfig", word: str, both: tuple[bytes, bytes], etag: bytes | None
    ) -> dict[str, Any]:
        raw, shown = both
        rtype = catalogue.get(config.resource_type)
        value = archive.value_from(raw)
        version = projection.version_of(rtype, value)
        if version is None and word != addresses.LIVE:
            version = addresses.find_snapshot(config, word).version
        return {
            "config": f"{config.tenant.slug} {config.address}",
            "version": version,
            "etag": etag.decode("latin-1") if etag is not None else None,
            "digest": projection.content_digest(rtype, value),
            "sha256": hashlib.sha256(raw).hexdigest(),
            "base64": base64.b64encode(shown).decode("ascii"),
            "content": secrets.hidden(rtype, value),
            "hidden": [key for key in rtype.secret if value.get(key) is not None],
        }

    def _write(self, raw: bytes) -> None:
        buffer = getattr(self.stdout, "buffer", None)
        if buffer is None:  # a text stream of a caller in this process
            self.stdout.write(raw.decode("utf-8", "surrogateescape"), ending="")
            return
        self.stdout.flush()
        buffer.write(raw)
        buffer.flush()
