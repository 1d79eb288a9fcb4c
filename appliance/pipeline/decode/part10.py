"""A received object as far as its pixel data: transfer syntax, header, place of the pixels.

Part 10 of the standard (PS3.10): preamble, file meta, data set. Nothing here trusts a length.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_dataset, read_preamble
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from appliance.errors import DecodeError

HEADER_BYTES: Final = 32 * 2**20
"""Longest header; an Enhanced CT of 4,000 frames has about 6 MiB."""
_PIXEL_GROUP: Final = 0x7FE0
_PIXEL_ELEMENTS: Final = frozenset({0x0008, 0x0009, 0x0010})


class IncompleteError(Exception):
    """The header goes on behind the bytes that are here."""


@dataclass(frozen=True, slots=True)
class PixelPlace:
    """Where the value of the (first) pixel element lies; `length` is None where undefined."""

    element: int
    offset: int
    length: int | None


@dataclass(frozen=True, slots=True)
class Header:
    """One object up to its pixels. `content` holds what `pixels.offset` counts in."""

    dataset: Dataset
    transfer_syntax_uid: str
    is_little_endian: bool
    pixels: PixelPlace | None
    content: Received


class Received(io.BytesIO):
    """The bytes that came so far; notes when a reader wanted more than there are."""

    ran_short = False

    def read(self, size: int | None = -1, /) -> bytes:
        """See `io.BytesIO.read`."""
        found = super().read(size)
        if size is not None and size >= 0 and len(found) < size:
            self.ran_short = True
        return found


def parse(stream: Received, *, is_whole: bool, inflated_bytes: int = HEADER_BYTES) -> Header:
    """Read the header.

    stream: the object, or its beginning when not `is_whole`.
    inflated_bytes: at most so many bytes of a deflated object are inflated.

    Raises:
        IncompleteError: more bytes are needed.
        DecodeError: they are no DICOM object that can be read.
    """
    stream.seek(0)
    stream.ran_short = False
    try:
        return _parse(stream, is_whole=is_whole, inflated_bytes=inflated_bytes)
    except InvalidDicomError:
        raise DecodeError("not-dicom") from None
    except RecursionError:
        raise DecodeError("nesting-too-deep") from None
    except (IncompleteError, DecodeError, MemoryError):
        raise
    except Exception as error:
        if stream.ran_short and not is_whole:
            raise IncompleteError from error
        # pydicom raises what its inner parts raise; the type's name tells the maker enough.
        raise DecodeError("header-invalid", type(error).__name__) from error


def _parse(stream: Received, *, is_whole: bool, inflated_bytes: int) -> Header:
    read_preamble(stream, force=False)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag >> 16 != 2)  # noqa: PLR2004 - group 0002
    syntax = str(meta.get("TransferSyntaxUID", "")).strip("\0 ")
    if stream.ran_short and not is_whole:
        raise IncompleteError
    if syntax == DeflatedExplicitVRLittleEndian:
        stream = Received(_inflate(stream.read(), inflated_bytes))
        is_whole = is_whole and len(stream.getbuffer()) < inflated_bytes
    place: PixelPlace | None = None

    def at_pixels(tag: BaseTag, _vr: str | None, length: int) -> bool:
        nonlocal place
        if tag >> 16 != _PIXEL_GROUP or tag & 0xFFFF not in _PIXEL_ELEMENTS:
            return False
        place = PixelPlace(tag & 0xFFFF, stream.tell(), None if length == 0xFFFFFFFF else length)  # noqa: PLR2004 - undefined length
        return True

    is_little_endian = syntax != ExplicitVRBigEndian
    dataset = read_dataset(
        stream, syntax == ImplicitVRLittleEndian, is_little_endian, stop_when=at_pixels
    )
    if place is None and not is_whole:
        raise IncompleteError
    return Header(dataset, syntax, is_little_endian, place, stream)


def _inflate(content: bytes, limit: int) -> bytes:
    """The beginning of a deflated data set; a bomb costs no more than `limit` bytes."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, limit)
    except zlib.error:
        raise DecodeError("deflate-broken") from None
