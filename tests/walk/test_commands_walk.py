"""Every command that acts as somebody: another tenant is not there for them, and a role does just what it may."""

import argparse
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import transaction

from rollbacks.models import BrokenGlass, FreezeWindow, Rollback
from tenants.access import Role
from tenants.models import Tenant, TrackedConfig
from tests.rollbacks.conftest import Desk
from tests.walk import homes, worlds
from tests.walk.worlds import changed, state
from tests.world import World

ANYBODY = set(Role.values)
ACTS = {"operator", "approver"}
ADMINISTERS = {"administrator"}
NOBODY: set[str] = set()

WORDS: dict[str, tuple[str, set[str]]] = {
    "again": ("{rollback}", {"operator"}),
    "apply": ("{rollback}", ACTS),
    "approve": ("{rollback}", {"approver"}),
    "bisect": ("{tenant} {address} start {oldest} {live}", ACTS),
    "cancel": ("{rollback}", ACTS),
    "confirm": ("{rollback}", ACTS),
    "freeze list": ("{tenant}", ANYBODY),
    "freeze add": ("{tenant} --when {when} --reason {why}", {*ACTS, *ADMINISTERS}),
    "freeze end": ("{window} --reason {why}", ADMINISTERS),
    "freeze override": ("{rollback} --reason {why}", {"incident"}),
    "glass break": ("{tenant} {address} --name {name} --reason {why}", {"incident"}),
    "glass end": ("{glass}", {"approver", *ADMINISTERS}),
    "glass settle": ("{glass} --verdict justified --comment {why}", {"approver", *ADMINISTERS}),
    "label": ("{tenant} {address} {oldest} bad --reason {why}", ACTS),
    "probe": ("{tenant} {address}", {"operator"}),
    "reject": ("{rollback} --comment {why}", {"approver"}),
    "role list": ("{tenant}", ANYBODY),
    "role grant": ("{tenant} viewer --user {person}", ADMINISTERS),
    "role revoke": ("{tenant} {held} --user {person}", ADMINISTERS),
    "role join": ("{group} {person}", NOBODY),
    "role leave": ("{group} {person}", NOBODY),
    "rollback": ("{tenant} {address} --to {oldest} --reason {why}", {"operator"}),
    "tenant set": ("{tenant} --good-after-days 9", ADMINISTERS),
}
"""What follows each command's name, and the roles that may, beside a platform owner (`tenants/access.py`)."""
OF_THE_PLATFORM = {"rotate_secrets", "sign_in"}
"""Commands that concern no tenant's rows; tests/console holds what they refuse."""
BY_NAME = re.compile(r"\bneeds\b|no platform owner|has no role there|There is no tenant|names no")
"""How a command says that the role is not enough."""


def commands() -> Iterator[str]:
    """Give every command and step that takes `--as`."""
    for name, app in sorted(get_commands().items()):
        if app in {"console", "rollbacks", "tenants"}:
            yield from _steps(load_command_class(str(app), name).create_parser("manage.py", name), name)


def _steps(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    if any("--as" in action.option_strings for action in parser._actions):
        yield name
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for step, inner in action.choices.items():
                yield from _steps(inner, f"{name} {step}")


def test_the_walk_knows_every_command_that_acts_as_somebody() -> None:
    assert {name for name in commands() if name.partition(" ")[0] not in OF_THE_PLATFORM} == set(WORDS)


def words_of(template: str, tenant: Tenant, config: TrackedConfig, *, person: str, group: str) -> list[str] | None:
    """Give what is typed about the rows of a tenant; None where it has no such row."""
    versions = [row.version for row in config.snapshots.order_by("version")]
    known: dict[str, object] = {
        "tenant": tenant.slug,
        "address": config.address,
        "name": config.name,
        "oldest": versions[0],
        "live": versions[-1],
        "why": homes.WHY,
        "when": "2027-12-24 18:00 to 2027-12-27 06:00",
        "person": person,
        "held": tenant.memberships.filter(user__username=person).values_list("role", flat=True).first(),
        "group": group,
        "rollback": Rollback.objects.filter(tenant=tenant, state="awaiting_approval")
        .values_list("pk", flat=True)
        .first(),
        "window": FreezeWindow.objects.filter(tenant=tenant).values_list("pk", flat=True).first(),
        "glass": BrokenGlass.objects.filter(tenant=tenant).values_list("pk", flat=True).first(),
    }
    if any(f"{{{word}}}" in template and value is None for word, value in known.items()):
        return None
    return [part.format(**known) for part in template.split()]


class Undo(Exception):
    """Ends a transaction whose changes are not to stay."""


def run(name: str, words: list[str], user: User, before: dict[str, str]) -> tuple[str, bool, list[str]]:
    """Give what a command says, whether it was done, and which tables it changed before that was taken back."""
    said, end, difference = io.StringIO(), "", list[str]()
    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined]  # the command's own transactions may stand in it
    try:
        with around:
            try:
                call_command(*name.split(), *words, "--as", user.username, stdout=said, stderr=said)
            except CommandError as error:
                end = str(error)
            except SystemExit as left:
                end = f"exit {left.code}"
            difference = list(changed(before, state()))
            raise Undo  # noqa: TRY301 - it takes back what the command did
    except Undo:
        return f"{end} {said.getvalue()}", not end, difference


