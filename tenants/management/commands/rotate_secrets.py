"""Seal again with the newest key what older keys of CONSOLE_SECRET_KEYS have sealed."""

from argparse import ArgumentParser
from typing import Any

from tenants import rotating, sealing
from tenants.terminal import ExitCode, TerminalCommand, find_user


class Command(TerminalCommand):
    help = (
        "Seal client secrets, access tokens and second factors again with the newest key of CONSOLE_SECRET_KEYS, while "
        "the console runs; stopped, it goes on where it stood. Afterwards the older keys may go (doctor says when)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--as", dest="acting_user", metavar="USER", help="who the trail says it was")

    def run(self, **options: Any) -> ExitCode:
        acting_user = options["acting_user"]
        user = find_user(acting_user) if acting_user else None
        done = rotating.rotate(acting_user=user)
        newest = sealing.known_keys()[0]
        older = sum(count for key, count in rotating.keys_in_use().items() if key != newest)
        if self.as_json:
            told: dict[str, Any] = {
                "key": newest,
                "sealed_again": {kind: done.sealed_again[kind] for kind in rotating.KINDS},
                "already": {kind: done.current[kind] for kind in rotating.KINDS},
                "changed_meanwhile": sum(done.changed_meanwhile.values()),
                "unreadable": done.unreadable,
                "left_with_older_keys": older,
            }
            self.print_json(told)
        else:
            for kind in rotating.KINDS:
                again, current = done.sealed_again[kind], done.current[kind]
                self.stdout.write(f"{kind}: {again} sealed again, {current} had the newest key already.")
            for sentence in done.unreadable:
                self.warn(sentence)
            self.stdout.write(
                f"{older} values are still sealed with another key."
                if older
                else "The newest key has sealed everything."
            )
        return ExitCode.ERROR if done.unreadable else ExitCode.DONE
