"""No rollback runs on a database that may lose what it has acknowledged; the settings are named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from rollbacks import leases, transitions
from rollbacks.models import Attempt
from rollbacks.states import State
from tenants import durability
from tests.rollbacks.conftest import Desk

CHECKOUT = Path(settings.BASE_DIR)


@pytest.fixture
def strict(settings: object) -> None:
    """Let no lossy database pass, as in production."""
    settings.CONSOLE_ALLOW_LOSSY_DATABASE = False  # type: ignore[attr-defined]


def lossy_only_in(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Look at those settings alone that a session can set by itself: the server of the tests has all of them off."""
    monkeypatch.setattr(durability, "SETTINGS", names)


@pytest.mark.django_db
def test_what_is_off_in_this_session_is_named(monkeypatch: pytest.MonkeyPatch, strict: None) -> None:
    lossy_only_in(monkeypatch, "synchronous_commit")
    with connection.cursor() as cursor:
        for kept in ("on", "local", "remote_write", "remote_apply"):
            cursor.execute("SELECT set_config('synchronous_commit', %s, FALSE)", [kept])
            assert durability.settings_off() == ()
            durability.require()
        cursor.execute("SET synchronous_commit = off")
    assert durability.settings_off() == ("synchronous_commit",)
    with pytest.raises(durability.CommitsMayBeLost, match="synchronous_commit is off: a crash may lose"):
        durability.require()
    assert durability.sentence(["fsync", "full_page_writes"]).startswith("fsync and full_page_writes are off")


@pytest.mark.django_db(transaction=True)
def test_no_intent_is_recorded_on_a_database_that_may_lose_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, strict: None
) -> None:
    lossy_only_in(monkeypatch, "synchronous_commit")
    rollback = desk.approved()
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")

    refused = desk.run(rollback)

    assert (refused.state, desk.writes()) == (State.APPROVED, [])
    assert [refusal["guard"] for refusal in refused.refusals] == ["durability"]
    assert "synchronous_commit is off" in refused.explanation
    assert "Nothing was sent" in refused.explanation
    assert not Attempt.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    assert desk.run(rollback).state == State.APPLIED
    assert len(desk.writes()) == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_where_the_setting_went_off_after_the_intent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, strict: None
) -> None:
    lossy_only_in(monkeypatch, "synchronous_commit")
    rollback = desk.approved()
    lease = leases.Lease("worker", 60)
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    attempt = transitions.begin_attempt(rollback, lease=lease, horizon_seconds=60, actor="alice")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        with pytest.raises(transitions.RunRefused, match="synchronous_commit is off"):
            transitions.begin_send(attempt, lease=lease, horizon_seconds=60, race_window_ms=None)
    assert not attempt.sends.exists()


@pytest.mark.slow
@pytest.mark.django_db
def test_a_worker_does_not_start_on_such_a_database_and_says_why(database_url: str, tmp_path: Path) -> None:
    # The embedded server of the tests keeps nothing; one of DATABASE_URL may, so the sessions ask it not to.
    all_off = settings.EMBEDDED_CLUSTER is not None
    named = "fsync and synchronous_commit and full_page_writes are off" if all_off else "synchronous_commit is off"
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "console", "worker", "-P", "threads", "-c", "1"],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "DATABASE_URL": database_url,
            "CONSOLE_DATA_DIR": str(tmp_path),
            "CONSOLE_ALLOW_LOSSY_DATABASE": "off",
            "PGOPTIONS": "-c synchronous_commit=off",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 1
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr
