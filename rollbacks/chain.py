"""The arithmetic of the audit chain: canonical payloads and the hash that links them (PROTOCOL.md, "The audit chain").

    hash = SHA-256(0x00 ‖ previous hash ‖ SHA-256(payload))

The payload is RFC 8785 canonical JSON, so that anybody can compute it again from its meaning alone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import rfc8785

GENESIS = bytes(32)
"""What the first entry of a tenant follows."""

_LARGEST_EXACT_INTEGER = 2**53 - 1


def canonical_payload(fields: Mapping[str, object]) -> bytes:
    """Give the RFC 8785 bytes of an entry's fields.

    Integers that RFC 8785 cannot carry exactly (beyond 2**53 - 1, section 3.2.2.3) are written as strings.
    """
    unusual: list[object] = []
    told = _carriable(fields, unusual)
    if not unusual:
        try:
            return _PLAIN.encode(told).encode()
        except UnicodeEncodeError:
            pass  # half a surrogate pair; the package refuses it by name
    canonical: bytes = rfc8785.dumps(told)
    return canonical


# Where no number has a fraction and every name is ASCII, RFC 8785 asks for nothing but the order of names, no blanks
# and the shortest escapes, which is what this encoder writes, some ten times as fast as the package.
_PLAIN: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":"))


def payload_around(fields: Mapping[str, object]) -> tuple[bytes, bytes, bytes]:
    """Give the RFC 8785 bytes of an entry's fields in three parts, between which its moment and its number belong.

    Members stand in the order of their names, so `at` and `seq` have their place whatever the others hold; the
    database, which alone knows both, puts them there: the moment as RFC 3339, the number in digits. Raises ValueError
    when the fields already hold one of them.
    """
    if not _LEFT_OUT.isdisjoint(fields):
        raise ValueError("The moment and the number of an entry are the database's to give.")
    before = {key: value for key, value in fields.items() if key < "at"}
    between = {key: value for key, value in fields.items() if "at" < key < "seq"}
    after = {key: value for key, value in fields.items() if key > "seq"}
    return (
        _members(before, opened=b"{") + b'"at":"',
        b'",' + _members(between) + b'"seq":',
        b"," + _members(after)[:-1] + b"}",
    )


_LEFT_OUT: Final = frozenset({"at", "seq"})


def _members(fields: Mapping[str, object], *, opened: bytes = b"") -> bytes:
    """Give members without the braces around them, each with the comma behind it; there is at least one."""
    return opened + canonical_payload(fields)[1:-1] + b","


def _carriable(value: object, unusual: list[object]) -> Any:
    """Give a value as JSON carries it, and note what only the package spells as RFC 8785 wants it."""
    if type(value) in _AS_IT_IS or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST_EXACT_INTEGER else str(value)
    if isinstance(value, Mapping):
        carried = {}
        for key, item in value.items():
            name = str(key)
            if not name.isascii():
                unusual.append(name)
            carried[name] = item if type(item) in _AS_IT_IS else _carriable(item, unusual)
        return carried
    if isinstance(value, (list, tuple)):
        return [_carriable(item, unusual) for item in value]
    if isinstance(value, float):
        unusual.append(value)
        return value
    raise TypeError(f"An audit payload cannot carry a {type(value).__name__}.")


_AS_IT_IS: Final = frozenset({str, bool, type(None)})


def link(previous_hash: bytes, payload: bytes) -> bytes:
    """Give the hash of an entry from the hash before it and its own payload."""
    return hashlib.sha256(b"\x00" + previous_hash + hashlib.sha256(payload).digest()).digest()


@dataclass(frozen=True, slots=True)
class Linked:
    """One entry as far as the chain is concerned."""

    seq: int
    payload: bytes
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a trail does not hold, and how."""

    seq: int
    message: str
    kind: str = "chain"
    """payload, hash, previous_hash, gap, columns, head, root or checkpoint."""


def why_not_next(entry: Linked, *, seq: int, previous: bytes, next_previous: bytes | None = None) -> Break | None:
    """Say why an entry is not the one after entry `seq` with the hash `previous`; None when it is.

    `next_previous`, what the entry behind it names as its previous hash, tells an altered hash from an altered payload.
    """
    if entry.seq != seq + 1:
        one = f"Entry {seq + 1} is" if entry.seq <= seq + 2 else f"Entries {seq + 1} to {entry.seq - 1} are"
        return Break(seq + 1, f"{one} missing: the next one found bears number {entry.seq}.", "gap")
    linked = link(previous, entry.payload)
    if entry.previous_hash != previous:
        if entry.hash == linked:
            return Break(
                entry.seq,
                f"Entry {entry.seq} names another previous hash than the one it was linked to.",
                "previous_hash",
            )
        return Break(
            entry.seq,
            f"Entry {entry.seq} does not follow entry {seq}: its previous hash is another one.",
            "previous_hash",
        )
    if entry.hash != linked:
        if next_previous == linked:
            return Break(
                entry.seq, f"Entry {entry.seq} bears another hash than the one that the entry after it follows.", "hash"
            )
        return Break(entry.seq, f"Entry {entry.seq} was altered: its hash is not that of its payload.", "payload")
    return None
