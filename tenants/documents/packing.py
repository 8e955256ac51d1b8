"""Bytes made small against earlier bytes, and exactly those bytes again.

Packed is one frame of Zstandard (RFC 8878) whose header names the size of the content. Against a base, the base is
the prefix that the frame refers to (`zstd --patch-from` does the same), so that two versions that differ in a few
places cost a few dozen bytes; without the same base, byte for byte, nothing comes out but damage.

What is read back is never trusted: it may not be larger than it was told to be, nothing may be missing or left over,
and whoever knows a digest of the content compares it.
"""

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


class Damaged(ValueError):
    """What was packed cannot be read, or is not what it was told to be; the message is the end of a sentence."""


def pack(raw: bytes, *, base: bytes | None = None) -> bytes:
    """Give the bytes packed, against a base where one is given; the same arguments give the same bytes."""
    window = (len(raw) + len(base or b"")).bit_length()
    options: dict[int, int] = {
        _Wish.compression_level: _LEVEL_OF_LARGE if len(raw) > _LARGE else _LEVEL,
        _Wish.window_log: max(_SMALLEST_WINDOW, min(LARGEST_WINDOW, window)),
        _Wish.content_size_flag: 1,
        _Wish.checksum_flag: 0,  # the SHA-256 of the content is checked
        _Wish.dict_id_flag: 0,
    }
    prefix = _prefix(base)
    if prefix is not None and len(raw) > _LARGE:
        # Else the search forgets the base's beginning before it has come to the end of the content.
        options[_Wish.enable_long_distance_matching] = 1
    return zstd.compress(raw, options=options, zstd_dict=prefix)


def unpack(packed: bytes, *, size: int, base: bytes | None = None) -> bytes:
    """Give the `size` bytes that were packed against this base, never more of them; raises Damaged."""
    try:
        told = zstd.get_frame_info(packed).decompressed_size
        if told != size:
            raise Damaged(f"they say that they unpack to {told} bytes instead of {size}")
        reader = zstd.ZstdDecompressor(
            zstd_dict=_prefix(base),
            options={zstd.DecompressionParameter.window_log_max: LARGEST_WINDOW},
        )
        raw = reader.decompress(packed, max_length=size + 1)
    except zstd.ZstdError as error:
        raise Damaged("they are no whole frame of Zstandard for the bytes that they lean on") from error
    if not reader.eof or reader.unused_data or len(raw) != size:
        raise Damaged(f"they do not end where {size} bytes end")
    return raw


def _prefix(base: bytes | None) -> "tuple[zstd.ZstdDict, int] | None":
    if base is None or len(base) < _SHORTEST_BASE:
        return None
    return zstd.ZstdDict(base, is_raw=True).as_prefix
