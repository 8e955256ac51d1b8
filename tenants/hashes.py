"""A column for a SHA-256: its 32 bytes in the database, its 64 hexadecimal digits everywhere else.

As text it would take twice the room, in every row and once more in every index; of what a packed version takes, that is
a large part. Raw SQL is given and gives the bytes: `stored` and `shown`.
"""

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _Field = models.Field[str, str]
else:
    _Field = models.Field


def stored(sha256: str) -> bytes:
    """Give the bytes of a SHA-256 in hexadecimal; raises ValueError for anything else."""
    raw = bytes.fromhex(sha256)
    if len(raw) != 32:
        raise ValueError(f"{sha256[:80]!r} is no SHA-256 in hexadecimal.")
    return raw


def shown(raw: "bytes | memoryview[int]") -> str:
    """Give the hexadecimal digits of a stored SHA-256."""
    return bytes(raw).hex()


class Sha256Field(_Field):
    """Keep a SHA-256 as bytes, and take and give it in hexadecimal."""

    description = "SHA-256"
    empty_strings_allowed = False

    def db_type(self, connection: Any) -> str:  # noqa: ARG002
        """Give the type of the column."""
        return "bytea"

    def rel_db_type(self, connection: Any) -> str:  # noqa: ARG002
        """Give the type of a column that refers to it."""
        return "bytea"

    def from_db_value(self, value: "bytes | memoryview[int] | None", expression: Any, connection: Any) -> str | None:  # noqa: ARG002
        """Give what a row holds in hexadecimal."""
        return None if value is None else shown(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: ARG002, FBT001, FBT002
        """Give what goes into a row or a comparison."""
        return stored(value) if isinstance(value, str) else value
