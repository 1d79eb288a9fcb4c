"""Content as the repository carries it: xz, unpacked no further than signed for. Pure."""

from __future__ import annotations

import lzma
from typing import Final

from appliance.errors import UpdateError

_MEMORY: Final = 128 << 20
"""The decoder's own; xz -9 needs 65 MiB."""


def pack(content: bytes, preset: int = 9) -> bytes:
    """Compress one file, for the maker: the same bytes for the same content."""
    return lzma.compress(content, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, preset=preset)


def unpack(packed: bytes, length: int) -> bytes:
    """The plain content, which must be exactly so long: a bomb is stopped at its first byte more.

    Raises:
        UpdateError: `update-file-altered`.
    """
    try:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
        content = decoder.decompress(packed, max_length=length + 1)
        if len(content) == length and not decoder.eof:  # the end of the stream is still to come
            content += decoder.decompress(b"", max_length=1)
    except lzma.LZMAError:
        raise UpdateError("update-file-altered", "not xz") from None
    if len(content) != length or not decoder.eof or decoder.unused_data:
        raise UpdateError("update-file-altered", "not as long as signed for")
    return content
