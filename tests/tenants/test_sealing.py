"""A sealed secret opens for its own tenant and field, under any key that is still known, and for nothing else."""

import uuid

import pytest
from pytest_django.fixtures import Settings

from tenants.sealing import CannotSeal, CannotUnseal, seal, sealed_with_newest_key, unseal

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
NORTHWIND, TAILSPIN = uuid.UUID(int=1), uuid.UUID(int=2)
SECRET = "s3cret-of-Northwind-→"


@pytest.fixture(autouse=True)
def keys(settings: Settings) -> None:
    """Let one key be known."""
    settings.CONSOLE_SECRET_KEYS = [OLD]


def sealed_for_northwind() -> bytes:
    return seal(SECRET, tenant_id=NORTHWIND, field="client_secret")


def test_a_sealed_secret_opens_and_does_not_show_itself() -> None:
    sealed = sealed_for_northwind()

    assert unseal(sealed, tenant_id=NORTHWIND, field="client_secret") == SECRET
    assert unseal(memoryview(sealed), tenant_id=str(NORTHWIND), field="client_secret") == SECRET
    assert SECRET.encode() not in sealed
    assert OLD not in sealed


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert sealed_for_northwind() != sealed_for_northwind()


@pytest.mark.parametrize(
    ("tenant_id", "field"),
    [(TAILSPIN, "client_secret"), (NORTHWIND, "webhook_secret"), (f'{NORTHWIND}", "client_secret', "")],
    ids=["another tenant", "another field", "parts that run together"],
)
def test_a_sealed_secret_that_was_moved_does_not_open(tenant_id: object, field: str) -> None:
    with pytest.raises(CannotUnseal, match="sealed for another tenant or field, so it was not opened"):
        unseal(sealed_for_northwind(), tenant_id=tenant_id, field=field)


def test_an_older_key_still_opens_and_the_newest_one_seals(settings: Settings) -> None:
    before = sealed_for_northwind()
    settings.CONSOLE_SECRET_KEYS = [NEW, OLD]

    after = sealed_for_northwind()

    assert unseal(before, tenant_id=NORTHWIND, field="client_secret") == SECRET
    assert not sealed_with_newest_key(before)
    assert sealed_with_newest_key(after)
    settings.CONSOLE_SECRET_KEYS = [NEW]
    assert unseal(after, tenant_id=NORTHWIND, field="client_secret") == SECRET


def test_a_key_that_is_gone_is_named_by_its_id_and_not_shown(settings: Settings) -> None:
    sealed = sealed_for_northwind()
    settings.CONSOLE_SECRET_KEYS = [NEW]

    with pytest.raises(CannotUnseal) as refused:
        unseal(sealed, tenant_id=NORTHWIND, field="client_secret")

    sentence = str(refused.value)
    assert sealed[1:9].hex() in sentence
    assert "Put that key back behind the newer ones, or enter the secret again." in sentence
    assert OLD.hex() not in sentence


def test_every_changed_bit_is_noticed() -> None:
    sealed = sealed_for_northwind()

    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(CannotUnseal):
            unseal(bytes(changed), tenant_id=NORTHWIND, field="client_secret")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"plain text that was never sealed and is long enough to be"])
def test_what_was_never_sealed_is_refused_with_a_sentence(sealed: bytes) -> None:
    with pytest.raises(CannotUnseal, match=r"is damaged and was not opened\. Enter the secret again"):
        unseal(sealed, tenant_id=NORTHWIND, field="client_secret")


def test_without_a_key_nothing_is_sealed(settings: Settings) -> None:
    settings.CONSOLE_SECRET_KEYS = []

    with pytest.raises(CannotSeal, match="Set CONSOLE_SECRET_KEYS to a key of 32 bytes"):
        sealed_for_northwind()
