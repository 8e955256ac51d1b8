"""Sealing of secrets that the database must hold but not know: AES-256-GCM under a key that is not in the database.

    format 1 | key id (8 bytes) | nonce (12 bytes) | ciphertext and tag

The tenant's id and the field's name are associated data (RFC 5116 section 2.1), so that a sealed value that is moved to
another tenant's row or to another field does not open; a person's second factor is bound to the person in the same way.
The newest key of CONSOLE_SECRET_KEYS seals; every key of the list opens, so that a key is replaced by putting a new one
in front, and `rotate_secrets` seals again what older keys have sealed.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_FORMAT: Final = b"\x01"
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SHORTEST: Final = len(_FORMAT) + _ID_BYTES + _NONCE_BYTES + _TAG_BYTES

FACTOR_FIELD: Final = "second factor"
"""The field of a person that a TOTP secret, or the seed of recovery codes, is sealed for."""


class CannotSeal(Exception):
    """Say why a secret was not sealed; it was not stored."""


class CannotUnseal(Exception):
    """Say why a sealed secret did not open, and what to do."""


def seal(plain: str, *, tenant_id: object, field: str) -> bytes:
    """Give a secret sealed under the newest key for one field of one tenant; raise `CannotSeal` without a key."""
    return _seal(plain, bound_to=_bound_to("tenant", tenant_id, field))


def unseal(sealed: bytes | memoryview, *, tenant_id: object, field: str) -> str:
    """Give the secret; raise `CannotUnseal` for an unknown key and for a value that is damaged or was moved here."""
    named = f"{field} of tenant {tenant_id}"
    return _unseal(bytes(sealed), bound_to=_bound_to("tenant", tenant_id, field), named=named, other="tenant")


def seal_for_person(plain: str, *, user_id: int, field: str) -> str:
    """Give a secret sealed under the newest key for one field of one person, as text; raise `CannotSeal`."""
    sealed = _seal(plain, bound_to=_bound_to("person", user_id, field))
    return base64.urlsafe_b64encode(sealed).decode()


def unseal_for_person(sealed: str, *, user_id: int, field: str) -> str:
    """Give what `seal_for_person` sealed for this very person and field; raise `CannotUnseal`."""
    named = f"{field} of person {user_id}"
    return _unseal(raw_of(sealed), bound_to=_bound_to("person", user_id, field), named=named, other="person")


def raw_of(sealed: str) -> bytes:
    """Give the bytes of a sealed text; none where it is no such text, which then does not open."""
    try:
        return base64.b64decode(sealed.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""


def sealed_with_newest_key(sealed: bytes | memoryview) -> bool:
    """Tell whether a value is sealed under the key that seals now, so that the older ones may go."""
    keys = _keys()
    return bool(keys) and bytes(sealed)[1 : 1 + _ID_BYTES] == _key_id(keys[0])


def key_of(sealed: bytes | memoryview) -> str:
    """Name the key that a value is sealed under, in hexadecimal; it tells nothing about the key."""
    return bytes(sealed)[1 : 1 + _ID_BYTES].hex()


def known_keys() -> list[str]:
    """Name the keys of CONSOLE_SECRET_KEYS as `key_of` does, the one that seals now first."""
    return [_key_id(key).hex() for key in _keys()]


def _seal(plain: str, *, bound_to: bytes) -> bytes:
    keys = _keys()
    if not keys:
        message = "The secret was not stored: no key is set. Set CONSOLE_SECRET_KEYS to a key of 32 bytes."
        raise CannotSeal(message)
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + _key_id(keys[0]) + nonce + AESGCM(keys[0]).encrypt(nonce, plain.encode(), bound_to)


def _unseal(raw: bytes, *, bound_to: bytes, named: str, other: str) -> str:
    if len(raw) < _SHORTEST or raw[:1] != _FORMAT:
        message = f"The sealed {named} is damaged and was not opened. Enter the secret again."
        raise CannotUnseal(message)
    wanted = raw[1 : 1 + _ID_BYTES]
    key = next((key for key in _keys() if _key_id(key) == wanted), None)
    if key is None:
        message = (
            f"The {named} was sealed with the key {wanted.hex()}, which is not among "
            "CONSOLE_SECRET_KEYS, so it was not opened. Put that key back behind the newer ones, or enter the secret "
            "again."
        )
        raise CannotUnseal(message)
    start = 1 + _ID_BYTES
    nonce, ciphertext = raw[start : start + _NONCE_BYTES], raw[start + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, bound_to).decode()
    except InvalidTag:
        message = (
            f"The sealed {named} is damaged or was sealed for another {other} or field, so it was "
            "not opened. Enter the secret again."
        )
        raise CannotUnseal(message) from None


def _keys() -> Sequence[bytes]:
    keys: Sequence[bytes] = settings.CONSOLE_SECRET_KEYS
    return keys


def _key_id(key: bytes) -> bytes:
    """Give what names a key without telling anything about it."""
    return hashlib.sha256(b"config-vault key id\x00" + key).digest()[:_ID_BYTES]


def _bound_to(kind: str, owner_id: object, field: str) -> bytes:
    # JSON keeps the parts apart whatever they hold.
    return json.dumps([kind, str(owner_id), field]).encode()
