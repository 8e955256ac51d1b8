"""The values that a document is made of: Python's own, and exact numbers that keep their spelling.

A double cannot tell 9007199254740993 from 9007199254740992, nor 0.1 from the seventeen digits behind it, and neither
`float` nor `Decimal` remembers that `1.50` was written with two places. A configuration that is put back must be
spelled as it was, so whatever has a fraction, an exponent or a signed zero becomes a `Number`.
"""

from __future__ import annotations

import re
import sys
from typing import Final, TypeAlias

_SPELLING: Final = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_MODULUS: Final = sys.hash_info.modulus
_TENTH: Final = pow(10, -1, _MODULUS)

# Up to this many zeros at the end an integer is written out in its canonical form, above it as coefficient and
# exponent: the two spellings of one value then meet without a short `1e999999999` ever growing into its digits.
PLAIN_ZEROS: Final = 32


class Number:
    """Give a JSON number exactly: equal and hashed by value, spelled as it was written.

    `Number("1.50") == Number("15e-1")`, `Number("1E2") == 100`, `Number("-0") == 0`. The grammar is that of RFC 8259
    section 6; any other spelling raises ValueError. Exponents are never expanded, so `1e999999999` costs nothing.
    """

    __slots__ = ("_normal", "spelling")

    spelling: str
    _normal: tuple[bool, str, int] | None

    def __init__(self, spelling: str) -> None:
        if not _SPELLING.fullmatch(spelling):
            message = f"{spelling[:40]!r} is not the spelling of a JSON number."
            raise ValueError(message)
        self.spelling = spelling
        self._normal = None

    @classmethod
    def trusted(cls, spelling: str) -> Number:
        """Give the number of a spelling that a JSON scanner has already checked."""
        number = cls.__new__(cls)
        number.spelling = spelling
        number._normal = None  # noqa: SLF001 - its own class
        return number

    @property
    def normal(self) -> tuple[bool, str, int]:
        """The value as (negative, digits without zeros at either end, power of ten); zero is (False, "", 0)."""
        if self._normal is None:
            match = _SPELLING.fullmatch(self.spelling)
            assert match is not None  # noqa: S101 - a trusted spelling comes from a JSON scanner
            sign, whole, fraction, exponent = match.groups(default="")
            digits = (whole + fraction).lstrip("0")
            coefficient = digits.rstrip("0")
            if coefficient:
                power = int(exponent or "0") - len(fraction) + len(digits) - len(coefficient)
                self._normal = (sign == "-", coefficient, power)
            else:
                self._normal = (False, "", 0)
        return self._normal

    @property
    def canonical(self) -> str:
        """One spelling for each value: plain digits where that is an integer of moderate length, else `15e-1`."""
        negative, coefficient, power = self.normal
        if not coefficient:
            return "0"
        sign = "-" if negative else ""
        if 0 <= power <= PLAIN_ZEROS:
            return sign + coefficient + "0" * power
        return f"{sign}{coefficient}e{power}"

    def __eq__(self, other: object) -> bool:
        if type(other) is Number:
            return self.spelling == other.spelling or self.normal == other.normal
        if isinstance(other, int) and not isinstance(other, bool):
            negative, coefficient, power = self.normal
            # 10**power has more bits than power: a power beyond the bits of the other side cannot be equal to it.
            if power < 0 or power > other.bit_length():
                return False
            size = int(coefficient or "0") * int(10**power)
            return other == (-size if negative else size)
        return NotImplemented

    def __hash__(self) -> int:
        # Python's rule for numeric types (docs: "Hashing of numeric types"), so that equal ints hash alike.
        negative, coefficient, power = self.normal
        scale = pow(10, power, _MODULUS) if power >= 0 else pow(_TENTH, -power, _MODULUS)
        value = int(coefficient or "0") * scale % _MODULUS
        if negative:
            value = -value
        return -2 if value == -1 else value

    def __repr__(self) -> str:
        return f"Number({self.spelling!r})"

    def __str__(self) -> str:
        return self.spelling


Value: TypeAlias = "bool | int | Number | str | list[Value] | dict[str, Value] | None"


def canonical_integer(value: int) -> str:
    """Give the canonical spelling of an integer, the same that `Number.canonical` gives an equal number."""
    text = str(value)
    coefficient = text.rstrip("0")
    zeros = len(text) - len(coefficient)
    return text if zeros <= PLAIN_ZEROS or not value else f"{coefficient}e{zeros}"
