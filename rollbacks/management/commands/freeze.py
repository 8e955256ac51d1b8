"""`freeze list|add|end|override`."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone

from rollbacks import audit, freeze_actions, freezing, windows
from rollbacks.models import FreezeWindow
from rollbacks.terminal import RollbackCommand, find_rollback, find_user
from tenants import access, addresses
from tenants.models import Tenant
from tenants.terminal import ExitCode, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.contrib.auth.models import User

MOST_DAYS = 366


class Command(RollbackCommand):
    help = "Freeze windows: list and calendar, add one, end one, and override a freeze for one rollback."
    steps = ("list", "add", "end", "override")

    def add_arguments(self, parser: "ArgumentParser") -> None:
        steps = parser.add_subparsers(dest="step", required=True, metavar="list|add|end|override")
        listing = steps.add_parser("list", help="the windows in force, and the times that they are on")
        listing.add_argument("tenant", metavar="SLUG", nargs="?", help="default: every tenant")
        listing.add_argument("--days", type=int, default=30, help="how far the calendar reaches; default: 30")
        add = steps.add_parser("add", help="add a freeze window")
        add.add_argument("tenant", metavar="SLUG")
        add.add_argument("--when", required=True, help=f"for example: {'; '.join(windows.EXAMPLES)}")
        add.add_argument("--zone", default="UTC", help="the time zone, such as Europe/Berlin; default: UTC")
        scope = add.add_mutually_exclusive_group()
        scope.add_argument("--type", dest="resource_type", default="", help="only for objects of this type")
        scope.add_argument("--object", default="", metavar="TYPE:OBJECT_ID", help="only for this object")
        add.add_argument("--allow", action="store_true", help="rollbacks run only inside it; without: none inside it")
        add.add_argument("--reason", required=True)
        end = steps.add_parser("end", help="end a window from now on")
        end.add_argument("window", metavar="ID", help="as `list` prints it, or its first characters")
        end.add_argument("--reason", required=True)
        override = steps.add_parser("override", help="let one rollback run in spite of the freeze that is on now")
        override.add_argument("rollback", metavar="ROLLBACK")
        override.add_argument("--reason", required=True, help="why, in at least 10 characters")
        for step in (listing, add, end, override):
            super().add_arguments(step)
            is_word = step is override
            step.add_argument("--as", dest="user", metavar="USER", required=is_word, help="who; default: this terminal")

    def guarded(self, **options: Any) -> ExitCode:
        user = find_user(options["user"]) if options["user"] else None
        match options["step"]:
            case "list":
                return self._list(options, user)
            case "add":
                tenant = addresses.find_tenant(user, options["tenant"])
                named = options["object"]
                added = freeze_actions.add_window(
                    tenant,
                    when=options["when"],
                    zone=options["zone"],
                    effect=FreezeWindow.Effect.ALLOW if options["allow"] else FreezeWindow.Effect.DENY,
                    reason=options["reason"],
                    resource_type=options["resource_type"],
                    config=addresses.find_config(user, (tenant.slug, named)) if named else None,
                    acting_user=user,
                )
                return self._show(added, f"Added: {added.get_effect_display()}, {added.pattern} ({added.zone}).")
            case "end":
                ended = freeze_actions.end_window(
                    _find_window(options["window"], user), reason=options["reason"], acting_user=user
                )
                return self._show(ended, f"Ended: {ended.pattern} ({ended.zone}).")
            case _:
                if user is None:
                    raise WrongUse("An override needs --as USER: it is one person's word. Nothing was done.")
                override = freeze_actions.override_freeze(
                    find_rollback(options["rollback"]), reason=options["reason"], acting_user=user
                )
                if self.as_json:
                    self.print_json(freezing.override_facts(override))  # type: ignore[arg-type]  # JSON as it is
                self.tell(f"{override.freeze} Overridden for this plan and this freeze alone.")
                return ExitCode.DONE

    def _show(self, row: FreezeWindow, sentence: str) -> ExitCode:
        if self.as_json:
            self.print_json(freezing.window_facts(row))  # type: ignore[arg-type]  # JSON as it is
        self.tell(f"{sentence} {row.pk}")
        return ExitCode.DONE

    def _list(self, options: dict[str, Any], user: "User | None") -> ExitCode:
        if not 1 <= options["days"] <= MOST_DAYS:
            raise WrongUse(f"--days is a number from 1 to {MOST_DAYS}. Nothing was done.")
        slug = options["tenant"]
        seen = access.tenants_of(user) if user is not None else Tenant.objects.all()
        tenants = [addresses.find_tenant(user, slug)] if slug else list(seen)
        now = timezone.now()
        rows = {tenant.slug: freezing.in_force(tenant) for tenant in tenants}
        every = [row for found in rows.values() for row in found]
        times = freezing.calendar(every, begins=now, ends=now + timedelta(days=options["days"]))
        if self.as_json:
            facts: list[Any] = [freezing.window_facts(row) for row in every]
            self.print_json(
                {
                    "windows": facts,
                    "calendar": [
                        {
                            "window": str(one.row.pk),
                            "tenant": one.row.tenant.slug,
                            "effect": one.row.effect,
                            "begins": audit.timestamp(one.begins),
                            "ends": audit.timestamp(one.ends),
                        }
                        for one in times
                    ],
                    "frozen": [
                        {"tenant": tenant.slug, "reason": tenant.frozen_reason} for tenant in tenants if tenant.frozen
                    ],
                }
            )
            return ExitCode.DONE
        for tenant in tenants:
            if tenant.frozen:
                self.tell(f"{tenant.slug} is frozen until somebody ends it: {tenant.frozen_reason}")
        if not every:
            self.tell("No freeze window is in force.")
            return ExitCode.DONE
        self.table(
            ("ID", "TENANT", "FOR", "", "WHEN", "ZONE", "REASON", "BY"),
            (
                (
                    str(row.pk)[:8],
                    row.tenant.slug,
                    row.scope,
                    row.effect,
                    row.pattern,
                    row.zone,
                    row.reason,
                    row.setter,
                )
                for row in every
            ),
        )
        self.tell("")
        self.table(
            ("FROM AND TO", "ZONE", "TENANT", "FOR", "", "REASON"),
            (
                (one.words, one.row.zone, one.row.tenant.slug, one.row.scope, one.row.effect, one.row.reason)
                for one in times
            ),
        )
        return ExitCode.DONE


def _find_window(word: str, user: "User | None") -> FreezeWindow:
    rows = FreezeWindow.objects.select_related("tenant", "config")
    if user is not None:
        rows = rows.filter(tenant__in=access.tenants_of(user))
    try:
        found = list(rows.filter(pk=UUID(word)))
    except (ValueError, ValidationError):
        found = [row for row in rows if len(word) >= 6 and str(row.pk).startswith(word.lower())]
    if len(found) != 1:
        raise WrongUse(f"{word!r} names no freeze window. `manage.py freeze list` prints them. Nothing was done.")
    return found[0]
