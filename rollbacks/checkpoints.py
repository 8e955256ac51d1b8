"""What a checkpoint says of a tenant's trail, and the signature that binds the console to it.

A checkpoint is one line of JSON, kept outside the database, that names the number of entries, the root of the tree
over them (`merkle`), the hash of the last of them, and the digest of the checkpoint before it:

    {"checkpoint":{…},"signature":"<64 bytes in hexadecimal>"}

What stands after `"checkpoint":` is RFC 8785 JSON, and the signature (Ed25519, RFC 8032) is over exactly these bytes
with `DOMAIN` in front, so that nothing else that the key ever signs can be taken for a checkpoint.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from rollbacks import chain

DOMAIN: Final = b"config-vault checkpoint v1\n"
_HEAD: Final = b'{"checkpoint":'
_TAIL: Final = len(b',"signature":""}') + 128


class UnreadableCheckpoint(ValueError):
    """A line is no checkpoint; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a checkpoint says: this was the trail of a tenant then."""

    tenant_id: str
    tenant: str
    number: int
    """Of the checkpoint among those of its tenant, from 1."""
    size: int
    """How many entries it covers."""
    root: bytes
    """Of the tree over their hashes."""
    head: bytes
    """The hash of the last of them."""
    at: str
    previous: bytes | None
    """The digest of the line before it; None for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A line that was read; whether to believe it is for `is_signed` to say."""

    statement: Statement
    key_id: str
    signature: bytes
    line: bytes

    @property
    def digest(self) -> bytes:
        """What the next checkpoint names as its previous: SHA-256 of the line, signature included."""
        return hashlib.sha256(self.line).digest()


def public_key_of(seed: bytes) -> bytes:
    """Give the 32 bytes of the public key of a private one."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def key_id_of(public_key: bytes) -> str:
    """Give the short name of a public key: the first 16 digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def sign(statement: Statement, seed: bytes) -> Checkpoint:
    """Give the checkpoint that says this, signed with a private key of 32 bytes."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    key_id = key_id_of(key.public_key().public_bytes_raw())
    body = chain.canonical_payload(
        {
            "at": statement.at,
            "head": statement.head.hex(),
            "key": key_id,
            "number": statement.number,
            "previous": None if statement.previous is None else statement.previous.hex(),
            "root": statement.root.hex(),
            "size": statement.size,
            "tenant": {"id": statement.tenant_id, "slug": statement.tenant},
            "version": 1,
        }
    )
    signature = key.sign(DOMAIN + body)
    line = _HEAD + body + b',"signature":"' + signature.hex().encode() + b'"}'
    return Checkpoint(statement=statement, key_id=key_id, signature=signature, line=line)


def read(line: bytes) -> Checkpoint:
    """Read a line without its line end; raise UnreadableCheckpoint for anything that `sign` could not have written."""
    try:
        told = json.loads(line)
        body, signature = told["checkpoint"], bytes.fromhex(told["signature"])
        previous = body["previous"]
        statement = Statement(
            tenant_id=_text(body["tenant"]["id"]),
            tenant=_text(body["tenant"]["slug"]),
            number=_number(body["number"]),
            size=_number(body["size"]),
            root=_hash(body["root"]),
            head=_hash(body["head"]),
            at=_text(body["at"]),
            previous=None if previous is None else _hash(previous),
        )
        key_id = _text(body["key"])
        canonical = chain.canonical_payload(body)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableCheckpoint("it is no checkpoint") from error
    if line != _HEAD + canonical + b',"signature":"' + signature.hex().encode() + b'"}' or len(signature) != 64:
        raise UnreadableCheckpoint("it is not spelled as checkpoints are")
    return Checkpoint(statement=statement, key_id=key_id, signature=signature, line=line)


def is_signed(checkpoint: Checkpoint, public_keys: Mapping[str, bytes]) -> bool:
    """Tell whether one of these keys, by their ids, has signed the checkpoint."""
    key = public_keys.get(checkpoint.key_id)
    if key is None:
        return False
    body = checkpoint.line[len(_HEAD) : -_TAIL]
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(checkpoint.signature, DOMAIN + body)
    except InvalidSignature:
        return False
    return True


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise TypeError
    return value


def _hash(value: Any) -> bytes:
    found = bytes.fromhex(_text(value))
    if len(found) != 32:
        raise ValueError
    return found
