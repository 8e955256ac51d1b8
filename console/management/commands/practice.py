"""Serve the practice platform by itself: `python manage.py practice --port P`."""

import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from console.practice.history import HistoryUnreadable
from console.practice.journal import DataInUse, JournalDamaged
from console.practice.server import PortBusy, PracticeServer


class Command(BaseCommand):
    help = "Serve the practice platform: organizations to try things on, over real HTTP."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's attribute; it needs no database and no app

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 takes any free one")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--data", type=Path, help="folder that keeps every change; without it all is forgotten")
        parser.add_argument(
            "--history",
            type=Path,
            help="folder of versions (v0001.json …), or of such folders, to serve as well",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            self._serve(options)
        except KeyboardInterrupt:
            print("Practice platform stopped.", flush=True)
        except (PortBusy, DataInUse, JournalDamaged, HistoryUnreadable, OSError) as error:
            print(error, file=sys.stderr)
            sys.exit(2)

    def _serve(self, options: dict[str, Any]) -> None:
        server = PracticeServer(
            port=options["port"],
            host=options["host"],
            data_dir=options["data"],
            history_dir=options["history"],
        )
        print(f"Practice platform on {server.url} (Ctrl-C stops it)", flush=True)
        if options["data"]:
            print(f"Client secrets are in {options['data'] / 'credentials.json'}", flush=True)
        else:
            for slug, one in server.credentials.items():
                print(f"{slug}: client id {one.client_id}, client secret {one.client_secret}", flush=True)
        server.serve()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
