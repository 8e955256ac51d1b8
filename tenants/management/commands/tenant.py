"""`tenant add`, `tenant set`, `tenant list`, `tenant check`."""

import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ValidationError
from django.db.models import Count

from tenants import actions, addresses, checking, drift, reach, regions
from tenants.models import Tenant, TrackedConfig
from tenants.terminal import ExitCode, TerminalCommand, WrongUse, find_user

if TYPE_CHECKING:
    from argparse import ArgumentParser

LARGEST_SECRET = 4096


class Command(TerminalCommand):
    help = "Add an organization, change its settings, list all of them, or check what works with one."
    steps = ("add", "set", "list", "check")

    def add_arguments(self, parser: "ArgumentParser") -> None:
        steps = parser.add_subparsers(dest="step", required=True, metavar="|".join(self.steps))
        add = steps.add_parser("add", help="add an organization")
        add.add_argument("slug", help="the short name that commands use")
        add.add_argument("--name", required=True)
        add.add_argument("--region", metavar="DOMAIN", help=f"one of: {', '.join(regions.DOMAINS)}")
        add.add_argument("--api-url", default="", help="with --login-url: an API on hosts of one's own")
        add.add_argument("--login-url", default="")
        add.add_argument("--client-id", required=True)
        add.add_argument(
            "--client-secret-file", required=True, metavar="FILE", help="holds the secret; - reads it from stdin"
        )
        add.add_argument("--organization", default="", metavar="ID", help="learned at the first check when left out")
        add.add_argument(
            "--requests-a-minute",
            type=int,
            metavar="N",
            help="what its OAuth client may ask for; left out: the default",
        )
        add.add_argument(
            "--good-after-days",
            type=int,
            default=7,
            metavar="N",
            help="a version is known good by itself after so many days; 0 for never (default 7)",
        )
        add.add_argument("--approvals", type=int, default=1, metavar="N", help="needed for each rollback (default 1)")
        add.add_argument(
            "--environment",
            choices=[*Tenant.Environment],
            default="",
            help="shown on every page; in production, whoever asks for a rollback types the name of the object",
        )
        add.add_argument(
            "--ticket-pattern", default="", metavar="PATTERN", help="what a ticket looks like, such as CHG[0-9]{7}"
        )
        add.add_argument(
            "--ticket-url",
            default="",
            metavar="URL",
            help="where a ticket leads, such as https://jira.example.com/browse/{ticket}",
        )
        change = steps.add_parser("set", help="change settings of one; what is left out stays as it is")
        change.add_argument("slug")
        change.add_argument("--name", default=None)
        change.add_argument(
            "--environment", choices=[*Tenant.Environment, "none"], default=None, help="none takes the mark away"
        )
        change.add_argument("--approvals", type=int, default=None, metavar="N", help="needed for each rollback")
        change.add_argument("--ticket-pattern", default=None, metavar="PATTERN", help="empty for any ticket")
        change.add_argument("--ticket-url", default=None, metavar="URL", help="empty for no link")
        change.add_argument("--requests-a-minute", type=int, default=None, metavar="N")
        change.add_argument("--good-after-days", type=int, default=None, metavar="N", help="0 for never")
        change.add_argument("--as", dest="acting", metavar="USER", help="who does it; default: this terminal")
        listing = steps.add_parser("list", help="list all organizations")
        check = steps.add_parser("check", help="say what works with an organization and what does not")
        check.add_argument("slug")
        for step in (add, change, listing, check):
            super().add_arguments(step)

    def run(self, **options: Any) -> ExitCode:
        match options["step"]:
            case "add":
                return self._add(**options)
            case "set":
                return self._set(**options)
            case "list":
                return self._list()
            case _:
                return self._check(options["slug"])

    def _add(self, **options: Any) -> ExitCode:
        region = options["region"]
        custom = [bool(options["api_url"]), bool(options["login_url"])]
        if any(custom) == bool(region) or any(custom) != all(custom):
            raise WrongUse(
                "Give either --region DOMAIN or both --api-url and --login-url. Nothing was added; the domains are "
                f"{', '.join(regions.DOMAINS)}."
            )
        if region is not None and region not in regions.DOMAINS:
            raise WrongUse(
                f"{region!r} is none of the platform's domains. Nothing was added; the domains are "
                f"{', '.join(regions.DOMAINS)}."
            )
        _check_numbers(options, undone="Nothing was added.")
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}", options["slug"]):
            raise WrongUse(
                f"{options['slug']!r} cannot be a tenant's short name: that has up to 60 lower-case letters, digits "
                "and hyphens. Nothing was added."
            )
        if Tenant.objects.filter(slug=options["slug"]).exists():
            raise WrongUse(f"There already is a tenant {options['slug']!r}. It was not changed.")
        tenant = actions.add_tenant(
            options["slug"],
            name=options["name"],
            region=region or regions.CUSTOM,
            api_url=options["api_url"],
            login_url=options["login_url"],
            client_id=options["client_id"],
            client_secret=self._secret(options["client_secret_file"]),
            organization_id=options["organization"],
            environment=options["environment"],
            ticket_pattern=options["ticket_pattern"],
            ticket_url=options["ticket_url"],
            approvals_needed=options["approvals"],
            requests_a_minute=options["requests_a_minute"],
            good_after_days=options["good_after_days"],
            acting_user=None,
        )
        if self.as_json:
            self.print_json(_as_json(tenant, reach.standing_of(tenant), configs=0, drifted=0))
        self.tell(
            f"Added {tenant.slug}. Nothing was asked of the platform yet. Next, see what works: manage.py tenant check "
            f"{tenant.slug}"
        )
        self.tell(f"Then take in what is there: manage.py track {tenant.slug} --all")
        return ExitCode.DONE

    def _set(self, **options: Any) -> ExitCode:
        acting = find_user(options["acting"]) if options["acting"] else None
        tenant = addresses.find_tenant(acting, options["slug"])
        given = {column: options[name] for name, column in _SETTINGS.items() if options[name] is not None}
        if not given:
            raise WrongUse(f"Say what to set: {', '.join(_SETTINGS_WORDS)}. {tenant.slug} was not changed.")
        undone = f"{tenant.slug} was not changed."
        _check_numbers(options, undone=undone)
        if given.get("environment") == "none":
            given["environment"] = ""
        changed = sorted(column for column, value in given.items() if getattr(tenant, column) != value)
        for column, value in given.items():
            setattr(tenant, column, value)
        try:
            actions.change_tenant(tenant, acting_user=acting)
        except ValidationError as error:
            raise WrongUse(f"{' '.join(error.messages)} {undone}") from error
        if self.as_json:
            count = tenant.configs.count()
            away = drift.drifted(tenant.configs.all()).count()
            self.print_json(_as_json(tenant, reach.standing_of(tenant), configs=count, drifted=away))
        said = ", ".join(f"{column.replace('_', ' ')} {getattr(tenant, column) or 'none'}" for column in changed)
        self.tell(f"{tenant.slug}: {said}." if said else f"{tenant.slug} was so already; nothing was changed.")
        return ExitCode.DONE

    def _secret(self, source: str) -> str:
        if source == "-":
            raw = sys.stdin.read(LARGEST_SECRET + 1)
        else:
            path = Path(source)
            try:
                readable_by_all = path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
                with path.open(encoding="utf-8") as file:
                    raw = file.read(LARGEST_SECRET + 1)
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise WrongUse(f"The secret cannot be read from {source}: {reason}. Nothing was added.") from error
            if readable_by_all:
                self.warn(f"Others on this machine can read {source}. Close it with: chmod 600 {source}")
        secret = raw.removesuffix("\n").removesuffix("\r")
        where = "stdin" if source == "-" else source
        if not secret.strip():
            raise WrongUse(f"There is no secret in {where}. Nothing was added.")
        if len(secret) > LARGEST_SECRET or any(ord(letter) < 32 for letter in secret):
            raise WrongUse(
                f"What {where} holds is no client secret: it is too long or has several lines. Nothing was added."
            )
        return secret

    def _list(self) -> ExitCode:
        tenants = list(Tenant.objects.annotate(configs_kept=Count("configs")).order_by("slug"))
        away = dict(
            drift.drifted(TrackedConfig.objects.order_by())
            .values_list("tenant_id")
            .annotate(number=Count("pk"))
            .values_list("tenant_id", "number")
        )
        clients = reach.clients_of(tenants)
        standings = {one.pk: reach.standing_of(one, clients=clients) for one in tenants}
        if self.as_json:
            self.print_json(
                [
                    _as_json(one, standings[one.pk], configs=one.configs_kept, drifted=away.get(one.pk, 0))
                    for one in tenants
                ]
            )
        elif not tenants:
            self.tell("There are no tenants yet. Add one: manage.py tenant add SLUG --name …")
        else:
            self.table(
                ("TENANT", "NAME", "", "API", "APPROVALS", "CONFIGS", "DRIFTED", ""),
                (
                    (
                        one.slug,
                        one.name,
                        one.environment.upper(),
                        one.api_base,
                        str(one.approvals_needed),
                        str(one.configs_kept),
                        str(away.get(one.pk, 0)),
                        _note(one, standings[one.pk]),
                    )
                    for one in tenants
                ),
            )
        return ExitCode.DONE

    def _check(self, slug: str) -> ExitCode:
        tenant = addresses.find_tenant(None, slug)
        with self.progress() as progress:
            progress.say(f"Asking {tenant.api_base} …")
            findings = checking.check(tenant)
        works = all(finding.ok is not False for finding in findings)
        if self.as_json:
            self.print_json(
                {
                    "tenant": tenant.slug,
                    "ok": works,
                    "checks": [
                        {"name": finding.name, "ok": finding.ok, "message": finding.sentence} for finding in findings
                    ],
                }
            )
        else:
            words = {True: ("ok", "added"), False: ("FAILS", "removed"), None: ("note", "dim")}
            for finding in findings:
                word, colour = words[finding.ok]
                self.tell(f"{self.paint(word.ljust(6), colour)} {finding.name.ljust(13)} {finding.sentence}")
        if any(finding.unreachable for finding in findings):
            return ExitCode.ERROR
        return ExitCode.DONE if works else ExitCode.REFUSED_BY_PLATFORM


