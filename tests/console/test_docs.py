"""The pages of docs/ that are made from the product say what the product says."""

import io
import sys
from pathlib import Path

import pytest

from console.practice.server import PracticeServer
from tests.console.test_doctor import by_name, doctor
from tests.docs import first_minutes, types_table
from tests.tenants.running import ROOT, run

DOCS = ROOT / "docs"
OF_THE_TESTS_OWN_DATABASE = {"hosts", "database", "durability", "database role"}
AGAIN = "docs/{} is not what the product says; `make docs` writes it anew."


def test_the_table_of_types_is_what_the_catalogue_says() -> None:
    assert (DOCS / "TYPES.md").read_text(encoding="utf-8") == types_table.text(), AGAIN.format("TYPES.md")


@pytest.mark.slow
@pytest.mark.django_db
def test_the_first_minutes_of_an_organization_are_as_the_commands_print_them(
    practice: PracticeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def printed(words: list[str], stdin: str) -> str:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        return run(*words).out

    page = (DOCS / "FIRST_MINUTES.md").read_text(encoding="utf-8")
    for name, block in first_minutes.blocks(practice, printed).items():
        assert block in page, f"{AGAIN.format('FIRST_MINUTES.md')} It differs in {name!r}."


@pytest.mark.slow
@pytest.mark.django_db
def test_the_doctor_of_the_docs_looks_at_what_the_doctor_looks_at(database_url: str, tmp_path: Path) -> None:
    page = (DOCS / "FIRST_MINUTES.md").read_text(encoding="utf-8")
    shown = page.partition("manage.py doctor\n")[2]
    ended = doctor(
        "--json", DATABASE_URL=database_url, CONSOLE_DATA_DIR=str(tmp_path), DEBUG="on", CONSOLE_ALLOW_CUSTOM_HOSTS="on"
    )
    for name, found in by_name(ended).items():
        assert f"  {name} " in shown, AGAIN.format("FIRST_MINUTES.md")
        if found["state"] != "broken" and name not in OF_THE_TESTS_OWN_DATABASE:
            assert first_minutes.steady(found["message"]) in shown, AGAIN.format("FIRST_MINUTES.md")
