"""Pictures are small, each one is shown somewhere, and what is shown is there."""

import re
import struct
import zlib
from pathlib import Path

from tests.pictures.palettes import written

CHECKOUT = Path(__file__).resolve().parent.parent.parent
MOST_BYTES = 5_000_000


def test_each_picture_is_shown_and_what_is_shown_is_there() -> None:
    shown = set()
    for page in (CHECKOUT / "README.md", *(CHECKOUT / "docs").glob("*.md")):
        named = re.findall(r"\(((?:docs/)?pictures/[\w-]+\.png)\)", page.read_text(encoding="utf-8"))
        shown |= {(page.parent / one).relative_to(CHECKOUT).as_posix() for one in named}
    kept = list((CHECKOUT / "docs" / "pictures").iterdir())
    assert shown == {one.relative_to(CHECKOUT).as_posix() for one in kept}
    assert sum(one.stat().st_size for one in kept) < MOST_BYTES


def test_a_picture_of_three_colours_has_the_parts_that_the_format_asks_for() -> None:
    made = written(2, 2, [0xFF0000, 0x00FF00, 0x0000FF], bytes([0, 1, 2, 0]))
    assert made[:8] == b"\x89PNG\r\n\x1a\n"
    parts, at = {}, 8
    while at < len(made):
        (size,) = struct.unpack(">I", made[at : at + 4])
        named, (check,) = made[at + 4 : at + 8 + size], struct.unpack(">I", made[at + 8 + size : at + 12 + size])
        assert zlib.crc32(named) == check
        parts[named[:4]] = named[4:]
        at += 12 + size
    assert list(parts) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert parts[b"IHDR"] == bytes.fromhex("00000002 00000002 08 03 00 00 00"), "2 by 2, 8 bits, a palette"
    assert parts[b"PLTE"] == bytes.fromhex("ff0000 00ff00 0000ff")
    assert zlib.decompress(parts[b"IDAT"]) == b"\0\0\1" + b"\0\2\0", "each row begins with its filter: none"
