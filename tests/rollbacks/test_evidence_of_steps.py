"""A pack of a rollback of several steps proves each of them."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from rollbacks import checkpoints, evidence, evidence_verifier
from tenants.resource_types import catalogue
from tests.rollbacks.conftest import Desk
from tests.rollbacks.stepped_world import ACTION, ARTICLE, MESSENGER, TABLE, bench
from tests.rollbacks.trail_world import SEED

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("type_name", [MESSENGER, ACTION, TABLE, ARTICLE])
def test_a_pack_of_several_steps_holds_and_has_the_bytes_of_each(
    desk: Desk, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], type_name: str
) -> None:
    settings.CONSOLE_CHECKPOINT_KEY, settings.CONSOLE_CHECKPOINT_FOLDER = SEED, tmp_path
    found = bench(desk, type_name)
    done = found.run(found.approved())
    files = files_of(evidence.pack_bytes(done, actor="carol"))
    assert evidence_verifier.verify(files, checkpoints.public_key_of(SEED), None) == 0
    told = capsys.readouterr().out
    for step in done.steps.all():
        assert f"ok    body-{step.number} has the digest" in told
        assert files[f"body-{step.number}"] == bytes(step.body)


def test_what_a_type_calls_a_secret_is_in_no_file_of_the_pack(desk: Desk, settings: Settings, tmp_path: Path) -> None:
    settings.CONSOLE_CHECKPOINT_KEY, settings.CONSOLE_CHECKPOINT_FOLDER = SEED, tmp_path
    done = desk.run(desk.approved())
    within = b"Refund request"
    open_files = files_of(evidence.pack_bytes(done, actor="carol"))
    assert within in open_files["body-1"]
    own = tmp_path / "types.toml"
    own.write_text('["agentassist.config"]\nsecret = ["content"]\n', encoding="utf-8")
    catalogue.use_file(own)
    try:
        files = files_of(evidence.pack_bytes(done, actor="carol"))
    finally:
        catalogue.use_file(None)
    assert {"without-secrets-body-1", "without-secrets-before.json", "without-secrets-after.json"} <= set(files)
    assert not {"body-1", "before.json", "before.canonical.json", "target.canonical.json"} & set(files)
    assert not [one for one, content in files.items() if within in content]
    assert evidence_verifier.verify(files, checkpoints.public_key_of(SEED), None) == 0


def files_of(pack: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(pack)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}
