"""No name steers the terminal that a command prints it on, or forges a line of what it prints."""

import io

import pytest
from django.core.management import call_command

from tenants.models import Snapshot, Tenant, TrackedConfig
from tenants.terminal import ExitCode, TerminalCommand
from tests import page_world
from tests.page_world import PageWorld
from tests.tenants.running import Terminal
from tests.walk import hostile

STEERS = set("\x00\x07\x08\x1b\x7f\x85\x9b\u2028\u202e\u2066\u2067\r")


class Saying(TerminalCommand):
    def run(self, **_options: object) -> ExitCode:
        return ExitCode.DONE


@pytest.mark.parametrize("as_json", [True, False])
def test_whatever_a_command_says_is_one_line_that_steers_nothing(as_json: bool) -> None:
    out, err = Terminal(), Terminal()
    command = Saying(stdout=out, stderr=err)
    command.as_json = as_json
    for text in (*hostile.OURS, *hostile.public()):
        for say in (command.tell, command.warn):
            before = len(out.getvalue()), len(err.getvalue())
            say(f"{command.paint('Read', 'bold')} {text}.")
            said = out.getvalue()[before[0] :] + err.getvalue()[before[1] :]
            plain = said.replace("\x1b[1mRead\x1b[0m", "Read")
            assert plain.startswith("Read "), repr(said)
            assert len(said.splitlines()) == 1, repr(said)
            assert not STEERS & set(plain), repr(said)


@pytest.fixture
def poisoned() -> PageWorld:
    """Give the pages' world with a name that forges a line everywhere that a command prints."""
    world = page_world.build()
    odd = "Billing\n0 drifted \x1b[2J\x9b1m\u202egnp"
    Tenant.objects.filter(pk=world.northwind.pk).update(name=odd, frozen=True, frozen_reason=odd)
    TrackedConfig.objects.filter(tenant=world.northwind).update(name=odd, presence_detail=odd)
    Snapshot.objects.filter(config=world.billing).update(author_name=odd)
    person = world.people["alice"]
    person.first_name = person.last_name = odd
    person.save()
    return world


PRINTING = (
    "tenant list",
    "role list northwind",
    "history northwind {address}",
    "diff northwind {address} 41 42",
    "blame northwind {address} 42",
    "as_of northwind 00:00",
    "bisect northwind {address} start 36 42",
    "label northwind {address}",
    "freeze list northwind",
    "archive size northwind",
)


@pytest.mark.django_db
def test_no_command_prints_a_name_that_forges_a_line(poisoned: PageWorld) -> None:
    wrong = {}
    for words in PRINTING:
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command(*words.format(address=poisoned.billing.address).split(), stdout=out, stderr=err)
        except SystemExit as end:
            assert end.code == 1, words  # noqa: PT017 - "they differ"
        said = out.getvalue() + err.getvalue()
        assert said, words
        if STEERS & set(said) or any(line.startswith("0 drifted") for line in said.splitlines()):
            wrong[words] = said
    assert wrong == {}
