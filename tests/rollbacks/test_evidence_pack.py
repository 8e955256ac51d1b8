"""A pack proves itself with nothing but Python and the public key, and whatever is changed in it is noticed."""

import hashlib
import io
import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pytest_django.fixtures import Settings

from rollbacks import checkpoints, evidence, evidence_verifier, inquiries, sinks, tasks, verifying
from rollbacks.models import AuditEntry, Rollback
from tenants.access import Role
from tests import world as making
from tests.rollbacks.conftest import REASON, Desk
from tests.rollbacks.page_reading import browser_of, send
from tests.rollbacks.trail_world import SEED, append, as_owner
from tests.tenants.running import run

PUBLIC = checkpoints.public_key_of(SEED).hex()


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.CONSOLE_CHECKPOINT_KEY = SEED
    settings.CONSOLE_CHECKPOINT_FOLDER = tmp_path / "sink"
    return tmp_path / "sink"


def taken(desk: Desk) -> Rollback:
    """Give a rollback that was carried out while others were at work in the tenant."""
    rollback = desk.approved()
    append(desk.world.northwind, 3, actor="dana", secret="of another matter")
    return desk.run(rollback)


def check(pack: bytes, folder: Path, *words: str, key: str = PUBLIC) -> tuple[int, str]:
    """Run the pack's own program as an auditor would: alone, isolated from everything that is installed."""
    (folder / "pack.zip").write_bytes(pack)
    with zipfile.ZipFile(io.BytesIO(pack)) as opened:
        (folder / "verify.py").write_bytes(opened.read("verify.py"))
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", "pack.zip", key, *words],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        timeout=180,
    )
    return ended.returncode, ended.stdout + ended.stderr