def walk_at_home(home: homes.Home, names: Iterable[str]) -> tuple[Counter[str], list[str]]:
    """Run the commands about one's own tenant in every role; one that is not enough is named, and nothing changes."""
    counted, troubles, before = Counter[str](), list[str](), state()
    for name in names:
        template, may = WORDS[name]
        rows = (
            words_of(template, tenant, config, person="carol", group="Night shift")
            for tenant in home.tenants
            for config in tenant.configs.order_by("object_id")[:1]
        )
        words = next(found for found in rows if found is not None)
        for role, user in home.walkers.items():
            if user is None:
                continue
            said, was_done, difference = run(name, words, user, before)
            counted["runs"] += 1
            counted["done"] += was_done
            what = f"{name} as {role}: {said[:200]!r}, changed {difference}"
            if role == "owner" or role in may:
                if BY_NAME.search(said) and not was_done:
                    troubles.append(f"{what}, though the role may")
            elif was_done or difference or not BY_NAME.search(said):
                troubles.append(f"{what}, though the role may not")
    return counted, troubles


@pytest.mark.django_db(transaction=True)
def test_some_commands_as_every_role_do_what_it_may(world: World) -> None:
    Desk(world).request()
    home = homes.Home(world, (world.northwind,), homes.walkers_in(world.northwind))
    counted, troubles = walk_at_home(home, ("cancel", "freeze add", "role revoke"))
    assert not troubles, "\n".join(troubles)
    assert counted["done"] == 2 + 1 + 3 + 1 + 1 + 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_every_command_as_every_role_does_what_it_may(world: World) -> None:
    home = homes.build(world)
    counted, troubles = walk_at_home(home, WORDS)
    told = f"{len(WORDS)} commands x {len(home.walkers) - 1} roles at home"
    sys.stdout.write(f"\n{told}: {counted['runs']} runs, {counted['done']} done.\n")
    assert not troubles, "\n".join(troubles)
    assert counted["done"] > 40


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_no_command_tells_or_changes_anything_of_another_tenant(world: World) -> None:
    sides = worlds.build(world)
    sides.foreign.refresh_from_db()
    config, ran, troubles, before = sides.foreign.configs.get(), 0, list[str](), state()
    for name, (template, _may) in WORDS.items():
        words = words_of(template, sides.foreign, config, person=worlds.MARK, group=worlds.MARK)
        assert words is not None, f"{name}: the other tenant has no such row"
        typed = " ".join(words).lower()
        for role, user in sides.walkers.items():
            if role == "owner":
                continue
            said, was_done, difference = run(name, words, user, before)
            found = [one for one in sides.secrets if one in said.lower() and one not in typed]
            ran += 1
            if was_done or difference or found:
                troubles.append(
                    f"{name} of another tenant as {role}: {said[:200]!r}, changed {difference}, tells {found}"
                )
    sys.stdout.write(f"\n{len(WORDS)} commands x {len(sides.walkers) - 1} roles elsewhere: {ran} runs.\n")
    assert not troubles, "\n".join(troubles)
