"""A client secret, an access token and a password that the console handles are found nowhere that it writes."""

import base64
import contextlib
import io
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from console.celery import app
from rollbacks import applying, audit
from rollbacks.models import AuditEntry
from tenants import sealing
from tenants.models import OAuthClient, Tenant
from tenants.remote.client import Platform
from tenants.shared_tokens import TOKEN_FIELD
from tests.rollbacks.conftest import QUICK, Desk, desk  # noqa: F401 - a fixture
from tests.tenants.running import run
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db(transaction=True)

TYPED = "typed-into-a-form-and-never-said-again-7741"


class Search:
    """Everything that the console has written, by where, and what must not be in it."""

    def __init__(self, planted: dict[str, str]) -> None:
        self.forms = {
            f"{name} {how}": text
            for name, secret in planted.items()
            for how, text in {
                "as it is": secret,
                "in base64": base64.b64encode(secret.encode()).decode().rstrip("="),
                "quoted": urllib.parse.quote(secret, safe=""),
                "in hexadecimal": secret.encode().hex(),
            }.items()
        }
        self.looked_at: dict[str, int] = {}
        self.found: list[str] = []

    def look(self, where: str, text: str | bytes) -> None:
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        self.looked_at[where] = self.looked_at.get(where, 0) + len(said)
        self.found += [f"{what} in {where}" for what, secret in self.forms.items() if secret in said]


def rows_of_every_table() -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT coalesce(string_agg(one::text, chr(10)), '') FROM \"{table}\" AS one")  # noqa: S608
            yield table, cursor.fetchone()[0]


def breaks(*_: object, **__: object) -> Any:
    raise RuntimeError("Something that nobody expected, while the token is fetched.")


def test_a_secret_is_in_no_log_no_trace_no_task_no_page_and_no_dump(
    desk: Desk,  # noqa: F811
    world: World,
    settings: LazySettings,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(0)
    known = world.practice.credentials["northwind"]
    world.carol.is_superuser = True
    world.carol.save()
    owner = Client(raise_request_exception=False)
    owner.post(reverse("account_login"), {"username": "carol", "password": PASSWORD})

    # What is done every day, and in a way that fails.
    ran = [run("tenant", "check", "northwind"), run("tenant", "check", "northwind", "--json"), run("doctor")]
    done = applying.apply(desk.approved().pk, pace=QUICK)
    assert done.verdict == "verified"
    token = sealing.unseal(
        OAuthClient.objects.get(tenant=world.northwind).token_sealed or b"",
        tenant_id=world.northwind.pk,
        field=TOKEN_FIELD,
    )
    pair = f"{known.client_id}:{known.client_secret}"
    search = Search(
        {
            "the secret": known.client_secret,
            "the pair": pair,
            "the token": token,
            "the password": PASSWORD,
            "what was typed": TYPED,
        }
    )
    page = reverse("admin:tenants_tenant_change", args=[world.northwind.pk])
    answers = {"the tenant's page": owner.get(page), "the trail": owner.get("/rollbacks/auditentry/")}
    form = {"name": "", "client_id": known.client_id, "client_secret": TYPED}
    answers["a form that was refused"] = owner.post(page, form)
    Client().post(reverse("account_login"), {"username": TYPED, "password": TYPED})

    # An error that nobody expected, in the middle of it, with the page that shows the most.
    OAuthClient.objects.update(token_sealed=None)
    monkeypatch.setattr(Platform, "_minded", breaks)
    settings.DEBUG = True
    plan = reverse("admin:rollbacks_rollback_plan", args=[world.config.pk, world.config.snapshots.earliest("pk").pk])
    answers["the page of an error"] = owner.get(plan)
    assert answers["the page of an error"].status_code == 500
    assert b"Something that nobody expected" in answers["the page of an error"].content
    answers["the page of an error with a form"] = owner.post(
        plan,
        {"reason": "x", "client_secret": TYPED},
    )
    settings.DEBUG = False
    with contextlib.suppress(RuntimeError):
        app.tasks["tenants.tasks.look_at_config"].apply(args=(str(world.config.pk),))

    for where, answer in answers.items():
        search.look(where, answer.content)
    for one in ran:
        search.look("what commands say", one.raw + one.err.encode())
    said = capfd.readouterr()
    search.look("the log", caplog.text + said.out + said.err)
    search.look("the log", "\n".join(str(vars(record)) for record in caplog.records))
    dumped = io.StringIO()
    call_command("dumpdata", stdout=dumped)
    search.look("the dump", dumped.getvalue())
    for table, rows in rows_of_every_table():
        search.look(f"table {table}", rows)
    for entry in AuditEntry.objects.all():
        search.look("the trail's payloads", str(audit.payload_of(entry)))
    for file in Path(settings.DATA_DIR).joinpath("broker").rglob("*"):
        with contextlib.suppress(OSError):
            search.look("task arguments", file.read_bytes() if file.is_file() else b"")

    assert search.found == []
    for where in ("the log", "the dump", "table tenants_tenant", "the page of an error", "what commands say"):
        assert search.looked_at[where] > 500, where
    assert Tenant.objects.get(pk=world.northwind.pk).client_secret_sealed
    # The search itself finds what is there.
    search.look("a planted place", f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    assert search.found == ["the pair in base64 in a planted place"]
