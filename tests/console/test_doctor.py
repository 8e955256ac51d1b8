"""The doctor tells what works and what to do about the rest."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from tenants.models import TrackedConfig
from tests.world import World

CHECKOUT = Path(settings.BASE_DIR)


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "doctor", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "console.settings", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def by_name(ended: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(ended.stdout)["checks"]}


@pytest.mark.django_db
def test_the_doctor_finds_what_is_missing_and_says_what_to_do(database_url: str, tmp_path: Path) -> None:
    ended = doctor("--json", DATABASE_URL=database_url, CONSOLE_DATA_DIR=str(tmp_path), CONSOLE_SECRET_KEY="typo")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["ok"] is False
    found = by_name(ended)
    assert found["database"]["state"] == found["migrations"]["state"] == "works"
    assert found["worker"]["state"] == "broken"
    assert "celery -A console worker" in found["worker"]["remedy"]
    assert found["static files"]["state"] == "broken"
    assert "collectstatic" in found["static files"]["remedy"]
    assert "CONSOLE_SECRET_KEY " in found["environment"]["message"]
    if settings.EMBEDDED_CLUSTER is not None:
        # The tests' own database may lose what is committed, and the doctor notices.
        assert "fsync" in found["durability"]["message"]


@pytest.mark.slow
def test_a_database_and_a_broker_that_do_not_answer_are_findings_and_no_crash(tmp_path: Path) -> None:
    ended = doctor(
        "--json",
        DATABASE_URL="postgres://vault:s3cret@127.0.0.1:1/vault",
        CELERY_BROKER_URL="redis://:s3cret@127.0.0.1:1/0",
        CONSOLE_DATA_DIR=str(tmp_path),
        ALLOWED_HOSTS="console.bank.example",
    )
    assert ended.returncode == 1
    found = by_name(ended)
    assert found["database"]["state"] == found["broker"]["state"] == "broken"
    assert "migrations" not in found, "what cannot be looked at is not judged"
    assert "s3cret" not in ended.stdout + ended.stderr
    assert not [name for name in found if name.startswith("check security.")], "the settings are safe as they are"


@pytest.mark.slow
def test_the_doctor_says_which_types_the_operators_own_file_touches(tmp_path: Path) -> None:
    file = tmp_path / "types.toml"
    file.write_text('["routing.queue"]\nimmutable = ["peerId"]\n', encoding="utf-8")

    ended = doctor(
        "--json",
        DATABASE_URL="postgres://vault:s3cret@127.0.0.1:1/vault",
        CONSOLE_DATA_DIR=str(tmp_path),
        CONSOLE_RESOURCE_TYPES_FILE=str(file),
    )

    found = by_name(ended)
    assert found["resource types"]["state"] == "works"
    assert found["resource types"]["message"].endswith(f"{file} adds or overrides routing.queue.")
    assert "environment" not in found


def test_a_mistake_in_that_file_stops_the_start_by_file_type_and_key(tmp_path: Path) -> None:
    file = tmp_path / "types.toml"
    file.write_text('["routing.queue"]\nguard = "etags"\n', encoding="utf-8")

    ended = doctor("--json", CONSOLE_DATA_DIR=str(tmp_path), CONSOLE_RESOURCE_TYPES_FILE=str(file))

    assert ended.returncode == 2
    assert ended.stderr == (
        f"CONSOLE_RESOURCE_TYPES_FILE names {file}, which cannot be used: The catalogue of resource types was "
        f"not loaded: file {file}, type 'routing.queue', key 'guard': it must be 'etag', 'version' or 'compare', "
        "not 'etags'. Nothing was started.\n"
    )
    assert ended.stdout == ""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_schedule_that_has_stopped_is_told_by_what_it_leaves_undone(
    world: World, database_url: str, tmp_path: Path
) -> None:
    ask = {"DATABASE_URL": database_url, "CONSOLE_DATA_DIR": str(tmp_path)}
    assert by_name(doctor("--json", **ask))["schedule"]["state"] == "works"
    TrackedConfig.objects.update(next_look_at=timezone.now() - timedelta(hours=1))
    found = by_name(doctor("--json", **ask))["schedule"]
    assert found["state"] == "broken"
    assert "1 tracked objects have waited" in found["message"]
