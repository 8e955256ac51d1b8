"""A checkpoint is believed for its signature alone, and only in the one spelling that was signed."""

import json
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rollbacks.checkpoints import Statement, UnreadableCheckpoint, is_signed, key_id_of, public_key_of, read, sign

SEED = bytes(range(32))
PUBLIC = public_key_of(SEED)
KEYS = {key_id_of(PUBLIC): PUBLIC}
STATEMENT = Statement(
    tenant_id="6f0e3c1e-0000-4000-8000-000000000001",
    tenant="northwind",
    number=3,
    size=117,
    root=b"r" * 32,
    head=b"h" * 32,
    at="2026-11-22T02:03:04.000005Z",
    previous=b"p" * 32,
)


@pytest.mark.parametrize("statement", [STATEMENT, replace(STATEMENT, number=1, previous=None)])
def test_what_was_signed_is_read_back_and_believed(statement: Statement) -> None:
    signed = sign(statement, SEED)
    told = read(signed.line)
    assert told == signed
    assert told.statement == statement
    assert is_signed(told, KEYS)
    assert told.key_id == key_id_of(PUBLIC)


def test_every_single_flipped_bit_is_noticed() -> None:
    line = sign(STATEMENT, SEED).line
    for position in range(len(line) * 8):
        altered = bytearray(line)
        altered[position // 8] ^= 1 << position % 8
        try:
            told = read(bytes(altered))
        except UnreadableCheckpoint:
            continue
        assert not is_signed(told, KEYS), position


def test_another_key_is_not_believed_even_under_the_same_id() -> None:
    told = read(sign(STATEMENT, b"x" * 32).line)
    assert not is_signed(told, KEYS)
    assert not is_signed(told, {told.key_id: PUBLIC})
    assert not is_signed(told, {})


def test_the_signature_is_over_the_domain_and_the_bytes_that_stand_in_the_line() -> None:
    line = sign(STATEMENT, SEED).line
    body = line[len(b'{"checkpoint":') : line.rindex(b',"signature"')]
    signature = bytes.fromhex(json.loads(line)["signature"])
    key = Ed25519PublicKey.from_public_bytes(PUBLIC)
    key.verify(signature, b"config-vault checkpoint v1\n" + body)
    with pytest.raises(InvalidSignature):
        key.verify(signature, body)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        sign(STATEMENT, SEED).line[:-1],
        sign(STATEMENT, SEED).line + b" ",
        sign(STATEMENT, SEED).line.replace(b'"size":117', b'"size":117.0'),
        sign(STATEMENT, SEED).line.replace(b'"size":117', b'"size":true'),
        sign(STATEMENT, SEED).line.replace(b'"size":117', b'"size":0'),
        sign(STATEMENT, SEED).line.replace(b'"size":117', b'"size":118,"size":117'),
        sign(STATEMENT, SEED).line.replace(b"7272", b"72"),
    ],
)
def test_what_is_no_checkpoint_or_another_spelling_of_one_is_not_read(line: bytes) -> None:
    with pytest.raises(UnreadableCheckpoint):
        read(line)