def files_of(pack: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(pack)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.mark.django_db
def test_a_pack_proves_itself_to_somebody_who_has_only_the_public_key(desk: Desk, folder: Path, tmp_path: Path) -> None:
    rollback = taken(desk)
    inquiries.sweep()
    out = tmp_path / "evidence.zip"
    ran = run("audit", "evidence", str(rollback.pk), "--output", str(out), "--json")
    assert (ran.code, ran.document["covered"]) == (0, True), ran.err
    pack = out.read_bytes()
    code, told = check(pack, tmp_path)
    assert code == 0, told
    assert "WRONG" not in told
    for words in (
        "write.outcome by console: ok",
        "rollback.approved by bob",
        "body-1 has the digest",
        "is in the tree",
    ):
        assert words in told
    for name in ("before", "target", "after"):
        assert f"{name}.canonical.json has the digest" in told
    files = files_of(pack)
    story = json.loads(files["rollback.json"])
    assert (story["reason"], story["requested_by"], story["verdict"]) == (REASON, "alice", "verified")
    assert [one["by"] for one in story["approvals"]] == ["bob"]
    assert [one["state"] for one in story["platform_audit"]] == ["matched"]
    assert story["attempts"][0]["headers"]["If-Match"] == story["before"]["etag"]
    assert hashlib.sha256(files["body-1"]).hexdigest() == story["attempts"][0]["body_sha256"]
    everything = b"".join(files.values())
    assert b"of another matter" not in everything, "what is none of this rollback's is only a digest"
    assert desk.world.practice.credentials["northwind"].client_secret.encode() not in everything
    assert b"Bearer" not in everything
    assert AuditEntry.objects.filter(tenant=desk.world.northwind).latest("seq").action == "evidence.taken"
    assert verifying.verify(desk.world.northwind).holds


@pytest.mark.django_db
def test_the_copy_that_somebody_kept_outside_is_held_against_the_pack(desk: Desk, folder: Path, tmp_path: Path) -> None:
    rollback = taken(desk)
    tasks.seal_trail()
    pack = evidence.pack_bytes(rollback, actor="carol")
    kept = str(sinks.Folder(folder).file_of(desk.world.northwind))
    assert check(pack, tmp_path, "--checkpoints", kept)[0] == 0
    (tmp_path / "others.jsonl").write_text("{}\n")
    code, told = check(pack, tmp_path, "--checkpoints", "others.jsonl")
    assert (code, "WRONG the copy that was kept outside" in told) == (1, True)


@pytest.mark.django_db
def test_without_a_key_the_pack_says_that_the_chain_is_all_there_is(desk: Desk, tmp_path: Path) -> None:
    pack = evidence.pack_bytes(taken(desk), actor="carol")
    code, told = check(pack, tmp_path)
    assert (code, "no checkpoint covers the entries" in told) == (3, True)
    assert "NONE: no checkpoint covers them" in files_of(pack)["README.txt"].decode()


@pytest.mark.django_db
def test_another_key_and_words_that_are_none_are_refused(desk: Desk, folder: Path, tmp_path: Path) -> None:
    pack = evidence.pack_bytes(taken(desk), actor="carol")
    code, told = check(pack, tmp_path, key=checkpoints.public_key_of(b"m" * 32).hex())
    assert (code, "WRONG checkpoint" in told) == (1, True)
    assert check(pack, tmp_path, key="abc")[0] == 2
    assert check(pack, tmp_path, "--also")[0] == 2


@pytest.mark.slow
@pytest.mark.django_db
def test_two_hundred_changes_to_a_pack_are_each_noticed(desk: Desk, folder: Path) -> None:
    files = files_of(evidence.pack_bytes(taken(desk), actor="carol"))
    public = bytes.fromhex(PUBLIC)
    assert evidence_verifier.verify(dict(files), public, None) == 0
    proven = [
        name
        for name in files
        if name.startswith(("entries", "links", "checkpoint", "proofs", "body")) or "canon" in name
    ]
    draw = random.Random(20261122)  # noqa: S311 - a seed, not a secret
    for number in range(200):
        altered = dict(files)
        name = proven[number % len(proven)]
        content = bytearray(altered[name])
        # Not in the white space of JSON, which means nothing.
        places = [at for at, letter in enumerate(content) if letter not in b" \n"]
        content[draw.choice(places)] ^= 1 << draw.randrange(5)
        altered[name] = bytes(content)
        assert told(altered, public) == 1, (number, name, content, files[name])


def told(files: dict[str, bytes], public: bytes) -> int:
    try:
        return int(evidence_verifier.verify(files, public, None))
    except (KeyError, ValueError, TypeError, IndexError, AttributeError):
        return 1  # as `main` does


@pytest.mark.django_db
def test_no_pack_is_made_of_a_trail_that_is_not_whole_and_the_page_says_why(
    desk: Desk, folder: Path, tmp_path: Path
) -> None:
    rollback = taken(desk)
    with as_owner():
        first = AuditEntry.objects.filter(tenant=desk.world.northwind).earliest("seq")
        AuditEntry.objects.filter(pk=first.pk).update(payload=b'{"altered":true}')
    answer = send(browser_of(desk.world.carol), f"/rollbacks/rollback/{rollback.pk}/evidence/", {})
    assert answer.status_code == 409
    assert "audit verify northwind" in answer.content.decode()
    ran = run("audit", "evidence", str(rollback.pk), "--output", str(tmp_path / "pack.zip"))
    assert (ran.code, (tmp_path / "pack.zip").exists()) == (1, False)
    assert "The evidence pack was not made" in ran.err
    assert not AuditEntry.objects.filter(action="evidence.taken").exists()


@pytest.mark.django_db
def test_the_page_of_a_rollback_offers_the_pack_to_those_who_may_have_it(
    desk: Desk, folder: Path, tmp_path: Path
) -> None:
    rollback = taken(desk)
    page = f"/rollbacks/rollback/{rollback.pk}/"
    carol = browser_of(desk.world.carol)
    assert "Evidence pack" in carol.get(f"{page}change/").content.decode()
    assert carol.get(f"{page}evidence/").status_code == 405
    answer = send(carol, f"{page}evidence/", {})
    assert answer["Content-Type"] == "application/zip"
    assert check(answer.content, tmp_path)[0] == 0
    assert AuditEntry.objects.get(action="evidence.taken").actor == "carol"
    people = making.People(desk.world.alice, desk.world.bob, desk.world.carol)
    people.carol.memberships.filter(role=Role.AUDITOR).delete()
    assert "Evidence pack" not in carol.get(f"{page}change/").content.decode()
    assert send(carol, f"{page}evidence/", {}).status_code == 403
    people.carol.memberships.all().delete()
    assert send(carol, f"{page}evidence/", {}).status_code == 404
    assert AuditEntry.objects.filter(action="evidence.taken").count() == 1


@pytest.mark.django_db
def test_a_place_that_cannot_be_written_leaves_no_file_and_no_entry(desk: Desk, tmp_path: Path) -> None:
    rollback = desk.request()
    for place in (str(tmp_path), str(tmp_path / "nowhere" / "e.zip"), "-"):
        ran = run("audit", "evidence", str(rollback.pk), "--output", place)
        assert (ran.code, "Nothing was written" in ran.err) == (2, True)
    assert list(tmp_path.iterdir()) == []
    assert not AuditEntry.objects.filter(action="evidence.taken").exists()
    code, _ = check(evidence.pack_bytes(rollback, actor="alice"), tmp_path)
    assert code == 3, "a request that was never carried out has its pack too"


VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
            "3dca179c138ac17ad9bef1177331a704"
        ),
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_signatures_of_rfc_8032_are_believed_and_no_neighbour_of_them(
    public: str, message: str, signature: str
) -> None:
    key, text, sign = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert evidence_verifier.is_signed(key, text, sign)
    assert not evidence_verifier.is_signed(key, text + b"x", sign)
    s = int.from_bytes(sign[32:], "little") + evidence_verifier.L
    assert not evidence_verifier.is_signed(key, text, sign[:32] + s.to_bytes(32, "little")), "RFC 8032 section 5.1.7"


def test_it_agrees_with_the_library_on_random_keys_and_damage() -> None:
    draw = random.Random(8032)  # noqa: S311 - a seed, not a secret
    for _ in range(40):
        key = Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))
        public, text = key.public_key().public_bytes_raw(), draw.randbytes(draw.randrange(80))
        sign = bytearray(key.sign(text))
        assert evidence_verifier.is_signed(public, text, bytes(sign))
        sign[draw.randrange(64)] ^= 1 << draw.randrange(8)
        assert evidence_verifier.is_signed(public, text, bytes(sign)) is believed(public, text, bytes(sign))


def believed(public: bytes, text: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def test_the_program_imports_nothing_but_the_standard_library_and_can_be_read_in_one_sitting() -> None:
    source = Path(evidence_verifier.__file__).read_text()
    imports: Any = [line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert set(imports) == {"hashlib", "json", "sys", "zipfile"}
    assert len(source.splitlines()) <= 300
