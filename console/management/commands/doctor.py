"""Tell what is configured, what works, and what to do about the rest."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from console.diagnosis import examine
from tenants.documents.labels import visible

if TYPE_CHECKING:
    from argparse import ArgumentParser

SIGNS = {"works": "ok  ", "look": "look", "broken": "FAIL"}


class Command(BaseCommand):
    help = "Tell what is configured, what works, and what to do about the rest. Exit code 1 where something is broken."
    # They are among the findings.
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django declares it for the instance

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, **options: Any) -> None:
        findings = examine()
        broken = [finding for finding in findings if finding.state == "broken"]
        if options["json"]:
            document = {"ok": not broken, "checks": [dataclasses.asdict(finding) for finding in findings]}
            self.stdout.write(json.dumps(document, indent=2))
        else:
            width = max(len(finding.name) for finding in findings)
            for finding in findings:
                self.stdout.write(f"{SIGNS[finding.state]}  {finding.name:<{width}}  {visible(finding.message)}")
                if finding.remedy:
                    self.stdout.write(f"{'':<{width + 8}}→ {visible(finding.remedy)}")
            self.stdout.write(f"\n{len(broken)} broken." if broken else "\nNothing is broken.")
        if broken:
            sys.exit(1)
