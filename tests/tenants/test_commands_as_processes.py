"""The commands as processes of their own: exit codes, stdin, pipes and a database that is not there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from console.practice.server import PracticeServer
from tenants import archive
from tenants.models import Tenant, TrackedConfig
from tests import world as making
from tests.tenants.running import ROOT, add_words, run_process


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_commands_run_as_processes_with_their_exit_codes(
    practice: PracticeServer, secret_file: Path, database_url: str
) -> None:
    def process(*words: str, stdin: str = "") -> "tuple[int, bytes, str]":
        ran = run_process(*words, database_url=database_url, stdin=stdin)
        return ran.code, ran.raw, ran.err

    secret = practice.credentials["northwind"].client_secret
    words = add_words(practice, secret_file)
    words[words.index(str(secret_file))] = "-"
    code, out, err = process(*words, stdin=secret + "\n")
    assert code == 0, err
    assert secret.encode() not in out

    making.track(Tenant.objects.get(), "cfg-2")
    code, _, err = process("capture")
    assert (code, err) == (0, "")  # no progress where stderr is no terminal
    config = TrackedConfig.objects.get()
    code, out, err = process("show", "northwind", "agentassist.config:cfg-2", "3")
    assert (code, out, err) == (0, archive.bytes_of(making.version(config, 3)), "")
    assert process("diff", "northwind", "agentassist.config:cfg-2", "1", "13")[0] == 1
    code, out, err = process("diff", "northwind", "agentassist.config:cfg-2", "1", "77")
    assert (code, out) == (2, b"")
    assert err.strip().startswith("v77 of agentassist.config:cfg-2 is not kept here.")
    piped = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} manage.py show northwind agentassist.config:cfg-2 3 | head -c 1"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database_url},
        capture_output=True,
        timeout=180,
    )
    assert (piped.stdout, piped.stderr) == (b"{", b"")
    code, out, err = process("track", "northwind")
    assert code == 2
    assert err.strip() == (
        "Name a TYPE and the ids of its objects, or write --all for everything that is there: manage.py track "
        "northwind --all. Nothing was tracked."
    )
    code, out, err = process("history", "northwind", "--json")
    assert code == 2
    assert json.loads(out) == {"error": err.strip(), "exit": 2}
    assert err.startswith("The following arguments are required: TYPE:OBJECT_ID.")
    code, out, err = process("tenant", "add", "--json")
    assert (code, json.loads(out)["exit"]) == (2, 2)
    assert "manage.py tenant add --help" in err
    code, out, _ = process("show", "--help")
    assert code == 0
    assert b"TENANT TYPE:OBJECT_ID VERSION" in out


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_database_that_cannot_be_reached_is_one_sentence(db: None) -> None:
    ran = run_process("tenant", "list", database_url="postgres://nobody@127.0.0.1:9/none")
    assert ran.code == 1
    assert ran.err.startswith("The database cannot be reached:")
    assert "Traceback" not in ran.err
