"""Bytes made small against earlier bytes, and exactly those bytes again.

Packed is one frame of Zstandard (RFC 8878). Against a base, the base is what the frame refers to, so that two versions
that differ in a few places cost a few dozen bytes; without the same base, byte for byte, nothing comes out but damage.

There are two forms, told apart by their first bytes:

- A whole frame, whose header names the size of the content; a base is its prefix (`zstd --patch-from` does the same).
  So is packed what has no base, and what is large.
- A frame without its magic number, against a dictionary (RFC 8878 section 5) made of `_HABITS` and the base. What a
  change leaves over is some dozens of signs, too few for tables of their own; with those of the dictionary they take
  a third less. No frame of this form begins like the other: that would be a reserved bit of its descriptor.

What is read back is never trusted: it may not be larger than it was told to be, nothing may be missing or left over,
and whoever knows a digest of the content compares it.
"""

import struct
import sys
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_Wish = zstd.CompressionParameter

LARGEST_WINDOW: Final = 27
"""As a power of two: what every decoder of the format takes, 128 MiB (zstd.h, ZSTD_WINDOWLOG_LIMIT_DEFAULT)."""
_SMALLEST_WINDOW: Final = 10
_LEVEL: Final = 6
_LEVEL_OF_LARGE: Final = 3
_LARGE: Final = 1024 * 1024
_SHORTEST_BASE: Final = 8
"""In bytes: the format takes no shorter one."""
_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_LEVEL_OF_CHANGE: Final = 3
_LEVEL_OF_CHANGES: Final = 9
_ONE_CHANGE: Final = 160
"""In bytes: what takes more holds many changes, and is worth a longer search for what they have in common."""
_HABITS: Final = bytes.fromhex(
    "37a430ec2b5194602410d092a403ffffffffff034f60ff337fbe9452929b02e7f82d534a29c9942839f117ab31e3020000048202a130181406"
    "8883c1d17bf5000440000a08841f0c090906141b08030405100b111188c1405220080800c00040101008050061203a0c120cc6ca367c0014b5"
    "17398e83300a22319243883a02000300000000"
)
"""The head of a dictionary: how often which sign, length and distance occurs where a configuration was changed.

Made once, with `finalize_dict` at level 3, from 90 pairs of neighbouring versions as platforms write them (identifiers,
dates, numbers) and 10 of public histories of JSON files. What was packed with it is read with it: it never changes.
"""


class Damaged(ValueError):
    """What was packed cannot be read, or is not what it was told to be; the message is the end of a sentence."""


def pack(raw: bytes, *, base: bytes | None = None) -> bytes:
    """Give the bytes packed, against a base where one is given; the same arguments give the same bytes."""
    if base is None or len(base) < _SHORTEST_BASE or max(len(raw), len(base)) > _LARGE:
        return _whole(raw, base)
    body = _change(raw, base, _LEVEL_OF_CHANGE)
    return body if len(body) <= _ONE_CHANGE else min(body, _change(raw, base, _LEVEL_OF_CHANGES), key=len)


def _whole(raw: bytes, base: bytes | None) -> bytes:
    options = _options(raw, base, level=_LEVEL_OF_LARGE if len(raw) > _LARGE else _LEVEL) | {_Wish.content_size_flag: 1}
    prefix = _prefix(base)
    if prefix is not None and len(raw) > _LARGE:
        # Else the search forgets the base's beginning before it has come to the end of the content.
        options[_Wish.enable_long_distance_matching] = 1
    return zstd.compress(raw, options=options, zstd_dict=prefix)


def _change(raw: bytes, base: bytes, level: int) -> bytes:
    options = _options(raw, base, level=level) | {_Wish.content_size_flag: 0}
    return zstd.compress(raw, options=options, zstd_dict=_habits_and(base)).removeprefix(_MAGIC)


def _options(raw: bytes, base: bytes | None, *, level: int) -> dict[int, int]:
    window = (len(raw) + len(base or b"")).bit_length()
    return {
        _Wish.compression_level: level,
        _Wish.window_log: max(_SMALLEST_WINDOW, min(LARGEST_WINDOW, window)),
        _Wish.checksum_flag: 0,  # the SHA-256 of the content is checked
        _Wish.dict_id_flag: 0,
    }


def unpack(packed: bytes, *, size: int, base: bytes | None = None) -> bytes:
    """Give the `size` bytes that were packed against this base, never more of them; raises Damaged."""
    try:
        if packed.startswith(_MAGIC):
            told = zstd.get_frame_info(packed).decompressed_size
            if told != size:
                raise Damaged(f"they say that they unpack to {told} bytes instead of {size}")
            reader = zstd.ZstdDecompressor(zstd_dict=_prefix(base), options=_READING)
        elif base is None or len(base) < _SHORTEST_BASE:
            raise Damaged("they are no whole frame of Zstandard, and nothing is there that they lean on")
        else:
            packed = _MAGIC + packed
            reader = zstd.ZstdDecompressor(zstd_dict=_habits_and(base), options=_READING)
        raw = reader.decompress(packed, max_length=size + 1)
    except zstd.ZstdError as error:
        raise Damaged("they are no whole frame of Zstandard for the bytes that they lean on") from error
    if not reader.eof or reader.unused_data or len(raw) != size:
        raise Damaged(f"they do not end where {size} bytes end")
    return raw


_READING: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: LARGEST_WINDOW}


def _prefix(base: bytes | None) -> "tuple[zstd.ZstdDict, int] | None":
    if base is None or len(base) < _SHORTEST_BASE:
        return None
    return zstd.ZstdDict(base, is_raw=True).as_prefix


def _habits_and(base: bytes) -> "tuple[zstd.ZstdDict, int]":
    # The distances that are tried first: most often the next piece stands where it stood in the base.
    distances = struct.pack("<III", len(base), len(base), _SHORTEST_BASE)
    return zstd.ZstdDict(b"".join((_HABITS, distances, base))).as_undigested_dict