_SETTINGS: Final = {
    "name": "name",
    "environment": "environment",
    "approvals": "approvals_needed",
    "ticket_pattern": "ticket_pattern",
    "ticket_url": "ticket_url",
    "requests_a_minute": "requests_a_minute",
    "good_after_days": "good_after_days",
}
"""What `tenant set` changes: its options, and the columns."""
_SETTINGS_WORDS: Final = [f"--{name.replace('_', '-')}" for name in _SETTINGS]


def _check_numbers(options: dict[str, Any], *, undone: str) -> None:
    """Raise WrongUse for a number that no tenant can have; what was left out is None."""
    approvals, days, rate = options["approvals"], options["good_after_days"], options["requests_a_minute"]
    if approvals is not None and not 0 <= approvals <= 9:
        raise WrongUse(f"{approvals} approvals cannot be asked for: 0 to 9 can. {undone}")
    if days is not None and not 0 <= days <= 365:
        raise WrongUse(f"{days} days cannot be kept: 0 to 365 can. {undone}")
    if rate is not None and not 10 <= rate <= 100_000:
        raise WrongUse(f"{rate} requests a minute cannot be kept: 10 to 100000 can. {undone}")


def _note(tenant: Tenant, standing: reach.Standing) -> str:
    notes = [f"frozen: {tenant.frozen_reason}"] if tenant.frozen else []
    if standing.down_since is not None or standing.paused_until is not None:
        notes.append(standing.sentence)
    return "; ".join(notes)


def _as_json(tenant: Tenant, standing: reach.Standing, *, configs: int, drifted: int) -> dict[str, Any]:
    return {
        "slug": tenant.slug,
        "name": tenant.name,
        "region": tenant.region,
        "api": tenant.api_base,
        "login": tenant.login_base,
        "client_id": tenant.client_id,
        "organization_id": tenant.organization_id,
        "environment": tenant.environment or None,
        "approvals_needed": tenant.approvals_needed,
        "frozen": tenant.frozen,
        "configs": configs,
        "drifted": drifted,
        "reach": standing.to_json(),
    }
